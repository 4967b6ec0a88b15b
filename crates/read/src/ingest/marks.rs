//! Runs of text with a look go in, text with marks around them comes out, and is taken apart again; knows nothing of formats.
//!
//! A reader writes every run through [`Look::write`] into the string that it gathers a block in. The marks are control characters, which are
//! no text of any document: [`Look::write`] drops those of the input. [`BlockWriter::marked`](super::blocks::BlockWriter::marked) lets them
//! through, and its `resolve` puts text in their place (`marks/resolve.rs`).

mod raised;
mod resolve;

pub(crate) use self::resolve::{Resolved, resolve};
use crate::document::HiddenCause;

const HIDDEN: char = '\u{1}';
const STRUCK: char = '\u{2}';
const UNPAINTED: char = '\u{3}';
const RAISED: char = '\u{4}';
const LOWERED: char = '\u{5}';
const NOTE: char = '\u{6}';
/// Ends what the marks before it began. Marks are never nested: a run has one look.
const END: char = '\u{7}';

/// Characters of a run that the next one of the same look is joined to.
const PARTS_CHARS_MAX: usize = 32;

/// Where a run stands to the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Shift {
    /// On it.
    #[default]
    Level,
    /// Above: an exponent, the mark of a note, the end of an ordinal.
    Raised,
    /// Below: an index.
    Lowered,
    /// The mark of a note, for sure: the format says so.
    Note,
}

/// How a run looks to a reader of the document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Why it is not seen; none where it is.
    pub(crate) cause: Option<HiddenCause>,
    /// Where it stands.
    pub(crate) shift: Shift,
}

impl Look {
    /// The look of a run that is not seen.
    #[cfg(test)]
    pub(crate) fn unseen(cause: HiddenCause) -> Self {
        Self { cause: Some(cause), ..Self::default() }
    }

    /// The look of a run that is seen at `shift`.
    pub(crate) fn at(shift: Shift) -> Self {
        Self { shift, ..Self::default() }
    }

    /// The same, not seen because of `cause` too; what is hidden is not struck on top of that.
    pub(crate) fn and(self, cause: HiddenCause) -> Self {
        Self { cause: Some(self.cause.map_or(cause, |known| known.min(cause))), ..self }
    }

    /// Appends `text` with this look to `into`.
    pub(crate) fn write(self, into: &mut String, text: &str) {
        if text.is_empty() {
            return;
        }
        if self == Self::default() {
            push_plain(into, text);
            return;
        }
        if self.goes_on(into) {
            into.pop();
        } else {
            into.extend(self.opening());
        }
        push_plain(into, text);
        into.push(END);
    }

    /// The marks that begin a run.
    fn opening(self) -> impl Iterator<Item = char> {
        let cause = self.cause.map(|cause| match cause {
            HiddenCause::Hidden => HIDDEN,
            HiddenCause::Struck => STRUCK,
            HiddenCause::Unpainted => UNPAINTED,
        });
        let shift = match self.shift {
            Shift::Level => None,
            Shift::Raised => Some(RAISED),
            Shift::Lowered => Some(LOWERED),
            Shift::Note => Some(NOTE),
        };
        cause.into_iter().chain(shift)
    }

    /// Whether the short run that `before` ends with is the first part of this one: an exponent whose sign and digits are runs of their own.
    fn goes_on(self, before: &str) -> bool {
        if !matches!(self.shift, Shift::Raised | Shift::Lowered) || !before.ends_with(END) {
            return false;
        }
        let mut back = before.chars().rev().skip(1).take(PARTS_CHARS_MAX).skip_while(|character| !is_mark(*character));
        let mut opening: Vec<char> =
            back.by_ref().take_while(|character| is_mark(*character) && *character != END).collect();
        opening.reverse();
        !opening.is_empty() && opening.iter().copied().eq(self.opening())
    }
}

/// Appends `text` to `into` without what would pass for a mark.
fn push_plain(into: &mut String, text: &str) {
    if text.contains(is_mark) {
        into.extend(text.chars().filter(|character| !is_mark(*character)));
    } else {
        into.push_str(text);
    }
}

/// `text` of the input that goes into a marked string as it is.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|character| !is_mark(*character)).collect()
}

/// Whether `character` is one of the marks.
pub(crate) fn is_mark(character: char) -> bool {
    matches!(character, HIDDEN..=END)
}

/// A run of one look: the look, and where its text lies.
type Run = (Look, std::ops::Range<usize>);

/// The runs of `text`, which begins with the look `look`; `look` becomes that of its end.
fn runs(text: &str, look: &mut Look) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut from = 0;
    for (at, character) in text.char_indices().filter(|(_, character)| is_mark(*character)) {
        push_run(&mut runs, *look, from..at);
        from = at + 1;
        match character {
            HIDDEN => look.cause = Some(HiddenCause::Hidden),
            STRUCK => look.cause = Some(HiddenCause::Struck),
            UNPAINTED => look.cause = Some(HiddenCause::Unpainted),
            RAISED => look.shift = Shift::Raised,
            LOWERED => look.shift = Shift::Lowered,
            NOTE => look.shift = Shift::Note,
            _ => *look = Look::default(),
        }
    }
    push_run(&mut runs, *look, from..text.len());
    runs
}

fn push_run(runs: &mut Vec<Run>, look: Look, range: std::ops::Range<usize>) {
    if !range.is_empty() {
        runs.push((look, range));
    }
}

/// `text` without its marks and without what they hide.
pub(crate) fn visible(text: &str) -> String {
    if !text.contains(is_mark) {
        return text.to_owned();
    }
    let runs = runs(text, &mut Look::default());
    runs.into_iter().filter(|(look, _)| look.cause.is_none()).map(|(_, range)| &text[range]).collect()
}

/// Why nothing of `text` is seen, where it says something of which nothing is seen.
pub(crate) fn cause_of(text: &str) -> Option<HiddenCause> {
    let runs = runs(text, &mut Look::default());
    let mut said = runs.iter().filter(|(_, range)| !text[range.clone()].trim().is_empty()).map(|(look, _)| look.cause);
    let first = said.next()??;
    said.try_fold(first, |least, cause| cause.map(|cause| least.min(cause)))
}

/// Whether `text` holds nothing but blanks and marks.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|character| character.is_whitespace() || is_mark(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_the_input_are_no_marks() {
        let mut text = String::new();
        Look::default().write(&mut text, "a\u{1}b\u{7}");
        Look::unseen(HiddenCause::Struck).write(&mut text, "c\u{7}d");
        assert_eq!(text, "ab\u{2}cd\u{7}");
        assert_eq!(visible(&text), "ab");
    }

    #[test]
    fn parts_of_an_exponent_are_one_run() {
        let mut text = String::from("10");
        Look::at(Shift::Raised).write(&mut text, "-");
        Look::at(Shift::Raised).write(&mut text, "3");
        Look::at(Shift::Lowered).write(&mut text, "x");
        Look::at(Shift::Note).write(&mut text, "1");
        Look::at(Shift::Note).write(&mut text, "2");
        assert_eq!(text, "10\u{4}-3\u{7}\u{5}x\u{7}\u{6}1\u{7}\u{6}2\u{7}");
        Look { cause: Some(HiddenCause::Struck), shift: Shift::Raised }.write(&mut text, "a");
        Look::at(Shift::Raised).write(&mut text, "b");
        assert!(text.ends_with("\u{2}\u{4}a\u{7}\u{4}b\u{7}"), "{text:?}");
    }

    #[test]
    fn a_text_is_unseen_where_nothing_of_it_is_seen() {
        let mut text = String::from(" ");
        Look::unseen(HiddenCause::Struck).write(&mut text, "a");
        Look::unseen(HiddenCause::Hidden).write(&mut text, "b");
        assert_eq!((cause_of(&text), is_blank(&text)), (Some(HiddenCause::Hidden), false));
        text.push('c');
        assert_eq!((cause_of(&text), cause_of(" ")), (None, None));
        assert!(is_blank(" \u{1} \u{7}"));
    }
}

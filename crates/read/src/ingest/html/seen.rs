//! An element and what holds around it go in, how the text inside it is seen comes out: not at all, struck, raised, in a font of signs.

use scraper::node::Element;

use super::css::{Style, Styles};
use crate::document::HiddenCause;
use crate::ingest::marks::{Look, Shift};
use crate::ingest::symbols::SignFont;

/// Characters of the text of a link that is still the mark of a note.
const MARK_CHARS_MAX: usize = 8;
/// What the names of the places of notes begin with, in letters and digits.
const NOTE_PLACES: &[&str] = &["fn", "ftn", "footnote", "note", "en", "edn", "endnote", "citenote", "n"];

/// How the text of an element is seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Whether it has no box, no size or no colour at all, which nothing inside can change.
    is_gone: bool,
    /// Whether it is invisible, which an element inside can change.
    is_invisible: bool,
    is_struck: bool,
    shift: Shift,
    /// Whether it lies in a link to a place of some page.
    in_link: bool,
    /// The font of signs that it is in.
    pub(super) font: Option<SignFont>,
}

impl Seen {
    /// The look of its text.
    pub(super) fn look(self) -> Look {
        let cause = match self {
            _ if self.is_gone || self.is_invisible => Some(HiddenCause::Hidden),
            _ if self.is_struck => Some(HiddenCause::Struck),
            _ => None,
        };
        Look { cause, shift: self.shift }
    }

    /// Whether it takes no place on the page, so that it is not counted either.
    pub(super) fn is_gone(self) -> bool {
        self.is_gone
    }

    /// How the text of `element` inside this is seen; `text` gives its text.
    pub(super) fn inside(self, element: &Element, styles: &Styles, text: impl Fn() -> String) -> Self {
        let style = styles.of(element);
        let name = element.name();
        let in_link = self.in_link || name == "a" && element.attr("href").is_some_and(|to| to.contains('#'));
        let own = match name {
            "sup" => Some(Shift::Raised),
            "sub" => Some(Shift::Lowered),
            _ => None,
        };
        let mut shift =
            style.shift.filter(|shift| own.is_none() || *shift != Shift::Level).or(own).unwrap_or(self.shift);
        let is_reference = name == "a" && is_reference(element);
        if is_reference && is_mark(&text())
            || shift == Shift::Raised && in_link && self.shift != Shift::Note && is_mark(&text())
        {
            shift = Shift::Note;
        }
        let face = element.attr("face").filter(|_| name == "font").map(SignFont::named);
        Self {
            is_gone: self.is_gone || is_gone(element, style),
            is_invisible: style.is_visible.map_or(self.is_invisible, |is_visible| !is_visible),
            is_struck: self.is_struck || style.is_struck || matches!(name, "s" | "del" | "strike"),
            shift,
            in_link,
            font: style.font.or(face).unwrap_or(self.font),
        }
    }
}

/// Whether nothing of the element is shown. An author's `display` goes before the attribute `hidden`, as in a browser.
fn is_gone(element: &Element, style: Style) -> bool {
    let has_box = style.is_displayed.unwrap_or_else(|| element.attr("hidden").is_none());
    let is_for_nobody = element.attr("aria-hidden").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    !has_box || is_for_nobody || style.has_size == Some(false) || style.is_opaque == Some(false)
}

/// Whether a link says that it leads to a note.
fn is_reference(element: &Element) -> bool {
    let says =
        |name, word: &str| element.attr(name).is_some_and(|value| value.split_whitespace().any(|one| one == word));
    says("role", "doc-noteref") || says("epub:type", "noteref") || says("class", "footnote-ref")
}

/// Whether `text` can be the mark of a note.
fn is_mark(text: &str) -> bool {
    let text = text.trim();
    let inner = text.trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    !inner.is_empty()
        && text.chars().count() <= MARK_CHARS_MAX
        && inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '*' | '†' | '‡' | '§' | ',' | '-' | '–'))
}

/// The mark of the note that lies at the place `id`: `5` at `fn5`, `_ftn5`, `cite_note-5`, `5`.
pub(super) fn note_at(id: &str) -> Option<&str> {
    let start = id.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let kind: String = id[..start].chars().filter(char::is_ascii_alphanumeric).collect();
    let is_place = kind.is_empty() || NOTE_PLACES.contains(&kind.to_ascii_lowercase().as_str());
    (is_place && start < id.len()).then(|| &id[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_notes_tell_their_mark() {
        let found: Vec<_> = ["fn5", "_ftn12", "cite_note-3", "fn:4", "7"].into_iter().filter_map(note_at).collect();
        assert_eq!(found, ["5", "12", "3", "4", "7"]);
        assert!(["fnref5", "section2", "fn", ""].into_iter().all(|id| note_at(id).is_none()));
    }
}

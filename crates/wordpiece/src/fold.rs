//! A char and a normalizer's settings in, what normalization makes of that char alone out; knows nothing of the chars around it.
//!
//! The tables of Unicode are those that `tokenizers` reads, of its versions: what is punctuation or a control character
//! comes from `unicode_categories`, decompositions and combining classes from `unicode-normalization-alignments`, white
//! space and lower case from the standard library.

use std::sync::OnceLock;

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::char::{canonical_combining_class, decompose_canonical};

/// The settings of a `BertNormalizer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Remove control characters and U+FFFD.
    pub(crate) clean: bool,
    /// Make each Chinese character a word.
    pub(crate) chinese: bool,
    /// Decompose and remove nonspacing marks.
    pub(crate) strip: bool,
    /// Make lower case.
    pub(crate) lower: bool,
}

/// What becomes of a char: its folded form in the lowest 21 bits, and what it is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fold(u32);

impl Fold {
    const CHAR: u32 = (1 << 21) - 1;
    const REMOVED: u32 = 1 << 21;
    const SPACE: u32 = 1 << 22;
    const PUNCTUATION: u32 = 1 << 23;
    const CHINESE: u32 = 1 << 24;
    const MARK: u32 = 1 << 25;
    const COMPLEX: u32 = 1 << 26;

    /// Computes the entry of `c`.
    pub(crate) fn new(c: char, settings: Settings) -> Self {
        if settings.clean && is_removed(c) {
            return Self(Self::REMOVED);
        }
        if c.is_whitespace() {
            return Self(Self::SPACE);
        }
        let mut bits = if settings.chinese && is_chinese(c) { Self::CHINESE } else { 0 };
        let mut base = c;
        if settings.strip {
            match stripped(c) {
                Some(first) => base = first,
                None => return Self(bits | Self::COMPLEX | c as u32),
            }
            if base.is_mark_nonspacing() {
                return Self(bits | Self::MARK);
            }
        }
        if settings.lower {
            let mut lower = base.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(only), None) => base = only,
                _ => return Self(bits | Self::COMPLEX | c as u32),
            }
        }
        if is_punctuation(base) {
            bits |= Self::PUNCTUATION;
        }
        Self(bits | base as u32)
    }

    /// What it becomes; means nothing for what has none.
    #[inline]
    pub(crate) fn char(self) -> char {
        char::from_u32(self.0 & Self::CHAR).unwrap_or_default()
    }

    /// Whether it is as if it were not there.
    #[inline]
    pub(crate) fn is_removed(self) -> bool {
        self.0 & Self::REMOVED != 0
    }

    /// Whether it is white space.
    #[inline]
    pub(crate) fn is_space(self) -> bool {
        self.0 & Self::SPACE != 0
    }

    /// Whether its folded form is a word of its own.
    #[inline]
    pub(crate) fn is_punctuation(self) -> bool {
        self.0 & Self::PUNCTUATION != 0
    }

    /// Whether white space is put around it.
    #[inline]
    pub(crate) fn is_chinese(self) -> bool {
        self.0 & Self::CHINESE != 0
    }

    /// Whether it becomes nothing, yet ends what marks may be ordered across.
    #[inline]
    pub(crate) fn is_mark(self) -> bool {
        self.0 & Self::MARK != 0
    }

    /// Whether it becomes several chars, or may change places with the chars around it.
    #[inline]
    pub(crate) fn is_complex(self) -> bool {
        self.0 & Self::COMPLEX != 0
    }
}

/// Chars of one block of the table.
const BLOCK: usize = 256;

/// The folds of all chars under some settings, computed block by block when first asked for.
#[derive(Debug)]
pub(crate) struct Folds {
    settings: Settings,
    blocks: Box<[OnceLock<Box<[Fold; BLOCK]>>]>,
}

impl Folds {
    /// A table without blocks yet.
    pub(crate) fn new(settings: Settings) -> Self {
        let blocks = char::MAX as usize / BLOCK + 1;
        Self { settings, blocks: (0..blocks).map(|_| OnceLock::new()).collect() }
    }

    /// The settings that the folds are of.
    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// The fold of `c`.
    #[inline]
    pub(crate) fn get(&self, c: char) -> Fold {
        let code = c as usize;
        let block = self.blocks[code / BLOCK].get_or_init(|| self.block(code / BLOCK));
        block[code % BLOCK]
    }

    #[cold]
    fn block(&self, number: usize) -> Box<[Fold; BLOCK]> {
        let fold = |at| char::from_u32((number * BLOCK + at) as u32).map_or(Fold(0), |c| Fold::new(c, self.settings));
        Box::new(std::array::from_fn(fold))
    }
}

/// The only char that decomposing `c` and removing nonspacing marks leaves in every context; none where it depends.
///
/// What follows a first char of combining class 0 cannot come before it, and marks that are removed leave no trace: they
/// come from the same char, so they take no place of another's in the order.
fn stripped(c: char) -> Option<char> {
    let mut first = None;
    let mut rest = true;
    decompose_canonical(c, |part| match first {
        None => first = Some(part),
        Some(_) => rest &= part.is_mark_nonspacing(),
    });
    first.filter(|&first| rest && canonical_combining_class(first) == 0)
}

/// Whether cleaning removes `c`: NUL, U+FFFD, control, format and private-use characters, but no tab or line end.
fn is_removed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\0' | '\u{FFFD}' => true,
        _ => c.is_other(),
    }
}

/// Whether `c` is a word of its own.
pub(crate) fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.is_punctuation()
}

/// Whether `c` lies in the blocks of Chinese characters of the BERT authors' list, as `tokenizers` has it (its sixth
/// range begins at U+2B920, not U+2B820).
fn is_chinese(c: char) -> bool {
    matches!(
        u32::from(c),
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x2_0000..=0x2_A6DF
            | 0x2_A700..=0x2_B73F
            | 0x2_B740..=0x2_B81F
            | 0x2_B920..=0x2_CEAF
            | 0xF900..=0xFAFF
            | 0x2_F800..=0x2_FA1F
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNCASED: Settings = Settings { clean: true, chinese: true, strip: true, lower: true };

    #[test]
    fn chars_fold_by_their_kind() {
        let folds = Folds::new(UNCASED);
        assert_eq!(folds.get('É').char(), 'e');
        assert_eq!(folds.get('\u{212A}').char(), 'k');
        assert!(folds.get('\u{37E}').is_punctuation() && folds.get('\u{37E}').char() == ';');
        assert!(folds.get('\u{200B}').is_removed() && folds.get('\0').is_removed() && folds.get('\u{85}').is_removed());
        assert!(folds.get('\t').is_space() && folds.get('\u{3000}').is_space());
        assert!(folds.get('中').is_chinese() && folds.get('가').is_complex() && folds.get('\u{301}').is_complex());
        let cased = Folds::new(Settings { strip: false, lower: false, ..UNCASED });
        assert_eq!(cased.get('É').char(), 'É');
    }

    #[test]
    fn a_capital_i_with_a_dot_becomes_two_chars_only_where_accents_stay() {
        assert!(Fold::new('İ', Settings { strip: false, ..UNCASED }).is_complex());
        assert_eq!(Fold::new('İ', UNCASED).char(), 'i');
    }
}

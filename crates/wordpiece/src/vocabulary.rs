//! The vocabulary of a model in, the pieces of a normalized word out; knows nothing of texts, spans or normalization.

use crate::names::Entries;
use crate::packed::{PACKED_BYTES_MAX, Packed};
use crate::trie::Trie;

/// One piece of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: u32,
    /// Where it ends, in bytes of the word; it starts where the piece before ends.
    pub(crate) end: usize,
}

/// The words and pieces a model knows.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// Stands for a word that cannot be cut.
    pub(crate) unknown: u32,
    /// Longest word that is cut at all.
    pub(crate) chars_max: usize,
    words: Words,
    first: Trie,
    next: Trie,
}

impl Vocabulary {
    /// A vocabulary of sorted `entries` where `prefix` marks a piece that continues a word; none where there is no `unknown`
    /// in it, or where it is too large.
    pub(crate) fn new(entries: &Entries<'_>, unknown: &str, prefix: &str, chars_max: usize) -> Option<Self> {
        // That id means "no token" in the tries.
        if entries.0.iter().any(|&(_, id)| id == u32::MAX) {
            return None;
        }
        // The empty token matches nothing.
        let tokens = |prefix: &str| -> Vec<(&[u8], u32)> {
            let rests = entries.0.iter().filter_map(|(token, id)| Some((token.strip_prefix(prefix)?, *id)));
            rests.filter(|(rest, _)| !rest.is_empty()).map(|(rest, id)| (rest.as_bytes(), id)).collect()
        };
        let first = tokens("");
        Some(Self {
            unknown: entries.id(unknown)?,
            chars_max,
            words: Words::new(&first),
            first: Trie::new(&first)?,
            // Cutting the same prefix off keeps the order.
            next: Trie::new(&tokens(prefix))?,
        })
    }

    /// The id of the whole packed word of `length` bytes.
    #[inline]
    pub(crate) fn whole(&self, word: Packed, length: usize) -> Option<u32> {
        self.words.find(word, length)
    }

    /// Cuts `word` into the longest piece known, then the longest that continues it, and so on; false, with anything in
    /// `pieces`, where that does not reach the end.
    pub(crate) fn cut(&self, word: &[u8], pieces: &mut Vec<Piece>) -> bool {
        pieces.clear();
        let mut end = 0;
        while end < word.len() {
            let trie = if end == 0 { &self.first } else { &self.next };
            let Some((id, length)) = trie.longest(&word[end..]) else { return false };
            end += length;
            pieces.push(Piece { id, end });
        }
        true
    }
}

/// A table of the tokens that fit a [`Packed`].
#[derive(Debug)]
struct Words {
    slots: Box<[Slot]>,
    shift: u32,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    word: Packed,
    /// In bytes; 0 where the slot is free. A word may end in zero bytes, so the length is part of the key.
    length: u32,
    id: u32,
}

impl Words {
    fn new(tokens: &[(&[u8], u32)]) -> Self {
        let packed = tokens.iter().filter(|(token, _)| token.len() <= PACKED_BYTES_MAX).count();
        let places = (packed * 2).next_power_of_two().max(2);
        let free = Slot { word: Packed { low: 0, high: 0 }, length: 0, id: 0 };
        let mut words = Self { slots: vec![free; places].into(), shift: 64 - places.ilog2() };
        for (token, id) in tokens {
            let Some(word) = Packed::new(token) else { continue };
            let mut place = words.place(word);
            while words.slots[place].length != 0 {
                place = (place + 1) & (places - 1);
            }
            words.slots[place] = Slot { word, length: token.len() as u32, id: *id };
        }
        words
    }

    #[inline]
    fn find(&self, word: Packed, length: usize) -> Option<u32> {
        let mut place = self.place(word);
        // Ends: at most half of the slots are taken.
        loop {
            let slot = self.slots[place];
            if slot.word == word && slot.length as usize == length {
                return Some(slot.id);
            }
            if slot.length == 0 {
                return None;
            }
            place = (place + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn place(&self, word: Packed) -> usize {
        // The two odd constants are those of xxHash64 (PRIME64_1 and PRIME64_2).
        let mixed = word.low.wrapping_mul(0x9E37_79B1_85EB_CA87) ^ word.high.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0x9E37_79B1_85EB_CA87) >> self.shift) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn words_are_cut_greedily_and_whole_words_are_found() {
        let tokens = ["[UNK]", "un", "##aff", "##able", "unable", "##a", "incomprehensibilities", "##é"];
        let mut entries = Entries(tokens.iter().zip(0..).map(|(token, id)| (Cow::from(*token), id)).collect());
        entries.sort();
        let vocabulary = Vocabulary::new(&entries, "[UNK]", "##", 100).expect("it has the unknown token");
        let mut pieces = Vec::new();
        let mut cut = |word: &str| {
            vocabulary
                .cut(word.as_bytes(), &mut pieces)
                .then(|| pieces.iter().map(|p| (p.id, p.end)).collect::<Vec<_>>())
        };
        assert_eq!(cut("unaffable"), Some(vec![(1, 2), (2, 5), (3, 9)]));
        assert_eq!(cut("unable"), Some(vec![(4, 6)]));
        assert_eq!(cut("unaé"), Some(vec![(1, 2), (5, 3), (7, 5)]));
        assert_eq!(cut("unx"), None);
        let whole = |word: &str| vocabulary.whole(Packed::new(word.as_bytes())?, word.len());
        assert_eq!([whole("unable"), whole("unabl"), whole("##aff")], [Some(4), None, Some(2)]);
        assert!(Vocabulary::new(&entries, "[unk]", "##", 100).is_none());
    }
}

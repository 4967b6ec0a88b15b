//! A file's share of the counts in, bytes for its row out, and back.

use super::documents::Terms;
use crate::vocabulary::{WordCount, Words};

/// Pairs of little-endian numbers, token then count.
pub(super) fn pack_terms(terms: &Terms) -> Vec<u8> {
    terms.iter().flat_map(|(token, count)| [token.to_le_bytes(), count.to_le_bytes()]).flatten().collect()
}

/// Each word behind its two counts and its length, little-endian.
pub(super) fn pack_words(words: &Words) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(words.len() * 18);
    for (word, count) in words {
        bytes.extend(count.all.to_le_bytes());
        bytes.extend(count.lower.to_le_bytes());
        // A word has a bounded number of letters.
        bytes.push(u8::try_from(word.len()).unwrap_or(u8::MAX));
        bytes.extend(&word.as_bytes()[..word.len().min(usize::from(u8::MAX))]);
    }
    bytes
}

/// What [`pack_words`] was given; it ends where bytes are damaged.
pub(super) fn unpack_words(mut bytes: &[u8]) -> impl Iterator<Item = (&str, WordCount)> + '_ {
    std::iter::from_fn(move || {
        let (all, rest) = bytes.split_first_chunk::<4>()?;
        let (lower, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first()?;
        let (word, rest) = rest.split_at_checked(usize::from(*length))?;
        bytes = rest;
        let count = WordCount { all: u32::from_le_bytes(*all), lower: u32::from_le_bytes(*lower) };
        Some((std::str::from_utf8(word).ok()?, count))
    })
}

/// Little-endian numbers.
pub(super) fn pack_label(label: &[u32]) -> Vec<u8> {
    label.iter().flat_map(|term| term.to_le_bytes()).collect()
}

pub(super) fn unpack_label(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|term| u32::from_le_bytes([term[0], term[1], term[2], term[3]]))
}

pub(super) fn unpack_terms(bytes: &[u8]) -> impl Iterator<Item = (u32, u32)> + '_ {
    bytes.chunks_exact(8).map(|pair| {
        let number = |at: usize| u32::from_le_bytes([pair[at], pair[at + 1], pair[at + 2], pair[at + 3]]);
        (number(0), number(4))
    })
}

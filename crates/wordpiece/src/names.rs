//! The entries of a vocabulary in, lookups both ways between tokens and ids out; knows nothing of pieces or texts.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

/// The entries of a vocabulary as a file has them: tokens borrowed where they need no unescaping.
#[derive(Debug, Default)]
pub(crate) struct Entries<'a>(pub(crate) Vec<(Cow<'a, str>, u32)>);

impl Entries<'_> {
    /// Sorts by token and keeps the last of equal ones, as a map would.
    pub(crate) fn sort(&mut self) {
        // The first bytes beside each entry spare most comparisons a walk to the token, and half of the time.
        let mut keyed: Vec<_> = self.0.drain(..).rev().map(|entry| (first_bytes(&entry.0), entry)).collect();
        keyed.sort_by(|(a, (a_token, _)), (b, (b_token, _))| a.cmp(b).then_with(|| a_token.cmp(b_token)));
        keyed.dedup_by(|(_, before), (_, kept)| before.0 == kept.0);
        self.0.extend(keyed.into_iter().map(|(_, entry)| entry));
    }

    /// The id of `token`; the entries must be sorted.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        let at = self.0.binary_search_by(|entry| (*entry.0).cmp(token)).ok()?;
        Some(self.0[at].1)
    }
}

/// The first 16 bytes of `token`, zero after its end, as a number that orders as they do.
fn first_bytes(token: &str) -> u128 {
    let mut first = [0; 16];
    let length = token.len().min(first.len());
    first[..length].copy_from_slice(&token.as_bytes()[..length]);
    u128::from_be_bytes(first)
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

#[derive(Deserialize)]
struct Token<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a map from tokens to ids")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut entries = Vec::new();
        while let Some((Token(token), id)) = map.next_entry()? {
            entries.push((token, id));
        }
        Ok(Entries(entries))
    }
}

/// Every token with its id.
#[derive(Debug)]
pub(crate) struct Names {
    /// All tokens one after another, sorted.
    text: String,
    sorted: Vec<Name>,
    /// Places in `sorted`, by id.
    by_id: Vec<u32>,
}

#[derive(Debug)]
struct Name {
    id: u32,
    /// In bytes of the text; it starts where the name before ends.
    end: u32,
}

impl Names {
    /// The names of sorted `entries`; none where two have one id, or where they are gigabytes.
    pub(crate) fn new(entries: &Entries<'_>) -> Option<Self> {
        let mut text = String::with_capacity(entries.0.iter().map(|(token, _)| token.len()).sum());
        let mut sorted = Vec::with_capacity(entries.0.len());
        for (token, id) in &entries.0 {
            text.push_str(token);
            sorted.push(Name { id: *id, end: u32::try_from(text.len()).ok()? });
        }
        let mut by_id: Vec<u32> = (0..sorted.len() as u32).collect();
        by_id.sort_unstable_by_key(|&at| sorted[at as usize].id);
        let twice = by_id.windows(2).any(|pair| sorted[pair[0] as usize].id == sorted[pair[1] as usize].id);
        (!twice).then_some(Self { text, sorted, by_id })
    }

    /// Number of tokens.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The token of `id`.
    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        let at = self.by_id.binary_search_by_key(&id, |&at| self.sorted[at as usize].id).ok()?;
        Some(self.name(self.by_id[at] as usize))
    }

    /// The id of `token`.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        let (mut from, mut to) = (0, self.sorted.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            match self.name(middle).cmp(token) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return Some(self.sorted[middle].id),
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    fn name(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.sorted[at - 1].end };
        &self.text[start as usize..self.sorted[at].end as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_ids_are_found_and_the_last_of_equal_ones_counts() {
        let mut entries: Entries = serde_json::from_str(r#"{"b":7,"":3,"\u00e9":1,"a":2,"b":9}"#).expect("a map");
        entries.sort();
        let names = Names::new(&entries).expect("ids differ");
        assert_eq!(names.len(), 4);
        for (token, id) in [("b", 9), ("", 3), ("é", 1), ("a", 2)] {
            assert_eq!((names.id(token), names.token(id), entries.id(token)), (Some(id), Some(token), Some(id)));
        }
        assert_eq!((names.id("c"), names.token(7), entries.id("c")), (None, None, None));
    }

    #[test]
    fn two_tokens_of_one_id_are_declined() {
        let mut entries: Entries = serde_json::from_str(r#"{"b":7,"a":7}"#).expect("a map");
        entries.sort();
        assert!(Names::new(&entries).is_none());
    }
}

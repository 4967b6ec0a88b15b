//! Lengths of texts in, where each of them lies on a device out, and what to do when memory does not suffice; knows no device.
//!
//! A recorded graph of kernels is replayed for every batch of its bucket, so all sizes in it come from the bucket. What lies
//! beyond the batch's own texts are tokens that no text reads, tiles without queries, and texts without rows.

use std::ops::Range;

/// Queries of one text that a block of the attention kernel takes; `QUERIES` in `kernels/attention.cuh`.
pub const TILE_QUERIES: usize = 64;

/// Sizes that a batch is rounded up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Rows of the token matrix.
    pub tokens: usize,
    /// Tiles of queries.
    pub tiles: usize,
    /// Texts.
    pub texts: usize,
}

impl Bucket {
    /// The smallest bucket for texts of these lengths. At most an eighth of the tokens (or 63) is added.
    #[must_use]
    pub fn of(lengths: &[usize]) -> Self {
        let tiles = lengths.iter().map(|length| length.div_ceil(TILE_QUERIES)).sum::<usize>();
        Self {
            tokens: rounded_tokens(lengths.iter().sum()),
            tiles: tiles.next_power_of_two(),
            texts: lengths.len().next_power_of_two(),
        }
    }

    /// Whether everything of `other` fits.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.tokens >= other.tokens && self.tiles >= other.tiles && self.texts >= other.texts
    }

    /// The smallest sizes that hold both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.max(other.tokens),
            tiles: self.tiles.max(other.tiles),
            texts: self.texts.max(other.texts),
        }
    }

    /// Where the parts of the description begin, in integers.
    #[must_use]
    pub fn parts(self) -> Parts {
        let texts = 4 * self.tiles;
        let ids = texts + 2 * self.texts;
        let places = ids + self.tokens;
        Parts { tiles: 0, texts, ids, places, end: places + self.tokens }
    }
}

/// `tokens` rounded up to eighths of its power of two, at least to 64, so that there are few buckets and little is wasted.
fn rounded_tokens(tokens: usize) -> usize {
    let step = (tokens.max(1).next_power_of_two() / 16).max(64);
    tokens.div_ceil(step).max(1) * step
}

/// Where the parts of a batch's description begin, in integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Four for each tile: the text's first row, its length, the tile's first query, 0. First, since they are read as one.
    pub tiles: usize,
    /// Two for each text: first row and length.
    pub texts: usize,
    /// One for each token: its id.
    pub ids: usize,
    /// One for each token: its position in its text.
    pub places: usize,
    /// All of them.
    pub end: usize,
}

/// Writes what the kernels need to know of the texts, `ids` one after the other, into `to`, which holds `bucket.parts().end`.
///
/// # Panics
/// When the texts do not fit the bucket, or a number does not fit an `i32`.
pub fn describe(ids: &[u32], lengths: &[usize], bucket: Bucket, to: &mut [i32]) {
    assert!(bucket.holds(Bucket::of(lengths)), "the texts fit the bucket");
    assert_eq!(ids.len(), lengths.iter().sum::<usize>(), "lengths and ids agree");
    let parts = bucket.parts();
    let to = &mut to[..parts.end];
    to.fill(0);
    let int = |value: usize| i32::try_from(value).expect("a batch has fewer than 2³¹ tokens");
    let (mut tile, mut row) = (parts.tiles, 0);
    for (index, &length) in lengths.iter().enumerate() {
        to[parts.texts + 2 * index] = int(row);
        to[parts.texts + 2 * index + 1] = int(length);
        for first in (0..length).step_by(TILE_QUERIES) {
            to[tile..tile + 4].copy_from_slice(&[int(row), int(length), int(first), 0]);
            tile += 4;
        }
        for place in 0..length {
            to[parts.ids + row + place] = int(ids[row + place] as usize);
            to[parts.places + row + place] = int(place);
        }
        row += length;
    }
}

/// Why a batch was not computed.
#[derive(Debug)]
pub enum Failure<E> {
    /// The device's memory does not suffice for this batch.
    Memory(E),
    /// Anything else.
    Other(E),
}

/// Texts of `lengths` in runs of at most `tokens_max` tokens; a single longer text is a run of its own.
#[must_use]
pub fn runs(lengths: &[usize], tokens_max: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut filled = 0;
    for (index, length) in lengths.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if filled + length <= tokens_max => {
                run.end = index + 1;
                filled += length;
            }
            _ => {
                runs.push(index..index + 1);
                filled = *length;
            }
        }
    }
    runs
}

/// Calls `run` for texts of `lengths`: all at once, where memory does not suffice for each half of them, and so on. Returns
/// the most tokens that a batch should have from now on, where one had to be halved; every text is run once.
///
/// # Errors
/// What `run` gives for a single text, or for another reason than memory.
pub fn run_halving<E>(
    lengths: &[usize],
    tokens_max: usize,
    mut run: impl FnMut(Range<usize>) -> Result<(), Failure<E>>,
) -> Result<Option<usize>, E> {
    let mut suffices = None;
    let mut waiting: Vec<Range<usize>> = runs(lengths, tokens_max).into_iter().rev().collect();
    while let Some(texts) = waiting.pop() {
        match run(texts.clone()) {
            Ok(()) => {}
            Err(Failure::Memory(_)) if texts.len() > 1 => {
                let tokens: usize = lengths[texts.clone()].iter().sum();
                let most = suffices.map_or(tokens / 2, |most: usize| most.min(tokens / 2));
                suffices = Some(most);
                let halves = runs(&lengths[texts.clone()], tokens.div_ceil(2));
                waiting.extend(halves.into_iter().rev().map(|run| run.start + texts.start..run.end + texts.start));
            }
            Err(Failure::Memory(error) | Failure::Other(error)) => return Err(error),
        }
    }
    Ok(suffices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_texts_and_wastes_at_most_an_eighth_or_63_tokens() {
        for tokens in 1..5_000 {
            let rounded = rounded_tokens(tokens);
            assert!(
                rounded >= tokens && (rounded - tokens < 64 || (rounded - tokens) * 8 <= tokens),
                "{tokens} {rounded}"
            );
        }
        let buckets: std::collections::BTreeSet<_> = (1..=16_384).map(rounded_tokens).collect();
        assert!(buckets.len() < 64, "{}", buckets.len());
        assert_eq!(Bucket::of(&[1, 64, 65]), Bucket { tokens: 192, tiles: 4, texts: 4 });
    }

    #[test]
    fn a_description_names_every_row_of_every_text_once() {
        let lengths = [130, 1, 64];
        let ids: Vec<u32> = (0..195).map(|id| id + 1_000).collect();
        let bucket = Bucket::of(&lengths);
        let parts = bucket.parts();
        let mut ints = vec![-1; parts.end];
        describe(&ids, &lengths, bucket, &mut ints);
        assert_eq!(&ints[..16], [0, 130, 0, 0, 0, 130, 64, 0, 0, 130, 128, 0, 130, 1, 0, 0]);
        assert_eq!(&ints[16..20], [131, 64, 0, 0]);
        assert!(ints[20..parts.texts].iter().all(|&int| int == 0), "tiles beyond are none");
        assert_eq!(&ints[parts.texts..parts.ids], [0, 130, 130, 1, 131, 64, 0, 0]);
        assert_eq!(ints[parts.ids + 194], 1_194);
        assert_eq!(ints[parts.places + 129..parts.places + 133], [129, 0, 0, 1]);
        assert!(ints.iter().all(|&int| int >= 0), "every integer is written");
    }

    /// A device with room for so many tokens; what it ran, in order.
    fn run_with_room(lengths: &[usize], tokens_max: usize, room: usize) -> (Vec<usize>, Result<Option<usize>, String>) {
        let mut ran = Vec::new();
        let result = run_halving(lengths, tokens_max, |texts| {
            let tokens: usize = lengths[texts.clone()].iter().sum();
            if tokens > room {
                return Err(Failure::Memory(format!("no room for {tokens}")));
            }
            ran.extend(texts);
            Ok(())
        });
        (ran, result)
    }

    #[test]
    fn a_batch_too_large_is_halved_until_it_fits_and_every_text_runs_once_in_order() {
        let lengths = [100, 90, 80, 70, 60, 50, 40, 30, 20, 10];
        for room in 100..600 {
            let (ran, result) = run_with_room(&lengths, 1_000, room);
            assert_eq!(ran, (0..lengths.len()).collect::<Vec<_>>(), "room for {room}");
            let suffices = result.unwrap();
            assert_eq!(suffices.is_some(), room < 550);
            assert!(suffices.is_none_or(|tokens| tokens >= 30), "{suffices:?}");
        }
    }

    #[test]
    fn a_text_that_fits_nowhere_is_an_error_and_so_is_anything_else() {
        assert_eq!(run_with_room(&[10, 700, 10], 1_000, 100).1, Err("no room for 700".into()));
        let other = run_halving(&[5, 5], 100, |_| Err(Failure::Other("broken")));
        assert_eq!(other, Err("broken"));
    }

    #[test]
    fn a_known_limit_is_kept_from_the_start() {
        let (ran, result) = run_with_room(&[40; 10], 100, 100);
        assert_eq!((ran.len(), result), (10, Ok(None)), "nothing had to be halved");
        assert!(runs(&[], 10).is_empty());
        assert_eq!(runs(&[50, 5, 5, 5], 10), [0..1, 1..3, 3..4]);
    }
}

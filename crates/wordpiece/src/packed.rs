//! Bytes in, the word of ASCII letters and digits at their start out, packed into integers; knows no vocabulary.
//!
//! Eight bytes are classified at once inside a `u64`, one byte a lane: adding `0x80 - limit` to a lane that is below `0x80`
//! sets its highest bit exactly where the lane is at least `limit`.

/// Longest word that is packed, in bytes.
pub(crate) const PACKED_BYTES_MAX: usize = 16;

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// At most [`PACKED_BYTES_MAX`] bytes, the first in the lowest byte of `low`, zero after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) low: u64,
    pub(crate) high: u64,
}

impl Packed {
    /// `bytes` packed as they are; none where they are too many.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= PACKED_BYTES_MAX).then(|| Self { low: eight(bytes, 0), high: eight(bytes, 8) })
    }

    /// The bytes in their order.
    pub(crate) fn bytes(self) -> [u8; PACKED_BYTES_MAX] {
        let mut bytes = [0; PACKED_BYTES_MAX];
        bytes[..8].copy_from_slice(&self.low.to_le_bytes());
        bytes[8..].copy_from_slice(&self.high.to_le_bytes());
        bytes
    }
}

/// Length in bytes of the word at the start of `bytes`, and its first [`PACKED_BYTES_MAX`] bytes, lower-cased if `LOWER`.
#[inline]
pub(crate) fn word<const LOWER: bool>(bytes: &[u8]) -> (usize, Packed) {
    let (length, low) = lanes::<LOWER>(eight(bytes, 0));
    if length < 8 {
        return (length, Packed { low, high: 0 });
    }
    let (more, high) = lanes::<LOWER>(eight(bytes, 8));
    let mut length = 8 + more;
    if more == 8 {
        length += bytes[length..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    }
    (length, Packed { low, high })
}

/// The eight bytes from `at`, zero where there are none.
#[inline]
fn eight(bytes: &[u8], at: usize) -> u64 {
    if let Some(Ok(full)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        return u64::from_le_bytes(full);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().rev().fold(0, |packed, &byte| packed << 8 | u64::from(byte))
}

/// How many lanes from the lowest are letters or digits, and these lanes, lower-cased if `LOWER`; the others zero.
#[inline]
fn lanes<const LOWER: bool>(bytes: u64) -> (usize, u64) {
    let at_least = |lanes: u64, limit: u8| lanes + u64::from_le_bytes([0x80 - limit; 8]);
    let ascii = bytes & !HIGH_BITS;
    let lower = ascii | 0x2020_2020_2020_2020;
    let letter = at_least(lower, b'a') & !at_least(lower, b'z' + 1);
    let digit = at_least(ascii, b'0') & !at_least(ascii, b'9' + 1);
    let word = (letter | digit) & !bytes & HIGH_BITS;
    let length = ((word ^ HIGH_BITS).trailing_zeros() / 8) as usize;
    let keep = if length == 8 { u64::MAX } else { (1 << (8 * length)) - 1 };
    // A letter's lane has `0x80` set in `letter`, two places above the bit that makes it small.
    let small = if LOWER { (letter & HIGH_BITS) >> 2 } else { 0 };
    (length, (bytes | small) & keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_ends_a_word_or_belongs_to_it() {
        for length in 0..24 {
            for byte in 0..=255_u8 {
                let mut bytes = vec![b'Q'; length];
                bytes.push(byte);
                bytes.extend_from_slice(b"zZ9");
                let expected = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                let lowered = bytes[..expected.min(PACKED_BYTES_MAX)].to_ascii_lowercase();
                let (found, packed) = word::<true>(&bytes);
                assert_eq!((found, &packed.bytes()[..lowered.len()]), (expected, lowered.as_slice()), "{bytes:?}");
                assert_eq!(Some(packed), Packed::new(&lowered), "{bytes:?}");
                let (found, packed) = word::<false>(&bytes);
                assert_eq!((found, Some(packed)), (expected, Packed::new(&bytes[..lowered.len()])), "{bytes:?}");
            }
        }
    }
}

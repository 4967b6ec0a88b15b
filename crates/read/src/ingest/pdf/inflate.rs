//! Deflated bytes → plain bytes as far as they go, and whether that is all of them; knows nothing of PDF.

use flate2::{Decompress, FlushDecompress, Status};

/// Room made for output at each turn.
const STEP_BYTES: usize = 64 << 10;
/// Bytes that may follow the compressed data when its checksum does not fit: the checksum itself (4), a line end and the padding
/// of one cipher block (16).
const TAIL_BYTES_MAX: usize = 22;

/// How far a stream could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// To its end.
    Whole,
    /// To its end, but its checksum is wrong or missing: a careless program wrote it, or it is damaged inside.
    Unproven,
    /// Not to its end: the rest is damaged or not there.
    Broken,
}

/// What a compressed stream unpacked to.
pub(super) struct Inflated {
    /// In order, from the start.
    pub(super) bytes: Vec<u8>,
    pub(super) extent: Extent,
}

/// Unpacks a zlib stream (RFC 1950) up to its end, its first damage, or until there are more than `bytes_max` bytes.
pub(super) fn inflate(packed: &[u8], bytes_max: usize) -> Inflated {
    if packed.trim_ascii().is_empty() {
        return Inflated { bytes: vec![], extent: Extent::Whole };
    }
    let (bytes, unread) = run(Decompress::new(true), packed, bytes_max);
    if unread.is_some() || bytes.len() > bytes_max {
        return Inflated { bytes, extent: if unread.is_some() { Extent::Whole } else { Extent::Broken } };
    }
    // The same without looking at what guards the data: a header of two bytes before it, a checksum after it.
    let (bytes, unread) = run(Decompress::new(false), packed.get(2..).unwrap_or_default(), bytes_max);
    // Damage can look like an early end; much that was not read tells it.
    let ended = unread.is_some_and(|unread| unread <= TAIL_BYTES_MAX);
    Inflated { bytes, extent: if ended { Extent::Unproven } else { Extent::Broken } }
}

/// The bytes unpacked, and how many were left unread after the end; `None` where the end was not reached.
fn run(mut stream: Decompress, packed: &[u8], bytes_max: usize) -> (Vec<u8>, Option<usize>) {
    let mut bytes = Vec::new();
    loop {
        bytes.reserve(STEP_BYTES);
        let before = (stream.total_in(), stream.total_out());
        let rest = packed.get(before.0 as usize..).unwrap_or_default();
        let status = stream.decompress_vec(rest, &mut bytes, FlushDecompress::None);
        let moved = before != (stream.total_in(), stream.total_out());
        match status {
            Ok(Status::StreamEnd) => return (bytes, Some(packed.len().saturating_sub(stream.total_in() as usize))),
            Ok(_) if moved && bytes.len() <= bytes_max => {}
            _ => return (bytes, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use lopdf::{Dictionary, Stream};

    use super::*;

    /// Text that does not repeat, so that damage to its compressed form cannot go unseen.
    fn text() -> Vec<u8> {
        let mut state = 1u32;
        let numbers = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{} ", state >> 8)
        });
        numbers.take(20_000).collect::<String>().into_bytes()
    }

    fn packed() -> Vec<u8> {
        let mut stream = Stream::new(Dictionary::new(), text());
        stream.compress().unwrap();
        assert!(stream.dict.has(b"Filter"), "it was compressed");
        stream.content
    }

    #[test]
    fn all_of_a_stream_is_read_whatever_its_checksum_and_header_say() {
        let (text, packed) = (text(), packed());
        let mut wrong_checksum = packed.clone();
        *wrong_checksum.last_mut().unwrap() ^= 0xff;
        let mut wrong_header = packed.clone();
        wrong_header[1] ^= 0xff;
        let no_checksum = packed[..packed.len() - 4].to_vec();
        let line_end = [&packed[..], b"\r\n"].concat();
        for (name, packed, extent) in [
            ("as it is", packed, Extent::Whole),
            ("line end", line_end, Extent::Whole),
            ("wrong checksum", wrong_checksum, Extent::Unproven),
            ("wrong header", wrong_header, Extent::Unproven),
            ("no checksum", no_checksum, Extent::Unproven),
        ] {
            let inflated = inflate(&packed, text.len());
            assert_eq!(inflated.extent, extent, "{name}");
            assert!(inflated.bytes == text, "{name}");
        }
        assert_eq!(inflate(b"", 10).extent, Extent::Whole);
        assert_eq!(inflate(b"\r\n", 10).extent, Extent::Whole);
    }

    #[test]
    fn what_is_cut_or_overwritten_gives_its_start_and_says_so() {
        let (text, packed) = (text(), packed());
        let middle = packed.len() / 2;
        let mut overwritten = packed.clone();
        overwritten[middle..middle + 500].fill(0);
        let cut = inflate(&packed[..middle], text.len());
        // Codes can fall into step again after the damage, so that only the checksum tells of it.
        let overwritten = inflate(&overwritten, 1 << 24);
        assert!(cut.extent == Extent::Broken && overwritten.extent != Extent::Whole);
        for inflated in [cut, overwritten] {
            assert!(text[..1000] == inflated.bytes[..1000], "what comes before the damage is kept");
        }
        assert_eq!(inflate(&[0; 400], 10).extent, Extent::Broken);
    }

    #[test]
    fn no_more_than_asked_for_is_unpacked_by_much() {
        let packed = {
            let mut stream = Stream::new(Dictionary::new(), vec![b' '; 8 << 20]);
            stream.compress().unwrap();
            stream.content
        };
        let unpacked = inflate(&packed, 1000).bytes.len();
        assert!((1001..1 << 20).contains(&unpacked), "{unpacked}");
    }
}

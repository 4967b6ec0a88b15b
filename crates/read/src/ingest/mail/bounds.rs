//! The bytes of a message go in, how many of them can be parsed in bounded time and depth comes out.

use crate::document::Warning;

/// Bytes that searches for boundaries may pass in one message, each byte as often as it is looked at.
const WORK_BYTES_MAX: u64 = 4 << 30;
/// Bytes of a declared boundary with what follows it in its header. RFC 2046, section 5.1.1 allows 70.
const BOUNDARY_BYTES_MAX: usize = 400;
/// Bytes of all headers at the start, and of one inside.
const HEADER_BYTES_MAX: usize = 1 << 20;

/// What of a message is parsed.
pub(super) struct Bounds {
    /// One past the last byte.
    pub end: usize,
    pub warnings: Vec<Warning>,
}

/// Finds them before the parser runs: it nests parts as deep as a message says, and looks for each boundary to the end.
///
/// Every part that can hold others has a `Content-Type` line, so their number bounds the depth.
pub(super) fn find(bytes: &[u8], parts_max: usize) -> Bounds {
    let cut = |end: usize, reason: String| {
        let message = format!("{reason}; the rest of the message was left out");
        Bounds { end, warnings: vec![Warning { page: None, lossy: true, message }] }
    };
    let mut parts = 0_usize;
    let mut boundary = 0_usize;
    let mut dashes = 0_u64;
    let mut at = 0;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let mut open = Header::default();
    let mut in_first = true;
    for line in lines {
        let is_blank = line.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        if in_first && (at + line.len() > HEADER_BYTES_MAX) {
            return cut(
                HEADER_BYTES_MAX.min(bytes.len()),
                format!("the header is longer than {HEADER_BYTES_MAX} bytes"),
            );
        }
        in_first &= !is_blank;
        let declared = count(line, b"content-type");
        if declared > 0 {
            parts += declared;
            open = Header::default();
        }
        boundary = boundary.max(open.take(line, declared > 0));
        dashes += count(line, b"--") as u64;
        if parts > parts_max {
            return cut(at, format!("the message has more parts than read.mail.parts_max = {parts_max}"));
        }
        if boundary > BOUNDARY_BYTES_MAX {
            return cut(at, format!("a boundary between parts is longer than {BOUNDARY_BYTES_MAX} bytes"));
        }
        at += line.len();
        let work = (parts as u64).saturating_mul(at as u64) + dashes.saturating_mul(boundary as u64);
        if work > WORK_BYTES_MAX {
            return cut(at - line.len(), "the message has too many parts for its size".to_owned());
        }
    }
    Bounds { end: bytes.len(), warnings: vec![] }
}

/// The `Content-Type` header that is open, over its lines.
#[derive(Default)]
struct Header {
    is_open: bool,
    /// Bytes from the word `boundary` on.
    boundary: usize,
}

impl Header {
    /// Takes a line; how many bytes the boundary has at most so far.
    fn take(&mut self, line: &[u8], starts: bool) -> usize {
        let continues = self.is_open && line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        self.is_open = starts || continues;
        if !self.is_open {
            return 0;
        }
        if self.boundary > 0 {
            self.boundary += line.len();
        } else if let Some(at) = position(line, b"boundary") {
            self.boundary = line.len() - at;
        }
        self.boundary
    }
}

fn position(line: &[u8], word: &[u8]) -> Option<usize> {
    places(line, word).next()
}

fn count(line: &[u8], word: &[u8]) -> usize {
    places(line, word).count()
}

/// Where `word`, in letters of any case, stands in the line.
fn places<'a>(line: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = word.first().copied().unwrap_or_default();
    let (small, large) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let found = move |at: usize| line.get(at..at + word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word));
    line.iter()
        .enumerate()
        .filter(move |(_, byte)| **byte == small || **byte == large)
        .map(|(at, _)| at)
        .filter(move |at| found(*at))
}

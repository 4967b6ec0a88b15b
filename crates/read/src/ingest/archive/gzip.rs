//! A gzip file goes in, the file that was packed comes out (RFC 1952).

use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::{Content, Entry, HEAD_BYTES};
use crate::error::Result;

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    // The third byte is the only method there is.
    bytes.starts_with(b"\x1f\x8b\x08")
}

pub(super) fn reader(bytes: &[u8]) -> MultiGzDecoder<&[u8]> {
    MultiGzDecoder::new(bytes)
}

/// The first bytes of the file that was packed, as far as they can be had.
pub(super) fn head(bytes: &[u8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let _ = reader(bytes).take(HEAD_BYTES as u64).read_to_end(&mut head);
    head
}

/// Hands on the one file. Its size is not stated: the file keeps four bytes of it, and those of the last piece.
pub(super) fn visit(path: &Path, bytes: &[u8], each: &mut dyn FnMut(Entry<'_>) -> Result<()>) -> Result<()> {
    let mut content = reader(bytes);
    each(Entry { name: unpacked_name(path), bytes: None, content: Content::File(&mut content) })
}

/// `notes.txt` of `notes.txt.gz`.
fn unpacked_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    match extension.to_ascii_lowercase().as_str() {
        "gz" => stem.to_owned(),
        "tgz" => format!("{stem}.tar"),
        "svgz" => format!("{stem}.svg"),
        _ => name.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_file_is_called_as_it_was() {
        for (packed, name) in
            [("a/b.txt.GZ", "b.txt"), ("b.tgz", "b.tar"), ("b.svgz", "b.svg"), ("b", "b"), (".gz", "")]
        {
            assert_eq!(unpacked_name(Path::new(packed)), name);
        }
    }
}

//! What the library that opens files leaves out, and how it gets at it after all; knows objects and bytes, not what they mean.

use lopdf::Object;
use lopdf::xref::XrefEntry;

/// Bytes that no reader wants between the end of a stream and the end of its object.
const JUNK_BYTES_MAX: usize = 1024;

/// The bytes of a file with spaces in place of what stands between streams and the ends of their objects, where objects were not read
/// because of it.
pub(super) fn without_junk(document: &lopdf::Document, bytes: &[u8]) -> Option<Vec<u8>> {
    let base = find(bytes, b"%PDF-").unwrap_or(0);
    let mut better: Option<Vec<u8>> = None;
    // Each lost object could have the whole file to look through.
    let mut bytes_left = bytes.len().saturating_mul(4);
    for (number, entry) in &document.reference_table.entries {
        let XrefEntry::Normal { offset, generation } = entry else { continue };
        if document.objects.contains_key(&(*number, *generation)) {
            continue;
        }
        let start = base + *offset as usize;
        let head = format!("{number} {generation} obj");
        let Some(object) = bytes.get(start..).filter(|object| object.starts_with(head.as_bytes())) else { continue };
        let Some(stream) = find(object, b"endstream") else { continue };
        let junk = start + stream + b"endstream".len();
        let after = &bytes[junk..bytes.len().min(junk + JUNK_BYTES_MAX)];
        if let Some(length) = find(after, b"endobj")
            && !after[..length].trim_ascii().is_empty()
            && find(&after[..length], b" obj").is_none()
        {
            better.get_or_insert_with(|| bytes.to_vec())[junk..junk + length].fill(b' ');
        }
        bytes_left = bytes_left.saturating_sub(stream);
        if bytes_left == 0 {
            break;
        }
    }
    better
}

/// Fills streams whose length the file does not tell, up to their closing word.
pub(super) fn restore_streams(document: &mut lopdf::Document, bytes: &[u8]) {
    let bytes = &bytes[find(bytes, b"%PDF-").unwrap_or(0)..];
    for object in document.objects.values_mut() {
        if let Object::Stream(stream) = object
            && stream.content.is_empty()
            && let Some(rest) = stream.start_position.and_then(|start| bytes.get(start..))
            && let Some(length) = find(rest, b"endstream")
        {
            stream.content = rest[..length].to_vec();
        }
    }
}

/// Where `what` begins first.
pub(super) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

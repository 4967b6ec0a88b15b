//! Images packed as facsimiles (CCITT) or with JBIG2 → one bit a sample as the filters of a PDF unpack them; knows no pages.

use hayro_ccitt::{DecodeSettings, DecoderContext, EncodingMode};
use lopdf::{Dictionary, Object};

use super::file::PdfFile;

/// Samples of one bit, each row beginning at a byte.
pub(super) struct Bilevel {
    pub(super) bytes: Vec<u8>,
    /// Bytes of a row.
    pub(super) stride: usize,
    /// What was wrong with the data, in words.
    pub(super) problem: Option<String>,
}

/// Unpacks `CCITTFaxDecode` (PDF 32000-1:2008, table 11) to at most `height` rows.
///
/// # Errors
/// Why there is nothing, in words.
pub(super) fn fax(
    file: &PdfFile,
    parameters: Option<&Dictionary>,
    (width, height): (usize, usize),
    data: &[u8],
) -> Result<Bilevel, String> {
    let number = |key: &[u8]| parameters.and_then(|dict| file.get_number(dict, key));
    let flag = |key: &[u8], usual: bool| match parameters.and_then(|dict| file.get(dict, key)) {
        Some(Object::Boolean(set)) => *set,
        _ => usual,
    };
    let scheme = number(b"K").unwrap_or(0.0);
    let usual = if parameters.is_some() { 1728.0 } else { width as f64 };
    let columns = number(b"Columns").unwrap_or(usual).clamp(1.0, 65_535.0) as u32;
    let settings = DecodeSettings {
        columns,
        rows: height as u32,
        end_of_block: flag(b"EndOfBlock", true),
        end_of_line: flag(b"EndOfLine", false),
        rows_are_byte_aligned: flag(b"EncodedByteAlign", false),
        encoding: match scheme {
            _ if scheme < 0.0 => EncodingMode::Group4,
            _ if scheme > 0.0 => EncodingMode::Group3_2D,
            _ => EncodingMode::Group3_1D,
        },
        strict: false,
    };
    let white = if flag(b"BlackIs1", false) { 0 } else { 0xff };
    let mut rows = Rows { columns: columns as usize, white, bytes: vec![], left: height };
    let done = hayro_ccitt::decode(data, &mut rows, &mut DecoderContext::new(settings));
    let stride = (columns as usize).div_ceil(8);
    let read = rows.bytes.len() / stride;
    if read == 0 {
        return Err("its data is damaged".into());
    }
    let problem = done.is_err().then(|| format!("only {read} of its {height} rows could be read"));
    rows.bytes.resize(stride * height, white);
    Ok(Bilevel { bytes: rows.bytes, stride, problem })
}

/// Takes the rows of a facsimile.
struct Rows {
    columns: usize,
    /// Eight white samples.
    white: u8,
    bytes: Vec<u8>,
    /// Rows that it still wants.
    left: usize,
}

impl hayro_ccitt::Decoder for Rows {
    fn push_row(&mut self, changes: &[u32]) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let start = self.bytes.len();
        self.bytes.resize(start + self.columns.div_ceil(8), self.white);
        for black in changes.chunks(2) {
            let end = black.get(1).map_or(self.columns, |&end| end as usize).min(self.columns);
            for column in black[0] as usize..end {
                self.bytes[start + column / 8] ^= 0x80 >> (column % 8);
            }
        }
    }
}

/// Unpacks `JBIG2Decode` with its globals (PDF 32000-1:2008, 7.4.7), at most `pixels_max` of them.
///
/// # Errors
/// Why there is nothing, in words.
pub(super) fn jbig2(
    file: &PdfFile,
    parameters: Option<&Dictionary>,
    data: &[u8],
    pixels_max: usize,
) -> Result<Bilevel, String> {
    let words = |error: hayro_jbig2::DecodeError| format!("its data is damaged: {error}");
    let settings = hayro_jbig2::DecodeSettings::default();
    let globals = match parameters.and_then(|parameters| file.get(parameters, b"JBIG2Globals")) {
        Some(Object::Stream(globals)) => file.decode(globals)?,
        _ => vec![],
    };
    let mut is_cut = false;
    for (pixels, is_cut_here) in segments(&globals).chain(segments(data)) {
        if pixels > pixels_max as u64 {
            return Err("a part of it is too large".into());
        }
        is_cut |= is_cut_here;
    }
    let globals = hayro_jbig2::Globals::new(&globals, &settings).map_err(words)?;
    let page = hayro_jbig2::Page::new_embedded(data, Some(&globals), &settings).map_err(words)?;
    if page.width() as usize * page.height() as usize > pixels_max {
        return Err("it has too many pixels".into());
    }
    let mut bits = Bits { bytes: vec![], at: 0 };
    page.decode(&mut bits).map_err(words)?;
    let problem = is_cut.then(|| "its data is cut off".to_owned());
    Ok(Bilevel { bytes: bits.bytes, stride: (page.width() as usize).div_ceil(8), problem })
}

/// Takes the pixels of a JBIG2 page: white is 1.
struct Bits {
    bytes: Vec<u8>,
    /// Samples of the last byte that are used, 0 to 7; with 0 the next one begins a byte.
    at: u8,
}

impl hayro_jbig2::Decoder for Bits {
    fn push_pixel(&mut self, black: bool) {
        if self.at == 0 {
            self.bytes.push(0xff);
        }
        if black && let Some(last) = self.bytes.last_mut() {
            *last &= !(0x80 >> self.at);
        }
        self.at = (self.at + 1) % 8;
    }

    fn push_pixel_chunk(&mut self, black: bool, chunk_count: u32) {
        self.bytes.resize(self.bytes.len() + chunk_count as usize, if black { 0 } else { 0xff });
    }

    fn next_line(&mut self) {
        self.at = 0;
    }
}

/// The pixels that each segment of JBIG2 data claims to have, if it is a region (ITU-T T.88, 7.2 and 7.4.1), and whether the data breaks
/// off in it.
fn segments(data: &[u8]) -> impl Iterator<Item = (u64, bool)> + '_ {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (segment, length) = header(rest)?;
        let (kind, body) = (rest[4] & 0x3f, rest.get(segment..).unwrap_or_default());
        let is_cut = length != u32::MAX && body.len() < length as usize;
        rest = if length == u32::MAX { &[] } else { body.get(length as usize..).unwrap_or_default() };
        let number = |at: usize| Some(u64::from(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?)));
        // Text, halftone, generic and refinement regions begin with their size.
        let is_region = matches!(kind, 4 | 6 | 7 | 20 | 22 | 23 | 36 | 38 | 39 | 40 | 42 | 43);
        let size = number(0).zip(number(4)).filter(|_| is_region);
        Some((size.map_or(0, |(width, height)| width.saturating_mul(height)), is_cut))
    })
}

/// The length of a segment's header, and that of what follows it.
fn header(data: &[u8]) -> Option<(usize, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?));
    let (segment, flags, counts) = (number(0)?, *data.get(4)?, *data.get(5)?);
    let (references, mut at) = match counts >> 5 {
        7 => {
            let count = (number(5)? & 0x1fff_ffff) as usize;
            (count, 9 + (count + 1).div_ceil(8))
        }
        few => (usize::from(few), 6),
    };
    let reference_bytes = if segment <= 256 {
        1
    } else if segment <= 65_536 {
        2
    } else {
        4
    };
    at = at.checked_add(references.checked_mul(reference_bytes)?)?;
    at += if flags & 0x40 == 0 { 1 } else { 4 };
    Some((at + 4, number(at)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_regions_are_seen_before_they_are_unpacked() {
        let mut data = vec![0, 0, 0, 0, 48, 0, 1, 0, 0, 0, 3, 9, 9, 9];
        data.extend([0, 0, 0, 1, 38, 0, 1, 0, 0, 0, 9]);
        data.extend([0, 0, 1, 0, 0, 0, 0, 2, 0]);
        assert_eq!(segments(&data).collect::<Vec<_>>(), [(0, false), (512, false)]);
        for cut in 0..data.len() {
            assert!(segments(&data[..cut]).all(|(_, is_cut)| is_cut || cut > 13));
        }
    }
}

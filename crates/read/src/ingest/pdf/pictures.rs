//! The image of a scanned page → a file that text recognition programs read; knows image dictionaries, not how text is recognised.

use lopdf::{Dictionary, Object, Stream};
use serde::{Deserialize, Serialize};

use super::file::{ImageData, PdfFile};

/// Entries of the directory of a TIFF file of one strip.
const TIFF_ENTRIES: u32 = 9;

/// The picture that a page without text consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagePicture {
    /// The page's number, from 1.
    pub page: u32,
    /// An image file. It travels beside what describes it.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// How its format's files end: `jpg`, `jp2`, `tif`, `pgm` or `pbm`.
    pub extension: String,
}

/// The image as a file of at most `bytes_max` bytes with its extension, or why there is none, in words.
pub(super) fn picture(file: &PdfFile, image: &Stream, bytes_max: usize) -> Result<(Vec<u8>, &'static str), String> {
    let over = || format!("the picture is larger than what is left of read.pdf.picture_bytes_max ({bytes_max} bytes)");
    let ImageData { bytes, codec } = file.image_data(image, bytes_max)?;
    let size = |long: &[u8], short: &[u8]| {
        let size = file.get_number(&image.dict, long).or_else(|| file.get_number(&image.dict, short)).unwrap_or(0.0);
        if (1.0..=65_535.0).contains(&size) { Ok(size as usize) } else { Err("the picture has no size".to_string()) }
    };
    let (width, height) = (size(b"Width", b"W")?, size(b"Height", b"H")?);
    if width * height / 8 > bytes_max {
        return Err(over());
    }
    let (bytes, extension) = match codec {
        Some((b"DCTDecode", _)) => (bytes, "jpg"),
        Some((b"JPXDecode", _)) => (bytes, "jp2"),
        Some((b"CCITTFaxDecode", parameters)) => (fax(file, &image.dict, parameters, (width, height), &bytes), "tif"),
        Some((other, _)) => {
            return Err(format!("pictures packed with {} are not read", String::from_utf8_lossy(other)));
        }
        None => {
            let samples = Samples::new(file, &image.dict)?;
            if samples.bits > 1 && width * height > bytes_max {
                return Err(over());
            }
            samples.encode(width, height, &bytes)
        }
    };
    if bytes.len() > bytes_max { Err(over()) } else { Ok((bytes, extension)) }
}

/// Whether the samples of an image are turned round: the first of a pair is the larger.
fn is_inverted(file: &PdfFile, image: &Dictionary) -> bool {
    let decode = file.get(image, b"Decode").and_then(|decode| file.numbers(decode)).unwrap_or_default();
    matches!(decode[..], [low, high, ..] if low > high)
}

/// Wraps fax data into a TIFF file of one strip (TIFF 6.0, sections 2 and 11).
fn fax(
    file: &PdfFile,
    image: &Dictionary,
    parameters: Option<&Dictionary>,
    (width, height): (usize, usize),
    data: &[u8],
) -> Vec<u8> {
    let number = |key: &[u8], usual: f64| parameters.and_then(|dict| file.get_number(dict, key)).unwrap_or(usual);
    let scheme = number(b"K", 0.0);
    let columns = number(b"Columns", 1728.0).clamp(1.0, 65_535.0) as u32;
    let columns = if columns == 1728 && parameters.is_none() { width as u32 } else { columns };
    let black_is_one = parameters
        .and_then(|dict| file.get(dict, b"BlackIs1"))
        .is_some_and(|black| matches!(black, Object::Boolean(true)));
    let white_is_zero = u32::from(black_is_one != is_inverted(file, image));
    let start = 8 + 2 + TIFF_ENTRIES * 12 + 4;
    let entries = [
        (256, columns),
        (257, height as u32),
        (258, 1),
        (259, if scheme < 0.0 { 4 } else { 3 }),
        (262, white_is_zero),
        (273, start),
        (278, height as u32),
        (279, data.len() as u32),
        if scheme < 0.0 { (293, 0) } else { (292, u32::from(scheme > 0.0)) },
    ];
    let mut out = Vec::with_capacity(start as usize + data.len());
    out.extend(b"II*\0\x08\0\0\0");
    out.extend((TIFF_ENTRIES as u16).to_le_bytes());
    for (tag, value) in entries {
        out.extend((tag as u16).to_le_bytes());
        // Every value is one 32-bit number.
        out.extend(4u16.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend(u32::to_le_bytes(value));
    }
    out.extend([0; 4]);
    out.extend(data);
    out
}

/// How the samples of an unpacked image become grey.
struct Samples {
    /// Bits of one component: 1, 2, 4, 8 or 16.
    bits: usize,
    components: usize,
    /// The grey of each index, for images with a palette.
    palette: Option<Vec<u8>>,
    inverted: bool,
    /// Whether more means darker, as with inks.
    ink: bool,
}

impl Samples {
    fn new(file: &PdfFile, image: &Dictionary) -> Result<Self, String> {
        let is_mask = file.get(image, b"ImageMask").is_some_and(|mask| matches!(mask, Object::Boolean(true)));
        let bits = if is_mask { 1.0 } else { file.get_number(image, b"BitsPerComponent").unwrap_or(8.0) };
        let bits = [1, 2, 4, 8, 16].into_iter().find(|&known| bits as usize == known);
        let bits = bits.ok_or_else(|| "the picture has samples of an unknown size".to_string())?;
        let space = file.get(image, b"ColorSpace");
        let mut samples = Self { bits, components: 1, palette: None, inverted: is_inverted(file, image), ink: false };
        if let Some(Object::Array(list)) = space
            && let [kind, base, _, table, ..] = list.as_slice()
            && file.resolve(kind).as_name().ok() == Some(b"Indexed")
        {
            let table = match file.resolve(table) {
                Object::String(bytes, _) => bytes.clone(),
                Object::Stream(stream) => file.decode(stream)?,
                _ => return Err("the picture's palette is damaged".to_string()),
            };
            let (components, ink) = color_space(file, Some(file.resolve(base)));
            samples.palette = Some(table.chunks_exact(components).map(|color| grey(color, ink)).collect());
        } else {
            (samples.components, samples.ink) = color_space(file, space);
        }
        Ok(samples)
    }

    /// A bitmap (`pbm`) for black and white, else a greymap (`pgm`). Missing samples are white.
    fn encode(&self, width: usize, height: usize, bytes: &[u8]) -> (Vec<u8>, &'static str) {
        let stride = (width * self.components * self.bits).div_ceil(8);
        if self.bits == 1 && self.components == 1 && self.palette.is_none() {
            let mut out = format!("P4\n{width} {height}\n").into_bytes();
            // In a bitmap one is black, in a PDF zero is.
            let flip = if self.inverted == self.ink { 0xff } else { 0 };
            out.extend((0..stride * height).map(|at| bytes.get(at).map_or(0, |byte| byte ^ flip)));
            return (out, "pbm");
        }
        let mut out = format!("P5\n{width} {height}\n255\n").into_bytes();
        let mut color = vec![0; self.components];
        for row in 0..height {
            let row = bytes.get(row * stride..).unwrap_or_default();
            for column in 0..width {
                for (index, slot) in color.iter_mut().enumerate() {
                    *slot = self.sample(row, column * self.components + index);
                }
                out.push(match &self.palette {
                    Some(palette) => palette.get(usize::from(color[0])).copied().unwrap_or(255),
                    None => grey(&color, self.ink),
                });
            }
        }
        (out, "pgm")
    }

    /// One sample: spread over 0 to 255, or the index into the palette.
    fn sample(&self, row: &[u8], index: usize) -> u8 {
        let byte = |at: usize| row.get(at).copied();
        let value = match self.bits {
            8 => byte(index),
            16 => byte(index * 2),
            bits => {
                let most = (1u8 << bits) - 1;
                let at = index * bits;
                let value = byte(at / 8).map(|byte| byte >> (8 - bits - at % 8) & most);
                if self.palette.is_some() { value } else { value.map(|value| value * (255 / most)) }
            }
        };
        let value = value.unwrap_or(if self.ink || self.palette.is_some() { 0 } else { 255 });
        if self.inverted && self.palette.is_none() { 255 - value } else { value }
    }
}

/// The number of components of a colour space, and whether they are inks.
fn color_space(file: &PdfFile, space: Option<&Object>) -> (usize, bool) {
    let name = |object: &Object| object.as_name().map(<[u8]>::to_vec).unwrap_or_default();
    match space {
        Some(Object::Array(list)) => {
            let first = list.first().map(|first| name(file.resolve(first))).unwrap_or_default();
            let second = list.get(1).map(|second| file.resolve(second));
            match (first.as_slice(), second) {
                (b"ICCBased", Some(Object::Stream(profile))) => {
                    let components = file.get_number(&profile.dict, b"N").unwrap_or(3.0).clamp(1.0, 4.0) as usize;
                    (components, components == 4)
                }
                (b"DeviceN", Some(Object::Array(inks))) => (inks.len().clamp(1, 32), true),
                (b"Separation", _) => (1, true),
                (other, _) => named_color_space(other),
            }
        }
        Some(object) => named_color_space(&name(object)),
        None => (1, false),
    }
}

fn named_color_space(name: &[u8]) -> (usize, bool) {
    match name {
        b"DeviceRGB" | b"RGB" | b"CalRGB" | b"Lab" => (3, false),
        b"DeviceCMYK" | b"CMYK" => (4, true),
        _ => (1, false),
    }
}

/// The lightness of a colour: ITU-R BT.601 for light, the paper that inks leave free for inks.
fn grey(color: &[u8], ink: bool) -> u8 {
    match (color, ink) {
        (inks, true) => 255 - inks.iter().fold(0u8, |sum, ink| sum.saturating_add(*ink)),
        ([red, green, blue], false) => {
            ((u32::from(*red) * 299 + u32::from(*green) * 587 + u32::from(*blue) * 114) / 1000) as u8
        }
        (other, false) => other.first().copied().unwrap_or(255),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(bits: usize, components: usize) -> Samples {
        Samples { bits, components, palette: None, inverted: false, ink: false }
    }

    #[test]
    fn samples_become_bitmaps_and_greymaps() {
        assert_eq!(samples(1, 1).encode(9, 1, &[0b1010_0000, 0]).0, b"P4\n9 1\n\x5f\xff");
        assert_eq!(samples(4, 1).encode(3, 1, &[0xf0, 0x80]).0, b"P5\n3 1\n255\n\xff\x00\x88");
        assert_eq!(samples(8, 3).encode(1, 2, &[255, 255, 255]).0, b"P5\n1 2\n255\n\xff\xff");
        let palette = Samples { palette: Some(vec![7, 9]), ..samples(1, 1) };
        assert_eq!(palette.encode(2, 1, &[0b0100_0000]).0, b"P5\n2 1\n255\n\x07\x09");
        assert_eq!(grey(&[0, 0, 0, 255], true), 0);
    }
}

//! Unpacked samples of an image → pixels; knows colour spaces, not how images are packed.

use lopdf::{Dictionary, Object};

use super::file::PdfFile;
use super::raster::{Pixels, Raster};

/// More than 256 colours of many components take.
const PALETTE_BYTES_MAX: usize = 1 << 16;

/// Whether the samples of an image are turned round: the first of a pair is the larger.
fn is_inverted(file: &PdfFile, image: &Dictionary) -> bool {
    let decode = file.get(image, b"Decode").and_then(|decode| file.numbers(decode)).unwrap_or_default();
    matches!(decode[..], [low, high, ..] if low > high)
}

/// How the samples of an unpacked image become grey.
pub(super) struct Samples {
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
    /// Reads what an image's dictionary says of its samples, which have `usual` bits where it does not say that.
    ///
    /// # Errors
    /// Why they cannot be read, in words.
    pub(super) fn new(file: &PdfFile, image: &Dictionary, usual: f64) -> Result<Self, String> {
        let is_mask = matches!(file.get(image, b"ImageMask"), Some(Object::Boolean(true)));
        let bits = if is_mask { 1.0 } else { file.get_number(image, b"BitsPerComponent").unwrap_or(usual) };
        let bits = [1, 2, 4, 8, 16].into_iter().find(|&known| bits as usize == known);
        let bits = bits.ok_or_else(|| "the picture has samples of an unknown size".to_string())?;
        let space = file.get(image, b"ColorSpace");
        let mut samples = Self { bits, components: 1, palette: None, inverted: is_inverted(file, image), ink: false };
        if let Some(Object::Array(list)) = space
            && let [kind, base, _, table, ..] = list.as_slice()
            && matches!(file.resolve(kind).as_name(), Ok(b"Indexed" | b"I"))
        {
            let table = match file.resolve(table) {
                Object::String(bytes, _) => bytes.clone(),
                Object::Stream(stream) => file.decode_within(stream, PALETTE_BYTES_MAX)?,
                _ => return Err("the picture's palette is damaged".to_string()),
            };
            let (components, ink) = color_space(file, Some(file.resolve(base)));
            samples.palette = Some(table.chunks_exact(components).map(|color| grey(color, ink)).collect());
        } else {
            (samples.components, samples.ink) = color_space(file, space);
        }
        Ok(samples)
    }

    /// Bytes of a row of samples.
    pub(super) fn stride(&self, width: usize) -> usize {
        (width * self.components * self.bits).div_ceil(8)
    }

    /// Whether the pixels are black and white alone.
    pub(super) fn is_bits(&self) -> bool {
        self.bits == 1 && self.components == 1 && self.palette.is_none()
    }

    /// The pixels. Missing samples are white.
    pub(super) fn raster(&self, width: usize, height: usize, bytes: &[u8]) -> Raster {
        let stride = self.stride(width);
        if self.is_bits() {
            // In a bitmap one is black, in a PDF zero is.
            let flip = if self.inverted == self.ink { 0xff } else { 0 };
            let bits = (0..stride * height).map(|at| bytes.get(at).map_or(0, |byte| byte ^ flip)).collect();
            return Raster { width, height, pixels: Pixels::Bits(bits) };
        }
        let mut out = Vec::with_capacity(width * height);
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
        Raster { width, height, pixels: Pixels::Grey(out) }
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
        assert_eq!(samples(1, 1).raster(9, 1, &[0b1010_0000, 0]).encode(), b"P4\n9 1\n\x5f\xff");
        assert_eq!(samples(4, 1).raster(3, 1, &[0xf0, 0x80]).encode(), b"P5\n3 1\n255\n\xff\x00\x88");
        assert_eq!(samples(8, 3).raster(1, 2, &[255, 255, 255]).encode(), b"P5\n1 2\n255\n\xff\xff");
        let palette = Samples { palette: Some(vec![7, 9]), ..samples(1, 1) };
        assert_eq!(palette.raster(2, 1, &[0b0100_0000]).encode(), b"P5\n2 1\n255\n\x07\x09");
        assert_eq!(grey(&[0, 0, 0, 255], true), 0);
    }
}

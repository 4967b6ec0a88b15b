//! The images drawn on a scanned page → files that text recognition programs read, upright; knows image dictionaries, not how text is
//! recognised.

use std::borrow::Cow;

use lopdf::{Object, Stream};
use serde::{Deserialize, Serialize};

use super::bilevel;
use super::file::{ImageData, PdfFile};
use super::matrix::Matrix;
use super::raster::{Layer, Raster, paint};
use super::samples::Samples;
use super::tiff;

/// Pixels of one picture: a sheet of A0 with 300 of them an inch.
const PIXELS_MAX: usize = 140_000_000;
/// Pixels for each point of a picture that is put together: 600 an inch.
const RESOLUTION_MAX: f64 = 600.0 / 72.0;
/// Images of one page that are looked at.
pub(super) const IMAGES_MAX: usize = 4_096;
/// The part of a page that an image covers when it is the page: scans have margins and stamps beside them.
const PAGE_PART_MIN: f64 = 0.4;
/// The part of a page that images cover when they show something to read, and not a logo or a line.
const PART_MIN: f64 = 0.02;
/// A layer of black and white is this much finer than the picture of the paper behind it.
const FINER: f64 = 1.3;
/// Pixels whose sides differ by more than this are made square.
const OBLONG: f64 = 1.1;

/// The picture that a page without text consists of, or one of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagePicture {
    /// The page's number, from 1.
    pub page: u32,
    /// An image file. It travels beside what describes it.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// The format of the image file.
    pub format: PictureFormat,
}

/// The formats of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFormat {
    /// JPEG.
    Jpg,
    /// JPEG 2000.
    Jp2,
    /// A TIFF file that holds a JPEG file and says how to turn it.
    Tif,
    /// A greymap.
    Pgm,
    /// A bitmap.
    Pbm,
}

/// An image with its place on the page.
pub(super) struct Placed<'a> {
    pub(super) image: Cow<'a, Stream>,
    /// From the unit square to points of the upright page, y down.
    pub(super) place: Matrix,
}

/// What was made of the images of a page.
#[derive(Default)]
pub(super) struct Pictures {
    /// Image files in reading order.
    pub(super) files: Vec<(Vec<u8>, PictureFormat)>,
    /// What could not be made, in words.
    pub(super) problems: Vec<String>,
}

impl Pictures {
    fn push(&mut self, file: Result<(Vec<u8>, PictureFormat), String>) {
        match file {
            Ok(file) => self.files.push(file),
            Err(problem) => self.problem(problem),
        }
    }

    fn problem(&mut self, problem: String) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// The pictures that show the images of a page of `size`, in points, of at most `bytes_max` bytes together.
///
/// One image that is the page is one picture, as is what several images show together when they can be unpacked here; images that
/// cannot, as JPEG files, are pictures of their own.
pub(super) fn pictures(file: &PdfFile, placed: &[Placed<'_>], size: (f64, f64), bytes_max: usize) -> Pictures {
    let mut made = Pictures::default();
    let pieces: Vec<Piece<'_>> = placed.iter().filter_map(|placed| Piece::new(file, placed, size)).collect();
    let pieces = text_layer(pieces);
    if pieces.iter().map(|piece| piece.part).sum::<f64>() < PART_MIN {
        return made;
    }
    if let [piece] = pieces.as_slice()
        && piece.mask.is_none()
    {
        let file = piece.file(file, bytes_max, &mut made);
        made.push(file);
        return made;
    }
    if pieces.iter().all(|piece| !piece.is_packed || piece.mask.is_some()) {
        let file = together(file, &pieces, bytes_max, &mut made);
        made.push(file);
        return made;
    }
    let pages = pieces.iter().filter(|piece| piece.part >= PAGE_PART_MIN);
    let largest = pages.max_by_key(|piece| (piece.pixels(), piece.is_ink()));
    let mut alone: Vec<&Piece<'_>> = largest.map_or_else(|| pieces.iter().collect(), |piece| vec![piece]);
    alone.retain(|piece| alone_part(piece, pieces.len()));
    alone.sort_by(|a, b| a.corner().0.total_cmp(&b.corner().0).then(a.corner().1.total_cmp(&b.corner().1)));
    for piece in alone {
        let used: usize = made.files.iter().map(|(bytes, _)| bytes.len()).sum();
        let file = piece.file(file, bytes_max.saturating_sub(used), &mut made);
        made.push(file);
    }
    made
}

/// Whether a piece is large enough to be read alone, out of `count`.
fn alone_part(piece: &Piece<'_>, count: usize) -> bool {
    piece.part * count as f64 >= PART_MIN && piece.size.0.min(piece.size.1) >= 8
}

/// The pieces with the text: scans that are parted into layers have it in a fine one of black and white over a coarse one of the paper.
fn text_layer(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let finest = |is_ink: bool| {
        let some = pieces.iter().filter(|piece| piece.is_ink() == is_ink);
        some.map(|piece| piece.resolution().0.max(piece.resolution().1)).fold(0.0, f64::max)
    };
    let (ink, rest) = (finest(true), finest(false));
    if rest > 0.0 && ink > rest * FINER { pieces.into_iter().filter(Piece::is_ink).collect() } else { pieces }
}

/// A picture of all pieces in their places.
fn together(
    file: &PdfFile,
    pieces: &[Piece<'_>],
    bytes_max: usize,
    made: &mut Pictures,
) -> Result<(Vec<u8>, PictureFormat), String> {
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    let mut resolution: f64 = 0.0;
    for piece in pieces {
        low = (low.0.min(piece.seen.0.0), low.1.min(piece.seen.0.1));
        high = (high.0.max(piece.seen.1.0), high.1.max(piece.seen.1.1));
        resolution = resolution.max(piece.resolution().0).max(piece.resolution().1);
    }
    let size = (high.0 - low.0, high.1 - low.1);
    // A tiny image of many pixels must not make the page large.
    let resolution = resolution.min(RESOLUTION_MAX).min((PIXELS_MAX as f64 / 2.0 / (size.0 * size.1)).sqrt());
    let (width, height) = ((size.0 * resolution).round().max(1.0), (size.1 * resolution).round().max(1.0));
    let (width, height) = (width.min(65_535.0) as usize, height.min(65_535.0) as usize);
    let mut layers = Vec::with_capacity(pieces.len());
    let mut pixels_left = PIXELS_MAX;
    for piece in pieces {
        let Some(left) = pixels_left.checked_sub(piece.pixels()) else {
            made.problem("the images on it have too many pixels".into());
            break;
        };
        pixels_left = left;
        match piece.layer(file, bytes_max, made) {
            Ok(layer) => {
                let to_pixels = Matrix([resolution, 0.0, 0.0, resolution, -low.0 * resolution, -low.1 * resolution]);
                layers.push(Layer { place: piece.place.then(to_pixels), ..layer });
            }
            Err(problem) => made.problem(problem),
        }
    }
    if layers.is_empty() {
        return Err(made.problems.pop().unwrap_or_default());
    }
    let (canvas, is_whole) = paint(width, height, &layers, PIXELS_MAX.max(width * height * 4));
    if !is_whole {
        made.problem("too many images lie one over the other".into());
    }
    encoded(&canvas, bytes_max)
}

fn encoded(raster: &Raster, bytes_max: usize) -> Result<(Vec<u8>, PictureFormat), String> {
    let bytes = raster.encode();
    let format = if raster.is_bits() { PictureFormat::Pbm } else { PictureFormat::Pgm };
    if bytes.len() > bytes_max { Err(over(bytes_max)) } else { Ok((bytes, format)) }
}

fn over(bytes_max: usize) -> String {
    format!("the picture is larger than what is left of read.pdf.picture_bytes_max ({bytes_max} bytes)")
}

/// An image that can be seen.
struct Piece<'a> {
    image: &'a Stream,
    /// What says where the image is painted, and whether it does so by being light.
    mask: Option<(&'a Stream, bool)>,
    place: Matrix,
    /// Width and height in pixels.
    size: (usize, usize),
    /// The corners of the part of the page where it is seen.
    seen: ((f64, f64), (f64, f64)),
    /// The part of the page that it covers.
    part: f64,
    /// Whether it is packed in a way that is not unpacked here.
    is_packed: bool,
    is_bits: bool,
}

impl<'a> Piece<'a> {
    fn new(file: &'a PdfFile, placed: &'a Placed<'_>, page: (f64, f64)) -> Option<Self> {
        let image: &Stream = &placed.image;
        let (low, high) = placed.place.unit_box();
        let low = (low.0.max(0.0), low.1.max(0.0));
        let high = (high.0.min(page.0), high.1.min(page.1));
        let part = (high.0 - low.0) * (high.1 - low.1) / (page.0 * page.1);
        if high.0 <= low.0 || high.1 <= low.1 || !part.is_finite() {
            return None;
        }
        let soft = file.get(&image.dict, b"SMask").and_then(|mask| mask.as_stream().ok()).map(|mask| (mask, true));
        let hard = || file.get(&image.dict, b"Mask").and_then(|mask| mask.as_stream().ok()).map(|mask| (mask, false));
        let is_packed = is_packed(file, image);
        let mut size = pixel_size(file, image).unwrap_or_default();
        let mask = soft.or_else(hard).filter(|(mask, _)| {
            let fine = pixel_size(file, mask).unwrap_or_default();
            // Colour that cannot be unpacked is ink where a mask is so much finer that the text must be in it.
            let is_ink = fine.0 as f64 > size.0 as f64 * FINER && fine.1 as f64 > size.1 as f64 * FINER;
            let is_used = !self::is_packed(file, mask) && (!is_packed || is_ink);
            if is_used {
                size = (size.0.max(fine.0), size.1.max(fine.1));
            }
            is_used
        });
        let is_bits = Samples::new(file, &image.dict, usual_bits(file, image)).is_ok_and(|samples| samples.is_bits());
        Some(Self { image, mask, place: placed.place, size, seen: (low, high), part, is_packed, is_bits })
    }

    /// Whether it is of black and white, by itself or where a mask shows it.
    fn is_ink(&self) -> bool {
        if self.is_packed { self.mask.is_some() } else { self.is_bits }
    }

    fn pixels(&self) -> usize {
        self.size.0 * self.size.1
    }

    /// Pixels for each point, along rows and along columns.
    fn resolution(&self) -> (f64, f64) {
        let [a, b, c, d, ..] = self.place.0;
        let along = |pixels: usize, x: f64, y: f64| pixels as f64 / x.hypot(y).max(0.01);
        (along(self.size.0, a, b), along(self.size.1, c, d))
    }

    /// How far it is from the page's top, and from its left.
    fn corner(&self) -> (f64, f64) {
        (self.seen.0.1, self.seen.0.0)
    }

    /// The piece alone as a file.
    fn file(&self, file: &PdfFile, bytes_max: usize, made: &mut Pictures) -> Result<(Vec<u8>, PictureFormat), String> {
        let turn = tiff::orientation(self.place);
        let ImageData { bytes, codec } = file.image_data(self.image, bytes_max)?;
        let packed = match codec {
            Some((b"DCTDecode", _)) if turn == 1 => (bytes, PictureFormat::Jpg),
            Some((b"DCTDecode", _)) => {
                let wrapped = tiff::wrap_jpeg(&bytes, turn);
                (wrapped.ok_or("the picture is turned, and its data is damaged")?, PictureFormat::Tif)
            }
            Some((b"JPXDecode", _)) if turn == 1 => (bytes, PictureFormat::Jp2),
            Some((b"JPXDecode", _)) => return Err("the picture is a turned JPEG 2000 image".into()),
            _ => {
                let [a, b, c, d, ..] = self.place.0;
                let is_straight = b.abs() + c.abs() < (a.abs() + d.abs()) * 0.02;
                let (across, down) = self.resolution();
                let is_square = across.max(down) <= across.min(down) * OBLONG;
                if turn == 1 && is_straight && is_square {
                    return encoded(&raster(file, self.image, bytes_max, made)?, bytes_max);
                }
                return together(file, std::slice::from_ref(self), bytes_max, made);
            }
        };
        if packed.0.len() > bytes_max { Err(over(bytes_max)) } else { Ok(packed) }
    }

    /// The piece as a layer that is placed on the page.
    fn layer(&self, file: &PdfFile, bytes_max: usize, made: &mut Pictures) -> Result<Layer, String> {
        let mask = match self.mask {
            Some((mask, is_light)) => {
                let mut mask = raster(file, mask, bytes_max, made)?;
                // Light in a soft mask, and dark in a stencil, is where the image is painted.
                if is_light {
                    mask.invert();
                }
                Some(mask)
            }
            None => None,
        };
        let is_stencil = matches!(file.get(&self.image.dict, b"ImageMask"), Some(Object::Boolean(true)));
        Ok(match mask {
            mask if !self.is_packed => {
                let paint = raster(file, self.image, bytes_max, made)?;
                if is_stencil {
                    Layer { paint: None, mask: Some(paint), place: self.place }
                } else {
                    Layer { paint: Some(paint), mask, place: self.place }
                }
            }
            mask => Layer { paint: None, mask, place: self.place },
        })
    }
}

/// The filter of packed pictures that is the last of an image's.
fn codec<'a>(file: &'a PdfFile, image: &'a Stream) -> Option<&'a [u8]> {
    file.image_codec(image)
}

fn is_packed(file: &PdfFile, image: &Stream) -> bool {
    matches!(codec(file, image), Some(b"DCTDecode" | b"JPXDecode"))
}

/// The bits of a sample of an image that does not say so.
fn usual_bits(file: &PdfFile, image: &Stream) -> f64 {
    if matches!(codec(file, image), Some(b"CCITTFaxDecode" | b"JBIG2Decode")) { 1.0 } else { 8.0 }
}

fn pixel_size(file: &PdfFile, image: &Stream) -> Result<(usize, usize), String> {
    let size = |key: &[u8]| {
        let size = file.get_number(&image.dict, key).unwrap_or(0.0);
        if (1.0..=65_535.0).contains(&size) { Ok(size as usize) } else { Err("the picture has no size".to_string()) }
    };
    Ok((size(b"Width")?, size(b"Height")?))
}

/// The pixels of an image that is unpacked here.
fn raster(file: &PdfFile, image: &Stream, bytes_max: usize, made: &mut Pictures) -> Result<Raster, String> {
    let (width, height) = pixel_size(file, image)?;
    if width * height > PIXELS_MAX {
        return Err("the picture has too many pixels".into());
    }
    let samples = Samples::new(file, &image.dict, usual_bits(file, image))?;
    if width * height / (if samples.is_bits() { 8 } else { 1 }) > bytes_max {
        return Err(over(bytes_max));
    }
    // Small images whose data unpack to much more than they show would cost time again and again.
    let data_max = (samples.stride(width) * height / 2 + (16 << 10)).min(bytes_max);
    let ImageData { bytes, codec } = file.image_data(image, data_max)?;
    let unpacked = match codec {
        Some((b"CCITTFaxDecode", parameters)) => bilevel::fax(file, parameters, (width, height), &bytes)?,
        Some((b"JBIG2Decode", parameters)) => bilevel::jbig2(file, parameters, &bytes, PIXELS_MAX)?,
        Some((other, _)) => {
            return Err(format!("pictures packed with {} are not read", String::from_utf8_lossy(other)));
        }
        None => return Ok(samples.raster(width, height, &bytes)),
    };
    if let Some(problem) = unpacked.problem {
        made.problem(problem);
    }
    let stride = samples.stride(width);
    let mut rows = unpacked.bytes;
    if unpacked.stride != stride {
        rows = rows
            .chunks(unpacked.stride.max(1))
            .flat_map(|row| row.iter().copied().chain(std::iter::repeat(0xff)).take(stride))
            .collect();
    }
    Ok(samples.raster(width, height, &rows))
}

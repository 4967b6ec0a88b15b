//! Pixels of pictures: kept, looked up, painted over one another and written as bitmap or greymap files; knows nothing of PDF.

use super::matrix::Matrix;

/// Pixels, from the top row down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Pixels,
}

/// The rows of a raster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pixels {
    /// One bit a pixel, 1 is black; each row begins at a byte.
    Bits(Vec<u8>),
    /// One byte a pixel, 255 is white.
    Grey(Vec<u8>),
}

impl Raster {
    /// The grey of a pixel; white beside the raster.
    pub(super) fn get(&self, x: usize, y: usize) -> u8 {
        if x >= self.width || y >= self.height {
            return 255;
        }
        match &self.pixels {
            Pixels::Grey(bytes) => bytes[y * self.width + x],
            Pixels::Bits(bytes) if bytes[y * self.width.div_ceil(8) + x / 8] >> (7 - x % 8) & 1 == 1 => 0,
            Pixels::Bits(_) => 255,
        }
    }

    /// Whether it has black and white alone.
    pub(super) fn is_bits(&self) -> bool {
        matches!(self.pixels, Pixels::Bits(_))
    }

    /// Makes dark what is light.
    pub(super) fn invert(&mut self) {
        let (Pixels::Bits(bytes) | Pixels::Grey(bytes)) = &mut self.pixels;
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }

    /// A file: PBM for black and white, else PGM.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (width, height) = (self.width, self.height);
        let (mut out, bytes) = match &self.pixels {
            Pixels::Bits(bytes) => (format!("P4\n{width} {height}\n").into_bytes(), bytes),
            Pixels::Grey(bytes) => (format!("P5\n{width} {height}\n255\n").into_bytes(), bytes),
        };
        out.extend(bytes);
        out
    }
}

/// A raster that is painted onto a canvas.
pub(super) struct Layer {
    /// What is painted; black where there is none.
    pub(super) paint: Option<Raster>,
    /// Where it is painted: where this is dark.
    pub(super) mask: Option<Raster>,
    /// From the unit square, y up, to the canvas, y down and in pixels.
    pub(super) place: Matrix,
}

/// A white canvas with the layers one over the other, each pixel of it that of a layer in its middle. Also says whether all of it was
/// painted: with more than `pixels_max` painted, later layers are left out.
pub(super) fn paint(width: usize, height: usize, layers: &[Layer], pixels_max: usize) -> (Raster, bool) {
    let mut canvas = vec![255u8; width * height];
    let mut left = pixels_max;
    let mut is_whole = true;
    for layer in layers {
        let Some(back) = layer.place.inverse() else { continue };
        let (low, high) = layer.place.unit_box();
        let range =
            |low: f64, high: f64, most: usize| low.floor().max(0.0) as usize..(high.ceil().max(0.0) as usize).min(most);
        let (columns, rows) = (range(low.0, high.0, width), range(low.1, high.1, height));
        let Some(less) = left.checked_sub(columns.len() * rows.len()) else {
            is_whole = false;
            continue;
        };
        left = less;
        for row in rows {
            for column in columns.clone() {
                let (u, v) = back.apply(column as f64 + 0.5, row as f64 + 0.5);
                if !(0.0..1.0).contains(&u) || !(0.0..1.0).contains(&(1.0 - v)) {
                    continue;
                }
                let at = |raster: &Raster| {
                    raster.get((u * raster.width as f64) as usize, ((1.0 - v) * raster.height as f64) as usize)
                };
                if layer.mask.as_ref().is_none_or(|mask| at(mask) < 128) {
                    canvas[row * width + column] = layer.paint.as_ref().map_or(0, at);
                }
            }
        }
    }
    let is_bits = layers.iter().all(|layer| layer.paint.as_ref().is_none_or(Raster::is_bits));
    let pixels = if is_bits { Pixels::Bits(pack(&canvas, width)) } else { Pixels::Grey(canvas) };
    (Raster { width, height, pixels }, is_whole)
}

fn pack(grey: &[u8], width: usize) -> Vec<u8> {
    let byte =
        |pixels: &[u8]| pixels.iter().enumerate().fold(0, |byte, (at, &grey)| byte | u8::from(grey < 128) << (7 - at));
    grey.chunks(width.max(1)).flat_map(|row| row.chunks(8).map(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_turned_and_painted_in_order() {
        // 2 × 1 pixels, black and white, a quarter turn clockwise: black on top.
        let pair = Raster { width: 2, height: 1, pixels: Pixels::Bits(vec![0b1000_0000]) };
        let turned = Layer { paint: Some(pair.clone()), mask: None, place: Matrix([0.0, 2.0, 1.0, 0.0, 0.0, 0.0]) };
        let (canvas, is_whole) = paint(1, 2, &[turned], 100);
        assert!(is_whole);
        assert_eq!(canvas, Raster { width: 1, height: 2, pixels: Pixels::Bits(vec![0x80, 0]) });
        // Grey below, ink through a mask above it.
        let upright = |paint, mask| Layer { paint, mask, place: Matrix([2.0, 0.0, 0.0, -1.0, 0.0, 1.0]) };
        let grey = Raster { width: 1, height: 1, pixels: Pixels::Grey(vec![200]) };
        let layers = [upright(Some(grey), None), upright(None, Some(pair))];
        assert_eq!(paint(2, 1, &layers, 4).0.encode(), b"P5\n2 1\n255\n\x00\xc8");
        assert!(!paint(2, 1, &layers, 3).1);
    }
}

//! Token vectors packed small enough to keep for every chunk, and MaxSim of a query's tokens over them.
//!
//! A token's unit vector is rotated by a fixed random rotation, after which its coordinates are nearly independent normal
//! variables, and each is kept in a few bits with one scale a token (as in RaBitQ, Gao & Long 2024, and its several-bit
//! extension, Gao et al. 2025). The scale makes the estimate of a dot product unbiased.

mod kernel;
mod rotation;

use half::f16;
use kernel::Kernel;
use pulp::Simd;
use rotation::{LANES, Rotated, Rotation};

/// Version of the packed form; part of the identity of an index.
pub const VERSION: u32 = 1;

/// Bits a coordinate. Measured on retrieval: see benches/results. The codes 0 to 3 stand for -3, -1, 1 and 3, the mid-points of four
/// equal steps, in units of half a step.
const BITS: usize = 2;

/// Half a step in standard deviations: the best uniform four-level quantizer of a normal variable has steps of 0.996
/// (Max 1960, table I).
const HALF_STEP: f32 = 0.498;

/// Bytes of one packed token of width `width`.
#[must_use]
pub fn packed_bytes(width: usize) -> usize {
    2 + (width * BITS).div_ceil(8)
}

/// Packs token vectors, `[tokens, width]` row-major, each of length 1, where `keep` says so; the others are left out.
#[must_use]
pub fn pack(vectors: &[f32], width: usize, keep: impl Fn(usize) -> bool) -> Vec<u8> {
    let vectors = vectors.chunks_exact(width).enumerate();
    let kept: Vec<&[f32]> = vectors.filter(|(index, _)| keep(*index)).map(|(_, vector)| vector).collect();
    // The same steps for this processor's widest registers; none of them rounds differently there.
    pulp::Arch::new().dispatch(Pack { vectors: &kept, width })
}

struct Pack<'a> {
    vectors: &'a [&'a [f32]],
    width: usize,
}

impl pulp::WithSimd for Pack<'_> {
    type Output = Vec<u8>;

    #[expect(clippy::inline_always, reason = "as `Rotation::apply`")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<u8> {
        let Pack { vectors, width } = self;
        let rotation = Rotation::new(width);
        let mut rotated = Rotated::of_width(width);
        let bytes = packed_bytes(width);
        let mut packed = vec![0; bytes * vectors.len()];
        let mut codes = vec![0; (bytes - 2) * LANES];
        for (vectors, packed) in vectors.chunks(LANES).zip(packed.chunks_mut(LANES * bytes)) {
            rotation.apply(simd, vectors, &mut rotated);
            let along = quantize(simd, &rotated.rows, &mut codes);
            for (lane, token) in packed.chunks_exact_mut(bytes).enumerate() {
                let scale = if along[lane] > 0.0 { 1.0 / along[lane] } else { 0.0 };
                token[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
                for (byte, row) in token[2..].iter_mut().zip(codes.chunks_exact(LANES)) {
                    *byte = row[lane] as u8;
                }
            }
        }
        packed
    }
}

/// The codes of `rows`, `[width, LANES]`, several in the low byte of each of `codes`, `[bytes, LANES]`; and for each lane the dot product
/// of its coordinates with what their codes stand for.
#[expect(clippy::inline_always, reason = "only within the caller is it compiled for the instructions chosen there")]
#[inline(always)]
fn quantize<S: Simd>(simd: S, rows: &[f32], codes: &mut [u32]) -> [f32; LANES] {
    let width = rows.len() / LANES;
    let step = simd.splat_f32s(2.0 * HALF_STEP / (width as f32).sqrt());
    let edges = [simd.neg_f32s(step), simd.splat_f32s(0.0), step];
    let (lowest, low) = (simd.splat_f32s(-3.0), simd.splat_f32s(-1.0));
    let (high, highest) = (simd.splat_f32s(1.0), simd.splat_f32s(3.0));
    // Every eighth coordinate is summed apart: long sums of small numbers lose digits, and what is on disk was summed so.
    let mut sums = [[0.0; LANES]; 8];
    codes.fill(0);
    for (index, row) in rows.chunks_exact(LANES).enumerate() {
        let (byte, shift) = (index * BITS / 8, index * BITS % 8);
        let (one, none) = (simd.splat_u32s(1 << shift), simd.splat_u32s(0));
        let row = S::as_simd_f32s(row).0;
        let codes = S::as_mut_simd_u32s(&mut codes[byte * LANES..][..LANES]).0;
        let sums = S::as_mut_simd_f32s(&mut sums[index % 8]).0;
        for ((value, code), sum) in row.iter().zip(codes).zip(sums) {
            // The code is how many of the edges between levels lie at or below it.
            let above = [
                simd.greater_than_or_equal_f32s(*value, edges[0]),
                simd.greater_than_or_equal_f32s(*value, edges[1]),
                simd.greater_than_or_equal_f32s(*value, edges[2]),
            ];
            let upper = simd.select_f32s(above[2], highest, high);
            let lower = simd.select_f32s(above[0], low, lowest);
            let centre = simd.select_f32s(above[1], upper, lower);
            for above in above {
                *code = simd.add_u32s(*code, simd.select_u32s(above, one, none));
            }
            *sum = simd.add_f32s(*sum, simd.mul_f32s(*value, centre));
        }
    }
    let mut along = [0.0; LANES];
    for sums in sums {
        for lane in 0..LANES {
            along[lane] += sums[lane];
        }
    }
    along
}

/// The token vectors of a query, ready to be compared with packed ones.
#[derive(Debug, Clone)]
pub struct QueryTokens {
    width: usize,
    kernel: Kernel,
    /// Weight of each token; they sum to 1.
    weights: Vec<f32>,
}

impl QueryTokens {
    /// From unit vectors `[tokens, width]` and a weight of 0 or more for each.
    ///
    /// # Panics
    /// When there is not one weight a vector.
    #[must_use]
    pub fn new(vectors: &[f32], width: usize, weights: &[f32]) -> Self {
        assert_eq!(vectors.len(), width * weights.len(), "one weight a token");
        let mut codes = Vec::with_capacity(vectors.len());
        let mut scales = Vec::with_capacity(weights.len());
        for rotated in rotate(vectors, width).chunks_exact(width) {
            let largest = rotated.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            codes.extend(rotated.iter().map(|value| (value / scale).round() as i8));
            scales.push(scale);
        }
        let sum: f32 = weights.iter().sum();
        let weights = weights.iter().map(|weight| if sum > 0.0 { weight / sum } else { 0.0 }).collect();
        Self { width, kernel: Kernel::new(codes, width, scales), weights }
    }

    /// The weighted mean over the query's tokens of the best cosine among the packed tokens, about -1 to 1; higher is
    /// better. 0 when either side has no token.
    #[must_use]
    pub fn max_sim(&self, packed: &[u8]) -> f32 {
        let bytes = packed_bytes(self.width);
        if packed.len() < bytes || self.weights.is_empty() {
            return 0.0;
        }
        self.kernel.best(packed, bytes).iter().zip(&self.weights).map(|(best, weight)| best * weight).sum()
    }
}

struct Rotate<'a> {
    vectors: &'a [&'a [f32]],
    rotation: &'a Rotation,
    into: &'a mut Rotated,
}

impl pulp::WithSimd for Rotate<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "as `Rotation::apply`")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.rotation.apply(simd, self.vectors, self.into);
    }
}

/// The rotated vectors, `[vectors, width]` row-major like `vectors`.
fn rotate(vectors: &[f32], width: usize) -> Vec<f32> {
    let rotation = Rotation::new(width);
    let mut into = Rotated::of_width(width);
    let mut rotated = Vec::with_capacity(vectors.len());
    for vectors in vectors.chunks(LANES * width) {
        let vectors: Vec<&[f32]> = vectors.chunks_exact(width).collect();
        pulp::Arch::new().dispatch(Rotate { vectors: &vectors, rotation: &rotation, into: &mut into });
        for lane in 0..vectors.len() {
            rotated.extend(into.rows.chunks_exact(LANES).map(|row| row[lane]));
        }
    }
    rotated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::vector::{dot as exact, normalize};

    const LEVELS: i32 = 1 << BITS;

    fn unit(random: &mut Random, width: usize) -> Vec<f32> {
        // A sum of uniforms is near enough to normal for directions.
        let mut vector: Vec<f32> =
            (0..width).map(|_| (0..6).map(|_| random.below(2001) as f32 / 1000.0 - 1.0).sum::<f32>()).collect();
        normalize(&mut vector);
        vector
    }

    #[test]
    fn the_rotation_keeps_lengths_and_angles() {
        let mut random = Random::new(1);
        let (a, b) = (unit(&mut random, 384), unit(&mut random, 384));
        let both = rotate(&[a.clone(), b.clone()].concat(), 384);
        let (ra, rb) = both.split_at(384);
        assert!((exact(&a, &b) - exact(ra, rb)).abs() < 1e-5);
        assert!((exact(ra, ra) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn codes_are_the_nearest_levels_and_the_packed_form_stays() {
        let mut random = Random::new(4);
        let width = 384;
        let vector = unit(&mut random, width);
        let packed = pack(&vector, width, |_| true);
        let rotated = rotate(&vector, width);
        let step = 2.0 * HALF_STEP / (width as f32).sqrt();
        for (index, value) in rotated.iter().enumerate() {
            let level = ((value / step).floor() as i32 + LEVELS / 2).clamp(0, LEVELS - 1);
            let code = packed[2 + index * BITS / 8] >> (index * BITS % 8) & (LEVELS as u8 - 1);
            assert_eq!(i32::from(code), level, "{index}: {value}");
        }
        // Indexes on disk hold this form: a change of it needs a new `VERSION`.
        assert_eq!(packed[..8], [112, 39, 233, 75, 169, 46, 22, 164]);
    }

    #[test]
    fn tokens_packed_together_are_those_packed_alone() {
        let mut random = Random::new(5);
        // Blocks of 1, 4 and 64 coordinates; the last byte full or not.
        for width in [3, 12, 18, 64] {
            let vectors: Vec<f32> = (0..LANES + 3).flat_map(|_| unit(&mut random, width)).collect();
            let alone: Vec<u8> = vectors.chunks_exact(width).flat_map(|vector| pack(vector, width, |_| true)).collect();
            assert_eq!(pack(&vectors, width, |_| true), alone, "{width}");
            let bytes = packed_bytes(width);
            assert_eq!(pack(&vectors, width, |index| index > 0), alone[bytes..], "{width}");
        }
    }

    #[test]
    fn packed_similarities_are_near_the_exact_ones() {
        let mut random = Random::new(2);
        let mut error = 0.0;
        for _ in 0..200 {
            let a = unit(&mut random, 384);
            let mut b = unit(&mut random, 384);
            b.iter_mut().zip(&a).for_each(|(b, a)| *b += 0.8 * a);
            normalize(&mut b);
            let packed = pack(&b, 384, |_| true);
            assert_eq!(packed.len(), packed_bytes(384));
            let estimate = QueryTokens::new(&a, 384, &[1.0]).max_sim(&packed);
            error += (estimate - exact(&a, &b)).powi(2);
        }
        let rms = (error / 200.0).sqrt();
        assert!(rms < 0.025, "root mean square error {rms}");
    }

    #[test]
    fn the_best_token_counts_and_weights_sum_to_one() {
        let mut random = Random::new(3);
        let (a, b, c) = (unit(&mut random, 384), unit(&mut random, 384), unit(&mut random, 384));
        let passage = [a.clone(), c.clone()].concat();
        let packed = pack(&passage, 384, |_| true);
        let same = QueryTokens::new(&[a.clone(), c.clone()].concat(), 384, &[1.0, 3.0]).max_sim(&packed);
        assert!((same - 1.0).abs() < 0.05, "{same}");
        let other = QueryTokens::new(&b, 384, &[1.0]).max_sim(&packed);
        assert!(other < 0.4, "{other}");
        assert!(pack(&passage, 384, |_| false).is_empty());
        assert!(QueryTokens::new(&a, 384, &[1.0]).max_sim(&[]).abs() < 1e-9);
    }
}

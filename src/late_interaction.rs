//! Token vectors packed small enough to keep for every chunk, and MaxSim of a query's tokens over them.
//!
//! A token's unit vector is rotated by a fixed random rotation, after which its coordinates are nearly independent normal
//! variables, and each is kept in a few bits with one scale a token (as in RaBitQ, Gao & Long 2024, and its several-bit
//! extension, Gao et al. 2025). The scale makes the estimate of a dot product unbiased.

mod kernel;

use half::f16;

use kernel::Kernel;

use crate::vector::dot;

/// Version of the packed form; part of the identity of an index.
pub const VERSION: u32 = 1;

/// Bits a coordinate. Measured on retrieval: see benches/results.
const BITS: usize = 2;

/// Codes are the odd numbers -3, -1, 1, 3: the mid-points of four equal steps, in units of half a step.
const LEVELS: i32 = 1 << BITS;

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
    let tokens = vectors.chunks_exact(width).enumerate().filter(|(index, _)| keep(*index)).map(|(_, vector)| vector);
    // The same steps compiled for this processor's widest registers; none of them rounds differently there.
    pulp::Arch::new().dispatch(|| pack_tokens(tokens, width))
}

#[expect(clippy::inline_always, reason = "only within the caller is it compiled for the instructions chosen there")]
#[inline(always)]
fn pack_tokens<'a>(tokens: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<u8> {
    let rotation = Rotation::new(width);
    let (mut rotated, mut scratch, mut codes) = (vec![0.0; width], vec![0.0; width], vec![0; width]);
    let step = 2.0 * HALF_STEP / (width as f32).sqrt();
    let mut packed = Vec::new();
    for vector in tokens {
        rotation.apply(vector, &mut scratch, &mut rotated);
        let centres = &mut scratch;
        for ((value, level), centre) in rotated.iter().zip(&mut codes).zip(&mut *centres) {
            let steps = value / step;
            // How many of the edges between levels lie at or below it.
            *level = (1..LEVELS).map(|edge| u8::from(steps >= (edge - LEVELS / 2) as f32)).sum::<u8>();
            *centre = signed(i32::from(*level)) as f32;
        }
        let along = dot(&rotated, centres);
        let scale = if along > 0.0 { 1.0 / along } else { 0.0 };
        packed.extend_from_slice(&f16::from_f32(scale).to_le_bytes());
        let in_a_byte = |levels: &[u8]| levels.iter().rev().fold(0, |byte, level| byte << BITS | level);
        packed.extend(codes.chunks(8 / BITS).map(in_a_byte));
    }
    packed
}

fn signed(level: i32) -> i32 {
    2 * level - (LEVELS - 1)
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
        let rotation = Rotation::new(width);
        let mut rotated = vec![0.0; width];
        let mut codes = Vec::with_capacity(vectors.len());
        let mut scales = Vec::with_capacity(weights.len());
        let mut scratch = vec![0.0; width];
        for vector in vectors.chunks_exact(width) {
            rotation.apply(vector, &mut scratch, &mut rotated);
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

/// A fixed random rotation: twice, random signs, then a Hadamard transform of each block of a power of two, the blocks
/// interleaved in between. Takes O(width · log width) steps and no table.
struct Rotation {
    /// Largest power of two that divides the width.
    block: usize,
    signs: [Vec<f32>; 2],
}

impl Rotation {
    fn new(width: usize) -> Self {
        let block = if width == 0 { 1 } else { 1 << width.trailing_zeros() };
        // The seed only has to be the same for chunks and queries.
        let mut random = crate::random::Random::new(0x1b1d);
        let mut signs = || (0..width).map(|_| if random.next_bits() & 1 == 0 { 1.0 } else { -1.0 }).collect();
        Self { block, signs: [signs(), signs()] }
    }

    #[expect(clippy::inline_always, reason = "as `pack_tokens`")]
    #[inline(always)]
    fn apply(&self, vector: &[f32], scratch: &mut [f32], into: &mut [f32]) {
        let blocks = vector.len() / self.block;
        for (value, (source, sign)) in scratch.iter_mut().zip(vector.iter().zip(&self.signs[0])) {
            *value = source * sign;
        }
        scratch.chunks_exact_mut(self.block).for_each(hadamard);
        // Coordinate i of block b goes to i · blocks + b, so that the second round mixes what the first kept apart.
        for (at, block) in scratch.chunks_exact(self.block).enumerate() {
            for (value, source) in into[at..].iter_mut().step_by(blocks).zip(block) {
                *value = *source;
            }
        }
        into.iter_mut().zip(&self.signs[1]).for_each(|(value, sign)| *value *= sign);
        into.chunks_exact_mut(self.block).for_each(hadamard);
    }
}

/// The orthonormal Walsh–Hadamard transform in place; the length is a power of two.
#[expect(clippy::inline_always, reason = "as `pack_tokens`")]
#[inline(always)]
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    if values.len() >= 4 {
        // The first two rounds at once, on what fits into one register.
        for four in values.chunks_exact_mut(4) {
            let (a, b) = (four[0] + four[1], four[0] - four[1]);
            let (c, d) = (four[2] + four[3], four[2] - four[3]);
            four.copy_from_slice(&[a + c, b + d, a - c, b - d]);
        }
        half = 4;
    }
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = 1.0 / (values.len() as f32).sqrt();
    values.iter_mut().for_each(|value| *value *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::vector::{dot as exact, normalize};

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
        let rotation = Rotation::new(384);
        let (mut ra, mut rb) = (vec![0.0; 384], vec![0.0; 384]);
        let mut scratch = vec![0.0; 384];
        rotation.apply(&a, &mut scratch, &mut ra);
        rotation.apply(&b, &mut scratch, &mut rb);
        assert!((exact(&a, &b) - exact(&ra, &rb)).abs() < 1e-5);
        assert!((exact(&ra, &ra) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn codes_are_the_nearest_levels_and_the_packed_form_stays() {
        let mut random = Random::new(4);
        let width = 384;
        let vector = unit(&mut random, width);
        let packed = pack(&vector, width, |_| true);
        let mut rotated = vec![0.0; width];
        Rotation::new(width).apply(&vector, &mut vec![0.0; width], &mut rotated);
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

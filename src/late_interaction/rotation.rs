//! A fixed random rotation of vectors, several at a time: each step works on one coordinate of all of them.

use pulp::Simd;

use crate::random::Random;

/// Vectors that are rotated together: a multiple of what any register here holds.
pub(super) const LANES: usize = 16;

/// Twice, random signs, then a Hadamard transform of each block of a power of two, the blocks interleaved in between. Takes
/// O(width · log width) steps and no table.
pub(super) struct Rotation {
    width: usize,
    /// Largest power of two that divides the width.
    block: usize,
    signs: [Vec<f32>; 2],
}

/// Coordinates of up to [`LANES`] vectors, `[width, LANES]`, and room to compute them in.
pub(super) struct Rotated {
    pub(super) rows: Vec<f32>,
    scratch: Vec<f32>,
}

impl Rotated {
    pub(super) fn of_width(width: usize) -> Self {
        Self { rows: vec![0.0; width * LANES], scratch: vec![0.0; width * LANES] }
    }
}

impl Rotation {
    pub(super) fn new(width: usize) -> Self {
        let block = if width == 0 { 1 } else { 1 << width.trailing_zeros() };
        // The seed only has to be the same for chunks and queries.
        let mut random = Random::new(0x1b1d);
        let mut signs = || (0..width).map(|_| if random.next_bits() & 1 == 0 { 1.0 } else { -1.0 }).collect();
        Self { width, block, signs: [signs(), signs()] }
    }

    /// Rotates up to [`LANES`] vectors; the coordinates of the lanes beyond them have no meaning.
    #[expect(clippy::inline_always, reason = "only within the caller is it compiled for the instructions chosen there")]
    #[inline(always)]
    pub(super) fn apply<S: Simd>(&self, simd: S, vectors: &[&[f32]], into: &mut Rotated) {
        let Rotated { rows, scratch } = into;
        for (lane, vector) in vectors.iter().enumerate() {
            for (row, value) in scratch.chunks_exact_mut(LANES).zip(*vector) {
                row[lane] = *value;
            }
        }
        for (row, sign) in scratch.chunks_exact_mut(LANES).zip(&self.signs[0]) {
            scale(simd, row, *sign);
        }
        for block in scratch.chunks_exact_mut(self.block * LANES) {
            hadamard(simd, block);
        }
        // Coordinate i of block b goes to i · blocks + b, so that the second round mixes what the first kept apart.
        let blocks = self.width / self.block;
        for (at, block) in scratch.chunks_exact(self.block * LANES).enumerate() {
            for (index, row) in block.chunks_exact(LANES).enumerate() {
                let to = index * blocks + at;
                let into = &mut rows[to * LANES..][..LANES];
                into.copy_from_slice(row);
                scale(simd, into, self.signs[1][to]);
            }
        }
        for block in rows.chunks_exact_mut(self.block * LANES) {
            hadamard(simd, block);
        }
    }
}

/// The orthonormal Walsh–Hadamard transform in place of `[length, LANES]`, along the length, a power of two.
#[expect(clippy::inline_always, reason = "as `Rotation::apply`")]
#[inline(always)]
fn hadamard<S: Simd>(simd: S, values: &mut [f32]) {
    let length = values.len() / LANES;
    let mut half = 1;
    // Two rounds at once, so that values are loaded and stored half as often.
    while 2 * half < length {
        for quarters in values.chunks_exact_mut(4 * half * LANES) {
            let (first, second) = quarters.split_at_mut(2 * half * LANES);
            let (a, b) = first.split_at_mut(half * LANES);
            let (c, d) = second.split_at_mut(half * LANES);
            let (a, b) = (S::as_mut_simd_f32s(a).0, S::as_mut_simd_f32s(b).0);
            let (c, d) = (S::as_mut_simd_f32s(c).0, S::as_mut_simd_f32s(d).0);
            for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                let (ab, ba) = (simd.add_f32s(*a, *b), simd.sub_f32s(*a, *b));
                let (cd, dc) = (simd.add_f32s(*c, *d), simd.sub_f32s(*c, *d));
                (*a, *b) = (simd.add_f32s(ab, cd), simd.add_f32s(ba, dc));
                (*c, *d) = (simd.sub_f32s(ab, cd), simd.sub_f32s(ba, dc));
            }
        }
        half *= 4;
    }
    if half < length {
        let (low, high) = values.split_at_mut(half * LANES);
        for (a, b) in S::as_mut_simd_f32s(low).0.iter_mut().zip(S::as_mut_simd_f32s(high).0) {
            (*a, *b) = (simd.add_f32s(*a, *b), simd.sub_f32s(*a, *b));
        }
    }
    scale(simd, values, 1.0 / (length as f32).sqrt());
}

#[expect(clippy::inline_always, reason = "as `Rotation::apply`")]
#[inline(always)]
fn scale<S: Simd>(simd: S, values: &mut [f32], by: f32) {
    let by = simd.splat_f32s(by);
    for value in S::as_mut_simd_f32s(values).0 {
        *value = simd.mul_f32s(*value, by);
    }
}

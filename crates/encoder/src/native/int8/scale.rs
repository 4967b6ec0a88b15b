//! Rows of values in, whole numbers with a scale out.

use pulp::{Simd, WithSimd};

use crate::native::arithmetic::Arithmetic;
use crate::native::functions::ROUNDING;
use crate::native::kernel::Kernel;

/// Numbers of a left operand that a row's range is spread over: one less than there are, since its zero is rounded, too.
const MOST: f32 = 254.0;
/// Greatest number of a weight, and least with its sign turned: −128 is left out, so that the range is even.
const MOST_WEIGHT: f32 = 127.0;
/// Most rows of any kernel's tile.
const ROWS_MAX: usize = 32;
/// Below this a range is none.
const LEAST_RANGE: f32 = 1e-30;

/// Writes the numbers of one column of weights; the scale that makes them weights again, and their sum. A weight that is not a
/// number makes the scale none, so that it is not lost.
pub(super) fn quantize_column<E: From<i8>>(weights: &[f32], to: &mut [E]) -> (f32, f32) {
    let most = weights.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
    let scale = most.max(LEAST_RANGE) / MOST_WEIGHT;
    let mut sum = 0.0;
    for (weight, to) in weights.iter().zip(to) {
        let number = (weight / scale).round() as i8;
        sum += f32::from(number);
        *to = E::from(number);
    }
    (scale + 0.0 * weights.iter().sum::<f32>(), sum)
}

/// Writes the numbers of the rows of a tile, and what makes them values again. A value that is not a finite number makes a row's scale
/// none.
pub(super) struct Quantize<'a, A: Arithmetic, K: Kernel> {
    pub(super) arithmetic: A,
    /// `[blocks, padded, WIDTH]`.
    pub(super) from: &'a [A::Left],
    /// `[blocks, padded, BLOCK]` of the kernel; the rest of a row's last block becomes 0.
    pub(super) to: &'a mut [K::Left],
    /// Rows of a block.
    pub(super) padded: usize,
    /// What a row's numbers are to be multiplied by; one for each row.
    pub(super) scales: &'a mut [f32],
    /// What is then to be added to each; one for each row.
    pub(super) offsets: &'a mut [f32],
}

impl<A: Arithmetic, K: Kernel<Left: From<u8>>> WithSimd for Quantize<'_, A, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        const { assert!(K::BLOCK.is_multiple_of(A::WIDTH), "a block of numbers is whole blocks of values") }
        const { assert!(K::ROWS <= ROWS_MAX, "every row has its place") }
        let Self { arithmetic, from, to, padded, scales, offsets } = self;
        let parts = K::BLOCK / A::WIDTH;
        let blocks = from.len() / (padded * A::WIDTH);
        let block = |row: usize, block: usize| &from[(block * padded + row) * A::WIDTH..][..A::WIDTH];
        let place = |row: usize, block: usize| (block / parts * padded + row) * K::BLOCK + block % parts * A::WIDTH;
        // First what all rows need to know, since finding it out takes long, one row after the other, but little work.
        let mut lines = [(0.0, 0.0); ROWS_MAX];
        for (row, ((scale, offset), line)) in scales.iter_mut().zip(offsets).zip(&mut lines).enumerate() {
            let (least, most) = arithmetic.bounds((0..blocks).map(|index| block(row, index)));
            let range = (most - least).max(LEAST_RANGE);
            let per_value = MOST / range;
            let zero = (ROUNDING - least * per_value) - ROUNDING;
            *scale = range * (1.0 / MOST) + 0.0 * (most - least);
            *offset = -zero * *scale;
            *line = (per_value, zero + ROUNDING);
        }
        for (row, &(factor, shift)) in lines[..scales.len()].iter().enumerate() {
            for index in 0..blocks {
                arithmetic.bytes(block(row, index), factor, shift, &mut to[place(row, index)..][..A::WIDTH]);
            }
            for index in blocks..blocks.next_multiple_of(parts) {
                to[place(row, index)..][..A::WIDTH].fill(K::Left::from(0));
            }
        }
    }
}

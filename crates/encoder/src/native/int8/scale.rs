//! Rows of values in, whole numbers with a scale out, and back.

use pulp::bytemuck::bytes_of;
use pulp::{Simd, WithSimd};

use crate::native::lanes::Lanes;

/// Numbers of a left operand that a row's range is spread over: one less than there are, since its zero is rounded, too.
const MOST: f32 = 254.0;
/// Greatest number of a weight, and least with its sign turned: −128 is left out, so that the range is even.
const MOST_WEIGHT: f32 = 127.0;
/// Adding 1.5 · 2²³ rounds to whole numbers and leaves the number in the low bits.
const ROUNDING: f32 = 12_582_912.0;
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

/// Writes the numbers of the rows of a tile, and what makes them values again. A value that is not a number makes a row's scale none.
pub(super) struct Quantize<'a, S, F, E, W> {
    pub(super) simd: S,
    /// `[blocks, padded, WIDTH]`.
    pub(super) from: &'a [F],
    /// Makes values of what `from` holds.
    pub(super) widen: W,
    /// `[blocks, padded, block]`; the rest of a row's last block becomes 0.
    pub(super) to: &'a mut [E],
    /// Numbers of a block.
    pub(super) block: usize,
    /// Rows of a block.
    pub(super) padded: usize,
    /// One row of values.
    pub(super) values: &'a mut [f32],
    /// What a row's numbers less its zero are to be multiplied by; one for each row.
    pub(super) scales: &'a mut [f32],
    pub(super) zeros: &'a mut [f32],
}

impl<'a, S: Lanes, F, E: From<u8>, W: Fn(&[F], &mut [f32])> WithSimd for Quantize<'a, S, F, E, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, from, widen, to, block, padded, values, scales, zeros } = self;
        for (row, (scale, zero)) in scales.iter_mut().zip(zeros).enumerate() {
            // Most chunks are whole: of a length that the compiler knows.
            let at = |block: &'a [F]| &block[row * S::WIDTH..][..S::WIDTH];
            let mut from = from.chunks_exact(padded * S::WIDTH);
            let (chunks, rest) = values.split_at_mut(values.len() / S::WIDTH * S::WIDTH);
            for (values, from) in chunks.chunks_exact_mut(S::WIDTH).zip(&mut from) {
                widen(at(from), values);
            }
            if let Some(from) = from.next() {
                widen(&at(from)[..rest.len()], rest);
            }
            (*scale, *zero) = quantize_row(simd, values, &mut to[row * block..], block, padded * block);
        }
    }
}

/// Writes the numbers of one row into blocks of `block`, `step` apart; gives its scale and its zero.
#[inline(always)]
fn quantize_row<S: Lanes, E: From<u8>>(simd: S, values: &[f32], to: &mut [E], block: usize, step: usize) -> (f32, f32) {
    let (body, rest) = S::as_simd_f32s(values);
    let nothing = simd.splat_f32s(0.0);
    // 0 is in the range, so that padding is exact and a row of one value has a range.
    let (mut least, mut most, mut sum) = (nothing, nothing, nothing);
    for &value in body {
        least = simd.min_f32s(least, value);
        most = simd.max_f32s(most, value);
        sum = simd.add_f32s(sum, value);
    }
    let least = rest.iter().fold(simd.reduce_min_f32s(least), |least, &value| least.min(value));
    let most = rest.iter().fold(simd.reduce_max_f32s(most), |most, &value| most.max(value));
    let sum = simd.reduce_sum_f32s(sum) + rest.iter().sum::<f32>();
    let range = (most - least).max(LEAST_RANGE);
    let per_value = MOST / range;
    let zero = (ROUNDING - least * per_value) - ROUNDING;
    let (scales, shifts) = (simd.splat_f32s(per_value), simd.splat_f32s(zero + ROUNDING));
    for (to, values) in to.chunks_mut(step).zip(values.chunks(block)) {
        let (numbers, padding) = to[..block].split_at_mut(values.len());
        let (body, rest) = S::as_simd_f32s(values);
        let mut numbers = numbers.chunks_exact_mut(S::F32_LANES);
        for (numbers, &value) in (&mut numbers).zip(body) {
            let bytes = simd.lowest_bytes(simd.fma(value, scales, shifts));
            numbers.iter_mut().zip(bytes_of(&bytes)).for_each(|(to, byte)| *to = E::from(*byte));
        }
        for (to, value) in numbers.into_remainder().iter_mut().zip(rest) {
            *to = E::from((value * per_value + (zero + ROUNDING)).to_bits() as u8);
        }
        padding.iter_mut().for_each(|number| *number = E::from(0));
    }
    (range / MOST + 0.0 * sum, zero)
}

/// Makes values of rows of a product of whole numbers, in place.
pub(super) struct Dequantize<'a, S> {
    pub(super) simd: S,
    /// `[rows, WIDTH]`: the bits of `i32` in, values out.
    pub(super) values: &'a mut [f32],
    /// `[rows]`.
    pub(super) scales: &'a [f32],
    /// `[rows]`.
    pub(super) zeros: &'a [f32],
    /// `[WIDTH]`.
    pub(super) column_scales: &'a [f32],
    /// `[WIDTH]`.
    pub(super) column_sums: &'a [f32],
}

impl<S: Lanes> WithSimd for Dequantize<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, values, scales, zeros, column_scales, column_sums } = self;
        let ((column_scales, _), (column_sums, _)) = (S::as_simd_f32s(column_scales), S::as_simd_f32s(column_sums));
        for ((row, &scale), &zero) in values.chunks_exact_mut(S::WIDTH).zip(scales).zip(zeros) {
            let (scales, zeros) = (simd.splat_f32s(scale), simd.splat_f32s(-zero));
            let (row, _) = S::as_mut_simd_f32s(row);
            for ((value, &column_scale), &column_sum) in row.iter_mut().zip(column_scales).zip(column_sums) {
                let sum = simd.fma(zeros, column_sum, simd.whole(*value));
                *value = simd.mul_f32s(sum, simd.mul_f32s(scales, column_scale));
            }
        }
    }
}

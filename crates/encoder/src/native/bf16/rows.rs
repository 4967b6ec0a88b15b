//! Tiles of f32 in, rows of bf16 out: what becomes of a product before the next one, without a round trip through memory.
//!
//! What is rounded to 8 bits at once needs no more than that: the exponential is good to 8e-6 of itself here, GELU to 1.3e-4 and, where
//! that is more, 6e-5 of itself.

use std::arch::x86_64::{
    __m256i, __m512, __m512bh, __m512i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_ZERO, _mm512_abs_ps, _mm512_add_ps,
    _mm512_add_round_ps, _mm512_and_si512, _mm512_cvtepi32_epi16, _mm512_cvtne2ps_pbh, _mm512_fmadd_ps,
    _mm512_fmsub_ps, _mm512_max_epi16, _mm512_max_epu16, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_permutexvar_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_roundscale_ps, _mm512_scalef_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_sub_ps,
    _mm512_ternarylogic_epi32,
};
use std::ops::Range;

use pulp::bytemuck::cast;
use pulp::x86::V4;

use super::WIDTH;
use crate::native::finish::{Finish, both};
use crate::native::functions::ROUNDING;

/// u · (Φ(u) − 1) between each two of the points 0, ¼, … 4 as a polynomial: the constants, the factors of u, those of u². Each is off by as
/// little as one of its degree can be, the first among those with the value and slope at 0, the last among those that are 0 at 4.
#[rustfmt::skip]
const BEYOND: [[f32; 16]; 3] = [
    [
        0.0, -3.409_947e-3, -2.428_221_9e-2, -7.829_458e-2, -1.675_565_8e-1, -2.744_923_2e-1, -3.689_783_2e-1, -4.232_386e-1,
        -4.244_460_8e-1, -3.781_951_7e-1, -3.027_979_4e-1, -2.196_208_8e-1, -1.451_88e-1, -8.789_458e-2, -4.890_658_7e-2, 7.131_331_4e-2,
    ],
    [
        -0.5, -4.740_267_4e-1, -3.919_373_8e-1, -2.483_768_3e-1, -6.950_948e-2, 1.024_283_6e-1, 2.293_789_2e-1, 2.922_050_7e-1,
        2.939_399_8e-1, 2.530_672_6e-1, 1.927_817_6e-1, 1.322_120_6e-1, 8.248_048e-2, 4.712_498e-2, 2.477_564e-2, -3.814_787_8e-2,
    ],
    [
        3.955_289e-1, 3.447_928e-1, 2.636_884_7e-1, 1.680_786_3e-1, 7.835_787e-2, 9.189_149e-3, -3.347_561e-2, -5.166_664e-2,
        -5.223_262e-2, -4.320_074_6e-2, -3.114_764_6e-2, -2.011_904_1e-2, -1.181_096_7e-2, -6.355_900_3e-3, -3.152_721_3e-3, 5.079_887e-3,
    ],
];
/// The greatest number below 4.
const HIGHEST: f32 = 4.0_f32.next_down();
/// What, added to a number of 0 to 4 and rounded towards 0, leaves the number of its piece in the low bits, which count quarters.
const PIECE: f32 = ROUNDING / 4.0;
/// Rounding of a single addition, without exceptions.
const TOWARDS_0: i32 = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
/// 2ʳ for |r| ≤ ½; from the highest power down.
const POWER: [f32; 5] = [9.670_77e-3, 5.587_554e-2, 2.402_221_2e-1, 6.931_273e-1, 1.0];
/// Of three bits the second where the first is 1, else the third.
const SELECT: i32 = 0xca;
/// A row whose exponentials add up to less is computed again, below its own highest score.
const LEAST_SUM: f32 = 1e-20;
/// Below this power of 2 a share of a softmax is nothing.
const LOWEST: f32 = -126.0;

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn load(values: &[f32; 16]) -> __m512 {
    cast(*values)
}

/// 32 values rounded.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn rounded(low: __m512, high: __m512) -> [u16; 32] {
    cast::<__m512bh, [u16; 32]>(_mm512_cvtne2ps_pbh(high, low))
}

/// Both halves of a row of [`WIDTH`] values.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn halves(row: &[f32; WIDTH]) -> [__m512; 2] {
    let (halves, _) = row.as_chunks::<16>();
    [load(&halves[0]), load(&halves[1])]
}

/// The values of row `row` of a tile, both halves of it.
#[inline(always)]
fn values<F: Finish>(simd: V4, finish: F, columns: F::Columns<V4>, row: usize, left: &[f32; WIDTH]) -> [__m512; 2] {
    let [low, high] = finish.row(simd, columns, row, both::<V4>(left));
    [cast(low), cast(high)]
}

/// Puts the values of rows of a tile from `to` on, `stride` apart.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn put(simd: V4, tile: &[f32], rows: usize, finish: impl Finish, to: &mut [u16], stride: usize) {
    let columns = finish.columns(simd);
    let (tile, _) = tile.as_chunks::<WIDTH>();
    for (row, left) in tile.iter().take(rows).enumerate() {
        let [low, high] = values(simd, finish, columns, row, left);
        *to[row * stride..].first_chunk_mut().expect("a row is as wide as a tile") = rounded(low, high);
    }
}

/// The least and the greatest value of a row, and 0. A bf16 is the upper half of an f32: as whole numbers with a sign those of values above
/// 0 have the values' order, as numbers without one those below 0 are greater than all others, the further down the greater, and
/// what is no number comes behind infinity.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn bounds<'a>(blocks: impl Iterator<Item = &'a [u16]>) -> (f32, f32) {
    let (mut most, mut least) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    for block in blocks {
        let values: __m512i = cast(*block.first_chunk::<WIDTH>().expect("a block of a row"));
        most = _mm512_max_epi16(most, values);
        least = _mm512_max_epu16(least, values);
    }
    let most = cast::<__m512i, [i16; WIDTH]>(most).into_iter().max().map_or(0, i16::cast_unsigned);
    let least = cast::<__m512i, [u16; WIDTH]>(least).into_iter().max().unwrap_or(0);
    let value = |bits: u16| f32::from_bits(u32::from(bits) << 16);
    let is_below_0 = least > i16::MAX.cast_unsigned();
    (if is_below_0 { value(least) } else { 0.0 }, value(most))
}

/// The lowest byte of the bits of each value times `factor` plus `shift`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn bytes(values: &[u16; WIDTH], factor: f32, shift: f32) -> [u8; WIDTH] {
    let (factor, shift) = (_mm512_set1_ps(factor), _mm512_set1_ps(shift));
    let values: __m512i = cast(*values);
    let upper_half = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    let even = _mm512_fmadd_ps(cast(_mm512_slli_epi32::<16>(values)), factor, shift);
    let odd = _mm512_fmadd_ps(cast(_mm512_and_si512(values, upper_half)), factor, shift);
    // The lowest byte of the one and, above it, that of the other.
    let both =
        _mm512_ternarylogic_epi32::<SELECT>(_mm512_set1_epi32(0xff), cast(even), _mm512_slli_epi32::<8>(cast(odd)));
    cast::<__m256i, [u8; WIDTH]>(_mm512_cvtepi32_epi16(both))
}

/// Puts rows of a tile, each times its factor, into `to`, one after the other.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn put_scaled(tile: &[f32], factors: &[f32], to: &mut [u16]) {
    let ((tile, _), (to, _)) = (tile.as_chunks::<WIDTH>(), to.as_chunks_mut::<WIDTH>());
    for ((values, &factor), to) in tile.iter().zip(factors).zip(to) {
        let ([low, high], factor) = (halves(values), _mm512_set1_ps(factor));
        *to = rounded(_mm512_mul_ps(low, factor), _mm512_mul_ps(high, factor));
    }
}

/// Puts GELU of a tile's values into `to`, both `[rows, WIDTH]`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn put_gelu(simd: V4, tile: &[f32], finish: impl Finish, to: &mut [u16]) {
    let columns = finish.columns(simd);
    let ((tile, _), (to, _)) = (tile.as_chunks::<WIDTH>(), to.as_chunks_mut::<WIDTH>());
    for (row, (left, to)) in tile.iter().zip(to).enumerate() {
        let [low, high] = values(simd, finish, columns, row, left);
        *to = rounded(gelu(low), gelu(high));
    }
}

/// max(x, 0) and what lies beyond. Of the steps only those that multiply or permute need the units that products keep busy.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn gelu(x: __m512) -> __m512 {
    // Of two values, one of them no number, minimum and maximum are the second.
    let near = _mm512_min_ps(_mm512_set1_ps(HIGHEST), _mm512_abs_ps(x));
    let above = _mm512_max_ps(_mm512_setzero_ps(), x);
    // Permutations look at the four lowest bits only.
    let piece = cast(_mm512_add_round_ps::<TOWARDS_0>(near, _mm512_set1_ps(PIECE)));
    let [constant, factor, square] = [&BEYOND[0], &BEYOND[1], &BEYOND[2]];
    let sum =
        _mm512_fmadd_ps(_mm512_permutexvar_ps(piece, load(square)), near, _mm512_permutexvar_ps(piece, load(factor)));
    _mm512_fmadd_ps(sum, near, _mm512_add_ps(_mm512_permutexvar_ps(piece, load(constant)), above))
}

/// eˣ for x ≤ 0, of x in units of ln 2; what is no number stays none.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn power_of_2(x: __m512) -> __m512 {
    // Of two values, one of them no number, this is the second.
    let x = _mm512_max_ps(_mm512_set1_ps(LOWEST), x);
    // To the nearest whole number, without exceptions.
    let whole = _mm512_roundscale_ps::<8>(x);
    let rest = _mm512_sub_ps(x, whole);
    let mut sum = _mm512_set1_ps(POWER[0]);
    for &coefficient in &POWER[1..] {
        sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(coefficient));
    }
    _mm512_scalef_ps(sum, whole)
}

/// As [`super::super::functions::Softmax`], with the exponentials rounded into `weights`, which has the layout of `scores`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn softmax(scores: &mut [f32], padded: usize, factors: &mut [f32], columns: usize, weights: &mut [u16]) {
    let block = padded * WIDTH;
    let rest = columns % WIDTH;
    if rest != 0 {
        let last = columns / WIDTH * block;
        for row in scores[last..last + block].chunks_exact_mut(WIDTH) {
            row[rest..].fill(f32::NEG_INFINITY);
        }
    }
    // One highest score for all rows saves looking for each row's, and serves as well unless a row's are all far below it.
    let together = highest(scores, block, 0..factors.len());
    for (row, factor) in factors.iter_mut().enumerate() {
        let mut sum = exponentials(scores, block, row, together, weights);
        if sum < LEAST_SUM || sum.is_nan() {
            sum = exponentials(scores, block, row, highest(scores, block, row..row + 1), weights);
        }
        *factor = 1.0 / sum;
    }
}

/// The highest score of some rows, in every lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn highest(scores: &[f32], block: usize, rows: Range<usize>) -> __m512 {
    let mut highest = [_mm512_set1_ps(f32::NEG_INFINITY); 2];
    for block in scores.chunks_exact(block) {
        let (rows, _) = block[rows.start * WIDTH..rows.end * WIDTH].as_chunks();
        for row in rows {
            let [low, high] = halves(row);
            highest = [_mm512_max_ps(highest[0], low), _mm512_max_ps(highest[1], high)];
        }
    }
    _mm512_set1_ps(_mm512_reduce_max_ps(_mm512_max_ps(highest[0], highest[1])))
}

/// Writes e to the power of how far each score of a row is below `highest`; the sum of them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn exponentials(scores: &[f32], block: usize, row: usize, highest: __m512, weights: &mut [u16]) -> f32 {
    let unit = _mm512_set1_ps(std::f32::consts::LOG2_E);
    let offset = _mm512_mul_ps(highest, unit);
    let mut sums = [_mm512_setzero_ps(); 2];
    for (scores, weights) in scores.chunks_exact(block).zip(weights.chunks_exact_mut(block)) {
        let [low, high] = halves(scores[row * WIDTH..].first_chunk().expect("a block holds whole rows"));
        let low = power_of_2(_mm512_fmsub_ps(low, unit, offset));
        let high = power_of_2(_mm512_fmsub_ps(high, unit, offset));
        sums = [_mm512_add_ps(sums[0], low), _mm512_add_ps(sums[1], high)];
        *weights[row * WIDTH..].first_chunk_mut().expect("a block holds whole rows") = rounded(low, high);
    }
    _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
}

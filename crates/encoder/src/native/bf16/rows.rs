//! Tiles of f32 in, rows of bf16 out: what becomes of a product before the next one, without a round trip through memory.
//!
//! What is rounded to 8 bits at once needs no more than that: the exponential is good to 8e-6 of itself here, GELU to 1.3e-4.

use std::arch::x86_64::{
    __m512, __m512bh, _mm512_add_ps, _mm512_cvtne2ps_pbh, _mm512_fmadd_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_sub_ps,
};

use pulp::bytemuck::cast;

use super::WIDTH;

/// Φ(x) − ½ as an odd polynomial for |x| ≤ 4, least greatest error of x · Φ(x) with Φ(4) = 1; from the highest power down.
const PHI: [f32; 8] = [
    -4.595_433e-10,
    5.190_955_6e-8,
    -2.345_917_4e-6,
    5.788_274e-5,
    -8.863_828e-4,
    9.053_897e-3,
    -6.509_045e-2,
    3.982_030_5e-1,
];
/// 2ʳ for |r| ≤ ½; from the highest power down.
const POWER: [f32; 5] = [9.670_77e-3, 5.587_554e-2, 2.402_221_2e-1, 6.931_273e-1, 1.0];
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
fn rounded(low: __m512, high: __m512) -> [u16; 32] {
    cast::<__m512bh, [u16; 32]>(_mm512_cvtne2ps_pbh(high, low))
}

/// Both halves of a row of [`WIDTH`] values.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn halves(row: &[f32; WIDTH]) -> [__m512; 2] {
    let (halves, _) = row.as_chunks::<16>();
    [load(&halves[0]), load(&halves[1])]
}

/// Puts rows of a tile, each plus `bias`, from `to` on, `stride` apart.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn put_biased(tile: &[f32], rows: usize, bias: &[f32; WIDTH], to: &mut [u16], stride: usize) {
    let [bias_low, bias_high] = halves(bias);
    let (tile, _) = tile.as_chunks::<WIDTH>();
    for (row, values) in tile.iter().take(rows).enumerate() {
        let [low, high] = halves(values);
        let to = to[row * stride..].first_chunk_mut().expect("a row is as wide as a tile");
        *to = rounded(_mm512_add_ps(low, bias_low), _mm512_add_ps(high, bias_high));
    }
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

/// `gelu(tile + bias)`; `tile` and `to` are `[rows, WIDTH]`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn gelu_biased(tile: &[f32], bias: &[f32; WIDTH], to: &mut [u16]) {
    let [bias_low, bias_high] = halves(bias);
    let ((tile, _), (to, _)) = (tile.as_chunks::<WIDTH>(), to.as_chunks_mut::<WIDTH>());
    for (values, to) in tile.iter().zip(to) {
        let [low, high] = halves(values);
        *to = rounded(gelu(_mm512_add_ps(low, bias_low)), gelu(_mm512_add_ps(high, bias_high)));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn gelu(x: __m512) -> __m512 {
    let near = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(4.0)), _mm512_set1_ps(-4.0));
    let square = _mm512_mul_ps(near, near);
    let mut sum = _mm512_set1_ps(PHI[0]);
    for &coefficient in &PHI[1..] {
        sum = _mm512_fmadd_ps(sum, square, _mm512_set1_ps(coefficient));
    }
    let phi = _mm512_fmadd_ps(sum, near, _mm512_set1_ps(0.5));
    _mm512_mul_ps(x, phi)
}

/// eˣ for x ≤ 0, of x in units of ln 2.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn power_of_2(x: __m512) -> __m512 {
    let x = _mm512_max_ps(x, _mm512_set1_ps(LOWEST));
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
    let unit = _mm512_set1_ps(std::f32::consts::LOG2_E);
    for (row, factor) in factors.iter_mut().enumerate() {
        let at = |block: &[f32]| halves(block[row * WIDTH..].first_chunk().expect("a block holds whole rows"));
        let mut highest = [_mm512_set1_ps(f32::NEG_INFINITY); 2];
        for block in scores.chunks_exact(block) {
            let [low, high] = at(block);
            highest = [_mm512_max_ps(highest[0], low), _mm512_max_ps(highest[1], high)];
        }
        let highest = _mm512_set1_ps(_mm512_reduce_max_ps(_mm512_max_ps(highest[0], highest[1])));
        let offset = _mm512_mul_ps(highest, unit);
        let mut sums = [_mm512_setzero_ps(); 2];
        for (scores, weights) in scores.chunks_exact(block).zip(weights.chunks_exact_mut(block)) {
            let [low, high] = at(scores);
            let low = power_of_2(_mm512_sub_ps(_mm512_mul_ps(low, unit), offset));
            let high = power_of_2(_mm512_sub_ps(_mm512_mul_ps(high, unit), offset));
            sums = [_mm512_add_ps(sums[0], low), _mm512_add_ps(sums[1], high)];
            *weights[row * WIDTH..].first_chunk_mut().expect("a block holds whole rows") = rounded(low, high);
        }
        *factor = 1.0 / _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]));
    }
}

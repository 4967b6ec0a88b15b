//! Queries, keys and values of one head of a text of up to 16 tokens in, their context out: attention whose scores are one register a
//! token. What products of whole panels cost, twice as wide, is more than all of it.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_cvtneps_pbh, _mm512_div_ps,
    _mm512_dpbf16_ps, _mm512_fmsub_ps, _mm512_mask_mov_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_shuffle_f32x4, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use pulp::bytemuck::cast;

use super::WIDTH;
use super::interleave::{TOKENS, pack_values, turned};
use super::rows::{power_of_2, rounded};

/// Tokens whose contexts are summed up side by side: enough that no sum waits for its own last step.
const TOGETHER: usize = 8;

/// How much the tokens of a text take of each other's values.
pub(super) struct Shares {
    tokens: usize,
    /// Row by row, before they are multiplied by the row's factor. What is beyond the text counts for nothing: its values are 0.
    weights: [[u16; TOKENS]; TOKENS],
    factors: [f32; TOKENS],
}

/// The values of a text's tokens, [`WIDTH`] columns of them, two tokens side by side.
pub(super) type Values = [[u16; WIDTH]; TOKENS];

impl Shares {
    /// Of `tokens` tokens, one to [`TOKENS`]: `rows` begins with the first one's query, which is scaled already, and behind it, `depth`
    /// further on, its key; `stride` from one token to the next. `depth` is a multiple of [`WIDTH`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) fn new(rows: &[u16], stride: usize, tokens: usize, depth: usize) -> Self {
        let mut scores = [_mm512_setzero_ps(); TOKENS];
        for block in 0..depth / WIDTH {
            let mut keys = [_mm512_setzero_si512(); TOKENS];
            for (token, key) in keys.iter_mut().enumerate().take(tokens) {
                *key = cast(*line(&rows[token * stride + depth + block * WIDTH..]));
            }
            // A token that is not there has the first one's scores, which nothing reads.
            let mut queries = [pairs(line(&rows[block * WIDTH..])); TOKENS];
            for (token, query) in queries.iter_mut().enumerate().take(tokens) {
                *query = pairs(line(&rows[token * stride + block * WIDTH..]));
            }
            for (pair, key) in turned(&keys).into_iter().enumerate() {
                for (query, score) in queries.iter().zip(&mut scores) {
                    *score = _mm512_dpbf16_ps(*score, both(query[pair]), cast::<__m512i, __m512bh>(key));
                }
            }
        }
        Self::of_scores(scores, tokens)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    fn of_scores(mut scores: [__m512; TOKENS], tokens: usize) -> Self {
        let beyond = (u32::from(u16::MAX) << tokens) as u16;
        for score in &mut scores {
            *score = _mm512_mask_mov_ps(*score, beyond, _mm512_set1_ps(f32::NEG_INFINITY));
        }
        let unit = _mm512_set1_ps(std::f32::consts::LOG2_E);
        let offsets: [f32; TOKENS] = cast(_mm512_mul_ps(across::<true>(&scores), unit));
        let mut weights = [[0; TOKENS]; TOKENS];
        for ((score, weights), offset) in scores.iter_mut().zip(&mut weights).zip(offsets) {
            *score = power_of_2(_mm512_fmsub_ps(*score, unit, _mm512_set1_ps(offset)));
            *weights = cast(_mm512_cvtneps_pbh(*score));
        }
        let factors = cast(_mm512_div_ps(_mm512_set1_ps(1.0), across::<false>(&scores)));
        Self { tokens, weights, factors }
    }

    /// [`WIDTH`] columns of the values: `rows` begins with those of the first token.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) fn values(&self, rows: &[u16], stride: usize) -> Values {
        let mut values = [[0; WIDTH]; TOKENS];
        pack_values(rows, stride, self.tokens, values.as_flattened_mut());
        values
    }

    /// Writes the contexts of the tokens from `first` on, one after the other, as many as `to` has room for.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) fn put_contexts(&self, values: &Values, first: usize, to: &mut [u16]) {
        let (to, _) = to.as_chunks_mut::<WIDTH>();
        let (values, _) = values.as_chunks::<2>();
        for (part, to) in to.chunks_mut(TOGETHER).enumerate() {
            let first = first + part * TOGETHER;
            let mut weights = [pairs(&self.weights[first]); TOGETHER];
            for (weights, row) in weights.iter_mut().zip(&self.weights[first..]) {
                *weights = pairs(row);
            }
            let mut sums = [[_mm512_setzero_ps(); 2]; TOGETHER];
            for (pair, [low, high]) in values.iter().enumerate() {
                let (low, high) = (cast::<[u16; WIDTH], __m512bh>(*low), cast::<[u16; WIDTH], __m512bh>(*high));
                for (sums, weights) in sums.iter_mut().zip(weights) {
                    let weight = both(weights[pair]);
                    *sums = [_mm512_dpbf16_ps(sums[0], weight, low), _mm512_dpbf16_ps(sums[1], weight, high)];
                }
            }
            for ((to, sums), factor) in to.iter_mut().zip(sums).zip(&self.factors[first..]) {
                let factor = _mm512_set1_ps(*factor);
                *to = rounded(_mm512_mul_ps(sums[0], factor), _mm512_mul_ps(sums[1], factor));
            }
        }
    }
}

#[inline]
fn line(values: &[u16]) -> &[u16; WIDTH] {
    values.first_chunk().expect("queries and keys are whole blocks")
}

/// Values by twos, as they are multiplied.
#[inline]
fn pairs(values: &[u16]) -> &[[u16; 2]] {
    values.as_chunks().0
}

/// Two values, in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn both(pair: [u16; 2]) -> __m512bh {
    cast(_mm512_set1_epi32(cast(pair)))
}

/// In lane `n` the greatest of row `n`, or its sum.
#[inline]
#[target_feature(enable = "avx512f")]
fn across<const GREATEST: bool>(rows: &[__m512; TOKENS]) -> __m512 {
    let mut halves = [_mm512_setzero_ps(); TOKENS / 2];
    for (half, [a, b]) in halves.iter_mut().zip(rows.as_chunks().0) {
        *half = folded::<GREATEST>(_mm512_unpacklo_ps(*a, *b), _mm512_unpackhi_ps(*a, *b));
    }
    // In each quarter of a register one value of each of four rows.
    let mut quarters = [_mm512_setzero_ps(); TOKENS / 4];
    for (quarter, halves) in quarters.iter_mut().zip(halves.as_chunks().0) {
        let [a, b] = halves.map(|half| _mm512_castps_pd(half));
        let (low, high) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
        *quarter = folded::<GREATEST>(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
    }
    let [a, b, c, d] = quarters;
    let (a, b) = (joined::<GREATEST>(a, b), joined::<GREATEST>(c, d));
    joined::<GREATEST>(a, b)
}

/// The quarters of `a`, two and two folded, and then those of `b`.
#[inline]
#[target_feature(enable = "avx512f")]
fn joined<const GREATEST: bool>(a: __m512, b: __m512) -> __m512 {
    folded::<GREATEST>(_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn folded<const GREATEST: bool>(a: __m512, b: __m512) -> __m512 {
    if GREATEST { _mm512_max_ps(a, b) } else { _mm512_add_ps(a, b) }
}

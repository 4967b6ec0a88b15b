//! Rows of keys and values in, panels of a product out, in which two inputs of a column lie side by side.

use std::arch::x86_64::{
    __m512i, _mm512_permutex2var_epi16, _mm512_set_epi16, _mm512_setzero_si512, _mm512_shuffle_i32x4,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use pulp::bytemuck::cast;

use super::WIDTH;

/// Tokens whose keys are turned together.
pub(super) const TOKENS: usize = 16;

/// Writes the keys of up to 32 tokens into one panel, `[depth / 2, 32, 2]`: `rows` begins with the first token's key, `stride` from one
/// token to the next; `depth`, the width of a key, is a multiple of [`WIDTH`]. Columns of tokens that are not there are left alone or become 0.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn pack_keys(rows: &[u16], stride: usize, tokens: usize, depth: usize, panel: &mut [u16]) {
    for half in 0..tokens.div_ceil(TOKENS) {
        for block in 0..depth / WIDTH {
            let mut keys = [_mm512_setzero_si512(); TOKENS];
            for (token, key) in keys.iter_mut().enumerate().take(tokens - half * TOKENS) {
                let row = &rows[(half * TOKENS + token) * stride + block * WIDTH..];
                *key = cast(*row.first_chunk::<WIDTH>().expect("a key is as wide as its head"));
            }
            for (pair, turned) in turned(&keys).into_iter().enumerate() {
                let at = ((block * WIDTH / 2 + pair) * WIDTH + half * TOKENS) * 2;
                panel[at..at + WIDTH].copy_from_slice(&cast::<__m512i, [u16; 32]>(turned));
            }
        }
    }
}

/// 16 rows of 16 pairs turned: row `n` of the result holds pair `n` of every row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn turned(rows: &[__m512i; TOKENS]) -> [__m512i; TOKENS] {
    let mut pairs = *rows;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    // In each quarter: element `4 · quarter + n` of four rows.
    let mut fours = pairs;
    for i in 0..4 {
        let [a, b, c, d] = [pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2], pairs[4 * i + 3]];
        fours[4 * i] = _mm512_unpacklo_epi64(a, c);
        fours[4 * i + 1] = _mm512_unpackhi_epi64(a, c);
        fours[4 * i + 2] = _mm512_unpacklo_epi64(b, d);
        fours[4 * i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    let mut out = fours;
    for n in 0..4 {
        let [a, b, c, d] = [fours[n], fours[4 + n], fours[8 + n], fours[12 + n]];
        let (low, high) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d));
        let (low_odd, high_odd) = (_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d));
        out[n] = _mm512_shuffle_i32x4::<0x88>(low, high);
        out[8 + n] = _mm512_shuffle_i32x4::<0xdd>(low, high);
        out[4 + n] = _mm512_shuffle_i32x4::<0x88>(low_odd, high_odd);
        out[12 + n] = _mm512_shuffle_i32x4::<0xdd>(low_odd, high_odd);
    }
    out
}

/// Writes [`WIDTH`] columns of the values of `tokens` tokens into one panel, `[tokens / 2, 32, 2]`: `rows` begins with the first token's,
/// `stride` from one token to the next. An odd last token is paired with 0.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn pack_values(rows: &[u16], stride: usize, tokens: usize, panel: &mut [u16]) {
    #[rustfmt::skip]
    let low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8,
                               39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    #[rustfmt::skip]
    let high = _mm512_set_epi16(63, 31, 62, 30, 61, 29, 60, 28, 59, 27, 58, 26, 57, 25, 56, 24,
                                55, 23, 54, 22, 53, 21, 52, 20, 51, 19, 50, 18, 49, 17, 48, 16);
    let row = |token: usize| -> __m512i {
        cast(*rows[token * stride..].first_chunk::<WIDTH>().expect("values are as wide as a panel"))
    };
    let (panel, _) = panel.as_chunks_mut::<WIDTH>();
    for pair in 0..tokens.div_ceil(2) {
        let first = row(2 * pair);
        let second = if 2 * pair + 1 < tokens { row(2 * pair + 1) } else { _mm512_setzero_si512() };
        panel[2 * pair] = cast(_mm512_permutex2var_epi16(first, low, second));
        panel[2 * pair + 1] = cast(_mm512_permutex2var_epi16(first, high, second));
    }
}

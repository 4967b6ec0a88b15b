//! Packed tokens and a query's tokens in, for each query token the best similarity out, by the fastest instructions at hand.
//!
//! Every path adds the same integers and rounds the same floats in the same order, so all give the same bits. It does not
//! know what the codes stand for beyond their levels 0 to 3.

use half::f16;

/// Coordinates whose levels lie in one byte.
const PER_BYTE: usize = 4;

/// The tokens of a query in the form that the kernels read.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    width: usize,
    /// `[tokens, width]`.
    codes: Vec<i8>,
    /// `[width / 4, tokens]`: four coordinates at a time, in the order in which `transpose` lays out levels.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only the x86 paths read it"))]
    fours: Vec<i32>,
    /// Three times the sum of each token's codes: levels 0 to 3 stand for -3 to 3 in steps of two.
    thrice: Vec<i32>,
    scales: Vec<f32>,
    path: Path,
}

/// A way to compute the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

impl Path {
    /// The paths that this machine and a width of `width` allow, the fastest last.
    fn possible(width: usize) -> Vec<Self> {
        let mut paths = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if width > 0 && width.is_multiple_of(4 * PER_BYTE) {
            if is_x86_feature_detected!("avx2") {
                paths.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                paths.push(Self::Vnni);
            }
        }
        let _ = width;
        paths
    }
}

impl Kernel {
    /// From codes `[tokens, width]` and the step of each token.
    pub(super) fn new(codes: Vec<i8>, width: usize, scales: Vec<f32>) -> Self {
        let path = *Path::possible(width).last().expect("the portable path is always possible");
        let mut fours = Vec::new();
        if path != Path::Portable {
            for word in 0..width / (4 * PER_BYTE) {
                for plane in 0..PER_BYTE {
                    for token in codes.chunks_exact(width) {
                        let four = [0, 1, 2, 3].map(|byte| token[(4 * word + byte) * PER_BYTE + plane].cast_unsigned());
                        fours.push(i32::from_le_bytes(four));
                    }
                }
            }
        }
        let tokens = codes.chunks(width.max(1));
        let thrice = tokens.map(|token| 3 * token.iter().map(|&code| i32::from(code)).sum::<i32>()).collect();
        Self { width, codes, fours, thrice, scales, path }
    }

    /// For each query token the best similarity among `packed`, tokens of `bytes` bytes each: a half-precision scale, then
    /// the levels. The rest of `packed` that is no whole token is left out; without any all are minus infinity.
    pub(super) fn best(&self, packed: &[u8], bytes: usize) -> Vec<f32> {
        let mut best = vec![f32::NEG_INFINITY; self.scales.len()];
        match self.path {
            Path::Portable => pulp::Arch::new().dispatch(|| self.portable(packed, bytes, &mut best)),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the compiler cannot see that the instructions were asked for")]
            // SAFETY: `Path::possible` gave this path because the processor has its instructions.
            Path::Avx2 => unsafe { x86::avx2(self, packed, bytes, &mut best) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the compiler cannot see that the instructions were asked for")]
            // SAFETY: as above.
            Path::Vnni => unsafe { x86::vnni(self, packed, bytes, &mut best) },
        }
        best
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "only inlined code is compiled for the instruction set chosen at run time"
    )]
    fn portable(&self, packed: &[u8], bytes: usize, best: &mut [f32]) {
        let mut levels = vec![0_i8; self.width];
        for token in packed.chunks_exact(bytes) {
            let scale = scale(token);
            for (byte, four) in token[2..].iter().zip(levels.chunks_mut(PER_BYTE)) {
                for (plane, level) in four.iter_mut().enumerate() {
                    *level = ((byte >> (2 * plane)) & 3) as i8;
                }
            }
            for (index, query) in self.codes.chunks_exact(self.width).enumerate() {
                let sum: i32 = query.iter().zip(&levels).map(|(x, y)| i32::from(i16::from(*x) * i16::from(*y))).sum();
                let similarity = (2 * sum - self.thrice[index]) as f32 * scale * self.scales[index];
                best[index] = best[index].max(similarity);
            }
        }
    }
}

fn scale(token: &[u8]) -> f32 {
    f16::from_le_bytes([token[0], token[1]]).to_f32()
}

/// The same with registers in which each 32-bit lane belongs to one packed token: no sum across lanes is ever needed.
#[cfg(target_arch = "x86_64")]
mod x86 {
    #[cfg_attr(
        not(test),
        expect(clippy::wildcard_imports, reason = "the names of instructions say where they come from")
    )]
    use std::arch::x86_64::*;

    use super::{Kernel, PER_BYTE, scale};

    /// Lays out the codes of `LANES` tokens, the last one again where there are fewer (that changes no maximum): four
    /// bytes of each side by side. Their scales come along.
    fn transpose<const LANES: usize>(tokens: &[u8], bytes: usize, words: &mut [[i32; LANES]]) -> [f32; LANES] {
        let count = tokens.len() / bytes;
        let mut scales = [0.0; LANES];
        for lane in 0..LANES {
            let token = &tokens[lane.min(count - 1) * bytes..][..bytes];
            scales[lane] = scale(token);
            for (word, four) in words.iter_mut().zip(token[2..].chunks_exact(4)) {
                word[lane] = i32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            }
        }
        scales
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn vnni(kernel: &Kernel, packed: &[u8], bytes: usize, best: &mut [f32]) {
        const LANES: usize = 16;
        let mut words = vec![[0; LANES]; kernel.width / (4 * PER_BYTE)];
        let mut levels = vec![_mm512_setzero_si512(); kernel.width / PER_BYTE];
        let mut running = vec![_mm512_set1_ps(f32::NEG_INFINITY); best.len()];
        let whole = packed.len() / bytes * bytes;
        for tokens in packed[..whole].chunks(LANES * bytes) {
            let scales = load_f32(&transpose(tokens, bytes, &mut words));
            for (word, planes) in words.iter().zip(levels.chunks_exact_mut(PER_BYTE)) {
                let word = load_i32(word);
                let low = _mm512_set1_epi32(0x0303_0303);
                planes[0] = _mm512_and_si512(word, low);
                planes[1] = _mm512_and_si512(_mm512_srli_epi32::<2>(word), low);
                planes[2] = _mm512_and_si512(_mm512_srli_epi32::<4>(word), low);
                planes[3] = _mm512_and_si512(_mm512_srli_epi32::<6>(word), low);
            }
            let mut first = 0;
            while first + 8 <= running.len() {
                vnni_block::<8>(kernel, first, &levels, scales, &mut running);
                first += 8;
            }
            while first + 2 <= running.len() {
                vnni_block::<2>(kernel, first, &levels, scales, &mut running);
                first += 2;
            }
            if first < running.len() {
                vnni_block::<1>(kernel, first, &levels, scales, &mut running);
            }
        }
        for (best, running) in best.iter_mut().zip(running) {
            *best = _mm512_reduce_max_ps(running);
        }
    }

    /// `N` query tokens from `first` on against the levels of sixteen packed tokens.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn vnni_block<const N: usize>(
        kernel: &Kernel,
        first: usize,
        levels: &[__m512i],
        scales: __m512,
        running: &mut [__m512],
    ) {
        let mut sums = [_mm512_setzero_si512(); N];
        for (levels, fours) in levels.iter().zip(kernel.fours.chunks_exact(kernel.scales.len())) {
            let fours: &[i32; N] = fours[first..].first_chunk().expect("the block lies within the tokens");
            for (sum, &four) in sums.iter_mut().zip(fours) {
                *sum = _mm512_dpbusd_epi32(*sum, *levels, _mm512_set1_epi32(four));
            }
        }
        for (index, sum) in (first..).zip(sums) {
            let whole = _mm512_sub_epi32(_mm512_slli_epi32::<1>(sum), _mm512_set1_epi32(kernel.thrice[index]));
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(whole), scales);
            let similarity = _mm512_mul_ps(scaled, _mm512_set1_ps(kernel.scales[index]));
            running[index] = _mm512_max_ps(running[index], similarity);
        }
    }

    /// Products of two codes are at most 3 · 127 and are added in pairs in 16 bits: so many pairs fit before they must move on.
    const PAIRS_MAX: usize = 32;

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(kernel: &Kernel, packed: &[u8], bytes: usize, best: &mut [f32]) {
        const LANES: usize = 8;
        let mut words = vec![[0; LANES]; kernel.width / (4 * PER_BYTE)];
        let mut levels = vec![_mm256_setzero_si256(); kernel.width / PER_BYTE];
        let mut running = vec![_mm256_set1_ps(f32::NEG_INFINITY); best.len()];
        let whole = packed.len() / bytes * bytes;
        for tokens in packed[..whole].chunks(LANES * bytes) {
            let s = transpose(tokens, bytes, &mut words);
            let scales = _mm256_setr_ps(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
            for (w, planes) in words.iter().zip(levels.chunks_exact_mut(PER_BYTE)) {
                let word = _mm256_setr_epi32(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
                let low = _mm256_set1_epi32(0x0303_0303);
                planes[0] = _mm256_and_si256(word, low);
                planes[1] = _mm256_and_si256(_mm256_srli_epi32::<2>(word), low);
                planes[2] = _mm256_and_si256(_mm256_srli_epi32::<4>(word), low);
                planes[3] = _mm256_and_si256(_mm256_srli_epi32::<6>(word), low);
            }
            let mut first = 0;
            while first + 4 <= running.len() {
                avx2_block::<4>(kernel, first, &levels, scales, &mut running);
                first += 4;
            }
            while first < running.len() {
                avx2_block::<1>(kernel, first, &levels, scales, &mut running);
                first += 1;
            }
        }
        for (best, running) in best.iter_mut().zip(running) {
            let half = _mm_max_ps(_mm256_castps256_ps128(running), _mm256_extractf128_ps::<1>(running));
            let pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
            *best = _mm_cvtss_f32(_mm_max_ss(pair, _mm_shuffle_ps::<1>(pair, pair)));
        }
    }

    /// `N` query tokens from `first` on against the levels of eight packed tokens.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn avx2_block<const N: usize>(
        kernel: &Kernel,
        first: usize,
        levels: &[__m256i],
        scales: __m256,
        running: &mut [__m256],
    ) {
        let tokens = kernel.scales.len();
        let mut sums = [_mm256_setzero_si256(); N];
        for (levels, fours) in levels.chunks(PAIRS_MAX).zip(kernel.fours.chunks(PAIRS_MAX * tokens)) {
            let mut pairs = [_mm256_setzero_si256(); N];
            for (levels, fours) in levels.iter().zip(fours.chunks_exact(tokens)) {
                let fours: &[i32; N] = fours[first..].first_chunk().expect("the block lies within the tokens");
                for (pair, &four) in pairs.iter_mut().zip(fours) {
                    *pair = _mm256_add_epi16(*pair, _mm256_maddubs_epi16(*levels, _mm256_set1_epi32(four)));
                }
            }
            for (sum, pair) in sums.iter_mut().zip(pairs) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pair, _mm256_set1_epi16(1)));
            }
        }
        for (index, sum) in (first..).zip(sums) {
            let whole = _mm256_sub_epi32(_mm256_slli_epi32::<1>(sum), _mm256_set1_epi32(kernel.thrice[index]));
            let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(whole), scales);
            let similarity = _mm256_mul_ps(scaled, _mm256_set1_ps(kernel.scales[index]));
            running[index] = _mm256_max_ps(running[index], similarity);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_i32(v: &[i32; 16]) -> __m512i {
        _mm512_setr_epi32(
            v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15],
        )
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_f32(v: &[f32; 16]) -> __m512 {
        _mm512_setr_ps(
            v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Tokens of any scale and any levels: `bytes` random bytes, of which the first two are a scale from 0.5 to 2.
    fn packed(bytes: usize) -> impl Strategy<Value = Vec<u8>> {
        let token = (0.5_f32..2.0, proptest::collection::vec(any::<u8>(), bytes - 2));
        proptest::collection::vec(token, 0..40).prop_map(|tokens| {
            let of = |(scale, codes): (f32, Vec<u8>)| [f16::from_f32(scale).to_le_bytes().to_vec(), codes].concat();
            tokens.into_iter().flat_map(of).collect()
        })
    }

    fn case() -> impl Strategy<Value = (usize, Vec<i8>, Vec<f32>, Vec<u8>)> {
        (1_usize..=25, 0_usize..21).prop_flat_map(|(blocks, tokens)| {
            let width = 16 * blocks;
            (
                Just(width),
                // Extremes come often: they are what overflows.
                proptest::collection::vec(prop_oneof![Just(-127_i8), Just(127), -127_i8..=127], width * tokens),
                proptest::collection::vec(0.001_f32..0.01, tokens),
                packed(2 + width / PER_BYTE),
            )
        })
    }

    proptest! {
        #[test]
        fn every_path_gives_the_same_bits((width, codes, scales, packed) in case()) {
            let bytes = 2 + width / PER_BYTE;
            let mut kernel = Kernel::new(codes, width, scales);
            let paths = Path::possible(width);
            let all: Vec<Vec<u32>> = paths
                .iter()
                .map(|&path| {
                    kernel.path = path;
                    kernel.best(&packed, bytes).iter().map(|best| best.to_bits()).collect()
                })
                .collect();
            for (path, best) in paths.iter().zip(&all) {
                prop_assert_eq!(best, &all[0], "{:?}", path);
            }
        }
    }

    #[test]
    fn sums_of_the_largest_products_do_not_overflow() {
        let (width, bytes) = (2048, 2 + 2048 / PER_BYTE);
        let mut token = f16::from_f32(1.0).to_le_bytes().to_vec();
        token.resize(bytes, 0xff);
        let mut kernel = Kernel::new(vec![127; width], width, vec![1.0]);
        for path in Path::possible(width) {
            kernel.path = path;
            assert_eq!(kernel.best(&token, bytes), [(2048 * 3 * 127) as f32], "{path:?}");
        }
    }
}

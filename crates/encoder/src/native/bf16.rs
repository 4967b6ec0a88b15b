//! Products of bf16 with AVX-512 BF16: packed operands of 16 bits in, tiles of f32 out.

mod few;
mod interleave;
mod rows;

use std::arch::x86_64::{
    __m512, __m512bh, _MM_HINT_T1, _mm_prefetch, _mm512_cvtneps_pbh, _mm512_dpbf16_ps, _mm512_set1_epi32,
    _mm512_setzero_ps,
};
use std::ops::Range;

use pulp::Simd;
use pulp::bytemuck::cast;
use pulp::x86::V4;

use super::arithmetic::Arithmetic;
use super::finish::Finish;
use super::functions::Activate;
use super::kernel::{Blocks, Kernel, by_rows, grouped};
use crate::activation::Activation;
use few::Shares;
use interleave::TOKENS;

/// Columns of a panel.
pub(super) const WIDTH: usize = 32;

/// Proof that this machine has AVX-512 with BF16.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bf16(V4);

impl Bf16 {
    pub(crate) fn try_new() -> Option<Self> {
        V4::try_new().filter(|_| is_x86_feature_detected!("avx512bf16")).map(Self)
    }
}

impl Kernel for Bf16 {
    type Left = u16;
    type Right = u16;
    const ROWS: usize = 14;
    const ROWS_STEP: usize = 1;
    const WIDTH: usize = WIDTH;
    const BLOCK: usize = WIDTH;

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        grouped::<2>(WIDTH, input, column)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn tile_beside(
        self,
        rows: usize,
        left: &[u16],
        right: &[u16],
        out: &mut [f32],
        work: usize,
        mut beside: impl FnMut(Range<usize>),
    ) {
        beside(0..work);
        // SAFETY: `self` exists only where `try_new` found them.
        by_rows!(rows, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], N => unsafe { tile::<N>(left, right, out) });
    }
}

impl Arithmetic for Bf16 {
    type Simd = V4;
    type Session = ();

    #[inline(always)]
    fn simd(self) -> V4 {
        self.0
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn narrow(self, from: &[f32], to: &mut [u16]) {
        // SAFETY: `self` exists only where `try_new` found them.
        unsafe { narrow(from, to) }
    }

    fn begin(self) -> Self::Session {}

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn put(self, tile: &[f32], rows: usize, finish: impl Finish, to: &mut [u16], stride: usize) {
        // SAFETY: `self` exists only where `try_new` found them.
        unsafe { rows::put(self.0, tile, rows, finish, to, stride) }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn bounds<'a>(self, blocks: impl Iterator<Item = &'a [u16]>) -> (f32, f32) {
        // SAFETY: `self` exists only where `try_new` found them.
        unsafe { rows::bounds(blocks) }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn bytes<E: From<u8>>(self, values: &[u16], factor: f32, shift: f32, to: &mut [E]) {
        let values = values.first_chunk().expect("a block of values");
        // SAFETY: `self` exists only where `try_new` found them.
        let bytes = unsafe { rows::bytes(values, factor, shift) };
        to.iter_mut().zip(bytes).for_each(|(to, byte)| *to = E::from(byte));
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn put_scaled(self, tile: &[f32], factors: &[f32], to: &mut [u16]) {
        // SAFETY: `self` exists only where `try_new` found them.
        unsafe { rows::put_scaled(tile, factors, to) }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn activate(self, activation: Activation, tile: &mut [f32], finish: impl Finish, to: &mut [u16]) {
        if activation == Activation::Gelu {
            // SAFETY: `self` exists only where `try_new` found them.
            unsafe { rows::put_gelu(self.0, tile, finish, to) }
        } else {
            Simd::vectorize(self.0, Activate { simd: self.0, activation, tile: &mut *tile, finish });
            self.narrow(tile, to);
        }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn softmax(self, scores: &mut [f32], padded: usize, factors: &mut [f32], columns: usize, weights: &mut [u16]) {
        // SAFETY: `self` exists only where `try_new` found them.
        unsafe { rows::softmax(scores, padded, factors, columns, weights) }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn attend_few(
        self,
        (tokens, depth): (usize, usize),
        (qkv, stride): (&[u16], usize),
        context: &mut Blocks<'_, u16>,
        (start, block): (usize, usize),
    ) -> bool {
        if tokens > TOKENS {
            return false;
        }
        // SAFETY: `self` exists only where `try_new` found them.
        let shares = unsafe { Shares::new(qkv, stride, tokens, depth) };
        for panel in 0..depth / WIDTH {
            // SAFETY: as above.
            let values = unsafe { shares.values(&qkv[2 * depth + panel * WIDTH..], stride) };
            context.fill(start, tokens, block + panel, |rows, to| {
                // SAFETY: as above.
                unsafe { shares.put_contexts(&values, rows.start, to) }
            });
        }
        true
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn pack_keys(self, rows: &[u16], stride: usize, tokens: usize, depth: usize, panel: &mut [u16]) {
        // SAFETY: `self` exists only where `try_new` found them.
        unsafe { interleave::pack_keys(rows, stride, tokens, depth, panel) }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn pack_values(self, rows: &[u16], stride: usize, tokens: usize, panel: &mut [u16]) {
        // SAFETY: `self` exists only where `try_new` found them.
        unsafe { interleave::pack_values(rows, stride, tokens, panel) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn narrow(from: &[f32], to: &mut [u16]) {
    let (from, from_rest) = from.as_chunks::<16>();
    let (to, to_rest) = to.as_chunks_mut::<16>();
    for (from, to) in from.iter().zip(to) {
        *to = cast(_mm512_cvtneps_pbh(cast::<[f32; 16], __m512>(*from)));
    }
    if !from_rest.is_empty() {
        let mut full = [0.0; 16];
        full[..from_rest.len()].copy_from_slice(from_rest);
        let narrow: [u16; 16] = cast(_mm512_cvtneps_pbh(cast::<[f32; 16], __m512>(full)));
        to_rest.copy_from_slice(&narrow[..from_rest.len()]);
    }
}

/// As the tile of f32, but each step takes two inputs of a column at once.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn tile<const ROWS: usize>(left: &[u16], right: &[u16], out: &mut [f32]) {
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    let panel = right.len();
    let blocks = left.chunks_exact(ROWS * WIDTH).zip(right.chunks_exact(WIDTH * WIDTH));
    for (left, right) in blocks {
        let (left, _) = left.as_chunks::<2>();
        let (right, _) = right.as_chunks::<32>();
        for pair in 0..WIDTH / 2 {
            let [first, second] = [&right[2 * pair], &right[2 * pair + 1]];
            _mm_prefetch::<_MM_HINT_T1>(first.as_ptr().wrapping_add(panel).cast());
            _mm_prefetch::<_MM_HINT_T1>(second.as_ptr().wrapping_add(panel).cast());
            let (first, second): (__m512bh, __m512bh) = (cast(*first), cast(*second));
            for row in 0..ROWS {
                let value: __m512bh = cast(_mm512_set1_epi32(cast(left[row * (WIDTH / 2) + pair])));
                sums[row][0] = _mm512_dpbf16_ps(sums[row][0], value, first);
                sums[row][1] = _mm512_dpbf16_ps(sums[row][1], value, second);
            }
        }
    }
    let (out, _) = out.as_chunks_mut::<16>();
    for (out, sums) in out.chunks_exact_mut(2).zip(sums) {
        out[0] = cast(sums[0]);
        out[1] = cast(sums[1]);
    }
}

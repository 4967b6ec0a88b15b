//! Products of 8 bits with AVX-512 VNNI.

use std::arch::x86_64::{
    __m512i, _MM_HINT_T1, _mm_prefetch, _mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512,
};
use std::ops::Range;

use pulp::bytemuck::cast;
use pulp::x86::V4;

use crate::native::kernel::{Kernel, by_rows, grouped};

/// Columns of a panel.
const WIDTH: usize = 32;
/// Inputs of a block.
const BLOCK: usize = 64;
/// Inputs that one instruction takes of a column.
const QUAD: usize = 4;

/// Proof that this machine has AVX-512 with VNNI.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vnni(V4);

impl Vnni {
    pub(crate) fn try_new() -> Option<Self> {
        V4::try_new().filter(|_| is_x86_feature_detected!("avx512vnni")).map(Self)
    }
}

impl Kernel for Vnni {
    type Left = u8;
    type Right = i8;
    const ROWS: usize = 14;
    const ROWS_STEP: usize = 1;
    const WIDTH: usize = WIDTH;
    const BLOCK: usize = BLOCK;

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        grouped::<QUAD>(WIDTH, input, column)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn tile_beside(
        self,
        rows: usize,
        left: &[u8],
        right: &[i8],
        out: &mut [f32],
        work: usize,
        mut beside: impl FnMut(Range<usize>),
    ) {
        beside(0..work);
        // SAFETY: `self` exists only where `try_new` found them.
        by_rows!(rows, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], N => unsafe { tile::<N>(left, right, out) });
    }
}

/// As the tile of f32, but each step takes four inputs of a column at once.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile<const ROWS: usize>(left: &[u8], right: &[i8], out: &mut [f32]) {
    let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
    let panel = right.len();
    let blocks = left.chunks_exact(ROWS * BLOCK).zip(right.chunks_exact(BLOCK * WIDTH));
    for (left, right) in blocks {
        let (left, _) = left.as_chunks::<QUAD>();
        let (right, _) = right.as_chunks::<64>();
        for quad in 0..BLOCK / QUAD {
            let [first, second] = [&right[2 * quad], &right[2 * quad + 1]];
            _mm_prefetch::<_MM_HINT_T1>(first.as_ptr().wrapping_add(panel));
            _mm_prefetch::<_MM_HINT_T1>(second.as_ptr().wrapping_add(panel));
            let (first, second): (__m512i, __m512i) = (cast(*first), cast(*second));
            for row in 0..ROWS {
                let value = _mm512_set1_epi32(i32::from_le_bytes(left[row * (BLOCK / QUAD) + quad]));
                sums[row][0] = _mm512_dpbusd_epi32(sums[row][0], value, first);
                sums[row][1] = _mm512_dpbusd_epi32(sums[row][1], value, second);
            }
        }
    }
    let (out, _) = out.as_chunks_mut::<16>();
    for (out, sums) in out.chunks_exact_mut(2).zip(sums) {
        out[0] = cast(sums[0]);
        out[1] = cast(sums[1]);
    }
}

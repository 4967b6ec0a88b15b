//! Products of 8 bits that are held in 16, for processors without instructions that multiply bytes and add up without overflow.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _MM_HINT_T1, _mm_prefetch, _mm256_add_epi32, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
};
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use pulp::bytemuck::cast;

use crate::native::kernel::{Kernel, by_rows, grouped};

/// Inputs of a block.
const BLOCK: usize = 16;

/// Most rows of a tile: with two registers a row, what fits sixteen registers beside the operands.
const ROWS: usize = 6;

/// By the compiler's own choice of instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words;

impl Words {
    /// Columns of a panel: two registers of 128 bits.
    const COLUMNS: usize = 8;
}

impl Kernel for Words {
    type Left = i16;
    type Right = i16;
    const ROWS: usize = ROWS;
    const ROWS_STEP: usize = 1;
    const WIDTH: usize = Self::COLUMNS;
    const BLOCK: usize = BLOCK;

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        grouped::<2>(Self::WIDTH, input, column)
    }

    #[inline(always)]
    fn tile_beside(
        self,
        rows: usize,
        left: &[i16],
        right: &[i16],
        out: &mut [f32],
        work: usize,
        mut beside: impl FnMut(Range<usize>),
    ) {
        beside(0..work);
        by_rows!(rows, [1 2 3 4 5 6], N => tile::<N>(left, right, out));
    }
}

fn tile<const ROWS: usize>(left: &[i16], right: &[i16], out: &mut [f32]) {
    const WIDTH: usize = Words::COLUMNS;
    let mut sums = [[0_i32; WIDTH]; ROWS];
    let blocks = left.chunks_exact(ROWS * BLOCK).zip(right.chunks_exact(BLOCK * WIDTH));
    for (left, right) in blocks {
        let (left, _) = left.as_chunks::<2>();
        let (right, _) = right.as_chunks::<{ 2 * WIDTH }>();
        for (pair, right) in right.iter().enumerate() {
            for (row, sums) in sums.iter_mut().enumerate() {
                let [first, second] = left[row * (BLOCK / 2) + pair].map(i32::from);
                for (column, sum) in sums.iter_mut().enumerate() {
                    *sum += first * i32::from(right[2 * column]) + second * i32::from(right[2 * column + 1]);
                }
            }
        }
    }
    for (out, sum) in out.iter_mut().zip(sums.as_flattened()) {
        *out = f32::from_bits(sum.cast_unsigned());
    }
}

/// Proof that this machine has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2Words(pulp::x86::V3);

#[cfg(target_arch = "x86_64")]
impl Avx2Words {
    /// Columns of a panel: two registers of 256 bits.
    const COLUMNS: usize = 16;

    pub(crate) fn new(simd: pulp::x86::V3) -> Self {
        Self(simd)
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel for Avx2Words {
    type Left = i16;
    type Right = i16;
    const ROWS: usize = ROWS;
    const ROWS_STEP: usize = 1;
    const WIDTH: usize = Self::COLUMNS;
    const BLOCK: usize = BLOCK;

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        grouped::<2>(Self::WIDTH, input, column)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    fn tile_beside(
        self,
        rows: usize,
        left: &[i16],
        right: &[i16],
        out: &mut [f32],
        work: usize,
        mut beside: impl FnMut(Range<usize>),
    ) {
        beside(0..work);
        // SAFETY: `self` exists only where the machine has AVX2.
        by_rows!(rows, [1 2 3 4 5 6], N => unsafe { avx2_tile::<N>(left, right, out) });
    }
}

/// As [`tile`], eight sums at once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2_tile<const ROWS: usize>(left: &[i16], right: &[i16], out: &mut [f32]) {
    const WIDTH: usize = Avx2Words::COLUMNS;
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    let panel = right.len();
    let blocks = left.chunks_exact(ROWS * BLOCK).zip(right.chunks_exact(BLOCK * WIDTH));
    for (left, right) in blocks {
        let (left, _) = left.as_chunks::<2>();
        let (right, _) = right.as_chunks::<16>();
        for pair in 0..BLOCK / 2 {
            // Both are one line of the cache.
            _mm_prefetch::<_MM_HINT_T1>(right[2 * pair].as_ptr().wrapping_add(panel).cast());
            let (first, second): (__m256i, __m256i) = (cast(right[2 * pair]), cast(right[2 * pair + 1]));
            for row in 0..ROWS {
                let value = _mm256_set1_epi32(cast(left[row * (BLOCK / 2) + pair]));
                sums[row][0] = _mm256_add_epi32(sums[row][0], _mm256_madd_epi16(value, first));
                sums[row][1] = _mm256_add_epi32(sums[row][1], _mm256_madd_epi16(value, second));
            }
        }
    }
    let (out, _) = out.as_chunks_mut::<8>();
    for (out, sums) in out.chunks_exact_mut(2).zip(sums) {
        out[0] = cast(sums[0]);
        out[1] = cast(sums[1]);
    }
}

//! Products of f32 on any vector registers: packed operands in, tiles out.

use std::ops::Range;

use pulp::bytemuck::bytes_of;
use pulp::{Simd, WithSimd};

use super::arithmetic::Arithmetic;
use super::finish::{Finish, both};
use super::functions::{Activate, PutTile, Softmax};
use super::kernel::Kernel;
use super::lanes::Lanes;
use crate::activation::Activation;

/// Products in f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct F32<S>(pub(super) S);

impl<S: Lanes> Kernel for F32<S> {
    type Left = f32;
    type Right = f32;
    const ROWS: usize = S::ROWS;
    const ROWS_STEP: usize = 1;
    const WIDTH: usize = S::WIDTH;
    const BLOCK: usize = S::WIDTH;

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        input * S::WIDTH + column
    }

    #[inline(always)]
    fn tile_beside(
        self,
        rows: usize,
        left: &[f32],
        right: &[f32],
        out: &mut [f32],
        work: usize,
        mut beside: impl FnMut(Range<usize>),
    ) {
        beside(0..work);
        self.0.vectorize(Tile { simd: self.0, rows, left, right, out });
    }
}

impl<S: Lanes> Arithmetic for F32<S> {
    type Simd = S;
    type Session = ();

    #[inline(always)]
    fn simd(self) -> S {
        self.0
    }

    fn begin(self) {}

    #[inline(always)]
    fn narrow(self, from: &[f32], to: &mut [f32]) {
        to.copy_from_slice(from);
    }

    #[inline(always)]
    fn put(self, tile: &[f32], rows: usize, finish: impl Finish, to: &mut [f32], stride: usize) {
        self.0.vectorize(PutTile { simd: self.0, tile, finish, to, stride, rows });
    }

    #[inline(always)]
    fn bounds<'a>(self, blocks: impl Iterator<Item = &'a [f32]>) -> (f32, f32) {
        let simd = self.0;
        let nothing = [simd.splat_f32s(0.0); 2];
        let (mut least, mut most, mut sum) = (nothing, nothing, nothing);
        for block in blocks {
            for (half, value) in both::<S>(block).into_iter().enumerate() {
                least[half] = simd.min_f32s(least[half], value);
                most[half] = simd.max_f32s(most[half], value);
                sum[half] = simd.add_f32s(sum[half], value);
            }
        }
        // Which of two a minimum is where one is no number differs between processors: only the sum always tells.
        let none = 0.0 * simd.reduce_sum_f32s(simd.add_f32s(sum[0], sum[1]));
        let least = simd.reduce_min_f32s(simd.min_f32s(least[0], least[1]));
        let most = simd.reduce_max_f32s(simd.max_f32s(most[0], most[1]));
        (least, most + none)
    }

    #[inline(always)]
    fn bytes<E: From<u8>>(self, values: &[f32], factor: f32, shift: f32, to: &mut [E]) {
        let simd = self.0;
        let (factor, shift) = (simd.splat_f32s(factor), simd.splat_f32s(shift));
        for (value, to) in both::<S>(values).into_iter().zip(to.chunks_exact_mut(S::F32_LANES)) {
            let bytes = simd.lowest_bytes(simd.fma(value, factor, shift));
            to.iter_mut().zip(bytes_of(&bytes)).for_each(|(to, byte)| *to = E::from(*byte));
        }
    }

    #[inline(always)]
    fn put_scaled(self, tile: &[f32], factors: &[f32], to: &mut [f32]) {
        for ((tile, factor), to) in tile.chunks_exact(S::WIDTH).zip(factors).zip(to.chunks_exact_mut(S::WIDTH)) {
            to.iter_mut().zip(tile).for_each(|(to, value)| *to = value * factor);
        }
    }

    #[inline(always)]
    fn activate(self, activation: Activation, tile: &mut [f32], finish: impl Finish, to: &mut [f32]) {
        self.0.vectorize(Activate { simd: self.0, activation, tile: &mut *tile, finish });
        to.copy_from_slice(tile);
    }

    #[inline(always)]
    fn softmax(self, scores: &mut [f32], padded: usize, factors: &mut [f32], columns: usize, weights: &mut [f32]) {
        self.0.vectorize(Softmax { simd: self.0, scores: &mut *scores, padded, factors, columns });
        weights.copy_from_slice(scores);
    }

    #[inline(always)]
    fn pack_keys(self, rows: &[f32], stride: usize, tokens: usize, depth: usize, panel: &mut [f32]) {
        for token in 0..tokens {
            for (input, &key) in rows[token * stride..][..depth].iter().enumerate() {
                panel[Self::place(input, token)] = key;
            }
        }
    }

    #[inline(always)]
    fn pack_values(self, rows: &[f32], stride: usize, tokens: usize, panel: &mut [f32]) {
        for (token, panel) in panel.chunks_exact_mut(S::WIDTH).take(tokens).enumerate() {
            panel.copy_from_slice(&rows[token * stride..][..S::WIDTH]);
        }
    }
}

struct Tile<'a, S> {
    simd: S,
    rows: usize,
    left: &'a [f32],
    right: &'a [f32],
    out: &'a mut [f32],
}

impl<S: Lanes> WithSimd for Tile<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, rows, left, right, out } = self;
        // A branch that no tile of these registers reaches is left out when this is compiled.
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match rows {
                    $($rows if $rows <= S::ROWS => tile::<S, $rows>(simd, left, right, out),)*
                    _ => unreachable!("a tile has 1 to {} rows, this has {rows}", S::ROWS),
                }
            };
        }
        by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }
}

#[inline(always)]
fn tile<S: Lanes, const ROWS: usize>(simd: S, left: &[f32], right: &[f32], out: &mut [f32]) {
    let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
    let (right, _) = S::as_simd_f32s(right);
    let panel = right.len();
    let blocks = left.chunks_exact(ROWS * S::WIDTH).zip(right.chunks_exact(2 * S::WIDTH));
    for (left, right) in blocks {
        for input in 0..S::WIDTH {
            let [first, second] = [&right[2 * input], &right[2 * input + 1]];
            simd.fetch(std::ptr::from_ref(first).wrapping_add(panel));
            simd.fetch(std::ptr::from_ref(second).wrapping_add(panel));
            let (first, second) = (*first, *second);
            for row in 0..ROWS {
                let value = simd.splat_f32s(left[row * S::WIDTH + input]);
                sums[row][0] = simd.fma(value, first, sums[row][0]);
                sums[row][1] = simd.fma(value, second, sums[row][1]);
            }
        }
    }
    let (out, _) = S::as_mut_simd_f32s(out);
    for (out, sums) in out.chunks_exact_mut(2).zip(sums) {
        out.copy_from_slice(&sums);
    }
}

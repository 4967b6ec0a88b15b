//! Linear layers in 8 bits: hidden states in, hidden states out; attention and everything else stay floats.
//!
//! A weight is a whole number of −127 to 127 times its column's scale. A row of a left operand is whole numbers of 0 to 255 less the
//! row's zero, a whole number itself, times the row's scale; both are found when it is packed. So `Σ left · weight` is the product of
//! whole numbers less the zero times the column's sum, times both scales, whatever the processor multiplies with.

#[cfg(target_arch = "x86_64")]
mod amx;
mod scale;
#[cfg(target_arch = "x86_64")]
mod vnni;
mod words;

use std::fmt::Debug;
use std::ops::Range;

use pulp::Simd;

use super::arena::Arena;
use super::arithmetic::Arithmetic;
use super::buffer::Buffer;
use super::dense::{self, Dense};
use super::functions::Norm;
use super::kernel::{Kernel, Panels, Part, padded_depth, padded_rows, tiles};
use super::weights::Linear;
use crate::activation::Activation;
#[cfg(target_arch = "x86_64")]
pub(super) use amx::AmxInt8;
use scale::{Dequantize, Quantize, quantize_column};
#[cfg(target_arch = "x86_64")]
pub(super) use vnni::Vnni;
#[cfg(target_arch = "x86_64")]
pub(super) use words::Avx2Words;
pub(super) use words::Words;

/// Linear layers whose products `kernel` computes, and between them `between`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Int8<K, A> {
    pub(super) kernel: K,
    pub(super) between: A,
}

/// Panels of whole numbers with what makes them weights again.
#[derive(Debug)]
pub(super) struct QuantizedPanels<E> {
    panels: Panels<E>,
    /// What a column's numbers are to be multiplied by; padded to whole panels with zeros.
    scales: Vec<f32>,
    /// The sum of a column's numbers; padded likewise.
    sums: Vec<f32>,
}

/// A packed left operand of whole numbers with what makes them values again.
#[derive(Debug, Default)]
pub(super) struct QuantizedRows<E, F> {
    data: Buffer<E>,
    /// What a row's numbers less its zero are to be multiplied by.
    scales: Buffer<f32>,
    zeros: Buffer<f32>,
    /// One row of values.
    row: Buffer<f32>,
    /// Rows on their way to be quantized, in blocks.
    wide: Buffer<F>,
}

impl<K: Kernel<Left: From<u8>, Right: From<i8>>, A: Arithmetic> Dense for Int8<K, A> {
    type Between = A;
    type Tiling = K;
    type Panels = QuantizedPanels<K::Right>;
    type Left = QuantizedRows<K::Left, A::Left>;
    const SPACE: usize = 2 * K::ROWS * K::WIDTH;

    fn between(self) -> A {
        self.between
    }

    fn pack_weights(self, linear: &Linear, arena: &mut Arena) -> std::io::Result<Self::Panels> {
        const { assert!(K::WIDTH == A::WIDTH, "a tile of one is a tile of the other") }
        let columns = linear.bias.len().next_multiple_of(K::WIDTH);
        let (mut scales, mut sums) = (Vec::with_capacity(columns), Vec::with_capacity(columns));
        let panels = Panels::pack::<K>(&linear.weight, &linear.bias, arena, |from, to| {
            let (scale, sum) = quantize_column(from, to);
            scales.push(scale);
            sums.push(sum);
        })?;
        scales.resize(columns, 0.0);
        sums.resize(columns, 0.0);
        Ok(QuantizedPanels { panels, scales, sums })
    }

    fn bytes(panels: &Self::Panels) -> usize {
        panels.panels.bytes()
    }

    fn pack_states(self, states: &mut [f32], rows: usize, norm: &Norm, left: &mut Self::Left) {
        let depth = norm.weight.len();
        for tile in tiles::<K>(rows) {
            let states = &mut states[tile.slot * depth..][..tile.padded * depth];
            dense::normalize(self.between.simd(), tile, states, norm);
        }
        self.pack_blocks(rows, norm.width, left, states, |from, to| to.copy_from_slice(from));
    }

    fn room(left: &mut Self::Left, rows: usize, depth: usize) -> &mut [A::Left] {
        left.wide.hold(padded_rows::<K>(rows) * depth)
    }

    fn seal(self, rows: usize, columns: usize, left: &mut Self::Left) {
        let wide = std::mem::take(&mut left.wide);
        self.pack_blocks(rows, columns, left, &wide, |from, to| self.between.widen(from, to));
        left.wide = wide;
    }

    fn project(
        self,
        panels: &Self::Panels,
        columns: Range<usize>,
        left: &Self::Left,
        rows: usize,
        space: &mut [f32],
        to: &mut [A::Left],
    ) {
        let some = columns.start / K::WIDTH..columns.end / K::WIDTH;
        self.multiply(panels, some, left, rows, space, |part| dense::put(self.between, &columns, part, to));
    }

    fn add(self, panels: &Self::Panels, left: &Self::Left, rows: usize, space: &mut [f32], states: &mut [f32]) {
        let (simd, depth) = (self.between.simd(), padded_depth::<A>(panels.panels.columns));
        self.multiply(panels, panels.panels.all::<K>(), left, rows, space, |part| {
            dense::add(simd, depth, part, states);
        });
    }

    fn activate(
        self,
        activation: Activation,
        panels: &Self::Panels,
        left: &Self::Left,
        rows: usize,
        space: &mut [f32],
        wide: &mut Self::Left,
    ) {
        let columns = panels.panels.columns;
        let held = Self::room(wide, rows, padded_depth::<A>(columns));
        let all = panels.panels.all::<K>();
        let between = self.between;
        self.multiply(panels, all, left, rows, space, |part| dense::activate(between, activation, columns, part, held));
        // Only now is a row's greatest value known.
        self.seal(rows, columns, wide);
    }
}

impl<K: Kernel<Left: From<u8>>, A: Arithmetic> Int8<K, A> {
    /// Packs rows of `width` values that lie in `blocks`; `widen` makes values of what these are made of.
    #[inline(always)]
    fn pack_blocks<F, E>(
        self,
        rows: usize,
        width: usize,
        left: &mut QuantizedRows<K::Left, F>,
        blocks: &[E],
        widen: impl Fn(&[E], &mut [f32]),
    ) {
        let simd = self.between.simd();
        let (depth, padded_width) = (padded_depth::<K>(width), padded_depth::<A>(width));
        let data = left.data.hold(padded_rows::<K>(rows) * depth);
        let (scales, zeros) = (left.scales.hold(rows), left.zeros.hold(rows));
        let values = left.row.hold(width);
        for tile in tiles::<K>(rows) {
            let rows = tile.start..tile.start + tile.rows;
            simd.vectorize(Quantize {
                simd,
                from: &blocks[tile.slot * padded_width..][..tile.padded * padded_width],
                widen: &widen,
                to: &mut data[tile.slot * depth..][..tile.padded * depth],
                block: K::BLOCK,
                padded: tile.padded,
                values: &mut *values,
                scales: &mut scales[rows.clone()],
                zeros: &mut zeros[rows],
            });
        }
    }

    /// As [`Panels::multiply`], of values.
    #[inline(always)]
    fn multiply<F>(
        self,
        panels: &QuantizedPanels<K::Right>,
        some: Range<usize>,
        left: &QuantizedRows<K::Left, F>,
        rows: usize,
        space: &mut [f32],
        mut take: impl FnMut(Part<'_>),
    ) {
        let simd = self.between.simd();
        panels.panels.multiply(self.kernel, some, &left.data, rows, space, |part| {
            let (rows, columns) = (part.start..part.start + part.rows, part.column..part.column + K::WIDTH);
            simd.vectorize(Dequantize {
                simd,
                values: &mut *part.values,
                scales: &left.scales[rows.clone()],
                zeros: &left.zeros[rows],
                column_scales: &panels.scales[columns.clone()],
                column_sums: &panels.sums[columns],
            });
            take(part);
        });
    }
}

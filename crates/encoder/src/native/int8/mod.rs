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
use super::f32::F32;
use super::finish::Scaled;
use super::functions::Norm;
use super::kernel::{Column, Kernel, Panels, Part, TileRows, padded_depth, slots};
use crate::activation::Activation;
#[cfg(target_arch = "x86_64")]
pub(super) use amx::AmxInt8;
use scale::{Quantize, quantize_column};
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
    /// The sum of a column's numbers times that; padded likewise.
    sums: Vec<f32>,
}

/// A packed left operand of whole numbers with what makes them values again.
#[derive(Debug, Default)]
pub(super) struct QuantizedRows<E, F> {
    data: Buffer<E>,
    /// What a row's numbers are to be multiplied by, and what is then to be added to each.
    scales: Buffer<f32>,
    offsets: Buffer<f32>,
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

    fn pack_weights(self, columns: &[Column<'_>], arena: &mut Arena) -> std::io::Result<Self::Panels> {
        const { assert!(K::WIDTH == A::WIDTH, "a tile of one is a tile of the other") }
        let padded = columns.len().next_multiple_of(K::WIDTH);
        let (mut scales, mut sums) = (Vec::with_capacity(padded), Vec::with_capacity(padded));
        let panels = Panels::pack::<K>(columns, arena, |from, to| {
            let (scale, sum) = quantize_column(from, to);
            scales.push(scale);
            sums.push(sum * scale);
        })?;
        scales.resize(padded, 0.0);
        sums.resize(padded, 0.0);
        Ok(QuantizedPanels { panels, scales, sums })
    }

    fn bytes(panels: &Self::Panels) -> usize {
        panels.panels.bytes()
    }

    fn pack_states(self, states: &mut [f32], tiles: &[TileRows], norm: &Norm, left: &mut Self::Left) {
        let depth = norm.weight.len();
        for &tile in tiles {
            let states = &mut states[tile.slot * depth..][..tile.padded * depth];
            dense::normalize(self.between.simd(), tile, states, norm);
        }
        Self::pack_blocks(F32(self.between.simd()), tiles, depth, left, states);
    }

    fn room<'a>(left: &'a mut Self::Left, tiles: &[TileRows], depth: usize) -> &'a mut [A::Left] {
        left.wide.hold(slots(tiles) * depth)
    }

    fn seal(self, tiles: &[TileRows], columns: usize, left: &mut Self::Left) {
        let wide = std::mem::take(&mut left.wide);
        Self::pack_blocks(self.between, tiles, padded_depth::<A>(columns), left, &wide);
        left.wide = wide;
    }

    fn project(
        self,
        panels: &Self::Panels,
        columns: Range<usize>,
        left: &Self::Left,
        tiles: &[TileRows],
        space: &mut [f32],
        to: &mut [A::Left],
    ) {
        let some = columns.start / K::WIDTH..columns.end / K::WIDTH;
        self.multiply(panels, some, left, tiles, space, |part, finish| {
            dense::put(self.between, &columns, finish, part, to);
        });
    }

    fn add(self, panels: &Self::Panels, left: &Self::Left, tiles: &[TileRows], space: &mut [f32], states: &mut [f32]) {
        let (simd, depth) = (self.between.simd(), padded_depth::<A>(panels.panels.columns));
        self.multiply(panels, panels.panels.all::<K>(), left, tiles, space, |part, finish| {
            dense::add(simd, depth, finish, part, states);
        });
    }

    fn activate(
        self,
        activation: Activation,
        panels: &Self::Panels,
        left: &Self::Left,
        tiles: &[TileRows],
        space: &mut [f32],
        wide: &mut Self::Left,
    ) {
        let columns = panels.panels.columns;
        let held = Self::room(wide, tiles, padded_depth::<A>(columns));
        let all = panels.panels.all::<K>();
        let between = self.between;
        self.multiply(panels, all, left, tiles, space, |part, finish| {
            dense::activate(between, activation, columns, finish, part, held);
        });
        // Only now is a row's greatest value known.
        self.seal(tiles, columns, wide);
    }
}

impl<K: Kernel<Left: From<u8>>, A: Arithmetic> Int8<K, A> {
    /// Packs rows of `width` values, which is whole blocks, that lie in `blocks`.
    #[inline(always)]
    fn pack_blocks<B: Arithmetic, F>(
        arithmetic: B,
        tiles: &[TileRows],
        width: usize,
        left: &mut QuantizedRows<K::Left, F>,
        blocks: &[B::Left],
    ) {
        let depth = padded_depth::<K>(width);
        let rows = tiles.last().map_or(0, |last| last.start + last.rows);
        let data = left.data.hold(slots(tiles) * depth);
        let (scales, offsets) = (left.scales.hold(rows), left.offsets.hold(rows));
        for tile in tiles {
            let rows = tile.start..tile.start + tile.rows;
            arithmetic.simd().vectorize(Quantize::<B, K> {
                arithmetic,
                from: &blocks[tile.slot * width..][..tile.padded * width],
                to: &mut data[tile.slot * depth..][..tile.padded * depth],
                padded: tile.padded,
                scales: &mut scales[rows.clone()],
                offsets: &mut offsets[rows],
            });
        }
    }

    /// As [`Panels::multiply`], with what makes values of a part.
    #[inline(always)]
    fn multiply<F>(
        self,
        panels: &QuantizedPanels<K::Right>,
        some: Range<usize>,
        left: &QuantizedRows<K::Left, F>,
        tiles: &[TileRows],
        space: &mut [f32],
        mut take: impl FnMut(Part<'_>, Scaled<'_>),
    ) {
        panels.panels.multiply(self.kernel, some, &left.data, tiles, space, |part| {
            let (rows, columns) = (part.start..part.start + part.rows, part.column..part.column + K::WIDTH);
            let finish = Scaled {
                bias: part.bias,
                scales: &left.scales[rows.clone()],
                offsets: &left.offsets[rows],
                column_scales: &panels.scales[columns.clone()],
                column_sums: &panels.sums[columns],
            };
            take(part, finish);
        });
    }
}

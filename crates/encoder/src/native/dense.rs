//! Linear layers on rows of hidden states: what they are computed in, apart from attention; knows nothing of their order.

use std::fmt::Debug;

use super::arithmetic::{Arithmetic, copy_left, pack_left};
use super::buffer::Buffer;
use super::functions::{Onto, PlaceTile};
use super::kernel::{Kernel, Panels, Part, padded_depth, padded_rows};
use super::lanes::Lanes;
use super::weights::Linear;
use crate::activation::Activation;

/// What the rows between products, and attention, are made of.
pub(super) type Element<D> = <<D as Dense>::Between as Kernel>::Left;

/// A way to compute linear layers.
pub(super) trait Dense: Copy + Send + Sync + 'static {
    /// What attention is computed in, and what stands between products.
    type Between: Arithmetic;
    /// A layer's packed weights with its bias.
    type Panels: Send + Sync + Debug;
    /// A packed left operand; keeps its memory.
    type Left: Default + Send + Debug;
    /// Values of the two tiles that a product works in.
    const SPACE: usize;

    fn between(self) -> Self::Between;

    fn pack_weights(self, linear: &Linear) -> Self::Panels;

    /// Bytes of the packed weights.
    fn bytes(panels: &Self::Panels) -> usize;

    /// Packs `x`, rows of `width` values.
    fn pack_states(self, x: &[f32], width: usize, left: &mut Self::Left);

    /// Packs rows of `width` elements.
    fn pack_rows(self, rows: &[Element<Self>], width: usize, left: &mut Self::Left);

    /// `to = left · weights + bias`, rows of all columns.
    fn project(
        self,
        panels: &Self::Panels,
        left: &Self::Left,
        rows: usize,
        space: &mut [f32],
        to: &mut [Element<Self>],
    );

    /// `x += left · weights + bias`, rows of all columns.
    fn add(self, panels: &Self::Panels, left: &Self::Left, rows: usize, space: &mut [f32], x: &mut [f32]);

    /// `activation(left · weights + bias)`, packed as the left operand of the next product.
    fn activate(
        self,
        activation: Activation,
        panels: &Self::Panels,
        left: &Self::Left,
        rows: usize,
        space: &mut [f32],
        wide: &mut Self::Left,
    );
}

impl<A: Arithmetic> Dense for A {
    type Between = A;
    type Panels = Panels<A::Right>;
    type Left = Buffer<A::Left>;
    const SPACE: usize = 2 * A::ROWS * A::WIDTH;

    fn between(self) -> A {
        self
    }

    fn pack_weights(self, linear: &Linear) -> Self::Panels {
        Panels::pack::<A>(&linear.weight, &linear.bias, |from, to| self.narrow(from, to))
    }

    fn bytes(panels: &Self::Panels) -> usize {
        panels.bytes()
    }

    fn pack_states(self, x: &[f32], width: usize, left: &mut Self::Left) {
        let rows = x.len() / width;
        pack_left(self, x, width, rows, width, left.hold(padded_rows::<A>(rows) * padded_depth::<A>(width)));
    }

    fn pack_rows(self, rows: &[A::Left], width: usize, left: &mut Self::Left) {
        let count = rows.len() / width;
        copy_left::<A>(rows, width, count, width, left.hold(padded_rows::<A>(count) * padded_depth::<A>(width)));
    }

    fn project(self, panels: &Self::Panels, left: &Self::Left, rows: usize, space: &mut [f32], to: &mut [A::Left]) {
        panels.multiply(self, left, rows, space, |part| put(self, panels.columns, part, to));
    }

    fn add(self, panels: &Self::Panels, left: &Self::Left, rows: usize, space: &mut [f32], x: &mut [f32]) {
        panels.multiply(self, left, rows, space, |part| add(self.simd(), panels.columns, part, x));
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
        let wide = wide.hold(padded_rows::<A>(rows) * padded_depth::<A>(panels.columns));
        panels.multiply(self, left, rows, space, |part| activate(self, activation, panels.columns, part, wide));
    }
}

/// Puts a part of a product with its bias into `to`, rows of `columns` elements.
#[inline(always)]
pub(super) fn put<A: Arithmetic>(arithmetic: A, columns: usize, part: Part<'_>, to: &mut [A::Left]) {
    let Part { start, rows, column, bias, values, .. } = part;
    let to = &mut to[start * columns + column..];
    arithmetic.put_biased(values, rows, bias, A::WIDTH.min(columns - column), to, columns);
}

/// Adds a part of a product with its bias to `x`, rows of `columns` values.
#[inline(always)]
pub(super) fn add<S: Lanes>(simd: S, columns: usize, part: Part<'_>, x: &mut [f32]) {
    let Part { start, rows, column, bias, values, .. } = part;
    let (to, onto) = (&mut x[start * columns + column..], Onto::Residual);
    let counted = S::WIDTH.min(columns - column);
    simd.vectorize(PlaceTile { simd, tile: values, bias, to, stride: columns, rows, columns: counted, onto });
}

/// Puts the activation of a part of a product with its bias into `wide`: tiles of `columns` padded to blocks of `WIDTH`, each
/// `[blocks, padded, WIDTH]`.
#[inline(always)]
pub(super) fn activate<A: Arithmetic>(
    arithmetic: A,
    activation: Activation,
    columns: usize,
    part: Part<'_>,
    wide: &mut [A::Left],
) {
    let Part { slot, padded, offset, column, bias, values, .. } = part;
    let depth = padded_depth::<A>(columns);
    // A tile is a block: `column` columns come before it in each of the tile's rows.
    let to = &mut wide[slot * depth + column * padded + offset * A::WIDTH..][..values.len()];
    arithmetic.activate(activation, values, bias, to);
}

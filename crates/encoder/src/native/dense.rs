//! Linear layers on rows of hidden states: what they are computed in, apart from attention; knows nothing of their order.
//!
//! States are f32 in blocks: for each tile of rows `[blocks, padded, WIDTH]`, as packed operands are, so that a tile of a product goes to
//! one place. Their columns are padded with zeros to whole blocks.

use std::fmt::Debug;
use std::ops::Range;

use super::arena::Arena;
use super::arithmetic::Arithmetic;
use super::buffer::Buffer;
use super::finish::{Biased, Finish};
use super::functions::{AddTile, Norm, NormTile};
use super::kernel::{Column, Kernel, Panels, Part, TileRows, padded_depth, slots};
use super::lanes::Lanes;
use crate::activation::Activation;

/// What the rows between products, and attention, are made of.
pub(super) type Element<D> = <<D as Dense>::Between as Kernel>::Left;

/// A way to compute linear layers on rows that [`Dense::Tiling`] has cut into `tiles`.
pub(super) trait Dense: Copy + Send + Sync + 'static {
    /// What attention is computed in, and what stands between products.
    type Between: Arithmetic;
    /// What cuts rows into tiles.
    type Tiling: Kernel;
    /// A layer's packed weights with its bias.
    type Panels: Send + Sync + Debug;
    /// A packed left operand; keeps its memory.
    type Left: Default + Send + Debug;
    /// Values of the two tiles that a product works in.
    const SPACE: usize;

    fn between(self) -> Self::Between;

    /// # Errors
    /// When there is no memory.
    fn pack_weights(self, columns: &[Column<'_>], arena: &mut Arena) -> std::io::Result<Self::Panels>;

    /// Bytes of the packed weights.
    fn bytes(panels: &Self::Panels) -> usize;

    /// Normalizes the rows of states, in place, and packs them.
    fn pack_states(self, states: &mut [f32], tiles: &[TileRows], norm: &Norm, left: &mut Self::Left);

    /// Room for rows of `depth` elements, which is whole blocks, as [`super::kernel::Blocks`]. Once they are written, [`Dense::seal`]
    /// makes a left operand of them.
    fn room<'a>(left: &'a mut Self::Left, tiles: &[TileRows], depth: usize) -> &'a mut [Element<Self>];

    /// See [`Dense::room`]. Of each row `columns` elements count.
    fn seal(self, tiles: &[TileRows], columns: usize, left: &mut Self::Left);

    /// `to = left · weights + bias`, rows of some `columns`, which are whole panels.
    fn project(
        self,
        panels: &Self::Panels,
        columns: Range<usize>,
        left: &Self::Left,
        tiles: &[TileRows],
        space: &mut [f32],
        to: &mut [Element<Self>],
    );

    /// `states += left · weights + bias`.
    fn add(self, panels: &Self::Panels, left: &Self::Left, tiles: &[TileRows], space: &mut [f32], states: &mut [f32]);

    /// `activation(left · weights + bias)`, packed as the left operand of the next product.
    fn activate(
        self,
        activation: Activation,
        panels: &Self::Panels,
        left: &Self::Left,
        tiles: &[TileRows],
        space: &mut [f32],
        wide: &mut Self::Left,
    );
}

impl<A: Arithmetic> Dense for A {
    type Between = A;
    type Tiling = A;
    type Panels = Panels<A::Right>;
    type Left = Buffer<A::Left>;
    const SPACE: usize = 2 * A::ROWS * A::WIDTH;

    fn between(self) -> A {
        self
    }

    fn pack_weights(self, columns: &[Column<'_>], arena: &mut Arena) -> std::io::Result<Self::Panels> {
        Panels::pack::<A>(columns, arena, |from, to| self.narrow(from, to))
    }

    fn bytes(panels: &Self::Panels) -> usize {
        panels.bytes()
    }

    fn pack_states(self, states: &mut [f32], tiles: &[TileRows], norm: &Norm, left: &mut Self::Left) {
        let depth = norm.weight.len();
        let left = left.hold(slots(tiles) * depth);
        for &tile in tiles {
            let place = tile.slot * depth..(tile.slot + tile.padded) * depth;
            normalize(self.simd(), tile, &mut states[place.clone()], norm);
            self.narrow(&states[place.clone()], &mut left[place]);
        }
    }

    fn room<'a>(left: &'a mut Self::Left, tiles: &[TileRows], depth: usize) -> &'a mut [A::Left] {
        left.hold(slots(tiles) * depth)
    }

    fn seal(self, _: &[TileRows], _: usize, _: &mut Self::Left) {}

    fn project(
        self,
        panels: &Self::Panels,
        columns: Range<usize>,
        left: &Self::Left,
        tiles: &[TileRows],
        space: &mut [f32],
        to: &mut [A::Left],
    ) {
        let some = columns.start / A::WIDTH..columns.end / A::WIDTH;
        panels.multiply(self, some, left, tiles, space, |part| put(self, &columns, biased(&part), part, to));
    }

    fn add(self, panels: &Self::Panels, left: &Self::Left, tiles: &[TileRows], space: &mut [f32], states: &mut [f32]) {
        let depth = padded_depth::<A>(panels.columns);
        panels.multiply(self, panels.all::<A>(), left, tiles, space, |part| {
            add(self.simd(), depth, biased(&part), part, states);
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
        let wide = Self::room(wide, tiles, padded_depth::<A>(panels.columns));
        panels.multiply(self, panels.all::<A>(), left, tiles, space, |part| {
            activate(self, activation, panels.columns, biased(&part), part, wide);
        });
    }
}

/// What makes values of a part that lacks its bias only.
#[inline(always)]
fn biased<'a>(part: &Part<'a>) -> Biased<'a> {
    Biased { bias: part.bias }
}

/// Puts the values of a part of a product into `to`, rows of `columns`.
#[inline(always)]
pub(super) fn put<A: Arithmetic>(
    arithmetic: A,
    columns: &Range<usize>,
    finish: impl Finish,
    part: Part<'_>,
    to: &mut [A::Left],
) {
    let Part { start, rows, column, values, .. } = part;
    let to = &mut to[start * columns.len() + column - columns.start..];
    arithmetic.put(values, rows, finish, to, columns.len());
}

/// Normalizes the rows of a tile of states.
#[inline(always)]
pub(super) fn normalize<S: Lanes>(simd: S, tile: TileRows, states: &mut [f32], norm: &Norm) {
    let TileRows { rows, padded, .. } = tile;
    simd.vectorize(NormTile { simd, tile: states, padded, rows, norm });
}

/// Adds the values of a part of a product to states of `depth` columns.
#[inline(always)]
pub(super) fn add<S: Lanes>(simd: S, depth: usize, finish: impl Finish, part: Part<'_>, states: &mut [f32]) {
    let place = part.place(depth, S::WIDTH);
    let Part { values: tile, .. } = part;
    simd.vectorize(AddTile { simd, tile, finish, to: &mut states[place] });
}

/// Puts the activation of the values of a part of a product into `wide`: tiles of `columns` padded to blocks of `WIDTH`, each
/// `[blocks, padded, WIDTH]`.
#[inline(always)]
pub(super) fn activate<A: Arithmetic>(
    arithmetic: A,
    activation: Activation,
    columns: usize,
    finish: impl Finish,
    part: Part<'_>,
    wide: &mut [A::Left],
) {
    let place = part.place(padded_depth::<A>(columns), A::WIDTH);
    let Part { values, .. } = part;
    arithmetic.activate(activation, values, finish, &mut wide[place]);
}

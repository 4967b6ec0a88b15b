//! What stands between products: tiles of f32 in, packed operands out; knows nothing of layers.

use super::kernel::{Kernel, TileRows, padded_depth, tiles};
use super::lanes::Lanes;
use crate::activation::Activation;

/// Products of floats, and everything else that happens to their operands. A block has as many inputs as a panel has columns,
/// so that the tile which one product writes is a block that the next one reads.
pub(super) trait Arithmetic: Kernel<Right = <Self as Kernel>::Left> {
    /// The registers for everything that is no product.
    type Simd: Lanes;

    /// The registers for everything that is no product.
    fn simd(self) -> Self::Simd;

    /// What a thread holds while it computes; [`Kernel::tile`] needs it.
    type Session;

    /// Makes the calling thread ready.
    fn begin(self) -> Self::Session;

    /// Converts values to what operands are made of; both of one length.
    fn narrow(self, from: &[f32], to: &mut [Self::Left]);

    /// Converts what operands are made of to values; both of one length.
    fn widen(self, from: &[Self::Left], to: &mut [f32]);

    /// Packs the rows of one tile, `stride` apart in `from`, `depth` inputs of each; `to` is `[blocks, padded, WIDTH]`.
    fn pack_tile(self, from: &[f32], stride: usize, depth: usize, tile: TileRows, to: &mut [Self::Left]);

    /// Puts `rows` rows of a tile, each plus `bias`, from `to` on, `stride` apart.
    fn put_biased(self, tile: &[f32], rows: usize, bias: &[f32], to: &mut [Self::Left], stride: usize);

    /// Puts a row of a tile for each of `factors`, times it, into `to`, one after the other.
    fn put_scaled(self, tile: &[f32], factors: &[f32], to: &mut [Self::Left]);

    /// `to = activation(tile + bias)`, both `[rows, WIDTH]`. The tile is left in any state.
    fn activate(self, activation: Activation, tile: &mut [f32], bias: &[f32], to: &mut [Self::Left]);

    /// Softmax of the first rows of a tile of scores without the division: `scores` and `weights` are `[blocks, padded, WIDTH]`. Each of
    /// `factors` becomes what its row is to be multiplied by. Of a row `columns` count; the weights of the others are 0.
    fn softmax(
        self,
        scores: &mut [f32],
        padded: usize,
        factors: &mut [f32],
        columns: usize,
        weights: &mut [Self::Left],
    );

    /// Packs the keys of up to `WIDTH` tokens, `depth` wide, which is whole blocks, and `stride` apart, as one panel of as many columns.
    fn pack_keys(self, rows: &[Self::Left], stride: usize, tokens: usize, depth: usize, panel: &mut [Self::Left]);

    /// Packs `WIDTH` columns of the values of `tokens` tokens, `stride` apart, as one panel.
    fn pack_values(self, rows: &[Self::Left], stride: usize, tokens: usize, panel: &mut [Self::Left]);
}

/// Packs `rows` rows of `depth` inputs, `stride` apart, as a left operand of `depth` padded to whole blocks; they are made of what operands are
/// made of.
pub(super) fn copy_left<A: Arithmetic>(from: &[A::Left], stride: usize, rows: usize, depth: usize, to: &mut [A::Left]) {
    let padded = padded_depth::<A>(depth);
    for tile in tiles::<A>(rows) {
        let to = &mut to[tile.slot * padded..(tile.slot + tile.padded) * padded];
        let copy = |from: &[A::Left], to: &mut [A::Left]| to.copy_from_slice(from);
        pack_rows(&from[tile.start * stride..], stride, depth, tile, A::WIDTH, to, copy);
    }
}

/// Packs the rows of one tile by `narrow`; see [`Arithmetic::pack_tile`].
#[inline(always)]
pub(super) fn pack_rows<F, E: Copy + Default>(
    from: &[F],
    stride: usize,
    depth: usize,
    tile: TileRows,
    width: usize,
    to: &mut [E],
    narrow: impl Fn(&[F], &mut [E]),
) {
    let full = depth / width;
    for row in 0..tile.rows {
        let from = &from[row * stride..][..depth];
        for (block, from) in from.chunks(width).enumerate() {
            let to = &mut to[(block * tile.padded + row) * width..][..width];
            if block < full {
                narrow(from, to);
            } else {
                narrow(from, &mut to[..from.len()]);
                to[from.len()..].fill(E::default());
            }
        }
    }
}

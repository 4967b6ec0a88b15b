//! What stands between products: tiles of f32 in, packed operands out; knows nothing of layers.

#[cfg(test)]
mod tests;

use super::finish::Finish;
use super::kernel::{Blocks, Kernel, tiles};
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

    /// Puts the values of `rows` rows of a tile from `to` on, `stride` apart.
    fn put(self, tile: &[f32], rows: usize, finish: impl Finish, to: &mut [Self::Left], stride: usize);

    /// The least and the greatest value of a row that lies in `blocks`, with 0 among them. One of them is no finite number where a value
    /// is none.
    fn bounds<'a>(self, blocks: impl Iterator<Item = &'a [Self::Left]>) -> (f32, f32);

    /// Writes the lowest byte of the bits of each `value · factor + shift`, a float of 24 bits, for the values of one block.
    fn bytes<E: From<u8>>(self, values: &[Self::Left], factor: f32, shift: f32, to: &mut [E]);

    /// Puts a row of a tile for each of `factors`, times it, into `to`, one after the other.
    fn put_scaled(self, tile: &[f32], factors: &[f32], to: &mut [Self::Left]);

    /// Writes the activation of a tile's values, `[rows, WIDTH]`, into `to`. The tile is left in any state.
    fn activate(self, activation: Activation, tile: &mut [f32], finish: impl Finish, to: &mut [Self::Left]);

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

    /// Attends, as [`super::attention::attend`] does, where a text is short enough that this does it faster than products; else it says false.
    #[inline(always)]
    fn attend_few(
        self,
        _shape: (usize, usize),
        _qkv: (&[Self::Left], usize),
        _context: &mut Blocks<'_, Self::Left>,
        _at: (usize, usize),
    ) -> bool {
        false
    }

    /// Packs the keys of up to `WIDTH` tokens, `depth` wide, which is whole blocks, and `stride` apart, as one panel of as many columns.
    fn pack_keys(self, rows: &[Self::Left], stride: usize, tokens: usize, depth: usize, panel: &mut [Self::Left]);

    /// Packs `WIDTH` columns of the values of `tokens` tokens, `stride` apart, as one panel.
    fn pack_values(self, rows: &[Self::Left], stride: usize, tokens: usize, panel: &mut [Self::Left]);
}

/// Packs `rows` rows of `depth` inputs, `stride` apart, as a left operand of `depth`, which is whole blocks.
pub(super) fn copy_left<A: Arithmetic>(from: &[A::Left], stride: usize, rows: usize, depth: usize, to: &mut [A::Left]) {
    for tile in tiles::<A>(rows) {
        let from = &from[tile.start * stride..];
        let blocks = to[tile.slot * depth..].chunks_exact_mut(tile.padded * A::WIDTH).take(depth / A::WIDTH);
        for (block, to) in blocks.enumerate() {
            for (row, to) in to.chunks_exact_mut(A::WIDTH).take(tile.rows).enumerate() {
                to.copy_from_slice(&from[row * stride + block * A::WIDTH..][..A::WIDTH]);
            }
        }
    }
}

//! Hidden states of a few texts in, those after every layer out: the order of an encoder's operations.

use super::arena::Arena;
use super::arithmetic::Arithmetic;
use super::attention::{AttentionScratch, Heads, attend};
use super::buffer::Buffer;
use super::dense::{Dense, Element, normalize};
use super::functions::Norm;
use super::kernel::{Blocks, Column, Kernel, TileRows, padded_depth, slots, tiles};
use super::weights::LayerWeights;
use crate::activation::Activation;

/// The packed weights of one layer.
#[derive(Debug)]
pub(super) struct Layer<P> {
    /// For each head query, key and value in one product, each with columns of zeros up to whole panels; the queries' scale is in the
    /// weights.
    heads: P,
    /// Its inputs are padded as the heads' columns are.
    attention_out: P,
    attention_norm: Norm,
    feed_forward: Vec<UpDown<P>>,
    out_norm: Norm,
}

/// Some columns of the feed-forward part's wide activations: the weights that they come from, and those that they go to.
#[derive(Debug)]
struct UpDown<P> {
    up: P,
    down: P,
}

impl<P> Layer<P> {
    /// Packs a layer's weights.
    ///
    /// # Errors
    /// When there is no memory.
    pub(super) fn pack<D: Dense<Panels = P>>(
        dense: D,
        heads: Heads,
        weights: LayerWeights<'_>,
        arena: &mut Arena,
    ) -> std::io::Result<Self> {
        let LayerWeights { query, key, value, attention_out, attention_norm, up, down, out_norm } = weights;
        let (width, depth) = (heads.width, heads.depth::<D::Between>());
        let hidden = heads.count * width;
        // In the order in which a pass reads them.
        let mut pack = |columns: &[Column<'_>]| dense.pack_weights(columns, arena);
        let padded = |norm: Norm| {
            let width = norm.width;
            norm.padded(padded_depth::<D::Between>(width))
        };
        let head = |head: usize| {
            let own = head * width..(head + 1) * width;
            [&query, &key, &value].map(|part| part.columns(own.clone(), depth)).into_iter().flatten()
        };
        let attention_out = attention_out.with_padded_inputs(width, depth);
        let parts = up.parts_of_outputs(WIDE_COLUMNS).zip(down.parts_of_inputs(WIDE_COLUMNS));
        Ok(Self {
            heads: pack(&(0..heads.count).flat_map(head).collect::<Vec<_>>())?,
            attention_out: pack(&attention_out.columns(0..hidden, hidden).collect::<Vec<_>>())?,
            attention_norm: padded(attention_norm),
            feed_forward: parts
                .map(|(up, down)| Ok(UpDown { up: pack(&up)?, down: pack(&down)? }))
                .collect::<std::io::Result<_>>()?,
            out_norm: padded(out_norm),
        })
    }

    /// Bytes of the packed weights.
    pub(super) fn bytes<D: Dense<Panels = P>>(&self) -> usize {
        let feed_forward = self.feed_forward.iter().flat_map(|part| [&part.up, &part.down]);
        [&self.heads, &self.attention_out].into_iter().chain(feed_forward).map(D::bytes).sum()
    }
}

/// Columns of the wide activations that are computed and used up together, for all rows of a pass: each weight is read from far memory
/// once a pass, while the activations stay in the second-level cache.
const WIDE_COLUMNS: usize = 768;

/// Bytes of queries, keys and values that are computed before they are attended to: few enough to stay in the second-level cache beside
/// all else, and a few tokens' worth of all heads, so that their weights are read in one go.
const NEAR_BYTES: usize = 128 << 10;

/// Memory that one pass works in.
#[derive(Debug, Default)]
pub(super) struct Scratch<E, L> {
    /// Tokens of each text.
    pub(super) lengths: Vec<usize>,
    /// `[tokens, hidden]`: embeddings in, hidden states out.
    pub(super) x: Buffer<f32>,
    /// Hidden states in blocks.
    states: Buffer<f32>,
    tiles: Vec<TileRows>,
    /// Queries, keys and values of some heads: `[tokens, heads, 3, depth]`.
    qkv: Buffer<E>,
    left: L,
    /// The context of all heads, or wide activations.
    wide: L,
    space: Buffer<f32>,
    attention: AttentionScratch<E>,
}

/// Runs all layers over `scratch.x`, which holds texts of `lengths` tokens one after the other, not yet normalized by `norm`.
pub(super) fn run_layers<'a, D: Dense>(
    dense: D,
    layers: &'a [Layer<D::Panels>],
    heads: Heads,
    activation: Activation,
    mut norm: &'a Norm,
    lengths: &[usize],
    scratch: &mut Scratch<Element<D>, D::Left>,
) {
    let between = dense.between();
    let _session = between.begin();
    let tokens: usize = lengths.iter().sum();
    let depth = heads.depth::<D::Between>();
    let width = <D::Between as Kernel>::WIDTH;
    let hidden = heads.count * heads.width;
    let Scratch { x, states, tiles: cut, qkv, left, wide, space, attention, .. } = scratch;
    let x = x.hold(tokens * hidden);
    let together = (NEAR_BYTES / (tokens * 3 * depth * size_of::<Element<D>>()).max(1)).clamp(1, heads.count);
    let qkv = qkv.hold(tokens * together * 3 * depth);
    let space = space.hold(D::SPACE);
    cut.clear();
    cut.extend(tiles::<D::Tiling>(tokens));
    let states = states.hold(slots(cut) * padded_depth::<D::Between>(hidden));
    for_blocks::<D>(cut, hidden, x, states, |row, block| {
        block[..row.len()].copy_from_slice(row);
        block[row.len()..].fill(0.0);
    });
    for layer in layers {
        dense.pack_states(states, cut, norm, left);
        let inputs = heads.count * depth;
        let data = D::room(wide, cut, inputs);
        let mut context = Blocks { data, tiles: cut, depth: inputs, width };
        for first in (0..heads.count).step_by(together) {
            let some = first..heads.count.min(first + together);
            let stride = some.len() * 3 * depth;
            dense.project(&layer.heads, 3 * depth * some.start..3 * depth * some.end, left, cut, space, qkv);
            for (index, head) in some.enumerate() {
                let mut start = 0;
                for &length in lengths.iter().filter(|length| **length > 0) {
                    let qkv = &qkv[start * stride + index * 3 * depth..];
                    let to = (start, head * depth / width);
                    attend(between, (length, depth), (qkv, stride), &mut context, to, attention);
                    start += length;
                }
            }
        }
        dense.seal(cut, inputs, wide);
        dense.add(&layer.attention_out, wide, cut, space, states);
        dense.pack_states(states, cut, &layer.attention_norm, left);
        for UpDown { up, down } in &layer.feed_forward {
            dense.activate(activation, up, left, cut, space, wide);
            dense.add(down, wide, cut, space, states);
        }
        norm = &layer.out_norm;
    }
    let depth = norm.weight.len();
    for tile in &*cut {
        let states = &mut states[tile.slot * depth..][..tile.padded * depth];
        normalize(between.simd(), *tile, states, norm);
    }
    for_blocks::<D>(cut, hidden, x, states, |row, block| row.copy_from_slice(&block[..row.len()]));
}

/// Calls `each` with every part of a row of `x`, `hidden` wide, and the part of a block of `states` that it lies in.
fn for_blocks<D: Dense>(
    cut: &[TileRows],
    hidden: usize,
    x: &mut [f32],
    states: &mut [f32],
    mut each: impl FnMut(&mut [f32], &mut [f32]),
) {
    let width = <D::Between as Kernel>::WIDTH;
    let depth = padded_depth::<D::Between>(hidden);
    for tile in cut {
        let states = &mut states[tile.slot * depth..][..tile.padded * depth];
        for (row, x) in x[tile.start * hidden..].chunks_exact_mut(hidden).take(tile.rows).enumerate() {
            for (block, x) in states.chunks_exact_mut(tile.padded * width).zip(x.chunks_mut(width)) {
                each(x, &mut block[row * width..][..width]);
            }
        }
    }
}

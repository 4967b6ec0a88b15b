//! Hidden states of a few texts in, those after every layer out: the order of an encoder's operations.

use super::arena::Arena;
use super::arithmetic::Arithmetic;
use super::attention::{AttentionScratch, Heads, Queries, attend, attend_queries};
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

/// Which tokens' last hidden states are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// The first of each text, which has one. In the last layer the others are keys and values only.
    First,
}

/// Some of a pass's rows on their way through the layers.
#[derive(Debug, Default)]
struct Rows<L> {
    /// Hidden states in blocks.
    states: Buffer<f32>,
    tiles: Vec<TileRows>,
    left: L,
}

impl<L> Rows<L> {
    /// Makes room for `count` rows of `hidden` values.
    fn cut<D: Dense>(&mut self, count: usize, hidden: usize) {
        self.tiles.clear();
        self.tiles.extend(tiles::<D::Tiling>(count));
        self.states.hold(slots(&self.tiles) * padded_depth::<D::Between>(hidden));
    }
}

/// Memory that one pass works in.
#[derive(Debug, Default)]
pub(super) struct Scratch<E, L> {
    /// Tokens of each text.
    pub(super) lengths: Vec<usize>,
    /// `[tokens, hidden]`: embeddings in, hidden states out, those that are wanted one after the other.
    pub(super) x: Buffer<f32>,
    all: Rows<L>,
    /// The first of each text.
    first: Rows<L>,
    /// Queries, keys and values of some heads: `[tokens, heads, 3, depth]`.
    qkv: Buffer<E>,
    /// Queries of first tokens.
    queries: Buffer<E>,
    /// The context of all heads, or wide activations.
    wide: L,
    space: Buffer<f32>,
    attention: AttentionScratch<E>,
}

/// What a pass does in each layer, over texts of `lengths` tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass<'a, D> {
    pub(super) dense: D,
    pub(super) heads: Heads,
    pub(super) activation: Activation,
    pub(super) lengths: &'a [usize],
}

/// Runs all layers, one or more, over `scratch.x`, which holds the texts one after the other, not yet normalized by `norm`.
pub(super) fn run_layers<'a, D: Dense>(
    pass: Pass<'_, D>,
    layers: &'a [Layer<D::Panels>],
    mut norm: &'a Norm,
    wanted: Wanted,
    scratch: &mut Scratch<Element<D>, D::Left>,
) {
    let between = pass.dense.between();
    let _session = between.begin();
    let hidden = pass.heads.count * pass.heads.width;
    let tokens: usize = pass.lengths.iter().sum();
    let Scratch { x, all, .. } = scratch;
    all.cut::<D>(tokens, hidden);
    for_blocks::<D>(&all.tiles, hidden, x, &mut all.states, |row, block| {
        block[..row.len()].copy_from_slice(row);
        block[row.len()..].fill(0.0);
    });
    let (whole, last) = match wanted {
        Wanted::All => (layers, None),
        Wanted::First => layers.split_last().map_or((layers, None), |(last, whole)| (whole, Some(last))),
    };
    for layer in whole {
        pass.attend_all(layer, norm, scratch);
        pass.feed(layer, &mut scratch.all, &mut scratch.wide, &mut scratch.space);
        norm = &layer.out_norm;
    }
    if let Some(layer) = last {
        pass.attend_first(layer, norm, scratch);
        pass.feed(layer, &mut scratch.first, &mut scratch.wide, &mut scratch.space);
        norm = &layer.out_norm;
    }
    let Scratch { x, all, first, .. } = scratch;
    let Rows { states, tiles, .. } = if last.is_some() { first } else { all };
    let depth = norm.weight.len();
    for tile in &*tiles {
        let states = &mut states[tile.slot * depth..][..tile.padded * depth];
        normalize(between.simd(), *tile, states, norm);
    }
    for_blocks::<D>(tiles, hidden, x, states, |row, block| row.copy_from_slice(&block[..row.len()]));
}

impl<D: Dense> Pass<'_, D> {
    /// Texts that have tokens: the first row and the tokens of each.
    fn texts(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut start = 0;
        self.lengths.iter().filter(|length| **length > 0).map(move |&length| {
            start += length;
            (start - length, length)
        })
    }

    /// Normalizes all rows, and makes `scratch.wide` what they see of each other.
    fn attend_all(&self, layer: &Layer<D::Panels>, norm: &Norm, scratch: &mut Scratch<Element<D>, D::Left>) {
        let Self { dense, heads, .. } = *self;
        let between = dense.between();
        let tokens: usize = self.lengths.iter().sum();
        let (depth, width) = (heads.depth::<D::Between>(), <D::Between as Kernel>::WIDTH);
        let Scratch { all: Rows { states, tiles, left }, qkv, wide, space, attention, .. } = scratch;
        let together = (NEAR_BYTES / (tokens * 3 * depth * size_of::<Element<D>>()).max(1)).clamp(1, heads.count);
        let qkv = qkv.hold(tokens * together * 3 * depth);
        let space = space.hold(D::SPACE);
        dense.pack_states(states, tiles, norm, left);
        let inputs = heads.count * depth;
        let data = D::room(wide, tiles, inputs);
        let mut context = Blocks { data, tiles, depth: inputs, width };
        for first in (0..heads.count).step_by(together) {
            let some = first..heads.count.min(first + together);
            let stride = some.len() * 3 * depth;
            dense.project(&layer.heads, 3 * depth * some.start..3 * depth * some.end, left, tiles, space, qkv);
            for (index, head) in some.enumerate() {
                for (start, length) in self.texts() {
                    let qkv = &qkv[start * stride + index * 3 * depth..];
                    let to = (start, head * depth / width);
                    attend(between, (length, depth), (qkv, stride), &mut context, to, attention);
                }
            }
        }
        dense.seal(tiles, inputs, wide);
    }

    /// Normalizes all rows, makes `scratch.first` the first of each text, and `scratch.wide` what these see of the others.
    fn attend_first(&self, layer: &Layer<D::Panels>, norm: &Norm, scratch: &mut Scratch<Element<D>, D::Left>) {
        let Self { dense, heads, .. } = *self;
        let between = dense.between();
        let tokens: usize = self.lengths.iter().sum();
        let (depth, width) = (heads.depth::<D::Between>(), <D::Between as Kernel>::WIDTH);
        let Scratch { all, first, qkv, queries, wide, space, attention, .. } = scratch;
        let texts = self.texts().count();
        first.cut::<D>(texts, heads.count * heads.width);
        let from = Blocks { data: &mut all.states, tiles: &all.tiles, depth: norm.weight.len(), width };
        from.copy_rows(self.texts().map(|(start, _)| start), &first.tiles, &mut first.states);
        let space = space.hold(D::SPACE);
        dense.pack_states(&mut first.states, &first.tiles, norm, &mut first.left);
        dense.pack_states(&mut all.states, &all.tiles, norm, &mut all.left);
        let inputs = heads.count * depth;
        let data = D::room(wide, &first.tiles, inputs);
        let mut context = Blocks { data, tiles: &first.tiles, depth: inputs, width };
        let (kv, queries) = (qkv.hold(tokens * 2 * depth), queries.hold(texts * depth));
        for head in 0..heads.count {
            let [query, key, end] = [0, 1, 3].map(|part| (3 * head + part) * depth);
            dense.project(&layer.heads, query..key, &first.left, &first.tiles, space, queries);
            dense.project(&layer.heads, key..end, &all.left, &all.tiles, space, kv);
            for (index, (start, length)) in self.texts().enumerate() {
                let own = Queries { rows: &queries[index * depth..], stride: depth, count: 1 };
                let kv = (&kv[start * 2 * depth..], 2 * depth);
                let to = (index, head * depth / width);
                attend_queries(between, (length, depth), own, kv, &mut context, to, attention);
            }
        }
        dense.seal(&first.tiles, inputs, wide);
    }

    /// Runs what comes behind the attention of a layer, which is in `wide`.
    fn feed(&self, layer: &Layer<D::Panels>, rows: &mut Rows<D::Left>, wide: &mut D::Left, space: &mut Buffer<f32>) {
        let Self { dense, activation, .. } = *self;
        let Rows { states, tiles, left } = rows;
        let space = space.hold(D::SPACE);
        dense.add(&layer.attention_out, wide, tiles, space, states);
        dense.pack_states(states, tiles, &layer.attention_norm, left);
        for UpDown { up, down } in &layer.feed_forward {
            dense.activate(activation, up, left, tiles, space, wide);
            dense.add(down, wide, tiles, space, states);
        }
    }
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

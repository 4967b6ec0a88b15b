//! Hidden states of a few texts in, those after every layer out: the order of an encoder's operations.

use pulp::Simd;

use super::arithmetic::Arithmetic;
use super::attention::{AttentionScratch, Heads, attend};
use super::buffer::Buffer;
use super::dense::{Dense, Element};
use super::functions::{Norm, NormRows};
use super::weights::{LayerWeights, Linear};
use crate::activation::Activation;

/// The packed weights of one layer.
#[derive(Debug)]
pub(super) struct Layer<P> {
    /// Query, key and value in one product: `3 · hidden` columns; the queries' scale is in the weights.
    qkv: P,
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
    pub(super) fn pack<D: Dense<Panels = P>>(dense: D, weights: LayerWeights) -> Self {
        let LayerWeights { qkv, attention_out, attention_norm, up, down, out_norm } = weights;
        let pack = |linear: Linear| dense.pack_weights(&linear);
        let parts = up.parts_of_outputs(WIDE_COLUMNS).zip(down.parts_of_inputs(WIDE_COLUMNS));
        let feed_forward = parts.map(|(up, down)| UpDown { up: pack(up), down: pack(down) }).collect();
        Self { qkv: pack(qkv), attention_out: pack(attention_out), attention_norm, feed_forward, out_norm }
    }

    /// Bytes of the packed weights.
    pub(super) fn bytes<D: Dense<Panels = P>>(&self) -> usize {
        let feed_forward = self.feed_forward.iter().flat_map(|part| [&part.up, &part.down]);
        [&self.qkv, &self.attention_out].into_iter().chain(feed_forward).map(D::bytes).sum()
    }
}

/// Columns of the wide activations that are computed and used up together, for all rows of a pass: each weight is read from far memory
/// once a pass, while the activations stay in the second-level cache.
const WIDE_COLUMNS: usize = 768;

/// Memory that one pass works in.
#[derive(Debug, Default)]
pub(super) struct Scratch<E, L> {
    /// Tokens of each text.
    pub(super) lengths: Vec<usize>,
    /// `[tokens, hidden]`: embeddings in, hidden states out.
    pub(super) x: Buffer<f32>,
    qkv: Buffer<E>,
    context: Buffer<E>,
    left: L,
    wide: L,
    space: Buffer<f32>,
    attention: AttentionScratch<E>,
}

/// Runs all layers over `scratch.x`, which holds texts of `lengths` tokens one after the other.
pub(super) fn run_layers<D: Dense>(
    dense: D,
    layers: &[Layer<D::Panels>],
    heads: Heads,
    activation: Activation,
    lengths: &[usize],
    scratch: &mut Scratch<Element<D>, D::Left>,
) {
    let between = dense.between();
    let _session = between.begin();
    let simd = between.simd();
    let tokens: usize = lengths.iter().sum();
    let hidden = heads.count * heads.width;
    let Scratch { x, qkv, context, left, wide, space, attention, .. } = scratch;
    let x = x.hold(tokens * hidden);
    let qkv = qkv.hold(tokens * 3 * hidden);
    let context = context.hold(tokens * hidden);
    let space = space.hold(D::SPACE);
    for layer in layers {
        dense.pack_states(x, hidden, left);
        dense.project(&layer.qkv, left, tokens, space, qkv);
        let mut start = 0;
        for &length in lengths {
            let qkv = &qkv[start * 3 * hidden..][..length * 3 * hidden];
            attend(between, heads, length, qkv, &mut context[start * hidden..][..length * hidden], attention);
            start += length;
        }
        dense.pack_rows(context, hidden, left);
        dense.add(&layer.attention_out, left, tokens, space, x);
        simd.vectorize(NormRows { simd, rows: x, norm: &layer.attention_norm });
        dense.pack_states(x, hidden, left);
        for UpDown { up, down } in &layer.feed_forward {
            dense.activate(activation, up, left, tokens, space, wide);
            dense.add(down, wide, tokens, space, x);
        }
        simd.vectorize(NormRows { simd, rows: x, norm: &layer.out_norm });
    }
}

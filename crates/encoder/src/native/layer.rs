//! Hidden states of a few texts in, those after every layer out: the order of an encoder's operations.

use pulp::Simd;

use super::attention::{AttentionScratch, Heads, attend};
use super::buffer::Buffer;
use super::functions::{Norm, NormRows, Onto, PlaceTile};
use super::product::{Arithmetic, Panels, copy_left, pack_left, padded_depth, padded_rows};

/// The packed weights of one layer.
#[derive(Debug)]
pub(super) struct Layer<E> {
    /// Query, key and value in one product: `3 · hidden` columns; the queries' scale is in the weights.
    pub(super) qkv: Panels<E>,
    pub(super) attention_out: Panels<E>,
    pub(super) attention_norm: Norm,
    pub(super) up: Panels<E>,
    pub(super) down: Panels<E>,
    pub(super) out_norm: Norm,
}

impl<E: Copy + Default> Layer<E> {
    pub(super) fn bytes(&self) -> usize {
        [&self.qkv, &self.attention_out, &self.up, &self.down].map(Panels::bytes).iter().sum()
    }
}

/// Memory that one pass works in.
#[derive(Debug, Default)]
pub(super) struct Scratch<E> {
    /// Tokens of each text.
    pub(super) lengths: Vec<usize>,
    /// `[tokens, hidden]`: embeddings in, hidden states out.
    pub(super) x: Buffer<f32>,
    qkv: Buffer<E>,
    context: Buffer<E>,
    packed: Buffer<E>,
    wide: Buffer<E>,
    tile: Buffer<f32>,
    attention: AttentionScratch<E>,
}

/// Rows that go through the feed-forward part together: their wide activations must stay in the second-level cache.
const WIDE_ROWS: usize = 128;

/// Runs all layers over `scratch.x`, which holds texts of `lengths` tokens one after the other.
pub(super) fn run_layers<A: Arithmetic>(
    arithmetic: A,
    layers: &[Layer<A::Element>],
    heads: Heads,
    lengths: &[usize],
    scratch: &mut Scratch<A::Element>,
) {
    let _session = arithmetic.begin();
    let simd = arithmetic.simd();
    let tokens: usize = lengths.iter().sum();
    let hidden = heads.count * heads.width;
    let packed_len = padded_rows::<A>(tokens) * padded_depth::<A>(hidden);
    let Scratch { x, qkv, context, packed, wide, tile, attention, .. } = scratch;
    let x = x.hold(tokens * hidden);
    let qkv = qkv.hold(tokens * 3 * hidden);
    let context = context.hold(tokens * hidden);
    let packed = packed.hold(packed_len);
    let tile = tile.hold(A::ROWS * A::WIDTH);
    for layer in layers {
        pack_left(arithmetic, x, hidden, tokens, hidden, packed);
        project(arithmetic, &layer.qkv, packed, tokens, tile, qkv);
        let mut start = 0;
        for &length in lengths {
            let qkv = &qkv[start * 3 * hidden..][..length * 3 * hidden];
            attend(arithmetic, heads, length, qkv, &mut context[start * hidden..][..length * hidden], attention);
            start += length;
        }
        copy_left::<A>(context, hidden, tokens, hidden, packed);
        add(arithmetic, &layer.attention_out, packed, tokens, tile, x);
        simd.vectorize(NormRows { simd, rows: x, norm: &layer.attention_norm });
        let count = tokens.div_ceil(WIDE_ROWS).max(1);
        for x in x.chunks_mut((tokens.div_ceil(count) * hidden).max(1)) {
            let rows = x.len() / hidden;
            pack_left(arithmetic, x, hidden, rows, hidden, packed);
            widen(arithmetic, &layer.up, packed, rows, tile, wide);
            add(arithmetic, &layer.down, wide, rows, tile, x);
            simd.vectorize(NormRows { simd, rows: x, norm: &layer.out_norm });
        }
    }
}

/// `to = left · weights + bias`, `[rows, columns]`.
fn project<A: Arithmetic>(
    arithmetic: A,
    panels: &Panels<A::Element>,
    left: &[A::Element],
    rows: usize,
    tile: &mut [f32],
    to: &mut [A::Element],
) {
    let stride = panels.columns;
    panels.multiply(arithmetic, left, rows, tile, |at, column, bias, tile| {
        let columns = A::WIDTH.min(stride - column);
        arithmetic.put_biased(tile, at.rows, bias, columns, &mut to[at.start * stride + column..], stride);
    });
}

/// `x += left · weights + bias`, `[rows, columns]`.
fn add<A: Arithmetic>(
    arithmetic: A,
    panels: &Panels<A::Element>,
    left: &[A::Element],
    rows: usize,
    tile: &mut [f32],
    x: &mut [f32],
) {
    let (stride, onto) = (panels.columns, Onto::Residual);
    panels.multiply(arithmetic, left, rows, tile, |at, column, bias, tile| {
        let simd = arithmetic.simd();
        let columns = A::WIDTH.min(stride - column);
        let to = &mut x[at.start * stride + column..];
        simd.vectorize(PlaceTile { simd, tile, bias, to, stride, rows: at.rows, columns, onto });
    });
}

/// `gelu(left · weights + bias)`, packed as the left operand of the next product.
fn widen<A: Arithmetic>(
    arithmetic: A,
    panels: &Panels<A::Element>,
    left: &[A::Element],
    rows: usize,
    tile: &mut [f32],
    wide: &mut Buffer<A::Element>,
) {
    let depth = padded_depth::<A>(panels.columns);
    let wide = wide.hold(padded_rows::<A>(rows) * depth);
    panels.multiply(arithmetic, left, rows, tile, |at, column, bias, tile| {
        // A tile is a block of the next product: `column` columns come before it in each of the tile's rows.
        let to = &mut wide[at.slot * depth + column * at.padded..][..tile.len()];
        arithmetic.gelu_biased(tile, bias, to);
    });
}

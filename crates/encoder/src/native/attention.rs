//! Queries, keys and values of one text in, its context vectors out: multi-head attention as two products a head.

use super::arithmetic::{Arithmetic, copy_left};
use super::buffer::Buffer;
use super::kernel::{padded_depth, padded_rows, tiles};

/// Memory that attention works in.
#[derive(Debug, Default)]
pub(super) struct AttentionScratch<E> {
    queries: Buffer<E>,
    /// Panels of keys: `[panels, head, WIDTH]`.
    keys: Buffer<E>,
    /// Panels of head columns: `[panels, length, WIDTH]`.
    values: Buffer<E>,
    scores: Buffer<f32>,
    weights: Buffer<E>,
    out: Buffer<f32>,
}

/// The heads of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) count: usize,
    /// Width of one.
    pub(super) width: usize,
}

/// Attends `length` tokens to each other. `qkv` is `[length, 3 · hidden]` with queries that are scaled already; `context`,
/// `[length, hidden]`, is overwritten.
pub(super) fn attend<A: Arithmetic>(
    arithmetic: A,
    heads: Heads,
    length: usize,
    qkv: &[A::Left],
    context: &mut [A::Left],
    scratch: &mut AttentionScratch<A::Left>,
) {
    if length == 0 {
        return;
    }
    let hidden = heads.count * heads.width;
    let stride = 3 * hidden;
    let depth = padded_depth::<A>(heads.width);
    let length_padded = padded_depth::<A>(length);
    let (key_panels, value_panels) = (length_padded / A::WIDTH, depth / A::WIDTH);
    let queries = scratch.queries.hold(padded_rows::<A>(length) * depth);
    let keys = scratch.keys.hold(key_panels * depth * A::WIDTH);
    let values = scratch.values.hold(value_panels * length_padded * A::WIDTH);
    // Padding stays 0 for all heads; the rest is overwritten by each.
    keys.fill(A::Left::default());
    values.fill(A::Left::default());
    let scores = scratch.scores.hold(length_padded * A::ROWS);
    let weights = scratch.weights.hold(length_padded * A::ROWS);
    let out = scratch.out.hold(A::ROWS * A::WIDTH);
    let mut factors = [0.0; 32];
    for head in 0..heads.count {
        let column = head * heads.width;
        copy_left::<A>(&qkv[column..], stride, length, heads.width, queries);
        for (panel, keys) in keys.chunks_exact_mut(depth * A::WIDTH).enumerate() {
            let first = panel * A::WIDTH;
            let rows = &qkv[first * stride + hidden + column..];
            arithmetic.pack_keys(rows, stride, A::WIDTH.min(length - first), heads.width, keys);
        }
        for (panel, values) in values.chunks_exact_mut(length_padded * A::WIDTH).enumerate() {
            let first = panel * A::WIDTH;
            let rows = &qkv[2 * hidden + column + first..];
            arithmetic.pack_values(rows, stride, length, A::WIDTH.min(heads.width - first), values);
        }
        for tile in tiles::<A>(length) {
            let block = tile.padded * A::WIDTH;
            let scores = &mut scores[..key_panels * block];
            let queries = &queries[tile.slot * depth..][..tile.padded * depth];
            for (keys, scores) in keys.chunks_exact(depth * A::WIDTH).zip(scores.chunks_exact_mut(block)) {
                arithmetic.tile(tile.padded, queries, keys, scores);
            }
            let factors = &mut factors[..tile.rows];
            let weights = &mut weights[..scores.len()];
            arithmetic.softmax(scores, tile.padded, factors, length, weights);
            for (panel, values) in values.chunks_exact(length_padded * A::WIDTH).enumerate() {
                let out = &mut out[..block];
                arithmetic.tile(tile.padded, weights, values, out);
                let first = panel * A::WIDTH;
                let columns = A::WIDTH.min(heads.width - first);
                let to = &mut context[tile.start * hidden + column + first..];
                arithmetic.put_scaled(out, factors, columns, to, hidden);
            }
        }
    }
}

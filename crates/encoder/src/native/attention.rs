//! Queries, keys and values of one text in, its context vectors out: multi-head attention as two products a head.

use pulp::Simd;

use super::buffer::Buffer;
use super::functions::Softmax;
use super::product::{Arithmetic, pack_left, padded_depth, padded_rows, tiles};

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
    qkv: &[f32],
    context: &mut [f32],
    scratch: &mut AttentionScratch<A::Element>,
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
    keys.fill(A::Element::default());
    values.fill(A::Element::default());
    let scores = scratch.scores.hold(length_padded * A::ROWS);
    let weights = scratch.weights.hold(length_padded * A::ROWS);
    let out = scratch.out.hold(A::ROWS * A::WIDTH);
    let mut factors = [0.0; 32];
    let mut narrow = [A::Element::default(); 32];
    for head in 0..heads.count {
        let column = head * heads.width;
        pack_left(arithmetic, &qkv[column..], stride, length, heads.width, queries);
        for token in 0..length {
            let row = &qkv[token * stride..][..stride];
            let (panel, lane) = (token / A::WIDTH, token % A::WIDTH);
            let panel = &mut keys[panel * depth * A::WIDTH..][..depth * A::WIDTH];
            let (key, value) = (&row[hidden + column..][..heads.width], &row[2 * hidden + column..][..heads.width]);
            for (part, key) in key.chunks(32).enumerate() {
                let narrow = &mut narrow[..key.len()];
                arithmetic.narrow(key, narrow);
                for (input, &key) in narrow.iter().enumerate() {
                    panel[A::place(part * 32 + input, lane)] = key;
                }
            }
            for (part, value) in value.chunks(A::WIDTH.min(32)).enumerate() {
                let narrow = &mut narrow[..value.len()];
                arithmetic.narrow(value, narrow);
                let first = part * A::WIDTH.min(32);
                let panel = &mut values[first / A::WIDTH * length_padded * A::WIDTH..][..length_padded * A::WIDTH];
                for (column, &value) in narrow.iter().enumerate() {
                    panel[A::place(token, first % A::WIDTH + column)] = value;
                }
            }
        }
        for tile in tiles::<A>(length) {
            let block = tile.padded * A::WIDTH;
            let scores = &mut scores[..key_panels * block];
            let queries = &queries[tile.slot * depth..][..tile.padded * depth];
            for (keys, scores) in keys.chunks_exact(depth * A::WIDTH).zip(scores.chunks_exact_mut(block)) {
                arithmetic.tile(tile.padded, queries, keys, scores);
            }
            let factors = &mut factors[..tile.rows];
            let simd = arithmetic.simd();
            simd.vectorize(Softmax { simd, scores, padded: tile.padded, factors, columns: length });
            let weights = &mut weights[..scores.len()];
            arithmetic.narrow(scores, weights);
            for (panel, values) in values.chunks_exact(length_padded * A::WIDTH).enumerate() {
                let out = &mut out[..block];
                arithmetic.tile(tile.padded, weights, values, out);
                let first = panel * A::WIDTH;
                let columns = A::WIDTH.min(heads.width - first);
                for (row, (out, factor)) in out.chunks_exact(A::WIDTH).zip(factors.iter()).enumerate() {
                    let to = &mut context[(tile.start + row) * hidden + column + first..][..columns];
                    for (to, value) in to.iter_mut().zip(out) {
                        *to = value * factor;
                    }
                }
            }
        }
    }
}

//! Queries, keys and values of one head in, the head's part of the context vectors out: attention as two products.

use super::arithmetic::{Arithmetic, copy_left};
use super::buffer::Buffer;
use super::kernel::{Blocks, padded_depth, padded_rows, tiles};

/// Memory that attention works in.
#[derive(Debug, Default)]
pub(super) struct AttentionScratch<E> {
    queries: Buffer<E>,
    /// Panels of keys: `[panels, depth, WIDTH]`.
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

impl Heads {
    /// The width of one with what is added to whole blocks, and so to whole panels.
    pub(super) fn depth<A: Arithmetic>(self) -> usize {
        padded_depth::<A>(self.width)
    }
}

/// The queries of some of a text's tokens in one head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queries<'a, E> {
    /// Each is scaled already and has zeros up to its depth.
    pub(super) rows: &'a [E],
    /// Elements from one to the next.
    pub(super) stride: usize,
    pub(super) count: usize,
}

/// Attends the `length` tokens of one text, one or more, to each other in one head. `qkv` has `stride` elements from a token to the next,
/// of which the first `3 · depth` are the head's query, which is scaled already, key and value, each with zeros up to `depth`. The context
/// goes into `context` from the row `start` and the block `block` on.
pub(super) fn attend<A: Arithmetic>(
    arithmetic: A,
    (length, depth): (usize, usize),
    (qkv, stride): (&[A::Left], usize),
    context: &mut Blocks<'_, A::Left>,
    at: (usize, usize),
    scratch: &mut AttentionScratch<A::Left>,
) {
    if arithmetic.attend_few((length, depth), (qkv, stride), context, at) {
        return;
    }
    let queries = Queries { rows: qkv, stride, count: length };
    attend_queries(arithmetic, (length, depth), queries, (&qkv[depth..], stride), context, at, scratch);
}

/// As [`attend`], but only some tokens attend to the text's, whose keys and values are the first `2 · depth` of each `stride` elements of
/// `kv`.
pub(super) fn attend_queries<A: Arithmetic>(
    arithmetic: A,
    (length, depth): (usize, usize),
    queries: Queries<'_, A::Left>,
    (kv, stride): (&[A::Left], usize),
    context: &mut Blocks<'_, A::Left>,
    (start, block): (usize, usize),
    scratch: &mut AttentionScratch<A::Left>,
) {
    let Queries { rows, stride: query_stride, count } = queries;
    let length_padded = padded_depth::<A>(length);
    let (key_panels, value_panels) = (length_padded / A::WIDTH, depth / A::WIDTH);
    let queries = scratch.queries.hold(padded_rows::<A>(count) * depth);
    copy_left::<A>(rows, query_stride, count, depth, queries);
    let keys = scratch.keys.hold(key_panels * depth * A::WIDTH);
    for (panel, keys) in keys.chunks_exact_mut(depth * A::WIDTH).enumerate() {
        let first = panel * A::WIDTH;
        let tokens = A::WIDTH.min(length - first);
        if tokens < A::WIDTH {
            keys.fill(A::Left::default());
        }
        arithmetic.pack_keys(&kv[first * stride..], stride, tokens, depth, keys);
    }
    let values = scratch.values.hold(value_panels * length_padded * A::WIDTH);
    for (panel, values) in values.chunks_exact_mut(length_padded * A::WIDTH).enumerate() {
        // Blocks are whole in the panel, so that what lies behind the last one's tokens does, too.
        values[length / A::BLOCK * A::BLOCK * A::WIDTH..].fill(A::Left::default());
        arithmetic.pack_values(&kv[depth + panel * A::WIDTH..], stride, length, values);
    }
    let scores = scratch.scores.hold(length_padded * A::ROWS);
    let weights = scratch.weights.hold(length_padded * A::ROWS);
    let out = scratch.out.hold(A::ROWS * A::WIDTH);
    let mut factors = [0.0; 32];
    for tile in tiles::<A>(count) {
        let size = tile.padded * A::WIDTH;
        let scores = &mut scores[..key_panels * size];
        let queries = &queries[tile.slot * depth..][..tile.padded * depth];
        for (keys, scores) in keys.chunks_exact(depth * A::WIDTH).zip(scores.chunks_exact_mut(size)) {
            arithmetic.tile(tile.padded, queries, keys, scores);
        }
        let factors = &mut factors[..tile.rows];
        let weights = &mut weights[..scores.len()];
        arithmetic.softmax(scores, tile.padded, factors, length, weights);
        for (panel, values) in values.chunks_exact(length_padded * A::WIDTH).enumerate() {
            let out = &mut out[..size];
            arithmetic.tile(tile.padded, weights, values, out);
            context.fill(start + tile.start, tile.rows, block + panel, |rows, to| {
                arithmetic.put_scaled(&out[rows.start * A::WIDTH..], &factors[rows], to);
            });
        }
    }
}

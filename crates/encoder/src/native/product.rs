//! Packed operands in, tiles of their product out: the one loop that all of an encoder's time goes into.
//!
//! A product `[rows, depth] · [depth, columns]` is computed tile by tile. The left operand is packed into *tiles* of a few
//! rows, the right one into *panels* of [`Arithmetic::WIDTH`] columns. A tile is cut into blocks of as many inputs as a
//! panel has columns, each block row-major, so that the tile which one product writes is a block that the next one reads.
//! Depth is padded with zeros to whole blocks.

use pulp::{Simd, WithSimd};

use super::buffer::Buffer;
use super::functions::{BiasGelu, Onto, PlaceTile, Softmax};
use super::lanes::Lanes;

/// A way to multiply: what operands are made of and how a tile is computed.
pub(super) trait Arithmetic: Copy + Send + Sync + 'static {
    /// The registers for everything that is no product.
    type Simd: Lanes;
    /// What packed operands are made of.
    type Element: Copy + Default + Send + Sync + std::fmt::Debug + 'static;
    /// Most rows of a tile.
    const ROWS: usize;
    /// Rows of a tile are padded to a multiple of this.
    const ROWS_STEP: usize;
    /// Columns of a panel, and inputs of a block.
    const WIDTH: usize;

    /// The registers for everything that is no product.
    fn simd(self) -> Self::Simd;

    /// Converts values to what operands are made of; both of one length.
    fn narrow(self, from: &[f32], to: &mut [Self::Element]);

    /// Packs the rows of one tile, `stride` apart in `from`, `depth` inputs of each; `to` is `[blocks, padded, WIDTH]`.
    fn pack_tile(self, from: &[f32], stride: usize, depth: usize, tile: TileRows, to: &mut [Self::Element]);

    /// What a thread holds while it computes; [`Self::tile`] needs it.
    type Session;

    /// Makes the calling thread ready.
    fn begin(self) -> Self::Session;

    /// Where input `input` of column `column` lies in a panel.
    fn place(input: usize, column: usize) -> usize;

    /// One tile of the product: `left` is `[blocks, rows, WIDTH]`, `right` a panel of as many blocks, `out` is `[rows, WIDTH]`
    /// and is overwritten. `rows` is padded and at most [`Self::ROWS`].
    fn tile(self, rows: usize, left: &[Self::Element], right: &[Self::Element], out: &mut [f32]);

    /// Puts `rows` rows of a tile, each plus `bias`, from `to` on, `stride` apart; `columns` of each count.
    fn put_biased(
        self,
        tile: &[f32],
        rows: usize,
        bias: &[f32],
        columns: usize,
        to: &mut [Self::Element],
        stride: usize,
    );

    /// Puts a row of a tile for each of `factors`, times it, from `to` on, `stride` apart; `columns` of each count.
    fn put_scaled(self, tile: &[f32], factors: &[f32], columns: usize, to: &mut [Self::Element], stride: usize);

    /// `to = gelu(tile + bias)`, both `[rows, WIDTH]`. The tile is left in any state.
    fn gelu_biased(self, tile: &mut [f32], bias: &[f32], to: &mut [Self::Element]);

    /// Softmax of the first rows of a tile of scores without the division: `scores` and `weights` are `[blocks, padded, WIDTH]`. Each of
    /// `factors` becomes what its row is to be multiplied by. Of a row `columns` count; the weights of the others are 0.
    fn softmax(
        self,
        scores: &mut [f32],
        padded: usize,
        factors: &mut [f32],
        columns: usize,
        weights: &mut [Self::Element],
    );

    /// Packs the keys of up to [`Self::WIDTH`] tokens, `head` wide and `stride` apart, as one panel of as many columns.
    fn pack_keys(self, rows: &[Self::Element], stride: usize, tokens: usize, head: usize, panel: &mut [Self::Element]);

    /// Packs `columns` columns of the values of `tokens` tokens, `stride` apart, as one panel.
    fn pack_values(
        self,
        rows: &[Self::Element],
        stride: usize,
        tokens: usize,
        columns: usize,
        panel: &mut [Self::Element],
    );
}

/// As [`Arithmetic::pack_keys`], one number after the other.
#[inline(always)]
pub(super) fn place_keys<A: Arithmetic>(
    rows: &[A::Element],
    stride: usize,
    tokens: usize,
    head: usize,
    panel: &mut [A::Element],
) {
    for token in 0..tokens {
        for (input, &key) in rows[token * stride..][..head].iter().enumerate() {
            panel[A::place(input, token)] = key;
        }
    }
}

/// As [`Arithmetic::pack_values`], one number after the other.
#[inline(always)]
pub(super) fn place_values<A: Arithmetic>(
    rows: &[A::Element],
    stride: usize,
    tokens: usize,
    columns: usize,
    panel: &mut [A::Element],
) {
    for token in 0..tokens {
        for (column, &value) in rows[token * stride..][..columns].iter().enumerate() {
            panel[A::place(token, column)] = value;
        }
    }
}

/// Products in f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct F32<S>(pub(super) S);

impl<S: Lanes> Arithmetic for F32<S> {
    type Simd = S;
    type Element = f32;
    type Session = ();
    const ROWS: usize = S::ROWS;
    const ROWS_STEP: usize = 1;
    const WIDTH: usize = S::WIDTH;

    #[inline(always)]
    fn simd(self) -> S {
        self.0
    }

    #[inline(always)]
    fn narrow(self, from: &[f32], to: &mut [f32]) {
        to.copy_from_slice(from);
    }

    fn pack_tile(self, from: &[f32], stride: usize, depth: usize, tile: TileRows, to: &mut [f32]) {
        pack_rows(from, stride, depth, tile, S::WIDTH, to, |from, to| to.copy_from_slice(from));
    }

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        input * S::WIDTH + column
    }

    fn begin(self) {}

    #[inline(always)]
    fn put_biased(self, tile: &[f32], rows: usize, bias: &[f32], columns: usize, to: &mut [f32], stride: usize) {
        let onto = Onto::Nothing;
        self.0.vectorize(PlaceTile { simd: self.0, tile, bias, to, stride, rows, columns, onto });
    }

    #[inline(always)]
    fn put_scaled(self, tile: &[f32], factors: &[f32], columns: usize, to: &mut [f32], stride: usize) {
        for (row, (tile, factor)) in tile.chunks_exact(S::WIDTH).zip(factors).enumerate() {
            let to = &mut to[row * stride..][..columns];
            to.iter_mut().zip(tile).for_each(|(to, value)| *to = value * factor);
        }
    }

    #[inline(always)]
    fn gelu_biased(self, tile: &mut [f32], bias: &[f32], to: &mut [f32]) {
        self.0.vectorize(BiasGelu { simd: self.0, tile: &mut *tile, bias });
        to.copy_from_slice(tile);
    }

    #[inline(always)]
    fn softmax(self, scores: &mut [f32], padded: usize, factors: &mut [f32], columns: usize, weights: &mut [f32]) {
        self.0.vectorize(Softmax { simd: self.0, scores: &mut *scores, padded, factors, columns });
        weights.copy_from_slice(scores);
    }

    #[inline(always)]
    fn pack_keys(self, rows: &[f32], stride: usize, tokens: usize, head: usize, panel: &mut [f32]) {
        place_keys::<Self>(rows, stride, tokens, head, panel);
    }

    #[inline(always)]
    fn pack_values(self, rows: &[f32], stride: usize, tokens: usize, columns: usize, panel: &mut [f32]) {
        place_values::<Self>(rows, stride, tokens, columns, panel);
    }

    #[inline(always)]
    fn tile(self, rows: usize, left: &[f32], right: &[f32], out: &mut [f32]) {
        self.0.vectorize(Tile { simd: self.0, rows, left, right, out });
    }
}

struct Tile<'a, S> {
    simd: S,
    rows: usize,
    left: &'a [f32],
    right: &'a [f32],
    out: &'a mut [f32],
}

impl<S: Lanes> WithSimd for Tile<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, rows, left, right, out } = self;
        // A branch that no tile of these registers reaches is left out when this is compiled.
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match rows {
                    $($rows if $rows <= S::ROWS => tile::<S, $rows>(simd, left, right, out),)*
                    _ => unreachable!("a tile has 1 to {} rows, this has {rows}", S::ROWS),
                }
            };
        }
        by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }
}

#[inline(always)]
fn tile<S: Lanes, const ROWS: usize>(simd: S, left: &[f32], right: &[f32], out: &mut [f32]) {
    let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
    let (right, _) = S::as_simd_f32s(right);
    let blocks = left.chunks_exact(ROWS * S::WIDTH).zip(right.chunks_exact(2 * S::WIDTH));
    for (left, right) in blocks {
        for input in 0..S::WIDTH {
            let (first, second) = (right[2 * input], right[2 * input + 1]);
            for row in 0..ROWS {
                let value = simd.splat_f32s(left[row * S::WIDTH + input]);
                sums[row][0] = simd.fma(value, first, sums[row][0]);
                sums[row][1] = simd.fma(value, second, sums[row][1]);
            }
        }
    }
    let (out, _) = S::as_mut_simd_f32s(out);
    for (out, sums) in out.chunks_exact_mut(2).zip(sums) {
        out.copy_from_slice(&sums);
    }
}

/// One tile of a left operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TileRows {
    /// Its first row.
    pub(super) start: usize,
    /// Its rows.
    pub(super) rows: usize,
    /// Its rows with padding.
    pub(super) padded: usize,
    /// Padded rows of the tiles before it.
    pub(super) slot: usize,
}

/// The tiles of `rows` rows, of nearly equal height: a last tile of one row would cost almost as much as a full one.
pub(super) fn tiles<A: Arithmetic>(rows: usize) -> impl Iterator<Item = TileRows> {
    let (mut start, mut slot) = (0, 0);
    std::iter::from_fn(move || {
        let left = rows - start;
        if left == 0 {
            return None;
        }
        let even = left.div_ceil(left.div_ceil(A::ROWS)).next_multiple_of(A::ROWS_STEP);
        let rows = even.min(left);
        let tile = TileRows { start, rows, padded: rows.next_multiple_of(A::ROWS_STEP), slot };
        start += rows;
        slot += tile.padded;
        Some(tile)
    })
}

/// Padded rows that the tiles of `rows` rows take at most.
pub(super) fn padded_rows<A: Arithmetic>(rows: usize) -> usize {
    rows.next_multiple_of(A::ROWS_STEP) + A::ROWS_STEP
}

/// `length` inputs with the padding to whole blocks.
pub(super) fn padded_depth<A: Arithmetic>(length: usize) -> usize {
    length.next_multiple_of(A::WIDTH)
}

/// Packs `rows` rows of `depth` inputs, `stride` apart, as a left operand of `depth` padded to whole blocks.
pub(super) fn pack_left<A: Arithmetic>(
    arithmetic: A,
    from: &[f32],
    stride: usize,
    rows: usize,
    depth: usize,
    to: &mut [A::Element],
) {
    let padded = padded_depth::<A>(depth);
    for tile in tiles::<A>(rows) {
        let to = &mut to[tile.slot * padded..(tile.slot + tile.padded) * padded];
        arithmetic.pack_tile(&from[tile.start * stride..], stride, depth, tile, to);
    }
}

/// As [`pack_left`], of rows that are made of what operands are made of.
pub(super) fn copy_left<A: Arithmetic>(
    from: &[A::Element],
    stride: usize,
    rows: usize,
    depth: usize,
    to: &mut [A::Element],
) {
    let padded = padded_depth::<A>(depth);
    for tile in tiles::<A>(rows) {
        let to = &mut to[tile.slot * padded..(tile.slot + tile.padded) * padded];
        let copy = |from: &[A::Element], to: &mut [A::Element]| to.copy_from_slice(from);
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

/// A right operand that stays: the weights of a linear layer with their bias.
#[derive(Debug)]
pub(super) struct Panels<E> {
    data: Buffer<E>,
    /// Padded to whole panels with zeros.
    bias: Vec<f32>,
    pub(super) columns: usize,
    pub(super) depth: usize,
}

impl<E: Copy + Default> Panels<E> {
    /// Packs a weight that is stored as `[columns, depth]`, the way linear layers are.
    pub(super) fn pack<A: Arithmetic<Element = E>>(arithmetic: A, weight: &[f32], bias: &[f32]) -> Self {
        let columns = bias.len();
        let depth = weight.len() / columns;
        let padded = padded_depth::<A>(depth);
        let panels = columns.div_ceil(A::WIDTH);
        let mut data = Buffer::new(panels * padded * A::WIDTH);
        let mut narrow = vec![E::default(); depth];
        for (column, weight) in weight.chunks_exact(depth).enumerate() {
            arithmetic.narrow(weight, &mut narrow);
            let panel = &mut data[column / A::WIDTH * padded * A::WIDTH..][..padded * A::WIDTH];
            for (input, &value) in narrow.iter().enumerate() {
                panel[A::place(input, column % A::WIDTH)] = value;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(panels * A::WIDTH, 0.0);
        Self { data, bias, columns, depth }
    }

    /// Bytes of the packed weights.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() * size_of::<E>()
    }

    /// Multiplies the packed `left` of `rows` rows with every panel. `take` gets each tile of the product, `[rows, WIDTH]`
    /// without the bias, with its first column and the panel's biases.
    pub(super) fn multiply<A: Arithmetic<Element = E>>(
        &self,
        arithmetic: A,
        left: &[E],
        rows: usize,
        out: &mut [f32],
        mut take: impl FnMut(TileRows, usize, &[f32], &mut [f32]),
    ) {
        let padded = padded_depth::<A>(self.depth);
        // Panels outside: each is read from far memory once and stays near while all tiles pass.
        for (index, (panel, bias)) in
            self.data.chunks_exact(padded * A::WIDTH).zip(self.bias.chunks_exact(A::WIDTH)).enumerate()
        {
            for tile in tiles::<A>(rows) {
                let left = &left[tile.slot * padded..(tile.slot + tile.padded) * padded];
                let out = &mut out[..tile.padded * A::WIDTH];
                arithmetic.tile(tile.padded, left, panel, out);
                take(tile, index * A::WIDTH, bias, out);
            }
        }
    }
}

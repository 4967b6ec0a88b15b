//! Packed operands in, tiles of their product out: the one loop that all of an encoder's time goes into.
//!
//! A product `[rows, depth] · [depth, columns]` is computed tile by tile. The left operand is packed into *tiles* of a few
//! rows, the right one into *panels* of [`Kernel::WIDTH`] columns. A tile is cut into blocks of [`Kernel::BLOCK`] inputs, each
//! block row-major. Depth is padded with zeros to whole blocks.
//!
//! Panels lie one behind the other. A kernel asks for each place of the next one when it uses that place of its own, where the processor can be
//! told so: by itself it looks ahead no further than a page, and a single query uses up a panel sooner than far memory answers.

use std::fmt::Debug;
use std::ops::Range;

use pulp::bytemuck::Pod;

use super::arena::{Arena, Stored};

/// A way to multiply: what operands are made of and how a tile is computed.
pub(super) trait Kernel: Copy + Send + Sync + 'static {
    /// What packed left operands are made of.
    type Left: Pod + Default + Debug + Send + Sync;
    /// What packed right operands are made of.
    type Right: Pod + Default + Debug + Send + Sync;
    /// Most rows of a tile.
    const ROWS: usize;
    /// Rows of a tile are padded to a multiple of this.
    const ROWS_STEP: usize;
    /// Columns of a panel.
    const WIDTH: usize;
    /// Inputs of a block.
    const BLOCK: usize;

    /// Where input `input` of column `column` lies in a panel.
    fn place(input: usize, column: usize) -> usize;

    /// One tile of the product: `left` is `[blocks, rows, BLOCK]`, `right` a panel of as many blocks, `out` is `[rows, WIDTH]`
    /// and is overwritten; kernels of whole numbers write the bits of `i32`. `rows` is padded and at most [`Self::ROWS`].
    ///
    /// Meanwhile `beside` does other work of `work` steps: it is told which ones, in order, in one go or in many. Where products
    /// have a unit of their own, the two run at the same time.
    fn tile_beside(
        self,
        rows: usize,
        left: &[Self::Left],
        right: &[Self::Right],
        out: &mut [f32],
        work: usize,
        beside: impl FnMut(Range<usize>),
    );

    /// One tile of the product, and nothing else.
    #[inline(always)]
    fn tile(self, rows: usize, left: &[Self::Left], right: &[Self::Right], out: &mut [f32]) {
        self.tile_beside(rows, left, right, out, 0, |_| {});
    }
}

/// Where an input of a column lies in a panel whose instructions take `GROUP` inputs of a column at once: these lie side by side.
#[inline(always)]
pub(super) fn grouped<const GROUP: usize>(width: usize, input: usize, column: usize) -> usize {
    (input / GROUP * width + column) * GROUP + input % GROUP
}

/// `$call` with `$known` as the constant that `$rows` is: kernels are compiled for each number of rows.
macro_rules! by_rows {
    ($rows:expr, [$($count:literal)*], $known:ident => $call:expr) => {
        match $rows {
            $($count => {
                const $known: usize = $count;
                $call
            })*
            rows => unreachable!("no kernel for a tile of {rows} rows"),
        }
    };
}
pub(super) use by_rows;

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
pub(super) fn tiles<K: Kernel>(rows: usize) -> impl Iterator<Item = TileRows> {
    let (mut start, mut slot) = (0, 0);
    std::iter::from_fn(move || {
        let left = rows - start;
        if left == 0 {
            return None;
        }
        let even = left.div_ceil(left.div_ceil(K::ROWS)).next_multiple_of(K::ROWS_STEP);
        let rows = even.min(left);
        let tile = TileRows { start, rows, padded: rows.next_multiple_of(K::ROWS_STEP), slot };
        start += rows;
        slot += tile.padded;
        Some(tile)
    })
}

/// A left operand that is being written: for each tile its blocks, `[blocks, padded, width]`.
#[derive(Debug)]
pub(super) struct Blocks<'a, E> {
    pub(super) data: &'a mut [E],
    pub(super) tiles: &'a [TileRows],
    /// Inputs of a row.
    pub(super) depth: usize,
    /// Inputs of a block.
    pub(super) width: usize,
}

impl<E> Blocks<'_, E> {
    /// Has `put` write a block of `rows` rows from `start` on, in parts that lie in one tile each: it is told which of the rows, and
    /// where they go, one after the other.
    pub(super) fn fill(
        &mut self,
        start: usize,
        rows: usize,
        block: usize,
        mut put: impl FnMut(Range<usize>, &mut [E]),
    ) {
        let mut next = self.tiles.partition_point(|tile| tile.start + tile.rows <= start);
        let mut done = 0;
        while done < rows {
            let tile = self.tiles[next];
            let offset = start + done - tile.start;
            let count = (tile.rows - offset).min(rows - done);
            let at = tile.slot * self.depth + (block * tile.padded + offset) * self.width;
            put(done..done + count, &mut self.data[at..at + count * self.width]);
            done += count;
            next += 1;
        }
    }
}

impl<E: Copy> Blocks<'_, E> {
    /// Copies the rows `rows`, ascending, into `to`, which is cut into `tiles` as these are.
    pub(super) fn copy_rows(&self, rows: impl Iterator<Item = usize>, tiles: &[TileRows], to: &mut [E]) {
        let places = tiles.iter().flat_map(|tile| (0..tile.rows).map(move |row| (tile, row)));
        for (row, (to_tile, to_row)) in rows.zip(places) {
            let from_tile = self.tiles[self.tiles.partition_point(|tile| tile.start + tile.rows <= row)];
            for block in 0..self.depth / self.width {
                let place =
                    |tile: &TileRows, row: usize| tile.slot * self.depth + (block * tile.padded + row) * self.width;
                let from = place(&from_tile, row - from_tile.start);
                to[place(to_tile, to_row)..][..self.width].copy_from_slice(&self.data[from..from + self.width]);
            }
        }
    }
}

/// Padded rows of all tiles.
pub(super) fn slots(tiles: &[TileRows]) -> usize {
    tiles.last().map_or(0, |last| last.slot + last.padded)
}

/// Padded rows that the tiles of `rows` rows take at most.
pub(super) fn padded_rows<K: Kernel>(rows: usize) -> usize {
    rows.next_multiple_of(K::ROWS_STEP) + K::ROWS_STEP
}

/// `length` inputs with the padding to whole blocks.
pub(super) fn padded_depth<K: Kernel>(length: usize) -> usize {
    length.next_multiple_of(K::BLOCK)
}

/// A column of a right operand, as linear layers store what makes one of their outputs.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Column<'a> {
    /// By input, as many for each column of an operand; a column without any is zeros.
    pub(super) weight: &'a [f32],
    pub(super) bias: f32,
}

/// A right operand that stays: the weights of a linear layer with their bias.
#[derive(Debug)]
pub(super) struct Panels<E> {
    data: Stored<E>,
    /// Padded to whole panels with zeros.
    bias: Vec<f32>,
    pub(super) columns: usize,
    pub(super) depth: usize,
}

impl<E: Pod + Default> Panels<E> {
    /// Packs columns. `narrow` makes of a column what operands are made of.
    ///
    /// # Errors
    /// When there is no memory.
    pub(super) fn pack<K: Kernel<Right = E>>(
        columns: &[Column<'_>],
        arena: &mut Arena,
        mut narrow: impl FnMut(&[f32], &mut [E]),
    ) -> std::io::Result<Self> {
        let depth = columns.iter().map(|column| column.weight.len()).max().unwrap_or_default();
        let padded = padded_depth::<K>(depth);
        let panels = columns.len().div_ceil(K::WIDTH);
        let (zeros, mut narrowed) = (vec![0.0; depth], vec![E::default(); depth]);
        let data = arena.put(panels * padded * K::WIDTH, |data: &mut [E]| {
            for (index, column) in columns.iter().enumerate() {
                narrow(if column.weight.is_empty() { &zeros } else { column.weight }, &mut narrowed);
                let panel = &mut data[index / K::WIDTH * padded * K::WIDTH..][..padded * K::WIDTH];
                for (input, &value) in narrowed.iter().enumerate() {
                    panel[K::place(input, index % K::WIDTH)] = value;
                }
            }
        })?;
        let mut bias: Vec<f32> = columns.iter().map(|column| column.bias).collect();
        bias.resize(panels * K::WIDTH, 0.0);
        Ok(Self { data, bias, columns: columns.len(), depth })
    }

    /// Bytes of the packed weights.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() * size_of::<E>()
    }

    /// All panels.
    pub(super) fn all<K: Kernel<Right = E>>(&self) -> Range<usize> {
        0..self.bias.len() / K::WIDTH
    }

    /// Multiplies the packed `left`, rows cut into `tiles`, with some of the panels; `space` is `[2, ROWS, WIDTH]`. `take` gets each tile
    /// of the product, without the bias, in parts of whole rows, while the next tile is computed.
    pub(super) fn multiply<K: Kernel<Right = E>>(
        &self,
        kernel: K,
        panels: Range<usize>,
        left: &[K::Left],
        tiles: &[TileRows],
        space: &mut [f32],
        mut take: impl FnMut(Part<'_>),
    ) {
        let padded = padded_depth::<K>(self.depth);
        let (mut out, mut done) = space.split_at_mut(K::ROWS * K::WIDTH);
        let mut last: Option<(TileRows, usize)> = None;
        let mut take_rows = |(tile, index): (TileRows, usize), rows: Range<usize>, values: &mut [f32]| {
            take(Part {
                start: tile.start + rows.start,
                rows: rows.len(),
                slot: tile.slot,
                padded: tile.padded,
                offset: rows.start,
                column: index * K::WIDTH,
                bias: &self.bias[index * K::WIDTH..][..K::WIDTH],
                values: &mut values[rows.start * K::WIDTH..rows.end * K::WIDTH],
            });
        };
        // Panels outside: each is read from far memory once and stays near while all tiles pass.
        let size = padded * K::WIDTH;
        let data = &self.data[panels.start * size..panels.end * size];
        for (index, panel) in panels.zip(data.chunks_exact(size)) {
            for &tile in tiles {
                let left = &left[tile.slot * padded..(tile.slot + tile.padded) * padded];
                let work = last.map_or(0, |(tile, _)| tile.rows);
                kernel.tile_beside(tile.padded, left, panel, &mut out[..tile.padded * K::WIDTH], work, |rows| {
                    if let Some(last) = last {
                        take_rows(last, rows, done);
                    }
                });
                last = Some((tile, index));
                std::mem::swap(&mut out, &mut done);
            }
        }
        if let Some(last) = last {
            take_rows(last, 0..last.0.rows, done);
        }
    }
}

/// Some rows of a tile of a product.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// The first of them in the product.
    pub(super) start: usize,
    pub(super) rows: usize,
    /// Padded rows of the tiles before the tile, and its own.
    pub(super) slot: usize,
    pub(super) padded: usize,
    /// The first of them in the tile.
    pub(super) offset: usize,
    /// The first column in the product.
    pub(super) column: usize,
    /// `[WIDTH]`; the values lack it.
    pub(super) bias: &'a [f32],
    /// `[rows, WIDTH]`.
    pub(super) values: &'a mut [f32],
}

impl Part<'_> {
    /// Where the values go among rows of `depth` columns that lie in blocks of `width`, a panel's columns.
    #[inline(always)]
    pub(super) fn place(&self, depth: usize, width: usize) -> Range<usize> {
        // A block is a panel: `column` columns come before it in each of the tile's rows.
        let start = self.slot * depth + self.column * self.padded + self.offset * width;
        start..start + self.values.len()
    }
}

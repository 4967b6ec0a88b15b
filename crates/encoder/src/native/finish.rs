//! What a product leaves in, values out: a row of a tile with its bias, and its scales where it is whole numbers; knows nothing of what
//! becomes of the values.

use super::lanes::Lanes;

/// What makes values of some rows of a tile.
pub(super) trait Finish: Copy {
    /// What belongs to the tile's columns, in registers.
    type Columns<S: Lanes>: Copy;

    /// Loads what belongs to the columns.
    fn columns<S: Lanes>(self, simd: S) -> Self::Columns<S>;

    /// The values of row `row` of these, both registers of it.
    fn row<S: Lanes>(self, simd: S, columns: Self::Columns<S>, row: usize, left: [S::f32s; 2]) -> [S::f32s; 2];
}

/// Values that lack their bias.
#[derive(Debug, Clone, Copy)]
pub(super) struct Biased<'a> {
    /// `[WIDTH]`.
    pub(super) bias: &'a [f32],
}

impl Finish for Biased<'_> {
    type Columns<S: Lanes> = [S::f32s; 2];

    #[inline(always)]
    fn columns<S: Lanes>(self, _: S) -> [S::f32s; 2] {
        both::<S>(self.bias)
    }

    #[inline(always)]
    fn row<S: Lanes>(self, simd: S, bias: [S::f32s; 2], _: usize, left: [S::f32s; 2]) -> [S::f32s; 2] {
        [simd.add_f32s(left[0], bias[0]), simd.add_f32s(left[1], bias[1])]
    }
}

/// The bits of whole numbers, `Σ left · weight`, where a row's values are `left · scale + offset` and a column's `weight · scale`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaled<'a> {
    /// `[WIDTH]`.
    pub(super) bias: &'a [f32],
    /// `[rows]`.
    pub(super) scales: &'a [f32],
    /// `[rows]`.
    pub(super) offsets: &'a [f32],
    /// `[WIDTH]`.
    pub(super) column_scales: &'a [f32],
    /// The sum of each column's weights, `[WIDTH]`.
    pub(super) column_sums: &'a [f32],
}

/// What belongs to columns of whole numbers.
#[derive(Clone, Copy)]
pub(super) struct ScaledColumns<V> {
    bias: [V; 2],
    scales: [V; 2],
    sums: [V; 2],
}

impl Finish for Scaled<'_> {
    type Columns<S: Lanes> = ScaledColumns<S::f32s>;

    #[inline(always)]
    fn columns<S: Lanes>(self, _: S) -> ScaledColumns<S::f32s> {
        ScaledColumns {
            bias: both::<S>(self.bias),
            scales: both::<S>(self.column_scales),
            sums: both::<S>(self.column_sums),
        }
    }

    #[inline(always)]
    fn row<S: Lanes>(self, simd: S, columns: ScaledColumns<S::f32s>, row: usize, left: [S::f32s; 2]) -> [S::f32s; 2] {
        let (scale, offset) = (simd.splat_f32s(self.scales[row]), simd.splat_f32s(self.offsets[row]));
        let mut values = left;
        // No closures here: they would not be inlined into the function that names the instructions.
        for (half, value) in values.iter_mut().enumerate() {
            let rest = simd.fma(offset, columns.sums[half], columns.bias[half]);
            *value = simd.fma(simd.whole(*value), simd.mul_f32s(scale, columns.scales[half]), rest);
        }
        values
    }
}

/// The two registers of a row.
#[inline(always)]
pub(super) fn both<S: Lanes>(row: &[f32]) -> [S::f32s; 2] {
    let (row, _) = S::as_simd_f32s(row);
    [row[0], row[1]]
}

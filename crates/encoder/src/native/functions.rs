//! Rows of numbers in, rows out: the exponential, GELU, softmax and layer norm on vector registers.

use pulp::{Simd, WithSimd};

use super::finish::{Finish, both};
use super::lanes::Lanes;
use crate::activation::Activation;

/// Adding 1.5 · 2²³ rounds to whole numbers and leaves the number in the low bits.
pub(super) const ROUNDING: f32 = 12_582_912.0;
/// Rows that are normalized side by side, since each waits for its own sums.
const TOGETHER: usize = 4;

/// eˣ for x ≤ 0 and a little above, relative error about 2e-7; below −87 it stays at e⁻⁸⁷, and what is no number stays none.
/// Cody and Waite's reduction to |r| ≤ ln 2 / 2 and the polynomial of Cephes `expf`.
#[inline(always)]
fn exp<S: Lanes>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value: f32| simd.splat_f32s(value);
    // A maximum would lose what is no number on some processors.
    let x = simd.select_f32s(simd.less_than_f32s(x, splat(-87.0)), splat(-87.0), x);
    let shifted = simd.fma(x, splat(std::f32::consts::LOG2_E), splat(ROUNDING));
    let n = simd.sub_f32s(shifted, splat(ROUNDING));
    let r = simd.fma(n, splat(-0.693_359_4), x);
    let r = simd.fma(n, splat(2.121_944_4e-4), r);
    let mut p = splat(1.987_569_1e-4);
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1] {
        p = simd.fma(p, r, splat(coefficient));
    }
    let p = simd.fma(p, simd.mul_f32s(r, r), simd.add_f32s(r, splat(1.0)));
    // 2ⁿ, made from its bits: the exponent is n + 127.
    let bits = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let power = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23)));
    simd.mul_f32s(p, power)
}

/// The exact GELU, x · Φ(x), by a rational approximation of erf(x / √2) with an error below 5e-7 (the one of Eigen).
#[inline(always)]
fn gelu<S: Lanes>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value: f32| simd.splat_f32s(value);
    let z = simd.mul_f32s(x, splat(std::f32::consts::FRAC_1_SQRT_2));
    let z = simd.max_f32s(simd.min_f32s(z, splat(3.832_507)), splat(-3.832_507));
    let square = simd.mul_f32s(z, z);
    let mut above = splat(-2.726_142_3e-10);
    for coefficient in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_4e-4, -2.954_6e-3, -1.609_603_3e-2] {
        above = simd.fma(above, square, splat(coefficient));
    }
    let mut below = splat(-1.456_607_2e-5);
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2] {
        below = simd.fma(below, square, splat(coefficient));
    }
    let erf = simd.div_f32s(simd.mul_f32s(above, z), below);
    let half = simd.mul_f32s(x, splat(0.5));
    simd.fma(half, erf, half)
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
fn sigmoid<S: Lanes>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let power = exp(simd, simd.min_f32s(simd.neg_f32s(x), simd.splat_f32s(80.0)));
    simd.div_f32s(one, simd.add_f32s(one, power))
}

/// `activation(x)`; NaN stays NaN.
#[inline(always)]
fn activated<S: Lanes>(simd: S, activation: Activation, x: S::f32s) -> S::f32s {
    let splat = |value: f32| simd.splat_f32s(value);
    match activation {
        Activation::Gelu => gelu(simd, x),
        // ½ (1 + tanh y) is σ(2 y).
        Activation::GeluTanh => {
            let cube = simd.mul_f32s(simd.mul_f32s(x, x), x);
            let inner = simd.fma(cube, splat(0.044_715), x);
            simd.mul_f32s(x, sigmoid(simd, simd.mul_f32s(inner, splat(1.595_769))))
        }
        Activation::Relu => simd.mul_f32s(splat(0.5), simd.add_f32s(x, simd.abs_f32s(x))),
        Activation::Silu => simd.mul_f32s(x, sigmoid(simd, x)),
    }
}

/// The activation of a tile's values in place.
pub(super) struct Activate<'a, S, F> {
    pub(super) simd: S,
    pub(super) activation: Activation,
    /// `[rows, WIDTH]`.
    pub(super) tile: &'a mut [f32],
    pub(super) finish: F,
}

impl<S: Lanes, F: Finish> WithSimd for Activate<'_, S, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, activation, tile, finish } = self;
        let columns = finish.columns(simd);
        for (index, row) in tile.chunks_exact_mut(S::WIDTH).enumerate() {
            let values = finish.row(simd, columns, index, both::<S>(row));
            let (row, _) = S::as_mut_simd_f32s(row);
            for (to, value) in row.iter_mut().zip(values) {
                *to = activated(simd, activation, value);
            }
        }
    }
}

/// Layer norm of the first rows of a tile in place.
pub(super) struct NormTile<'a, S> {
    pub(super) simd: S,
    /// `[blocks, padded, WIDTH]`.
    pub(super) tile: &'a mut [f32],
    /// Rows of a block.
    pub(super) padded: usize,
    /// Rows that count.
    pub(super) rows: usize,
    pub(super) norm: &'a Norm,
}

/// The parameters of a layer norm.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    /// One for each value of a row, and then zeros, as many as rows are padded with.
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    /// Values of a row.
    pub(super) width: usize,
    /// Added to the variance.
    pub(super) eps: f32,
}

impl Norm {
    /// The norm of rows that are padded to `depth` values.
    pub(super) fn padded(mut self, depth: usize) -> Self {
        self.weight.resize(depth, 0.0);
        self.bias.resize(depth, 0.0);
        self
    }
}

impl<S: Lanes> WithSimd for NormTile<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, tile, padded, rows, norm } = self;
        let mut done = 0;
        while done < rows {
            if rows - done >= TOGETHER {
                norm_rows::<S, TOGETHER>(simd, tile, padded, done, norm);
                done += TOGETHER;
            } else {
                norm_rows::<S, 1>(simd, tile, padded, done, norm);
                done += 1;
            }
        }
    }
}

/// Layer norm of `ROWS` rows of a tile, from `first` on.
#[inline(always)]
fn norm_rows<S: Lanes, const ROWS: usize>(simd: S, tile: &mut [f32], padded: usize, first: usize, norm: &Norm) {
    let size = padded * S::WIDTH;
    let own = first * S::WIDTH..(first + ROWS) * S::WIDTH;
    let (weights, _) = S::as_simd_f32s(&norm.weight);
    let (biases, _) = S::as_simd_f32s(&norm.bias);
    let padding = (norm.weight.len() - norm.width) as f32;
    let width = norm.width as f32;
    let zeros = [[simd.splat_f32s(0.0); 2]; ROWS];
    let mut sums = zeros;
    for block in tile.chunks_exact(size) {
        let (values, _) = S::as_simd_f32s(&block[own.clone()]);
        for (row, sums) in sums.iter_mut().enumerate() {
            *sums = [simd.add_f32s(sums[0], values[2 * row]), simd.add_f32s(sums[1], values[2 * row + 1])];
        }
    }
    let mut means = [0.0; ROWS];
    for (mean, sums) in means.iter_mut().zip(sums) {
        *mean = simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1])) / width;
    }
    let mut squares = zeros;
    for block in tile.chunks_exact(size) {
        let (values, _) = S::as_simd_f32s(&block[own.clone()]);
        for (row, squares) in squares.iter_mut().enumerate() {
            let mean = simd.splat_f32s(means[row]);
            let off = [simd.sub_f32s(values[2 * row], mean), simd.sub_f32s(values[2 * row + 1], mean)];
            *squares = [simd.fma(off[0], off[0], squares[0]), simd.fma(off[1], off[1], squares[1])];
        }
    }
    let mut scales = [0.0; ROWS];
    for ((scale, squares), mean) in scales.iter_mut().zip(squares).zip(means) {
        // Each zero of the padding is as far off as the mean.
        let squares = simd.reduce_sum_f32s(simd.add_f32s(squares[0], squares[1])) - padding * mean * mean;
        *scale = 1.0 / (squares.max(0.0) / width + norm.eps).sqrt();
    }
    let parameters = weights.chunks_exact(2).zip(biases.chunks_exact(2));
    for (block, (weights, biases)) in tile.chunks_exact_mut(size).zip(parameters) {
        let (values, _) = S::as_mut_simd_f32s(&mut block[own.clone()]);
        for row in 0..ROWS {
            let (mean, scale) = (simd.splat_f32s(means[row]), simd.splat_f32s(scales[row]));
            for half in 0..2 {
                let value = &mut values[2 * row + half];
                let off = simd.mul_f32s(simd.sub_f32s(*value, mean), scale);
                *value = simd.fma(off, weights[half], biases[half]);
            }
        }
    }
}

/// Softmax of rows that lie in blocks, without the division.
pub(super) struct Softmax<'a, S> {
    pub(super) simd: S,
    /// `[blocks, padded, WIDTH]` scores in, exponentials out.
    pub(super) scores: &'a mut [f32],
    /// Rows of a block.
    pub(super) padded: usize,
    /// Rows that count; `[rows]`. Out: what each row is to be divided by, as a factor.
    pub(super) factors: &'a mut [f32],
    /// Columns that count; the others become 0.
    pub(super) columns: usize,
}

impl<S: Lanes> WithSimd for Softmax<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, scores, padded, factors, columns } = self;
        let block = padded * S::WIDTH;
        let rest = columns % S::WIDTH;
        if rest != 0 {
            let last = columns / S::WIDTH * block;
            for row in scores[last..last + block].chunks_exact_mut(S::WIDTH) {
                row[rest..].fill(f32::NEG_INFINITY);
            }
        }
        for (row, factor) in factors.iter_mut().enumerate() {
            let mut highest = simd.splat_f32s(f32::NEG_INFINITY);
            for block in scores.chunks_exact(block) {
                let (values, _) = S::as_simd_f32s(&block[row * S::WIDTH..][..S::WIDTH]);
                highest = simd.max_f32s(highest, simd.max_f32s(values[0], values[1]));
            }
            let highest = simd.splat_f32s(simd.reduce_max_f32s(highest));
            let mut sum = simd.splat_f32s(0.0);
            for block in scores.chunks_exact_mut(block) {
                let (values, _) = S::as_mut_simd_f32s(&mut block[row * S::WIDTH..][..S::WIDTH]);
                for value in values {
                    *value = exp(simd, simd.sub_f32s(*value, highest));
                    sum = simd.add_f32s(sum, *value);
                }
            }
            *factor = 1.0 / simd.reduce_sum_f32s(sum);
        }
    }
}

/// Puts the values of rows of a tile some way apart.
pub(super) struct PutTile<'a, S, F> {
    pub(super) simd: S,
    /// `[rows, WIDTH]`.
    pub(super) tile: &'a [f32],
    pub(super) finish: F,
    pub(super) to: &'a mut [f32],
    /// From a row to the next.
    pub(super) stride: usize,
    pub(super) rows: usize,
}

impl<S: Lanes, F: Finish> WithSimd for PutTile<'_, S, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, tile, finish, to, stride, rows } = self;
        let columns = finish.columns(simd);
        for (row, tile) in tile.chunks_exact(S::WIDTH).take(rows).enumerate() {
            let values = finish.row(simd, columns, row, both::<S>(tile));
            let (to, _) = S::as_mut_simd_f32s(&mut to[row * stride..][..S::WIDTH]);
            to.copy_from_slice(&values);
        }
    }
}

/// Adds the values of rows of a tile to others.
pub(super) struct AddTile<'a, S, F> {
    pub(super) simd: S,
    /// `[rows, WIDTH]`.
    pub(super) tile: &'a [f32],
    pub(super) finish: F,
    /// `[rows, WIDTH]`.
    pub(super) to: &'a mut [f32],
}

impl<S: Lanes, F: Finish> WithSimd for AddTile<'_, S, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Self { simd, tile, finish, to } = self;
        let columns = finish.columns(simd);
        for (row, (tile, to)) in tile.chunks_exact(S::WIDTH).zip(to.chunks_exact_mut(S::WIDTH)).enumerate() {
            let values = finish.row(simd, columns, row, both::<S>(tile));
            let (to, _) = S::as_mut_simd_f32s(to);
            for (to, value) in to.iter_mut().zip(values) {
                *to = simd.add_f32s(*to, value);
            }
        }
    }
}

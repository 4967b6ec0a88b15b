//! The vector registers that kernels are written for; knows nothing of layers.

use pulp::Simd;

/// A set of vector instructions with what the kernels need to know about it.
pub(super) trait Lanes: Simd {
    /// Rows of a product's tile: with two registers a row, what fits the register file beside the operands.
    const ROWS: usize;
    /// Columns of a tile.
    const WIDTH: usize = 2 * Self::F32_LANES;

    /// `a · b + c`.
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s;
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V4 {
    const ROWS: usize = 14;

    #[inline(always)]
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        self.mul_add_e_f32s(a, b, c)
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V3 {
    const ROWS: usize = 6;

    #[inline(always)]
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        self.mul_add_e_f32s(a, b, c)
    }
}

impl Lanes for pulp::Scalar128b {
    const ROWS: usize = if cfg!(target_arch = "aarch64") { 14 } else { 6 };

    #[inline(always)]
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        // Where every processor has a fused form it is one instruction; elsewhere it would be a library call a lane.
        if cfg!(target_arch = "aarch64") { self.mul_add_e_f32s(a, b, c) } else { self.add_f32s(self.mul_f32s(a, b), c) }
    }
}

//! The vector registers that kernels are written for; knows nothing of layers.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::_MM_HINT_T1;

use pulp::Simd;
use pulp::bytemuck::{Pod, cast};

/// A set of vector instructions with what the kernels need to know about it.
pub(super) trait Lanes: Simd {
    /// Rows of a product's tile: with two registers a row, what fits the register file beside the operands.
    const ROWS: usize;
    /// Columns of a tile.
    const WIDTH: usize = 2 * Self::F32_LANES;

    /// A byte for each lane.
    type Bytes: Pod;

    /// `a · b + c`.
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s;

    /// Has what lies at `place` come nearer meanwhile, where the processor can be told so. It may be a place that nothing lies at.
    fn fetch(self, place: *const Self::f32s);

    /// The whole numbers whose bits `bits` are, as values.
    fn whole(self, bits: Self::f32s) -> Self::f32s;

    /// The lowest byte of each lane's bits.
    fn lowest_bytes(self, bits: Self::f32s) -> Self::Bytes;
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V4 {
    type Bytes = [u8; 16];
    const ROWS: usize = 14;

    #[inline(always)]
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        self.mul_add_e_f32s(a, b, c)
    }

    #[inline(always)]
    fn fetch(self, place: *const Self::f32s) {
        self.sse._mm_prefetch::<_MM_HINT_T1>(place.cast());
    }

    #[inline(always)]
    fn whole(self, bits: Self::f32s) -> Self::f32s {
        cast(self.avx512f._mm512_cvtepi32_ps(cast(bits)))
    }

    #[inline(always)]
    fn lowest_bytes(self, bits: Self::f32s) -> [u8; 16] {
        cast(self.avx512f._mm512_cvtepi32_epi8(cast(bits)))
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V3 {
    type Bytes = [u8; 8];
    const ROWS: usize = 6;

    #[inline(always)]
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        self.mul_add_e_f32s(a, b, c)
    }

    #[inline(always)]
    fn fetch(self, place: *const Self::f32s) {
        self.sse._mm_prefetch::<_MM_HINT_T1>(place.cast());
    }

    #[inline(always)]
    fn whole(self, bits: Self::f32s) -> Self::f32s {
        cast(self.avx._mm256_cvtepi32_ps(cast(bits)))
    }

    #[inline(always)]
    fn lowest_bytes(self, bits: Self::f32s) -> [u8; 8] {
        cast::<Self::f32s, [u32; 8]>(bits).map(|bits| bits as u8)
    }
}

impl Lanes for pulp::Scalar128b {
    type Bytes = [u8; 4];
    const ROWS: usize = if cfg!(target_arch = "aarch64") { 14 } else { 6 };

    #[inline(always)]
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        // Where every processor has a fused form it is one instruction; elsewhere it would be a library call a lane.
        if cfg!(target_arch = "aarch64") { self.mul_add_e_f32s(a, b, c) } else { self.add_f32s(self.mul_f32s(a, b), c) }
    }

    #[inline(always)]
    fn fetch(self, _: *const Self::f32s) {}

    #[inline(always)]
    fn whole(self, bits: Self::f32s) -> Self::f32s {
        cast(cast::<Self::f32s, [i32; 4]>(bits).map(|bits| bits as f32))
    }

    #[inline(always)]
    fn lowest_bytes(self, bits: Self::f32s) -> [u8; 4] {
        cast::<Self::f32s, [u32; 4]>(bits).map(|bits| bits as u8)
    }
}

//! Products of 8 bits with AMX.

use std::ops::Range;

use crate::native::amx::{Amx, TILE_ROWS, product_u8};
use crate::native::kernel::{Kernel, grouped};

/// Proof that this machine has AMX for 8 bits and lets this process use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AmxInt8 {
    _amx: Amx,
}

impl AmxInt8 {
    /// What has AMX has it for 8 bits.
    pub(crate) fn new(amx: Amx) -> Self {
        Self { _amx: amx }
    }
}

impl Kernel for AmxInt8 {
    type Left = u8;
    type Right = i8;
    const ROWS: usize = 2 * TILE_ROWS;
    const ROWS_STEP: usize = TILE_ROWS;
    const WIDTH: usize = 32;
    const BLOCK: usize = 64;

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        grouped::<4>(Self::WIDTH, input, column)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the language has no tiles")]
    fn tile_beside(
        self,
        rows: usize,
        left: &[u8],
        right: &[i8],
        out: &mut [f32],
        work: usize,
        beside: impl FnMut(Range<usize>),
    ) {
        // SAFETY: `self` exists only where AMX was found.
        unsafe { product_u8(rows, left, right, out, work, beside) }
    }
}

//! The processor's tiles: their shape, and a tile of a product computed in them.
//!
//! There are eight, of 16 rows of 64 bytes. Four of them hold sums, so that each operand that is loaded takes part in two products.
//! The instructions are written out because the language does not offer them yet.

use std::marker::PhantomData;
use std::ops::Range;

/// Rows of one tile of the processor.
pub(crate) const TILE_ROWS: usize = 16;
/// Bytes of one tile, which is a block of 16 rows of a left operand.
const TILE_BYTES: usize = 1024;
/// Bytes of a panel's block: two tiles side by side.
const PANEL_BYTES: usize = 2 * TILE_BYTES;
/// Columns of a panel.
const WIDTH: usize = 32;

/// What `ldtilecfg` reads: palette 1, then each tile's bytes a row and its rows.
#[repr(C, align(64))]
struct Shape([u8; 64]);

static SHAPE: Shape = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = TILE_ROWS as u8;
        tile += 1;
    }
    Shape(bytes)
};

/// The tiles of the calling thread, configured. Given back when dropped, so that the system need not save them any more.
#[derive(Debug)]
pub(crate) struct Tiles {
    /// Tiles are a thread's own.
    _own: PhantomData<*const ()>,
}

impl Tiles {
    /// # Safety
    /// The machine has AMX and lets this process use it.
    #[expect(unsafe_code, reason = "the language has no tiles")]
    pub(crate) unsafe fn configure() -> Self {
        // SAFETY: the caller's promise; tiles are no memory of the language.
        unsafe {
            std::arch::asm!("ldtilecfg [{shape}]", shape = in(reg) &raw const SHAPE, options(nostack, readonly));
        }
        Self { _own: PhantomData }
    }
}

impl Drop for Tiles {
    #[expect(unsafe_code, reason = "the language has no tiles")]
    fn drop(&mut self) {
        // SAFETY: as in `configure`, which made this.
        unsafe { std::arch::asm!("tilerelease", options(nostack, nomem)) }
    }
}

/// Defines a function that computes one tile of a product with `$instruction`.
macro_rules! product {
    ($name:ident, $instruction:literal) => {
        /// One tile of a product of 16 or 32 `rows` and 32 columns: `left` is `[blocks, rows, 64 bytes]`, `right` `[blocks, 16, 128 bytes]`,
        /// `out` `[rows, 32]`. Between blocks `beside` does its `work` steps.
        ///
        /// # Safety
        /// The machine has AMX with this instruction. Where the calling thread has not configured its tiles, the processor refuses the
        /// instructions, which ends the process and touches no memory.
        #[inline(always)]
        #[expect(unsafe_code, reason = "the language has no tiles")]
        pub(crate) unsafe fn $name<L: Copy, R: Copy>(
            rows: usize,
            left: &[L],
            right: &[R],
            out: &mut [f32],
            work: usize,
            mut beside: impl FnMut(Range<usize>),
        ) {
            let blocks = size_of_val(right) / PANEL_BYTES;
            assert!(rows == TILE_ROWS || rows == 2 * TILE_ROWS);
            assert!(blocks > 0 && size_of_val(left) == blocks * rows * 64 && out.len() == rows * WIDTH);
            let is_high = rows != TILE_ROWS;
            let (mut left, mut right) = (left.as_ptr().cast::<u8>(), right.as_ptr().cast::<u8>());
            let mut done = 0;
            // SAFETY: the caller's promise; no memory is touched.
            unsafe {
                std::arch::asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    options(nostack, nomem, preserves_flags)
                );
            }
            for block in 1..=blocks {
                if is_high {
                    // SAFETY: both operands have `blocks` blocks, as compared above.
                    unsafe {
                        std::arch::asm!(
                            "tileloadd tmm4, [{left} + {near}]",
                            "tileloadd tmm6, [{right} + {far}]",
                            "tileloadd tmm7, [{right} + {far} + 64]",
                            concat!($instruction, " tmm0, tmm4, tmm6"),
                            "tileloadd tmm5, [{left} + {near} + 1024]",
                            concat!($instruction, " tmm1, tmm4, tmm7"),
                            concat!($instruction, " tmm2, tmm5, tmm6"),
                            concat!($instruction, " tmm3, tmm5, tmm7"),
                            left = in(reg) left,
                            right = in(reg) right,
                            near = in(reg) 64_usize,
                            far = in(reg) 128_usize,
                            options(nostack, readonly, preserves_flags),
                        );
                        left = left.add(2 * TILE_BYTES);
                        right = right.add(PANEL_BYTES);
                    }
                } else {
                    // SAFETY: as above.
                    unsafe {
                        std::arch::asm!(
                            "tileloadd tmm4, [{left} + {near}]",
                            "tileloadd tmm6, [{right} + {far}]",
                            "tileloadd tmm7, [{right} + {far} + 64]",
                            concat!($instruction, " tmm0, tmm4, tmm6"),
                            concat!($instruction, " tmm1, tmm4, tmm7"),
                            left = in(reg) left,
                            right = in(reg) right,
                            near = in(reg) 64_usize,
                            far = in(reg) 128_usize,
                            options(nostack, readonly, preserves_flags),
                        );
                        left = left.add(TILE_BYTES);
                        right = right.add(PANEL_BYTES);
                    }
                }
                // The vector units work while the tile unit does.
                let until = work * block / blocks;
                if until > done {
                    beside(done..until);
                    done = until;
                }
            }
            // SAFETY: `out` has 16 or 32 rows of 32 values, as compared above.
            unsafe {
                let (out, far) = (out.as_mut_ptr(), 128_usize);
                std::arch::asm!(
                    "tilestored [{out} + {far}], tmm0",
                    "tilestored [{out} + {far} + 64], tmm1",
                    out = in(reg) out,
                    far = in(reg) far,
                    options(nostack, preserves_flags),
                );
                if is_high {
                    std::arch::asm!(
                        "tilestored [{out} + {far} + 2048], tmm2",
                        "tilestored [{out} + {far} + 2112], tmm3",
                        out = in(reg) out,
                        far = in(reg) far,
                        options(nostack, preserves_flags),
                    );
                }
            }
        }
    };
}

product!(product_bf16, "tdpbf16ps");
product!(product_u8, "tdpbusd");

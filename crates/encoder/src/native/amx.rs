//! Products of bf16 with AMX: packed operands of 16 bits in, tiles of f32 out.
//!
//! The processor holds eight tiles of 16 rows of 64 bytes. Four of them hold sums, so that each operand that is loaded takes
//! part in two products. The instructions are written out because the language does not offer them yet.

use std::marker::PhantomData;
use std::sync::OnceLock;

use pulp::x86::V4;

use super::bf16::{Bf16, WIDTH, place};
use super::product::{Arithmetic, TileRows};

/// Rows of one tile of the processor.
const TILE_ROWS: usize = 16;

/// Proof that this machine has AMX for bf16 and lets this process use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amx(Bf16);

impl Amx {
    pub(crate) fn try_new() -> Option<Self> {
        static IS_ALLOWED: OnceLock<bool> = OnceLock::new();
        Bf16::try_new().filter(|_| *IS_ALLOWED.get_or_init(|| has_amx() && is_allowed())).map(Self)
    }
}

/// Whether the processor says that it has AMX with bf16 (CPUID leaf 7, EDX bits 22 and 24).
fn has_amx() -> bool {
    let wanted = 1 << 22 | 1 << 24;
    std::arch::x86_64::__cpuid(0).eax >= 7 && std::arch::x86_64::__cpuid_count(7, 0).edx & wanted == wanted
}

/// Asks Linux for the tiles, whose state it keeps for those processes only that asked.
#[cfg(target_os = "linux")]
fn is_allowed() -> bool {
    const ARCH_PRCTL: u64 = 158;
    const REQUEST_PERMISSION: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let answer: u64;
    #[expect(unsafe_code, reason = "the standard library offers no way to ask the system for AMX")]
    // SAFETY: this call of the system reads no memory and only enlarges what the system saves of a thread; it clobbers
    // what every call clobbers.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn is_allowed() -> bool {
    false
}

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
    #[expect(unsafe_code, reason = "the language has no tiles")]
    fn configure() -> Self {
        // SAFETY: only [`Amx`] comes here, which exists only where `try_new` found the tiles; they are no memory of the language.
        unsafe {
            std::arch::asm!("ldtilecfg [{shape}]", shape = in(reg) &raw const SHAPE, options(nostack, readonly));
        }
        Self { _own: PhantomData }
    }
}

impl Drop for Tiles {
    #[expect(unsafe_code, reason = "the language has no tiles")]
    fn drop(&mut self) {
        // SAFETY: as in `configure`.
        unsafe { std::arch::asm!("tilerelease", options(nostack, nomem)) }
    }
}

impl Arithmetic for Amx {
    type Simd = V4;
    type Element = u16;
    type Session = Tiles;
    const ROWS: usize = 2 * TILE_ROWS;
    const ROWS_STEP: usize = TILE_ROWS;
    const WIDTH: usize = WIDTH;

    #[inline(always)]
    fn simd(self) -> V4 {
        self.0.simd()
    }

    #[inline(always)]
    fn narrow(self, from: &[f32], to: &mut [u16]) {
        self.0.narrow(from, to);
    }

    #[inline(always)]
    fn pack_tile(self, from: &[f32], stride: usize, depth: usize, tile: TileRows, to: &mut [u16]) {
        self.0.pack_tile(from, stride, depth, tile, to);
    }

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        place(input, column)
    }

    fn begin(self) -> Tiles {
        Tiles::configure()
    }

    #[inline(always)]
    fn put_biased(self, tile: &[f32], rows: usize, bias: &[f32], columns: usize, to: &mut [u16], stride: usize) {
        self.0.put_biased(tile, rows, bias, columns, to, stride);
    }

    #[inline(always)]
    fn put_scaled(self, tile: &[f32], factors: &[f32], columns: usize, to: &mut [u16], stride: usize) {
        self.0.put_scaled(tile, factors, columns, to, stride);
    }

    #[inline(always)]
    fn gelu_biased(self, tile: &mut [f32], bias: &[f32], to: &mut [u16]) {
        self.0.gelu_biased(tile, bias, to);
    }

    #[inline(always)]
    fn softmax(self, scores: &mut [f32], padded: usize, factors: &mut [f32], columns: usize, weights: &mut [u16]) {
        self.0.softmax(scores, padded, factors, columns, weights);
    }

    #[inline(always)]
    fn pack_keys(self, rows: &[u16], stride: usize, tokens: usize, head: usize, panel: &mut [u16]) {
        self.0.pack_keys(rows, stride, tokens, head, panel);
    }

    #[inline(always)]
    fn pack_values(self, rows: &[u16], stride: usize, tokens: usize, columns: usize, panel: &mut [u16]) {
        self.0.pack_values(rows, stride, tokens, columns, panel);
    }

    #[expect(unsafe_code, reason = "the language has no tiles")]
    fn tile(self, rows: usize, left: &[u16], right: &[u16], out: &mut [f32]) {
        let blocks = right.len() / (WIDTH * WIDTH);
        assert!(blocks > 0 && left.len() == blocks * rows * WIDTH && out.len() == rows * WIDTH);
        if rows == TILE_ROWS {
            // SAFETY: `self` exists only where `try_new` found AMX; the lengths were compared above. Without a `Session` the processor refuses the
            // instructions, which ends the process and touches no memory.
            unsafe { tile_16(blocks, left.as_ptr(), right.as_ptr(), out.as_mut_ptr()) }
        } else {
            assert_eq!(rows, 2 * TILE_ROWS);
            // SAFETY: as above.
            unsafe { tile_32(blocks, left.as_ptr(), right.as_ptr(), out.as_mut_ptr()) }
        }
    }
}

/// A tile of 16 rows.
///
/// # Safety
/// The machine has AMX and the calling thread has configured its tiles; `left` is `[blocks, 16, 32]`, `right` `[blocks, 32, 32]`, `out` `[16, 32]`; `blocks` is not 0.
#[expect(unsafe_code, reason = "the language has no tiles")]
unsafe fn tile_16(blocks: usize, left: *const u16, right: *const u16, out: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        std::arch::asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "2:",
            "tileloadd tmm4, [{left} + {near}]",
            "tileloadd tmm6, [{right} + {far}]",
            "tileloadd tmm7, [{right} + {far} + 64]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "add {left}, 1024",
            "add {right}, 2048",
            "dec {blocks}",
            "jnz 2b",
            "tilestored [{out} + {far}], tmm0",
            "tilestored [{out} + {far} + 64], tmm1",
            left = inout(reg) left => _,
            right = inout(reg) right => _,
            blocks = inout(reg) blocks => _,
            out = in(reg) out,
            near = in(reg) 64_usize,
            far = in(reg) 128_usize,
            options(nostack),
        );
    }
}

/// A tile of 32 rows.
///
/// # Safety
/// The machine has AMX and the calling thread has configured its tiles; `left` is `[blocks, 32, 32]`, `right` `[blocks, 32, 32]`, `out` `[32, 32]`; `blocks` is not 0.
#[expect(unsafe_code, reason = "the language has no tiles")]
unsafe fn tile_32(blocks: usize, left: *const u16, right: *const u16, out: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        std::arch::asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{left} + {near}]",
            "tileloadd tmm6, [{right} + {far}]",
            "tileloadd tmm7, [{right} + {far} + 64]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm5, [{left} + {near} + 1024]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {left}, 2048",
            "add {right}, 2048",
            "dec {blocks}",
            "jnz 2b",
            "tilestored [{out} + {far}], tmm0",
            "tilestored [{out} + {far} + 64], tmm1",
            "tilestored [{out} + {far} + 2048], tmm2",
            "tilestored [{out} + {far} + 2112], tmm3",
            left = inout(reg) left => _,
            right = inout(reg) right => _,
            blocks = inout(reg) blocks => _,
            out = in(reg) out,
            near = in(reg) 64_usize,
            far = in(reg) 128_usize,
            options(nostack),
        );
    }
}

//! Products of bf16 with AMX: packed operands of 16 bits in, tiles of f32 out.

mod tiles;

use std::ops::Range;
use std::sync::OnceLock;

use pulp::x86::V4;

use super::arithmetic::Arithmetic;
use super::bf16::{Bf16, WIDTH};
use super::finish::Finish;
use super::kernel::{Blocks, Kernel};
use crate::activation::Activation;
pub(super) use tiles::{TILE_ROWS, product_u8};
use tiles::{Tiles, product_bf16};

/// Proof that this machine has AMX for bf16 and lets this process use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amx(Bf16);

impl Amx {
    pub(crate) fn try_new() -> Option<Self> {
        static IS_ALLOWED: OnceLock<bool> = OnceLock::new();
        Bf16::try_new().filter(|_| *IS_ALLOWED.get_or_init(|| has_amx() && is_allowed())).map(Self)
    }
}

/// Whether the processor says that it has AMX with bf16 and int8, which no processor has without the other (CPUID leaf 7, EDX bits
/// 22, 24 and 25).
fn has_amx() -> bool {
    let wanted = 1 << 22 | 1 << 24 | 1 << 25;
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

impl Kernel for Amx {
    type Left = u16;
    type Right = u16;
    const ROWS: usize = 2 * TILE_ROWS;
    const ROWS_STEP: usize = TILE_ROWS;
    const WIDTH: usize = WIDTH;
    const BLOCK: usize = WIDTH;

    #[inline(always)]
    fn place(input: usize, column: usize) -> usize {
        Bf16::place(input, column)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the language has no tiles")]
    fn tile_beside(
        self,
        rows: usize,
        left: &[u16],
        right: &[u16],
        out: &mut [f32],
        work: usize,
        beside: impl FnMut(Range<usize>),
    ) {
        // SAFETY: `self` exists only where `try_new` found AMX.
        unsafe { product_bf16(rows, left, right, out, work, beside) }
    }
}

impl Arithmetic for Amx {
    type Simd = V4;
    type Session = Tiles;

    #[inline(always)]
    fn simd(self) -> V4 {
        self.0.simd()
    }

    #[inline(always)]
    fn narrow(self, from: &[f32], to: &mut [u16]) {
        self.0.narrow(from, to);
    }

    #[expect(unsafe_code, reason = "the language has no tiles")]
    fn begin(self) -> Tiles {
        // SAFETY: `self` exists only where `try_new` found AMX and leave to use it.
        unsafe { Tiles::configure() }
    }

    #[inline(always)]
    fn put(self, tile: &[f32], rows: usize, finish: impl Finish, to: &mut [u16], stride: usize) {
        self.0.put(tile, rows, finish, to, stride);
    }

    #[inline(always)]
    fn bounds<'a>(self, blocks: impl Iterator<Item = &'a [u16]>) -> (f32, f32) {
        self.0.bounds(blocks)
    }

    #[inline(always)]
    fn bytes<E: From<u8>>(self, values: &[u16], factor: f32, shift: f32, to: &mut [E]) {
        self.0.bytes(values, factor, shift, to);
    }

    #[inline(always)]
    fn put_scaled(self, tile: &[f32], factors: &[f32], to: &mut [u16]) {
        self.0.put_scaled(tile, factors, to);
    }

    #[inline(always)]
    fn activate(self, activation: Activation, tile: &mut [f32], finish: impl Finish, to: &mut [u16]) {
        self.0.activate(activation, tile, finish, to);
    }

    #[inline(always)]
    fn softmax(self, scores: &mut [f32], padded: usize, factors: &mut [f32], columns: usize, weights: &mut [u16]) {
        self.0.softmax(scores, padded, factors, columns, weights);
    }

    #[inline(always)]
    fn attend_few(
        self,
        shape: (usize, usize),
        qkv: (&[u16], usize),
        context: &mut Blocks<'_, u16>,
        at: (usize, usize),
    ) -> bool {
        self.0.attend_few(shape, qkv, context, at)
    }

    #[inline(always)]
    fn pack_keys(self, rows: &[u16], stride: usize, tokens: usize, depth: usize, panel: &mut [u16]) {
        self.0.pack_keys(rows, stride, tokens, depth, panel);
    }

    #[inline(always)]
    fn pack_values(self, rows: &[u16], stride: usize, tokens: usize, panel: &mut [u16]) {
        self.0.pack_values(rows, stride, tokens, panel);
    }
}

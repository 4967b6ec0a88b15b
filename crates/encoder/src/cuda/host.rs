//! The kernels on this machine's CPU, each against plain f32, and the whole encoder through them: what can be known of the
//! GPU's arithmetic without a GPU. Knows nothing of speed; how threads of a GPU are run here is in `kernels/host/threads.h`.

use std::ffi::{CString, c_char, c_void};
use std::sync::{Mutex, PoisonError};

use super::half::Half;
use super::pass::{Argument, Kernel, Machine, Product};

#[expect(unsafe_code, reason = "the kernels are C++; this is their one entry")]
// SAFETY: the declaration is that of `kernels/host/launch.cpp`.
unsafe extern "C" {
    fn ibid_host_launch(
        name: *const c_char,
        grid_x: u32,
        grid_y: u32,
        block: u32,
        is_reversed: bool,
        arguments: *mut *mut c_void,
    ) -> bool;
}

/// Fibers and shared memory are global there, so one kernel runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A CPU that runs kernels as a GPU would, slowly.
pub(super) struct Host {
    pub(super) half: Half,
    /// The last block runs first, and in each the last thread.
    pub(super) is_reversed: bool,
}

impl Machine for Host {
    type Error = String;

    fn launch(
        &self,
        kernel: Kernel,
        grid: (usize, usize),
        threads: usize,
        arguments: &[Argument],
    ) -> Result<(), String> {
        let name = CString::new(kernel.name(self.half)).expect("names hold no zero byte");
        let mut values: Vec<*mut c_void> = arguments
            .iter()
            .map(|argument| match argument {
                Argument::Address(value) => std::ptr::from_ref(value).cast_mut().cast(),
                Argument::Int(value) => std::ptr::from_ref(value).cast_mut().cast(),
                Argument::Float(value) => std::ptr::from_ref(value).cast_mut().cast(),
            })
            .collect();
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(unsafe_code, reason = "the kernels are C++")]
        // SAFETY: the pointers live until the call returns, and the tests give addresses of memory that is large enough.
        let is_known = unsafe {
            ibid_host_launch(
                name.as_ptr(),
                grid.0 as u32,
                grid.1 as u32,
                threads as u32,
                self.is_reversed,
                values.as_mut_ptr(),
            )
        };
        is_known.then_some(()).ok_or_else(|| format!("there is no kernel {name:?}"))
    }

    fn product(&self, product: Product) -> Result<(), String> {
        let Product { out, x, weight, rows, inputs, outputs } = product;
        #[expect(unsafe_code, reason = "memory is named by address, as on a GPU")]
        // SAFETY: the tests give addresses of memory of these sizes that nothing else uses meanwhile.
        let (out, x, weight) = unsafe {
            (
                std::slice::from_raw_parts_mut(out as *mut u16, rows * outputs),
                std::slice::from_raw_parts(x as *const u16, rows * inputs),
                std::slice::from_raw_parts(weight as *const u16, outputs * inputs),
            )
        };
        let values = |halves: &[u16]| halves.iter().map(|&bits| self.half.value(bits)).collect::<Vec<f32>>();
        let (x, weight) = (values(x), values(weight));
        for (out, x) in out.chunks_exact_mut(outputs).zip(x.chunks_exact(inputs)) {
            for (out, weight) in out.iter_mut().zip(weight.chunks_exact(inputs)) {
                *out = self.half.bits(crate::vector::dot(x, weight));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

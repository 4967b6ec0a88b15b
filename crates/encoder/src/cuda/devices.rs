//! Which CUDA devices can be used, or in one line why none can; asks for nothing that is not installed, so that nothing panics.

use candle_core::cuda_backend::cudarc::driver::sys::CUresult;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError};

/// Oldest devices that have what the kernels use: products of bf16 and copies that wait for no register (sm_80, Ampere).
const CAPABILITY_MIN: (i32, i32) = (8, 0);

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeviceInfo {
    /// Its number among those that are visible (`CUDA_VISIBLE_DEVICES`).
    pub ordinal: usize,
    /// The driver's name for it.
    pub name: String,
    /// Bytes of its memory.
    pub memory_bytes: usize,
    /// Its compute capability.
    pub capability: (i32, i32),
}

/// The devices that can be used, in the driver's order.
///
/// # Errors
/// One line for a person: which library is missing and where it comes from, or what the driver says.
pub fn devices() -> Result<Vec<DeviceInfo>, String> {
    libraries()?;
    let count = CudaContext::device_count().map_err(refused)?;
    let found = (0..count as usize).map(|ordinal| {
        let context = CudaContext::new(ordinal)?;
        let memory_bytes = context.total_mem()?;
        Ok(DeviceInfo { ordinal, name: context.name()?, memory_bytes, capability: context.compute_capability()? })
    });
    let found = found.collect::<Result<Vec<_>, DriverError>>().map_err(refused)?;
    let usable: Vec<DeviceInfo> = found.iter().filter(|device| device.capability >= CAPABILITY_MIN).cloned().collect();
    match (found.first(), usable.is_empty()) {
        (None, _) => Err("the CUDA driver is here but finds no device (CUDA_VISIBLE_DEVICES may hide it)".into()),
        (Some(DeviceInfo { name, capability: (major, minor), .. }), true) => Err(format!(
            "{name} has compute capability {major}.{minor}; the kernels need {}.{} (Ampere) or newer",
            CAPABILITY_MIN.0, CAPABILITY_MIN.1
        )),
        (Some(_), false) => Ok(usable),
    }
}

/// Whether the libraries can be opened: where they are opened while the program runs, a missing one would panic later.
#[cfg(feature = "dynamic-loading")]
fn libraries() -> Result<(), String> {
    use candle_core::cuda_backend::cudarc::{cublas, cublaslt, curand, driver};
    #[expect(unsafe_code, reason = "opening a library runs its start-up code")]
    // SAFETY: these are NVIDIA's libraries under their own names, which do nothing on start-up that this program minds.
    let found = unsafe {
        [
            ("libcuda.so.1", driver::sys::is_culib_present(), "it comes with the NVIDIA driver"),
            ("libcublas.so.13", cublas::sys::is_culib_present(), TOOLKIT),
            ("libcublasLt.so.13", cublaslt::sys::is_culib_present(), TOOLKIT),
            ("libcurand.so.10", curand::sys::is_culib_present(), TOOLKIT),
        ]
    };
    match found.into_iter().find(|(_, is_present, _)| !is_present) {
        Some((name, _, advice)) => Err(format!("{name} is not installed; {advice}")),
        None => Ok(()),
    }
}

#[cfg(feature = "dynamic-loading")]
const TOOLKIT: &str = "it comes with CUDA 13 and with Python's wheels of NVIDIA: put its folder on LD_LIBRARY_PATH";

/// Libraries that were linked are there, or the program would not have started.
#[cfg(not(feature = "dynamic-loading"))]
#[expect(clippy::unnecessary_wraps, reason = "the other build can fail")]
fn libraries() -> Result<(), String> {
    Ok(())
}

fn refused(error: DriverError) -> String {
    match error.0 {
        CUresult::CUDA_ERROR_NO_DEVICE => {
            "the CUDA driver is here but finds no device (CUDA_VISIBLE_DEVICES may hide it)".into()
        }
        CUresult::CUDA_ERROR_STUB_LIBRARY => {
            "libcuda.so.1 is the stub that programs are linked with; the real one comes with the NVIDIA driver".into()
        }
        _ => {
            let words = error.error_string().map(|words| words.to_string_lossy().into_owned());
            format!("the CUDA driver says: {}", words.unwrap_or_else(|_| format!("{:?}", error.0)))
        }
    }
}

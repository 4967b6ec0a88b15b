//! Which device computes, chosen once and said plainly; knows nothing of models.

use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The device asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// CUDA where it works, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The first CUDA device; an error where there is none.
    Cuda,
}

/// The device really used, and why.
#[derive(Debug, Clone)]
pub struct OpenedDevice {
    /// Candle's handle.
    pub device: Device,
    /// `cpu` or `cuda`.
    pub name: &'static str,
    /// One line for a person: why this one.
    pub reason: String,
}

impl OpenedDevice {
    fn cpu(reason: impl Into<String>) -> Self {
        Self { device: Device::Cpu, name: "cpu", reason: reason.into() }
    }
}

/// Opens the device that `choice` asks for.
///
/// # Errors
/// [`Error::Setting`] when CUDA was asked for and cannot be used.
pub fn open(choice: DeviceChoice) -> Result<OpenedDevice> {
    match choice {
        DeviceChoice::Cpu => Ok(OpenedDevice::cpu("the CPU was asked for")),
        DeviceChoice::Auto => Ok(cuda().unwrap_or_else(OpenedDevice::cpu)),
        DeviceChoice::Cuda => {
            cuda().map_err(|reason| Error::Setting { name: "device".into(), value: "cuda".into(), reason })
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda() -> std::result::Result<OpenedDevice, String> {
    // The loader of the CUDA libraries panics where one is missing, so the attempt is fenced off.
    let attempt = std::panic::catch_unwind(|| Device::new_cuda(0));
    match attempt {
        Ok(Ok(device)) => Ok(OpenedDevice { device, name: "cuda", reason: "a CUDA device answered".into() }),
        Ok(Err(error)) => Err(format!("no CUDA device could be opened: {error}")),
        Err(_) => Err("the CUDA libraries are not installed".into()),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> std::result::Result<OpenedDevice, String> {
    Err("this build has no CUDA support (feature `cuda`)".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_always_opens_and_says_why() {
        let opened = open(DeviceChoice::Cpu).unwrap();
        assert_eq!(opened.name, "cpu");
        assert!(!opened.reason.is_empty());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn cuda_without_support_is_an_error_that_names_the_setting() {
        let error = open(DeviceChoice::Cuda).unwrap_err();
        assert!(error.to_string().contains("device"));
    }
}

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
    /// All CUDA devices that are visible; an error where there is none.
    Cuda,
}

/// The device really used, and why.
#[derive(Debug, Clone)]
pub struct OpenedDevice {
    /// Candle's handle; the first device where there are several.
    pub device: Device,
    /// `cpu` or `cuda`.
    pub name: &'static str,
    /// One line for a person: why this one.
    pub reason: String,
    /// All devices that compute.
    #[cfg(feature = "cuda")]
    pub gpus: Vec<ibid_encoder::cuda::DeviceInfo>,
}

impl OpenedDevice {
    fn cpu(reason: impl Into<String>) -> Self {
        Self {
            device: Device::Cpu,
            name: "cpu",
            reason: reason.into(),
            #[cfg(feature = "cuda")]
            gpus: Vec::new(),
        }
    }
}

/// Opens the device that `choice` asks for.
///
/// # Errors
/// [`Error::Setting`] when CUDA was asked for and cannot be used.
pub fn open(choice: DeviceChoice) -> Result<OpenedDevice> {
    match choice {
        DeviceChoice::Cpu => Ok(OpenedDevice::cpu("the CPU was asked for")),
        DeviceChoice::Auto => Ok(cuda().unwrap_or_else(|reason| OpenedDevice::cpu(format!("no CUDA: {reason}")))),
        DeviceChoice::Cuda => {
            cuda().map_err(|reason| Error::Setting { name: "device".into(), value: "cuda".into(), reason })
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda() -> std::result::Result<OpenedDevice, String> {
    let gpus = ibid_encoder::cuda::devices()?;
    let first = gpus[0].ordinal;
    // Candle panics where a library lacks a function, so the attempt is fenced off.
    let attempt = std::panic::catch_unwind(|| Device::new_cuda(first));
    match attempt {
        Ok(Ok(device)) => Ok(OpenedDevice { device, name: "cuda", reason: told(&gpus), gpus }),
        Ok(Err(error)) => Err(format!("{} could not be opened: {error}", gpus[0].name)),
        Err(_) => Err("the CUDA libraries on this machine are of another version than 13".into()),
    }
}

/// The devices in one line, equal ones counted.
#[cfg(feature = "cuda")]
fn told(gpus: &[ibid_encoder::cuda::DeviceInfo]) -> String {
    let line = |gpu: &ibid_encoder::cuda::DeviceInfo| {
        let (major, minor) = gpu.capability;
        let gigabytes = gpu.memory_bytes as f64 / 1e9;
        format!("{} with {gigabytes:.0} GB, compute capability {major}.{minor}", gpu.name)
    };
    let mut lines: Vec<(String, usize)> = Vec::new();
    for gpu in gpus {
        match lines.last_mut() {
            Some((last, count)) if *last == line(gpu) => *count += 1,
            _ => lines.push((line(gpu), 1)),
        }
    }
    let counted =
        |(line, count): &(String, usize)| if *count == 1 { line.clone() } else { format!("{count} × {line}") };
    lines.iter().map(counted).collect::<Vec<_>>().join("; ")
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> std::result::Result<OpenedDevice, String> {
    Err("this program was built without it (scripts/build-cuda builds one with it)".into())
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

    #[test]
    fn whatever_is_opened_says_why_in_one_line() {
        let opened = open(DeviceChoice::Auto).unwrap();
        assert!(opened.name == "cuda" || opened.reason.starts_with("no CUDA: "), "{}", opened.reason);
        assert!(!opened.reason.contains('\n'));
        if opened.name == "cpu" {
            let error = open(DeviceChoice::Cuda).unwrap_err().to_string();
            assert!(error.contains("device") && !error.contains('\n'), "{error}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn cuda_without_support_is_an_error_that_names_the_setting() {
        let error = open(DeviceChoice::Cuda).unwrap_err();
        assert!(error.to_string().contains("device"));
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn equal_devices_are_counted() {
        let gpu = |name: &str| ibid_encoder::cuda::DeviceInfo {
            ordinal: 0,
            name: name.into(),
            memory_bytes: 150_000_000_000,
            capability: (9, 0),
        };
        let line = told(&[gpu("NVIDIA H200"), gpu("NVIDIA H200"), gpu("NVIDIA L4")]);
        assert_eq!(
            line,
            "2 × NVIDIA H200 with 150 GB, compute capability 9.0; NVIDIA L4 with 150 GB, compute capability 9.0"
        );
    }
}

//! Counts of GPUs before and after a round in, its share of what they could do at most and where the time went out; times
//! nothing itself.

use ibid_encoder::cuda::roofline::{Peak, peak};
use ibid_encoder::cuda::stats::Stats;
use serde::Serialize;

use crate::inference::embedder::Embedder;

/// What GPUs did in a round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GpuRun {
    /// The driver's names for the devices.
    pub devices: Vec<String>,
    /// Floating-point operations a second for the texts' own tokens, over the devices' dense 16-bit peak; absent where no
    /// data sheet is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roofline: Option<Roofline>,
    /// Seconds of tokenizers, summed over threads; they run ahead of the devices.
    pub tokenizer_seconds: f64,
    /// What was done, in how many batches, and the devices' seconds and memory.
    #[serde(flatten)]
    pub stats: Stats,
}

/// How near to what the devices can do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roofline {
    /// From 0 to 1.
    pub share: f64,
    /// What all devices together can do, operations a second.
    pub peak_operations_per_second: f64,
    /// Where that is written.
    pub source: String,
}

/// Counts before a round.
#[derive(Debug, Clone)]
pub struct GpuCounts {
    stats: Stats,
    tokenizer_seconds: f64,
}

impl GpuCounts {
    /// As they are now; `None` where no GPU computes.
    #[must_use]
    pub fn of(embedder: &Embedder) -> Option<Self> {
        let (stats, _) = counted(embedder)?;
        Some(Self { stats, tokenizer_seconds: embedder.tokenizing_seconds() })
    }

    /// What a round of `seconds` that ends now did.
    #[must_use]
    pub fn run(&self, embedder: &Embedder, seconds: f64) -> Option<GpuRun> {
        let (stats, devices) = counted(embedder)?;
        let tokenizer_seconds = embedder.tokenizing_seconds() - self.tokenizer_seconds;
        Some(run_of(devices, stats.since(&self.stats), tokenizer_seconds, seconds))
    }
}

#[cfg(feature = "cuda")]
fn counted(embedder: &Embedder) -> Option<(Stats, Vec<String>)> {
    let encoder = embedder.cuda()?;
    Some((encoder.stats(), encoder.devices().iter().map(|device| device.name.clone()).collect()))
}

#[cfg(not(feature = "cuda"))]
fn counted(_: &Embedder) -> Option<(Stats, Vec<String>)> {
    None
}

fn run_of(devices: Vec<String>, stats: Stats, tokenizer_seconds: f64, seconds: f64) -> GpuRun {
    let peaks: Option<Vec<Peak>> = devices.iter().map(|name| peak(name)).collect();
    let roofline = peaks.filter(|peaks| !peaks.is_empty()).map(|peaks| {
        let most: f64 = peaks.iter().map(|peak| peak.operations_per_second).sum();
        let mut sources: Vec<&str> = peaks.iter().map(|peak| peak.source).collect();
        sources.dedup();
        let share = stats.operations / seconds / most;
        Roofline { share, peak_operations_per_second: most, source: sources.join("; ") }
    });
    GpuRun { devices, roofline, tokenizer_seconds, stats }
}

impl std::fmt::Display for GpuRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.roofline {
            Some(Roofline { share, peak_operations_per_second, .. }) => {
                let tera = peak_operations_per_second / 1e12;
                write!(f, "{:.1}% of {tera:.0} TFLOP/s", 100.0 * share)?;
            }
            None => write!(f, "no data sheet for {}", self.devices.join(", "))?,
        }
        let Stats { memory_bytes, copy_seconds, kernel_seconds, halved, .. } = self.stats;
        let gigabytes = memory_bytes as f64 / 1e9;
        write!(f, ", {gigabytes:.2} GB on the device; tokenizer {:.3} s, ", self.tokenizer_seconds)?;
        write!(f, "copy {copy_seconds:.3} s, kernel {kernel_seconds:.3} s, each summed over its threads or lanes")?;
        match halved {
            0 => Ok(()),
            _ => write!(f, "; out of memory {halved} times, batches were halved"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats() -> Stats {
        Stats {
            operations: 2e14,
            memory_bytes: 1_500_000_000,
            copy_seconds: 0.01,
            kernel_seconds: 0.9,
            ..Stats::default()
        }
    }

    #[test]
    fn the_share_is_operations_a_second_over_the_peak_of_all_devices() {
        let run = run_of(vec!["NVIDIA H200".into(); 2], stats(), 0.5, 0.5);
        let roofline = run.roofline.clone().unwrap();
        assert!((roofline.share - 4e14 / (2.0 * 989.5e12)).abs() < 1e-9, "{}", roofline.share);
        assert_eq!(roofline.source.matches("H200").count(), 1, "an equal source is named once");
        let json = serde_json::to_value(&run).unwrap();
        assert_eq!(json["memory_bytes"], 1_500_000_000_u64);
        assert_eq!(json["kernel_seconds"], 0.9);
        assert_eq!(json["tokenizer_seconds"], 0.5);
        assert!(run.to_string().starts_with("20.2% of 1979 TFLOP/s, 1.50 GB"), "{run}");
    }

    #[test]
    fn a_device_without_a_data_sheet_has_no_share() {
        let run = run_of(vec!["NVIDIA H200".into(), "Unheard Of".into()], Stats { halved: 2, ..stats() }, 0.0, 1.0);
        assert_eq!(run.roofline, None);
        assert!(serde_json::to_value(&run).unwrap().get("roofline").is_none());
        assert!(run.to_string().contains("halved"));
    }
}

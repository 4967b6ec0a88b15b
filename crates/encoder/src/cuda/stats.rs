//! What lanes have done so far, counted by many threads; decides nothing.

#[cfg(feature = "cuda")]
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "cuda")]
use super::weights::Shape;

/// What was done, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Stats {
    /// Batches.
    pub batches: u64,
    /// Those that replayed a recorded graph.
    pub replayed: u64,
    /// Times that a batch was halved because memory did not suffice.
    pub halved: u64,
    /// Tokens of texts.
    pub tokens: u64,
    /// Tokens computed, with those that fill buckets.
    pub padded_tokens: u64,
    /// Floating-point operations for the texts' own tokens.
    pub operations: f64,
    /// Seconds of copies there and back, by the device's clock, summed over lanes.
    pub copy_seconds: f64,
    /// Seconds from the first kernel of a batch to its last, by the device's clock, summed over lanes. Lanes that share a
    /// device wait for each other in it, so that with two it may come to twice the time that passed.
    pub kernel_seconds: f64,
    /// Bytes on devices that are held now.
    pub memory_bytes: u64,
}

impl Stats {
    /// What was done since `before`; memory as it is now.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            batches: self.batches - before.batches,
            replayed: self.replayed - before.replayed,
            halved: self.halved - before.halved,
            tokens: self.tokens - before.tokens,
            padded_tokens: self.padded_tokens - before.padded_tokens,
            operations: self.operations - before.operations,
            copy_seconds: self.copy_seconds - before.copy_seconds,
            kernel_seconds: self.kernel_seconds - before.kernel_seconds,
            memory_bytes: self.memory_bytes,
        }
    }
}

/// The counters behind [`Stats`].
#[cfg(feature = "cuda")]
#[derive(Debug, Default)]
pub(super) struct Counters {
    batches: AtomicU64,
    replayed: AtomicU64,
    halved: AtomicU64,
    tokens: AtomicU64,
    padded_tokens: AtomicU64,
    megaoperations: AtomicU64,
    copy_ns: AtomicU64,
    kernel_ns: AtomicU64,
    memory_bytes: AtomicU64,
}

#[cfg(feature = "cuda")]
impl Counters {
    pub(super) fn add_batch(&self, tokens: usize, padded: usize, shape: Shape, lengths: &[usize]) {
        let operations: f64 = lengths.iter().map(|&length| shape.operations(length)).sum();
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.tokens.fetch_add(tokens as u64, Ordering::Relaxed);
        self.padded_tokens.fetch_add(padded as u64, Ordering::Relaxed);
        self.megaoperations.fetch_add((operations / 1e6) as u64, Ordering::Relaxed);
    }

    pub(super) fn add_times(&self, copy_ms: f32, kernel_ms: f32, replayed: bool) {
        self.copy_ns.fetch_add((f64::from(copy_ms) * 1e6) as u64, Ordering::Relaxed);
        self.kernel_ns.fetch_add((f64::from(kernel_ms) * 1e6) as u64, Ordering::Relaxed);
        self.replayed.fetch_add(u64::from(replayed), Ordering::Relaxed);
    }

    pub(super) fn add_halved(&self) {
        self.halved.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_memory(&self, bytes: usize) {
        self.memory_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn take_memory(&self, bytes: usize) {
        self.memory_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            batches: count(&self.batches),
            replayed: count(&self.replayed),
            halved: count(&self.halved),
            tokens: count(&self.tokens),
            padded_tokens: count(&self.padded_tokens),
            operations: count(&self.megaoperations) as f64 * 1e6,
            copy_seconds: count(&self.copy_ns) as f64 / 1e9,
            kernel_seconds: count(&self.kernel_ns) as f64 / 1e9,
            memory_bytes: count(&self.memory_bytes),
        }
    }
}

//! A run's record in, spans and metrics by the OpenTelemetry conventions for generative AI out; knows neither engine nor terminal.
//!
//! Spans are made after the run from its events, with their recorded times, so that no run waits for an observer. All of a run is one
//! trace, whose id is the run's; each process that worked on it is one root span.

pub mod names;
mod send;
mod spans;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::workflow::journal::Found;

/// Where telemetry goes and how much it tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtelSettings {
    /// The base address of a receiver of OTLP over HTTP, such as `http://127.0.0.1:4318`; nothing is sent where none is set.
    pub endpoint: Option<String>,
    /// Whether prompts, answers, queries, passages and file names are sent too.
    pub content: bool,
    /// The name that the receiver files everything under.
    pub service_name: String,
    /// Seconds to wait for the receiver.
    pub timeout_s: f64,
}

impl Default for OtelSettings {
    fn default() -> Self {
        Self { endpoint: None, content: false, service_name: "ibid".into(), timeout_s: 5.0 }
    }
}

/// Sends what the latest process did on a run; does nothing where no endpoint is set.
///
/// # Errors
/// [`Error::Offline`](crate::error::Error::Offline) when `offline` is set and the receiver is not on this machine;
/// [`Error::Usage`](crate::error::Error::Usage) when the endpoint is no address, or the receiver cannot be reached or refuses.
pub fn export(found: &Found, settings: &OtelSettings, offline: bool) -> Result<()> {
    let Some(endpoint) = settings.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else { return Ok(()) };
    send::send(&spans::trace(found, settings.content), endpoint, settings, offline)
}

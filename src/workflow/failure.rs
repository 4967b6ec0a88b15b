//! Why a step or a run did not end as it should, in classes that retries and people can act on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ServerFault};

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// It took longer than it may.
    Timeout,
    /// A server could not be reached, or the connection broke.
    Unreachable,
    /// A server wants fewer requests.
    RateLimited,
    /// A server failed.
    ServerError,
    /// A request was refused: a wrong key, a wrong name.
    Refused,
    /// A model's answer was not in the form that was asked for.
    InvalidOutput,
    /// A tool failed or did not keep to its schema.
    Tool,
    /// An expression or a template failed on the values that it met.
    Expression,
    /// A file or an index could not be read.
    Document,
    /// A limit of the run is used up.
    Budget,
    /// Something with an effect outside may or may not have happened before a crash, and is not done again.
    Uncertain,
    /// The run was told to stop.
    Cancelled,
    /// A person said no.
    Rejected,
    /// Anything else.
    Other,
}

/// A step's failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Its class.
    pub class: FailureClass,
    /// What was attempted, on what, and what to do next where that is known.
    pub message: String,
    /// Milliseconds after which a server wants to be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether an answer had begun, so that it may have to be paid for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub had_begun: bool,
}

impl Failure {
    /// A failure of `class`.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), retry_after_ms: None, had_begun: false }
    }
}

impl From<Error> for Failure {
    /// The cause chain becomes part of the message, because a failure is kept in the record of the run.
    fn from(error: Error) -> Self {
        let class = match &error {
            Error::ServerUnreachable { .. } => FailureClass::Unreachable,
            Error::ModelServer { fault, .. } => match fault {
                ServerFault::Busy { .. } => FailureClass::RateLimited,
                ServerFault::Failed => FailureClass::ServerError,
                ServerFault::Refused => FailureClass::Refused,
                ServerFault::BrokeOff => FailureClass::Unreachable,
                ServerFault::Silent => FailureClass::Timeout,
                ServerFault::Garbled => FailureClass::InvalidOutput,
            },
            Error::Generation { .. } => FailureClass::InvalidOutput,
            Error::Tool { .. } => FailureClass::Tool,
            Error::Offline { .. } | Error::Setting { .. } | Error::ModelMissing { .. } | Error::ModelUnknown { .. } => {
                FailureClass::Refused
            }
            Error::Document { .. } | Error::IndexDamaged { .. } | Error::IndexMissing { .. } => FailureClass::Document,
            Error::Interrupted => FailureClass::Cancelled,
            _ => FailureClass::Other,
        };
        let retry_after_ms = match &error {
            Error::ModelServer { fault: ServerFault::Busy { retry_after_ms }, .. } => *retry_after_ms,
            _ => None,
        };
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            let words = inner.to_string();
            if !message.contains(&words) {
                message.push_str(": ");
                message.push_str(&words);
            }
            cause = inner.source();
        }
        let had_begun = matches!(
            &error,
            Error::ModelServer { fault: ServerFault::BrokeOff | ServerFault::Garbled, .. } | Error::Generation { .. }
        );
        Self { class, message, retry_after_ms, had_begun }
    }
}

//! `approve`: something to decide in, a person's decision out; the run stops and is stored until then.
//!
//! ```toml
//! [[step]]
//! id = "confirm"
//! kind = "approve"
//! needs = ["breaches"]
//! prompt = "Send the notice about {{ breaches.findings | length }} findings?"
//! show = "breaches.findings"
//! timeout_s = 86400
//! default = "reject"
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workflow::expression::{Expression, Template};

/// What a file says about an `approve` step. A rejection is an output too; what follows reads `approved`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// What the person is asked.
    pub prompt: Template,
    /// What the person is shown and may edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<Expression>,
    /// Seconds after which `default` is taken; 0 waits for ever.
    #[serde(default)]
    pub timeout_s: u64,
    /// What is taken when nobody decides in time.
    #[serde(default)]
    pub default: DefaultDecision,
}

/// What is decided when nobody does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DefaultDecision {
    /// Go on.
    Approve,
    /// Don't.
    #[default]
    Reject,
}

/// What an `approve` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApproveOutput {
    /// The decision.
    pub approved: bool,
    /// Who made it; `timeout` where nobody did.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// What was shown, as the person left it.
    pub value: serde_json::Value,
}

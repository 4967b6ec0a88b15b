//! `agent`: a goal and tools in, an answer out, after a bounded loop of thought, call and observation.
//!
//! ```toml
//! [[step]]
//! id = "investigate"
//! kind = "agent"
//! goal = "{{ input.question }}"
//! tools = ["search", "calculator"]
//! model = ["strong", "local"]
//! rounds_max = 6
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::generate::Sampling;
use crate::workflow::expression::Template;

/// What a file says about an `agent` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What it shall find out or do.
    pub goal: Template,
    /// Rules besides those of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Template>,
    /// Models by role, tried in this order.
    #[serde(default)]
    pub model: Vec<String>,
    /// The only tools it may call.
    pub tools: Vec<String>,
    /// Rounds of the loop.
    #[serde(default = "eight")]
    pub rounds_max: u32,
    /// Tokens that it may take in all; 0 leaves it to the run's limit.
    #[serde(default)]
    pub tokens_total_max: u64,
    /// Seconds that it may take; 0 leaves it to the run's limit.
    #[serde(default)]
    pub seconds_max: f64,
    /// How the model writes.
    #[serde(flatten)]
    pub sampling: Sampling,
}

fn eight() -> u32 {
    8
}

/// What an `agent` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentOutput {
    /// Its answer; empty when a cap ended it before.
    pub text: String,
    /// Why it ended: `answered`, `rounds`, `tokens` or `seconds`.
    pub ended_by: String,
    /// Rounds taken.
    pub rounds: u32,
    /// Its calls with what they gave.
    pub calls: Vec<AgentCall>,
    /// The hits that its searches gave, each once, as evidence for a `verify` step.
    pub hits: Vec<serde_json::Value>,
}

/// A call that an agent made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentCall {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: serde_json::Value,
    /// What it gave, or why it failed.
    pub observation: serde_json::Value,
    /// Whether it was answered from an earlier call with the same arguments.
    pub repeated: bool,
}

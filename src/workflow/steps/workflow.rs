//! `workflow`: an input in, the output of another graph out.
//!
//! ```toml
//! [[step]]
//! id = "review"
//! kind = "workflow"
//! needs = ["report"]
//! graph = "reviewer"
//! input = { report = "report.text" }
//! limits = { tokens = 5000 }
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::workflow::expression::Expression;

/// What a file says about a `workflow` step; exactly one of `graph` and `file`. The output is the graph's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubWorkflow {
    /// A `[graph.NAME]` of this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<String>,
    /// The name of a shipped workflow, or the path of a workflow file, from this file's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The graph's input.
    #[serde(default)]
    pub input: BTreeMap<String, Expression>,
    /// Limits of its own, within the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<SubLimits>,
}

/// Limits of a sub-graph; what is left out is bounded by the run's alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubLimits {
    /// Visits of steps.
    pub steps: Option<u64>,
    /// Seconds.
    pub seconds: Option<f64>,
    /// Tokens.
    pub tokens: Option<u64>,
    /// US dollars.
    pub usd: Option<f64>,
}

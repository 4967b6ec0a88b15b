//! `extract`: a text in, a JSON value that keeps to a schema out, by patterns or by a model.
//!
//! ```toml
//! [[step]]
//! id = "covenants"
//! kind = "extract"
//! from = "agreements.documents"
//! patterns = [
//!   { name = "leverage", regex = '(?i)(?<name>leverage ratio)[^.]*?(?:not exceed|at most) (?<threshold>[0-9.]+)' },
//! ]
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::generate::Sampling;
use crate::workflow::expression::{Expression, Template};

/// What a file says about an `extract` step: `patterns`, or `schema` and `prompt`, or both, the model being asked only when no
/// pattern matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// What patterns are looked for in: a text, a document, a hit, or a list of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Expression>,
    /// Patterns, in order; every match of each is one item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<Pattern>,
    /// Models by role, tried in this order.
    #[serde(default)]
    pub model: Vec<String>,
    /// The JSON Schema of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
    /// What the model is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Template>,
    /// Answers of a model that may miss the schema before the step fails; each time it is shown its error.
    #[serde(default = "two")]
    pub repairs_max: u32,
    /// How the model writes.
    #[serde(flatten)]
    pub sampling: Sampling,
}

fn two() -> u32 {
    2
}

/// A pattern with named groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Told in each item as `pattern`.
    pub name: String,
    /// A regular expression; its named groups become the item's fields.
    pub regex: String,
}

/// What an `extract` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExtractOutput {
    /// The matches, or the model's value: each match with its groups, `pattern`, and its place (`path`, `document`, `page`, `start`, `end`,
    /// `quote`) where the source has one.
    pub value: serde_json::Value,
    /// `patterns`, or the model's name.
    pub by: String,
}

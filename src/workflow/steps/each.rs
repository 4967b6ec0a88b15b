//! `each`: a list in, the outputs of a graph for every item out, several at once.
//!
//! ```toml
//! [[step]]
//! id = "findings"
//! kind = "each"
//! needs = ["plan"]
//! over = "plan.value.questions"
//! graph = "answer_one"               # [graph.answer_one] in this file
//! input = { question = "item" }
//! parallel = 4
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::workflow::expression::Expression;

/// What a file says about an `each` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Each {
    /// The list.
    pub over: Expression,
    /// A `[graph.NAME]` of this file.
    pub graph: String,
    /// The graph's input; sees `item` and `index` (from 0) besides the state.
    pub input: BTreeMap<String, Expression>,
    /// Items at work at once.
    #[serde(default = "four")]
    pub parallel: usize,
    /// Most items; a longer list is a failure.
    #[serde(default = "hundred")]
    pub items_max: usize,
    /// Whether the failure of one item fails the step; otherwise its output is `null` and its failure is told in `failures`.
    #[serde(default)]
    pub on_item_error: OnItemError,
}

fn four() -> usize {
    4
}

fn hundred() -> usize {
    100
}

/// What the failure of one item does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnItemError {
    /// The step fails.
    #[default]
    Fail,
    /// The others go on.
    Skip,
}

/// What an `each` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EachOutput {
    /// One output an item, in the order of the list.
    pub items: Vec<serde_json::Value>,
    /// The failures, with the items' indices.
    pub failures: Vec<ItemFailure>,
}

/// An item that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemFailure {
    /// Its index, from 0.
    pub index: usize,
    /// Why.
    pub message: String,
}

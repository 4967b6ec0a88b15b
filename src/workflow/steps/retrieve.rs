//! `retrieve`: one or several queries in, ranked hits out.
//!
//! ```toml
//! [[step]]
//! id = "retrieve"
//! kind = "retrieve"
//! query = "{{ input.question }}"
//! top_k = 20
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workflow::expression::{Expression, Template};

/// What a file says about a `retrieve` step; exactly one of `query` and `queries`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retrieve {
    /// The query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Template>,
    /// A list of queries; the hits of all are merged, each kept with its best score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<Expression>,
    /// A list of collection names; the default collection when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collections: Option<Expression>,
    /// Hits given at most, a number or an expression.
    #[serde(default = "top_k")]
    pub top_k: TopK,
}

/// A number, or an expression that gives one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TopK {
    /// This many.
    Number(usize),
    /// As many as this gives, such as `10 * visit`.
    Expression(Expression),
}

pub(super) fn top_k() -> TopK {
    TopK::Number(10)
}

/// What a `retrieve` or `rerank` step gives: `hits` in the form of `ibid.hits/1`, best first, each with `collection` added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HitsOutput {
    /// The queries as they were searched.
    pub queries: Vec<String>,
    /// The hits.
    pub hits: Vec<serde_json::Value>,
}

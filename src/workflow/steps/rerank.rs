//! `rerank`: hits and a query in, the hits in a better order out.
//!
//! ```toml
//! [[step]]
//! id = "rerank"
//! kind = "rerank"
//! needs = ["retrieve"]
//! query = "{{ input.question }}"
//! hits = "retrieve.hits"
//! top_k = 10
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::retrieve::{TopK, top_k};
use crate::workflow::expression::{Expression, Template};

/// What a file says about a `rerank` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rerank {
    /// What the hits shall answer.
    pub query: Template,
    /// A list of hits.
    pub hits: Expression,
    /// Hits given at most.
    #[serde(default = "top_k")]
    pub top_k: TopK,
    /// Hits of one document at most; 0 for no bound. Keeps one long document from crowding out the others.
    #[serde(default)]
    pub per_document_max: usize,
}

//! `verify`: a draft and hits in, a verdict with its evidence for every sentence out.
//!
//! ```toml
//! [[step]]
//! id = "check"
//! kind = "verify"
//! needs = ["draft"]
//! draft = "draft"
//! hits = "rerank.hits"
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workflow::expression::Expression;

/// What a file says about a `verify` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// A text, or the output of a `generate` step.
    pub draft: Expression,
    /// The hits that are the evidence.
    pub hits: Expression,
}

/// What a `verify` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyOutput {
    /// The sentences with their verdicts.
    pub claims: Vec<VerifiedClaim>,
    /// Sentences that are supported.
    pub supported: usize,
    /// The share of sentences that are supported, 0 to 1; 0 without sentences.
    pub share: f32,
}

/// A sentence with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedClaim {
    /// The sentence.
    pub text: String,
    /// `supported`, `partial`, `contradicted`, `unsupported` or `unchecked`.
    pub verdict: String,
    /// How that was decided.
    pub method: String,
    /// Calibrated probability of support, 0 to 1.
    pub score: f32,
    /// Where the evidence stands: the number of the hit, and the half-open byte span in the hit's text.
    pub evidence: Vec<EvidencePlace>,
}

/// A place in a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidencePlace {
    /// Index in the list of hits, from 0.
    pub hit: usize,
    /// First byte in the hit's text.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

//! `format`: the state in, the final form out: a text, any value, or a checked answer.
//!
//! ```toml
//! [[step]]
//! id = "answer"
//! kind = "format"
//! needs = ["check"]
//! answer = { question = "input.question", draft = "draft", check = "check", hits = "rerank.hits" }
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workflow::expression::{Expression, Template};

/// What a file says about a `format` step; exactly one of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// A text. The output is `{ "text": … }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// A value. The output is the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Expression>,
    /// A cited answer. The output is an `ibid.answer/1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerParts>,
}

/// What a cited answer is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerParts {
    /// The question.
    pub question: Expression,
    /// The output of the `generate` step.
    pub draft: Expression,
    /// The output of the `verify` step.
    pub check: Expression,
    /// The hits that were the evidence.
    pub hits: Expression,
}

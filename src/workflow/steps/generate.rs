//! `generate`: a prompt in, a model's text out; or, with the model `extractive`, the sentences of hits that answer a question.
//!
//! ```toml
//! [[step]]
//! id = "draft"
//! kind = "generate"
//! needs = ["rerank"]
//! model = ["strong", "local", "extractive"]   # tried in this order
//! question = "{{ input.question }}"
//! hits = "rerank.hits"
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workflow::event::Spent;
use crate::workflow::expression::{Expression, Template};

/// What a file says about a `generate` step. With `hits` and `question` and without `prompt`, the model is told to answer the
/// question from the hits, as `ibid ask` does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// Models by role, tried in this order; `extractive` needs no model and takes sentences of `hits`, word for word. When
    /// left out: the settings' default.
    #[serde(default)]
    pub model: Vec<String>,
    /// What the model is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Template>,
    /// The rules that the model is given before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Template>,
    /// The question that hits shall answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Template>,
    /// A list of hits to answer from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits: Option<Expression>,
    /// A check that the text must pass, over `text`; when it does not hold, the next model of the list is asked: a cascade from
    /// cheap to strong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<Expression>,
    /// How the model writes.
    #[serde(flatten)]
    pub sampling: Sampling,
}

/// How a model writes; what is left out is as the settings say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sampling {
    /// Tokens it may write.
    pub tokens_max: Option<usize>,
    /// 0 takes the likeliest token each time.
    pub temperature: Option<f64>,
    /// Decides the choice when the temperature is above 0; made from the run's seed when left out.
    pub seed: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
}

/// What a `generate` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerateOutput {
    /// The text.
    pub text: String,
    /// Who wrote it: a model's name, or `extractive`.
    pub by: String,
    /// The sentences of `text` as half-open byte spans, `[start, end]`.
    pub claims: Vec<[usize; 2]>,
    /// How likely the hits hold an answer at all, 0 to 1, where that was judged.
    pub answerable: Option<f32>,
    /// What it took.
    #[schemars(with = "serde_json::Value")]
    pub spent: Spent,
}

//! `classify`: a text in, a label out; by rules first, then by likeness to examples, then by a model.
//!
//! ```toml
//! [[step]]
//! id = "route"
//! kind = "classify"
//! text = "{{ input.question }}"
//! default = "lookup"
//! [[step.classes]]
//! label = "smalltalk"
//! when = 'text.matches("(?i)^(hi|hello|thanks)\\b")'
//! examples = ["hello", "how are you", "thank you very much"]
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workflow::expression::{Expression, Template};

/// What a file says about a `classify` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Classify {
    /// The text.
    pub text: Template,
    /// The classes; rules are tried in this order.
    pub classes: Vec<Class>,
    /// Taken when nothing else decides.
    pub default: String,
    /// Least cosine with a class's nearest example, -1 to 1.
    #[serde(default = "similarity_min")]
    pub similarity_min: f32,
    /// Models by role that decide when neither rules nor examples do; none when left out.
    #[serde(default)]
    pub model: Vec<String>,
}

fn similarity_min() -> f32 {
    0.6
}

/// A class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its name.
    pub label: String,
    /// What it is, for a model.
    #[serde(default)]
    pub description: String,
    /// Decides at once where it holds; sees `text` besides the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// Texts that belong to it.
    #[serde(default)]
    pub examples: Vec<String>,
}

/// What a `classify` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassifyOutput {
    /// The class.
    pub label: String,
    /// What decided: `rule`, `examples`, `default`, or a model's name.
    pub by: String,
    /// The cosine with the nearest example, where examples decided; else 1 for a rule and 0 for the default.
    pub score: f32,
}

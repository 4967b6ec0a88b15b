//! What a workflow file says, as types: input, limits, steps and what holds them together; runs nothing.
//!
//! # The language
//! A step runs when everything in its `needs` is settled (done or skipped) and its `when` holds. It is skipped when `when`
//! does not hold, or when it has needs and every one of them was skipped; so a branch that is not taken dies by itself and a
//! join goes on with the branches that lived. A skipped step's output is `null`. A step that failed under `on_error = "skip"` counts as
//! skipped. Where another step stands in (`on_error`), what needs the failed one waits for that step and reads its output under both ids.
//!
//! `needs` form no circle. A loop is an arrow back, `goto`: after its step is done, the first arrow whose `when` holds sends the
//! run back to an earlier step, which is visited again together with everything that depends on it. The step that is gone back to
//! says how often at most, in `visits_max`; when it is used up the arrow is ignored and the run goes on forward. A new round begins when
//! nothing of the old one is at work any more, so that what a round holds does not depend on who was faster.
//!
//! Expressions (CEL) and templates (minijinja) read `input`, the outputs of the steps that come before by their ids, `visit` (1 for the
//! first), `last` (the outputs, by step id, of the preceding round of a loop; empty in the first), and in a graph that `each` runs its `input`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expression::Expression;
use super::failure::FailureClass;
use super::steps::Kind;

/// A workflow: typed input in, the output of one step out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// What it is called in lists and records.
    pub name: String,
    /// One sentence: what it is for.
    #[serde(default)]
    pub description: String,
    /// What a run is given, by name.
    #[serde(default)]
    pub input: BTreeMap<String, InputField>,
    /// The step whose output is the run's; the last one in the file when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// For the whole run, sub-graphs included.
    #[serde(default)]
    pub limits: Limits,
    /// When the record of a run reaches the disk.
    #[serde(default)]
    pub durability: Durability,
    /// The steps; their order in the file only breaks ties.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
    /// Sub-graphs that `each` and `workflow` steps of this file name; they share the run's limits.
    #[serde(default, rename = "graph", skip_serializing_if = "BTreeMap::is_empty")]
    pub graphs: BTreeMap<String, Graph>,
}

/// A sub-graph: its own input and steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// What it is given, by name.
    #[serde(default)]
    pub input: BTreeMap<String, InputField>,
    /// The step whose output is the graph's; the last one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Its steps.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// One field of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum InputField {
    /// Only its type: the field must be given.
    Required(InputType),
    /// With more to say.
    Described(DescribedInput),
}

/// One field of the input with what may be said about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribedInput {
    /// Its type.
    #[serde(rename = "type")]
    pub input_type: InputType,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Taken when it is not given; without one, and unless it is optional, it must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// It may be left out; it is `null` then.
    #[serde(default)]
    pub optional: bool,
}

/// The type of an input field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list.
    List,
    /// An object.
    Object,
    /// Anything.
    Any,
}

/// What a run may take. Tokens and money are reserved before each call, so that no run takes more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Visits of steps, those of sub-graphs included.
    pub steps: u64,
    /// Seconds that the run is at work; waiting for a person does not count.
    pub seconds: f64,
    /// Tokens that language models read and write.
    pub tokens: u64,
    /// US dollars, by the prices in the settings.
    pub usd: f64,
    /// Steps at work at once.
    pub parallel: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 1_000, seconds: 600.0, tokens: 1_000_000, usd: 1.0, parallel: 8 }
    }
}

/// When the record of a run reaches the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Every step is committed at once and survives the end of the process; the disk is made to write at the end of the run.
    #[default]
    Run,
    /// The disk is made to write after every step, which also survives a power cut.
    Step,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its name in the graph: lower case letters, digits and `_`, beginning with a letter.
    pub id: String,
    /// Steps that must be settled before it; those whose output it reads must be among them or before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Runs only where this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// Further attempts after a failure; of no effect for `each`, `workflow` and `approve`, whose own steps have theirs.
    #[serde(default)]
    pub retry: Retry,
    /// Milliseconds one attempt may take; 0 leaves it to the run's limit.
    #[serde(default)]
    pub timeout_ms: u64,
    /// What happens when every attempt failed: `"fail"`, `"skip"`, or the id of a step whose output stands in for this one's. That
    /// step runs only then.
    #[serde(default = "fail")]
    pub on_error: String,
    /// Whether answers of models and searches are kept and used again for the same request; of a search only as long as its collection
    /// holds the same.
    #[serde(default)]
    pub cache: bool,
    /// How often the step may be visited: more than once only as the target of a `goto`.
    #[serde(default = "one", alias = "max_visits")]
    pub visits_max: u32,
    /// Arrows back, tried in order when the step is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goto: Vec<Goto>,
    /// How much of the step the trace keeps. A resumed run needs the output, which is kept in any case.
    #[serde(default)]
    pub record: Record,
    /// What it does.
    #[serde(flatten)]
    pub kind: Kind,
}

fn fail() -> String {
    "fail".into()
}

fn one() -> u32 {
    1
}

/// An arrow back to an earlier step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Goto {
    /// The step to go back to; it comes before the arrow's own step.
    pub step: String,
    /// Taken where this holds; it may read the output of the arrow's own step.
    pub when: Expression,
}

/// Further attempts after a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all.
    pub attempts: u32,
    /// Milliseconds before the second attempt; doubled each time, and moved by up to half of it at random.
    pub backoff_ms: u64,
    /// Most milliseconds between two attempts; a server that asks for more than this is not asked again.
    pub backoff_ms_max: u64,
    /// The failures that are tried again.
    pub on: Vec<FailureClass>,
}

impl Default for Retry {
    fn default() -> Self {
        use FailureClass::{RateLimited, ServerError, Timeout, Unreachable};
        Self {
            attempts: 1,
            backoff_ms: 250,
            backoff_ms_max: 30_000,
            on: vec![Timeout, Unreachable, RateLimited, ServerError],
        }
    }
}

/// How much of a step the trace keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// Everything: input, prompts, answers. A replay needs it.
    #[default]
    Full,
    /// No prompts, requests and answers; only their hashes and sizes.
    Metadata,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_read_with_the_fields_of_its_kind_and_no_others() {
        let text = r#"
            name = "two"
            input = { question = "string", deep = { type = "boolean", default = false } }
            [[step]]
            id = "find"
            kind = "retrieve"
            query = "{{ input.question }}"
            [[step]]
            id = "draft"
            kind = "generate"
            needs = ["find"]
            hits = "find.hits"
            tokens_max = 7
            goto = [{ step = "find", when = "draft.text == ''" }]
            retry = { attempts = 3 }
        "#;
        let workflow: Workflow = toml::from_str(text).unwrap();
        assert_eq!(workflow.steps[1].retry.attempts, 3);
        let Kind::Generate(generate) = &workflow.steps[1].kind else { panic!("{:?}", workflow.steps[1]) };
        assert_eq!(generate.sampling.tokens_max, Some(7));
        let again: Workflow = toml::from_str(&toml::to_string(&workflow).unwrap()).unwrap();
        assert_eq!(again, workflow);
        let wrong = toml::from_str::<Workflow>(&text.replace("hits =", "hitz =")).unwrap_err().to_string();
        assert!(wrong.contains("hitz"), "{wrong}");
        let wrong = toml::from_str::<Workflow>(&text.replace("query =", "querry =")).unwrap_err().to_string();
        assert!(wrong.contains("querry"), "{wrong}");
    }
}

//! What is written down while a run goes on: the only source from which it is resumed, shown and replayed.
//!
//! A run's state is never stored; it is what its events add up to. Each event has a number in its run, counted from 0, and the events of
//! one step visit are committed together when it ends, except `CallStarted`, which is committed before an effect outside begins, and
//! `CallEnded`, which is committed when that effect is answered, or a model in the middle of a longer visit.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::graph::Durability;

/// Where in a run something happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The frame: empty for the run's own graph, else the path of the step visits that opened it, such as `plan.1[3]`
    /// (step `plan`, visit 1, item 3) or `plan.1[3]/work.1[0]`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub frame: String,
    /// The step.
    pub step: String,
    /// Its visit, from 1.
    pub visit: u32,
}

/// How a run stands or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// At work, or its process died at work.
    Running,
    /// It waits for a person.
    Waiting,
    /// Its output is there.
    Done,
    /// A step failed and nothing caught it.
    Failed,
    /// A limit was reached; what was done is there.
    BudgetExceeded,
    /// It was told to stop; it can be resumed.
    Cancelled,
}

/// What a call took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// US dollars.
    pub usd: f64,
    /// Set where nobody said what it took, and these are the most that it may have taken.
    #[serde(skip_serializing_if = "is_false")]
    pub at_most: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form is serde's")]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form is serde's")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What kind of call a step made to the world outside the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// A language model.
    Model,
    /// A search of a collection, or another use of the index.
    Retrieval,
    /// The embedding model.
    Embedding,
    /// A tool.
    Tool,
    /// A file that was read.
    Read,
}

fn tool() -> CallKind {
    CallKind::Tool
}

/// A call as it was made and answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Its number in its step visit, from 0.
    pub index: u32,
    /// What was called.
    pub kind: CallKind,
    /// The model, collection, tool or path.
    pub name: String,
    /// What was asked: the rendered prompt with its parameters and seed, the query, the arguments.
    pub request: Value,
    /// What came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
    /// Why nothing came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The attempt of the step that made it, from 1.
    pub attempt: u32,
    /// Whether the answer came from the cache.
    #[serde(default)]
    pub cached: bool,
    /// Whether it was made before the run was resumed, by a visit that was cut off and has an event of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub kept: bool,
    /// What it took.
    #[serde(default)]
    pub spent: Spent,
    /// Microseconds since the run began.
    pub start_us: u64,
    /// Microseconds it took.
    pub took_us: u64,
}

/// How a step visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With an output.
    Done,
    /// Not run, because its `when` did not hold or no branch leads to it.
    Skipped,
    /// It failed and `on_error = "skip"` let the run go on.
    FailedSkipped,
    /// It failed and the step named in `on_error` stands in.
    FellBack,
    /// It failed and ended the run.
    Failed,
    /// It was at work when the run stopped or ended; a resumed run visits it again, and answers the calls that it made from the record.
    CutOff,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    RunStarted {
        /// The workflow file's text, so that a resume or replay needs nothing else.
        workflow: String,
        /// Its input, defaults filled in.
        input: Value,
        /// Decides every random choice of the run.
        seed: u64,
        /// When its record reaches the disk.
        #[serde(default)]
        durability: Durability,
        /// When, RFC 3339.
        at: String,
        /// How many of the events that follow are taken over from another run, which this one goes on from.
        #[serde(default, skip_serializing_if = "is_zero")]
        kept: usize,
    },
    /// A call is about to be made that has an effect outside or may cost something; committed before it is.
    CallStarted {
        /// Which step makes it.
        #[serde(flatten)]
        place: Place,
        /// Its number among the calls of its attempt, from 0.
        number: u32,
        /// The tool.
        name: String,
        /// What is asked of it.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        request: Value,
        /// Sent along, so that the other side can tell a repetition.
        idempotency_key: String,
        /// What kind of call; those with an effect outside are of tools.
        #[serde(default = "tool")]
        kind: CallKind,
        /// The most that it may take, which counts where nobody is left to say what it took.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        most: Option<Spent>,
    },
    /// A call was answered whose answer must outlive the process before its visit ends: it had an effect outside, or it cost something
    /// and the visit goes on.
    CallEnded {
        /// Which step made it.
        #[serde(flatten)]
        place: Place,
        /// Its number among the calls of its attempt, as in `CallStarted`.
        number: u32,
        /// What was asked and answered.
        call: CallRecord,
    },
    /// The graphs that a step runs have begun.
    Opened {
        /// The `each` or `workflow` step.
        #[serde(flatten)]
        place: Place,
        /// The input of each, in order.
        inputs: Vec<Value>,
        /// Microseconds since the run began.
        start_us: u64,
    },
    /// A step visit ended; everything that it did, at once.
    StepEnded {
        /// Which step.
        #[serde(flatten)]
        place: Place,
        /// How.
        outcome: Outcome,
        /// What later steps read; `null` unless done.
        output: Value,
        /// The step's settings as rendered for this visit, such as the query or the prompt.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        input: Value,
        /// Its calls in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<CallRecord>,
        /// Notes of the step itself, such as the thoughts of an agent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<Value>,
        /// Where its arrow back leads, when one was chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_to: Option<String>,
        /// Failures of its attempts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failures: Vec<Failure>,
        /// Attempts made.
        attempts: u32,
        /// Microseconds since the run began.
        start_us: u64,
        /// Microseconds it took, waiting between attempts included.
        took_us: u64,
    },
    /// The arrow back of a step was taken.
    WentBack {
        /// The step whose arrow it is.
        #[serde(flatten)]
        place: Place,
        /// The step that is visited again, with all that depends on it.
        to: String,
    },
    /// The run stopped to wait for a person.
    Paused {
        /// The `approve` step.
        #[serde(flatten)]
        place: Place,
        /// What the person is asked.
        prompt: String,
        /// What the person is shown, and may edit.
        shown: Value,
        /// When the decision is made without one, RFC 3339.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<String>,
    },
    /// The run went on in this or another process.
    Resumed {
        /// When, RFC 3339.
        at: String,
        /// What a person decided, where the run waited for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<Decision>,
        /// The step that waited for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decided: Option<Place>,
    },
    /// The run ended, or stopped so that it can be resumed.
    RunEnded {
        /// How.
        status: RunStatus,
        /// Its output, or the outputs so far by step id where it ended early.
        output: Value,
        /// Why, unless it is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// Microseconds since it began, waiting for people left out.
        took_us: u64,
    },
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the run may go on.
    pub approved: bool,
    /// Who decided; `timeout` where nobody did.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// What was shown, as the person changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Value>,
}

/// What is kept of content that is not: its hash and size.
pub(super) fn sketch(value: &Value) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    let text = value.to_string();
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "sha256": hash, "bytes": text.len() })
}

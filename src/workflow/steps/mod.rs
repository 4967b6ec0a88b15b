//! The kinds of steps, a closed set: one room each with what a file says about it, what it gives, and how it runs.

pub mod agent;
pub mod approve;
mod asking;
pub mod classify;
pub mod compute;
pub mod each;
pub mod extract;
pub mod format;
pub mod generate;
mod passages;
pub mod read;
pub mod rerank;
pub mod retrieve;
pub mod rules;
pub mod tool;
pub mod verify;
pub mod workflow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::context::StepContext;
use super::failure::{Failure, FailureClass};

/// What a step does, with what the file says about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Reads files into the state.
    Read(read::Read),
    /// Searches collections.
    Retrieve(retrieve::Retrieve),
    /// Orders hits anew.
    Rerank(rerank::Rerank),
    /// Has a language model, or the extractive drafter, write a text.
    Generate(generate::Generate),
    /// Draws values of a given shape from a text.
    Extract(extract::Extract),
    /// Puts a text into one of several classes.
    Classify(classify::Classify),
    /// Checks every sentence of a draft against evidence.
    Verify(verify::Verify),
    /// Looks at facts by a table of named rules.
    Rules(rules::Rules),
    /// Computes values.
    Compute(compute::Compute),
    /// Calls a tool.
    Tool(tool::CallTool),
    /// Lets a model reason and call tools until it has an answer.
    Agent(agent::Agent),
    /// Asks a person.
    Approve(approve::Approve),
    /// Runs a graph for each item of a list.
    Each(each::Each),
    /// Runs a graph.
    Workflow(workflow::SubWorkflow),
    /// Makes the final form.
    Format(format::Format),
}

impl Kind {
    /// Runs the step once and gives its output.
    ///
    /// # Errors
    /// What its kind reports. `each`, `workflow` and `approve` open frames or pause the run, which only the engine can do:
    /// asked here they fail.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        match self {
            Self::Read(step) => step.run(cx),
            Self::Retrieve(step) => step.run(cx),
            Self::Rerank(step) => step.run(cx),
            Self::Generate(step) => step.run(cx),
            Self::Extract(step) => step.run(cx),
            Self::Classify(step) => step.run(cx),
            Self::Verify(step) => step.run(cx),
            Self::Rules(step) => step.run(cx),
            Self::Compute(step) => step.run(cx),
            Self::Tool(step) => step.run(cx),
            Self::Agent(step) => step.run(cx),
            Self::Format(step) => step.run(cx),
            Self::Approve(_) | Self::Each(_) | Self::Workflow(_) => {
                Err(Failure::new(FailureClass::Other, "this kind of step is run by the engine itself"))
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

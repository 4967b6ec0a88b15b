//! What the steps of a question do: how its model is told, how a draft is made and checked, how an answer is composed; the workflow `ask`
//! puts them in order.

pub mod compose;
mod conflicts;
pub mod draft;
mod edition;
pub mod parts;
pub mod prompt;
pub mod telling;
pub mod unread;

use serde::{Deserialize, Serialize};

use crate::cite::draft::DraftSettings;

/// Who drafts where the command line does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drafting {
    /// The supporting sentences themselves: exact, instant, never invented.
    #[default]
    Extractive,
    /// The language model of the settings.
    Model,
}

/// How questions are answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AskSettings {
    /// Passages that the answer is drawn from and checked against.
    pub passages: usize,
    /// Who drafts.
    pub draft: Drafting,
    /// How sentences are chosen without a language model.
    pub extract: DraftSettings,
    /// Citations for one sentence at most.
    pub citations_max: usize,
    /// Whether sentences that nothing supports stay in the answer, marked.
    pub keep_unsupported: bool,
    /// Below this probability that it answers the question, a draft is no answer, 0 to 1.
    pub answers_min: f32,
    /// Passages that are shown at most where the documents do not hold the answer.
    pub nearest_max: usize,
}

impl Default for AskSettings {
    fn default() -> Self {
        Self {
            passages: 10,
            draft: Drafting::Extractive,
            extract: DraftSettings::default(),
            citations_max: 3,
            keep_unsupported: false,
            answers_min: 0.25,
            nearest_max: 3,
        }
    }
}

/// The name of the check in answers.
pub const VERIFIER: &str = "structure/1";
/// The name of the drafter that takes sentences of the passages themselves.
pub const EXTRACTIVE: &str = "extractive";

#[cfg(test)]
mod tests {
    use crate::answer::{Hit, Scores};

    /// A passage of the file `path` whose text begins at byte `start`.
    pub(super) fn hit(path: &str, start: usize, text: &str) -> Hit {
        Hit {
            chunk: uuid::Uuid::nil(),
            rank: 1,
            score: 1.0,
            path: path.into(),
            document: "hash".into(),
            page: Some(2),
            start,
            end: start + text.len(),
            heading: vec![],
            text: text.into(),
            title: None,
            tables: vec![],
            scores: Scores::default(),
        }
    }
}

//! `spelling`: a question in, the same with its misspelt words put right by the words of a collection out.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Asked, Tool};
use crate::collections::{Collections, DEFAULT};
use crate::error::Result;

/// Putting misspelt words right as a tool.
#[derive(Debug)]
pub struct Spelling {
    collections: Arc<Collections>,
}

impl Spelling {
    /// By the words of these.
    #[must_use]
    pub fn new(collections: Arc<Collections>) -> Self {
        Self { collections }
    }
}

impl Tool for Spelling {
    fn name(&self) -> &'static str {
        "spelling"
    }

    fn description(&self) -> String {
        "Puts the misspelt words of a question right by the words of the indexed documents. Gives the text to look for, and that text again as \
         `corrected` where it differs from the question."
            .into()
    }

    fn parameters(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "question": { "type": "string", "description": "The question" },
                "collection": { "type": "string", "description": "By whose words; those of the default collection when left out" },
            },
            "required": ["question"],
            "additionalProperties": false,
        })
    }

    fn result(&self) -> Value {
        json!({
            "type": "object",
            "properties": { "text": { "type": "string" }, "corrected": { "type": ["string", "null"] } },
            "required": ["text", "corrected"],
        })
    }

    fn run(&self, asked: &Asked<'_>) -> Result<Value> {
        let question = asked.arguments["question"].as_str().unwrap_or_default();
        let collection = asked.arguments["collection"].as_str().unwrap_or(DEFAULT);
        let corrected = self.collections.with(collection, |searcher| searcher.corrected(question))?;
        Ok(json!({ "text": corrected.as_deref().unwrap_or(question), "corrected": corrected }))
    }
}

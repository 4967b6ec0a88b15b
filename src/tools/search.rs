//! `search`: a query in, the passages of a collection that fit it best out.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Asked, Tool};
use crate::collections::{Collections, DEFAULT};
use crate::error::Result;

/// Passages given where nothing else is asked.
const TOP_K: u64 = 5;
/// Passages given at most.
const TOP_K_MAX: u64 = 50;
/// Characters of a query.
const QUERY_CHARS_MAX: usize = 2_000;

/// Searching collections as a tool.
#[derive(Debug)]
pub struct Search {
    collections: Arc<Collections>,
}

impl Search {
    /// Searches these.
    #[must_use]
    pub fn new(collections: Arc<Collections>) -> Self {
        Self { collections }
    }
}

impl Tool for Search {
    fn name(&self) -> &'static str {
        "search"
    }

    fn description(&self) -> String {
        let names = self.collections.names();
        let names = if names.is_empty() { DEFAULT.to_string() } else { names.join(", ") };
        format!("Finds the passages of the indexed documents that fit a query best. Collections: {names}.")
    }

    fn parameters(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "description": "What to look for", "minLength": 1, "maxLength": QUERY_CHARS_MAX },
                "collection": { "type": "string", "description": "Where to look; the default collection when left out" },
                "top_k": { "type": "integer", "description": "Passages wanted", "minimum": 1, "maximum": TOP_K_MAX },
            },
            "required": ["query"],
            "additionalProperties": false,
        })
    }

    fn result(&self) -> Value {
        json!({
            "type": "object",
            "properties": { "hits": { "type": "array", "items": { "type": "object", "required": ["path", "text", "start", "end"] } } },
            "required": ["hits"],
        })
    }

    fn run(&self, asked: &Asked<'_>) -> Result<Value> {
        let query = asked.arguments["query"].as_str().unwrap_or_default();
        let collection = asked.arguments["collection"].as_str().unwrap_or(DEFAULT);
        let top_k = asked.arguments["top_k"].as_u64().unwrap_or(TOP_K).min(TOP_K_MAX);
        let found = self.collections.with(collection, |searcher| searcher.search(query, top_k as usize))?;
        let hits: Vec<Value> = found
            .hits
            .iter()
            .map(|hit| {
                let mut hit = json!(hit);
                hit["collection"] = json!(collection);
                hit
            })
            .collect();
        Ok(json!({ "hits": hits }))
    }
}

//! `calculator`: a formula in, its exact result out, as a tool; see [`crate::arithmetic`].

use std::collections::BTreeMap;

use serde_json::json;

use super::{Asked, Tool};
use crate::arithmetic::{CHARS_MAX, FUNCTIONS, decimal_text, evaluate};
use crate::error::{Error, Result};

/// The calculator as a tool.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calculator;

impl Tool for Calculator {
    fn name(&self) -> &'static str {
        "calculator"
    }

    fn description(&self) -> String {
        format!(
            "Computes a formula exactly. Numbers may have thousands separators, scales (k, million, bn), % and bps, currencies \
             and dates: `12.5% of $1,250.5 million`, `2024-01-31 + 3 months`, `days(2024-01-01, 2024-03-31)`. Operators: + - * / \
             ^ of. Functions: {FUNCTIONS}."
        )
    }

    fn parameters(&self) -> serde_json::Value {
        json!({
            "type": "object",
            "properties": {
                "expression": { "type": "string", "description": "The formula", "maxLength": CHARS_MAX },
            },
            "required": ["expression"],
            "additionalProperties": false,
        })
    }

    fn result(&self) -> serde_json::Value {
        json!({
            "type": "object",
            "properties": { "value": { "type": "string" }, "unit": { "type": "string" }, "text": { "type": "string" } },
            "required": ["value", "unit", "text"],
        })
    }

    fn run(&self, asked: &Asked<'_>) -> Result<serde_json::Value> {
        let expression = asked.arguments["expression"].as_str().unwrap_or_default();
        let value = evaluate(expression, &BTreeMap::new())
            .map_err(|reason| Error::Tool { tool: "calculator".into(), reason: format!("`{expression}`: {reason}") })?;
        Ok(json!({ "value": decimal_text(value), "unit": value.unit(), "text": value.to_string() }))
    }
}

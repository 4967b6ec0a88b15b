//! Values of the state in, passages with their collection out, and back; the form is that of `ibid.hits/1`.

use serde_json::{Map, Value, json};

use super::read::ReadPage;
use crate::answer::Hit;
use crate::collections::DEFAULT;
use crate::workflow::failure::{Failure, FailureClass};

/// A hit and where it was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passage {
    pub(super) hit: Hit,
    pub(super) collection: String,
    /// The query that found it, where the hit says so.
    pub(super) query: Option<String>,
    /// Where the pages of a document that was read whole lie in its text.
    pub(super) pages: Vec<ReadPage>,
}

/// The passages of a list of hits, an output that holds `hits`, or a list of documents; `what` names it in failures.
///
/// # Errors
/// [`FailureClass::Expression`] when it is something else.
pub(super) fn passages(value: &Value, what: &str) -> Result<Vec<Passage>, Failure> {
    let wrong =
        |reason: String| Failure::new(FailureClass::Expression, format!("`{what}` is no list of hits: {reason}"));
    let list = match value {
        Value::Null => return Ok(vec![]),
        Value::Array(list) => list,
        Value::Object(object) => match (object.get("hits"), object.get("documents")) {
            (Some(Value::Array(list)), _) | (_, Some(Value::Array(list))) => list,
            _ => return Err(wrong("it is an object without `hits`".into())),
        },
        other => return Err(wrong(format!("it is {}", kind(other)))),
    };
    let read = |(at, value): (usize, &Value)| passage(value, at).map_err(|reason| wrong(format!("item {at} {reason}")));
    list.iter().enumerate().map(read).collect()
}

fn passage(value: &Value, at: usize) -> Result<Passage, String> {
    let Value::Object(given) = value else { return Err(format!("is {}", kind(value))) };
    let text = given.get("text").and_then(Value::as_str).ok_or("has no `text`")?;
    let start = given.get("start").and_then(Value::as_u64).unwrap_or(0);
    // A document that was read is a passage as a whole; what only an index knows is left empty.
    let mut whole: Map<String, Value> = Map::new();
    let defaults = json!({
        "chunk": uuid::Uuid::nil(), "rank": at + 1, "score": 1.0, "path": "", "document": "", "page": null, "start": start,
        "end": start + text.len() as u64, "heading": [], "title": null, "scores": { "fused": 0.0 },
    });
    if let Value::Object(defaults) = defaults {
        whole.extend(defaults);
    }
    whole.extend(given.clone());
    let hit = serde_json::from_value(Value::Object(whole)).map_err(|error| format!("is no hit ({error})"))?;
    let named = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_string);
    let pages: Option<Vec<ReadPage>> = given.get("pages").and_then(|pages| serde_json::from_value(pages.clone()).ok());
    let collection = named("collection").unwrap_or_else(|| DEFAULT.into());
    Ok(Passage { hit, collection, query: named("query"), pages: pages.unwrap_or_default() })
}

impl Passage {
    /// The hit with its collection, and the query where there is one.
    pub(super) fn value(&self) -> Value {
        let mut value = json!(self.hit);
        value["collection"] = json!(self.collection);
        if let Some(query) = &self.query {
            value["query"] = json!(query);
        }
        if !self.pages.is_empty() {
            value["pages"] = json!(self.pages);
        }
        value
    }

    /// Tells a passage from every other.
    pub(super) fn key(&self) -> (String, String, usize, usize) {
        (self.collection.clone(), self.hit.path.clone(), self.hit.start, self.hit.end)
    }
}

/// The number of the page on which the byte `at` of a document's text lies.
pub(super) fn page_at(pages: &[ReadPage], at: usize) -> Option<u32> {
    pages.iter().take_while(|page| page.start <= at).last().map(|page| page.number)
}

/// What kind of value it is, with its article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The truth of a condition.
///
/// # Errors
/// [`FailureClass::Expression`] when it is no boolean.
pub(super) fn truth(value: &Value, what: &str) -> Result<bool, Failure> {
    value.as_bool().ok_or_else(|| {
        let message = format!("the condition `{what}` gave {}, not true or false", kind(value));
        Failure::new(FailureClass::Expression, message)
    })
}

/// A list of texts, or one text.
///
/// # Errors
/// [`FailureClass::Expression`] when it is neither.
pub(super) fn texts(value: &Value, what: &str) -> Result<Vec<String>, Failure> {
    let wrong = || {
        Failure::new(
            FailureClass::Expression,
            format!("`{what}` must give a text or a list of texts, not {}", kind(value)),
        )
    };
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(list) => list.iter().map(|item| item.as_str().map(str::to_string).ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

/// A value as the output of a step.
///
/// # Panics
/// Never: outputs are plain data.
pub(super) fn output(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("an output is plain data")
}

/// A response in its own type again; it may come from a record.
///
/// # Errors
/// [`FailureClass::Other`] when the record holds something else.
pub(super) fn recorded<T: serde::de::DeserializeOwned>(value: Value, what: &str) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::new(FailureClass::Other, format!("the recorded answer of {what} cannot be read: {error}"))
    })
}

//! What a graph says about its input and what it is given, in; the input as one object with defaults filled in, out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::failure::{Failure, FailureClass};
use super::graph::{DescribedInput, InputField, InputType};

impl InputField {
    /// What is said about the field.
    pub fn described(&self) -> DescribedInput {
        match self {
            Self::Required(input_type) => {
                DescribedInput { input_type: *input_type, description: String::new(), default: None, optional: false }
            }
            Self::Described(described) => described.clone(),
        }
    }
}

impl InputType {
    /// Whether `value` is of this type.
    pub fn takes(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Any => true,
        }
    }

    /// Its name in a workflow file.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Object => "object",
            Self::Any => "any",
        }
    }

    /// The value that a text from a command line stands for: the text itself where one is asked for, else JSON; where anything
    /// goes, JSON if it is JSON.
    ///
    /// # Errors
    /// Why it is no value of this type.
    pub fn read(self, text: &str) -> Result<Value, String> {
        let parsed = serde_json::from_str::<Value>(text);
        match (self, parsed) {
            (Self::String, _) => Ok(Value::String(text.into())),
            (Self::Any, parsed) => Ok(parsed.unwrap_or_else(|_| Value::String(text.into()))),
            (_, Ok(value)) if self.takes(&value) => Ok(value),
            (_, Ok(value)) => Err(format!("`{value}` is no {}", self.name())),
            (_, Err(error)) => Err(format!("`{text}` is no JSON {}: {error}", self.name())),
        }
    }
}

/// The input of a graph: what is given, checked, with defaults for what is left out.
///
/// # Errors
/// Names what is missing, unknown or of another type.
pub fn bind(fields: &BTreeMap<String, InputField>, mut given: Map<String, Value>) -> Result<Value, Failure> {
    let wrong = |message: String| Failure::new(FailureClass::Refused, message);
    let mut input = Map::with_capacity(fields.len());
    for (name, field) in fields {
        let field = field.described();
        let value = match given.shift_remove(name) {
            Some(Value::Null) if field.optional => Value::Null,
            Some(value) => value,
            None => match field.default {
                Some(default) => default,
                None if field.optional => Value::Null,
                None => {
                    let what = field.input_type.name();
                    return Err(wrong(format!(
                        "the input `{name}` ({what}) is missing; give it with --input {name}=…"
                    )));
                }
            },
        };
        let may_be = field.input_type.takes(&value) || (value.is_null() && field.optional);
        if !may_be {
            let words: String = value.to_string().chars().take(80).collect();
            return Err(wrong(format!("the input `{name}` must be of type {}, not {words}", field.input_type.name())));
        }
        input.insert(name.clone(), value);
    }
    if let Some((name, _)) = given.iter().next() {
        let known: Vec<&str> = fields.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        return Err(wrong(format!("there is no input `{name}`; there are: {known}")));
    }
    Ok(Value::Object(input))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn input_is_checked_and_completed() {
        let fields: BTreeMap<String, InputField> = serde_json::from_value(json!({
            "question": "string",
            "count": { "type": "integer", "default": 3 },
            "extra": { "type": "list", "optional": true },
        }))
        .unwrap();
        let bound = bind(&fields, given(&json!({ "question": "q" }))).unwrap();
        assert_eq!(bound, json!({ "count": 3, "extra": null, "question": "q" }));
        for (wrong, words) in [
            (json!({}), "`question` (string) is missing"),
            (json!({ "question": 1 }), "must be of type string, not 1"),
            (json!({ "question": "q", "count": 1.5 }), "type integer"),
            (json!({ "question": "q", "question2": "q" }), "no input `question2`; there are: count, extra, question"),
        ] {
            let failure = bind(&fields, given(&wrong)).unwrap_err();
            assert!(failure.message.contains(words), "{failure}");
        }
    }

    #[test]
    fn a_text_is_read_by_the_type_that_is_asked_for() {
        assert_eq!(InputType::String.read("12"), Ok(json!("12")));
        assert_eq!(InputType::Integer.read("12"), Ok(json!(12)));
        assert_eq!(InputType::Any.read("[1]"), Ok(json!([1])));
        assert_eq!(InputType::Any.read("one"), Ok(json!("one")));
        assert!(InputType::Integer.read("1.5").is_err() && InputType::List.read("a, b").is_err());
    }
}

//! What steps and inputs give, as JSON Schemas, and whether a path leads to something in them.

use serde_json::{Map, Value, json};

use super::{Graph, type_of};
use crate::workflow::expression::ValueKind;
use crate::workflow::graph::{InputField, InputType, Step, Workflow};
use crate::workflow::schema;
use crate::workflow::steps::Kind;

/// Graphs within graphs that are looked into.
const DEPTH_MAX: usize = 8;

/// A type with the definitions that it refers to.
#[derive(Debug, Clone)]
pub(super) struct Type {
    root: Value,
    schema: Value,
}

/// Why a path leads nowhere.
#[derive(Debug)]
pub(super) struct Lost {
    /// How many names of the path lead to something.
    pub(super) reached: usize,
    /// The fields that there are in place of the next name; none where what was reached is no object.
    pub(super) fields: Vec<String>,
    /// What was reached, in words.
    pub(super) found: &'static str,
}

impl Type {
    fn new(schema: Value) -> Self {
        Self { root: schema.clone(), schema }
    }

    pub(super) fn any() -> Self {
        Self::new(Value::Bool(true))
    }

    fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Self {
        let properties: Map<String, Value> = fields.into_iter().collect();
        Self::new(json!({ "type": "object", "properties": properties, "additionalProperties": false }))
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/")) {
            Some(pointer) => self.root.pointer(&format!("/{pointer}")).unwrap_or(&Value::Null),
            None => schema,
        }
    }

    /// What a path leads to, or how far it leads.
    pub(super) fn at(&self, path: &[String]) -> Result<Type, Lost> {
        self.walk(&self.schema, path, 0).map(|schema| Type { root: self.root.clone(), schema })
    }

    fn walk(&self, schema: &Value, path: &[String], reached: usize) -> Result<Value, Lost> {
        let schema = self.resolved(schema);
        let Some(name) = path.first() else { return Ok(schema.clone()) };
        if let Some(variants) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            let mut lost = None;
            for variant in variants.iter().filter(|variant| variant["type"] != "null") {
                match self.walk(variant, path, reached) {
                    Ok(found) => return Ok(found),
                    Err(error) => lost = Some(error),
                }
            }
            return lost.map_or(Ok(Value::Bool(true)), Err);
        }
        let types = types(schema);
        if let Some(properties) = schema["properties"].as_object() {
            if let Some(field) = properties.get(name) {
                return self.walk(field, &path[1..], reached + 1);
            }
            return match &schema["additionalProperties"] {
                Value::Null | Value::Bool(false) => {
                    Err(Lost { reached, fields: properties.keys().cloned().collect(), found: "an object" })
                }
                Value::Bool(true) => Ok(Value::Bool(true)),
                other => self.walk(other, &path[1..], reached + 1),
            };
        }
        if schema["additionalProperties"].is_object() {
            return self.walk(&schema["additionalProperties"], &path[1..], reached + 1);
        }
        if types.is_empty() || types.contains(&"object") {
            return Ok(Value::Bool(true));
        }
        if types.contains(&"array") && name.parse::<usize>().is_ok() {
            return self.walk(&schema["items"], &path[1..], reached + 1);
        }
        Err(Lost { reached, fields: Vec::new(), found: in_words(types[0]) })
    }

    /// What it surely is.
    pub(super) fn kind(&self) -> Option<ValueKind> {
        kind_of(self.resolved(&self.schema))
    }
}

/// What a value of a schema surely is.
pub(super) fn kind_of(schema: &Value) -> Option<ValueKind> {
    let [name] = types(schema)[..] else { return None };
    match name {
        "string" => Some(ValueKind::Text),
        "integer" | "number" => Some(ValueKind::Number),
        "boolean" => Some(ValueKind::Boolean),
        "array" => Some(ValueKind::List),
        "object" => Some(ValueKind::Object),
        _ => None,
    }
}

/// What an input surely wants.
pub(super) fn kind_of_input(field: &InputField) -> Option<ValueKind> {
    kind_of(&field_schema(field))
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn in_words(name: &str) -> &'static str {
    match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        _ => "null",
    }
}

/// What a run or a graph is given.
pub(super) fn input(graph: &Graph<'_>) -> Type {
    Type::object(graph.input.iter().map(|(name, field)| (name.clone(), field_schema(field))))
}

fn field_schema(field: &InputField) -> Value {
    let name = match type_of(field) {
        InputType::String => "string",
        InputType::Integer => "integer",
        InputType::Number => "number",
        InputType::Boolean => "boolean",
        InputType::List => "array",
        InputType::Object => "object",
        InputType::Any => return Value::Bool(true),
    };
    let optional =
        matches!(field, InputField::Described(described) if described.optional && described.default.is_none());
    if optional { json!({ "type": [name, "null"] }) } else { json!({ "type": name }) }
}

/// What a step gives.
pub(super) fn output(workflow: &Workflow, step: &Step) -> Type {
    output_within(workflow, step, 0)
}

fn output_within(workflow: &Workflow, step: &Step, depth: usize) -> Type {
    let name = super::kinds::name(&step.kind);
    match &step.kind {
        Kind::Compute(compute) => {
            let exact = compute.exact.keys().flat_map(|name| {
                [(name.clone(), json!({ "type": "string" })), (format!("{name}_number"), json!({ "type": "number" }))]
            });
            Type::object(compute.values.keys().map(|name| (name.clone(), Value::Bool(true))).chain(exact))
        }
        Kind::Format(format) if format.template.is_some() => {
            Type::object([("text".into(), json!({ "type": "string" }))])
        }
        Kind::Format(format) if format.answer.is_some() => Type::object(
            ["schema", "question", "status", "text", "claims", "run", "models", "usage", "took_ms"]
                .map(|name| (name.to_string(), Value::Bool(true))),
        ),
        Kind::Extract(extract) => {
            let mut schema = schema::output(name).unwrap_or_default();
            if let (Some(value), true) = (&extract.schema, extract.patterns.is_empty())
                && value.get("$ref").is_none()
                && value.get("$defs").is_none()
            {
                schema["properties"]["value"] = value.clone();
            } else if extract.schema.is_none() {
                schema["properties"]["value"] = json!({ "type": "array" });
            }
            Type::new(schema)
        }
        Kind::Workflow(sub) => {
            let graph = sub.graph.as_ref().and_then(|name| workflow.graphs.get(name));
            let last = graph.and_then(|graph| match &graph.output {
                Some(id) => graph.steps.iter().find(|step| step.id == *id),
                None => graph.steps.last(),
            });
            match last {
                Some(last) if depth < DEPTH_MAX => output_within(workflow, last, depth + 1),
                _ => Type::any(),
            }
        }
        _ => schema::output(name).map_or_else(Type::any, Type::new),
    }
}

/// Whether a value is of an input's type.
pub(super) fn is_of(value: &Value, input_type: InputType) -> bool {
    match input_type {
        InputType::String => value.is_string(),
        InputType::Integer => value.is_i64() || value.is_u64(),
        InputType::Number => value.is_number(),
        InputType::Boolean => value.is_boolean(),
        InputType::List => value.is_array(),
        InputType::Object => value.is_object(),
        InputType::Any => true,
    }
}

pub(super) fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn named(input_type: InputType) -> &'static str {
    match input_type {
        InputType::String => "a text",
        InputType::Integer => "a whole number",
        InputType::Number => "a number",
        InputType::Boolean => "true or false",
        InputType::List => "a list",
        InputType::Object => "an object",
        InputType::Any => "anything",
    }
}

//! The JSON Schema of workflow files, made from the types, for editors and for the check of a file's shape; and the schemas of what steps give.

use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value, json};

use super::graph::Workflow;
use super::steps::{agent, approve, classify, each, extract, generate, read, retrieve, rules, verify};

/// The JSON Schema of a workflow file.
///
/// The derived schema of a step has its kind beside its other fields, each part closed against the fields of the other; an editor would
/// refuse every step. Here each kind is one closed object with all its fields.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schema_for!(Workflow).to_value();
    schema["$id"] = json!("ibid.workflow/1");
    schema["title"] = json!("ibid workflow");
    let step = schema["$defs"]["Step"].take();
    let kinds = step["oneOf"].as_array().cloned().unwrap_or_default();
    let variants: Vec<Value> = kinds.iter().map(|kind| merged(&step, kind)).collect();
    schema["$defs"]["Step"] = json!({ "description": step["description"], "oneOf": variants });
    schema
}

/// The step fields and the settings of one kind as one object.
fn merged(step: &Value, kind: &Value) -> Value {
    let mut properties = Map::new();
    for part in [step, kind] {
        for (field, schema) in part["properties"].as_object().into_iter().flatten() {
            properties.insert(field.clone(), schema.clone());
        }
    }
    let mut visits = properties["visits_max"].clone();
    visits["description"] = json!("Another name of `visits_max`.");
    properties.insert("max_visits".into(), visits);
    let required: Vec<&Value> = [step, kind].iter().filter_map(|part| part["required"].as_array()).flatten().collect();
    json!({
        "title": kind["properties"]["kind"]["const"],
        "description": kind["description"],
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The schema of what a step of this kind gives; `None` where that depends on the step.
pub(super) fn output(kind: &str) -> Option<Value> {
    fn of<T: JsonSchema>() -> Value {
        schema_for!(T).to_value()
    }
    let schema = match kind {
        "read" => of::<read::ReadOutput>(),
        "retrieve" | "rerank" => of::<retrieve::HitsOutput>(),
        "generate" => of::<generate::GenerateOutput>(),
        "extract" => of::<extract::ExtractOutput>(),
        "classify" => of::<classify::ClassifyOutput>(),
        "verify" => of::<verify::VerifyOutput>(),
        "rules" => of::<rules::RulesOutput>(),
        "agent" => of::<agent::AgentOutput>(),
        "approve" => of::<approve::ApproveOutput>(),
        "each" => of::<each::EachOutput>(),
        _ => return None,
    };
    Some(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_one_closed_object() {
        let schema = schema();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let good = json!({ "name": "a", "step": [
            { "id": "a", "kind": "retrieve", "query": "q", "max_visits": 2 },
            { "id": "b", "kind": "generate", "needs": ["a"], "prompt": "x", "tokens_max": 7 },
        ] });
        assert!(validator.is_valid(&good));
        let mut bad = good.clone();
        bad["step"][0]["prompt"] = json!("x");
        assert!(!validator.is_valid(&bad), "a field of another kind");
        assert_eq!(schema["$defs"]["Step"]["oneOf"].as_array().unwrap().len(), 15);
    }

    #[test]
    fn the_schema_in_the_repository_is_that_of_the_types() {
        let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/workflow.schema.json"))
            .unwrap_or_default();
        let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        assert!(
            kept == made,
            "schemas/workflow.schema.json is stale; write it with: ibid workflow schema > schemas/workflow.schema.json"
        );
    }
}

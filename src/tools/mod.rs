//! Tools that a workflow or a model may call: arguments checked against a schema in, a bounded result out; knows no workflow.

pub mod calculator;
pub mod figures;
pub mod search;
pub mod spelling;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolEffect {
    /// Nothing: it may be called again after a crash.
    None,
    /// Something that must not happen twice.
    Once,
}

/// What a tool is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The arguments, which keep to the tool's schema.
    pub arguments: &'a Value,
    /// The same for the same call of the same run, however often it is made; for the other side of an effect.
    pub idempotency_key: &'a str,
    /// When its time is up.
    pub deadline: Instant,
}

/// Something that a workflow or a model may call by name.
pub trait Tool: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// What it is for and how it is called, for models and people.
    fn description(&self) -> String;

    /// The JSON Schema of its arguments.
    fn parameters(&self) -> Value;

    /// The JSON Schema of its result.
    fn result(&self) -> Value;

    /// What it does to the world.
    fn effect(&self) -> ToolEffect {
        ToolEffect::None
    }

    /// Runs it. Blocks.
    ///
    /// # Errors
    /// [`Error::Tool`], or what the parts that it uses report.
    fn run(&self, asked: &Asked<'_>) -> Result<Value>;
}

/// What tools may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolSettings {
    /// Bytes of a result, as JSON.
    pub result_bytes_max: usize,
    /// Seconds of one call.
    pub seconds_max: f64,
    /// Characters of a result that a model is shown.
    pub observation_chars_max: usize,
}

impl Default for ToolSettings {
    fn default() -> Self {
        Self { result_bytes_max: 1 << 20, seconds_max: 60.0, observation_chars_max: 6_000 }
    }
}

/// Tools by name, with what they may take.
#[derive(Clone, Default)]
pub struct Tools {
    tools: BTreeMap<String, Arc<dyn Tool>>,
    settings: ToolSettings,
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tools").field("names", &self.tools.keys()).finish_non_exhaustive()
    }
}

/// How often a waiting call looks whether it shall be given up.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Tools {
    /// No tools yet.
    #[must_use]
    pub fn new(settings: ToolSettings) -> Self {
        Self { tools: BTreeMap::new(), settings }
    }

    /// Adds a tool, in the place of one with the same name.
    pub fn add(&mut self, tool: Arc<dyn Tool>) {
        self.tools.insert(tool.name().to_string(), tool);
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(String::as_str)
    }

    /// The tools with the JSON Schemas of their arguments.
    #[must_use]
    pub fn schemas(&self) -> BTreeMap<String, Value> {
        self.tools.iter().map(|(name, tool)| (name.clone(), tool.parameters())).collect()
    }

    /// The tool with this name.
    ///
    /// # Errors
    /// [`Error::Tool`] with the names that there are.
    pub fn get(&self, name: &str) -> Result<&Arc<dyn Tool>> {
        let known = || self.names().collect::<Vec<_>>().join(", ");
        self.tools.get(name).ok_or_else(|| failed(name, format!("there is no such tool; there are: {}", known())))
    }

    /// Checks arguments against a tool's schema.
    ///
    /// # Errors
    /// [`Error::Tool`] that says what is wrong and what would be right.
    pub fn check(&self, name: &str, arguments: &Value) -> Result<()> {
        let tool = self.get(name)?;
        keeps_to(arguments, &tool.parameters()).map_err(|reason| {
            let schema = &tool.parameters()["properties"];
            failed(name, format!("wrong arguments: {reason}; it takes {schema}"))
        })
    }

    /// Calls a tool within its limits: arguments and result keep to its schemas, the result is small enough and in time. A tool
    /// that hangs or panics costs its thread, not the caller. `is_over` tells when the call shall be given up.
    ///
    /// # Errors
    /// [`Error::Tool`] for all of this, [`Error::Interrupted`] when it is given up; what the tool reports.
    pub fn call(
        &self,
        name: &str,
        arguments: &Value,
        idempotency_key: &str,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Value> {
        self.check(name, arguments)?;
        let tool = Arc::clone(self.get(name)?);
        let deadline = Instant::now() + Duration::from_secs_f64(self.settings.seconds_max.clamp(0.0, 86_400.0));
        let (sender, receiver) = sync_channel(1);
        let schema = tool.result();
        let (arguments, key) = (arguments.clone(), idempotency_key.to_string());
        std::thread::Builder::new()
            .name(format!("tool {name}"))
            .spawn(move || {
                let asked = Asked { arguments: &arguments, idempotency_key: &key, deadline };
                // Nobody listens any more when the call was given up.
                let _ = sender.send(tool.run(&asked));
            })
            .map_err(|error| failed(name, format!("no thread for it: {error}")))?;
        let result = loop {
            match receiver.recv_timeout(LOOK_EVERY) {
                Ok(result) => break result?,
                Err(RecvTimeoutError::Disconnected) => return Err(failed(name, "it panicked".into())),
                Err(RecvTimeoutError::Timeout) if is_over() => return Err(Error::Interrupted),
                Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                    let seconds = self.settings.seconds_max;
                    return Err(failed(
                        name,
                        format!("it gave nothing within {seconds} s (setting tools.seconds_max)"),
                    ));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        let bytes = json_bytes(&result);
        let limit = self.settings.result_bytes_max;
        if bytes > limit {
            let reason = format!("its result has {bytes} bytes, over the limit tools.result_bytes_max = {limit}");
            return Err(failed(name, reason));
        }
        keeps_to(&result, &schema)
            .map_err(|reason| failed(name, format!("its result does not keep to its schema: {reason}")))?;
        Ok(result)
    }
}

fn failed(tool: &str, reason: String) -> Error {
    Error::Tool { tool: tool.into(), reason }
}

/// Whether `value` keeps to a JSON Schema.
///
/// # Errors
/// In which way it does not, or why the schema is none; in words.
pub fn keeps_to(value: &Value, schema: &Value) -> Result<(), String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| format!("the schema is wrong: {error}"))?;
    let wrong: Vec<String> = validator.iter_errors(value).take(PROBLEMS_MAX).map(|error| problem(&error)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// Problems told of one value.
const PROBLEMS_MAX: usize = 5;
/// Characters told of one problem; a validator quotes the value.
const PROBLEM_CHARS_MAX: usize = 200;

fn problem(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let words: String = error.to_string().chars().take(PROBLEM_CHARS_MAX).collect();
    if place.is_empty() { words } else { format!("at {place}: {words}") }
}

/// Bytes of a value as JSON, counted without making it.
fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail, and a `Value` has no keys but texts.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

#[cfg(test)]
mod tests {
    use super::calculator::Calculator;
    use super::*;
    use serde_json::json;

    /// A tool that misbehaves in the way that its arguments say.
    struct Hostile;

    impl Tool for Hostile {
        fn name(&self) -> &'static str {
            "hostile"
        }

        fn description(&self) -> String {
            "misbehaves".into()
        }

        fn parameters(&self) -> Value {
            json!({ "type": "object", "properties": { "how": { "type": "string" } }, "required": ["how"] })
        }

        fn result(&self) -> Value {
            json!({ "type": "object" })
        }

        fn run(&self, asked: &Asked<'_>) -> Result<Value> {
            match asked.arguments["how"].as_str().unwrap() {
                "hang" => loop {
                    std::thread::park();
                },
                "panic" => panic!("as asked"),
                "lie" => Ok(json!([1])),
                "flood" => Ok(json!({ "text": "x".repeat(100 << 20) })),
                other => Ok(json!({ "how": other })),
            }
        }
    }

    fn tools() -> Tools {
        let mut tools = Tools::new(ToolSettings { seconds_max: 3.0, ..ToolSettings::default() });
        tools.add(Arc::new(Hostile));
        tools.add(Arc::new(Calculator));
        tools
    }

    #[test]
    fn a_tool_that_misbehaves_fails_and_no_more() {
        let tools = tools();
        let call = |how: &str| tools.call("hostile", &json!({ "how": how }), "k", &|| false);
        for (how, words) in
            [("hang", "seconds_max"), ("panic", "panicked"), ("lie", "its schema"), ("flood", "result_bytes_max")]
        {
            let error = call(how).unwrap_err().to_string();
            assert!(error.contains("`hostile`") && error.contains(words) && error.len() < 400, "{how}: {error}");
        }
        assert_eq!(call("well").unwrap(), json!({ "how": "well" }));
        let stopped = tools.call("hostile", &json!({ "how": "hang" }), "k", &|| true);
        assert!(matches!(stopped, Err(Error::Interrupted)));
    }

    #[test]
    fn wrong_arguments_and_names_are_told_with_what_is_right() {
        let tools = tools();
        let error = tools.call("calculator", &json!({ "formula": "1" }), "k", &|| false).unwrap_err().to_string();
        assert!(error.contains("formula") && error.contains("\"expression\""), "{error}");
        let error = tools.call("calc", &json!({}), "k", &|| false).unwrap_err().to_string();
        assert!(error.contains("calculator, hostile"), "{error}");
        let sum = tools.call("calculator", &json!({ "expression": "1 + 1" }), "k", &|| false).unwrap();
        assert_eq!(sum, json!({ "value": "2", "unit": "", "text": "2" }));
        assert!(tools.call("calculator", &json!({ "expression": "1 +" }), "k", &|| false).is_err());
    }
}

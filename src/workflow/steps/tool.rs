//! `tool`: a tool's name and arguments in, its result out.
//!
//! ```toml
//! [[step]]
//! id = "sum"
//! kind = "tool"
//! tool = "calculator"
//! arguments = { expression = "'12.5% of ' + string(input.amount)" }
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::tools::ToolEffect;
use crate::workflow::context::{Call, Effect, Reserve, StepContext};
use crate::workflow::event::{CallKind, Spent};
use crate::workflow::expression::Expression;
use crate::workflow::failure::{Failure, FailureClass};

/// What a file says about a `tool` step. The output is what the tool gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallTool {
    /// The tool's name.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: BTreeMap<String, Expression>,
}

impl CallTool {
    /// Calls the tool.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        let mut arguments = Map::new();
        for (name, expression) in &self.arguments {
            arguments.insert(name.clone(), cx.value(expression)?);
        }
        let arguments = Value::Object(arguments);
        cx.input(json!({ "tool": self.tool, "arguments": arguments }));
        call_tool(cx, &self.tool, &arguments)
    }
}

/// Calls a tool through the context.
///
/// # Errors
/// As [`call_tool_timed`].
pub(super) fn call_tool(cx: &mut StepContext<'_>, name: &str, arguments: &Value) -> Result<Value, Failure> {
    call_tool_timed(cx, name, arguments).map(|(result, _)| result)
}

/// Calls a tool through the context; its result and the milliseconds that it took, by the record.
///
/// # Errors
/// [`FailureClass::Tool`] for a tool that is not there, does not take these arguments or fails; as [`StepContext::call`].
pub(super) fn call_tool_timed(
    cx: &mut StepContext<'_>,
    name: &str,
    arguments: &Value,
) -> Result<(Value, f64), Failure> {
    let tools = cx.services.tools();
    let effect = match tools.get(name)?.effect() {
        ToolEffect::None => Effect::None,
        ToolEffect::Once => Effect::Once,
    };
    // Wrong arguments are no call: nothing is written down as if it could have happened.
    tools.check(name, arguments)?;
    let call = Call {
        kind: CallKind::Tool,
        name: name.to_string(),
        request: json!({ "arguments": arguments }),
        reserve: Reserve::default(),
        effect,
    };
    let mut response = cx.call(call, &mut |live| {
        let started = Instant::now();
        let result = tools.call(name, arguments, &live.idempotency_key, &|| live.is_over());
        match result {
            Ok(result) => {
                let took_ms = started.elapsed().as_secs_f64() * 1000.0;
                Ok((json!({ "result": result, "took_ms": took_ms }), Spent::default()))
            }
            Err(Error::Interrupted) if !live.stop.load(Ordering::Relaxed) => {
                let message = format!("the tool `{name}` had given nothing when the step's time was up");
                Err(Failure::new(FailureClass::Timeout, message))
            }
            Err(error) => Err(error.into()),
        }
    })?;
    Ok((response["result"].take(), response["took_ms"].as_f64().unwrap_or_default()))
}

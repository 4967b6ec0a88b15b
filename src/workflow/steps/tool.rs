//! `tool`: a tool's name and arguments in, its result out.
//!
//! ```toml
//! [[step]]
//! id = "sum"
//! kind = "tool"
//! tool = "calculator"
//! arguments = { expression = "'12.5% of ' + string(input.amount)" }
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::workflow::expression::Expression;

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

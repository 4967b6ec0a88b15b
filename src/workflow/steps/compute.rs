//! `compute`: the state in, named values out.
//!
//! ```toml
//! [[step]]
//! id = "ratios"
//! kind = "compute"
//! [step.values]
//! count = "size(figures.items)"                       # CEL
//! [step.exact]
//! leverage = "total_debt / ebitda"                     # exact decimals over names given below
//! [step.given]
//! total_debt = "figures.debt"
//! ebitda = "figures.ebitda"
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::arithmetic::{decimal_text, evaluate, figure, nearest_number};
use crate::workflow::context::StepContext;
use crate::workflow::expression::Expression;
use crate::workflow::failure::{Failure, FailureClass};

/// What a file says about a `compute` step. The output holds `values` and `exact` by their names, `exact` ones as decimal texts
/// with full precision and, under `NAME_number`, as the nearest floating point number for comparisons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    /// CEL expressions over the state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Expression>,
    /// What `exact` formulas may name: numbers, or texts such as `$1,250.5 million` or `12.5%`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, Expression>,
    /// Formulas of the calculator over the names of `given`, in exact decimals.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exact: BTreeMap<String, String>,
}

impl Compute {
    /// Computes every value.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        let mut computed = Map::new();
        for (name, expression) in &self.values {
            computed.insert(name.clone(), cx.value(expression)?);
        }
        let wrong = |name: &str, reason: String| Failure::new(FailureClass::Expression, format!("`{name}`: {reason}"));
        let mut given = BTreeMap::new();
        let mut shown = Map::new();
        for (name, expression) in &self.given {
            let value = cx.value(expression)?;
            given.insert(name.clone(), figure(&value).map_err(|reason| wrong(name, reason))?);
            shown.insert(name.clone(), value);
        }
        cx.input(json!({ "given": shown }));
        for (name, formula) in &self.exact {
            let value = evaluate(formula, &given).map_err(|reason| wrong(name, format!("`{formula}`: {reason}")))?;
            computed.insert(name.clone(), json!(decimal_text(value)));
            if let Some(number) = nearest_number(value) {
                computed.insert(format!("{name}_number"), json!(number));
            }
        }
        Ok(Value::Object(computed))
    }
}

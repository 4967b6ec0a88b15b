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

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::workflow::expression::Expression;

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

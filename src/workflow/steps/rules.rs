//! `rules`: the state in, findings of named rules out, each with its severity, message and evidence.
//!
//! ```toml
//! [[step]]
//! id = "breaches"
//! kind = "rules"
//! needs = ["ratios"]
//! [[step.rules]]
//! name = "leverage"
//! when = "ratios.leverage > 3.5"
//! severity = "error"
//! message = "leverage of {{ ratios.leverage }} exceeds 3.5"
//! evidence = "figures.items"
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::passages::{kind, output, truth};
use crate::workflow::context::StepContext;
use crate::workflow::expression::{Expression, Template};
use crate::workflow::failure::{Failure, FailureClass};

/// What a file says about a `rules` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Every rule is looked at for each item of this list, as `item`; once for the whole state when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Expression>,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// It makes a finding where this holds.
    pub when: Expression,
    /// How bad that is.
    #[serde(default)]
    pub severity: Severity,
    /// What is said.
    pub message: Template,
    /// What the finding rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Expression>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at.
    #[default]
    Warning,
    /// Must not be.
    Error,
}

/// What a `rules` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RulesOutput {
    /// The findings, in the order of items and rules.
    pub findings: Vec<Finding>,
    /// The worst severity among them.
    pub worst: Option<Severity>,
    /// Whether there is no finding of severity `error`.
    pub passed: bool,
}

/// A rule that held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// Its severity.
    pub severity: Severity,
    /// What it says here.
    pub message: String,
    /// What it rests on.
    pub evidence: serde_json::Value,
    /// The item, where the rules were looked at for a list.
    pub item: serde_json::Value,
}

impl Rules {
    /// Looks at every rule for every item.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        let items = match &self.over {
            None => None,
            Some(over) => match cx.value(over)? {
                Value::Array(items) => Some(items),
                Value::Null => Some(vec![]),
                other => {
                    let message = format!("`over` must give a list; `{}` gave {}", over.0, kind(&other));
                    return Err(Failure::new(FailureClass::Expression, message));
                }
            },
        };
        cx.input(json!({ "rules": self.rules.len(), "items": items.as_ref().map(Vec::len) }));
        let mut findings = Vec::new();
        match items {
            None => self.look(cx.scope(), &Value::Null, &mut findings)?,
            Some(items) => {
                for item in &items {
                    self.look(&cx.scope().with("item", item.clone()), item, &mut findings)?;
                }
            }
        }
        let worst = findings.iter().map(|finding| finding.severity).max();
        Ok(output(&RulesOutput { findings, worst, passed: worst != Some(Severity::Error) }))
    }

    fn look(
        &self,
        scope: &crate::workflow::expression::Scope,
        item: &Value,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Failure> {
        for rule in &self.rules {
            let named = |failure: Failure| Failure { message: format!("rule `{}`: {failure}", rule.name), ..failure };
            let held = rule.when.evaluate(scope).and_then(|value| truth(&value, &rule.when.0)).map_err(named)?;
            if held {
                let evidence = rule.evidence.as_ref().map(|evidence| evidence.evaluate(scope)).transpose();
                findings.push(Finding {
                    rule: rule.name.clone(),
                    severity: rule.severity,
                    message: rule.message.render(scope).map_err(named)?,
                    evidence: evidence.map_err(named)?.unwrap_or_default(),
                    item: item.clone(),
                });
            }
        }
        Ok(())
    }
}

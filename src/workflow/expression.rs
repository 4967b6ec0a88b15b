//! The two small languages of a workflow file: CEL expressions that give values and minijinja templates that give text.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::{Failure, FailureClass};

/// A CEL expression over the values that a step can see, such as `check.share < 0.5`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Expression(pub String);

/// A minijinja template over the values that a step can see, such as `Answer this: {{ input.question }}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Template(pub String);

/// The values that a step can see, by name; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    values: Arc<BTreeMap<String, Arc<Value>>>,
}

impl Scope {
    /// This scope with `name` added or replaced.
    #[must_use]
    pub fn with(&self, name: impl Into<String>, value: impl Into<Arc<Value>>) -> Self {
        let mut values = BTreeMap::clone(&self.values);
        values.insert(name.into(), value.into());
        Self { values: Arc::new(values) }
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(Arc::as_ref)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_ref()))
    }
}

fn failed(what: &str, source: &str, reason: impl std::fmt::Display) -> Failure {
    Failure::new(FailureClass::Expression, format!("the {what} `{source}` failed: {reason}"))
}

impl Expression {
    /// Its value over `scope`.
    ///
    /// # Errors
    /// [`FailureClass::Expression`] when it is no CEL, names an unknown value, or fails on what it meets.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, Failure> {
        let failed = |reason: String| failed("expression", &self.0, reason);
        let program = cel::Program::compile(&self.0).map_err(|error| failed(error.to_string()))?;
        let mut context = cel::Context::default();
        for (name, value) in scope.iter() {
            context.add_variable(name, value).map_err(|error| failed(error.to_string()))?;
        }
        let value = program.execute(&context).map_err(|error| failed(error.to_string()))?;
        value.json().map_err(|error| failed(error.to_string()))
    }
}

impl Template {
    /// Its text over `scope`.
    ///
    /// # Errors
    /// [`FailureClass::Expression`] when it is no template, names an unknown value, or fails on what it meets.
    pub fn render(&self, scope: &Scope) -> Result<String, Failure> {
        let mut environment = minijinja::Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        let values: BTreeMap<&str, &Value> = scope.iter().collect();
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        environment.render_str(&self.0, values).map_err(|error| failed("template", &self.0, error))
    }
}

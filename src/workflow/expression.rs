//! The two small languages of a workflow file: CEL expressions that give values and minijinja templates that give text.
//!
//! Both are compiled once in a process and kept by their source, and see only the values that they name, so that a step visit costs
//! microseconds whatever the state holds.

mod cel;
mod fuel;
mod functions;
mod kinds;
mod template;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::{Failure, FailureClass};
pub use fuel::Fuel;
pub use kinds::{KindOf, ValueKind};

/// Longest source of an expression, or of one `{{ … }}` of a template, in bytes. Longer ones nest deeper than a thread's stack may hold.
pub const SOURCE_BYTES_MAX: usize = 4_000;

/// Programs kept in the process; beyond it the table is emptied, which only costs compiling them again.
const PROGRAMS_MAX: usize = 10_000;

/// A CEL expression over the values that a step can see, such as `check.share < 0.5`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Expression(pub String);

/// A minijinja template over the values that a step can see, such as `Answer this: {{ input.question }}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Template(pub String);

/// A name with the fields that are read from it, such as `["draft", "text"]` for `draft.text`.
pub type NamedPath = Vec<String>;

/// What is wrong with a source, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// The byte of the source where it shows.
    pub offset: usize,
}

/// The values that a step can see, by name, and what evaluating over them may take in all; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    values: Arc<BTreeMap<String, Arc<Value>>>,
    fuel: Arc<Fuel>,
}

impl Scope {
    /// This scope with `name` added or replaced.
    #[must_use]
    pub fn with(&self, name: impl Into<String>, value: impl Into<Arc<Value>>) -> Self {
        let mut values = BTreeMap::clone(&self.values);
        values.insert(name.into(), value.into());
        Self { values: Arc::new(values), fuel: self.fuel.clone() }
    }

    /// The same values with other fuel.
    #[must_use]
    pub fn fuelled(&self, fuel: Fuel) -> Self {
        Self { values: self.values.clone(), fuel: Arc::new(fuel) }
    }

    /// What is left of the fuel.
    #[must_use]
    pub fn fuel(&self) -> &Fuel {
        &self.fuel
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

    /// The parts of the state that `paths` name and nothing else, as one object a name. What is not there is left out.
    fn project<'a>(&'a self, paths: &BTreeSet<NamedPath>) -> Vec<(&'a str, Projected<'a>)> {
        let mut out: Vec<(&str, Projected<'_>)> = Vec::new();
        for path in paths {
            let Some((name, value)) = self.values.get_key_value(&path[0]) else { continue };
            // Paths are sorted, so those of one name are neighbours, the shortest first.
            if out.last().is_none_or(|(last, _)| last != name) {
                out.push((name, Projected::Nothing(value)));
            }
            let (_, part) = out.last_mut().expect("pushed above where it was empty");
            part.add(&path[1..]);
        }
        out
    }
}

impl<K: Into<String>, V: Into<Arc<Value>>> FromIterator<(K, V)> for Scope {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values: Arc::new(values), fuel: Arc::default() }
    }
}

/// A value, or the parts of an object that are needed.
#[derive(Debug)]
enum Projected<'a> {
    /// None of it so far.
    Nothing(&'a Value),
    /// All of it.
    Whole(&'a Value),
    /// Some fields of it.
    Fields(&'a Value, Vec<(&'a str, Projected<'a>)>),
}

impl<'a> Projected<'a> {
    fn value(&self) -> &'a Value {
        match self {
            Self::Nothing(value) | Self::Whole(value) | Self::Fields(value, _) => value,
        }
    }

    fn add(&mut self, path: &[String]) {
        let value = self.value();
        let (Some(first), Value::Object(object)) = (path.first(), value) else {
            *self = Self::Whole(value);
            return;
        };
        if let Self::Nothing(value) = self {
            *self = Self::Fields(value, Vec::new());
        }
        let Self::Fields(_, fields) = self else { return };
        let Some((name, value)) = object.get_key_value(first) else { return };
        if let Some((_, field)) = fields.iter_mut().find(|(known, _)| known == name) {
            field.add(&path[1..]);
        } else {
            let mut field = Self::Nothing(value);
            field.add(&path[1..]);
            fields.push((name, field));
        }
    }
}

/// Compiled programs by their source.
struct Table<T>(RwLock<Option<HashMap<Box<str>, Arc<T>>>>);

impl<T: Send> Table<T> {
    const fn new() -> Self {
        Self(RwLock::new(None))
    }

    fn get(&self, source: &str, compile: impl FnOnce() -> Result<T, Mistake> + Send) -> Result<Arc<T>, Mistake> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = known.as_ref().and_then(|table| table.get(source)) {
            return Ok(program.clone());
        }
        drop(known);
        // The parsers are other people's: what makes one panic is a mistake in the source to us.
        let compiled = with_stack(may_be_deep(source), || catch_unwind(AssertUnwindSafe(compile)))
            .unwrap_or_else(|_| Err(Mistake { message: "it cannot be read".into(), offset: 0 }))?;
        let program = Arc::new(compiled);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let table = known.get_or_insert_default();
        if table.len() >= PROGRAMS_MAX {
            table.clear();
        }
        table.insert(source.into(), program.clone());
        Ok(program)
    }
}

/// Whether `source` has enough signs in it to nest deeply.
fn may_be_deep(source: &str) -> bool {
    const SIGNS_MAX: usize = 40;
    source.bytes().filter(|byte| !byte.is_ascii_alphanumeric() && !byte.is_ascii_whitespace()).count() > SIGNS_MAX
}

/// Runs `work`, on a thread with a deep stack where it may recurse deeply: a stack that overflows would end the process.
fn with_stack<T: Send>(deep: bool, work: impl FnOnce() -> T + Send) -> T {
    const STACK_BYTES: usize = 256 << 20;
    if !deep {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        thread.expect("the system has room for a thread").join().expect("panics are caught inside")
    })
}

/// A failure of `source`, shortened to what a person can read.
fn failed(what: &str, source: &str, reason: impl std::fmt::Display) -> Failure {
    Failure::new(
        FailureClass::Expression,
        format!("the {what} `{}` failed: {}", shortened(source, 200), shortened(&reason.to_string(), 600)),
    )
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

/// Why a path leads nowhere in `scope`, in words, or `None` when it does lead to a value.
fn missing(scope: &Scope, path: &[String]) -> Option<String> {
    let Some(mut value) = scope.get(&path[0]) else {
        return Some(format!(
            "there is no value `{}` here; there are {}",
            path[0],
            listed(scope.iter().map(|(name, _)| name))
        ));
    };
    for (at, field) in path.iter().enumerate().skip(1) {
        let before = path[..at].join(".");
        match value {
            Value::Object(object) => {
                if let Some(next) = object.get(field) {
                    value = next;
                } else {
                    let names = listed(object.keys().map(String::as_str));
                    return Some(format!("`{before}` has no field `{field}`; it has {names}"));
                }
            }
            Value::Null => {
                return Some(format!(
                    "`{before}` is null here (a step that was skipped gives null), so it has no `{field}`"
                ));
            }
            other => return Some(format!("`{before}` is {}, so it has no field `{field}`", described(other))),
        }
    }
    None
}

/// A value in a few words.
fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) => format!("the text `{}`", shortened(value, 60)),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(object) => format!("an object with {}", listed(object.keys().map(String::as_str))),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.take(12).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

impl Expression {
    /// Its value over `scope`. Keys of objects that an expression makes are sorted; a plain path such as `draft.claims` keeps them as they are.
    ///
    /// # Errors
    /// [`FailureClass::Expression`] when it is no CEL, names an unknown value, or fails on what it meets.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, Failure> {
        let failed = |reason: String| failed("expression", &self.0, reason);
        let program = self.program().map_err(|mistake| failed(mistake.message))?;
        with_stack(program.deep, || catch_unwind(AssertUnwindSafe(|| program.evaluate(scope))))
            .unwrap_or_else(|_| Err("it cannot be evaluated".into()))
            .map_err(failed)
    }

    /// Its value over `scope`, which must be `true` or `false`.
    ///
    /// # Errors
    /// As [`Expression::evaluate`], and when the value is neither.
    pub fn holds(&self, scope: &Scope) -> Result<bool, Failure> {
        match self.evaluate(scope)? {
            Value::Bool(value) => Ok(value),
            other => Err(failed("condition", &self.0, format!("it gives {}, not true or false", described(&other)))),
        }
    }

    /// The paths that it reads from the state, sorted.
    ///
    /// # Errors
    /// The mistake, when it is no CEL.
    pub fn references(&self) -> Result<BTreeSet<NamedPath>, Mistake> {
        Ok(self.program()?.paths.clone())
    }

    /// The kind of value that it surely gives, where `known` tells what the paths that it reads surely are.
    ///
    /// # Errors
    /// The mistake, when it is no CEL, or puts together what surely does not go together.
    pub fn kind(&self, known: KindOf<'_>) -> Result<Option<ValueKind>, Mistake> {
        let look = || catch_unwind(AssertUnwindSafe(|| cel::kind(&self.0, known)));
        look().unwrap_or_else(|_| Err(Mistake { message: "it cannot be read".into(), offset: 0 }))
    }

    fn program(&self) -> Result<Arc<cel::Program>, Mistake> {
        static PROGRAMS: Table<cel::Program> = Table::new();
        PROGRAMS.get(&self.0, || cel::Program::compile(&self.0))
    }
}

impl Template {
    /// Its text over `scope`.
    ///
    /// # Errors
    /// [`FailureClass::Expression`] when it is no template, names an unknown value, or fails on what it meets.
    pub fn render(&self, scope: &Scope) -> Result<String, Failure> {
        let failed = |reason: String| failed("template", &self.0, reason);
        let program = self.program().map_err(|mistake| failed(mistake.message))?;
        catch_unwind(AssertUnwindSafe(|| program.render(scope)))
            .unwrap_or_else(|_| Err("it cannot be rendered".into()))
            .map_err(failed)
    }

    /// The paths that it reads from the state, sorted.
    ///
    /// # Errors
    /// The mistake, when it is no template.
    pub fn references(&self) -> Result<BTreeSet<NamedPath>, Mistake> {
        Ok(self.program()?.paths.clone())
    }

    fn program(&self) -> Result<Arc<template::Program>, Mistake> {
        static PROGRAMS: Table<template::Program> = Table::new();
        PROGRAMS.get(&self.0, || template::Program::compile(&self.0))
    }
}

#[cfg(test)]
mod tests;

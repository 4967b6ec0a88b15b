//! CEL source in, a program out that evaluates over borrowed JSON; knows neither steps nor files.
//!
//! The standard language is bent in two places, by rewriting the program once: whole numbers and floating point numbers may be mixed in
//! `+ - * /`, because JSON does not tell them apart, and going through an object visits its keys in order, because a run must repeat.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt};
use cel::common::value::Val;
use cel::{Context, Env, ExecutionError};
use serde_json::Value;

use super::{Mistake, NamedPath, Projected, SOURCE_BYTES_MAX, Scope, functions, missing};

/// Deepest nesting of a program; the evaluator recurses once a level.
const DEPTH_MAX: usize = 100;

/// Deepest nesting that is evaluated on whatever stack the caller has.
const DEPTH_SHALLOW: usize = 16;

/// Names that are types of the language, not values.
const TYPES: [&str; 10] = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(functions::environment()));

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Program {
    expression: IdedExpr,
    /// Whether it needs a deep stack.
    pub(super) deep: bool,
    /// Set when the whole expression is nothing but this path.
    plain: Option<NamedPath>,
    pub(super) paths: BTreeSet<NamedPath>,
}

impl Program {
    pub(super) fn compile(source: &str) -> Result<Self, Mistake> {
        if source.trim().is_empty() {
            return Err(Mistake { message: "it is empty".into(), offset: 0 });
        }
        if source.len() > SOURCE_BYTES_MAX {
            let message = format!("it is longer than {SOURCE_BYTES_MAX} bytes");
            return Err(Mistake { message, offset: SOURCE_BYTES_MAX });
        }
        let program = ENVIRONMENT.compile(source).map_err(|errors| mistake(source, &errors))?;
        let depth = depth(program.expression());
        if depth > DEPTH_MAX {
            return Err(Mistake { message: format!("it nests deeper than {DEPTH_MAX} levels"), offset: 0 });
        }
        let mut found = Found::default();
        found.visit(program.expression(), &mut Vec::new());
        if let Some((name, id, member)) =
            found.calls.iter().find(|(name, _, member)| !functions::is_known(name, *member))
        {
            let offset = program.source_info().offset_for(*id).map_or(0, |(start, _)| start as usize);
            let near = crate::workflow::nearest(name, functions::names(*member));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(Mistake {
                message: format!("there is no function `{name}`{hint}"),
                offset: byte_at(source, offset),
            });
        }
        let plain = path_of(program.expression()).filter(|path| !TYPES.contains(&path[0].as_str()));
        let mut expression = program.expression().clone();
        bend(&mut expression);
        Ok(Self { expression, deep: depth > DEPTH_SHALLOW, plain, paths: found.paths })
    }

    pub(super) fn evaluate(&self, scope: &Scope) -> Result<Value, String> {
        if let Some(path) = &self.plain {
            if let Some(reason) = missing(scope, path) {
                return Err(reason);
            }
            let mut value = scope.get(&path[0]).expect("not missing");
            for field in &path[1..] {
                value = &value[field];
            }
            return Ok(value.clone());
        }
        let mut context = Context::with_env(ENVIRONMENT.clone());
        for (name, part) in scope.project(&self.paths) {
            context.add_variable_as_val(name, to_cel(&part));
        }
        let value = cel::Value::resolve_val(&self.expression, &context).map_err(|error| self.explain(scope, &error))?;
        to_json(value.as_ref())
    }

    /// The crate's words, or better ones where a path that the expression names leads nowhere.
    fn explain(&self, scope: &Scope, error: &ExecutionError) -> String {
        let lost = match error {
            ExecutionError::NoSuchKey(_)
            | ExecutionError::UndeclaredReference(_)
            | ExecutionError::NoSuchOverload(_) => self.paths.iter().find_map(|path| missing(scope, path)),
            _ => None,
        };
        lost.unwrap_or_else(|| error.to_string())
    }
}

/// The first of the parser's errors, with its place as a byte.
fn mistake(source: &str, errors: &cel::ParseErrors) -> Mistake {
    let Some(error) = errors.errors.first() else {
        return Mistake { message: "it is no CEL expression".into(), offset: 0 };
    };
    let (line, column) = (error.pos.0.max(1) as usize, error.pos.1.max(1) as usize);
    let start: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = source.get(start..).unwrap_or_default();
    let within = rest.char_indices().nth(column - 1).map_or(rest.trim_end().len(), |(at, _)| at);
    // The parser lists every token that it would have taken, which helps nobody.
    let words = error.msg.split(" expecting ").next().unwrap_or_default();
    let words = words.strip_prefix("Syntax error: ").unwrap_or(words);
    let words = if words.contains("<EOF>") { "it ends too early" } else { words };
    Mistake { message: format!("it is no CEL expression: {words}"), offset: (start + within).min(source.len()) }
}

/// The byte of the `chars`-th character.
fn byte_at(source: &str, chars: usize) -> usize {
    source.char_indices().nth(chars).map_or(source.len(), |(at, _)| at)
}

/// The parts of an expression, without those of its parts.
fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(loop_) => {
            vec![&loop_.iter_range, &loop_.accu_init, &loop_.loop_cond, &loop_.loop_step, &loop_.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(entry_parts).collect(),
        Expr::Struct(made) => made.entries.iter().flat_map(entry_parts).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

fn entry_parts(entry: &cel::common::ast::IdedEntryExpr) -> Vec<&IdedExpr> {
    match &entry.expr {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// How deep an expression nests; looks without recursing, because it may be too deep for that.
fn depth(expression: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(expression, 1)];
    while let Some((expression, level)) = open.pop() {
        deepest = deepest.max(level);
        open.extend(children(expression).into_iter().map(|child| (child, level + 1)));
    }
    deepest
}

/// The path that the whole expression is, if it is one.
fn path_of(expression: &IdedExpr) -> Option<NamedPath> {
    match &expression.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut path = path_of(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

/// What an expression names.
#[derive(Default)]
struct Found {
    paths: BTreeSet<NamedPath>,
    /// Functions with the node's id and whether they are called on a value.
    calls: Vec<(String, u64, bool)>,
}

impl Found {
    fn visit<'e>(&mut self, expression: &'e IdedExpr, bound: &mut Vec<&'e str>) {
        if let Some(path) = path_of(expression) {
            let name = path[0].as_str();
            if !bound.contains(&name) && !TYPES.contains(&name) && !name.starts_with('@') {
                self.paths.insert(path);
            }
            return;
        }
        match &expression.expr {
            Expr::Call(call) => {
                // Names with `@` are what macros expand to.
                if call.func_name.starts_with(|c: char| c.is_ascii_alphabetic()) && !call.func_name.contains('@') {
                    // `math.round(x)` parses as a call on a value named `math`.
                    let qualified = call
                        .target
                        .as_deref()
                        .and_then(path_of)
                        .map(|path| format!("{}.{}", path.join("."), call.func_name));
                    if let Some(name) = qualified.filter(|name| functions::is_known(name, false)) {
                        self.calls.push((name, expression.id, false));
                        call.args.iter().for_each(|part| self.visit(part, bound));
                        return;
                    }
                    self.calls.push((call.func_name.clone(), expression.id, call.target.is_some()));
                }
            }
            Expr::Comprehension(loop_) => {
                self.visit(&loop_.iter_range, bound);
                self.visit(&loop_.accu_init, bound);
                let before = bound.len();
                bound.extend([loop_.iter_var.as_str(), loop_.accu_var.as_str()]);
                bound.extend(loop_.iter_var2.as_deref());
                for part in [&loop_.loop_cond, &loop_.loop_step, &loop_.result] {
                    self.visit(part, bound);
                }
                bound.truncate(before);
                return;
            }
            Expr::Select(select) if select.test => {
                // `has(a.b)` reads `a.b` where it is there.
                if let Some(mut path) = path_of(&select.operand) {
                    path.push(select.field.clone());
                    if !bound.contains(&path[0].as_str()) {
                        self.paths.insert(path);
                    }
                    return;
                }
            }
            _ => {}
        }
        children(expression).into_iter().for_each(|part| self.visit(part, bound));
    }
}

/// Puts our own arithmetic and our own order of keys into a program.
fn bend(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Call(call) => {
            if let [left, right] = call.args.as_slice()
                && call.target.is_none()
                && may_be_number(left)
                && may_be_number(right)
            {
                let own = match call.func_name.as_str() {
                    operators::ADD => Some(functions::ADD),
                    operators::SUBSTRACT => Some(functions::SUBTRACT),
                    operators::MULTIPLY => Some(functions::MULTIPLY),
                    operators::DIVIDE => Some(functions::DIVIDE),
                    _ => None,
                };
                if let Some(own) = own {
                    call.func_name = own.into();
                }
            }
            if call.func_name == "matches" {
                call.func_name = functions::MATCHES.into();
                if let Some(text) = call.target.take() {
                    call.args.insert(0, *text);
                }
            }
            call.target.iter_mut().for_each(|target| bend(target));
            call.args.iter_mut().for_each(bend);
        }
        Expr::Comprehension(loop_) => {
            for part in [
                &mut loop_.accu_init,
                &mut loop_.loop_cond,
                &mut loop_.loop_step,
                &mut loop_.result,
                &mut loop_.iter_range,
            ] {
                bend(part);
            }
            let id = loop_.iter_range.id;
            let range = std::mem::take(&mut loop_.iter_range);
            let call =
                cel::common::ast::CallExpr { func_name: functions::IN_ORDER.into(), target: None, args: vec![range] };
            loop_.iter_range = IdedExpr { id, expr: Expr::Call(call) };
        }
        Expr::List(list) => list.elements.iter_mut().for_each(bend),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    bend(&mut entry.key);
                    bend(&mut entry.value);
                }
            }
        }
        Expr::Select(select) => bend(&mut select.operand),
        Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

/// Lists stay with the crate's own `+`, which builds the result of `map` and `filter` in place.
fn may_be_number(expression: &IdedExpr) -> bool {
    !matches!(&expression.expr, Expr::List(_) | Expr::Map(_))
        && !matches!(&expression.expr, Expr::Ident(name) if name.starts_with('@'))
}

fn to_cel<'v>(part: &Projected<'v>) -> Box<dyn Val + 'v> {
    match part {
        Projected::Nothing(value) | Projected::Whole(value) => json_to_cel(value),
        Projected::Fields(_, fields) => {
            let map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> =
                fields.iter().map(|(name, part)| (CelMapKey::from(*name), to_cel(part))).collect();
            Box::new(CelMap::from(map))
        }
    }
}

fn json_to_cel(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Box::new(CelInt::from(whole)),
            (None, number) => Box::new(CelDouble::from(number.unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(list) => Box::new(CelList::from(list.iter().map(json_to_cel).collect::<Vec<_>>())),
        Value::Object(object) => {
            let map: HashMap<CelMapKey<'_>, Box<dyn Val + '_>> =
                object.iter().map(|(name, value)| (CelMapKey::from(name.as_str()), json_to_cel(value))).collect();
            Box::new(CelMap::from(map))
        }
    }
}

fn to_json(value: &(dyn Val + '_)) -> Result<Value, String> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Ok(text.inner().into());
    }
    if let Some(value) = value.downcast_ref::<CelBool>() {
        return Ok((*value.inner()).into());
    }
    if let Some(value) = value.downcast_ref::<CelInt>() {
        return Ok((*value.inner()).into());
    }
    if let Some(value) = value.downcast_ref::<CelUInt>() {
        return Ok((*value.inner()).into());
    }
    if let Some(value) = value.downcast_ref::<CelDouble>() {
        let number = serde_json::Number::from_f64(*value.inner());
        return number.map(Value::Number).ok_or_else(|| format!("it gives {}, which is no number", value.inner()));
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Value::Null);
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list.inner().iter().map(|item| to_json(item.as_ref())).collect();
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let mut fields: Vec<(String, Value)> = Vec::with_capacity(map.inner().len());
        for (key, value) in map.inner() {
            fields.push((key_text(key), to_json(value.as_ref())?));
        }
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        return Ok(Value::Object(fields.into_iter().collect()));
    }
    Err(format!("it gives a {}, which is no JSON value", value.get_type().name()))
}

pub(super) fn key_text(key: &CelMapKey<'_>) -> String {
    match key {
        CelMapKey::Bool(key) => key.inner().to_string(),
        CelMapKey::Int(key) => key.inner().to_string(),
        CelMapKey::UInt(key) => key.inner().to_string(),
        CelMapKey::String(key) => key.inner().to_string(),
    }
}

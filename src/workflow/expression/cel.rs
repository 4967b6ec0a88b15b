//! CEL source in, a program out that evaluates over borrowed JSON; knows neither steps nor files.
//!
//! The standard language is bent in three places, by rewriting the program once: whole numbers and floating point numbers may be mixed in
//! `+ - * /`, because JSON does not tell them apart; going through an object visits its keys in order, because a run must repeat; and
//! loops and values draw on the fuel of the visit (`fuel.rs`), because no expression may keep a run from ending.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt};
use cel::common::value::Val;
use cel::{Context, Env, ExecutionError};
use serde_json::Value;

use super::fuel::Tank;
use super::kinds::{KindOf, Look, ValueKind};
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
        context.add_variable_as_val(functions::FUEL, Box::new(Tank(scope.fuel.clone())));
        let value = cel::Value::resolve_val(&self.expression, &context);
        // Some operators swallow errors of their parts; that the fuel is out is never swallowed.
        if scope.fuel.is_out() {
            return Err(scope.fuel.words().into());
        }
        to_json(value.map_err(|error| self.explain(scope, &error))?.as_ref())
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

/// The kind of value that a source surely gives.
pub(super) fn kind(source: &str, known: KindOf<'_>) -> Result<Option<ValueKind>, Mistake> {
    let program = ENVIRONMENT.compile(source).map_err(|errors| mistake(source, &errors))?;
    if depth(program.expression()) > DEPTH_SHALLOW {
        return Ok(None);
    }
    let place = |id: u64| program.source_info().offset_for(id).map_or(0, |(start, _)| start as usize);
    let offset = |id: u64| byte_at(source, place(id));
    Look { known, offset: &offset, bound: Vec::new() }.kind(program.expression())
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
pub(super) fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
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
pub(super) fn path_of(expression: &IdedExpr) -> Option<NamedPath> {
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

/// Functions whose results may be large.
const MAKERS: [&str; 18] = [
    operators::ADD,
    functions::ADD,
    "bytes",
    "flatten",
    "format",
    "lowerAscii",
    "question_parts",
    "quote",
    "replace",
    "reverse",
    "slice",
    "sort",
    "sort_by",
    "split",
    "string",
    "strings.quote",
    functions::UNIQUE,
    "upperAscii",
];

/// Puts our own arithmetic, our own order of keys and the fuel into a program; gives how many parts it had.
fn bend(expression: &mut IdedExpr) -> i64 {
    let parts = 1 + match &mut expression.expr {
        Expr::Call(call) => bend_call(call),
        Expr::Comprehension(loop_) => {
            let round = bend(&mut loop_.loop_cond) + bend(&mut loop_.loop_step);
            let parts = bend(&mut loop_.accu_init) + bend(&mut loop_.result) + bend(&mut loop_.iter_range);
            // A loop that only ever goes on is one that passes errors on; the crate builds its result in place.
            if !is_literal(&loop_.loop_cond) {
                let cond = std::mem::take(&mut loop_.loop_cond);
                let (id, go_on) = (cond.id, call(functions::GO_ON, cond.id, vec![]));
                let both = CallExpr { func_name: operators::LOGICAL_AND.into(), target: None, args: vec![go_on, cond] };
                loop_.loop_cond = IdedExpr { id, expr: Expr::Call(both) };
            }
            let range = std::mem::take(&mut loop_.iter_range);
            let cost = IdedExpr { id: range.id, expr: Expr::Literal(LiteralValue::Int(round.into())) };
            loop_.iter_range = call(functions::IN_ORDER, range.id, vec![cost, range]);
            round + parts
        }
        Expr::List(list) => list.elements.iter_mut().map(bend_kept).sum(),
        Expr::Map(map) => map
            .entries
            .iter_mut()
            .map(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => bend(&mut entry.key) + bend_kept(&mut entry.value),
                EntryExpr::StructField(_) => 1,
            })
            .sum(),
        Expr::Select(select) => bend(&mut select.operand),
        Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => 0,
    };
    if let Expr::Call(made) = &expression.expr
        && MAKERS.contains(&made.func_name.as_str())
        // The accumulator of `map` and `filter` is grown in place, by the crate's own `+`.
        && !made.args.first().is_some_and(is_accumulator)
    {
        wrap(expression, functions::KEEP);
    }
    parts
}

fn bend_call(made: &mut CallExpr) -> i64 {
    if let [left, right] = made.args.as_slice()
        && made.target.is_none()
        && may_be_number(left)
        && may_be_number(right)
    {
        let own = match made.func_name.as_str() {
            operators::ADD => Some(functions::ADD),
            operators::SUBSTRACT => Some(functions::SUBTRACT),
            operators::MULTIPLY => Some(functions::MULTIPLY),
            operators::DIVIDE => Some(functions::DIVIDE),
            _ => None,
        };
        if let Some(own) = own {
            made.func_name = own.into();
        }
    }
    let count = made.args.len() + usize::from(made.target.is_some());
    let own = match (made.func_name.as_str(), count) {
        ("matches", 2) => Some(functions::MATCHES),
        ("join", 1 | 2) => Some(functions::JOIN),
        ("replace", 3) => Some(functions::REPLACE),
        ("split", 2) => Some(functions::SPLIT),
        ("unique" | "distinct", 1) => Some(functions::UNIQUE),
        ("range", 2) if made.target.as_deref().and_then(path_of).is_some_and(|path| path == ["lists"]) => {
            made.target = None;
            Some(functions::RANGE)
        }
        _ => None,
    };
    if let Some(own) = own {
        made.func_name = own.into();
        if let Some(text) = made.target.take() {
            made.args.insert(0, *text);
        }
        if count == 1 && own == functions::JOIN {
            let nothing = LiteralValue::String(CelString::from(""));
            made.args.push(IdedExpr { id: made.args[0].id, expr: Expr::Literal(nothing) });
        }
    }
    // `math.round(x)` parses as a call on a value named `math`, which is none.
    let is_qualified = made
        .target
        .as_deref()
        .and_then(path_of)
        .is_some_and(|path| functions::is_known(&format!("{}.{}", path.join("."), made.func_name), false));
    let mut parts = 0;
    if let Some(target) = made.target.as_deref_mut()
        && !is_qualified
    {
        parts += bend(target);
        wrap(target, functions::LOOK);
    }
    parts += made.args.iter_mut().map(bend).sum::<i64>();
    let looked_at = match made.func_name.as_str() {
        operators::IN => made.args.get_mut(1),
        operators::EQUALS | operators::NOT_EQUALS if !made.args.iter().any(is_literal) => made.args.first_mut(),
        name if name.starts_with(|c: char| c.is_ascii_alphabetic()) || name == functions::MATCHES => {
            made.args.first_mut().filter(|_| made.target.is_none())
        }
        _ => None,
    };
    if let Some(argument) = looked_at {
        wrap(argument, functions::LOOK);
    }
    let fuelled = [functions::JOIN, functions::REPLACE, functions::SPLIT, functions::RANGE, functions::UNIQUE];
    if fuelled.contains(&made.func_name.as_str()) {
        let id = made.args[0].id;
        made.args.insert(0, IdedExpr { id, expr: Expr::Ident(functions::FUEL.into()) });
    }
    parts
}

/// Bends a part that is copied into a list or an object.
fn bend_kept(expression: &mut IdedExpr) -> i64 {
    let parts = bend(expression);
    wrap(expression, functions::KEEP);
    parts
}

/// A call of one of our functions with the fuel and these arguments.
fn call(function: &str, id: u64, mut args: Vec<IdedExpr>) -> IdedExpr {
    args.insert(0, IdedExpr { id, expr: Expr::Ident(functions::FUEL.into()) });
    IdedExpr { id, expr: Expr::Call(CallExpr { func_name: function.into(), target: None, args }) }
}

/// Puts a call of one of our functions around an expression that may be more than a number.
fn wrap(expression: &mut IdedExpr, function: &str) {
    let is_wrapped = matches!(&expression.expr, Expr::Call(made) if made.func_name == functions::KEEP);
    if !is_literal(expression) && !is_wrapped {
        let inner = std::mem::take(expression);
        *expression = call(function, inner.id, vec![inner]);
    }
}

fn is_literal(expression: &IdedExpr) -> bool {
    matches!(expression.expr, Expr::Literal(_))
}

fn is_accumulator(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name.starts_with('@'))
}

/// Lists stay with the crate's own `+`, which builds the result of `map` and `filter` in place.
fn may_be_number(expression: &IdedExpr) -> bool {
    !matches!(&expression.expr, Expr::List(_) | Expr::Map(_)) && !is_accumulator(expression)
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

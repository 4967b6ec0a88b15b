//! The functions that expressions have beyond the standard language, and the names of all that there are.

#![expect(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "the form of a function is the crate's")]

use std::cmp::Ordering;
use std::sync::Arc;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelString, DYN_TYPE, INT_TYPE, LIST_TYPE, STRING_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};
use regex::Regex;

use super::cel::key_text;
use super::fuel::{Fuel, Tank, length, weight};
use super::{Mistake, Table};
use crate::ask::parts::question_parts;

/// Names that no source can call: the compiler puts them where the language's own operators stood.
pub(super) const ADD: &str = "@add";
pub(super) const SUBTRACT: &str = "@subtract";
pub(super) const MULTIPLY: &str = "@multiply";
pub(super) const DIVIDE: &str = "@divide";
pub(super) const IN_ORDER: &str = "@in_order";
pub(super) const MATCHES: &str = "@matches";
pub(super) const KEEP: &str = "@keep";
pub(super) const LOOK: &str = "@look";
pub(super) const JOIN: &str = "@join";
pub(super) const REPLACE: &str = "@replace";
pub(super) const SPLIT: &str = "@split";
pub(super) const RANGE: &str = "@range";
pub(super) const UNIQUE: &str = "@unique";
pub(super) const GO_ON: &str = "@go_on";
/// The variable that holds the fuel of an evaluation.
pub(super) const FUEL: &str = "@fuel";

/// Functions called as `f(x)`.
const GLOBAL: [&str; 36] = [
    "size",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "dyn",
    "type",
    "matches",
    "join",
    "unique",
    "sort_by",
    "flatten",
    "round",
    "sum",
    "has",
    "lists.range",
    "math.greatest",
    "math.least",
    "math.ceil",
    "math.floor",
    "math.round",
    "math.trunc",
    "math.abs",
    "math.sign",
    "math.sqrt",
    "math.isNaN",
    "math.isInf",
    "math.isFinite",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "strings.quote",
    "math.bitAnd",
    "question_parts",
];

/// Functions called as `x.f()`.
const MEMBER: [&str; 35] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "map",
    "filter",
    "join",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "lowerAscii",
    "upperAscii",
    "replace",
    "split",
    "substring",
    "trim",
    "reverse",
    "format",
    "slice",
    "flatten",
    "distinct",
    "sort",
    "sortBy",
    "hasValue",
    "value",
    "or",
    "orValue",
    "optMap",
    "optFlatMap",
    "quote",
];

/// Whether there is a function of this name, called on a value or not.
pub(super) fn is_known(name: &str, member: bool) -> bool {
    names(member).any(|known| known == name)
}

/// The names of all functions that are called on a value, or not.
pub(super) fn names(member: bool) -> impl Iterator<Item = &'static str> {
    if member { MEMBER.iter() } else { GLOBAL.iter() }.copied()
}

/// The standard language with the functions of this file and the crate's libraries for texts, lists and numbers.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    let what = "the names of our functions are not taken by the standard library";
    env.add_extension(cel::extensions::strings).expect(what);
    env.add_extension(cel::extensions::lists).expect(what);
    env.add_extension(cel::extensions::math).expect(what);
    for (name, operation) in
        [(ADD, add as cel::common::functions::Function), (SUBTRACT, subtract), (MULTIPLY, multiply), (DIVIDE, divide)]
    {
        env.add_overload(name, name, vec![DYN_TYPE, DYN_TYPE], operation).expect(what);
    }
    for (name, count, operation) in [
        (IN_ORDER, 3, in_order as cel::common::functions::Function),
        (KEEP, 2, keep),
        (LOOK, 2, look),
        (JOIN, 3, join),
        (REPLACE, 4, replace),
        (SPLIT, 3, split),
        (RANGE, 2, range),
        (UNIQUE, 2, unique),
        (GO_ON, 1, go_on),
    ] {
        env.add_overload(name, name, (0..count).map(|_| DYN_TYPE).collect(), operation).expect(what);
    }
    env.add_overload(MATCHES, MATCHES, vec![STRING_TYPE, STRING_TYPE], matches).expect(what);
    env.add_overload("flatten", "flatten_list", vec![LIST_TYPE], flatten).expect(what);
    env.add_overload("sort_by", "sort_by_list_string", vec![LIST_TYPE, STRING_TYPE], sort_by).expect(what);
    env.add_overload("sum", "sum_list", vec![LIST_TYPE], sum).expect(what);
    env.add_overload("question_parts", "question_parts_string", vec![STRING_TYPE], parts_of).expect(what);
    env.add_overload("round", "round_dyn_int", vec![DYN_TYPE, INT_TYPE], round).expect(what);
    env
}

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Answer<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn number(value: &(dyn Val + '_)) -> Option<f64> {
    let whole = value.downcast_ref::<CelInt>().map(|value| *value.inner() as f64);
    whole.or_else(|| value.downcast_ref::<CelDouble>().map(|value| *value.inner()))
}

fn is_fraction(value: &(dyn Val + '_)) -> bool {
    value.downcast_ref::<CelDouble>().is_some()
}

/// Both as floating point numbers, where one is whole and the other is not.
fn mixed(arguments: &Arguments<'_, '_>) -> Option<(f64, f64)> {
    let (left, right) = (arguments[0].as_ref(), arguments[1].as_ref());
    if is_fraction(left) == is_fraction(right) {
        return None;
    }
    Some((number(left)?, number(right)?))
}

fn unfit(operator: &str, arguments: &Arguments<'_, '_>) -> ExecutionError {
    ExecutionError::no_such_overload(
        operator,
        arguments.iter().map(|value| value.get_type().name().to_string()).collect(),
    )
}

fn add<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    if let Some((left, right)) = mixed(&arguments) {
        return Ok(CowVal::owned(CelDouble::from(left + right)));
    }
    let adder = arguments[0].as_adder().ok_or_else(|| unfit("+", &arguments))?;
    Ok(CowVal::Owned(adder.add(arguments[1].as_ref())?.into_owned()))
}

fn subtract<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    if let Some((left, right)) = mixed(&arguments) {
        return Ok(CowVal::owned(CelDouble::from(left - right)));
    }
    let subtractor = arguments[0].as_subtractor().ok_or_else(|| unfit("-", &arguments))?;
    Ok(CowVal::Owned(subtractor.sub(arguments[1].as_ref())?.into_owned()))
}

fn multiply<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    if let Some((left, right)) = mixed(&arguments) {
        return Ok(CowVal::owned(CelDouble::from(left * right)));
    }
    let multiplier = arguments[0].as_multiplier().ok_or_else(|| unfit("*", &arguments))?;
    Ok(CowVal::Owned(multiplier.mul(arguments[1].as_ref())?.into_owned()))
}

fn divide<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    if let Some((left, right)) = mixed(&arguments) {
        return Ok(CowVal::owned(CelDouble::from(left / right)));
    }
    let divider = arguments[0].as_divider().ok_or_else(|| unfit("/", &arguments))?;
    Ok(CowVal::Owned(divider.div(arguments[1].as_ref())?.into_owned()))
}

/// That there is nothing left; what the caller tells comes from the fuel itself.
fn out() -> ExecutionError {
    ExecutionError::function_error("fuel", "it takes too much")
}

fn fuel<'a>(arguments: &'a Arguments<'_, '_>) -> Result<&'a Fuel, ExecutionError> {
    let tank = arguments[0].downcast_ref::<Tank>().ok_or_else(|| unfit("fuel", arguments))?;
    if tank.0.is_out() { Err(out()) } else { Ok(&tank.0) }
}

/// `@in_order(fuel, cost, range)`: the keys of an object, sorted; anything else as it is. Draws the steps of all rounds over it, each of
/// which has `cost` parts.
fn in_order<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let cost = arguments[1].downcast_ref::<CelInt>().map_or(1, |cost| *cost.inner()) as u64;
    let rounds = match arguments[2].as_sizer() {
        Some(sizer) => *sizer.size().inner() as u64,
        None => 0,
    };
    if !fuel(&arguments)?.take_steps(rounds.saturating_mul(cost)) {
        return Err(out());
    }
    let value = arguments.pop().expect("three arguments by its declaration");
    let Some(map) = value.downcast_ref::<CelMap<'_>>() else { return Ok(value) };
    let mut keys: Vec<_> = map.inner().keys().cloned().collect();
    keys.sort_by_key(key_text);
    let keys: Vec<Box<dyn Val + 'v>> = keys.iter().map(|key| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

/// `@keep(fuel, value)`: a value that was made or is copied.
fn keep<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let bytes = weight(arguments[1].as_ref());
    // Whoever copies a value goes through it.
    let fuel = fuel(&arguments)?;
    if !fuel.take_bytes(bytes) || !fuel.take_steps(bytes / 512 + 1) {
        return Err(out());
    }
    Ok(arguments.pop().expect("two arguments by its declaration"))
}

/// `@look(fuel, value)`: a value that is gone through once.
fn look<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let steps = length(arguments[1].as_ref());
    if !fuel(&arguments)?.take_steps(steps) {
        return Err(out());
    }
    Ok(arguments.pop().expect("two arguments by its declaration"))
}

/// `@go_on(fuel)`: whether there is any left. A loop asks before each round, because `all` and `exists` swallow errors.
fn go_on<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(fuel(&arguments).is_ok())))
}

/// `@range(fuel, n)`: the numbers from 0 to below n.
fn range<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    /// Bytes of a number in a list.
    const NUMBER: usize = 64;
    let most = arguments[1].downcast_ref::<CelInt>().ok_or_else(|| unfit("lists.range", &arguments))?;
    let count = usize::try_from(*most.inner())
        .map_err(|_| ExecutionError::function_error("lists.range", format!("it is below 0: {}", most.inner())))?;
    made(fuel(&arguments)?, count.saturating_mul(NUMBER), || {
        let numbers = (0..count as i64).map(|at| Box::new(CelInt::from(at)) as Box<dyn Val + 'v>);
        CowVal::owned(CelList::from(numbers.collect::<Vec<_>>()))
    })
}

fn made<'b, 'v>(fuel: &Fuel, bytes: usize, make: impl FnOnce() -> CowVal<'b, 'v>) -> Answer<'b, 'v> {
    let bytes = bytes as u64;
    if fuel.take_bytes(bytes) && fuel.take_steps(bytes / 512 + 1) { Ok(make()) } else { Err(out()) }
}

/// `@replace(fuel, text, from, to)`: every occurrence.
fn replace<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let (text, from, to) = (text(&arguments[1])?, text(&arguments[2])?, text(&arguments[3])?);
    let bytes = text.len() + text.matches(from).count().saturating_mul(to.len());
    made(fuel(&arguments)?, bytes, || CowVal::owned(CelString::from(text.replace(from, to))))
}

/// `@split(fuel, text, separator)`: all parts; an empty separator splits between characters.
fn split<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    /// Bytes of a part beside its text.
    const PART: usize = 64;
    let (text, separator) = (text(&arguments[1])?, text(&arguments[2])?);
    let parts = text.matches(separator).count() + 1;
    let part = |part: &str| Box::new(CelString::from(part.to_string())) as Box<dyn Val + 'v>;
    made(fuel(&arguments)?, text.len() + parts.saturating_mul(PART), || {
        let parts: Vec<_> = match separator.is_empty() {
            true => text.char_indices().map(|(at, c)| part(&text[at..at + c.len_utf8()])).collect(),
            false => text.split(separator).map(part).collect(),
        };
        CowVal::owned(CelList::from(parts))
    })
}

/// Whether a pattern is found in a text; patterns are compiled once.
fn matches<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    static PATTERNS: Table<Regex> = Table::new();
    let (text, pattern) = (text(&arguments[0])?, text(&arguments[1])?);
    let pattern: Arc<Regex> = PATTERNS
        .get(pattern, || Regex::new(pattern).map_err(|error| Mistake { message: error.to_string(), offset: 0 }))
        .map_err(|mistake| ExecutionError::function_error("matches", mistake.message))?;
    Ok(CowVal::owned(CelBool::from(pattern.is_match(text))))
}

fn text<'a>(value: &'a CowVal<'_, '_>) -> Result<&'a str, ExecutionError> {
    value.downcast_ref::<CelString<'_>>().map(CelString::inner).ok_or_else(|| unfit("string", &vec![value.clone()]))
}

fn items<'a, 'v>(value: &'a CowVal<'_, 'v>) -> Result<&'a [Box<dyn Val + 'v>], ExecutionError> {
    value
        .downcast_ref::<CelList<'_>>()
        .map(cel::common::types::CelList::inner)
        .ok_or_else(|| unfit("list", &vec![value.clone()]))
}

/// `join(list, separator)`: numbers and truth values are written out, null is left out.
fn join<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let mut parts: Vec<String> = Vec::new();
    for item in items(&arguments[1])? {
        if let Some(text) = item.downcast_ref::<CelString<'_>>() {
            parts.push(text.inner().to_string());
        } else if let Some(whole) = item.downcast_ref::<CelInt>() {
            parts.push(whole.inner().to_string());
        } else if let Some(number) = item.downcast_ref::<CelDouble>() {
            parts.push(number.inner().to_string());
        } else if let Some(truth) = item.downcast_ref::<CelBool>() {
            parts.push(truth.inner().to_string());
        } else if item.get_type().name() != "null_type" {
            return Err(ExecutionError::function_error(
                "join",
                format!("a {} cannot be joined", item.get_type().name()),
            ));
        }
    }
    let separator = text(&arguments[2])?;
    let bytes = parts.iter().map(|part| part.len() + separator.len()).fold(0_usize, usize::saturating_add);
    made(fuel(&arguments)?, bytes, || CowVal::owned(CelString::from(parts.join(separator))))
}

/// What tells a text, a number or a truth value from all others; lists and objects have no such thing.
fn mark(value: &(dyn Val + '_)) -> Option<String> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Some(format!("t{}", text.inner()));
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Some(truth.inner().to_string());
    }
    number(value).map(|number| format!("n{number:?}"))
}

/// `@unique(fuel, list)`: the first of each value, in order.
fn unique<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let fuel = fuel(&arguments)?;
    let mut kept: Vec<Box<dyn Val + 'v>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for item in items(&arguments[1])? {
        let is_new = if let Some(mark) = mark(item.as_ref()) {
            seen.insert(mark)
        } else {
            if !fuel.take_steps(kept.len() as u64) {
                return Err(out());
            }
            !kept.iter().any(|known| known.equals(item.as_ref()))
        };
        if is_new {
            kept.push(item.clone());
        }
    }
    Ok(CowVal::owned(CelList::from(kept)))
}

/// `flatten(list)`: the items of the lists in it, and what is no list as it is; one level.
fn flatten<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let mut all: Vec<Box<dyn Val + 'v>> = Vec::new();
    for item in items(&arguments[0])? {
        match item.downcast_ref::<CelList<'_>>() {
            Some(list) => all.extend(list.inner().iter().cloned()),
            None => all.push(item.clone()),
        }
    }
    Ok(CowVal::owned(CelList::from(all)))
}

/// `sort_by(list, 'field')`: by a field, smallest first; `'-field'` turns it round. Equal ones keep their order.
fn sort_by<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let field = text(&arguments[1])?;
    let (field, turned) = field.strip_prefix('-').map_or((field, false), |field| (field, true));
    let key = CelString::from(field);
    let mut keyed = Vec::new();
    for item in items(&arguments[0])? {
        let indexer = item.as_indexer().ok_or_else(|| ExecutionError::no_such_key(field))?;
        keyed.push((indexer.get(&key)?.into_owned(), item.clone()));
    }
    let mut wrong = None;
    keyed.sort_by(|(a, _), (b, _)| {
        let order = a.as_comparer().map(|comparer| comparer.compare(b.as_ref()));
        let order = match order {
            Some(Ok(order)) => order,
            Some(Err(error)) => {
                wrong = Some(error);
                Ordering::Equal
            }
            None => {
                let message = format!("values of `{field}` cannot be ordered: {}", a.get_type().name());
                wrong = Some(ExecutionError::function_error("sort_by", message));
                Ordering::Equal
            }
        };
        if turned { order.reverse() } else { order }
    });
    match wrong {
        Some(error) => Err(error),
        None => Ok(CowVal::owned(CelList::from(keyed.into_iter().map(|(_, item)| item).collect::<Vec<_>>()))),
    }
}

/// `sum(list)`: of numbers; whole where all of them are.
fn sum<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let list = items(&arguments[0])?;
    let wholes: Option<Vec<i64>> =
        list.iter().map(|item| item.downcast_ref::<CelInt>().map(|whole| *whole.inner())).collect();
    if let Some(total) = wholes.and_then(|wholes| wholes.into_iter().try_fold(0_i64, i64::checked_add)) {
        return Ok(CowVal::owned(CelInt::from(total)));
    }
    let mut total = 0.0;
    for item in list {
        total += number(item.as_ref()).ok_or_else(|| {
            ExecutionError::function_error("sum", format!("a {} is no number", item.get_type().name()))
        })?;
    }
    Ok(CowVal::owned(CelDouble::from(total)))
}

/// `question_parts(text)`: the questions that a question asks, each to be looked up by itself.
fn parts_of<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let parts = question_parts(text(&arguments[0])?);
    let parts = parts.into_iter().map(|part| Box::new(CelString::from(part)) as Box<dyn Val + 'v>);
    Ok(CowVal::owned(CelList::from(parts.collect::<Vec<_>>())))
}

/// `round(number, digits)`: to so many digits after the point, halves away from zero.
fn round<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let value = number(arguments[0].as_ref()).ok_or_else(|| unfit("round", &arguments))?;
    let digits = arguments[1].downcast_ref::<CelInt>().map_or(0, |digits| *digits.inner()).clamp(-15, 15) as i32;
    let scale = 10_f64.powi(digits);
    let rounded = (value * scale).round() / scale;
    // A number too large to scale has no digits after the point.
    Ok(CowVal::owned(CelDouble::from(if rounded.is_finite() { rounded } else { value })))
}

//! Tokens and named values in, the formula's result out; knows the order of operations and the functions.

use std::collections::BTreeMap;

use jiff::Unit as Calendar;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, MathematicalOps, RoundingStrategy};

use super::read::{Token, tokens};
use super::value::{Unit, Value, between, later, together};

/// Characters of a formula.
pub const CHARS_MAX: usize = 4_000;
/// Parentheses, signs and powers within each other.
const DEPTH_MAX: usize = 64;

/// The value of `formula` over `names`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn evaluate(formula: &str, names: &BTreeMap<String, Value>) -> Result<Value, String> {
    if formula.chars().count() > CHARS_MAX {
        return Err(format!("the formula is longer than {CHARS_MAX} characters"));
    }
    let tokens = tokens(formula)?;
    let mut parser = Parser { tokens: &tokens, names, depth: 0 };
    let value = parser.sum()?;
    match parser.tokens.first() {
        None => Ok(value),
        Some(token) => Err(format!("an operator is missing before {}", said(token))),
    }
}

fn said(token: &Token) -> String {
    match token {
        Token::Value(value) => format!("`{value}`"),
        Token::Name(name) => format!("`{name}`"),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    names: &'a BTreeMap<String, Value>,
    depth: usize,
}

impl Parser<'_> {
    fn sign(&mut self, signs: &[char]) -> Option<char> {
        match self.tokens.first() {
            Some(Token::Sign(sign)) if signs.contains(sign) => {
                self.tokens = &self.tokens[1..];
                Some(*sign)
            }
            _ => None,
        }
    }

    /// `product { (+|-) product }`
    fn sum(&mut self) -> Result<Value, String> {
        let mut value = self.product()?;
        while let Some(sign) = self.sign(&['+', '-']) {
            let other = self.product()?;
            value = if sign == '+' { value.add(other)? } else { value.subtract(other)? };
        }
        Ok(value)
    }

    /// `signed { (*|/) signed }`
    fn product(&mut self) -> Result<Value, String> {
        let mut value = self.signed()?;
        while let Some(sign) = self.sign(&['*', '/']) {
            let other = self.signed()?;
            value = if sign == '*' { value.multiply(other)? } else { value.divide(other)? };
        }
        Ok(value)
    }

    /// `(-|+) signed | atom [^ signed]`: -2^2 is -4, and powers are taken from the right.
    fn signed(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("the formula nests more than {DEPTH_MAX} deep"));
        }
        let value = match self.sign(&['-', '+']) {
            Some('-') => self.signed()?.negate(),
            Some(_) => self.signed()?,
            None => {
                let base = self.atom()?;
                match self.sign(&['^']) {
                    Some(_) => base.power(self.signed()?)?,
                    None => base,
                }
            }
        };
        self.depth -= 1;
        Ok(value)
    }

    /// `value | name | name ( arguments ) | ( sum )`
    fn atom(&mut self) -> Result<Value, String> {
        let Some((first, rest)) = self.tokens.split_first() else { return Err("the formula ends too early".into()) };
        self.tokens = rest;
        match first {
            Token::Value(value) => Ok(*value),
            Token::Name(name) => match self.sign(&['(']) {
                Some(_) => call(name, &self.arguments()?),
                None => self.names.get(name).copied().ok_or_else(|| self.unknown(name)),
            },
            Token::Sign('(') => {
                let value = self.sum()?;
                self.sign(&[')']).map(|_| value).ok_or_else(|| "a `)` is missing".into())
            }
            Token::Sign(sign) => Err(format!("a value is missing before `{sign}`")),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Value>, String> {
        let mut arguments = Vec::new();
        if self.sign(&[')']).is_some() {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.sum()?);
            match self.sign(&[',', ')']) {
                Some(',') => {}
                Some(_) => return Ok(arguments),
                None => return Err("a `)` is missing".into()),
            }
        }
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self.names.keys().map(String::as_str).collect();
        let known =
            if known.is_empty() { "no names are given".into() } else { format!("known are {}", known.join(", ")) };
        format!("`{name}` is neither a number nor a name; {known}")
    }
}

/// The functions with their arguments, as they are told to people and models.
pub const FUNCTIONS: &str = "sum, min, max, avg (any number of values), abs(x), round(x, digits), floor(x), ceil(x), \
     sqrt(x), days(from, to), months(from, to), years(from, to), add_days(date, n), add_months(date, n), year(date), \
     month(date), day(date)";

fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let name = name.to_lowercase();
    match (name.as_str(), arguments) {
        ("sum", [_, ..]) => fold(arguments, Value::add),
        ("avg" | "mean" | "average", [_, ..]) => {
            fold(arguments, Value::add)?.divide(Value::plain(Decimal::from(arguments.len())))
        }
        ("min", [_, ..]) => fold(arguments, |a, b| if is_less(b, a)? { Ok(b) } else { Ok(a) }),
        ("max", [_, ..]) => fold(arguments, |a, b| if is_less(a, b)? { Ok(b) } else { Ok(a) }),
        ("abs", [Value::Amount(number, unit)]) => Ok(Value::Amount(number.abs(), *unit)),
        ("floor", [Value::Amount(number, unit)]) => Ok(Value::Amount(number.floor(), *unit)),
        ("ceil", [Value::Amount(number, unit)]) => Ok(Value::Amount(number.ceil(), *unit)),
        ("round", [amount]) => round(*amount, 0),
        ("round", [amount, Value::Amount(digits, Unit::Plain)]) => match digits.to_u32().filter(|digits| *digits <= 28)
        {
            Some(digits) if Decimal::from(digits) == *number_of(arguments, 1) => round(*amount, digits),
            _ => Err("round takes 0 to 28 digits".into()),
        },
        ("sqrt", [Value::Amount(number, Unit::Plain)]) => {
            number.sqrt().map(Value::plain).ok_or_else(|| "a negative number has no square root".into())
        }
        ("days", [Value::Date(from), Value::Date(to)]) => between(*from, *to, Calendar::Day),
        ("months", [Value::Date(from), Value::Date(to)]) => between(*from, *to, Calendar::Month),
        ("years", [Value::Date(from), Value::Date(to)]) => between(*from, *to, Calendar::Year),
        ("add_days", [Value::Date(date), Value::Amount(number, Unit::Plain | Unit::Days)]) => {
            later(*date, Value::Amount(*number, Unit::Days))
        }
        ("add_months", [Value::Date(date), Value::Amount(number, Unit::Plain | Unit::Months)]) => {
            later(*date, Value::Amount(*number, Unit::Months))
        }
        ("year", [Value::Date(date)]) => Ok(Value::plain(date.year().into())),
        ("month", [Value::Date(date)]) => Ok(Value::plain(date.month().into())),
        ("day", [Value::Date(date)]) => Ok(Value::plain(date.day().into())),
        _ if FUNCTIONS.split([' ', ',', '(']).any(|known| known == name) => {
            Err(format!("`{name}` does not take these arguments; there are {FUNCTIONS}"))
        }
        _ => Err(format!("there is no function `{name}`; there are {FUNCTIONS}")),
    }
}

fn number_of(arguments: &[Value], at: usize) -> &Decimal {
    match &arguments[at] {
        Value::Amount(number, _) => number,
        Value::Date(_) => &Decimal::ZERO,
    }
}

fn fold(arguments: &[Value], join: impl Fn(Value, Value) -> Result<Value, String>) -> Result<Value, String> {
    let (first, rest) = arguments.split_first().expect("checked by the caller's pattern");
    rest.iter().try_fold(*first, |sum, next| join(sum, *next))
}

fn is_less(one: Value, two: Value) -> Result<bool, String> {
    match (one, two) {
        (Value::Date(one), Value::Date(two)) => Ok(one < two),
        (Value::Amount(a, one), Value::Amount(b, two)) => together(one, two).map(|_| a < b),
        _ => Err("a date and a number cannot be compared".into()),
    }
}

/// Half away from zero, as figures in reports are rounded.
fn round(amount: Value, digits: u32) -> Result<Value, String> {
    match amount {
        Value::Amount(number, unit) => {
            let rounded = number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
            Ok(Value::Amount(rounded, unit))
        }
        Value::Date(_) => Err("a date cannot be rounded".into()),
    }
}

//! The text of a workflow file in, the workflow with the place of each of its parts out, or everything that is wrong with its shape.
//!
//! The shape is checked against the schema that editors use, because that finds all mistakes with their places; the types behind it would
//! stop at the first. What the parts mean together is left to `check`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::graph::Workflow;
use super::nearest;

static SCHEMA: LazyLock<Value> = LazyLock::new(super::schema::schema);

/// Largest workflow file, in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The workflow cannot run.
    Error,
    /// It can run, but likely not as it was meant.
    Warning,
}

/// Something that is wrong with a workflow file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named.
    pub path: String,
    /// Its line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// Where the parts of a file stand. A part is named by its path, such as `/step/2/query`.
#[derive(Debug)]
pub struct Places<'a> {
    path: &'a str,
    text: &'a str,
    /// Bytes of the key and of the value.
    spans: HashMap<String, (Range<usize>, Range<usize>)>,
}

impl Places<'_> {
    fn collect(&mut self, at: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let at = format!("{at}/{}", key.get_ref());
            self.collect_value(&at, key.span(), value);
        }
    }

    fn collect_value(&mut self, at: &str, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        self.spans.insert(at.to_string(), (key.clone(), value.span()));
        match value.get_ref() {
            DeValue::Table(table) => self.collect(at, table),
            DeValue::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    // The place of a `[[step]]` is its header.
                    self.collect_value(&format!("{at}/{index}"), item.span(), item);
                }
            }
            _ => {}
        }
    }

    /// A problem at the byte `offset`.
    fn at(&self, offset: usize, severity: Severity, message: String, suggestion: Option<String>) -> Problem {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Problem {
            path: self.path.to_string(),
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
            severity,
            message,
            suggestion,
        }
    }

    /// The spans of the part, or of the nearest part around it that the file has.
    fn spans(&self, part: &str) -> (Range<usize>, Range<usize>) {
        let mut part = part;
        loop {
            if let Some(found) = self.spans.get(part) {
                return found.clone();
            }
            match part.rfind('/') {
                Some(at) => part = &part[..at],
                None => return (0..0, 0..0),
            }
        }
    }

    /// Whether the file has this part; what it leaves out is a default.
    pub(super) fn has(&self, part: &str) -> bool {
        self.spans.contains_key(part)
    }

    /// A problem with the value of a part.
    pub(super) fn value(
        &self,
        part: &str,
        severity: Severity,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) -> Problem {
        self.at(self.spans(part).1.start, severity, message.into(), suggestion)
    }

    /// A problem with the name of a part.
    pub(super) fn key(
        &self,
        part: &str,
        severity: Severity,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) -> Problem {
        self.at(self.spans(part).0.start, severity, message.into(), suggestion)
    }

    /// A problem within the text of a part: at the byte `offset` of the text as it is read.
    pub(super) fn within(
        &self,
        part: &str,
        offset: usize,
        severity: Severity,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) -> Problem {
        let span = self.spans(part).1;
        let raw = self.text.get(span.clone()).unwrap_or_default();
        self.at(span.start + raw_offset(raw, offset), severity, message.into(), suggestion)
    }
}

/// Where in a TOML string, quotes included, the byte `offset` of its value stands.
fn raw_offset(raw: &str, offset: usize) -> usize {
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    let mut at = quotes.min(raw.len());
    if quotes == 3 {
        // A line break right after the opening quotes is no part of the value.
        at += ["\r\n", "\n"].iter().find(|end| raw[at..].starts_with(**end)).map_or(0, |end| end.len());
    }
    let escapes = raw.starts_with('"');
    let mut read = 0;
    while read < offset {
        let Some(next) = raw[at..].chars().next() else { break };
        if next != '\\' || !escapes {
            at += next.len_utf8();
            read += next.len_utf8();
            continue;
        }
        let (taken, given) = match raw[at + 1..].chars().next() {
            Some('u') => (6, 2),
            Some('U') => (10, 4),
            Some('x') => (4, 1),
            Some(end) if end.is_whitespace() => {
                let blank = raw[at + 1..].len() - raw[at + 1..].trim_start().len();
                (1 + blank, 0)
            }
            _ => (2, 1),
        };
        at = (at + taken).min(raw.len());
        while !raw.is_char_boundary(at) {
            at -= 1;
        }
        read += given;
    }
    at.min(raw.len().saturating_sub(quotes).max(quotes.min(raw.len())))
}

/// An expression or a template of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// The part that holds it.
    pub(super) part: String,
    /// Whether it is a template.
    pub(super) is_template: bool,
    /// Its text.
    pub(super) text: String,
}

/// A file that was read.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// What it says.
    pub workflow: Workflow,
    /// Where its parts stand.
    pub places: Places<'a>,
    /// Its expressions and templates in the order of the file.
    pub(super) sources: Vec<Source>,
}

/// The workflow that a file's text says.
///
/// # Errors
/// Every problem with its shape: what is no TOML, unknown and missing fields, wrong types, unknown kinds.
pub fn parse(text: &str, path: &str) -> Result<Workflow, Vec<Problem>> {
    parse_with_places(text, path).map(|parsed| parsed.workflow)
}

/// As [`parse`], with where everything stands.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_places<'a>(text: &'a str, path: &'a str) -> Result<Parsed<'a>, Vec<Problem>> {
    let mut places = Places { path, text, spans: HashMap::new() };
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes, more than {FILE_BYTES_MAX}", text.len());
        return Err(vec![places.at(0, Severity::Error, message, None)]);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let problem = |error: &toml::de::Error| {
            let offset = error.span().map_or(0, |span| span.start);
            places.at(offset, Severity::Error, format!("this is no TOML: {}", error.message()), None)
        };
        return Err(errors.iter().map(problem).collect());
    }
    places.collect("", table.get_ref());
    let mut shape = Shape { places: &places, problems: Vec::new(), sources: Vec::new() };
    shape.table("", &SCHEMA, table.get_ref());
    let Shape { mut problems, mut sources, .. } = shape;
    if !problems.is_empty() {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        return Err(problems);
    }
    sources.sort_by_key(|source| places.spans(&source.part).1.start);
    match toml::from_str(text) {
        Ok(workflow) => Ok(Parsed { workflow, places, sources }),
        // Only what the schema cannot say comes this far.
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            Err(vec![places.at(offset, Severity::Error, error.message().to_string(), None)])
        }
    }
}

/// Looks at the shape of a file.
struct Shape<'a> {
    places: &'a Places<'a>,
    problems: Vec<Problem>,
    sources: Vec<Source>,
}

fn resolved(schema: &Value) -> &Value {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        Some(name) => &SCHEMA["$defs"][name],
        None => schema,
    }
}

impl Shape<'_> {
    fn table(&mut self, at: &str, schema: &Value, table: &DeTable<'_>) {
        let closed = schema["additionalProperties"] == Value::Bool(false);
        let fields = schema["properties"].as_object();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let part = format!("{at}/{name}");
            match fields.and_then(|fields| fields.get(name)) {
                Some(field) => self.value(&part, field, value),
                None if closed => {
                    let known = fields.into_iter().flat_map(|fields| fields.keys().map(String::as_str));
                    let meant = nearest(name, known.clone()).map(|near| format!("did you mean `{near}`?"));
                    let listed = || {
                        format!(
                            "known are {}",
                            known.filter(|name| *name != "max_visits").collect::<Vec<_>>().join(", ")
                        )
                    };
                    let owner = owner(schema, at);
                    let message = format!("{owner} has no field `{name}`");
                    self.problems.push(self.places.key(
                        &part,
                        Severity::Error,
                        message,
                        Some(meant.unwrap_or_else(listed)),
                    ));
                }
                None if schema["additionalProperties"].is_object() => {
                    self.value(&part, &schema["additionalProperties"], value);
                }
                None => {}
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(name) {
                let message = format!("{} needs a field `{name}`", owner(schema, at));
                let about = schema["properties"][name]["description"].as_str().map(one_line);
                self.problems.push(self.places.key(
                    at,
                    Severity::Error,
                    message,
                    about.map(|about| format!("`{name}`: {about}")),
                ));
            }
        }
    }

    fn value(&mut self, at: &str, schema: &Value, value: &Spanned<DeValue<'_>>) {
        if let (Some(kind), DeValue::String(text)) = (language(schema), value.get_ref()) {
            self.sources.push(Source { part: at.into(), is_template: kind == "Template", text: text.to_string() });
            return;
        }
        let schema = resolved(schema);
        if let Some(variants) = schema["oneOf"].as_array() {
            return match variants.first().is_some_and(|variant| variant["properties"]["kind"].is_object()) {
                true => self.step(at, variants, value),
                false => self.choice(at, variants, value),
            };
        }
        if let Some(variants) = schema["anyOf"].as_array() {
            let fit = variants.iter().find(|variant| fits(variant, value.get_ref()));
            return match fit {
                Some(variant) => self.value(at, variant, value),
                None => self.wrong(at, schema, value),
            };
        }
        match value.get_ref() {
            _ if !fits(schema, value.get_ref()) => self.wrong(at, schema, value),
            DeValue::Table(table) => self.table(at, schema, table),
            DeValue::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.value(&format!("{at}/{index}"), &schema["items"], item);
                }
                let (least, most) = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
                let count = list.len() as u64;
                if least.is_some_and(|least| count < least) || most.is_some_and(|most| count > most) {
                    self.wrong(at, schema, value);
                }
            }
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix());
                let least = schema["minimum"].as_i64();
                let most = schema["maximum"].as_i64();
                if number.is_err()
                    || least > number.clone().ok()
                    || most.is_some_and(|most| number.is_ok_and(|number| number > most))
                {
                    let least = least.map(|least| format!(" of at least {least}")).unwrap_or_default();
                    let message = format!("`{}` must be a whole number{least}", last(at));
                    self.problems.push(self.places.value(at, Severity::Error, message, None));
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, at: &str, variants: &[Value], value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            self.problems.push(self.places.value(at, Severity::Error, "a step is a table: [[step]]", None));
            return;
        };
        let kinds = || variants.iter().filter_map(|variant| variant["title"].as_str());
        let known = || Some(format!("kinds are {}", kinds().collect::<Vec<_>>().join(", ")));
        let Some(kind) = table.get("kind") else {
            self.problems.push(self.places.key(at, Severity::Error, "the step has no `kind`", known()));
            return;
        };
        let part = format!("{at}/kind");
        let Some(name) = kind.get_ref().as_str() else {
            self.problems.push(self.places.value(&part, Severity::Error, "`kind` must be a text", known()));
            return;
        };
        if let Some(variant) = variants.iter().find(|variant| variant["title"] == name) {
            self.table(at, variant, table);
        } else {
            let meant = nearest(name, kinds()).map(|near| format!("did you mean `{near}`?")).or_else(known);
            let message = format!("there is no kind `{name}`");
            self.problems.push(self.places.value(&part, Severity::Error, message, meant));
        }
    }

    /// One of a list of fixed texts.
    fn choice(&mut self, at: &str, variants: &[Value], value: &Spanned<DeValue<'_>>) {
        let choices: Vec<&str> = variants.iter().filter_map(|variant| variant["const"].as_str()).collect();
        let given = value.get_ref().as_str();
        if given.is_some_and(|given| choices.contains(&given)) {
            return;
        }
        let message = match given {
            Some(given) => format!("`{}` cannot be \"{given}\"", last(at)),
            None => format!("`{}` must be a text", last(at)),
        };
        let meant = given
            .and_then(|given| nearest(given, choices.iter().copied()))
            .map(|near| format!("did you mean \"{near}\"?"));
        let known = || format!("it is one of \"{}\"", choices.join("\", \""));
        self.problems.push(self.places.value(at, Severity::Error, message, Some(meant.unwrap_or_else(known))));
    }

    fn wrong(&mut self, at: &str, schema: &Value, value: &Spanned<DeValue<'_>>) {
        let message = format!("`{}` must be {}, not {}", last(at), wanted(schema), found(value.get_ref()));
        self.problems.push(self.places.value(at, Severity::Error, message, None));
    }
}

/// `Expression` or `Template`, where the schema asks for one.
fn language(schema: &Value) -> Option<&'static str> {
    let named = |schema: &Value| match schema["$ref"].as_str() {
        Some("#/$defs/Expression") => Some("Expression"),
        Some("#/$defs/Template") => Some("Template"),
        _ => None,
    };
    named(schema).or_else(|| resolved(schema)["anyOf"].as_array()?.iter().find_map(named))
}

fn fits(schema: &Value, value: &DeValue<'_>) -> bool {
    let schema = resolved(schema);
    if let Some(variants) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return variants.iter().any(|variant| fits(variant, value));
    }
    let one = |name: &str| match name {
        "string" => value.is_str(),
        "integer" => value.is_integer(),
        "number" => value.is_integer() || value.is_float(),
        "boolean" => value.is_bool(),
        "array" => value.is_array(),
        "object" => value.is_table(),
        _ => false,
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(one),
        _ => true,
    }
}

fn wanted(schema: &Value) -> String {
    let schema = resolved(schema);
    let one = |name: &str| match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a table",
        _ => "something else",
    };
    if let Some(variants) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let mut words: Vec<String> = Vec::new();
        for variant in variants.iter().filter(|variant| variant["type"] != "null") {
            let word = match language(variant) {
                Some("Expression") => "an expression".into(),
                Some(_) => "a template".into(),
                None => wanted(variant),
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        return words.join(" or ");
    }
    match &schema["type"] {
        Value::String(name) => one(name).into(),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.map(one).collect::<Vec<_>>().join(" or ")
        }
        _ => "something else".into(),
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What a table is, in words.
fn owner(schema: &Value, at: &str) -> String {
    if at.is_empty() {
        return "a workflow".into();
    }
    match schema["title"].as_str() {
        Some(kind) => format!("a step of kind `{kind}`"),
        None => format!("`{}`", named(at)),
    }
}

/// The last name of a part that is not an index.
fn named(part: &str) -> &str {
    part.rsplit('/').find(|name| name.parse::<usize>().is_err()).unwrap_or(part)
}

/// The last name of a part, with the index behind it where there is one.
fn last(part: &str) -> String {
    let mut out = named(part).to_string();
    if let Some(index) = part.rsplit('/').next().filter(|name| name.parse::<usize>().is_ok()) {
        let _ = write!(out, "[{index}]");
    }
    out
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

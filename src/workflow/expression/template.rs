//! Template source in, a program out that renders over borrowed JSON; knows neither steps nor files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value};
use regex::Regex;

use super::{Mistake, NamedPath, Projected, SOURCE_BYTES_MAX, Scope, missing};

/// What templates may call without it being a value of the run.
const FUNCTIONS: [&str; 4] = ["range", "dict", "namespace", "debug"];

/// Bytes of one rendered text.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// The name of the only template of a program; messages do not show it.
const NAME: &str = "template";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("number", number);
    // Filters that make much of little: what they may make is bounded, or they are not there.
    environment.add_filter("indent", indent);
    environment.add_filter("replace", replace);
    environment.add_filter("slice", slice);
    environment.add_filter("batch", batch);
    environment.remove_filter("format");
    environment.add_filter("percent", percent);
    environment
});

/// A compiled template.
#[derive(Debug)]
pub(super) struct Program {
    environment: Environment<'static>,
    pub(super) paths: BTreeSet<NamedPath>,
}

impl Program {
    pub(super) fn compile(source: &str) -> Result<Self, Mistake> {
        if let Some(offset) = too_long(source) {
            return Err(Mistake {
                message: format!("what stands between the braces is longer than {SOURCE_BYTES_MAX} bytes"),
                offset,
            });
        }
        if let Some((offset, what)) = grows(source) {
            return Err(Mistake { message: format!("it is no template here: {what}"), offset });
        }
        let mut environment = ENVIRONMENT.clone();
        environment.add_template_owned(NAME, source.to_string()).map_err(|error| mistake(source, &error))?;
        let template = environment.get_template(NAME).map_err(|error| mistake(source, &error))?;
        let paths = template
            .undeclared_variables(true)
            .into_iter()
            .map(|path| path.split('.').map(String::from).collect::<NamedPath>())
            .filter(|path| !FUNCTIONS.contains(&path[0].as_str()))
            .collect();
        Ok(Self { environment, paths })
    }

    pub(super) fn render(&self, scope: &Scope) -> Result<String, String> {
        let values: BTreeMap<&str, Value> =
            scope.project(&self.paths).iter().map(|(name, part)| (*name, to_jinja(part))).collect();
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(scope.fuel.steps()));
        let template = environment.get_template(NAME).map_err(|error| error.to_string())?;
        let mut text = Text::default();
        let rendered = template.render_captured_to(Value::from(values), &mut text).map_err(|error| {
            if error.kind() == ErrorKind::OutOfFuel {
                scope.fuel.take_steps(u64::MAX);
            }
            match text.is_full {
                true => format!("it writes more than {} MiB", TEXT_BYTES_MAX >> 20),
                false => self.explain(scope, &error),
            }
        })?;
        scope.fuel.take_steps(rendered.state().fuel_levels().map_or(0, |(taken, _)| taken));
        drop(rendered);
        String::from_utf8(text.bytes).map_err(|error| error.to_string())
    }

    /// The crate's words, or better ones where a path that the template names leads nowhere.
    fn explain(&self, scope: &Scope, error: &Error) -> String {
        let lost = match error.kind() {
            ErrorKind::OutOfFuel => Some("its loops take too many steps".into()),
            ErrorKind::UndefinedError => self.paths.iter().find_map(|path| missing(scope, path)),
            _ => None,
        };
        let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
        let words =
            error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        lost.unwrap_or_else(|| format!("{words}{line}"))
    }
}

/// What a template has written.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    is_full: bool,
}

impl std::io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > TEXT_BYTES_MAX {
            self.is_full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn mistake(source: &str, error: &Error) -> Mistake {
    let start_of_line: usize =
        source.split_inclusive('\n').take(error.line().unwrap_or(1).saturating_sub(1)).map(str::len).sum();
    let offset = error.range().map_or(start_of_line, |range| range.start).min(source.len());
    let words = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    Mistake { message: format!("it is no template: {words}"), offset }
}

/// Where a `{{ … }}` or `{% … %}` begins that is longer than it may be.
fn too_long(source: &str) -> Option<usize> {
    let mut rest = 0;
    while let Some(at) = source[rest..].find(['{']).map(|at| at + rest) {
        let close = match source.as_bytes().get(at + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => {
                rest = at + 1;
                continue;
            }
        };
        let end = source[at..].find(close).map_or(source.len(), |end| end + at);
        if end - at > SOURCE_BYTES_MAX {
            return Some(at);
        }
        rest = end.max(at + 1);
    }
    None
}

/// Where a template could make a value that grows without end, and what is to be done instead. Its loops are bounded by fuel, but
/// what a round hands on to the next is not, so only flags and counters are handed on.
fn grows(source: &str) -> Option<(usize, &'static str)> {
    static NESTED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\{%[-+]?\s*(?:macro|call)\b|\brecursive\s*[-+]?%\}").expect("it is a pattern"));
    static HANDED_ON: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\{%[-+]?\s*set\s+\w+\.\w+\s*=\s*(?<value>.*?)\s*[-+]?%\}").expect("it is a pattern")
    });
    static SMALL: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r#"^(?:true|false|none|True|False|None|-?\d+(?:\.\d+)?|'[^']*'|"[^"]*"|\w+\.\w+\s*[+-]\s*\d+|not\s+\w+\.\w+)$"#;
        Regex::new(pattern).expect("it is a pattern")
    });
    if let Some(found) = NESTED.find(source) {
        return Some((found.start(), "a template calls nothing of its own; write it out, or use a sub-graph"));
    }
    let wrong = HANDED_ON.captures_iter(source).find(|found| !SMALL.is_match(&found["value"]))?;
    Some((
        wrong.get(0)?.start(),
        "a loop hands on only flags and counters (`ns.found = true`, `ns.n = ns.n + 1`); use a `compute` step",
    ))
}

/// Spaces of an indentation, or parts of a list, at most.
const COUNT_MAX: usize = 1_000;

fn bounded(count: usize, what: &str) -> Result<usize, Error> {
    match count <= COUNT_MAX {
        true => Ok(count),
        false => {
            Err(Error::new(ErrorKind::InvalidOperation, format!("`{what}` takes at most {COUNT_MAX}, not {count}")))
        }
    }
}

/// `indent(4)`: every line but the first set in by so many spaces; `indent(4, true)` the first one too.
fn indent(text: &str, width: Option<usize>, first: Option<bool>) -> Result<String, Error> {
    let spaces = " ".repeat(bounded(width.unwrap_or(4), "indent")?);
    let lines = text.lines().enumerate().map(|(at, line)| {
        let is_set_in = !line.is_empty() && (at > 0 || first.unwrap_or(false));
        format!("{}{line}", if is_set_in { spaces.as_str() } else { "" })
    });
    let set_in = lines.collect::<Vec<_>>().join("\n");
    whole(set_in.len())?;
    Ok(set_in)
}

fn whole(bytes: usize) -> Result<(), Error> {
    match bytes <= TEXT_BYTES_MAX {
        true => Ok(()),
        false => {
            Err(Error::new(ErrorKind::InvalidOperation, format!("a text of more than {} MiB", TEXT_BYTES_MAX >> 20)))
        }
    }
}

fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    whole(text.len().saturating_add(text.matches(from).count().saturating_mul(to.len())))?;
    Ok(text.replace(from, to))
}

fn slice(state: &State<'_, '_>, value: Value, count: usize, fill: Option<Value>) -> Result<Value, Error> {
    minijinja::filters::slice(state, value, bounded(count, "slice")?, fill)
}

fn batch(state: &State<'_, '_>, value: Value, count: usize, fill: Option<Value>) -> Result<Value, Error> {
    minijinja::filters::batch(state, value, bounded(count, "batch")?, fill)
}

fn to_jinja(part: &Projected<'_>) -> Value {
    match part {
        Projected::Nothing(value) | Projected::Whole(value) => Value::from(Serde(value)),
        Projected::Fields(_, fields) => {
            Value::from(fields.iter().map(|(name, part)| (*name, to_jinja(part))).collect::<BTreeMap<&str, Value>>())
        }
    }
}

/// `{{ 1234567.5 | number }}` is `1,234,567.5`; `number(2)` gives so many digits after the point.
fn number(value: &Value, digits: Option<usize>) -> Result<String, Error> {
    let plain = match (digits, i128::try_from(value.clone()), f64::try_from(value.clone())) {
        (None, Ok(whole), _) => whole.to_string(),
        (_, _, Ok(number)) if number.is_finite() => match digits {
            Some(digits) => format!("{number:.*}", digits.min(15)),
            None => number.to_string(),
        },
        _ => return Err(Error::new(ErrorKind::InvalidOperation, format!("`number` needs a number, not `{value}`"))),
    };
    let (sign, plain) = plain.strip_prefix('-').map_or(("", plain.as_str()), |plain| ("-", plain));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    Ok(out)
}

/// `{{ 0.123 | percent }}` is `12.3%`; `percent(0)` gives so many digits after the point, one when left out.
fn percent(value: &Value, digits: Option<usize>) -> Result<String, Error> {
    match f64::try_from(value.clone()) {
        Ok(share) if share.is_finite() => Ok(format!("{:.*}%", digits.unwrap_or(1).min(15), share * 100.0)),
        _ => Err(Error::new(ErrorKind::InvalidOperation, format!("`percent` needs a number, not `{value}`"))),
    }
}

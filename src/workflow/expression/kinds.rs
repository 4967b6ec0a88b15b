//! A CEL expression in, the kind of value that it surely gives out, or the place where kinds surely do not go together.
//!
//! It says nothing where it cannot be sure: a value that may be anything, or null because its step was skipped, is of no kind here.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::cel::path_of;
use super::{Mistake, NamedPath};

/// A kind of JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Null.
    Null,
    /// True or false.
    Boolean,
    /// A number, whole or not.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
}

impl ValueKind {
    /// In words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// What a path of the state surely is.
pub type KindOf<'a> = &'a dyn Fn(&NamedPath) -> Option<ValueKind>;

/// Looks through an expression; `offset` gives the byte of a node.
pub(super) struct Look<'a> {
    pub(super) known: KindOf<'a>,
    pub(super) offset: &'a dyn Fn(u64) -> usize,
    /// Names that loops bind, with their kinds.
    pub(super) bound: Vec<(String, Option<ValueKind>)>,
}

type Found = Result<Option<ValueKind>, Mistake>;

impl Look<'_> {
    fn clash(&self, at: &IdedExpr, message: String) -> Mistake {
        Mistake { message, offset: (self.offset)(at.id) }
    }

    pub(super) fn kind(&mut self, expression: &IdedExpr) -> Found {
        if let Some(path) = path_of(expression) {
            let bound = self.bound.iter().rev().find(|(name, _)| *name == path[0]);
            return Ok(match (bound, path.len()) {
                (Some((_, kind)), 1) => *kind,
                (Some(_), _) => None,
                (None, _) if path[0].starts_with('@') => None,
                (None, _) => (self.known)(&path),
            });
        }
        match &expression.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(_) => Some(ValueKind::Boolean),
                LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Some(ValueKind::Number),
                LiteralValue::String(_) => Some(ValueKind::Text),
                LiteralValue::Null => Some(ValueKind::Null),
                LiteralValue::Bytes(_) => None,
            }),
            Expr::List(list) => {
                list.elements.iter().try_for_each(|item| self.kind(item).map(drop))?;
                Ok(Some(ValueKind::List))
            }
            Expr::Map(_) => {
                super::cel::children(expression).into_iter().try_for_each(|part| self.kind(part).map(drop))?;
                Ok(Some(ValueKind::Object))
            }
            Expr::Select(select) => {
                self.kind(&select.operand)?;
                Ok(select.test.then_some(ValueKind::Boolean))
            }
            Expr::Comprehension(loop_) => {
                let range = self.kind(&loop_.iter_range)?;
                if let Some(kind @ (ValueKind::Text | ValueKind::Number | ValueKind::Boolean)) = range {
                    let message = format!("it goes through {}, which is no list", kind.in_words());
                    return Err(self.clash(&loop_.iter_range, message));
                }
                let start = self.kind(&loop_.accu_init)?;
                let before = self.bound.len();
                self.bound.push((loop_.iter_var.clone(), None));
                self.bound.extend(loop_.iter_var2.clone().map(|name| (name, None)));
                self.bound.push((loop_.accu_var.clone(), start));
                self.kind(&loop_.loop_step)?;
                let result = self.kind(&loop_.result);
                self.bound.truncate(before);
                result
            }
            Expr::Call(call) => self.call(expression, call),
            Expr::Struct(_) | Expr::Ident(_) | Expr::Unspecified => Ok(None),
        }
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Found {
        use ValueKind::{Boolean, List, Number, Object, Text};
        let mut kinds = Vec::with_capacity(call.args.len());
        for argument in &call.args {
            kinds.push(self.kind(argument)?);
        }
        let target = match call.target.as_deref() {
            // `math.round(x)` parses as a call on a value named `math`.
            Some(target) if path_of(target).is_some_and(|path| NAMESPACES.contains(&path[0].as_str())) => None,
            Some(target) => self.kind(target)?,
            None => None,
        };
        let name = call.func_name.as_str();
        match (name, kinds.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.wants(&call.args[0], *condition, Boolean, "the condition before `?`")?;
                Ok(yes.filter(|_| yes == no))
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                let what = if name == operators::LOGICAL_AND { "each side of `&&`" } else { "each side of `||`" };
                self.wants(&call.args[0], *left, Boolean, what)?;
                self.wants(&call.args[1], *right, Boolean, what)?;
                Ok(Some(Boolean))
            }
            (operators::LOGICAL_NOT, [kind]) => {
                self.wants(&call.args[0], *kind, Boolean, "what follows `!`")?;
                Ok(Some(Boolean))
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [Some(left), Some(right)],
            ) if left != right || matches!(left, List | Object) => {
                let message = format!("{} and {} cannot be compared by size", left.in_words(), right.in_words());
                Err(self.clash(expression, message))
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS
                | operators::EQUALS
                | operators::NOT_EQUALS
                | operators::IN
                | operators::NOT_STRICTLY_FALSE,
                _,
            ) => Ok(Some(Boolean)),
            (operators::ADD, [Some(left), Some(right)]) if left == right && matches!(left, Number | Text | List) => {
                Ok(Some(*left))
            }
            (operators::ADD, [Some(left), Some(right)]) => {
                let hint = if [left, right].contains(&&Text) { "; `string(…)` makes a text of a number" } else { "" };
                let message = format!("{} and {} cannot be added{hint}", left.in_words(), right.in_words());
                Err(self.clash(expression, message))
            }
            (operators::ADD, _) => Ok(None),
            (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO, [left, right]) => {
                let what = "each side of `-`, `*`, `/` and `%`";
                self.wants(&call.args[0], *left, Number, what)?;
                self.wants(&call.args[1], *right, Number, what)?;
                // Times can be subtracted too, and are of no kind here.
                Ok((left.is_some() || right.is_some()).then_some(Number))
            }
            (operators::NEGATE, [kind]) => {
                self.wants(&call.args[0], *kind, Number, "what follows `-`")?;
                Ok(*kind)
            }
            (
                "contains" | "startsWith" | "endsWith" | "lowerAscii" | "upperAscii" | "replace" | "split" | "trim",
                _,
            ) if call.target.is_some() && target.is_some_and(|kind| kind != Text) => {
                let kind = target.map_or("", ValueKind::in_words);
                Err(self.clash(expression, format!("`{name}` is called on {kind}, and needs a text")))
            }
            ("sum" | "join" | "unique" | "flatten" | "sort_by" | "size" | "matches" | "question_parts", _) => {
                let subject = if call.target.is_some() { target } else { kinds.first().copied().flatten() };
                let at = call.target.as_deref().or(call.args.first()).unwrap_or(expression);
                self.subject(at, name, subject)?;
                if name == "matches"
                    && let Some(IdedExpr { expr: Expr::Literal(LiteralValue::String(pattern)), .. }) = call.args.last()
                    && let Err(error) = regex::Regex::new(pattern.inner())
                {
                    let words = error.to_string();
                    let reason = words.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
                    return Err(self.clash(expression, format!("the pattern cannot be read: {reason}")));
                }
                Ok(gives(name))
            }
            _ => Ok(gives(name)),
        }
    }

    /// Whether a function can take what it is called on.
    fn subject(&self, at: &IdedExpr, function: &str, found: Option<ValueKind>) -> Result<(), Mistake> {
        use ValueKind::{List, Object, Text};
        let takes: &[ValueKind] = match function {
            "size" => &[Text, List, Object],
            "matches" | "question_parts" => &[Text],
            _ => &[List],
        };
        match found {
            Some(kind) if !takes.contains(&kind) => Err(self.clash(
                at,
                format!("`{function}` is called on {}, and needs {}", kind.in_words(), takes[0].in_words()),
            )),
            _ => Ok(()),
        }
    }

    fn wants(&self, at: &IdedExpr, found: Option<ValueKind>, wanted: ValueKind, what: &str) -> Result<(), Mistake> {
        match found {
            Some(kind) if kind != wanted => {
                Err(self.clash(at, format!("{what} must be {}, and this is {}", wanted.in_words(), kind.in_words())))
            }
            _ => Ok(()),
        }
    }
}

const NAMESPACES: [&str; 4] = ["math", "lists", "strings", "optional"];

/// What a function gives whatever it is given.
fn gives(function: &str) -> Option<ValueKind> {
    match function {
        "size" | "int" | "uint" | "double" | "indexOf" | "lastIndexOf" | "round" | "sum" | "ceil" | "floor"
        | "trunc" | "sqrt" | "sign" => Some(ValueKind::Number),
        "string" | "join" | "replace" | "lowerAscii" | "upperAscii" | "substring" | "trim" | "charAt" | "format"
        | "quote" => Some(ValueKind::Text),
        "split" | "unique" | "flatten" | "sort" | "sort_by" | "slice" | "distinct" | "range" | "question_parts" => {
            Some(ValueKind::List)
        }
        "contains" | "startsWith" | "endsWith" | "matches" | "bool" | "isNaN" | "isInf" | "isFinite" | "hasValue" => {
            Some(ValueKind::Boolean)
        }
        _ => None,
    }
}

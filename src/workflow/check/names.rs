//! Whether the expressions and templates of a graph can be read, and name only what is there when they are evaluated.

use super::types::{self, Type};
use super::{Checker, Graph};
use crate::workflow::expression::{Expression, Fuel, Mistake, NamedPath, Scope, Template, ValueKind};
use crate::workflow::nearest;
use crate::workflow::parse::{Severity, Source};
use crate::workflow::steps::Kind;

/// Settings that are a list.
const LISTS: [&str; 4] = ["over", "hits", "queries", "collections"];

impl Checker<'_> {
    pub(super) fn names(&mut self, graph: &Graph<'_>) {
        for source in &graph.sources {
            let rest = &source.part[graph.at.len() + "/step/".len()..];
            let (number, field) = rest.split_once('/').unwrap_or((rest, ""));
            let Ok(number) = number.parse::<usize>() else { continue };
            self.source(graph, number, field, source);
        }
    }

    fn source(&mut self, graph: &Graph<'_>, number: usize, field: &str, source: &Source) {
        let references = match source.is_template {
            true => Template(source.text.clone()).references(),
            false => Expression(source.text.clone()).references(),
        };
        let paths = match references {
            Ok(paths) => paths,
            Err(Mistake { message, offset }) => {
                let what = if source.is_template { "template" } else { "expression" };
                let problem = self.places.within(
                    &source.part,
                    offset,
                    Severity::Error,
                    format!("the {what} cannot be read: {message}"),
                    None,
                );
                self.problems.push(problem);
                return;
            }
        };
        let mut sound = true;
        for path in &paths {
            sound &= self.path(graph, number, field, source, path);
        }
        if !source.is_template && sound {
            self.value_type(graph, number, field, source);
        }
    }

    /// What a path of the state surely is where a setting is evaluated.
    fn kind_of(&self, graph: &Graph<'_>, number: usize, field: &str, path: &NamedPath) -> Option<ValueKind> {
        let value = match (path[0].as_str(), path.get(1)) {
            ("visit" | "index", None) => return Some(ValueKind::Number),
            ("text", None) => return Some(ValueKind::Text),
            ("last", _) => return None,
            _ => self.type_of(graph, number, field, &path[0]).ok()?,
        };
        value.at(&path[1..]).ok()?.kind()
    }

    /// What a setting wants, where it wants one kind.
    fn wanted(&self, graph: &Graph<'_>, number: usize, field: &str) -> Option<ValueKind> {
        let step = &graph.steps[number];
        let setting = field.rsplit('/').next().unwrap_or(field);
        match &step.kind {
            _ if setting == "when" || setting == "accept" => Some(ValueKind::Boolean),
            _ if LISTS.contains(&field) => Some(ValueKind::List),
            Kind::Retrieve(_) | Kind::Rerank(_) if field == "top_k" => Some(ValueKind::Number),
            Kind::Each(_) | Kind::Workflow(_) if field == format!("input/{setting}") => {
                let graph = self.workflow.graphs.get(super::kinds::graph_of(step)?)?;
                types::kind_of_input(graph.input.get(setting)?)
            }
            Kind::Tool(tool) if field == format!("arguments/{setting}") => {
                let schema = self.known.tools.as_ref()?.get(&tool.tool)?;
                types::kind_of(&schema["properties"][setting])
            }
            _ => None,
        }
    }

    /// Whether the value that an expression gives can be what its setting wants.
    fn value_type(&mut self, graph: &Graph<'_>, number: usize, field: &str, source: &Source) {
        let setting = field.rsplit('/').next().unwrap_or(field);
        let is_condition = setting == "when" || setting == "accept";
        let known = |path: &NamedPath| self.kind_of(graph, number, field, path);
        let found = match Expression(source.text.clone()).kind(&known) {
            Ok(found) => found,
            Err(Mistake { message, offset }) => {
                self.problems.push(self.places.within(&source.part, offset, Severity::Error, message, None));
                return;
            }
        };
        if let (Some(wanted), Some(found)) = (self.wanted(graph, number, field), found)
            && wanted != found
        {
            let gives =
                if source.text.trim().contains(|c: char| c.is_whitespace() || c == '(') { "gives" } else { "is" };
            self.error(
                &source.part,
                format!(
                    "`{setting}` needs {}, and `{}` {gives} {}",
                    wanted.in_words(),
                    source.text.trim(),
                    found.in_words()
                ),
                None,
            );
            return;
        }
        if !is_condition || Expression(source.text.clone()).references().is_ok_and(|paths| !paths.is_empty()) {
            return;
        }
        // It names nothing, so it always gives the same.
        match Expression(source.text.clone()).holds(&Scope::default().fuelled(Fuel::quick())) {
            Ok(false) if field == "when" => {
                let message = format!("`{}` can never run: its `when` never holds", graph.steps[number].id);
                self.error(&source.part, message, None);
            }
            Ok(_) => {
                let problem =
                    self.places.value(&source.part, Severity::Warning, format!("`{setting}` is always the same"), None);
                self.problems.push(problem);
            }
            Err(failure) => self.error(&source.part, failure.message, None),
        }
    }

    /// Whether a path leads to something; says so where it does not.
    fn path(&mut self, graph: &Graph<'_>, number: usize, field: &str, source: &Source, path: &NamedPath) -> bool {
        let offset = place_of(&source.text, path);
        let found = match self.type_of(graph, number, field, &path[0]) {
            Ok(found) => found,
            Err((message, suggestion)) => {
                self.problems.push(self.places.within(&source.part, offset, Severity::Error, message, suggestion));
                return false;
            }
        };
        // `last` holds outputs by step id.
        let (found, from) = match (path[0].as_str(), path.get(1)) {
            ("last", Some(id)) => {
                if let Some(step) = graph.index.get(id.as_str()) {
                    (types::output(self.workflow, &graph.steps[*step]), 2)
                } else {
                    let meant = nearest(id, graph.ids()).map(|near| format!("did you mean `last.{near}`?"));
                    let message = format!("`last` holds the outputs of steps, and there is no step `{id}`");
                    self.problems.push(self.places.within(&source.part, offset, Severity::Error, message, meant));
                    return false;
                }
            }
            _ => (found, 1),
        };
        let Err(lost) = found.at(&path[from..]) else { return true };
        let reached = from + lost.reached;
        let (name, before) = (&path[reached], path[..reached].join("."));
        let (message, suggestion) = if lost.fields.is_empty() && lost.found != "an object" {
            (format!("`{before}` is {}, so it has no `{name}`", lost.found), None)
        } else if lost.fields.is_empty() {
            (format!("`{before}` has no `{name}`; it has no fields at all"), None)
        } else {
            let near = nearest(name, lost.fields.iter().map(String::as_str));
            let message = format!("`{before}` has no `{name}`; it has {}", lost.fields.join(", "));
            (message, near.map(|near| format!("did you mean `{before}.{near}`?")))
        };
        self.problems.push(self.places.within(&source.part, offset, Severity::Error, message, suggestion));
        false
    }

    /// What a name is where a setting is evaluated, or why there is nothing of that name.
    fn type_of(
        &self,
        graph: &Graph<'_>,
        number: usize,
        field: &str,
        name: &str,
    ) -> Result<Type, (String, Option<String>)> {
        let step = &graph.steps[number];
        if name == "input" {
            return Ok(types::input(graph));
        }
        let mut visible = vec!["input", "visit", "last"];
        match &step.kind {
            Kind::Each(_) if field.starts_with("input/") => visible.extend(["item", "index"]),
            Kind::Rules(rules) if rules.over.is_some() && field.starts_with("rules/") => {
                visible.extend(["item", "index"]);
            }
            Kind::Classify(_) if field.starts_with("classes/") => visible.push("text"),
            Kind::Generate(_) if field == "accept" => visible.push("text"),
            _ => {}
        }
        if visible.contains(&name) {
            return Ok(Type::any());
        }
        let is_arrow = field.starts_with("goto/");
        let Some(&named) = graph.index.get(name) else {
            let before = graph.before[number].iter().map(|step| graph.steps[*step].id.as_str());
            let fields = graph.input.keys().find(|key| key.as_str() == name);
            let meant = fields.map(|key| format!("did you mean `input.{key}`?"));
            let meant = meant.or_else(|| {
                nearest(name, before.chain(visible.iter().copied())).map(|near| format!("did you mean `{near}`?"))
            });
            let hint = meant.or_else(|| Some(format!("it can read {} and the steps before it", visible.join(", "))));
            return Err((format!("nothing gives a value `{name}`"), hint));
        };
        if named == number {
            return match is_arrow {
                true => Ok(types::output(self.workflow, step)),
                false => Err((
                    format!("`{name}` cannot read its own output"),
                    Some(format!("its output of the round before is `last.{name}`")),
                )),
            };
        }
        if graph.before[number].contains(&named) {
            // What stands in for it may give something else.
            let has_other = graph.index.contains_key(graph.steps[named].on_error.as_str());
            return Ok(if has_other { Type::any() } else { types::output(self.workflow, &graph.steps[named]) });
        }
        let id = &step.id;
        if graph.before[named].contains(&number) {
            let hint = format!("in a loop, its output of the round before is `last.{name}`");
            return Err((format!("`{name}` comes after `{id}`, so `{id}` cannot read it"), Some(hint)));
        }
        if let Some(&original) = graph.stands_in_for[named].first() {
            let original = &graph.steps[original].id;
            return Err((
                format!("`{name}` only stands in for `{original}`"),
                Some(format!("read `{original}`, which is then its output")),
            ));
        }
        Err((
            format!("`{id}` reads `{name}`, which need not be done before it"),
            Some(format!("add \"{name}\" to its needs")),
        ))
    }
}

/// Where a path stands in a source: the first place where it is no part of a longer name.
fn place_of(source: &str, path: &NamedPath) -> usize {
    let joined = path.join(".");
    for wanted in [joined.as_str(), path[0].as_str()] {
        for (at, _) in source.match_indices(wanted) {
            let before = source[..at].chars().next_back();
            let after = source[at + wanted.len()..].chars().next();
            let is_part = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
            if !is_part(before) && before != Some('.') && !is_part(after) {
                return at;
            }
        }
    }
    0
}

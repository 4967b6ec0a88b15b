//! A workflow that was read in, everything that is wrong with what its parts mean together out, each with its place; runs nothing.

pub(crate) mod kinds;
mod names;
mod types;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use serde_json::Value;

use super::graph::{InputField, InputType, Step, Workflow};
use super::nearest;
use super::parse::{Parsed, Places, Problem, Severity, Source, parse_with_places};
use crate::workflow::graph::DescribedInput;

/// Words that cannot be the name of a step: values that every step sees, and words of the two languages.
pub const RESERVED: [&str; 35] = [
    "input",
    "last",
    "visit",
    "item",
    "index",
    "text",
    "run",
    "fail",
    "skip",
    "true",
    "false",
    "null",
    "none",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
    "for",
    "loop",
    "self",
    "super",
    "range",
    "dict",
    "namespace",
    "debug",
    "as",
    "break",
    "const",
    "continue",
    "function",
    "import",
    "let",
];

/// Further words that CEL keeps for itself, and its types.
const RESERVED_BY_CEL: [&str; 16] = [
    "package",
    "return",
    "var",
    "void",
    "while",
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "type",
    "null_type",
    "math",
];

/// What a workflow can use outside its file; what is `None` is not checked.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Roles of models.
    pub models: Option<BTreeSet<String>>,
    /// Tools with the JSON Schemas of their arguments.
    pub tools: Option<BTreeMap<String, Value>>,
    /// The folder that paths of workflow files start from.
    pub folder: Option<PathBuf>,
}

/// A workflow that can run, with the warnings about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The workflow.
    pub workflow: Workflow,
    /// Problems that do not keep it from running.
    pub warnings: Vec<Problem>,
}

/// Reads and checks a workflow file.
///
/// # Errors
/// All problems, in the order of the file, when one of them is an error.
pub fn load(text: &str, path: &str, known: &Known) -> Result<Checked, Vec<Problem>> {
    let parsed = parse_with_places(text, path)?;
    let problems = check(&parsed, known);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(problems);
    }
    Ok(Checked { workflow: parsed.workflow, warnings: problems })
}

/// All problems of a workflow whose shape is right, in the order of the file.
#[must_use]
pub fn check(parsed: &Parsed<'_>, known: &Known) -> Vec<Problem> {
    let Parsed { workflow, places, sources } = parsed;
    let mut checker = Checker { workflow, places, known, problems: Vec::new() };
    checker.workflow();
    let mut graphs = vec![Graph::of("", &workflow.input, workflow.output.as_deref(), &workflow.steps, sources)];
    for (name, graph) in &workflow.graphs {
        graphs.push(Graph::of(&format!("/graph/{name}"), &graph.input, graph.output.as_deref(), &graph.steps, sources));
    }
    for graph in &graphs {
        checker.graph(graph);
    }
    let mut problems = checker.problems;
    problems
        .sort_by(|a, b| (a.line, a.column, a.severity, &a.message).cmp(&(b.line, b.column, b.severity, &b.message)));
    problems.dedup();
    problems
}

/// A graph of the file, and what comes before each of its steps.
struct Graph<'a> {
    /// Where it stands: empty for the workflow itself.
    at: String,
    input: &'a std::collections::BTreeMap<String, InputField>,
    output: Option<&'a str>,
    steps: &'a [Step],
    sources: Vec<&'a Source>,
    index: HashMap<&'a str, usize>,
    /// The steps that come before each one.
    before: Vec<HashSet<usize>>,
    /// For each step, those that it stands in for.
    stands_in_for: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    fn of(
        at: &str,
        input: &'a std::collections::BTreeMap<String, InputField>,
        output: Option<&'a str>,
        steps: &'a [Step],
        sources: &'a [Source],
    ) -> Self {
        let mut index = HashMap::new();
        for (number, step) in steps.iter().enumerate() {
            index.entry(step.id.as_str()).or_insert(number);
        }
        let mut stands_in_for = vec![Vec::new(); steps.len()];
        for (number, step) in steps.iter().enumerate() {
            if let Some(&fallback) = index.get(step.on_error.as_str()).filter(|fallback| **fallback != number) {
                stands_in_for[fallback].push(number);
            }
        }
        let prefix = format!("{at}/step/");
        let sources = sources.iter().filter(|source| source.part.starts_with(&prefix)).collect();
        let mut graph = Self {
            at: at.into(),
            input,
            output,
            steps,
            sources,
            index,
            before: vec![HashSet::new(); steps.len()],
            stands_in_for,
        };
        // Each round carries what comes before one step further; a circle of needs only stops growing.
        for _ in 0..steps.len() {
            let mut grown = false;
            for number in 0..steps.len() {
                let mut all = HashSet::new();
                for need in graph.needs(number) {
                    all.insert(need);
                    all.extend(&graph.before[need]);
                }
                let mut stood_in = graph.stands_in_for[number].iter();
                if let Some(first) = stood_in.next() {
                    let mut shared = graph.before[*first].clone();
                    stood_in.for_each(|other| shared.retain(|step| graph.before[*other].contains(step)));
                    all.extend(shared);
                }
                grown |= all.len() > graph.before[number].len();
                graph.before[number] = all;
            }
            if !grown {
                break;
            }
        }
        graph
    }

    fn needs(&self, number: usize) -> impl Iterator<Item = usize> {
        self.steps[number].needs.iter().filter_map(|need| self.index.get(need.as_str()).copied())
    }

    fn part(&self, number: usize, field: &str) -> String {
        match field.is_empty() {
            true => format!("{}/step/{number}", self.at),
            false => format!("{}/step/{number}/{field}", self.at),
        }
    }

    fn ids(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.steps.iter().map(|step| step.id.as_str())
    }

    /// The step whose output is the graph's.
    fn output_step(&self) -> Option<usize> {
        match self.output {
            Some(id) => self.index.get(id).copied(),
            None => self.steps.len().checked_sub(1),
        }
    }
}

struct Checker<'a> {
    workflow: &'a Workflow,
    places: &'a Places<'a>,
    known: &'a Known,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    /// A problem with the value of a part.
    fn error(&mut self, part: &str, message: impl Into<String>, suggestion: Option<String>) {
        self.problems.push(self.places.value(part, Severity::Error, message, suggestion));
    }

    /// A problem with a part as such.
    fn error_at(&mut self, part: &str, message: impl Into<String>, suggestion: Option<String>) {
        self.problems.push(self.places.key(part, Severity::Error, message, suggestion));
    }

    fn warning_at(&mut self, part: &str, message: impl Into<String>, suggestion: Option<String>) {
        self.problems.push(self.places.key(part, Severity::Warning, message, suggestion));
    }

    fn workflow(&mut self) {
        let limits = &self.workflow.limits;
        let numbers =
            [("steps", limits.steps as f64), ("seconds", limits.seconds), ("parallel", limits.parallel as f64)];
        for (name, value) in numbers {
            if value.is_nan() || value <= 0.0 {
                self.error(
                    &format!("/limits/{name}"),
                    format!("the limit `{name}` must be above 0, not {value}"),
                    None,
                );
            }
        }
        if limits.usd.is_nan() || limits.usd < 0.0 {
            self.error("/limits/usd", format!("the limit `usd` must be 0 or more, not {}", limits.usd), None);
        }
        let mut used: HashSet<&str> = HashSet::new();
        let steps = self.workflow.steps.iter().chain(self.workflow.graphs.values().flat_map(|graph| &graph.steps));
        used.extend(steps.filter_map(|step| kinds::graph_of(step)));
        for name in self.workflow.graphs.keys().filter(|name| !used.contains(name.as_str())) {
            let message = format!("nothing runs the graph `{name}`");
            self.warning_at(
                &format!("/graph/{name}"),
                message,
                Some("name it in a step of kind `each` or `workflow`, or take it out".into()),
            );
        }
        self.graph_circles();
    }

    /// Graphs that run each other for ever.
    fn graph_circles(&mut self) {
        for (name, graph) in &self.workflow.graphs {
            let mut open: Vec<&str> = graph.steps.iter().filter_map(kinds::graph_of).collect();
            let mut seen = HashSet::new();
            while let Some(next) = open.pop() {
                if next == name {
                    self.error_at(
                        &format!("/graph/{name}"),
                        format!("the graph `{name}` runs itself"),
                        Some("a loop is an arrow back: goto".into()),
                    );
                    break;
                }
                if seen.insert(next) {
                    open.extend(
                        self.workflow
                            .graphs
                            .get(next)
                            .into_iter()
                            .flat_map(|graph| &graph.steps)
                            .filter_map(kinds::graph_of),
                    );
                }
            }
        }
    }

    fn graph(&mut self, graph: &Graph<'_>) {
        if graph.steps.is_empty() {
            let at = if graph.at.is_empty() { "/step" } else { &graph.at };
            self.error_at(at, "there is no step", Some("add one: [[step]]".into()));
            return;
        }
        self.input(graph);
        self.ids(graph);
        self.edges(graph);
        self.circle(graph);
        self.loops(graph);
        self.output(graph);
        self.names(graph);
        self.unused(graph);
        for number in 0..graph.steps.len() {
            self.step(graph, number);
        }
    }

    fn input(&mut self, graph: &Graph<'_>) {
        for (name, field) in graph.input {
            let part = format!("{}/input/{name}", graph.at);
            if !is_name(name) {
                self.error_at(
                    &part,
                    format!("`{name}` cannot be the name of an input"),
                    Some("use lower case letters, digits and `_`".into()),
                );
            }
            if let InputField::Described(DescribedInput { input_type, default: Some(default), optional, .. }) = field {
                if !types::is_of(default, *input_type) {
                    let message = format!(
                        "the default of `{name}` is {}, not {}",
                        types::described(default),
                        types::named(*input_type)
                    );
                    self.error(&format!("{part}/default"), message, None);
                }
                if *optional {
                    self.warning_at(
                        &format!("{part}/optional"),
                        format!("`{name}` has a default, so `optional` says nothing"),
                        None,
                    );
                }
            }
        }
    }

    fn ids(&mut self, graph: &Graph<'_>) {
        for (number, step) in graph.steps.iter().enumerate() {
            let (part, id) = (graph.part(number, "id"), step.id.as_str());
            if !is_name(id) {
                self.error(
                    &part,
                    format!("`{id}` cannot be the id of a step"),
                    Some("use lower case letters, digits and `_`, beginning with a letter".into()),
                );
            } else if RESERVED.contains(&id) || RESERVED_BY_CEL.contains(&id) {
                self.error(
                    &part,
                    format!("`{id}` cannot be the id of a step, because expressions use the word"),
                    Some(format!("call it `{id}_step`")),
                );
            } else if graph.index[id] != number {
                self.error(&part, format!("there are two steps `{id}`"), Some("give one of them another id".into()));
            }
        }
    }

    /// Whether a named step is there; says so where it is not.
    fn known_step(&mut self, graph: &Graph<'_>, part: &str, id: &str, owner: &str) -> Option<usize> {
        if let Some(&number) = graph.index.get(id) {
            return Some(number);
        }
        let meant =
            nearest(id, graph.ids().filter(|other| *other != owner)).map(|near| format!("did you mean `{near}`?"));
        let known = || format!("steps are {}", graph.ids().take(20).collect::<Vec<_>>().join(", "));
        self.error(part, format!("there is no step `{id}`"), Some(meant.unwrap_or_else(known)));
        None
    }

    fn edges(&mut self, graph: &Graph<'_>) {
        for (number, step) in graph.steps.iter().enumerate() {
            let mut seen = HashSet::new();
            for (at, need) in step.needs.iter().enumerate() {
                let part = graph.part(number, &format!("needs/{at}"));
                let Some(needed) = self.known_step(graph, &part, need, &step.id) else { continue };
                if !seen.insert(need) {
                    self.problems.push(self.places.value(
                        &part,
                        Severity::Warning,
                        format!("`{need}` is named twice"),
                        None,
                    ));
                }
                if let Some(&original) = graph.stands_in_for[needed].first() {
                    let id = &graph.steps[original].id;
                    let message = format!("`{need}` runs only when `{id}` fails, so `{}` would never run", step.id);
                    let hint = format!("need `{id}`: the output of `{need}` stands in for its own");
                    self.error(&part, message, Some(hint));
                }
            }
            if step.on_error != "fail" && step.on_error != "skip" {
                self.fallback(graph, number);
            }
        }
    }

    fn fallback(&mut self, graph: &Graph<'_>, number: usize) {
        let (step, part) = (&graph.steps[number], graph.part(number, "on_error"));
        let named = &step.on_error;
        if !graph.index.contains_key(named.as_str()) {
            let words = graph.ids().filter(|id| *id != step.id).chain(["fail", "skip"]);
            let meant = nearest(named, words).map(|near| format!("did you mean `{near}`?"));
            let hint = meant.unwrap_or_else(|| "it is \"fail\", \"skip\" or the id of a step".into());
            return self.error(&part, format!("there is no step `{named}` to stand in for `{}`", step.id), Some(hint));
        }
        let fallback = graph.index[named.as_str()];
        // Steps that stand in for one another in a circle: follow the chain until it ends or repeats.
        let (mut next, mut chain) = (fallback, vec![number]);
        while !chain.contains(&next) {
            chain.push(next);
            match graph.index.get(graph.steps[next].on_error.as_str()) {
                Some(further) => next = *further,
                None => break,
            }
        }
        if next == number {
            return self.error(
                &part,
                format!("`{named}` cannot stand in for `{}`: it comes back to it", step.id),
                None,
            );
        }
        if graph.before[number].contains(&fallback) {
            return self.error(
                &part,
                format!("`{named}` comes before `{}`, so it cannot stand in for it", step.id),
                None,
            );
        }
        for need in graph.needs(fallback).collect::<Vec<_>>() {
            if need == number || graph.before[number].contains(&need) {
                continue;
            }
            let id = &graph.steps[need].id;
            let message = format!(
                "`{named}` stands in for `{}`, so it may need only what comes before that, and `{id}` does not",
                step.id
            );
            self.error_at(&graph.part(fallback, "needs"), message, None);
        }
    }

    fn circle(&mut self, graph: &Graph<'_>) {
        let mut told: HashSet<usize> = HashSet::new();
        for start in 0..graph.steps.len() {
            // A step that comes before itself is in a circle; follow its needs that do as well.
            if told.contains(&start) || !graph.before[start].contains(&start) || graph.needs(start).next().is_none() {
                continue;
            }
            let mut path = vec![start];
            let mut at = start;
            while let Some(next) = graph
                .needs(at)
                .find(|need| *need == start || (graph.before[*need].contains(&start) && !path.contains(need)))
            {
                if next == start {
                    break;
                }
                path.push(next);
                at = next;
            }
            told.extend(&path);
            let mut words: Vec<&str> = path.iter().map(|number| graph.steps[*number].id.as_str()).collect();
            words.push(&graph.steps[start].id);
            let message = match path.len() {
                1 => format!("`{}` needs itself", words[0]),
                _ => format!("steps need each other in a circle: {}", words.join(" → ")),
            };
            self.error(
                &graph.part(start, "needs"),
                message,
                Some("a loop is an arrow back: goto, with max_visits on the step it goes to".into()),
            );
        }
    }

    fn loops(&mut self, graph: &Graph<'_>) {
        let mut targets = HashSet::new();
        for (number, step) in graph.steps.iter().enumerate() {
            for (at, goto) in step.goto.iter().enumerate() {
                let part = graph.part(number, &format!("goto/{at}/step"));
                let Some(target) = self.known_step(graph, &part, &goto.step, "") else { continue };
                targets.insert(target);
                if target != number && !graph.before[number].contains(&target) {
                    let message = format!("`goto` leads back, and `{}` does not come before `{}`", goto.step, step.id);
                    self.error(&part, message, Some("to go on, let that step need this one, with `when`".into()));
                } else if graph.steps[target].visits_max < 2 {
                    let message = format!(
                        "this cycle has no max_visits: `{}` may be visited only once, so the arrow would never be taken",
                        goto.step
                    );
                    self.error(&part, message, Some(format!("give `{}` max_visits = 2 or more", goto.step)));
                }
            }
        }
        for (number, step) in graph.steps.iter().enumerate() {
            let part = graph.part(
                number,
                if self.places.has(&graph.part(number, "max_visits")) { "max_visits" } else { "visits_max" },
            );
            if step.visits_max == 0 {
                self.error(
                    &part,
                    "a step with max_visits = 0 would never run",
                    Some("leave it out, or give 1 or more".into()),
                );
            } else if step.visits_max > 1 && !targets.contains(&number) {
                let hint = "give a later step a goto to it, or take max_visits out";
                self.warning_at(
                    &part,
                    format!("no arrow goes back to `{}`, so it is visited once", step.id),
                    Some(hint.into()),
                );
            }
        }
    }

    fn output(&mut self, graph: &Graph<'_>) {
        let part = format!("{}/output", graph.at);
        if let Some(id) = graph.output {
            self.known_step(graph, &part, id, "");
        }
        let Some(number) = graph.output_step() else { return };
        if let Some(&original) = graph.stands_in_for[number].first() {
            let (id, original) = (&graph.steps[number].id, &graph.steps[original].id);
            let message = format!("the output would be that of `{id}`, which runs only when `{original}` fails");
            self.error_at(
                &part,
                message,
                Some(format!("name the step whose output it shall be: output = \"{original}\"")),
            );
        }
    }

    /// Steps whose output nothing uses.
    fn unused(&mut self, graph: &Graph<'_>) {
        let Some(output) = graph.output_step() else { return };
        let mut used: HashSet<usize> = graph.stands_in_for[output].iter().copied().chain([output]).collect();
        for (number, step) in graph.steps.iter().enumerate() {
            used.extend(graph.needs(number));
            if kinds::acts(step) || !step.goto.is_empty() || !graph.stands_in_for[number].is_empty() {
                used.insert(number);
            }
        }
        for (number, step) in graph.steps.iter().enumerate().filter(|(number, _)| !used.contains(number)) {
            let message = format!("nothing uses the output of `{}`", step.id);
            self.warning_at(
                &graph.part(number, ""),
                message,
                Some("let a later step need it, or make it the output".into()),
            );
        }
    }
}

/// Whether a name can stand in expressions.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
        && name.len() <= 64
}

/// The type of an input field.
fn type_of(field: &InputField) -> InputType {
    match field {
        InputField::Required(input_type) => *input_type,
        InputField::Described(described) => described.input_type,
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::SOUND;

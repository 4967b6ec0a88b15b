//! A workflow in, its drawing out as Mermaid or as an SVG of our own; coloured by outcome where the steps of a run are given.

mod layout;
mod style;
mod svg;

use std::collections::BTreeMap;

use super::check::kinds::{graph_of, name};
use super::event::Outcome;
use super::graph::{InputField, Step, Workflow};
pub use svg::svg;

/// How the steps of a run ended, by id; those of a sub-graph as `GRAPH/ID`.
pub type Outcomes = BTreeMap<String, Outcome>;

/// Most characters of a condition on an arrow.
const LABEL_CHARS_MAX: usize = 44;

/// A graph as it is drawn.
struct Picture<'a> {
    /// Empty for the workflow itself.
    name: &'a str,
    input: &'a BTreeMap<String, InputField>,
    steps: &'a [Step],
    output: Option<&'a str>,
}

/// The workflow's own graph and then its sub-graphs.
fn pictures(workflow: &Workflow) -> Vec<Picture<'_>> {
    let whole =
        Picture { name: "", input: &workflow.input, steps: &workflow.steps, output: workflow.output.as_deref() };
    let parts = workflow.graphs.iter().map(|(name, graph)| Picture {
        name,
        input: &graph.input,
        steps: &graph.steps,
        output: graph.output.as_deref(),
    });
    std::iter::once(whole).chain(parts).collect()
}

impl Picture<'_> {
    fn find(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    /// The step whose output is the graph's.
    fn output(&self) -> Option<usize> {
        match self.output {
            Some(id) => self.find(id),
            None => self.steps.len().checked_sub(1),
        }
    }

    /// The step that stands in when this one fails.
    fn fallback(&self, step: &Step) -> Option<usize> {
        self.find(&step.on_error)
    }

    /// The fields of the input in one line.
    fn input_line(&self) -> String {
        let names: Vec<&str> = self.input.keys().map(String::as_str).collect();
        if names.is_empty() { "input".into() } else { format!("input: {}", names.join(", ")) }
    }
}

/// A kind with the graph that it runs, such as `each · one`.
fn kind_line(step: &Step) -> String {
    match graph_of(step) {
        Some(graph) => format!("{} · {graph}", name(&step.kind)),
        None => name(&step.kind).to_string(),
    }
}

fn label(condition: &str) -> String {
    let line = condition.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LABEL_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// The workflow as a Mermaid flowchart: solid arrows for needs, with the condition of the step that they lead to, dotted ones for arrows
/// back and for steps that stand in.
#[must_use]
pub fn mermaid(workflow: &Workflow) -> String {
    let mut out = String::from("flowchart TD\n");
    for (number, picture) in pictures(workflow).iter().enumerate() {
        // Ids of steps may be words that Mermaid keeps for itself, such as `end`.
        let node = |id: &str| format!("s{number}_{id}");
        let indent = if picture.name.is_empty() { "  " } else { "    " };
        if !picture.name.is_empty() {
            out.push_str(&format!("  subgraph g{number}[\"graph {}\"]\n", quoted(picture.name)));
        }
        for step in picture.steps {
            let (open, close) = match name(&step.kind) {
                "read" | "retrieve" => ("[/", "/]"),
                "classify" => ("{{", "}}"),
                "approve" => ("{", "}"),
                "each" | "workflow" => ("[[", "]]"),
                "format" => ("([", "])"),
                _ => ("[", "]"),
            };
            let text = format!("{}<br/><small>{}</small>", quoted(&step.id), quoted(&kind_line(step)));
            out.push_str(&format!("{indent}{}{open}\"{text}\"{close}:::{}\n", node(&step.id), family(step)));
        }
        for step in picture.steps {
            let condition =
                step.when.as_ref().map(|when| format!("|\"{}\"|", quoted(&label(&when.0)))).unwrap_or_default();
            for need in &step.needs {
                out.push_str(&format!("{indent}{} -->{condition} {}\n", node(need), node(&step.id)));
            }
            if let Some(fallback) = picture.fallback(step) {
                out.push_str(&format!(
                    "{indent}{} -.->|on error| {}\n",
                    node(&step.id),
                    node(&picture.steps[fallback].id)
                ));
            }
            for goto in &step.goto {
                let condition = quoted(&label(&goto.when.0));
                out.push_str(&format!("{indent}{} -.->|\"{condition}\"| {}\n", node(&step.id), node(&goto.step)));
            }
        }
        if !picture.name.is_empty() {
            out.push_str("  end\n");
        }
    }
    for (family, fill, line) in [
        ("find", "#e0f2fe", "#0284c7"),
        ("model", "#ede9fe", "#7c3aed"),
        ("check", "#dcfce7", "#16a34a"),
        ("compute", "#fef3c7", "#d97706"),
        ("person", "#ffe4e6", "#e11d48"),
        ("graph", "#e0e7ff", "#4f46e5"),
        ("form", "#f1f5f9", "#475569"),
    ] {
        out.push_str(&format!("  classDef {family} fill:{fill},stroke:{line},color:#0f172a\n"));
    }
    out
}

fn quoted(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}

/// Kinds that are drawn alike.
fn family(step: &Step) -> &'static str {
    match name(&step.kind) {
        "read" | "retrieve" | "rerank" => "find",
        "generate" | "extract" | "classify" | "agent" => "model",
        "verify" | "rules" => "check",
        "compute" | "tool" => "compute",
        "approve" => "person",
        "each" | "workflow" => "graph",
        _ => "form",
    }
}

#[cfg(test)]
mod tests;

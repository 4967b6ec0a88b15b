//! What each kind of step asks of its settings beyond their shape.

use std::collections::BTreeMap;

use super::{Checker, Graph};
use crate::workflow::expression::Expression;
use crate::workflow::failure::FailureClass;
use crate::workflow::graph::{InputField, Step, Workflow};
use crate::workflow::nearest;
use crate::workflow::steps::Kind;
use crate::workflow::steps::classify::Classify;
use crate::workflow::steps::extract::Extract;
use crate::workflow::steps::retrieve::TopK;
use crate::workflow::steps::tool::CallTool;
use crate::workflow::steps::workflow::SubWorkflow;

/// The role that needs no model.
const EXTRACTIVE: &str = "extractive";

/// The name of a kind, as in a file.
pub(crate) fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Read(_) => "read",
        Kind::Retrieve(_) => "retrieve",
        Kind::Rerank(_) => "rerank",
        Kind::Generate(_) => "generate",
        Kind::Extract(_) => "extract",
        Kind::Classify(_) => "classify",
        Kind::Verify(_) => "verify",
        Kind::Rules(_) => "rules",
        Kind::Compute(_) => "compute",
        Kind::Tool(_) => "tool",
        Kind::Agent(_) => "agent",
        Kind::Approve(_) => "approve",
        Kind::Each(_) => "each",
        Kind::Workflow(_) => "workflow",
        Kind::Format(_) => "format",
    }
}

/// The graph of this file that a step runs.
pub(crate) fn graph_of(step: &Step) -> Option<&str> {
    match &step.kind {
        Kind::Each(each) => Some(&each.graph),
        Kind::Workflow(sub) => sub.graph.as_deref(),
        _ => None,
    }
}

/// Whether a step does something besides giving an output.
pub(super) fn acts(step: &Step) -> bool {
    matches!(step.kind, Kind::Tool(_) | Kind::Agent(_) | Kind::Approve(_) | Kind::Each(_) | Kind::Workflow(_))
}

/// The names of the settings that are given, for messages.
fn given<'a>(settings: &[(&'a str, bool)]) -> Vec<&'a str> {
    settings.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect()
}

impl Checker<'_> {
    fn retry(&mut self, graph: &Graph<'_>, number: usize, step: &Step) {
        let part = |field: &str| graph.part(number, field);
        if step.retry.attempts == 0 {
            self.error(
                &graph.part(number, "retry/attempts"),
                "`attempts` counts the first one too, so it must be 1 or more",
                None,
            );
        }
        let ends = [FailureClass::Uncertain, FailureClass::Cancelled, FailureClass::Budget, FailureClass::Rejected];
        if step.retry.on.iter().any(|class| ends.contains(class)) {
            self.error(
                &part("retry/on"),
                "what is uncertain, cancelled, rejected or over a limit is not tried again",
                Some("leave these classes out".into()),
            );
        }
        let is_made_of_others = matches!(step.kind, Kind::Each(_) | Kind::Workflow(_) | Kind::Approve(_));
        if step.retry.attempts > 1 && is_made_of_others {
            let hint = match step.kind {
                Kind::Approve(_) => "a person decides once; take `retry` out",
                _ => "put `retry` on the steps of its graph",
            };
            self.error(&part("retry"), "a step of this kind is not tried again as a whole", Some(hint.into()));
        }
    }

    pub(super) fn step(&mut self, graph: &Graph<'_>, number: usize) {
        let step = &graph.steps[number];
        self.retry(graph, number, step);
        self.idle(graph, number);
        let part = |field: &str| graph.part(number, field);
        match &step.kind {
            Kind::Retrieve(retrieve) => {
                self.one_of(&part(""), &[("query", retrieve.query.is_some()), ("queries", retrieve.queries.is_some())]);
                self.top_k(&part("top_k"), &retrieve.top_k);
            }
            Kind::Rerank(rerank) => self.top_k(&part("top_k"), &rerank.top_k),
            Kind::Generate(generate) => {
                self.models(graph, number, &generate.model);
                self.sampling(graph, number, generate.sampling.tokens_max, generate.sampling.temperature);
                let from_hits = generate.hits.is_some() && generate.question.is_some();
                if generate.prompt.is_none() && !from_hits {
                    let hint = "give `prompt`, or `question` and `hits` to have the question answered from the hits";
                    self.error_at(&part(""), format!("`{}` has nothing to ask", step.id), Some(hint.into()));
                }
                if generate.model.iter().any(|model| model == EXTRACTIVE) && !from_hits {
                    let message = "`extractive` takes sentences of hits that answer a question, so it needs `question` and `hits`";
                    self.error(&part("model"), message, None);
                }
            }
            Kind::Extract(extract) => self.extract(graph, number, extract),
            Kind::Classify(classify) => self.classify(graph, number, classify),
            Kind::Rules(rules) => {
                if rules.rules.is_empty() {
                    self.error(&part("rules"), "there is no rule", Some("add one: [[step.rules]]".into()));
                }
                for (at, rule) in rules.rules.iter().enumerate() {
                    if rules.rules[..at].iter().any(|other| other.name == rule.name) {
                        self.error(
                            &part(&format!("rules/{at}/name")),
                            format!("there are two rules `{}`", rule.name),
                            None,
                        );
                    }
                }
            }
            Kind::Compute(compute) => {
                if compute.values.is_empty() && compute.exact.is_empty() {
                    self.error_at(
                        &part(""),
                        format!("`{}` computes nothing", step.id),
                        Some("give `values` or `exact`".into()),
                    );
                }
                for name in compute.exact.keys().filter(|name| compute.values.contains_key(*name)) {
                    self.error_at(&part(&format!("exact/{name}")), format!("`{name}` is in `values` too"), None);
                }
            }
            Kind::Tool(tool) => {
                self.tools(&part("tool"), std::slice::from_ref(&tool.tool), false);
                self.arguments(graph, number, tool);
            }
            Kind::Agent(agent) => {
                self.models(graph, number, &agent.model);
                self.tools(&part("tools"), &agent.tools, true);
                self.sampling(graph, number, agent.sampling.tokens_max, agent.sampling.temperature);
                self.positive(&part("rounds_max"), u64::from(agent.rounds_max));
                if agent.seconds_max.is_nan() || agent.seconds_max < 0.0 {
                    self.error(
                        &part("seconds_max"),
                        format!("`seconds_max` must be 0 or more, not {}", agent.seconds_max),
                        None,
                    );
                }
                if agent.model.iter().any(|model| model == EXTRACTIVE) {
                    self.error(&part("model"), "`extractive` is no language model, so it cannot be an agent", None);
                }
            }
            Kind::Each(each) => {
                self.positive(&part("parallel"), each.parallel as u64);
                self.positive(&part("items_max"), each.items_max as u64);
                self.sub_graph(&part("graph"), &each.graph, &part("input"), &each.input);
            }
            Kind::Workflow(sub) => self.sub_workflow(graph, number, sub),
            Kind::Format(format) => {
                let parts = [
                    ("template", format.template.is_some()),
                    ("value", format.value.is_some()),
                    ("answer", format.answer.is_some()),
                ];
                self.one_of(&part(""), &parts);
            }
            Kind::Approve(_) | Kind::Verify(_) | Kind::Read(_) => {}
        }
    }

    fn classify(&mut self, graph: &Graph<'_>, number: usize, classify: &Classify) {
        let part = |field: &str| graph.part(number, field);
        self.models(graph, number, &classify.model);
        if classify.classes.is_empty() {
            self.error(&part("classes"), "there is no class", Some("add one: [[step.classes]]".into()));
        }
        if !(-1.0..=1.0).contains(&classify.similarity_min) {
            let message = format!("`similarity_min` is a cosine, from -1 to 1, not {}", classify.similarity_min);
            self.error(&part("similarity_min"), message, None);
        }
        for (at, class) in classify.classes.iter().enumerate() {
            if class.when.is_none() && class.examples.is_empty() && classify.model.is_empty() {
                let message = format!("nothing ever chooses the class `{}`", class.label);
                self.warning_at(
                    &part(&format!("classes/{at}")),
                    message,
                    Some("give it `when` or `examples`, or the step a `model`".into()),
                );
            }
            if classify.classes[..at].iter().any(|other| other.label == class.label) {
                self.error(
                    &part(&format!("classes/{at}/label")),
                    format!("there are two classes `{}`", class.label),
                    None,
                );
            }
        }
    }

    /// Exactly one of some settings.
    fn one_of(&mut self, part: &str, settings: &[(&str, bool)]) {
        let names: Vec<String> = settings.iter().map(|(name, _)| format!("`{name}`")).collect();
        match given(settings).as_slice() {
            [_] => {}
            [] => self.error_at(part, format!("one of {} is needed", names.join(", ")), None),
            [_, second, ..] => {
                self.error_at(
                    &format!("{part}/{second}"),
                    format!("only one of {} can be given", names.join(", ")),
                    None,
                );
            }
        }
    }

    fn positive(&mut self, part: &str, value: u64) {
        if value == 0 {
            let name = part.rsplit('/').next().unwrap_or(part);
            self.error(part, format!("`{name}` must be 1 or more"), None);
        }
    }

    fn top_k(&mut self, part: &str, top_k: &TopK) {
        if let TopK::Number(0) = top_k {
            self.positive(part, 0);
        }
    }

    fn sampling(&mut self, graph: &Graph<'_>, number: usize, tokens_max: Option<usize>, temperature: Option<f64>) {
        if tokens_max == Some(0) {
            self.positive(&graph.part(number, "tokens_max"), 0);
        }
        if let Some(temperature) = temperature.filter(|temperature| temperature.is_nan() || *temperature < 0.0) {
            self.error(
                &graph.part(number, "temperature"),
                format!("`temperature` must be 0 or more, not {temperature}"),
                None,
            );
        }
    }

    fn models(&mut self, graph: &Graph<'_>, number: usize, roles: &[String]) {
        let Some(known) = &self.known.models else { return };
        for (at, role) in roles.iter().enumerate().filter(|(_, role)| *role != EXTRACTIVE && !known.contains(*role)) {
            let meant = nearest(role, known.iter().map(String::as_str).chain([EXTRACTIVE]));
            let hint = meant.map_or_else(
                || format!("add it to the settings: [models.{role}]"),
                |near| format!("did you mean `{near}`?"),
            );
            self.error(
                &graph.part(number, &format!("model/{at}")),
                format!("no model has the role `{role}`"),
                Some(hint),
            );
        }
    }

    fn tools(&mut self, part: &str, names: &[String], is_list: bool) {
        if names.is_empty() {
            self.error(
                part,
                "an agent without tools can only guess",
                Some("name its tools, or use a step of kind `generate`".into()),
            );
        }
        let Some(known) = &self.known.tools else { return };
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !known.contains_key(*name)) {
            let part = if is_list { format!("{part}/{at}") } else { part.to_string() };
            let meant = nearest(name, known.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            let all = || format!("tools are {}", known.keys().cloned().collect::<Vec<_>>().join(", "));
            self.error(&part, format!("there is no tool `{name}`"), Some(meant.unwrap_or_else(all)));
        }
    }

    fn extract(&mut self, graph: &Graph<'_>, number: usize, extract: &Extract) {
        let part = |field: &str| graph.part(number, field);
        self.models(graph, number, &extract.model);
        self.sampling(graph, number, extract.sampling.tokens_max, extract.sampling.temperature);
        if extract.patterns.is_empty() && extract.schema.is_none() {
            let hint = "give `from` and `patterns`, or `schema` and `prompt`";
            self.error_at(
                &part(""),
                format!("`{}` does not say what to extract", graph.steps[number].id),
                Some(hint.into()),
            );
        }
        if !extract.patterns.is_empty() && extract.from.is_none() {
            self.error_at(&part("patterns"), "`patterns` need `from`: what they are looked for in", None);
        }
        if extract.schema.is_some() != extract.prompt.is_some() {
            let (has, lacks) = if extract.schema.is_some() { ("schema", "prompt") } else { ("prompt", "schema") };
            self.error_at(&part(has), format!("`{has}` needs `{lacks}` too"), None);
        }
        if extract.model.iter().any(|model| model == EXTRACTIVE) {
            self.error(&part("model"), "`extractive` gives sentences, not values", Some("use `patterns`".into()));
        }
        for (at, pattern) in extract.patterns.iter().enumerate() {
            match regex::Regex::new(&pattern.regex) {
                Err(error) => {
                    let words = error.to_string();
                    let reason = words.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
                    self.error(
                        &part(&format!("patterns/{at}/regex")),
                        format!("the pattern cannot be read: {reason}"),
                        None,
                    );
                }
                Ok(regex) if regex.capture_names().flatten().next().is_none() => {
                    let hint = "name what it shall give: (?<name>…)";
                    self.warning_at(
                        &part(&format!("patterns/{at}/regex")),
                        "the pattern names no group, so its items have no fields",
                        Some(hint.into()),
                    );
                }
                Ok(_) => {}
            }
        }
        if let Some(schema) = &extract.schema
            && let Err(error) = jsonschema::validator_for(schema)
        {
            self.error(&part("schema"), format!("this is no JSON Schema: {error}"), None);
        }
    }

    fn sub_workflow(&mut self, graph: &Graph<'_>, number: usize, sub: &SubWorkflow) {
        let part = |field: &str| graph.part(number, field);
        self.one_of(&part(""), &[("graph", sub.graph.is_some()), ("file", sub.file.is_some())]);
        if let Some(limits) = &sub.limits {
            let numbers = [
                ("steps", limits.steps.map(|steps| steps as f64)),
                ("seconds", limits.seconds),
                ("tokens", limits.tokens.map(|tokens| tokens as f64)),
            ];
            for (name, value) in numbers {
                if let Some(value) = value.filter(|value| value.is_nan() || *value <= 0.0) {
                    self.error(
                        &part(&format!("limits/{name}")),
                        format!("the limit `{name}` must be above 0, not {value}"),
                        None,
                    );
                }
            }
            if let Some(usd) = limits.usd.filter(|usd| usd.is_nan() || *usd < 0.0) {
                self.error(&part("limits/usd"), format!("the limit `usd` must be 0 or more, not {usd}"), None);
            }
        }
        if let Some(name) = &sub.graph {
            self.sub_graph(&part("graph"), name, &part("input"), &sub.input);
        }
        let (Some(file), Some(folder)) = (&sub.file, &self.known.folder) else { return };
        let path = folder.join(file);
        let text = match crate::workflow::shipped::find(file) {
            Some(shipped) if !path.is_file() => Some(shipped.text.to_string()),
            _ if path.is_file() => std::fs::read_to_string(&path).ok(),
            _ => None,
        };
        if let Some(text) = text {
            // What is wrong inside it is told of that file, not here.
            if let Ok(workflow) = toml::from_str::<Workflow>(&text) {
                let what = format!("the workflow `{file}`");
                self.inputs(&what, &workflow.input, &part("input"), &sub.input);
            }
        } else {
            let meant = nearest(file, crate::workflow::shipped::names()).map(|near| format!("did you mean `{near}`?"));
            let hint = meant
                .unwrap_or_else(|| "give the name of a shipped workflow, or a path from this file's folder".into());
            self.error(&part("file"), format!("there is no workflow `{file}`"), Some(hint));
        }
    }

    /// Whether a graph of the file is there and is given what it asks for.
    fn sub_graph(&mut self, part: &str, name: &str, input_part: &str, input: &BTreeMap<String, Expression>) {
        let Some(graph) = self.workflow.graphs.get(name) else {
            let meant = nearest(name, self.workflow.graphs.keys().map(String::as_str))
                .map(|near| format!("did you mean `{near}`?"));
            return self.error(
                part,
                format!("there is no graph `{name}`"),
                Some(meant.unwrap_or_else(|| format!("add it: [graph.{name}]"))),
            );
        };
        let asked = graph.input.clone();
        self.inputs(&format!("the graph `{name}`"), &asked, input_part, input);
    }

    /// Whether a graph is given what it asks for.
    fn inputs(
        &mut self,
        what: &str,
        asked: &BTreeMap<String, InputField>,
        input_part: &str,
        input: &BTreeMap<String, Expression>,
    ) {
        for field in input.keys().filter(|field| !asked.contains_key(*field)) {
            let meant = nearest(field, asked.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            self.error_at(&format!("{input_part}/{field}"), format!("{what} has no input `{field}`"), meant);
        }
        for (field, about) in asked {
            let may_miss = matches!(about, InputField::Described(about) if about.optional || about.default.is_some());
            if !may_miss && !input.contains_key(field) {
                self.error_at(input_part, format!("{what} needs the input `{field}`"), None);
            }
        }
    }

    /// Whether a tool is given the arguments that it takes; of what kind they are is looked at with the expressions.
    fn arguments(&mut self, graph: &Graph<'_>, number: usize, tool: &CallTool) {
        let Some(schema) = self.known.tools.as_ref().and_then(|tools| tools.get(&tool.tool)) else { return };
        let Some(properties) = schema["properties"].as_object().cloned() else { return };
        let required: Vec<String> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(String::from))
            .collect();
        let is_open = schema["additionalProperties"].as_bool() == Some(true);
        let part = graph.part(number, "arguments");
        for name in tool.arguments.keys().filter(|name| !is_open && !properties.contains_key(*name)) {
            let meant =
                nearest(name, properties.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            let all = || format!("it takes {}", properties.keys().cloned().collect::<Vec<_>>().join(", "));
            let message = format!("the tool `{}` takes no argument `{name}`", tool.tool);
            self.error_at(&format!("{part}/{name}"), message, Some(meant.unwrap_or_else(all)));
        }
        for name in required.iter().filter(|name| !tool.arguments.contains_key(*name)) {
            self.error_at(&part, format!("the tool `{}` needs the argument `{name}`", tool.tool), None);
        }
    }

    /// Settings that do nothing for this kind of step.
    fn idle(&mut self, graph: &Graph<'_>, number: usize) {
        let step = &graph.steps[number];
        let calls = matches!(
            step.kind,
            Kind::Retrieve(_)
                | Kind::Rerank(_)
                | Kind::Generate(_)
                | Kind::Extract(_)
                | Kind::Classify(_)
                | Kind::Verify(_)
                | Kind::Agent(_)
        );
        if step.cache && !calls {
            let message =
                format!("`cache` does nothing here: a step of kind `{}` asks no model and no index", name(&step.kind));
            self.warning_at(&graph.part(number, "cache"), message, Some("take it out".into()));
        }
        let is_pure = matches!(step.kind, Kind::Compute(_) | Kind::Format(_) | Kind::Rules(_));
        if step.retry.attempts > 1 && is_pure {
            let message =
                format!("`retry` does nothing here: a step of kind `{}` gives the same each time", name(&step.kind));
            self.warning_at(&graph.part(number, "retry"), message, Some("take it out".into()));
        }
        if step.timeout_ms > 0 && matches!(step.kind, Kind::Approve(_)) {
            let message = "`timeout_ms` does nothing here: a person may take longer than any process runs";
            self.warning_at(&graph.part(number, "timeout_ms"), message, Some("give `timeout_s` and `default`".into()));
        }
    }
}

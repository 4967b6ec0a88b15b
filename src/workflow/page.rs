//! A run's record in, one HTML page out that shows it without any other file or connection; knows no terminal and no home.
//!
//! Documents and answers of models are hostile text here: they enter the page only as JSON in a block that is no script, with every
//! character escaped that could end it, and leave it only as text nodes. A content security policy lets nothing run but the page's own
//! script, by its hash, and nothing be fetched.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::check::kinds::{graph_of, name};
use super::draw::{Outcomes, svg};
use super::event::{Event, Outcome, Place};
use super::graph::{Step, Workflow};
use super::journal::Found;
use crate::error::{Error, Result};

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The steps of a workflow and of its graphs by their keys in the drawing: `STEP`, or `GRAPH/STEP`.
struct Steps<'a> {
    by_key: HashMap<String, &'a Step>,
    order: Vec<(String, &'a Step)>,
}

impl<'a> Steps<'a> {
    fn of(workflow: &'a Workflow) -> Self {
        let own = workflow.steps.iter().map(|step| (step.id.clone(), step));
        let parts = workflow
            .graphs
            .iter()
            .flat_map(|(graph, part)| part.steps.iter().map(move |step| (format!("{graph}/{}", step.id), step)));
        let order: Vec<(String, &Step)> = own.chain(parts).collect();
        Self { by_key: order.iter().cloned().collect(), order }
    }

    /// The key of the step at a place: its frame's path is followed through the graphs.
    fn key(&self, place: &Place) -> String {
        let mut graph = String::new();
        for part in place.frame.split('/').filter(|part| !part.is_empty()) {
            let step = part.rsplit_once('.').map_or(part, |(step, _)| step);
            let opened = self.by_key.get(&keyed(&graph, step)).and_then(|step| graph_of(step));
            graph = opened.unwrap_or_default().to_string();
        }
        keyed(&graph, &place.step)
    }
}

fn keyed(graph: &str, step: &str) -> String {
    if graph.is_empty() { step.to_string() } else { format!("{graph}/{step}") }
}

/// The page of a run.
///
/// # Errors
/// [`Error::Usage`] when the record does not begin with a workflow that this version can read.
pub fn page(found: &Found) -> Result<String> {
    let Some(Event::RunStarted { workflow: text, input, seed, .. }) = found.events.first() else {
        return Err(Error::usage(format!("the record of run {} has no beginning", found.row.run)));
    };
    let workflow: Workflow = toml::from_str(text).map_err(|error| {
        let why = error.to_string();
        Error::usage(format!("the workflow in the record of run {} cannot be read: {}", found.row.run, why.trim()))
    })?;
    let steps = Steps::of(&workflow);
    let listed: Vec<Value> = steps
        .order
        .iter()
        .map(|(key, step)| json!({ "key": key, "id": step.id, "kind": name(&step.kind), "needs": step.needs }))
        .collect();
    let ended = found.events.iter().rev().find_map(|event| match event {
        Event::RunEnded { output, failure, .. } => Some((output, failure)),
        _ => None,
    });
    let data = json!({
        "schema": "ibid.trace_page/1",
        "run": found.row,
        "workflow": text,
        "description": workflow.description,
        "input": input,
        "seed": seed.to_string(),
        "output": ended.map(|(output, _)| output),
        "failure": ended.and_then(|(_, failure)| failure.as_ref()),
        "steps": listed,
        "visits": visits(found, &steps),
        "decisions": decisions(&found.events),
    });
    let drawing: String = svg(&workflow, Some(&outcomes(&found.events, &steps))).chars().map(tame).collect();
    Ok(assemble(&workflow.name, &drawing, &data))
}

/// Every visit in the order of the record: those that ended, then those that are open.
fn visits(found: &Found, steps: &Steps<'_>) -> Vec<Value> {
    let ended: HashSet<&Place> = found.events.iter().filter_map(ended_at).collect();
    let last_us = found.events.iter().map(last_us).max().unwrap_or_default();
    let mut listed: HashSet<&Place> = HashSet::new();
    let mut visits = Vec::new();
    for event in &found.events {
        let mut open = |place: &'_ Place, outcome: &str, start_us: u64, input: Value| {
            visits.push(json!({
                "key": steps.key(place), "step": place.step, "frame": place.frame, "visit": place.visit, "outcome": outcome,
                "start_us": start_us, "took_us": last_us.saturating_sub(start_us), "input": input,
            }));
        };
        match event {
            Event::StepEnded { place, .. } => {
                let mut visit = serde_json::to_value(event).unwrap_or_default();
                visit["frame"] = json!(place.frame);
                visit["key"] = json!(steps.key(place));
                visits.push(visit);
            }
            Event::Opened { place, inputs, start_us } if !ended.contains(place) && listed.insert(place) => {
                open(place, "open", *start_us, json!({ "inputs": inputs }));
            }
            Event::Paused { place, prompt, shown, deadline } if !ended.contains(place) && listed.insert(place) => {
                let input = json!({ "prompt": prompt, "shown": shown, "deadline": deadline });
                open(place, "waiting", last_us, input);
            }
            _ => {}
        }
    }
    visits
}

fn ended_at(event: &Event) -> Option<&Place> {
    match event {
        Event::StepEnded { place, .. } => Some(place),
        _ => None,
    }
}

/// The latest moment of the run that an event tells of.
fn last_us(event: &Event) -> u64 {
    match event {
        Event::StepEnded { start_us, took_us, .. } => start_us + took_us,
        Event::Opened { start_us, .. } => *start_us,
        Event::CallEnded { call, .. } => call.start_us + call.took_us,
        _ => 0,
    }
}

/// When the run went on, and what people decided.
fn decisions(events: &[Event]) -> Vec<Value> {
    let resumed = events.iter().filter(|event| matches!(event, Event::Resumed { .. }));
    resumed.map(|event| serde_json::to_value(event).unwrap_or_default()).collect()
}

/// How each step ended: by its last visit in each frame, the worst of all frames.
fn outcomes(events: &[Event], steps: &Steps<'_>) -> Outcomes {
    let mut last: BTreeMap<(&str, &str), (&Place, Outcome)> = BTreeMap::new();
    for event in events {
        if let Event::StepEnded { place, outcome, .. } = event {
            last.insert((&place.frame, &place.step), (place, *outcome));
        }
    }
    let weight = |outcome: Outcome| match outcome {
        Outcome::Skipped => 0,
        Outcome::Done => 1,
        Outcome::FailedSkipped => 2,
        Outcome::FellBack => 3,
        Outcome::CutOff => 4,
        Outcome::Failed => 5,
    };
    let mut outcomes = Outcomes::new();
    for (place, outcome) in last.into_values() {
        let worst = outcomes.entry(steps.key(place)).or_insert(outcome);
        if weight(outcome) > weight(*worst) {
            *worst = outcome;
        }
    }
    outcomes
}

/// A character as it may stand in a page: those that no page may hold, or that turn the text around them, are replaced.
fn tame(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

fn assemble(title: &str, drawing: &str, data: &Value) -> String {
    let title: String = title.chars().map(tame).collect();
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let hash = base64(&Sha256::digest(SCRIPT.as_bytes()));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} · run</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header id=\"top\"></header>\n\
         <noscript><p class=\"notice\">Times and contents need scripts, which are off here; the drawing does not.</p></noscript>\n\
         <main>\n<div class=\"left\">\n<section class=\"card\" aria-label=\"Graph\"><h2>Graph</h2>\
         <div class=\"graph\" id=\"graph\">{drawing}</div></section>\n\
         <section class=\"card\" aria-label=\"Timeline\"><h2>Timeline</h2><div id=\"timeline\"></div></section>\n\
         <section class=\"card\" aria-label=\"Steps\"><h2>Steps</h2><div id=\"steps\"></div></section>\n</div>\n\
         <aside class=\"card\" id=\"detail\" aria-live=\"polite\" aria-label=\"Content\" tabindex=\"-1\"></aside>\n</main>\n\
         <script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        escaped(data),
    )
}

/// A value as JSON that cannot end the block it stands in: every character is escaped that means something to HTML, ends a line in
/// a script, is no text, or turns the text around it.
fn escaped(data: &Value) -> String {
    let json = data.to_string();
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c if c.is_control() || tame(c) != c => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|three| {
            let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
            (0..4).map(move |at| match at <= three.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]),
                false => '=',
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn no_text_ends_the_block_of_data() {
        let hostile = "</script><!-- & \u{0} \u{7f} \u{85} \u{2028} \u{202e}\"\\ é";
        let json = escaped(&json!({ hostile: [hostile] }));
        assert!(json.chars().all(|c| !"<>&".contains(c) && !c.is_control() && tame(c) == c), "{json}");
        let back: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back, json!({ hostile: [hostile] }));
    }
}

//! The record of a workflow's run as a tree with bars for time, or one of its steps in full.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Exit;
use super::super::context::Context;
use super::super::runs::{look, run_line};
use super::super::terminal::{Look, Stream, counted, one_line, out, out_json, styled, thousands, visible};
use super::asks;
use crate::error::{Error, Result};
use crate::workflow::asked::Asked;
use crate::workflow::event::{CallRecord, Event, Outcome, Place};
use crate::workflow::failure::Failure;
use crate::workflow::journal::Found;

/// Columns of the time bar.
const BAR: usize = 24;

pub(super) fn show(found: &Found, step: Option<&str>, context: &Context) -> Result<Exit> {
    let events: Vec<&Event> = match step {
        Some(id) => found.events.iter().filter(|event| place(event).is_some_and(|place| place.step == id)).collect(),
        None => found.events.iter().collect(),
    };
    if let Some(id) = step
        && events.is_empty()
    {
        return Err(Error::usage(format!(
            "run {} has visited no step `{id}`; see: ibid trace show {0}",
            found.row.run
        )));
    }
    let asked = if step.is_none() { Asked::of(found) } else { None };
    let record = asked.map(|asked| serde_json::to_value(asked).expect("a record is plain data"));
    match record {
        Some(mut record) if context.json => {
            record["events"] = serde_json::json!(events);
            out_json(&record)?;
        }
        None if context.json => {
            out_json(&serde_json::json!({ "schema": "ibid.trace/1", "run": found.row, "events": events }))?;
        }
        Some(record) => out(&format!("{}\n{}", drawn(found), asks::told(&record)))?,
        None if step.is_some() => out(&events.iter().map(|event| in_full(event)).collect::<String>())?,
        None => out(&drawn(found))?,
    }
    Ok(Exit::Done)
}

fn place(event: &Event) -> Option<&Place> {
    match event {
        Event::CallStarted { place, .. }
        | Event::CallEnded { place, .. }
        | Event::Opened { place, .. }
        | Event::StepEnded { place, .. }
        | Event::WentBack { place, .. }
        | Event::Paused { place, .. } => Some(place),
        Event::RunStarted { .. } | Event::Resumed { .. } | Event::RunEnded { .. } => None,
    }
}

/// One line of the tree.
struct Line<'a> {
    place: &'a Place,
    outcome: Option<Outcome>,
    start_us: u64,
    took_us: u64,
    attempts: u32,
    calls: &'a [CallRecord],
    failures: &'a [Failure],
    note: String,
}

fn lines(events: &[Event]) -> Vec<Line<'_>> {
    let ended: Vec<&Place> = events
        .iter()
        .filter_map(|event| match event {
            Event::StepEnded { place, .. } => Some(place),
            _ => None,
        })
        .collect();
    events.iter().filter_map(|event| line(event, &ended)).collect()
}

fn line<'a>(event: &'a Event, ended: &[&Place]) -> Option<Line<'a>> {
    match event {
        Event::StepEnded { place, outcome, calls, failures, attempts, start_us, took_us, back_to, .. } => Some(Line {
            place,
            outcome: Some(*outcome),
            start_us: *start_us,
            took_us: *took_us,
            attempts: *attempts,
            calls,
            failures,
            note: back_to.as_ref().map(|to| format!("back to {to}")).unwrap_or_default(),
        }),
        Event::Opened { place, start_us, .. } if !ended.contains(&place) => {
            Some(open_line(place, *start_us, "not ended"))
        }
        Event::Paused { place, .. } if !ended.contains(&place) => {
            Some(open_line(place, u64::MAX, "waits for a person"))
        }
        _ => None,
    }
}

fn open_line<'a>(place: &'a Place, start_us: u64, words: &str) -> Line<'a> {
    Line { place, outcome: None, start_us, took_us: 0, attempts: 0, calls: &[], failures: &[], note: words.into() }
}

fn drawn(found: &Found) -> String {
    let mut text = run_line(&found.row);
    let lines = lines(&found.events);
    let whole = lines
        .iter()
        .filter(|line| line.start_us < u64::MAX)
        .map(|line| line.start_us + line.took_us)
        .max()
        .unwrap_or(1)
        .max(1);
    let mut by_frame: BTreeMap<&str, Vec<&Line<'_>>> = BTreeMap::new();
    for line in &lines {
        by_frame.entry(&line.place.frame).or_default().push(line);
    }
    by_frame.values_mut().for_each(|lines| lines.sort_by_key(|line| line.start_us));
    let width =
        lines.iter().map(|line| name(line).chars().count() + 2 * depth(&line.place.frame)).max().unwrap_or(0).min(48);
    draw_frame("", &by_frame, whole, width, &mut text);
    for event in &found.events {
        match event {
            Event::Resumed { at, decision, .. } => {
                let words = decision.as_ref().map_or(String::new(), |decision| {
                    format!(
                        ", {} by {}",
                        if decision.approved { "approved" } else { "rejected" },
                        one_line(&decision.by)
                    )
                });
                text += &format!("resumed {}{words}\n", one_line(at));
            }
            Event::RunEnded { status, failure: Some(failure), .. } => {
                let name = serde_json::to_value(status).ok().and_then(|name| name.as_str().map(str::to_string));
                text += &format!("{}: {}\n", name.unwrap_or_default(), one_line(&failure.message));
            }
            _ => {}
        }
    }
    text
}

fn depth(frame: &str) -> usize {
    if frame.is_empty() { 0 } else { 2 * (frame.matches('/').count() + 1) }
}

fn name(line: &Line<'_>) -> String {
    match line.place.visit {
        1 => line.place.step.clone(),
        visit => format!("{} ({visit})", line.place.step),
    }
}

fn draw_frame(frame: &str, by_frame: &BTreeMap<&str, Vec<&Line<'_>>>, whole: u64, width: usize, text: &mut String) {
    for line in by_frame.get(frame).into_iter().flatten() {
        draw_line(line, whole, width, text);
        let slash = if frame.is_empty() { "" } else { "/" };
        let start = format!("{frame}{slash}{}.{}[", line.place.step, line.place.visit);
        let mut below: Vec<(usize, &str)> = by_frame
            .keys()
            .filter_map(|path| {
                let item = path.strip_prefix(&start)?.strip_suffix(']')?;
                Some((item.parse().ok()?, *path))
            })
            .collect();
        below.sort_unstable();
        for (item, path) in below {
            let indent = " ".repeat(2 * depth(frame) + 2);
            text.push_str(&styled(Stream::Out, Look::Faint, &format!("{indent}[{item}]\n")));
            draw_frame(path, by_frame, whole, width, text);
        }
    }
}

fn draw_line(line: &Line<'_>, whole: u64, width: usize, text: &mut String) {
    let (mark, look) = match line.outcome {
        Some(Outcome::Done) => ("✓", Look::Good),
        Some(Outcome::Skipped) => ("–", Look::Faint),
        Some(Outcome::FailedSkipped) => ("!", Look::Warn),
        Some(Outcome::FellBack) => ("↷", Look::Warn),
        Some(Outcome::Failed) => ("✗", Look::Bad),
        Some(Outcome::CutOff) => ("✂", Look::Warn),
        None => ("…", Look::Warn),
    };
    let indent = " ".repeat(2 * depth(&line.place.frame));
    let name = one_line(&name(line));
    let pad = " ".repeat(width.saturating_sub(name.chars().count() + indent.chars().count()));
    let time = match line.outcome {
        Some(Outcome::Skipped) => format!("{} {:>10}", " ".repeat(BAR), "skipped"),
        None => format!("{} {:>10}", " ".repeat(BAR), ""),
        Some(_) => format!("{} {:>10}", bar(line.start_us, line.took_us, whole), duration(line.took_us)),
    };
    let mut words: Vec<String> = Vec::new();
    if line.attempts > 1 {
        words.push(format!("{} attempts", line.attempts));
    }
    let own = || line.calls.iter().filter(|call| !call.kept);
    let tokens: u64 = own().map(|call| call.spent.input_tokens + call.spent.output_tokens).sum();
    let usd: f64 = own().map(|call| call.spent.usd).sum();
    // Where a server does not say what it took, the most that it may have taken was counted.
    let most = if line.calls.iter().any(|call| call.spent.at_most && !call.kept) { "at most " } else { "" };
    if tokens > 0 {
        words.push(format!("{most}{} tokens", thousands(tokens)));
    }
    if usd > 0.0 {
        words.push(format!("{most}${usd:.4}"));
    }
    if line.outcome == Some(Outcome::CutOff) {
        words.push("cut off".into());
    }
    let kept = line.calls.iter().filter(|call| call.kept).count();
    if kept > 0 {
        words.push(format!("{} from before", counted(kept as u64, "call")));
    }
    let cached = line.calls.iter().filter(|call| call.cached).count();
    if cached > 0 {
        words.push(format!("{} from the cache", counted(cached as u64, "call")));
    }
    if !line.note.is_empty() {
        words.push(one_line(&line.note));
    }
    text.push_str(&format!("{indent}{} {name}{pad}  {time}  {}\n", styled(Stream::Out, look, mark), words.join(", ")));
    for failure in line.failures {
        text.push_str(&format!("{indent}    {}\n", styled(Stream::Out, Look::Bad, &one_line(&failure.message))));
    }
}

fn bar(start_us: u64, took_us: u64, whole: u64) -> String {
    let column = |us: u64| ((us as f64 / whole as f64) * BAR as f64) as usize;
    let from = column(start_us).min(BAR - 1);
    let to = column(start_us + took_us).clamp(from + 1, BAR);
    format!("{}{}{}", "·".repeat(from), "█".repeat(to - from), "·".repeat(BAR - to))
}

fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

fn pretty(value: &Value) -> String {
    visible(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// One event of a step with all its content.
fn in_full(event: &Event) -> String {
    let strong = |text: &str| styled(Stream::Out, Look::Strong, text);
    match event {
        Event::StepEnded { place, outcome, input, output, calls, notes, failures, took_us, attempts, .. } => {
            let outcome = serde_json::to_value(outcome).ok().and_then(|name| name.as_str().map(str::to_string));
            let outcome = outcome.unwrap_or_default();
            let colour = look(&outcome);
            let mut text = format!(
                "{} {}, {}, {}\n",
                strong(&one_line(&format!("{} {} visit {}", place.frame, place.step, place.visit))),
                styled(Stream::Out, colour, &outcome),
                duration(*took_us),
                counted(u64::from(*attempts), "attempt")
            );
            if !input.is_null() {
                text += &format!("{}\n{}\n", strong("input"), pretty(input));
            }
            for call in calls {
                let value = serde_json::to_value(call).unwrap_or_default();
                text += &format!("{}\n{}\n", strong(&format!("call {}", call.index)), pretty(&value));
            }
            for note in notes {
                text += &format!("{}\n{}\n", strong("note"), pretty(note));
            }
            for failure in failures {
                text += &format!("{} {}\n", strong("failed"), one_line(&failure.message));
            }
            text + &format!("{}\n{}\n", strong("output"), pretty(output))
        }
        other => format!("{}\n", pretty(&serde_json::to_value(other).unwrap_or_default())),
    }
}

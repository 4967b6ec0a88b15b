//! Two records side by side: which steps gave the same, which did not, which only one of them visited.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::Exit;
use super::super::context::Context;
use super::super::terminal::{Look, Stream, one_line, out, out_json, styled};
use crate::error::Result;
use crate::workflow::event::{Event, Outcome, Place};
use crate::workflow::journal::Found;

type Visits<'a> = BTreeMap<&'a Place, (usize, Outcome, &'a Value, &'a Value, u64)>;

fn visits(found: &Found) -> Visits<'_> {
    let ends = found.events.iter().enumerate().filter_map(|(at, event)| match event {
        Event::StepEnded { place, outcome, output, input, took_us, .. } => {
            Some((place, (at, *outcome, output, input, *took_us)))
        }
        _ => None,
    });
    ends.collect()
}

pub(super) fn show(a: &Found, b: &Found, context: &Context) -> Result<Exit> {
    let (first, second) = (visits(a), visits(b));
    let mut places: Vec<&Place> = first.keys().chain(second.keys()).copied().collect();
    places.sort_by_key(|place| first.get(place).or(second.get(place)).map(|visit| visit.0));
    places.dedup();
    let mut rows = Vec::new();
    for place in places {
        let (one, other) = (first.get(place), second.get(place));
        let verdict = match (one, other) {
            (Some(_), None) => "only_in_a",
            (None, _) => "only_in_b",
            (Some(one), Some(other)) if one.1 != other.1 => "ended_otherwise",
            (Some(one), Some(other)) if one.2 != other.2 => "other_output",
            (Some(one), Some(other)) if one.3 != other.3 => "other_input",
            _ => "same",
        };
        let side = |visit: Option<&(usize, Outcome, &Value, &Value, u64)>| {
            visit.map(|(_, outcome, output, input, took_us)| {
                json!({ "outcome": outcome, "input": input, "output": output, "took_us": took_us })
            })
        };
        rows.push((place, verdict, side(one), side(other)));
    }
    let differing = rows.iter().filter(|(_, verdict, _, _)| *verdict != "same").count();
    if context.json {
        let steps: Vec<Value> = rows
            .into_iter()
            .map(|(place, verdict, a, b)| match verdict {
                "same" => json!({ "place": place, "verdict": verdict }),
                _ => json!({ "place": place, "verdict": verdict, "a": a, "b": b }),
            })
            .collect();
        out_json(&json!({ "schema": "ibid.trace_diff/1", "a": a.row.run, "b": b.row.run, "steps": steps }))?;
    } else {
        for (place, verdict, a, b) in &rows {
            let look = if *verdict == "same" { Look::Faint } else { Look::Warn };
            let name = one_line(&format!("{} {} ({})", place.frame, place.step, place.visit));
            out(&format!("{:<16} {name}\n", styled(Stream::Out, look, &verdict.replace('_', " "))))?;
            if *verdict != "same" {
                for (sign, side) in [("-", a), ("+", b)] {
                    if let Some(side) = side {
                        let part = if *verdict == "other_input" { &side["input"] } else { &side["output"] };
                        let words: String = one_line(&part.to_string()).chars().take(160).collect();
                        out(&format!("  {sign} {} {words}\n", side["outcome"].as_str().unwrap_or_default()))?;
                    }
                }
            }
        }
    }
    Ok(if differing == 0 { Exit::Done } else { Exit::NothingFound })
}

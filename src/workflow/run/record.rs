//! A run's events in, what they say out: what was answered, decided, cut off or spent, and what another run can take over.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Difference;
use crate::database::workflows::WorkflowRun;
use crate::error::{Error, Result};
use crate::workflow::event::{CallKind, CallRecord, Event, Outcome, Place, Spent};
use crate::workflow::execution::RecordEnd;
use crate::workflow::failure::{Failure, FailureClass};
use crate::workflow::frames::Prepared;
use crate::workflow::graph::{Durability, Workflow};
use crate::workflow::journal::Found;

/// A recorded run, read.
pub(super) struct Recorded {
    pub(super) row: WorkflowRun,
    pub(super) events: Vec<Event>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) input: Value,
    pub(super) seed: u64,
    pub(super) durability: Durability,
}

impl Recorded {
    /// How many events were taken over from another run.
    pub(super) fn kept_count(&self) -> usize {
        match self.events.first() {
            Some(Event::RunStarted { kept, .. }) => *kept,
            _ => 0,
        }
    }

    /// The events that were taken over from another run; none where its process died before they were all there.
    pub(super) fn kept(&self) -> &[Event] {
        self.events.get(1..=self.kept_count()).unwrap_or_default()
    }
}

pub(super) fn read(found: Found) -> Result<Recorded> {
    let Found { row, events } = found;
    let Some(Event::RunStarted { workflow: text, input, seed, durability, .. }) = events.first() else {
        return Err(Error::usage(format!("the record of run {} does not begin with its start", row.run)));
    };
    let failed = |reason: String| {
        Error::usage(format!("the workflow in the record of run {} cannot be used: {reason}", row.run))
    };
    let workflow: Workflow = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
    let prepared = Prepared::new(workflow, text.clone()).map_err(|failure| failed(failure.message))?;
    let (input, seed, durability) = (input.clone(), *seed, *durability);
    Ok(Recorded { row, events, prepared: Arc::new(prepared), input, seed, durability })
}

/// Microseconds that a run has been worked on.
pub(super) fn worked_us(events: &[Event]) -> u64 {
    let times = events.iter().map(|event| match event {
        Event::StepEnded { start_us, took_us, .. } => start_us + took_us,
        Event::RunEnded { took_us, .. } => *took_us,
        Event::CallEnded { call, .. } => call.start_us + call.took_us,
        Event::Opened { start_us, .. } => *start_us,
        _ => 0,
    });
    times.max().unwrap_or_default()
}

/// Calls of step visits that did not end: those with an effect outside that have no answer, and those that have one, by place.
#[expect(clippy::type_complexity, reason = "two maps that nobody else needs")]
pub(super) fn open_calls(events: &[Event]) -> (HashMap<Place, Vec<(String, Value)>>, HashMap<Place, Vec<CallRecord>>) {
    let (mut begun, mut made) = (HashMap::new(), HashMap::new());
    for event in events {
        match event {
            Event::CallStarted { place, name, request, kind: CallKind::Tool, .. } => {
                let begun: &mut Vec<(String, Value)> = begun.entry(place.clone()).or_default();
                begun.push((name.clone(), request.clone()));
            }
            Event::CallEnded { place, call, .. } if is_answered(call) => {
                if let Some(begun) = begun.get_mut(place).filter(|_| call.kind == CallKind::Tool) {
                    // The one that was begun last is the one that was answered; a visit makes one call at a time.
                    begun.pop();
                }
                made.entry(place.clone()).or_insert_with(Vec::new).push(call.clone());
            }
            Event::StepEnded { place, outcome: Outcome::CutOff, calls, .. } => {
                let calls = calls.iter().filter(|call| is_answered(call));
                made.insert(place.clone(), calls.map(|call| CallRecord { kept: true, ..call.clone() }).collect());
            }
            Event::StepEnded { place, .. } => {
                begun.remove(place);
                made.remove(place);
            }
            _ => {}
        }
    }
    (begun, made)
}

/// Whether it is known what came of a call: it was neither cut off nor left out of the record.
fn is_answered(call: &CallRecord) -> bool {
    match &call.failure {
        Some(failure) => failure.class != FailureClass::Cancelled,
        None => call.response.is_some(),
    }
}

pub(super) fn recorded_calls(events: &[Event]) -> HashMap<Place, Vec<CallRecord>> {
    let calls = events.iter().filter_map(|event| match event {
        Event::StepEnded { place, calls, .. } => Some((place.clone(), calls.clone())),
        _ => None,
    });
    calls.collect()
}

/// How a record ends that ends with steps at work.
pub(super) fn record_end(events: &[Event]) -> Option<RecordEnd> {
    let Some(Event::RunEnded { status, failure, .. }) = events.last() else { return None };
    let mut cut_off = HashSet::new();
    for event in events {
        match event {
            Event::StepEnded { place, outcome: Outcome::CutOff, .. } => {
                cut_off.insert(place.clone());
            }
            Event::StepEnded { place, .. } => {
                cut_off.remove(place);
            }
            _ => {}
        }
    }
    Some(RecordEnd { cut_off, status: *status, failure: failure.clone() })
}

/// The outputs of the steps that a person decided, by place.
pub(super) fn decisions(events: &[Event]) -> HashMap<Place, Value> {
    let waited: Vec<&Place> = events
        .iter()
        .filter_map(|event| match event {
            Event::Paused { place, .. } => Some(place),
            _ => None,
        })
        .collect();
    let outputs = events.iter().filter_map(|event| match event {
        Event::StepEnded { place, output, outcome: Outcome::Done, .. } if waited.contains(&place) => {
            Some((place.clone(), output.clone()))
        }
        _ => None,
    });
    outputs.collect()
}

pub(super) fn first_difference(recorded: &[Event], now: &[Event]) -> Option<Difference> {
    let mut new: HashMap<&Place, (Outcome, &Value, Option<&Failure>)> = HashMap::new();
    for event in now {
        if let Event::StepEnded { place, outcome, output, failures, .. } = event {
            new.insert(place, (*outcome, output, failures.last()));
        }
    }
    recorded.iter().find_map(|event| {
        let Event::StepEnded { place, outcome, output, .. } = event else { return None };
        if *outcome == Outcome::CutOff {
            return None;
        }
        let difference = |now, failure: Option<&Failure>| Difference {
            place: place.clone(),
            recorded: output.clone(),
            now,
            failure: failure.cloned(),
        };
        match new.get(place) {
            Some((same, value, _)) if same == outcome && *value == output => None,
            Some((Outcome::Failed | Outcome::FailedSkipped | Outcome::FellBack, _, failure)) => {
                Some(difference(None, *failure))
            }
            Some((_, value, _)) => Some(difference(Some((*value).clone()), None)),
            None => Some(difference(None, None)),
        }
    })
}

/// The ends of the steps that do not depend on `step`, each as its only visit, in an order in which they can be applied.
pub(super) fn kept_events(
    recorded: &Recorded,
    step: &str,
    mut edited: Map<String, Value>,
) -> Result<(Value, Vec<Event>)> {
    let plan = recorded.prepared.plan();
    let at = plan.find(step).ok_or_else(|| {
        let ids: Vec<&str> = plan.steps().iter().map(|step| step.id.as_str()).collect();
        Error::usage(format!("run {} has no step `{step}`; its steps are {}", recorded.row.run, ids.join(", ")))
    })?;
    let again = plan.with_dependents(at);
    let mut last: HashMap<&str, &Event> = HashMap::new();
    for event in &recorded.events {
        if let Event::StepEnded { place, outcome, .. } = event
            && place.frame.is_empty()
            && *outcome != Outcome::CutOff
        {
            last.insert(&place.step, event);
        }
    }
    let input = edited.shift_remove("input").unwrap_or_else(|| recorded.input.clone());
    let mut kept = Vec::new();
    for (place, settings) in plan.steps().iter().enumerate() {
        if again.binary_search(&place).is_ok() {
            continue;
        }
        let Some(event) = last.get(settings.id.as_str()) else { continue };
        let mut event = (*event).clone();
        if let Event::StepEnded { place, output, outcome, back_to, calls, .. } = &mut event {
            place.visit = 1;
            *back_to = None;
            // What they took belongs to the run that took it.
            for call in calls.iter_mut() {
                (call.kept, call.spent) = (true, Spent::default());
            }
            if let Some(value) = edited.shift_remove(&settings.id) {
                *output = value;
                *outcome = Outcome::Done;
            }
        }
        kept.push(event);
    }
    if let Some(name) = edited.keys().next() {
        return Err(Error::usage(format!("`{name}` is no step that ended before `{step}` and does not depend on it")));
    }
    Ok((input, kept))
}

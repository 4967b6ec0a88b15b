//! Steps that run graphs: begun with an input each, ended when the graphs have.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::ends::{Begun, Work};
use super::{Alarm, Execution, Tools};
use crate::workflow::budget::deadline;
use crate::workflow::context::Log;
use crate::workflow::event::Event;
use crate::workflow::expression::Scope;
use crate::workflow::failure::{Failure, FailureClass};
use crate::workflow::frames::Prepared;
use crate::workflow::graph::Step;
use crate::workflow::input::bind;
use crate::workflow::steps::Kind;

impl Execution {
    /// Begins the graphs of an `each` or `workflow` step.
    pub(super) fn open(
        &mut self,
        prepared: &Prepared,
        visit: Begun,
        step: &Step,
        scope: &Scope,
        tools: &mut Tools<'_>,
        events: &mut Vec<Event>,
    ) {
        let inputs = self.frames.check_depth(visit.frame).and_then(|()| inputs(prepared, step, scope));
        let inputs = match inputs {
            Ok(inputs) => inputs,
            Err(failure) => {
                events.push(self.failed(visit, step, Work::failed(failure, 1)));
                return;
            }
        };
        let at = (visit.frame, visit.step);
        let own = (step.timeout_ms > 0).then(|| {
            let message = format!("step `{}` took longer than {} ms", step.id, step.timeout_ms);
            (Instant::now() + Duration::from_millis(step.timeout_ms), Failure::new(FailureClass::Timeout, message))
        });
        let seconds = match &step.kind {
            Kind::Workflow(sub) => sub.limits.and_then(|limits| limits.seconds),
            _ => None,
        };
        let limit = seconds.and_then(|seconds| {
            let message = format!("the sub-graph's limit is reached: seconds = {seconds}");
            deadline(Instant::now(), seconds).map(|at| (at, Failure::new(FailureClass::Budget, message)))
        });
        if let Some((time, failure)) = [own, limit].into_iter().flatten().min_by_key(|(time, _)| *time) {
            tools.alarms.push((time, self.index, Alarm::Opening(at.0, at.1, visit.place.visit)));
            self.deadlines.insert(at, (time, failure));
        }
        events.push(Event::Opened { place: visit.place, inputs, start_us: visit.start_us });
    }

    pub(super) fn end_openings(&mut self, events: &mut Vec<Event>) {
        for (frame, step, result) in self.frames.finished() {
            self.end_opening(frame, step, result, events);
        }
    }

    pub(super) fn end_opening(
        &mut self,
        frame: usize,
        step: usize,
        result: Result<Value, Failure>,
        events: &mut Vec<Event>,
    ) {
        self.deadlines.remove(&(frame, step));
        let Some(opening) = self.frames.opening(frame, step) else { return };
        let visit = Begun { frame, step, place: opening.place.clone(), start_us: opening.start_us };
        let settings = self.frames.step(frame, step);
        let scope = self.frames.scope(frame, step);
        events.push(match result {
            Ok(output) => self.done(visit, settings, &scope, output, Work::at_once(Log::default())),
            Err(failure) => self.failed(visit, settings, Work::failed(failure, 1)),
        });
    }
}

/// The inputs of the graphs that a step runs.
pub(super) fn inputs(prepared: &Prepared, step: &Step, scope: &Scope) -> Result<Vec<Value>, Failure> {
    let fields =
        prepared.graph_input(step).ok_or_else(|| Failure::new(FailureClass::Other, "its graph is not there"))?;
    match &step.kind {
        Kind::Workflow(sub) => {
            let given = sub.input.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(scope)?)));
            Ok(vec![bind(fields, given.collect::<Result<Map<_, _>, Failure>>()?)?])
        }
        Kind::Each(each) => {
            let over = each.over.evaluate(scope)?;
            let Value::Array(items) = over else {
                let message = format!("`over` of step `{}` is no list", step.id);
                return Err(Failure::new(FailureClass::Expression, message));
            };
            if items.len() > each.items_max {
                let message = format!("step `{}` has {} items, items_max is {}", step.id, items.len(), each.items_max);
                return Err(Failure::new(FailureClass::Other, message));
            }
            let input = |(index, item): (usize, Value)| {
                let scope = scope.with("item", item).with("index", Value::from(index));
                let given = each.input.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(&scope)?)));
                bind(fields, given.collect::<Result<Map<_, _>, Failure>>()?)
            };
            items.into_iter().enumerate().map(input).collect()
        }
        _ => Ok(vec![]),
    }
}

pub(super) fn runs_graphs(step: &Step) -> bool {
    matches!(step.kind, Kind::Each(_) | Kind::Workflow(_))
}

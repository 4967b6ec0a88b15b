//! How a visit of a step ended, as an event.

use serde_json::Value;

use super::{Execution, holds};
use crate::workflow::context::Log;
use crate::workflow::event::{CallRecord, Event, Outcome, Place, sketch};
use crate::workflow::expression::Scope;
use crate::workflow::failure::Failure;
use crate::workflow::graph::{Record, Step};

/// A visit that has begun.
pub(super) struct Begun {
    pub(super) frame: usize,
    pub(super) step: usize,
    pub(super) place: Place,
    pub(super) start_us: u64,
}

/// What a visit has left behind when it ends.
#[derive(Default)]
pub(super) struct Work {
    pub(super) log: Log,
    /// Failures of its attempts.
    pub(super) failures: Vec<Failure>,
    pub(super) attempts: u32,
}

impl Work {
    /// Of a visit that failed without an attempt at its work, or in its only one.
    pub(super) fn failed(failure: Failure, attempts: u32) -> Self {
        Self { log: Log::default(), failures: vec![failure], attempts }
    }

    /// Of a visit that was done at the first attempt.
    pub(super) fn at_once(log: Log) -> Self {
        Self { log, failures: vec![], attempts: 1 }
    }
}

impl Execution {
    /// A visit that gave an output.
    pub(super) fn done(&self, visit: Begun, step: &Step, scope: &Scope, output: Value, mut work: Work) -> Event {
        match self.arrow(&visit, step, scope, &output) {
            Ok(back_to) => self.ended(visit, step, work, Outcome::Done, (output, back_to)),
            Err(failure) => {
                work.failures.push(failure);
                self.failed(visit, step, work)
            }
        }
    }

    /// Where the first arrow leads whose condition holds and whose target has visits left.
    fn arrow(&self, visit: &Begun, step: &Step, scope: &Scope, output: &Value) -> Result<Option<String>, Failure> {
        if step.goto.is_empty() {
            return Ok(None);
        }
        let scope = scope.with(step.id.clone(), output.clone());
        for (at, arrow) in step.goto.iter().enumerate() {
            let may = self.frames.frame(visit.frame).progress.may_go_back(visit.step, at);
            if may && holds(&arrow.when, &scope)? {
                return Ok(Some(arrow.step.clone()));
            }
        }
        Ok(None)
    }

    /// A visit whose attempts all failed.
    pub(super) fn failed(&self, visit: Begun, step: &Step, work: Work) -> Event {
        let outcome = match step.on_error.as_str() {
            "fail" => Outcome::Failed,
            "skip" => Outcome::FailedSkipped,
            _ => Outcome::FellBack,
        };
        self.ended(visit, step, work, outcome, (Value::Null, None))
    }

    /// A visit that was at work when the run stopped or its graph ended.
    pub(super) fn cut_off(&self, visit: Begun, step: &Step, work: Work) -> Event {
        self.ended(visit, step, work, Outcome::CutOff, (Value::Null, None))
    }

    fn ended(
        &self,
        visit: Begun,
        step: &Step,
        work: Work,
        outcome: Outcome,
        (output, back_to): (Value, Option<String>),
    ) -> Event {
        let Work { log: Log { mut input, mut calls, mut notes, .. }, failures, attempts } = work;
        if step.record == Record::Metadata {
            input = sketch(&input);
            calls.iter_mut().for_each(sketch_call);
            notes.iter_mut().for_each(|note| *note = sketch(note));
        }
        let Begun { place, start_us, .. } = visit;
        let took_us = self.desk.now_us().saturating_sub(start_us);
        Event::StepEnded { place, outcome, output, input, calls, notes, back_to, failures, attempts, start_us, took_us }
    }
}

pub(super) fn skipped(place: Place, start_us: u64) -> Event {
    Event::StepEnded {
        place,
        outcome: Outcome::Skipped,
        output: Value::Null,
        input: Value::Null,
        calls: vec![],
        notes: vec![],
        back_to: None,
        failures: vec![],
        attempts: 0,
        start_us,
        took_us: 0,
    }
}

fn sketch_call(call: &mut CallRecord) {
    call.request = sketch(&call.request);
    call.response = None;
}

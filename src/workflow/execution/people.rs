//! Steps that ask a person: the question, the decision, and the one that is made without anybody.

use std::time::{Duration, Instant};

use serde_json::json;

use super::ends::{Begun, Work};
use super::{Alarm, Execution, Tools};
use crate::workflow::context::Log;
use crate::workflow::event::{Decision, Event};
use crate::workflow::expression::Scope;
use crate::workflow::frames::Waiting;
use crate::workflow::graph::Step;
use crate::workflow::steps::Kind;
use crate::workflow::steps::approve::{ApproveOutput, DefaultDecision};

impl Execution {
    pub(super) fn set_decision_alarm(&self, deadline: &str, tools: &mut Tools<'_>) {
        if let Ok(deadline) = deadline.parse::<jiff::Timestamp>() {
            let after = deadline.duration_since((self.desk.clock)());
            let after = Duration::try_from(after).unwrap_or_default();
            if let Some(at) = Instant::now().checked_add(after) {
                tools.alarms.push((at, self.index, Alarm::Decision));
            }
        }
    }

    /// Stops at a step that asks a person.
    pub(super) fn pause(
        &mut self,
        visit: Begun,
        step: &Step,
        scope: &Scope,
        tools: &mut Tools<'_>,
        events: &mut Vec<Event>,
    ) {
        let Kind::Approve(approve) = &step.kind else { return };
        let asked = approve.prompt.render(scope).and_then(|prompt| {
            let shown = approve.show.as_ref().map(|show| show.evaluate(scope)).transpose()?;
            Ok((prompt, shown.unwrap_or_default()))
        });
        let (prompt, shown) = match asked {
            Ok(asked) => asked,
            Err(failure) => {
                events.push(self.failed(visit, step, Work::failed(failure, 1)));
                return;
            }
        };
        if let Some(output) = self.decisions.remove(&visit.place) {
            events.push(self.done(visit, step, scope, output, Work::at_once(Log::default())));
            return;
        }
        let seconds = i64::try_from(approve.timeout_s).unwrap_or(i64::MAX);
        let deadline = (approve.timeout_s > 0)
            .then(|| (self.desk.clock)().checked_add(jiff::SignedDuration::from_secs(seconds)).ok())
            .flatten()
            .map(|deadline| deadline.to_string());
        if let Some(deadline) = &deadline {
            self.set_decision_alarm(deadline, tools);
        }
        events.push(Event::Paused { place: visit.place, prompt, shown, deadline });
    }

    /// Decisions that nobody made in time.
    pub(super) fn decide_overdue(&mut self, events: &mut Vec<Event>) {
        let now = (self.desk.clock)();
        let is_over = |waiting: &Waiting| {
            let deadline = waiting.deadline.as_ref().and_then(|deadline| deadline.parse::<jiff::Timestamp>().ok());
            deadline.is_some_and(|deadline| now >= deadline)
        };
        let overdue: Vec<(usize, usize)> = self
            .frames
            .waiting()
            .filter(|(_, _, waiting)| is_over(waiting))
            .map(|(frame, step, _)| (frame, step))
            .collect();
        for (frame, step) in overdue {
            let Kind::Approve(approve) = &self.frames.step(frame, step).kind else { continue };
            let approved = approve.default == DefaultDecision::Approve;
            let decision = Decision { approved, by: "timeout".into(), at: now.to_string(), edited: None };
            events.extend(self.decided(frame, step, decision));
        }
    }

    /// The first step that waits for a person.
    pub(in crate::workflow) fn first_waiting(&self) -> Option<(usize, usize, &Waiting)> {
        self.frames.waiting().next()
    }

    /// Ends a step that waits with a decision.
    pub(in crate::workflow) fn decided(&self, frame: usize, step: usize, decision: Decision) -> Option<Event> {
        let (_, _, waiting) = self.frames.waiting().find(|(of, at, _)| (*of, *at) == (frame, step))?;
        let settings = self.frames.step(frame, step);
        let Decision { approved, by, at, edited } = decision;
        let output = ApproveOutput { approved, by, at, value: edited.unwrap_or_else(|| waiting.shown.clone()) };
        let visit = Begun { frame, step, place: waiting.place.clone(), start_us: self.desk.now_us() };
        let log = Log { input: json!({ "prompt": waiting.prompt, "shown": waiting.shown }), ..Log::default() };
        let output = serde_json::to_value(output).expect("a decision is plain data");
        Some(self.done(visit, settings, &self.frames.scope(frame, step), output, Work::at_once(log)))
    }
}

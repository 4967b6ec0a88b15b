//! What a running step sees of the run and what it may do to the world: the one door through which every call goes.
//!
//! Steps never call a model, a tool or an index by themselves. They hand the call to [`StepContext::call`], which answers it from
//! a record when the run is replayed, from the cache where that is allowed, reserves what it may take, and writes it down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::Value;

use super::event::{CallKind, CallRecord, Place, Spent};
use super::expression::{Expression, Scope, Template};
use super::failure::{Failure, FailureClass};
use super::services::Services;

/// What a call may take at most; reserved before it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reserve {
    /// Tokens read and written.
    pub tokens: u64,
    /// US dollars.
    pub usd: f64,
}

/// What a call does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it may be made again after a crash.
    None,
    /// Something that must not happen twice: it is written down before it is made.
    Once,
}

/// A call as a step wants it made.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is called.
    pub kind: CallKind,
    /// The model, collection, tool or path.
    pub name: String,
    /// All that decides the answer.
    pub request: Value,
    /// What it may take.
    pub reserve: Reserve,
    /// What it does to the world.
    pub effect: Effect,
}

/// What the one who makes a call is told.
#[derive(Debug)]
pub struct Live<'a> {
    /// Set once the run shall stop; long calls look at it.
    pub stop: &'a AtomicBool,
    /// When the step's time is up.
    pub deadline: Option<Instant>,
    /// The same for the same call of the same step visit, however often it is tried.
    pub idempotency_key: String,
}

impl Live<'_> {
    /// Whether the call shall be given up: the run stops, or the time is up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// A step visit at work.
#[derive(Debug)]
pub struct StepContext<'a> {
    /// Which visit.
    pub(super) place: Place,
    /// The attempt, from 1.
    pub(super) attempt: u32,
    /// The run's id and seed.
    pub(super) run: &'a str,
    pub(super) seed: u64,
    pub(super) scope: Scope,
    pub(super) services: &'a Services,
    pub(super) stop: &'a AtomicBool,
    pub(super) deadline: Option<Instant>,
    pub(super) cache: bool,
    /// When the run began.
    pub(super) began: Instant,
    /// What is written down about this attempt.
    pub(super) input: Value,
    pub(super) notes: Vec<Value>,
    pub(super) calls: Vec<CallRecord>,
}

impl StepContext<'_> {
    /// The values that the step can see.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn value(&self, expression: &Expression) -> Result<Value, Failure> {
        expression.evaluate(&self.scope)
    }

    /// The text of a template.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn text(&self, template: &Template) -> Result<String, Failure> {
        template.render(&self.scope)
    }

    /// What steps use.
    pub fn services(&self) -> &Services {
        self.services
    }

    /// The visit, from 1.
    pub fn visit(&self) -> u32 {
        self.place.visit
    }

    /// Decides the random choices of this visit; the same in every attempt and replay.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether the step asked for the cache.
    pub fn wants_cache(&self) -> bool {
        self.cache
    }

    /// Whether the step shall end: the run stops, or its time is up.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Notes the step's settings as rendered for this visit.
    pub fn input(&mut self, input: Value) {
        self.input = input;
    }

    /// Notes something on the way, such as a thought of an agent.
    pub fn note(&mut self, note: Value) {
        self.notes.push(note);
    }

    /// Makes a call, or answers it without making it.
    ///
    /// # Errors
    /// What `make` reports.
    pub fn call(
        &mut self,
        call: Call,
        make: &mut dyn FnMut(&Live<'_>) -> Result<(Value, Spent), Failure>,
    ) -> Result<Value, Failure> {
        if self.stopped() {
            return Err(Failure::new(FailureClass::Cancelled, "the run was stopped"));
        }
        let index = self.calls.len() as u32;
        let Place { frame, step, visit } = &self.place;
        let idempotency_key = format!("{}/{frame}/{step}.{visit}/{index}", self.run);
        let start = Instant::now();
        let answered = make(&Live { stop: self.stop, deadline: self.deadline, idempotency_key });
        let (response, failure, spent) = match &answered {
            Ok((value, spent)) => (Some(value.clone()), None, *spent),
            Err(failure) => (None, Some(failure.clone()), Spent::default()),
        };
        self.calls.push(CallRecord {
            index,
            kind: call.kind,
            name: call.name,
            request: call.request,
            response,
            failure,
            attempt: self.attempt,
            cached: false,
            spent,
            start_us: (start - self.began).as_micros() as u64,
            took_us: start.elapsed().as_micros() as u64,
        });
        answered.map(|(value, _)| value)
    }
}

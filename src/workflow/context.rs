//! What a running step sees of the run and what it may do to the world: the one door through which every call goes.
//!
//! Steps never call a model, a tool or an index by themselves. They hand the call to [`StepContext::call`], which answers it from
//! a record when the run is replayed, from the cache where that is allowed, reserves what it may take, and writes it down.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::budget::{AccountId, Ledger};
use super::event::{CallKind, CallRecord, Event, Place, Spent, sketch};
use super::expression::{Expression, Scope, Template};
use super::failure::{Failure, FailureClass};
use super::graph::Record;
use super::journal::{Journal, cache_key};
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

/// Makes a call for real: its answer, and what it took.
pub type Make<'a> = &'a mut dyn FnMut(&Live<'_>) -> Result<(Value, Spent), Failure>;

/// Bytes of one answer at most; more would be more than a record, a prompt or a person can hold.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Text that a step writes while it is at work: where, and what.
pub type OnText = Arc<dyn Fn(&Place, &str) + Send + Sync>;

/// The current time, RFC 3339.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// What all step visits of a run share.
pub(super) struct Desk {
    /// The run's id.
    pub(super) run: Arc<str>,
    pub(super) services: Arc<Services>,
    pub(super) ledger: Ledger,
    /// Where events go, with the run's number there; nowhere when a run is only replayed.
    pub(super) journal: Option<(Arc<Journal>, i64)>,
    /// When this process began to work on the run, and how many microseconds it had been worked on before.
    pub(super) began: Instant,
    pub(super) before_us: u64,
    pub(super) answers: Answers,
    pub(super) on_text: Option<OnText>,
    pub(super) clock: Clock,
}

/// Calls that were made before.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// On a replay, the calls of each step visit in order.
    pub(super) replayed: Option<HashMap<Place, Vec<CallRecord>>>,
    /// On a resume, calls with an effect outside that were begun and have no answer: the tool, and what was asked of it.
    pub(super) begun: HashMap<Place, Vec<(String, Value)>>,
    /// On a replay that asks models again, the calls of the record, from which those with an effect outside are answered all the same.
    pub(super) effects: Option<HashMap<Place, Vec<CallRecord>>>,
}

impl Desk {
    /// Microseconds since the run began, waiting for people left out.
    pub(super) fn now_us(&self) -> u64 {
        self.before_us + self.began.elapsed().as_micros() as u64
    }
}

/// What is written down about a step visit while it is at work. It outlives an attempt that hangs.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The attempt that may still write.
    pub(super) attempt: u32,
    pub(super) input: Value,
    pub(super) notes: Vec<Value>,
    pub(super) calls: Vec<CallRecord>,
    /// The call that is being made, and the most it may take.
    pub(super) open: Option<(CallRecord, Reserve)>,
    /// Calls that the same visit made in an earlier process, in order; they are not made again.
    pub(super) kept: VecDeque<CallRecord>,
    /// All of these, whichever way the visit goes now.
    pub(super) before: Vec<CallRecord>,
}

impl Log {
    /// Ends an attempt that hangs: what it does from now on is not written down, and the call that it hangs in has failed.
    pub(super) fn give_up(&mut self, failure: &Failure, now_us: u64) {
        self.attempt = u32::MAX;
        if let Some((mut record, reserve)) = self.open.take() {
            record.failure = Some(failure.clone());
            record.took_us = now_us.saturating_sub(record.start_us);
            record.spent = all_of(reserve);
            self.calls.push(record);
        }
    }
}

/// What is counted for a call of which nobody knows what it took.
fn all_of(reserve: Reserve) -> Spent {
    let is_known = reserve == Reserve::default();
    Spent { input_tokens: reserve.tokens, output_tokens: 0, usd: reserve.usd, at_most: !is_known }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A step visit at work.
pub struct StepContext<'a> {
    /// Which visit.
    pub(super) place: &'a Place,
    /// The attempt, from 1.
    pub(super) attempt: u32,
    /// The run's id.
    pub(super) run: &'a str,
    /// Decides the random choices of the visit.
    pub(super) seed: u64,
    pub(super) scope: Scope,
    pub(super) services: &'a Services,
    pub(super) desk: &'a Desk,
    pub(super) account: AccountId,
    pub(super) log: &'a Mutex<Log>,
    pub(super) stop: &'a AtomicBool,
    pub(super) deadline: Option<Instant>,
    pub(super) cache: bool,
    pub(super) record: Record,
    /// Whether the visit may go on for long after a call: its answer is then kept at once.
    pub(super) goes_on: bool,
    /// Calls made in this attempt.
    pub(super) made: u32,
}

impl<'a> StepContext<'a> {
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
        let mut log = lock(self.log);
        if log.attempt == self.attempt {
            log.input = input;
        }
    }

    /// Notes something on the way, such as a thought of an agent.
    pub fn note(&mut self, note: Value) {
        let mut log = lock(self.log);
        if log.attempt == self.attempt {
            log.notes.push(note);
        }
    }

    /// Shows pieces of text to whoever watches the run, also while a call is made. They are not recorded, and not checked yet.
    pub fn voice(&self) -> impl Fn(&str) + use<'a> {
        let (desk, place, stop) = (self.desk, self.place, self.stop);
        move |text: &str| {
            if let Some(on_text) = &desk.on_text
                && !stop.load(Ordering::Relaxed)
            {
                on_text(place, text);
            }
        }
    }

    /// Makes a call, or answers it without making it.
    ///
    /// # Errors
    /// What `make` reports; [`FailureClass::Budget`] when the call does not fit into the limits; [`FailureClass::Uncertain`] when a
    /// call with an effect outside may have happened already; [`FailureClass::Cancelled`] when the run stops.
    pub fn call(&mut self, call: Call, make: Make<'_>) -> Result<Value, Failure> {
        self.check_time()?;
        let number = self.made;
        self.made += 1;
        let mut record = CallRecord {
            index: 0,
            kind: call.kind,
            name: call.name,
            request: call.request,
            response: None,
            failure: None,
            attempt: self.attempt,
            cached: false,
            kept: false,
            spent: Spent::default(),
            start_us: self.desk.now_us(),
            took_us: 0,
        };
        if self.desk.answers.replayed.is_some() {
            return self.replay(record, call.reserve);
        }
        if let Some(kept) = self.take_kept(&record) {
            return self.finish(kept);
        }
        if call.effect == Effect::Once
            && let Some(known) = self.known_effect(&record)?
        {
            return self.finish(known);
        }
        let key = self.cache_key(&record);
        if let Some(answer) = key.as_ref().and_then(|key| self.cached(key)) {
            record.response = Some(answer);
            record.cached = true;
            return self.finish(record);
        }
        let held = self.desk.ledger.reserve(self.account, call.reserve, &|| self.stopped())?;
        let Place { frame, step, visit } = self.place;
        let idempotency_key = format!("{}/{frame}/{step}.{visit}/{number}", self.desk.run);
        let has_cost = call.reserve != Reserve::default();
        let written = match call.effect {
            Effect::None if !has_cost => Ok(()),
            effect => self.write_ahead(&record, number, &idempotency_key, effect, call.reserve),
        };
        if let Err(failure) = written {
            self.desk.ledger.settle(&held, Spent::default());
            return Err(failure);
        }
        let open = record.clone();
        self.with_log(|log| log.open = Some((open, call.reserve)));
        let answered = make(&Live { stop: self.stop, deadline: self.deadline, idempotency_key });
        record.took_us = self.desk.now_us() - record.start_us;
        match answered {
            Ok((value, spent)) => {
                record.spent = spent;
                match too_large(&value) {
                    Some(failure) => record.failure = Some(failure),
                    None => record.response = Some(value),
                }
            }
            Err(failure) => {
                // What a call took that did not end well is not known; the most is counted, so that the limit holds.
                if matches!(
                    failure.class,
                    FailureClass::Timeout | FailureClass::InvalidOutput | FailureClass::Cancelled
                ) || failure.had_begun
                {
                    record.spent = all_of(call.reserve);
                }
                record.failure = Some(failure);
            }
        }
        self.desk.ledger.settle(&held, record.spent);
        let has_failed_at_cost = record.failure.is_some() && record.spent != Spent::default();
        let outlives = (self.goes_on && self.record == Record::Full || has_failed_at_cost) && !self.is_given_up();
        if call.effect == Effect::Once || outlives {
            self.write_behind(&record, number, call.effect)?;
        }
        if let (Some(key), Some(answer)) = (key, &record.response) {
            self.keep(&key, &record, answer);
        }
        self.finish(record)
    }

    /// Whether the attempt hung and was given up: what it does is counted already, but for effects nobody listens any more.
    fn is_given_up(&self) -> bool {
        lock(self.log).attempt != self.attempt
    }

    fn check_time(&self) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::new(FailureClass::Cancelled, "the run was stopped"));
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => {
                Err(Failure::new(FailureClass::Timeout, "the step's time is up"))
            }
            _ => Ok(()),
        }
    }

    /// Writes a call down; one of an attempt that was given up goes nowhere.
    fn finish(&self, mut record: CallRecord) -> Result<Value, Failure> {
        let answer = match (&record.response, &record.failure) {
            (Some(value), _) => Ok(value.clone()),
            (None, failure) => {
                Err(failure.clone().unwrap_or_else(|| Failure::new(FailureClass::Other, "there was no answer")))
            }
        };
        let mut log = lock(self.log);
        if log.attempt != self.attempt {
            return Err(Failure::new(FailureClass::Cancelled, "the step was given up"));
        }
        log.open = None;
        record.index = log.calls.len() as u32;
        log.calls.push(record);
        answer
    }

    fn with_log(&self, change: impl FnOnce(&mut Log)) {
        let mut log = lock(self.log);
        if log.attempt == self.attempt {
            change(&mut log);
        }
    }

    fn replay(&self, mut record: CallRecord, reserve: Reserve) -> Result<Value, Failure> {
        let index = lock(self.log).calls.len();
        let known = self
            .desk
            .answers
            .replayed
            .as_ref()
            .and_then(|calls| calls.get(self.place))
            .and_then(|calls| calls.get(index));
        let same = known
            .filter(|known| (known.kind, &known.name, &known.request) == (record.kind, &record.name, &record.request));
        if known.is_none() {
            // A call that a limit refused is in no record; the same limit refuses it now.
            let held = self.desk.ledger.reserve(self.account, reserve, &|| self.stopped())?;
            self.desk.ledger.settle(&held, Spent::default());
        }
        let Some(known) = same else {
            let words = match known {
                Some(known) if known.response.is_none() && known.failure.is_none() => {
                    "its step keeps no answers (record = \"metadata\")"
                }
                Some(_) => "it asked for something else",
                None => "it made no such call",
            };
            let message = format!("the record has no answer for call {} to {}: {words}", index + 1, record.name);
            return Err(Failure::new(FailureClass::Other, message));
        };
        // Limits hold in a replay as they did in the run.
        let reserve = if known.cached { Reserve::default() } else { reserve };
        let held = self.desk.ledger.reserve(self.account, reserve, &|| self.stopped())?;
        self.desk.ledger.settle(&held, known.spent);
        record = known.clone();
        self.finish(record)
    }

    /// The answer of the same call in an earlier process, where the visit goes the same way as it did then.
    fn take_kept(&self, record: &CallRecord) -> Option<CallRecord> {
        let mut log = lock(self.log);
        if log.attempt != self.attempt {
            return None;
        }
        let is_same = log.kept.front().is_some_and(|kept| is_same_call(kept, record));
        if !is_same {
            // It goes another way from here, as with other settings.
            log.kept.clear();
        }
        log.kept.pop_front().map(|kept| CallRecord { attempt: self.attempt, ..kept })
    }

    /// What is known of a call with an effect outside from an earlier attempt or another process.
    fn known_effect(&self, record: &CallRecord) -> Result<Option<CallRecord>, Failure> {
        let uncertain = |why: &str| {
            let message = format!(
                "{} was called before and {why}: whether it took effect is not known, and it is not called again; look there, and go \
                 on from this step with: ibid trace replay {} --from {}",
                record.name, self.desk.run, self.place.step
            );
            Failure::new(FailureClass::Uncertain, message)
        };
        if let Some(recorded) = &self.desk.answers.effects {
            let mut calls = recorded.get(self.place).into_iter().flatten().rev();
            return calls.find(|call| is_same_call(call, record)).cloned().map(Some).ok_or_else(|| {
                let message = format!(
                    "{} has an effect outside, so a replay does not call it, and the record has no answer for these arguments",
                    record.name
                );
                Failure::new(FailureClass::Refused, message)
            });
        }
        let begun = self.desk.answers.begun.get(self.place).into_iter().flatten();
        if begun.into_iter().any(|(name, request)| *name == record.name && is_same_request(request, &record.request)) {
            return Err(uncertain("the process ended before the answer came"));
        }
        let log = lock(self.log);
        let known = log.calls.iter().rev().chain(&log.before).find(|call| is_same_call(call, record));
        let Some(before) = known.cloned() else {
            return Ok(None);
        };
        match &before.failure {
            None => Ok(Some(CallRecord { cached: true, attempt: self.attempt, spent: Spent::default(), ..before })),
            // Only who refused a call says that nothing came of it; a tool that fails, hangs or is stopped may be half done.
            Some(failure) if matches!(failure.class, FailureClass::Refused | FailureClass::RateLimited) => Ok(None),
            Some(failure) => Err(uncertain(&format!("failed ({})", failure.message))),
        }
    }

    /// The request as the step lets it be recorded.
    fn recorded_request(&self, record: &CallRecord) -> Value {
        match self.record {
            Record::Full => record.request.clone(),
            Record::Metadata => sketch(&record.request),
        }
    }

    fn write_ahead(
        &self,
        record: &CallRecord,
        number: u32,
        key: &str,
        effect: Effect,
        reserve: Reserve,
    ) -> Result<(), Failure> {
        let event = Event::CallStarted {
            place: self.place.clone(),
            number,
            name: record.name.clone(),
            // A prompt is kept once, with its answer.
            request: if effect == Effect::Once { self.recorded_request(record) } else { Value::Null },
            idempotency_key: key.to_string(),
            kind: record.kind,
            most: (reserve != Reserve::default()).then(|| all_of(reserve)),
        };
        self.write(&event, effect == Effect::Once)
    }

    fn write_behind(&self, record: &CallRecord, number: u32, effect: Effect) -> Result<(), Failure> {
        let mut call = CallRecord { request: self.recorded_request(record), ..record.clone() };
        if self.record == Record::Metadata {
            call.response = None;
        }
        self.write(&Event::CallEnded { place: self.place.clone(), number, call }, effect == Effect::Once)
    }

    /// What tells of an effect is `synced`, on the disk before anything else happens: a power cut must not make it happen twice.
    fn write(&self, event: &Event, synced: bool) -> Result<(), Failure> {
        let Some((journal, run)) = &self.desk.journal else { return Ok(()) };
        journal.append_when_free(&[(*run, event)], &[], synced, &|| self.stopped()).map_err(Failure::from)
    }

    /// Nothing where the answer is not to be kept. What a search finds also depends on what the collection holds, and how it is searched.
    fn cache_key(&self, record: &CallRecord) -> Option<[u8; 32]> {
        let rests_on = match record.kind {
            _ if !self.cache => return None,
            CallKind::Model | CallKind::Embedding => String::new(),
            CallKind::Retrieval => {
                let generation = self.services.collections().generation(&record.name).ok()?;
                generation + &serde_json::to_string(&self.services.settings().retrieve).ok()?
            }
            CallKind::Tool | CallKind::Read => return None,
        };
        Some(cache_key(&[
            kind_name(record.kind).as_bytes(),
            record.name.as_bytes(),
            record.request.to_string().as_bytes(),
            rests_on.as_bytes(),
        ]))
    }

    /// A cache that cannot be read or written is slow, not wrong: the call is made.
    fn cached(&self, key: &[u8]) -> Option<Value> {
        let (journal, _) = self.desk.journal.as_ref()?;
        let bytes = journal.cached(key).ok().flatten()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn keep(&self, key: &[u8], record: &CallRecord, answer: &Value) {
        if let Some((journal, _)) = &self.desk.journal {
            let at = (self.desk.clock)().to_string();
            let kept = journal.keep(key, kind_name(record.kind), &record.name, answer.to_string().as_bytes(), &at);
            if let Err(error) = kept {
                tracing::warn!("an answer was not kept: {error}");
            }
        }
    }
}

impl std::fmt::Debug for StepContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepContext").field("place", self.place).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

fn is_same_call(known: &CallRecord, record: &CallRecord) -> bool {
    (known.kind, &known.name) == (record.kind, &record.name) && is_same_request(&known.request, &record.request)
}

/// Whether a request is the recorded one, of which there may be no more than a sketch, or in older records nothing at all.
fn is_same_request(recorded: &Value, request: &Value) -> bool {
    recorded.is_null() || recorded == request || *recorded == sketch(request)
}

/// The name of a kind of call as it is recorded.
pub fn kind_name(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Model => "model",
        CallKind::Retrieval => "retrieval",
        CallKind::Embedding => "embedding",
        CallKind::Tool => "tool",
        CallKind::Read => "read",
    }
}

/// Why an answer cannot be taken, when it is larger than anything that follows could hold.
fn too_large(value: &Value) -> Option<Failure> {
    fn bytes(value: &Value) -> usize {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 8,
            Value::String(text) => text.len() + 2,
            Value::Array(list) => list.iter().map(bytes).sum::<usize>() + 2,
            Value::Object(object) => {
                object.iter().map(|(name, value)| name.len() + 4 + bytes(value)).sum::<usize>() + 2
            }
        }
    }
    let bytes = bytes(value);
    (bytes > ANSWER_BYTES_MAX).then(|| {
        let message =
            format!("the answer has {} MB; more than {} MB is not taken", bytes >> 20, ANSWER_BYTES_MAX >> 20);
        Failure::new(FailureClass::Tool, message)
    })
}

//! A workflow and its input in, a recorded run out; a record in, the run resumed, replayed or run on from one of its steps.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::context::{Answers, Clock, Desk, OnText};
pub use super::driver::Ended;
use super::driver::{Driver, Job};
use super::event::{CallKind, CallRecord, Decision, Event, Outcome, Place, RunStatus, Spent};
use super::execution::{Execution, RecordEnd, ledger};
use super::failure::{Failure, FailureClass};
use super::frames::{Frames, Prepared};
use super::graph::{Durability, Workflow};
use super::input::bind;
use super::journal::{Found, Journal, status_name};
use super::pool::Pool;
use super::services::Services;
use crate::database::workflows::WorkflowRun;
use crate::error::{Error, Result};

/// Told the id of a run that begins.
pub type OnStart = Arc<dyn Fn(&str) + Send + Sync>;

/// What watches and steers runs from outside.
#[derive(Clone)]
pub struct Watch {
    /// Set when the program shall stop; runs end so that they can be resumed.
    pub stop: Arc<AtomicBool>,
    /// Told the id of each run that begins.
    pub on_start: Option<OnStart>,
    /// Told the text that steps write while they are at work.
    pub on_text: Option<OnText>,
    /// Tells the time of day.
    pub clock: Clock,
}

impl Default for Watch {
    /// Never stops, shows nothing, and has the system's clock.
    fn default() -> Self {
        Self {
            stop: Arc::new(AtomicBool::new(false)),
            on_start: None,
            on_text: None,
            clock: Arc::new(jiff::Timestamp::now),
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// A run to begin.
#[derive(Debug, Clone)]
pub struct Request {
    /// The workflow.
    pub workflow: Arc<Prepared>,
    /// Its input by name; defaults are filled in.
    pub input: Map<String, Value>,
    /// Decides every random choice.
    pub seed: u64,
    /// When the record reaches the disk; as the workflow says when left out.
    pub durability: Option<Durability>,
}

/// How many runs and steps are at work at once.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Runs.
    pub runs: usize,
    /// Threads for steps, over all runs.
    pub threads: usize,
}

/// What a person decided about the step that waits.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Whether the run may go on.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// What was shown, as the person changed it.
    pub edited: Option<Value>,
}

/// Where answers of models, tools and searches come from in a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From the record.
    Record,
    /// They are asked again.
    Live,
}

/// What a replay gave.
#[derive(Debug)]
pub struct Replayed {
    /// How it ended.
    pub ended: Ended,
    /// The first step of the record that gave something else this time.
    pub differs: Option<Difference>,
    /// Whether status and output are those of the record, byte for byte.
    pub is_same: bool,
}

/// A step that gave something else.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Which.
    pub place: Place,
    /// What the record holds.
    pub recorded: Value,
    /// What it gave now; nothing when it was not visited, or failed.
    pub now: Option<Value>,
    /// Why it failed now.
    pub failure: Option<Failure>,
}

/// Runs workflows and keeps their record.
#[derive(Debug)]
pub struct Engine {
    journal: Arc<Journal>,
    services: Arc<Services>,
    watch: Watch,
}

/// A recorded run, read.
struct Recorded {
    row: WorkflowRun,
    events: Vec<Event>,
    prepared: Arc<Prepared>,
    input: Value,
    seed: u64,
    durability: Durability,
}

impl Recorded {
    /// How many events were taken over from another run.
    fn kept_count(&self) -> usize {
        match self.events.first() {
            Some(Event::RunStarted { kept, .. }) => *kept,
            _ => 0,
        }
    }

    /// The events that were taken over from another run; none where its process died before they were all there.
    fn kept(&self) -> &[Event] {
        self.events.get(1..=self.kept_count()).unwrap_or_default()
    }
}

impl Engine {
    /// An engine that keeps its record in `journal`.
    pub fn new(journal: Arc<Journal>, services: Arc<Services>, watch: Watch) -> Self {
        services.keep_vectors_in(&journal);
        Self { journal, services, watch }
    }

    /// The record.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What the steps of its runs use.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Runs a workflow to its end, or until it waits for a person or is told to stop.
    ///
    /// # Errors
    /// [`Error::Usage`] when the input is not what the workflow asks for; [`Error::Database`] when the record cannot be written. A step
    /// that fails is no error: the run ends as failed.
    pub fn start(&self, request: Request) -> Result<Ended> {
        let threads = request.workflow.workflow.limits.parallel;
        self.run_many(vec![request], Crowd { runs: 1, threads }).map(|mut ended| ended.remove(0))
    }

    /// Runs many workflows, several at once; the ends come in the order of the requests. Told to stop, those that have not begun
    /// are left out.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn run_many(&self, requests: Vec<Request>, crowd: Crowd) -> Result<Vec<Ended>> {
        let pool = Pool::new(crowd.threads);
        let mut requests = requests.into_iter();
        let mut next = |index| requests.next().map(|request| self.begin(index, request)).transpose();
        let driver = Driver::new(Some(&self.journal), &self.watch.stop, &pool);
        Ok(driver.drive(crowd.runs, &mut next)?.into_iter().map(|(ended, _)| ended).collect())
    }

    fn begin(&self, index: usize, request: Request) -> Result<Job> {
        let Request { workflow, input, seed, durability } = request;
        let input = bind(&workflow.workflow.input, input).map_err(|failure| Error::usage(failure.message))?;
        let durability = durability.unwrap_or(workflow.workflow.durability);
        let started_at = self.now();
        let first = Event::RunStarted {
            workflow: workflow.text.clone(),
            input: input.clone(),
            seed,
            durability,
            at: started_at.clone(),
            kept: 0,
        };
        let row = new_row(&workflow.workflow.name, &started_at);
        let number = self.journal.create(&row, &first, durability)?;
        self.tell_start(&row.run);
        let desk = self.desk(&row.run, Some(number), &workflow, 0, Answers::default());
        let execution = Execution::new(index, desk, Frames::new(workflow, input), seed);
        Ok(Job { execution, durability, started_at })
    }

    fn tell_start(&self, run: &str) {
        if let Some(on_start) = &self.watch.on_start {
            on_start(run);
        }
    }

    fn now(&self) -> String {
        (self.watch.clock)().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    fn desk(&self, run: &str, number: Option<i64>, prepared: &Prepared, before_us: u64, answers: Answers) -> Arc<Desk> {
        Arc::new(Desk {
            run: run.into(),
            services: self.services.clone(),
            ledger: ledger(prepared),
            journal: number.map(|number| (self.journal.clone(), number)),
            began: Instant::now(),
            before_us,
            answers,
            on_text: self.watch.on_text.clone(),
            clock: self.watch.clock.clone(),
        })
    }

    /// Goes on with a run that waits, was stopped, or whose process died. No step that ended runs again.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such run, it has ended, another process works on it, or a decision is missing or not asked for;
    /// [`Error::Database`] when the record cannot be read or written.
    pub fn resume(&self, run: &str, choice: Option<Choice>) -> Result<Ended> {
        let found = self.journal.claim(run)?;
        let row = found.row.clone();
        let begun = self.go_on(found, choice);
        let job = match begun {
            Ok(job) => job,
            Err(error) => {
                // It stands as it stood; that it cannot even be let go of is told by the next one who tries.
                let _ = self.journal.release(&row);
                return Err(error);
            }
        };
        let pool = Pool::new(job.execution.frames.prepared().workflow.limits.parallel);
        let mut job = Some(job);
        let ended = Driver::new(Some(&self.journal), &self.watch.stop, &pool).drive(1, &mut |_| Ok(job.take()))?;
        one(ended).map(|(ended, _)| ended)
    }

    fn go_on(&self, found: Found, choice: Option<Choice>) -> Result<Job> {
        let status = found.row.status.clone();
        let recorded = read(found)?;
        let run = &recorded.row.run;
        let has_ended = [RunStatus::Done, RunStatus::Failed, RunStatus::BudgetExceeded].map(status_name);
        if has_ended.contains(&status.as_str()) {
            return Err(Error::usage(format!(
                "run {run} has ended ({status}); look at it with: ibid trace show {run}, or run it again from one of its steps with: \
                 ibid trace replay {run} --from STEP"
            )));
        }
        if recorded.kept().len() < recorded.kept_count() {
            return Err(Error::usage(format!(
                "run {run} was interrupted before it began: run it again with: ibid trace replay RUN --from STEP"
            )));
        }
        let (begun, made) = open_calls(&recorded.events);
        let answers = Answers { begun, ..Answers::default() };
        let desk = self.desk(run, Some(recorded.row.number), &recorded.prepared, worked_us(&recorded.events), answers);
        let frames = Frames::new(recorded.prepared.clone(), recorded.input.clone());
        let mut execution = Execution::new(0, desk, frames, recorded.seed);
        execution.restore(&recorded.events).map_err(|failure| Error::usage(failure.message))?;
        execution.made = made;
        let now = (self.watch.clock)();
        let waiting = execution.first_waiting().map(|(frame, step, waiting)| (frame, step, waiting.clone()));
        let decision = match (choice, &waiting) {
            (Some(_), Some((_, _, waiting))) if is_overdue(waiting, now) => {
                return Err(Error::usage(format!(
                    "the time for a decision was up at {}, so the default of the step `{}` holds; go on with: ibid resume {run}",
                    waiting.deadline.as_deref().unwrap_or_default(),
                    waiting.place.step
                )));
            }
            (Some(_), None) => {
                return Err(Error::usage(format!("run {run} waits for no decision; go on with: ibid resume {run}")));
            }
            (None, Some((_, _, waiting))) if status == status_name(RunStatus::Waiting) && !is_overdue(waiting, now) => {
                return Err(Error::usage(format!(
                    "run {run} waits for a decision ({}); go on with one of: ibid resume {run} --approve, --reject or --edit FILE",
                    waiting.prompt.trim()
                )));
            }
            (choice, _) => {
                choice.map(|Choice { approved, by, edited }| Decision { approved, by, at: self.now(), edited })
            }
        };
        let decided = decision.as_ref().and(waiting.as_ref()).map(|(_, _, waiting)| waiting.place.clone());
        let mut events = vec![Event::Resumed { at: self.now(), decision: decision.clone(), decided }];
        if let (Some(decision), Some((frame, step, _))) = (decision, waiting) {
            events.extend(execution.decided(frame, step, decision));
        }
        let rows: Vec<(i64, &Event)> = events.iter().map(|event| (recorded.row.number, event)).collect();
        self.journal.append(&rows, &[], recorded.durability == Durability::Step)?;
        for event in &events {
            execution.apply(event).map_err(|failure| Error::usage(failure.message))?;
        }
        Ok(Job { execution, durability: recorded.durability, started_at: recorded.row.started_at })
    }

    /// A run that nobody works on.
    fn at_rest(&self, run: &str) -> Result<Recorded> {
        let mut found = self.journal.read(run)?;
        self.journal.mark_interrupted(&mut found.row);
        match found.row.status.as_str() {
            "running" => Err(Error::usage(format!(
                "run {} is still being worked on; wait for it, or stop it with Ctrl-C there",
                found.row.run
            ))),
            _ => read(found),
        }
    }

    /// Runs a recorded run again, without a record of its own, and says where it differs. What has an effect outside is answered from the
    /// record in any case.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such run or it is being worked on; [`Error::Database`] when the record cannot be read.
    pub fn replay(&self, run: &str, source: Source) -> Result<Replayed> {
        let recorded = self.at_rest(run)?;
        let replayed = (source == Source::Record).then(|| recorded_calls(&recorded.events));
        let effects = (source == Source::Live).then(|| recorded_calls(&recorded.events));
        let answers = Answers { replayed, effects, ..Answers::default() };
        let desk = self.desk(&recorded.row.run, None, &recorded.prepared, 0, answers);
        let frames = Frames::new(recorded.prepared.clone(), recorded.input.clone());
        let mut execution = Execution::new(0, desk, frames, recorded.seed);
        let kept = recorded.kept();
        kept.iter().try_for_each(|event| execution.apply(event)).map_err(|failure| Error::usage(failure.message))?;
        execution.decisions = decisions(&recorded.events);
        if source == Source::Record {
            execution.record_end = record_end(&recorded.events);
        }
        let pool = Pool::new(recorded.prepared.workflow.limits.parallel);
        let mut job = Some(Job { execution, durability: Durability::Run, started_at: recorded.row.started_at.clone() });
        let ended = Driver::new(None, &self.watch.stop, &pool).drive(1, &mut |_| Ok(job.take()))?;
        let (ended, events) = one(ended)?;
        let before = recorded.events.iter().rev().find_map(|event| match event {
            Event::RunEnded { status, output, .. } => Some((*status, output.clone())),
            _ => None,
        });
        let is_same = before.is_none_or(|(status, output)| status == ended.status && output == ended.output);
        let differs = first_difference(&recorded.events[1 + kept.len()..], &events);
        Ok(Replayed { ended, differs, is_same })
    }

    /// Runs a recorded run on from one of its steps, as a new run: what does not depend on the step is taken from the record, with the
    /// outputs in `edited` (by step id, or `input`) put in its place.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such run or step, it is being worked on, or `edited` names something that the step does not come after;
    /// [`Error::Database`] when a record cannot be read or written.
    pub fn run_from(&self, run: &str, step: &str, edited: Map<String, Value>) -> Result<Ended> {
        let recorded = self.at_rest(run)?;
        let (input, kept) = kept_events(&recorded, step, edited)?;
        let given = input.as_object().cloned().unwrap_or_default();
        let input = bind(&recorded.prepared.workflow.input, given).map_err(|failure| Error::usage(failure.message))?;
        let started_at = self.now();
        let row = new_row(&recorded.prepared.workflow.name, &started_at);
        let first = Event::RunStarted {
            workflow: recorded.prepared.text.clone(),
            input: input.clone(),
            seed: recorded.seed,
            durability: recorded.durability,
            at: started_at.clone(),
            kept: kept.len(),
        };
        let number = self.journal.create(&row, &first, recorded.durability)?;
        self.tell_start(&row.run);
        let rows: Vec<(i64, &Event)> = kept.iter().map(|event| (number, event)).collect();
        self.journal.append(&rows, &[], false)?;
        let desk = self.desk(&row.run, Some(number), &recorded.prepared, 0, Answers::default());
        let mut execution = Execution::new(0, desk, Frames::new(recorded.prepared.clone(), input), recorded.seed);
        kept.iter().try_for_each(|event| execution.apply(event)).map_err(|failure| Error::usage(failure.message))?;
        let pool = Pool::new(recorded.prepared.workflow.limits.parallel);
        let mut job = Some(Job { execution, durability: recorded.durability, started_at });
        let ended = Driver::new(Some(&self.journal), &self.watch.stop, &pool).drive(1, &mut |_| Ok(job.take()))?;
        one(ended).map(|(ended, _)| ended)
    }
}

fn one<T>(mut ended: Vec<T>) -> Result<T> {
    ended.pop().ok_or(Error::Interrupted)
}

fn new_row(workflow: &str, started_at: &str) -> WorkflowRun {
    WorkflowRun {
        number: 0,
        run: Uuid::now_v7().to_string(),
        workflow: workflow.into(),
        started_at: started_at.into(),
        status: status_name(RunStatus::Running).into(),
        took_us: 0,
        steps: 0,
        tokens: 0,
        usd: 0.0,
        message: String::new(),
        holder: None,
    }
}

fn read(found: Found) -> Result<Recorded> {
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

fn is_overdue(waiting: &super::frames::Waiting, now: jiff::Timestamp) -> bool {
    let deadline = waiting.deadline.as_ref().and_then(|deadline| deadline.parse::<jiff::Timestamp>().ok());
    deadline.is_some_and(|deadline| now >= deadline)
}

/// Microseconds that a run has been worked on.
fn worked_us(events: &[Event]) -> u64 {
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
fn open_calls(events: &[Event]) -> (HashMap<Place, Vec<(String, Value)>>, HashMap<Place, Vec<CallRecord>>) {
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

fn recorded_calls(events: &[Event]) -> HashMap<Place, Vec<CallRecord>> {
    let calls = events.iter().filter_map(|event| match event {
        Event::StepEnded { place, calls, .. } => Some((place.clone(), calls.clone())),
        _ => None,
    });
    calls.collect()
}

/// How a record ends that ends with steps at work.
fn record_end(events: &[Event]) -> Option<RecordEnd> {
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
fn decisions(events: &[Event]) -> HashMap<Place, Value> {
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

fn first_difference(recorded: &[Event], now: &[Event]) -> Option<Difference> {
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
fn kept_events(recorded: &Recorded, step: &str, mut edited: Map<String, Value>) -> Result<(Value, Vec<Event>)> {
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

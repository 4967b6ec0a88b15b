//! A workflow and its input in, a recorded run out; a record in, the run resumed, replayed or run on from one of its steps.

mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde_json::{Map, Value};
use uuid::Uuid;

use record::{
    Recorded, decisions, first_difference, kept_events, open_calls, read, record_end, recorded_calls, worked_us,
};

use super::context::{Answers, Clock, Desk, OnText};
pub use super::driver::Ended;
use super::driver::{Driver, Job};
use super::event::{Decision, Event, Place, RunStatus};
use super::execution::{Execution, ledger};
use super::failure::Failure;
use super::frames::{Frames, Prepared};
use super::graph::Durability;
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

fn is_overdue(waiting: &super::frames::Waiting, now: jiff::Timestamp) -> bool {
    let deadline = waiting.deadline.as_ref().and_then(|deadline| deadline.parse::<jiff::Timestamp>().ok());
    deadline.is_some_and(|deadline| now >= deadline)
}

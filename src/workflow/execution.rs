//! One run at work: what is ready becomes visits of steps, what they give becomes events.
//!
//! It decides nothing that [`Frames`] does not say, and writes nothing itself: events go to the driver, which commits them and
//! gives them back to be applied. Cheap kinds of steps run here; the others are handed to a pool.

mod calling;
mod ends;
mod graphs;
mod people;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::budget::{AccountId, Ledger, RUN, deadline};
use super::context::{Desk, Log, StepContext, lock};
use super::event::{CallKind, CallRecord, Event, Outcome, Place, RunStatus, Spent};
use super::expression::{Expression, Fuel, Scope};
use super::failure::{Failure, FailureClass};
use super::frames::{Frames, Prepared, ROOT};
use super::graph::Step;
use super::pool::Pool;
use super::schedule::Ready;
use super::steps::Kind;
use calling::{Visit, run_caught};
use ends::{Begun, Work, skipped};
use graphs::runs_graphs;

/// How long steps at work may take to end when the run is told to stop.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// What a step on the pool reports.
pub(super) struct Report {
    /// Which run of the driver.
    pub(super) execution: usize,
    ticket: u64,
    attempt: u32,
    result: Result<Value, Failure>,
}

/// Something to look at later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// A step is tried again.
    Retry(u64),
    /// An attempt's time is up.
    Attempt(u64, u32),
    /// The time of a step that runs graphs is up.
    Opening(usize, usize, u32),
    /// A decision is made without a person.
    Decision,
    /// The run's time is up.
    Run,
    /// A run that was told to stop waits for nothing any more.
    Stopped,
}

/// What the driver lends to an execution.
pub(super) struct Tools<'a> {
    pub(super) pool: &'a Pool,
    pub(super) reports: &'a std::sync::mpsc::Sender<Report>,
    /// When to be called, by alarm.
    pub(super) alarms: &'a mut Vec<(Instant, usize, Alarm)>,
}

/// How a run ends or stops.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    pub(super) status: RunStatus,
    pub(super) failure: Option<Failure>,
    /// Whether the steps at work end first.
    waits: bool,
}

impl Ending {
    fn new(status: RunStatus, failure: Option<Failure>) -> Self {
        Self { status, failure, waits: false }
    }

    /// A limit on steps, tokens or money does not hold what would come next: what is at work fits into it and is paid for.
    fn no_more(failure: Failure) -> Self {
        Self { status: RunStatus::BudgetExceeded, failure: Some(failure), waits: true }
    }
}

/// How a record ends that ends with steps at work.
#[derive(Debug)]
pub(super) struct RecordEnd {
    /// The visits at work.
    pub(super) cut_off: HashSet<Place>,
    pub(super) status: RunStatus,
    pub(super) failure: Option<Failure>,
}

/// A run at work.
pub(super) struct Execution {
    pub(super) index: usize,
    pub(super) desk: Arc<Desk>,
    pub(super) frames: Frames,
    pub(super) ending: Option<Ending>,
    /// Failures of steps, with their frames, that are told once nothing is at work: each might end a graph with others in it.
    held: VecDeque<(usize, Event)>,
    /// Set once the run's last event was made.
    pub(super) is_over: bool,
    /// Decisions of a record, for a replay.
    pub(super) decisions: HashMap<Place, Value>,
    /// Visits that a record cuts off and how it ends, for a replay: they are not begun again.
    pub(super) record_end: Option<RecordEnd>,
    /// Answered calls of visits that were cut off, for a resume.
    pub(super) made: HashMap<Place, Vec<CallRecord>>,
    seed: u64,
    visits: BTreeMap<u64, Visit>,
    next_ticket: u64,
    at_work: usize,
    given_up: HashSet<(u64, u32)>,
    accounts: HashMap<usize, AccountId>,
    deadlines: HashMap<(usize, usize), (Instant, Failure)>,
    run_deadline: Option<Instant>,
    stopping: bool,
}

impl Execution {
    pub(super) fn new(index: usize, desk: Arc<Desk>, frames: Frames, seed: u64) -> Self {
        let limits = frames.prepared().workflow.limits;
        let before = desk.before_us as f64 / 1e6;
        Self {
            index,
            run_deadline: deadline(desk.began, limits.seconds - before),
            desk,
            frames,
            ending: None,
            held: VecDeque::new(),
            is_over: false,
            decisions: HashMap::new(),
            record_end: None,
            made: HashMap::new(),
            seed,
            visits: BTreeMap::new(),
            next_ticket: 0,
            at_work: 0,
            given_up: HashSet::new(),
            accounts: HashMap::new(),
            deadlines: HashMap::new(),
            stopping: false,
        }
    }

    /// Brings the state to where a record ends: events applied, what was used counted.
    pub(super) fn restore(&mut self, events: &[Event]) -> Result<(), Failure> {
        // Calls that were answered in visits that have no end yet.
        let mut open: HashMap<&Place, Vec<(bool, Spent)>> = HashMap::new();
        let mut paused = HashSet::new();
        let kept = match events.first() {
            Some(Event::RunStarted { kept, .. }) => *kept,
            _ => 0,
        };
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::CallStarted { place, most: Some(most), .. } => {
                    open.entry(place).or_default().push((true, *most));
                }
                Event::CallEnded { place, call, .. } => {
                    let open = open.entry(place).or_default();
                    // The one that was begun last is the one that was answered; a visit makes one call at a time.
                    open.pop_if(|(is_begun, _)| *is_begun && call.kind == CallKind::Model);
                    open.push((false, call.spent));
                }
                Event::StepEnded { place, .. } => {
                    open.remove(place);
                }
                _ => {}
            }
            // What another run did, that one has counted.
            if at > kept {
                self.count(event, &mut paused);
            }
            self.apply(event)?;
        }
        for (place, spent) in open {
            if let Some((frame, _)) = self.frames.find(place) {
                let account = self.account(frame);
                spent.into_iter().for_each(|(_, spent)| self.desk.ledger.take(account, spent));
            }
        }
        Ok(())
    }

    /// Counts what a recorded event used. The visit of a step that waits for a person counts when it begins to wait.
    fn count<'e>(&self, event: &'e Event, paused: &mut HashSet<&'e Place>) {
        if let Event::StepEnded { place, outcome, calls, attempts, .. } = event
            && let Some((frame, step)) = self.frames.find(place)
        {
            let account = self.account(frame);
            let is_visit =
                !matches!(outcome, Outcome::Skipped | Outcome::CutOff) && *attempts > 0 && !paused.remove(place);
            if is_visit && !runs_graphs(self.frames.step(frame, step)) {
                self.desk.ledger.take_visit(account);
            }
            calls.iter().filter(|call| !call.kept).for_each(|call| self.desk.ledger.take(account, call.spent));
        }
        if let Event::Opened { place, .. } | Event::Paused { place, .. } = event
            && let Some((frame, _)) = self.frames.find(place)
        {
            self.desk.ledger.take_visit(self.account(frame));
            if matches!(event, Event::Paused { .. }) {
                paused.insert(place);
            }
        }
    }

    /// Takes note of an event that is committed.
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), Failure> {
        self.frames.apply(event)?;
        if let Event::Opened { place, .. } = event
            && let Some((frame, step)) = self.frames.find(place)
            && let Kind::Workflow(sub) = &self.frames.step(frame, step).kind
            && let Some(limits) = sub.limits
        {
            let account = self.desk.ledger.open(self.account(frame), limits);
            // Each visit's frames are new, so that they alone have this account.
            if let Some(below) = self.frames.open().last() {
                self.accounts.insert(below, account);
            }
        }
        Ok(())
    }

    /// The account that a frame draws on: its own, or that of the frame around it.
    fn account(&self, frame: usize) -> AccountId {
        let around = |&at: &usize| self.frames.frame(at).parent.map(|(parent, _, _)| parent);
        std::iter::successors(Some(frame), around).find_map(|at| self.accounts.get(&at).copied()).unwrap_or(RUN)
    }

    /// The first alarms of a run.
    pub(super) fn begin(&mut self, tools: &mut Tools<'_>) {
        if let Some(deadline) = self.run_deadline {
            tools.alarms.push((deadline, self.index, Alarm::Run));
        }
        let waiting: Vec<Option<String>> =
            self.frames.waiting().map(|(_, _, waiting)| waiting.deadline.clone()).collect();
        waiting.iter().flatten().for_each(|deadline| self.set_decision_alarm(deadline, tools));
    }

    /// Tells the run to stop so that it can be resumed.
    pub(super) fn stop(&mut self, tools: &mut Tools<'_>) {
        if !self.stopping && !self.is_over {
            self.stopping = true;
            self.visits.values().for_each(|visit| visit.stop.store(true, Ordering::Relaxed));
            tools.alarms.push((Instant::now() + STOP_GRACE, self.index, Alarm::Stopped));
        }
    }

    /// Does all that can be done now. Gives the events of it, which the caller commits and applies, and then asks again until
    /// there are none.
    pub(super) fn turn(&mut self, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        let before = events.len();
        self.drop_closed(events);
        if !self.ends() {
            self.end_openings(events);
            self.decide_overdue(events);
            if events.len() == before {
                let open: Vec<usize> = self.frames.open().collect();
                open.into_iter().for_each(|frame| self.visit_ready(frame, tools, events));
            }
        }
        if events.len() == before {
            self.look_for_the_end(tools, events);
        }
    }

    fn visit_ready(&mut self, frame: usize, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        let progress = &self.frames.frame(frame).progress;
        if let Some((from, to)) = progress.way_back() {
            let to = progress.plan().steps()[to].id.clone();
            events.push(Event::WentBack { place: self.last_place(frame, from), to });
            return;
        }
        let ready: Vec<Ready> = progress.ready().collect();
        for ready in ready {
            if self.ending.is_some() {
                return;
            }
            self.visit(frame, ready, tools, events);
        }
    }

    /// The place of a visit that has ended.
    fn last_place(&self, frame: usize, step: usize) -> Place {
        let place = self.frames.place(frame, step);
        Place { visit: place.visit - 1, ..place }
    }

    fn visit(&mut self, frame: usize, ready: Ready, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        let place = self.frames.place(frame, ready.step);
        let start_us = self.desk.now_us();
        if !ready.alive {
            events.push(skipped(place, start_us));
            return;
        }
        let prepared = self.frames.prepared().clone();
        let progress = &self.frames.frame(frame).progress;
        let plan = progress.plan().clone();
        let step = &plan.steps()[ready.step];
        let on_pool = !matches!(
            step.kind,
            Kind::Format(_) | Kind::Compute(_) | Kind::Rules(_) | Kind::Each(_) | Kind::Workflow(_) | Kind::Approve(_)
        );
        if on_pool && self.at_work >= prepared.workflow.limits.parallel.max(1) {
            return;
        }
        if let Some(end) = self.record_end.as_ref().filter(|end| end.cut_off.contains(&place)) {
            let ending = Ending { status: end.status, failure: end.failure.clone(), waits: true };
            self.ending.get_or_insert(ending);
            return;
        }
        let scope = self.frames.scope(frame, ready.step);
        let visit = Begun { frame, step: ready.step, place, start_us };
        match step.when.as_ref().map(|when| holds(when, &scope)) {
            Some(Ok(false)) => {
                events.push(skipped(visit.place, start_us));
                return;
            }
            Some(Err(failure)) => {
                events.push(self.failed(visit, step, Work::failed(failure, 0)));
                return;
            }
            Some(Ok(true)) | None => {}
        }
        let account = self.account(frame);
        if let Err(failure) = self.desk.ledger.visit(account) {
            if self.desk.ledger.is_exhausted(RUN) {
                self.ending.get_or_insert(Ending::no_more(failure));
            } else {
                events.push(self.failed(visit, step, Work::failed(failure, 0)));
            }
            return;
        }
        match &step.kind {
            Kind::Each(_) | Kind::Workflow(_) => self.open(&prepared, visit, step, &scope, tools, events),
            Kind::Approve(_) => self.pause(visit, step, &scope, tools, events),
            _ if on_pool => self.send(visit, step, scope, account, tools, events),
            _ => match self.run_here(visit, step, scope.fuelled(Fuel::quick()), account) {
                Ok(event) => events.push(event),
                // It takes longer than others should wait for.
                Err(visit) => self.send(visit, step, scope, account, tools, events),
            },
        }
    }

    /// Runs a cheap step on this thread; gives the visit back when the fuel of `scope` was not enough. Such a step calls nothing, so that
    /// it can begin again elsewhere.
    fn run_here(&self, visit: Begun, step: &Step, scope: Scope, account: AccountId) -> Result<Event, Begun> {
        let log = Mutex::new(Log { attempt: 1, ..Log::default() });
        let stop = AtomicBool::new(false);
        let seed = visit_seed(self.seed, &visit.place);
        let mut cx = StepContext {
            place: &visit.place,
            attempt: 1,
            run: &self.desk.run,
            seed,
            scope,
            services: &self.desk.services,
            desk: &self.desk,
            account,
            log: &log,
            stop: &stop,
            deadline: None,
            cache: step.cache,
            record: step.record,
            goes_on: false,
            made: 0,
        };
        let result = run_caught(&step.kind, &mut cx);
        let scope = cx.scope;
        if scope.fuel().is_out() {
            return Err(visit);
        }
        let log = std::mem::take(&mut *lock(&log));
        Ok(match result {
            Ok(output) => self.done(visit, step, &scope, output, Work::at_once(log)),
            Err(failure) => self.failed(visit, step, Work { log, failures: vec![failure], attempts: 1 }),
        })
    }

    /// Does what an alarm was set for.
    pub(super) fn ring(&mut self, alarm: Alarm, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        match alarm {
            Alarm::Retry(ticket) => {
                if self.visits.get(&ticket).is_some_and(|visit| !visit.at_work)
                    && !self.ends()
                    && let Err(failure) = self.attempt(ticket, tools)
                {
                    self.at_work -= 1;
                    self.end_attempt(ticket, Err(failure), tools, events);
                }
            }
            Alarm::Attempt(ticket, attempt) => {
                let is_it = |visit: &&Visit| visit.at_work && visit.attempt == attempt;
                let Some(visit) = self.visits.get(&ticket).filter(is_it) else { return };
                let step = self.frames.step(visit.frame, visit.step);
                let message = format!("step `{}` took longer than {} ms", step.id, step.timeout_ms);
                self.hang(ticket, Failure::new(FailureClass::Timeout, message), tools, events);
            }
            Alarm::Opening(frame, step, visit) => {
                let is_it = self.frames.opening(frame, step).is_some_and(|opening| opening.place.visit == visit);
                if is_it && let Some((_, failure)) = self.deadlines.remove(&(frame, step)) {
                    self.end_opening(frame, step, Err(failure), events);
                }
            }
            Alarm::Run => self.out_of_time(),
            Alarm::Stopped => self.give_up_all(tools, events),
            Alarm::Decision => {}
        }
    }

    fn out_of_time(&mut self) {
        let seconds = self.frames.prepared().workflow.limits.seconds;
        let failure = Failure::new(FailureClass::Budget, format!("the run's limit is reached: seconds = {seconds}"));
        self.ending.get_or_insert(Ending::new(RunStatus::BudgetExceeded, Some(failure))).waits = false;
    }

    /// Whether nothing new begins.
    fn ends(&self) -> bool {
        self.stopping || self.ending.is_some()
    }

    fn look_for_the_end(&mut self, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        if self.ending.is_none() {
            self.ending = self.find_ending();
        }
        let Some(Ending { status, failure, waits }) = self.ending.clone() else { return };
        if waits && self.is_at_work() {
            return;
        }
        let is_open = |(frame, _): &(usize, Event)| self.frames.is_open(*frame);
        if let Some((_, event)) = std::iter::from_fn(|| self.held.pop_front()).find(is_open) {
            events.push(event);
            return;
        }
        let output = match status {
            RunStatus::Done => {
                let progress = &self.frames.frame(ROOT).progress;
                Value::clone(progress.output(progress.plan().output()))
            }
            RunStatus::Waiting | RunStatus::Cancelled => Value::Null,
            _ => self.frames.outputs(),
        };
        self.is_over = true;
        self.give_up_all(tools, events);
        events.push(Event::RunEnded { status, output, failure, took_us: self.desk.now_us() });
    }

    fn is_at_work(&self) -> bool {
        self.visits.values().any(|visit| visit.at_work)
    }

    fn find_ending(&self) -> Option<Ending> {
        if self.frames.is_over() {
            return Some(match self.frames.failure() {
                None => Ending::new(RunStatus::Done, None),
                Some((place, failure)) => {
                    let message = format!("step `{}` failed: {}", place.step, failure.message);
                    Ending::new(RunStatus::Failed, Some(Failure { message, ..failure.clone() }))
                }
            });
        }
        if self.stopping {
            // What waits to be tried again is tried again by a resumed run.
            return (!self.is_at_work()).then(|| Ending::new(RunStatus::Cancelled, None));
        }
        if !self.visits.is_empty() {
            return None;
        }
        if let Some((_, _, waiting)) = self.frames.waiting().next() {
            let failure = Some(Failure::new(FailureClass::Other, waiting.prompt.clone()));
            return Some(Ending::new(RunStatus::Waiting, failure));
        }
        let message = "nothing is at work and nothing can begin: please report this";
        Some(Ending::new(RunStatus::Failed, Some(Failure::new(FailureClass::Other, message))))
    }
}

fn holds(condition: &Expression, scope: &Scope) -> Result<bool, Failure> {
    match condition.evaluate(scope)? {
        Value::Bool(holds) => Ok(holds),
        other => {
            let message = format!("the condition `{}` gives {other}, not true or false", condition.0);
            Err(Failure::new(FailureClass::Expression, message))
        }
    }
}

fn hash(parts: &[&[u8]]) -> u64 {
    let key = super::journal::cache_key(parts);
    u64::from_le_bytes(key[..8].try_into().expect("eight of 32 bytes"))
}

/// The seed of a step visit: the same in every attempt, resume and replay.
fn visit_seed(seed: u64, place: &Place) -> u64 {
    hash(&[&seed.to_le_bytes(), place.frame.as_bytes(), place.step.as_bytes(), &place.visit.to_le_bytes()])
}

/// What an execution's ledger starts from.
pub(super) fn ledger(prepared: &Prepared) -> Ledger {
    Ledger::new(&prepared.workflow.limits)
}

//! One run at work: what is ready becomes visits of steps, what they give becomes events.
//!
//! It decides nothing that [`Frames`] does not say, and writes nothing itself: events go to the driver, which commits them and
//! gives them back to be applied. Cheap kinds of steps run here; the others are handed to a pool.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::budget::{AccountId, Ledger, RUN, deadline};
use super::context::{Desk, Log, StepContext, lock};
use super::event::{CallRecord, Decision, Event, Outcome, Place, RunStatus};
use super::expression::Scope;
use super::failure::{Failure, FailureClass};
use super::frames::{Frames, Prepared, ROOT, Waiting};
use super::graph::{Record, Step};
use super::input::bind;
use super::pool::{Job, Pool};
use super::retry;
use super::schedule::Ready;
use super::steps::Kind;
use super::steps::approve::{ApproveOutput, DefaultDecision};

/// How long a step may take to notice that its time is up before it is given up.
const GRACE: Duration = Duration::from_millis(100);

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

/// A visit that is on the pool, or waits to be tried again.
struct Visit {
    frame: usize,
    step: usize,
    place: Place,
    scope: Scope,
    seed: u64,
    attempt: u32,
    account: AccountId,
    log: Arc<Mutex<Log>>,
    stop: Arc<AtomicBool>,
    failures: Vec<Failure>,
    start_us: u64,
    deadline: Option<Instant>,
    at_work: bool,
}

/// How a run ends or stops.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    pub(super) status: RunStatus,
    pub(super) failure: Option<Failure>,
}

/// A run at work.
pub(super) struct Execution {
    pub(super) index: usize,
    pub(super) desk: Arc<Desk>,
    pub(super) frames: Frames,
    pub(super) ending: Option<Ending>,
    /// Set once the run's last event was made.
    pub(super) is_over: bool,
    /// Decisions of a record, for a replay.
    pub(super) decisions: HashMap<Place, Value>,
    seed: u64,
    visits: BTreeMap<u64, Visit>,
    next_ticket: u64,
    at_work: usize,
    given_up: HashMap<(u64, u32), ()>,
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
            is_over: false,
            decisions: HashMap::new(),
            seed,
            visits: BTreeMap::new(),
            next_ticket: 0,
            at_work: 0,
            given_up: HashMap::new(),
            accounts: HashMap::new(),
            deadlines: HashMap::new(),
            stopping: false,
        }
    }

    /// Brings the state to where a record ends: events applied, what was used counted.
    pub(super) fn restore(&mut self, events: &[Event]) -> Result<(), Failure> {
        for event in events {
            self.count(event);
            self.apply(event)?;
        }
        Ok(())
    }

    /// Counts what a recorded event used.
    fn count(&self, event: &Event) {
        if let Event::StepEnded { place, outcome, calls, .. } = event
            && let Some((frame, step)) = self.frames.find(place)
        {
            let account = self.account(frame);
            if *outcome != Outcome::Skipped && !runs_graphs(self.frames.step(frame, step)) {
                self.desk.ledger.take_visit(account);
            }
            calls.iter().for_each(|call| self.desk.ledger.take(account, call.spent));
        }
        if let Event::Opened { place, .. } = event
            && let Some((frame, _)) = self.frames.find(place)
        {
            self.desk.ledger.take_visit(self.account(frame));
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

    fn set_decision_alarm(&self, deadline: &str, tools: &mut Tools<'_>) {
        if let Ok(deadline) = deadline.parse::<jiff::Timestamp>() {
            let after = deadline.duration_since((self.desk.clock)());
            let after = Duration::try_from(after).unwrap_or_default();
            if let Some(at) = Instant::now().checked_add(after) {
                tools.alarms.push((at, self.index, Alarm::Decision));
            }
        }
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
        self.drop_closed();
        if self.ending.is_none() && !self.stopping {
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

    /// Visits in frames that are over are given up.
    fn drop_closed(&mut self) {
        let closed: Vec<u64> = self
            .visits
            .iter()
            .filter(|(_, visit)| !self.frames.is_open(visit.frame))
            .map(|(&ticket, _)| ticket)
            .collect();
        for ticket in closed {
            if let Some(visit) = self.visits.remove(&ticket) {
                self.give_up(ticket, &visit, &Failure::new(FailureClass::Cancelled, "its graph ended"));
            }
        }
        let open = |(frame, _): &(usize, usize)| self.frames.is_open(*frame);
        self.deadlines.retain(|at, _| open(at));
    }

    fn give_up(&mut self, ticket: u64, visit: &Visit, failure: &Failure) {
        visit.stop.store(true, Ordering::Relaxed);
        if visit.at_work {
            self.at_work -= 1;
            self.given_up.insert((ticket, visit.attempt), ());
            let mut log = lock(&visit.log);
            log.give_up(failure, self.desk.now_us());
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
        let scope = self.frames.scope(frame, ready.step);
        let visit = Begun { frame, step: ready.step, place, start_us };
        match step.when.as_ref().map(|when| holds(when, &scope)) {
            Some(Ok(false)) => {
                events.push(skipped(visit.place, start_us));
                return;
            }
            Some(Err(failure)) => {
                events.push(self.failed(visit, step, vec![failure], Log::default(), 0));
                return;
            }
            Some(Ok(true)) | None => {}
        }
        let account = self.account(frame);
        if let Err(failure) = self.desk.ledger.visit(account) {
            if self.desk.ledger.is_exhausted(RUN) {
                self.ending = Some(Ending { status: RunStatus::BudgetExceeded, failure: Some(failure) });
            } else {
                events.push(self.failed(visit, step, vec![failure], Log::default(), 0));
            }
            return;
        }
        match &step.kind {
            Kind::Each(_) | Kind::Workflow(_) => self.open(&prepared, visit, step, &scope, tools, events),
            Kind::Approve(_) => self.pause(visit, step, &scope, tools, events),
            _ if on_pool => self.send(visit, step, scope, account, tools, events),
            _ => events.push(self.run_here(visit, step, scope, account)),
        }
    }

    /// Runs a cheap step on this thread.
    fn run_here(&self, visit: Begun, step: &Step, scope: Scope, account: AccountId) -> Event {
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
            made: 0,
        };
        let result = run_caught(&step.kind, &mut cx);
        let scope = cx.scope;
        let log = std::mem::take(&mut *lock(&log));
        match result {
            Ok(output) => self.done(visit, step, &scope, output, log, vec![], 1),
            Err(failure) => self.failed(visit, step, vec![failure], log, 1),
        }
    }

    /// Hands a step to the pool.
    fn send(
        &mut self,
        begun: Begun,
        step: &Step,
        scope: Scope,
        account: AccountId,
        tools: &mut Tools<'_>,
        events: &mut Vec<Event>,
    ) {
        let Begun { frame, step: at, place, start_us } = begun;
        self.frames.progress_mut(frame).begin(at);
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let seed = visit_seed(self.seed, &place);
        let visit = Visit {
            frame,
            step: at,
            place,
            scope,
            seed,
            attempt: 0,
            account,
            log: Arc::new(Mutex::new(Log::default())),
            stop: Arc::new(AtomicBool::new(false)),
            failures: vec![],
            start_us,
            deadline: None,
            at_work: false,
        };
        self.visits.insert(ticket, visit);
        if let Err(failure) = self.attempt(ticket, tools)
            && let Some(visit) = self.visits.remove(&ticket)
        {
            let begun = Begun { frame, step: at, place: visit.place, start_us };
            events.push(self.failed(begun, step, vec![failure], Log::default(), 0));
        }
    }

    /// Begins the next attempt of a visit.
    fn attempt(&mut self, ticket: u64, tools: &mut Tools<'_>) -> Result<(), Failure> {
        let outer = self.outer_deadline(self.visits[&ticket].frame);
        let Some(visit) = self.visits.get_mut(&ticket) else { return Ok(()) };
        let plan = self.frames.frame(visit.frame).progress.plan().clone();
        let at = visit.step;
        let timeout_ms = plan.steps()[at].timeout_ms;
        visit.attempt += 1;
        visit.at_work = true;
        self.at_work += 1;
        let own = (timeout_ms > 0).then(|| Instant::now() + Duration::from_millis(timeout_ms));
        visit.deadline = [own, outer].into_iter().flatten().min();
        if let Some(deadline) = own {
            tools.alarms.push((deadline + GRACE, self.index, Alarm::Attempt(ticket, visit.attempt)));
        }
        {
            let mut log = lock(&visit.log);
            log.attempt = visit.attempt;
        }
        let (place, scope, seed, attempt) = (visit.place.clone(), visit.scope.clone(), visit.seed, visit.attempt);
        let (account, log, stop, deadline) = (visit.account, visit.log.clone(), visit.stop.clone(), visit.deadline);
        let (desk, reports, execution) = (self.desk.clone(), tools.reports.clone(), self.index);
        let job: Job = Box::new(move || {
            let step = &plan.steps()[at];
            let mut cx = StepContext {
                place: &place,
                attempt,
                run: &desk.run,
                seed,
                scope,
                services: &desk.services,
                desk: &desk,
                account,
                log: &log,
                stop: &stop,
                deadline,
                cache: step.cache,
                made: 0,
            };
            let result = run_caught(&step.kind, &mut cx);
            // Nobody listens any more when the driver is gone.
            let _ = reports.send(Report { execution, ticket, attempt, result });
        });
        tools
            .pool
            .run(job)
            .map_err(|error| Failure::new(FailureClass::Other, format!("cannot make a thread for the step: {error}")))
    }

    /// When the time of the graphs around a frame, and of the run, is up.
    fn outer_deadline(&self, frame: usize) -> Option<Instant> {
        let around = |&at: &usize| self.frames.frame(at).parent.map(|(parent, _, _)| parent);
        let openings = std::iter::successors(Some(frame), around).filter_map(|at| self.frames.frame(at).parent);
        let times = openings.filter_map(|(frame, step, _)| self.deadlines.get(&(frame, step)).map(|(at, _)| *at));
        times.chain(self.run_deadline).min()
    }

    /// Takes what a step on the pool gave.
    pub(super) fn report(&mut self, report: Report, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        let Report { ticket, attempt, result, .. } = report;
        if self.given_up.remove(&(ticket, attempt)).is_some() {
            // Late: it was given up, and its thread is free again.
            tools.pool.take_back_one();
            return;
        }
        let Some(visit) = self.visits.get_mut(&ticket) else { return };
        visit.at_work = false;
        self.at_work -= 1;
        if self.is_over || !self.frames.is_open(visit.frame) {
            self.visits.remove(&ticket);
            return;
        }
        self.end_attempt(ticket, result, tools, events);
    }

    fn end_attempt(
        &mut self,
        ticket: u64,
        result: Result<Value, Failure>,
        tools: &mut Tools<'_>,
        events: &mut Vec<Event>,
    ) {
        let Some(visit) = self.visits.get_mut(&ticket) else { return };
        let plan = self.frames.frame(visit.frame).progress.plan().clone();
        let step = &plan.steps()[visit.step];
        let failure = match result {
            Ok(output) => {
                let visit = self.visits.remove(&ticket).expect("it was looked at above");
                let log = std::mem::take(&mut *lock(&visit.log));
                let begun =
                    Begun { frame: visit.frame, step: visit.step, place: visit.place, start_us: visit.start_us };
                events.push(self.done(begun, step, &visit.scope, output, log, visit.failures, visit.attempt));
                return;
            }
            Err(failure) => failure,
        };
        if self.stopping && failure.class == FailureClass::Cancelled {
            // It did not end: a resumed run visits it again.
            self.visits.remove(&ticket);
            return;
        }
        let jitter = visit.seed ^ hash(&[self.desk.run.as_bytes()]);
        let pause = retry::pause(&step.retry, &failure, visit.attempt, jitter);
        visit.failures.push(failure.clone());
        if let Some(pause) = pause
            && !self.stopping
        {
            let replays = self.desk.answers.replayed.is_some();
            let at = Instant::now() + if replays { Duration::ZERO } else { pause };
            tools.alarms.push((at, self.index, Alarm::Retry(ticket)));
            return;
        }
        let visit = self.visits.remove(&ticket).expect("it was looked at above");
        if failure.class == FailureClass::Budget && self.desk.ledger.is_exhausted(RUN) {
            self.ending = Some(Ending { status: RunStatus::BudgetExceeded, failure: Some(failure) });
        } else if failure.class == FailureClass::Timeout && self.run_deadline.is_some_and(|at| Instant::now() >= at) {
            self.out_of_time();
        }
        let log = std::mem::take(&mut *lock(&visit.log));
        let begun = Begun { frame: visit.frame, step: visit.step, place: visit.place, start_us: visit.start_us };
        events.push(self.failed(begun, step, visit.failures, log, visit.attempt));
    }

    /// Does what an alarm was set for.
    pub(super) fn ring(&mut self, alarm: Alarm, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        match alarm {
            Alarm::Retry(ticket) => {
                if self.visits.get(&ticket).is_some_and(|visit| !visit.at_work)
                    && !self.stopping
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
            Alarm::Stopped => self.give_up_all(tools),
            Alarm::Decision => {}
        }
    }

    fn out_of_time(&mut self) {
        let seconds = self.frames.prepared().workflow.limits.seconds;
        let failure = Failure::new(FailureClass::Budget, format!("the run's limit is reached: seconds = {seconds}"));
        self.ending.get_or_insert(Ending { status: RunStatus::BudgetExceeded, failure: Some(failure) });
    }

    /// Gives up an attempt that hangs; its step goes on as after any failure.
    fn hang(&mut self, ticket: u64, failure: Failure, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        let Some(mut visit) = self.visits.remove(&ticket) else { return };
        self.give_up(ticket, &visit, &failure);
        tools.pool.give_up_one();
        // The thread that hangs keeps the old log and the old flag.
        let kept = std::mem::take(&mut *lock(&visit.log));
        visit.log = Arc::new(Mutex::new(kept));
        visit.stop = Arc::new(AtomicBool::new(false));
        visit.at_work = false;
        self.visits.insert(ticket, visit);
        self.end_attempt(ticket, Err(failure), tools, events);
    }

    fn give_up_all(&mut self, tools: &mut Tools<'_>) {
        for (ticket, visit) in std::mem::take(&mut self.visits) {
            if visit.at_work {
                tools.pool.give_up_one();
            }
            self.give_up(ticket, &visit, &Failure::new(FailureClass::Cancelled, "the run ended"));
        }
    }

    fn done(
        &self,
        visit: Begun,
        step: &Step,
        scope: &Scope,
        output: Value,
        log: Log,
        mut failures: Vec<Failure>,
        attempts: u32,
    ) -> Event {
        match self.arrow(&visit, step, scope, &output) {
            Ok(back_to) => {
                let end = End { outcome: Outcome::Done, output, back_to, failures, attempts };
                self.ended(visit, step, log, end)
            }
            Err(failure) => {
                failures.push(failure);
                self.failed(visit, step, failures, log, attempts)
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

    fn failed(&self, visit: Begun, step: &Step, failures: Vec<Failure>, log: Log, attempts: u32) -> Event {
        let outcome = match step.on_error.as_str() {
            "fail" => Outcome::Failed,
            "skip" => Outcome::FailedSkipped,
            _ => Outcome::FellBack,
        };
        self.ended(visit, step, log, End { outcome, output: Value::Null, back_to: None, failures, attempts })
    }

    fn ended(&self, visit: Begun, step: &Step, log: Log, end: End) -> Event {
        let Log { mut input, mut calls, notes, .. } = log;
        if step.record == Record::Metadata {
            input = sketch(&input);
            calls.iter_mut().for_each(sketch_call);
        }
        let End { outcome, output, back_to, failures, attempts } = end;
        let took_us = self.desk.now_us() - visit.start_us;
        let notes = if step.record == Record::Metadata { notes.iter().map(sketch).collect() } else { notes };
        let (place, start_us) = (visit.place, visit.start_us);
        Event::StepEnded { place, outcome, output, input, calls, notes, back_to, failures, attempts, start_us, took_us }
    }

    /// Begins the graphs of an `each` or `workflow` step.
    fn open(
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
                events.push(self.failed(visit, step, vec![failure], Log::default(), 1));
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

    fn end_openings(&mut self, events: &mut Vec<Event>) {
        for (frame, step, result) in self.frames.finished() {
            self.end_opening(frame, step, result, events);
        }
    }

    fn end_opening(&mut self, frame: usize, step: usize, result: Result<Value, Failure>, events: &mut Vec<Event>) {
        self.deadlines.remove(&(frame, step));
        let Some(opening) = self.frames.opening(frame, step) else { return };
        let visit = Begun { frame, step, place: opening.place.clone(), start_us: opening.start_us };
        let settings = self.frames.step(frame, step);
        let scope = self.frames.scope(frame, step);
        events.push(match result {
            Ok(output) => self.done(visit, settings, &scope, output, Log::default(), vec![], 1),
            Err(failure) => self.failed(visit, settings, vec![failure], Log::default(), 1),
        });
    }

    /// Stops at a step that asks a person.
    fn pause(&mut self, visit: Begun, step: &Step, scope: &Scope, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        let Kind::Approve(approve) = &step.kind else { return };
        let asked = approve.prompt.render(scope).and_then(|prompt| {
            let shown = approve.show.as_ref().map(|show| show.evaluate(scope)).transpose()?;
            Ok((prompt, shown.unwrap_or_default()))
        });
        let (prompt, shown) = match asked {
            Ok(asked) => asked,
            Err(failure) => {
                events.push(self.failed(visit, step, vec![failure], Log::default(), 1));
                return;
            }
        };
        if let Some(output) = self.decisions.remove(&visit.place) {
            events.push(self.done(visit, step, scope, output, Log::default(), vec![], 1));
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
    fn decide_overdue(&mut self, events: &mut Vec<Event>) {
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
    pub(super) fn first_waiting(&self) -> Option<(usize, usize, &Waiting)> {
        self.frames.waiting().next()
    }

    /// Ends a step that waits with a decision.
    pub(super) fn decided(&self, frame: usize, step: usize, decision: Decision) -> Option<Event> {
        let (_, _, waiting) = self.frames.waiting().find(|(of, at, _)| (*of, *at) == (frame, step))?;
        let settings = self.frames.step(frame, step);
        let Decision { approved, by, at, edited } = decision;
        let output = ApproveOutput { approved, by, at, value: edited.unwrap_or_else(|| waiting.shown.clone()) };
        let visit = Begun { frame, step, place: waiting.place.clone(), start_us: self.desk.now_us() };
        let log = Log { input: json!({ "prompt": waiting.prompt, "shown": waiting.shown }), ..Log::default() };
        let output = serde_json::to_value(output).expect("a decision is plain data");
        Some(self.done(visit, settings, &self.frames.scope(frame, step), output, log, vec![], 1))
    }

    fn look_for_the_end(&mut self, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        if self.ending.is_none() {
            self.ending = self.find_ending();
        }
        let Some(Ending { status, failure }) = self.ending.clone() else { return };
        let output = match status {
            RunStatus::Done => {
                let progress = &self.frames.frame(ROOT).progress;
                Value::clone(progress.output(progress.plan().output()))
            }
            RunStatus::Waiting | RunStatus::Cancelled => Value::Null,
            _ => self.frames.outputs(),
        };
        self.is_over = true;
        self.give_up_all(tools);
        events.push(Event::RunEnded { status, output, failure, took_us: self.desk.now_us() });
    }

    fn find_ending(&self) -> Option<Ending> {
        if self.frames.is_over() {
            return Some(match self.frames.failure() {
                None => Ending { status: RunStatus::Done, failure: None },
                Some((place, failure)) => {
                    let message = format!("step `{}` failed: {}", place.step, failure.message);
                    Ending { status: RunStatus::Failed, failure: Some(Failure { message, ..failure.clone() }) }
                }
            });
        }
        if self.stopping {
            // What waits to be tried again is tried again by a resumed run.
            let is_quiet = self.visits.values().all(|visit| !visit.at_work);
            return is_quiet.then(|| Ending { status: RunStatus::Cancelled, failure: None });
        }
        if !self.visits.is_empty() {
            return None;
        }
        if let Some((_, _, waiting)) = self.frames.waiting().next() {
            let failure = Some(Failure::new(FailureClass::Other, waiting.prompt.clone()));
            return Some(Ending { status: RunStatus::Waiting, failure });
        }
        let message = "nothing is at work and nothing can begin: please report this";
        Some(Ending { status: RunStatus::Failed, failure: Some(Failure::new(FailureClass::Other, message)) })
    }
}

/// A visit that has begun.
struct Begun {
    frame: usize,
    step: usize,
    place: Place,
    start_us: u64,
}

/// How a visit ended.
struct End {
    outcome: Outcome,
    output: Value,
    back_to: Option<String>,
    failures: Vec<Failure>,
    attempts: u32,
}

fn skipped(place: Place, start_us: u64) -> Event {
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

fn runs_graphs(step: &Step) -> bool {
    matches!(step.kind, Kind::Each(_) | Kind::Workflow(_))
}

/// The inputs of the graphs that a step runs.
fn inputs(prepared: &Prepared, step: &Step, scope: &Scope) -> Result<Vec<Value>, Failure> {
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

fn run_caught(kind: &Kind, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
    catch_unwind(AssertUnwindSafe(|| kind.run(cx))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().map(ToString::to_string);
        let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Failure::new(FailureClass::Other, format!("a mistake in ibid, please report it: {words}")))
    })
}

fn holds(condition: &super::expression::Expression, scope: &Scope) -> Result<bool, Failure> {
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

/// What is kept of content that is not: its hash and size.
fn sketch(value: &Value) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    let text = value.to_string();
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "sha256": hash, "bytes": text.len() })
}

fn sketch_call(call: &mut CallRecord) {
    call.request = sketch(&call.request);
    call.response = None;
}

/// What an execution's ledger starts from.
pub(super) fn ledger(prepared: &Prepared) -> Ledger {
    Ledger::new(&prepared.workflow.limits)
}

//! Steps on the pool: handed over, tried again, given up when they hang.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ends::{Begun, Work};
use super::{Alarm, Ending, Execution, Report, Tools, hash, visit_seed};
use crate::workflow::budget::{AccountId, RUN};
use crate::workflow::context::{Log, StepContext, lock};
use crate::workflow::event::{Event, Place};
use crate::workflow::expression::{Fuel, Scope};
use crate::workflow::failure::{Failure, FailureClass};
use crate::workflow::graph::Step;
use crate::workflow::pool::Job;
use crate::workflow::retry;
use crate::workflow::steps::Kind;

/// How long a step may take to notice that its time is up before it is given up.
const GRACE: Duration = Duration::from_millis(100);

/// A visit that is on the pool, or waits to be tried again.
pub(super) struct Visit {
    pub(super) frame: usize,
    pub(super) step: usize,
    pub(super) place: Place,
    pub(super) scope: Scope,
    pub(super) seed: u64,
    pub(super) attempt: u32,
    pub(super) account: AccountId,
    pub(super) log: Arc<Mutex<Log>>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) failures: Vec<Failure>,
    pub(super) start_us: u64,
    pub(super) deadline: Option<Instant>,
    pub(super) at_work: bool,
}

impl Execution {
    /// Visits in frames that are over are given up.
    pub(super) fn drop_closed(&mut self, events: &mut Vec<Event>) {
        let closed: Vec<u64> = self
            .visits
            .iter()
            .filter(|(_, visit)| !self.frames.is_open(visit.frame))
            .map(|(&ticket, _)| ticket)
            .collect();
        for ticket in closed {
            if let Some(visit) = self.visits.remove(&ticket) {
                let failure = Failure::new(FailureClass::Cancelled, "its graph ended");
                self.give_up(ticket, &visit, &failure);
                events.push(self.cut_off_visit(visit, Some(failure)));
            }
        }
        let open = |(frame, _): &(usize, usize)| self.frames.is_open(*frame);
        self.deadlines.retain(|at, _| open(at));
    }

    pub(super) fn give_up(&mut self, ticket: u64, visit: &Visit, failure: &Failure) {
        visit.stop.store(true, Ordering::Relaxed);
        if visit.at_work {
            self.at_work -= 1;
            self.given_up.insert((ticket, visit.attempt));
            let mut log = lock(&visit.log);
            log.give_up(failure, self.desk.now_us());
        }
    }

    /// What a visit did that does not end; the thread that is at it writes nothing down any more.
    fn cut_off_visit(&self, visit: Visit, failure: Option<Failure>) -> Event {
        let plan = self.frames.frame(visit.frame).progress.plan().clone();
        let step = &plan.steps()[visit.step];
        let mut log = std::mem::take(&mut *lock(&visit.log));
        // What an earlier process had been told and this one did not come to is still known.
        let left = log.kept.drain(..);
        log.calls.extend(left);
        let mut failures = visit.failures;
        failures.extend(failure);
        let begun = Begun { frame: visit.frame, step: visit.step, place: visit.place, start_us: visit.start_us };
        self.cut_off(begun, step, Work { log, failures, attempts: visit.attempt })
    }

    /// Hands a step to the pool.
    pub(super) fn send(
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
        let before = self.made.remove(&place).unwrap_or_default();
        let log = Log { kept: before.clone().into(), before, ..Log::default() };
        let visit = Visit {
            frame,
            step: at,
            place,
            scope,
            seed,
            attempt: 0,
            account,
            log: Arc::new(Mutex::new(log)),
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
            events.push(self.failed(begun, step, Work::failed(failure, 0)));
        }
    }

    /// Begins the next attempt of a visit.
    pub(super) fn attempt(&mut self, ticket: u64, tools: &mut Tools<'_>) -> Result<(), Failure> {
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
        let (place, scope, seed, attempt) =
            (visit.place.clone(), visit.scope.fuelled(Fuel::full()), visit.seed, visit.attempt);
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
                record: step.record,
                goes_on: match &step.kind {
                    Kind::Agent(_) | Kind::Extract(_) => true,
                    Kind::Generate(generate) => generate.accept.is_some() || generate.model.len() > 1,
                    Kind::Verify(verify) => verify.judge && desk.services.settings().check.judge.is_some(),
                    _ => false,
                },
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
    pub(super) fn outer_deadline(&self, frame: usize) -> Option<Instant> {
        let around = |&at: &usize| self.frames.frame(at).parent.map(|(parent, _, _)| parent);
        let openings = std::iter::successors(Some(frame), around).filter_map(|at| self.frames.frame(at).parent);
        let times = openings.filter_map(|(frame, step, _)| self.deadlines.get(&(frame, step)).map(|(at, _)| *at));
        times.chain(self.run_deadline).min()
    }

    /// Takes what a step on the pool gave.
    pub(in crate::workflow) fn report(&mut self, report: Report, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        let Report { ticket, attempt, result, .. } = report;
        if self.given_up.remove(&(ticket, attempt)) {
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

    pub(super) fn end_attempt(
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
                events.push(self.done(
                    begun,
                    step,
                    &visit.scope,
                    output,
                    Work { log, failures: visit.failures, attempts: visit.attempt },
                ));
                return;
            }
            Err(failure) => failure,
        };
        if self.stopping && failure.class == FailureClass::Cancelled {
            // It did not end: a resumed run visits it again.
            let visit = self.visits.remove(&ticket).expect("it was looked at above");
            events.push(self.cut_off_visit(visit, None));
            return;
        }
        let jitter = visit.seed ^ hash(&[self.desk.run.as_bytes()]);
        let pause = retry::pause(&step.retry, &failure, visit.attempt, jitter);
        let failure = match pause {
            None => retry::with_wait(&step.retry, failure, visit.attempt),
            Some(_) => failure,
        };
        visit.failures.push(failure.clone());
        if let Some(pause) = pause
            && !self.ends()
        {
            let replays = self.desk.answers.replayed.is_some();
            let at = Instant::now() + if replays { Duration::ZERO } else { pause };
            tools.alarms.push((at, self.index, Alarm::Retry(ticket)));
            return;
        }
        let visit = self.visits.remove(&ticket).expect("it was looked at above");
        if failure.class == FailureClass::Budget && self.desk.ledger.is_exhausted(RUN) {
            self.ending.get_or_insert(Ending::no_more(failure));
        } else if failure.class == FailureClass::Timeout && self.run_deadline.is_some_and(|at| Instant::now() >= at) {
            self.out_of_time();
        }
        let log = std::mem::take(&mut *lock(&visit.log));
        let begun = Begun { frame: visit.frame, step: visit.step, place: visit.place, start_us: visit.start_us };
        let frame = begun.frame;
        let event = self.failed(begun, step, Work { log, failures: visit.failures, attempts: visit.attempt });
        match self.ending {
            Some(_) => self.held.push_back((frame, event)),
            None => events.push(event),
        }
    }

    /// Gives up an attempt that hangs; its step goes on as after any failure.
    pub(super) fn hang(&mut self, ticket: u64, failure: Failure, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
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

    pub(super) fn give_up_all(&mut self, tools: &mut Tools<'_>, events: &mut Vec<Event>) {
        let words = if self.stopping { "the run was stopped" } else { "the run ended" };
        for (ticket, visit) in std::mem::take(&mut self.visits) {
            if visit.at_work {
                tools.pool.give_up_one();
            }
            let failure = Failure::new(FailureClass::Cancelled, words);
            self.give_up(ticket, &visit, &failure);
            events.push(self.cut_off_visit(visit, Some(failure)));
        }
    }
}

pub(super) fn run_caught(kind: &Kind, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
    catch_unwind(AssertUnwindSafe(|| kind.run(cx))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().map(ToString::to_string);
        let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Failure::new(FailureClass::Other, format!("a mistake in ibid, please report it: {words}")))
    })
}

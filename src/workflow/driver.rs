//! Runs in, how they ended out: one thread that hands out work, takes reports and alarms, and commits what happened.
//!
//! What happened in several runs, or in several steps of one, since the last look is one commit. Nothing that rests on an event begins
//! before the event is committed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use super::event::{Event, RunStatus};
use super::execution::{Alarm, Execution, Report, Tools};
use super::failure::Failure;
use super::frames::Waiting;
use super::graph::Durability;
use super::journal::{Journal, status_name};
use super::pool::Pool;
use crate::database::workflows::WorkflowRun;
use crate::error::{Error, Result};

/// How a run ended or stopped.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its id.
    pub run: String,
    /// The workflow's name.
    pub workflow: String,
    /// How it stands now.
    pub status: RunStatus,
    /// Its output, or where it ended early the outputs of its steps so far, by step id.
    pub output: serde_json::Value,
    /// Why, unless it is done.
    pub failure: Option<Failure>,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// Microseconds at work.
    pub took_us: u64,
    /// Step visits that ran.
    pub steps: u64,
    /// Tokens that language models read and wrote.
    pub tokens: u64,
    /// US dollars.
    pub usd: f64,
}

/// How often it is looked whether the program shall stop.
const STOP_EVERY: Duration = Duration::from_millis(25);

/// Reports taken before what they say is committed.
const REPORTS_MAX: usize = 512;

/// A run for the driver.
pub(super) struct Job {
    pub(super) execution: Execution,
    pub(super) durability: Durability,
    pub(super) started_at: String,
}

struct Slot {
    job: Job,
    /// What happened, where no journal keeps it.
    events: Vec<Event>,
}

/// Runs at work, and those that ended.
pub(super) struct Driver<'a> {
    journal: Option<&'a Arc<Journal>>,
    stop: &'a AtomicBool,
    pool: &'a Pool,
    sender: Sender<Report>,
    receiver: Receiver<Report>,
    alarms: BinaryHeap<Reverse<(Instant, usize, Alarm)>>,
    slots: Vec<Option<Slot>>,
    ended: Vec<(usize, Ended, Vec<Event>)>,
    at_work: usize,
    told_to_stop: bool,
}

impl<'a> Driver<'a> {
    pub(super) fn new(journal: Option<&'a Arc<Journal>>, stop: &'a AtomicBool, pool: &'a Pool) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self {
            journal,
            stop,
            pool,
            sender,
            receiver,
            alarms: BinaryHeap::new(),
            slots: Vec::new(),
            ended: Vec::new(),
            at_work: 0,
            told_to_stop: false,
        }
    }

    /// Runs what `next` gives, `at_once` at a time, until it gives nothing more. The ends come in the order of the runs, each with
    /// its events where no journal keeps them.
    ///
    /// # Errors
    /// [`Error::Database`] when something cannot be committed: the runs stand as they were last committed. What `next` reports.
    pub(super) fn drive(
        mut self,
        at_once: usize,
        next: &mut dyn FnMut(usize) -> Result<Option<Job>>,
    ) -> Result<Vec<(Ended, Vec<Event>)>> {
        let driven = self.work(at_once, next);
        if driven.is_err() {
            let mut scratch = Vec::new();
            let mut tools = Tools { pool: self.pool, reports: &self.sender, alarms: &mut scratch };
            self.slots.iter_mut().flatten().for_each(|slot| slot.job.execution.stop(&mut tools));
        }
        driven?;
        self.ended.sort_by_key(|(index, _, _)| *index);
        Ok(self.ended.into_iter().map(|(_, ended, events)| (ended, events)).collect())
    }

    fn work(&mut self, at_once: usize, next: &mut dyn FnMut(usize) -> Result<Option<Job>>) -> Result<()> {
        let mut more = true;
        let mut touched: BTreeSet<usize> = BTreeSet::new();
        loop {
            while more && self.at_work < at_once.max(1) && !self.told_to_stop {
                match next(self.slots.len())? {
                    Some(mut job) => {
                        let mut alarms = Vec::new();
                        job.execution.begin(&mut self.tools(&mut alarms));
                        self.alarms.extend(alarms.into_iter().map(Reverse));
                        touched.insert(self.slots.len());
                        self.slots.push(Some(Slot { job, events: vec![] }));
                        self.at_work += 1;
                    }
                    None => more = false,
                }
            }
            self.turn(&std::mem::take(&mut touched))?;
            if self.at_work == 0 && (!more || self.told_to_stop) {
                return Ok(());
            }
            if self.at_work < at_once && more && !self.told_to_stop {
                continue;
            }
            self.wait(&mut touched)?;
        }
    }

    fn tools<'b>(&'b self, alarms: &'b mut Vec<(Instant, usize, Alarm)>) -> Tools<'b> {
        Tools { pool: self.pool, reports: &self.sender, alarms }
    }

    /// Lets each of these runs do all it can.
    fn turn(&mut self, touched: &BTreeSet<usize>) -> Result<()> {
        let mut busy: Vec<usize> = touched.iter().copied().collect();
        while !busy.is_empty() {
            let mut batch = Vec::new();
            for index in std::mem::take(&mut busy) {
                let before = batch.len();
                self.with(index, &mut batch, Execution::turn);
                if batch.len() > before {
                    busy.push(index);
                }
            }
            self.commit(batch)?;
            if !self.told_to_stop && self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Calls `act` on a run that is at work.
    fn with(
        &mut self,
        index: usize,
        batch: &mut Vec<(usize, Event)>,
        act: impl FnOnce(&mut Execution, &mut Tools<'_>, &mut Vec<Event>),
    ) {
        let Some(slot) = self.slots[index].as_mut() else { return };
        let (mut alarms, mut events) = (Vec::new(), Vec::new());
        let mut tools = Tools { pool: self.pool, reports: &self.sender, alarms: &mut alarms };
        act(&mut slot.job.execution, &mut tools, &mut events);
        self.alarms.extend(alarms.into_iter().map(Reverse));
        batch.extend(events.into_iter().map(|event| (index, event)));
    }

    /// Waits for a report, an alarm or the wish to stop, and takes note of all that came.
    fn wait(&mut self, touched: &mut BTreeSet<usize>) -> Result<()> {
        let mut batch = Vec::new();
        let until = self.alarms.peek().map(|Reverse((at, _, _))| at.saturating_duration_since(Instant::now()));
        let first = self.receiver.recv_timeout(until.unwrap_or(STOP_EVERY).min(STOP_EVERY));
        let mut reports: Vec<Report> = first.into_iter().collect();
        reports.extend(self.receiver.try_iter().take(REPORTS_MAX));
        for report in reports {
            let index = report.execution;
            touched.insert(index);
            self.with(index, &mut batch, |execution, tools, events| execution.report(report, tools, events));
        }
        let now = Instant::now();
        while let Some(Reverse((at, index, alarm))) = self.alarms.peek().copied()
            && at <= now
        {
            self.alarms.pop();
            touched.insert(index);
            self.with(index, &mut batch, |execution, tools, events| execution.ring(alarm, tools, events));
        }
        if !self.told_to_stop && self.stop.load(Ordering::Relaxed) {
            self.told_to_stop = true;
            for index in 0..self.slots.len() {
                self.with(index, &mut batch, |execution, tools, _| execution.stop(tools));
                touched.insert(index);
            }
        }
        self.commit(batch)
    }

    /// Commits what happened, then lets it count.
    fn commit(&mut self, batch: Vec<(usize, Event)>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut ends: Vec<(usize, Ended, Option<i64>, String)> = Vec::new();
        let mut rows: Vec<(i64, &Event)> = Vec::with_capacity(batch.len());
        let mut synced = false;
        for (index, event) in &batch {
            let Some(Slot { job, .. }) = self.slots[*index].as_ref() else { continue };
            let number = job.execution.desk.journal.as_ref().map(|(_, number)| *number);
            rows.extend(number.map(|number| (number, event)));
            synced |= job.durability == Durability::Step;
            if let Event::RunEnded { .. } = event {
                // The end of a run takes all that was committed before to the disk with it.
                synced = true;
                ends.push((*index, ended(&job.execution, event), number, job.started_at.clone()));
            }
        }
        if let Some(journal) = self.journal {
            let stopped: Vec<WorkflowRun> =
                ends.iter().filter_map(|(_, ended, number, at)| number.map(|number| row(ended, number, at))).collect();
            let unrecorded = |source| match batch.first().and_then(|(index, _)| self.slots[*index].as_ref()) {
                Some(slot) => {
                    Error::Unrecorded { run: slot.job.execution.desk.run.to_string(), source: Box::new(source) }
                }
                None => source,
            };
            let is_over = || self.stop.load(Ordering::Relaxed);
            journal.append_when_free(&rows, &stopped, synced, &is_over).map_err(unrecorded)?;
        }
        for (index, event) in batch {
            let Some(slot) = self.slots[index].as_mut() else { continue };
            slot.job.execution.apply(&event).map_err(|failure| Error::usage(failure.message))?;
            if self.journal.is_none() {
                slot.events.push(event);
            }
        }
        for (index, ended, _, _) in ends {
            let slot = self.slots[index].take();
            self.ended.push((index, ended, slot.map(|slot| slot.events).unwrap_or_default()));
            self.at_work -= 1;
        }
        Ok(())
    }
}

fn ended(execution: &Execution, event: &Event) -> Ended {
    let Event::RunEnded { status, output, failure, took_us } = event else {
        unreachable!("only ends are told as ends")
    };
    let (steps, tokens, usd) = execution.desk.ledger.used();
    Ended {
        run: execution.desk.run.to_string(),
        workflow: execution.frames.prepared().workflow.name.clone(),
        status: *status,
        output: output.clone(),
        failure: failure.clone(),
        waiting: execution.first_waiting().map(|(_, _, waiting)| waiting.clone()),
        took_us: *took_us,
        steps,
        tokens,
        usd,
    }
}

fn row(ended: &Ended, number: i64, started_at: &str) -> WorkflowRun {
    WorkflowRun {
        number,
        run: ended.run.clone(),
        workflow: ended.workflow.clone(),
        started_at: started_at.to_string(),
        status: status_name(ended.status).into(),
        took_us: ended.took_us,
        steps: ended.steps,
        tokens: ended.tokens,
        usd: ended.usd,
        message: ended.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default(),
        holder: None,
    }
}

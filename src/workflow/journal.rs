//! Events in, a durable record out, and the record back as events; knows neither graph nor step.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::event::{Event, RunStatus};
use super::graph::Durability;
use super::lease::Lease;
use crate::data_folder::leases_path;
use crate::database::workflows::{CacheStats, EventRow, RunStore, WorkflowRun};
use crate::error::{Error, Result};

/// The record of runs in one database, and this process's right to work on some of them.
#[derive(Debug)]
pub struct Journal {
    inner: Mutex<Inner>,
    lease: Lease,
}

#[derive(Debug)]
struct Inner {
    store: RunStore,
    /// For each run that this process works on, the number of its next event.
    next: HashMap<i64, u64>,
    buffer: Vec<u8>,
}

/// How long to wait for a database that another process keeps.
const WAIT: Duration = Duration::from_mins(1);
/// How long to wait between two tries; each waits for itself too.
const AGAIN: Duration = Duration::from_millis(50);

/// A run as it was found.
#[derive(Debug)]
pub struct Found {
    /// Its row.
    pub row: WorkflowRun,
    /// Its events, in order.
    pub events: Vec<Event>,
}

impl Journal {
    /// Opens the record in the database at `path`, making it where there is none.
    ///
    /// # Errors
    /// As [`RunStore::open`], and [`Error::Io`] when the folder beside it cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(Error::io("create the data folder", folder))?;
        let store = RunStore::open(path)?;
        let lease = Lease::take(&leases_path(folder))?;
        Ok(Self { inner: Mutex::new(Inner { store, next: HashMap::new(), buffer: Vec::new() }), lease })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a run with its first event; gives its number. This process works on it.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn create(&self, row: &WorkflowRun, first: &Event, durability: Durability) -> Result<i64> {
        let row = WorkflowRun { holder: Some(self.lease.name().to_string()), ..row.clone() };
        let mut inner = self.inner();
        let number = inner.store.create(&row, &bytes(first), durability == Durability::Step)?;
        inner.next.insert(number, 1);
        Ok(number)
    }

    /// Appends events in one commit, with the rows of the runs that stopped or ended. `synced` makes it, and all before it, reach
    /// the disk.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails; nothing of it is recorded then.
    pub fn append(&self, events: &[(i64, &Event)], stopped: &[WorkflowRun], synced: bool) -> Result<()> {
        let mut guard = self.inner();
        let inner = &mut *guard;
        inner.buffer.clear();
        let mut ends = Vec::with_capacity(events.len());
        for (_, event) in events {
            write_event(&mut inner.buffer, event);
            ends.push(inner.buffer.len());
        }
        let mut start = 0;
        let mut rows: Vec<EventRow<'_>> = Vec::with_capacity(events.len());
        let mut next = HashMap::new();
        for ((run, _), &end) in events.iter().zip(&ends) {
            let number = next.entry(*run).or_insert_with(|| inner.next.get(run).copied().unwrap_or_default());
            rows.push((*run, *number, &inner.buffer[start..end]));
            *number += 1;
            start = end;
        }
        inner.store.append(&rows, stopped, synced)?;
        inner.next.extend(next);
        for run in stopped {
            inner.next.remove(&run.number);
        }
        Ok(())
    }

    /// As [`Self::append`]; a database that another process keeps is waited for, since what is not recorded would have to be done, and
    /// paid, again. `is_over` tells when there is no more waiting.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_when_free(
        &self,
        events: &[(i64, &Event)],
        stopped: &[WorkflowRun],
        synced: bool,
        is_over: &dyn Fn() -> bool,
    ) -> Result<()> {
        let until = Instant::now() + WAIT;
        loop {
            match self.append(events, stopped, synced) {
                Err(error) if error.is_busy() && Instant::now() < until && !is_over() => {
                    std::thread::sleep(AGAIN);
                }
                written => return written,
            }
        }
    }

    /// The run whose id is, or alone begins with, `run`, with all that happened in it.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none or there are several; [`Error::Database`] when it cannot be read.
    pub fn read(&self, run: &str) -> Result<Found> {
        let inner = self.inner();
        let row = one_run(inner.store.find(run)?, run)?;
        let events = read_events(&inner.store, &row)?;
        Ok(Found { row, events })
    }

    /// Makes this process the one that works on a run that nobody works on, and gives the run as it then is.
    ///
    /// # Errors
    /// [`Error::Usage`] when another process works on it, and as [`Self::read`].
    pub fn claim(&self, run: &str) -> Result<Found> {
        let mut inner = self.inner();
        let row = one_run(inner.store.find(run)?, run)?;
        let holder = if inner.next.contains_key(&row.number) {
            Some(self.lease.name().to_string())
        } else {
            inner.store.claim(row.number, self.lease.name(), &|holder| self.lease.is_alive(holder))?
        };
        if let Some(holder) = holder {
            return Err(Error::usage(format!(
                "run {} is being worked on by process {}; wait for it, or stop it with Ctrl-C there",
                row.run,
                Lease::process(&holder)
            )));
        }
        // Only now nobody else can add to it.
        let events = read_events(&inner.store, &row)?;
        inner.next.insert(row.number, events.len() as u64);
        Ok(Found { row, events })
    }

    /// Lets go of a run that was claimed and not worked on; it stands as it stood.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn release(&self, row: &WorkflowRun) -> Result<()> {
        let mut inner = self.inner();
        inner.next.remove(&row.number);
        inner.store.release(row.number, &row.status)
    }

    /// The latest `limit` runs, newest first; one whose process died is told as `interrupted`.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn runs(&self, limit: usize) -> Result<Vec<WorkflowRun>> {
        let mut runs = self.inner().store.runs(limit)?;
        runs.iter_mut().for_each(|run| self.mark_interrupted(run));
        Ok(runs)
    }

    /// Tells a run at work from one whose process died at work.
    pub fn mark_interrupted(&self, run: &mut WorkflowRun) {
        let is_alive = run.holder.as_deref().is_some_and(|holder| self.lease.is_alive(holder));
        if run.status == status_name(RunStatus::Running) && !is_alive {
            run.status = "interrupted".into();
        }
    }

    /// A kept answer.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn cached(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.inner().store.cached(key)
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn keep(&self, key: &[u8], kind: &str, name: &str, answer: &[u8], at: &str) -> Result<()> {
        self.inner().store.keep(key, kind, name, answer, at)
    }

    /// What is kept.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn cache_stats(&self) -> Result<Vec<CacheStats>> {
        self.inner().store.cache_stats()
    }

    /// Forgets every kept answer; gives how many there were.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn clear_cache(&self) -> Result<u64> {
        self.inner().store.clear_cache()
    }
}

fn one_run(mut found: Vec<WorkflowRun>, run: &str) -> Result<WorkflowRun> {
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::usage(format!("no run of a workflow begins with `{run}`; see: ibid runs"))),
        _ => Err(Error::usage(format!("more than one run begins with `{run}`; give more of its id, see: ibid runs"))),
    }
}

fn read_events(store: &RunStore, row: &WorkflowRun) -> Result<Vec<Event>> {
    let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
    let events: Result<Vec<Event>, _> = store.events(row.number)?.into_iter().map(read).collect();
    events.map_err(|source| {
        Error::usage(format!("the record of run {} cannot be read by this version of ibid: {source}", row.run))
    })
}

fn bytes(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_event(&mut bytes, event);
    bytes
}

fn write_event(bytes: &mut Vec<u8>, event: &Event) {
    serde_json::to_writer(bytes, event).expect("an event is plain data");
}

/// The name of a status as it is stored and shown.
pub fn status_name(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Waiting => "waiting",
        RunStatus::Done => "done",
        RunStatus::Failed => "failed",
        RunStatus::BudgetExceeded => "budget_exceeded",
        RunStatus::Cancelled => "cancelled",
    }
}

/// The key under which an answer is kept: SHA-256 over the parts, each with its length, so that no two lists of parts look alike.
pub(super) fn cache_key(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

//! What the engine itself costs: long chains of cheap steps, and many runs of steps that wait, timed over a real database.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::event::RunStatus;
use super::graph::Durability;
use super::journal::Journal;
use super::load::prepare;
use super::run::{Crowd, Engine, Request, Source, Watch};
use super::services::Services;
use crate::error::{Error, Result};
use crate::tools::{Asked, Tool};

/// What a step visit cost.
#[derive(Debug, Clone, Serialize)]
pub struct ChainReport {
    /// Steps of the chain.
    pub steps: usize,
    /// Microseconds a step visit without any record: the engine's own cost.
    pub bare_us: f64,
    /// Microseconds a step visit, committed one by one, the disk made to write at the end of the run.
    pub run_us: f64,
    /// Microseconds a step visit, the disk made to write after each.
    pub step_us: f64,
    /// Bytes of the database after two runs, its log included.
    pub database_bytes: u64,
    /// Milliseconds to read the record of one run back.
    pub read_ms: f64,
}

/// What many runs at once took.
#[derive(Debug, Clone, Serialize)]
pub struct CrowdReport {
    /// Runs.
    pub runs: usize,
    /// Steps of each that wait.
    pub steps: usize,
    /// Milliseconds each of these waits.
    pub wait_ms: u64,
    /// Threads.
    pub threads: usize,
    /// Seconds it took.
    pub seconds: f64,
    /// Seconds that the waiting alone takes on these threads.
    pub ideal_seconds: f64,
}

/// A chain of `steps` steps, each computing from the one before.
pub fn chain(steps: usize) -> String {
    let mut text = format!("name = \"chain\"\n[limits]\nsteps = {steps}\nseconds = 3600\n");
    for at in 0..steps {
        let (needs, value) = match at {
            0 => (String::new(), "1".to_string()),
            _ => (format!("needs = [\"s{}\"]\n", at - 1), format!("s{}.n + 1", at - 1)),
        };
        text += &format!("[[step]]\nid = \"s{at}\"\nkind = \"compute\"\n{needs}values = {{ n = \"{value}\" }}\n");
    }
    text
}

/// Times a chain of `steps` steps, the best of `rounds`, in databases in `folder`.
///
/// # Errors
/// What running reports.
pub fn measure_chain(folder: &Path, steps: usize, rounds: usize) -> Result<ChainReport> {
    let workflow = Arc::new(prepare("chain", &chain(steps), &|file| Err(Error::usage(format!("no file {file}"))))?);
    let request =
        |durability| Request { workflow: workflow.clone(), input: Map::new(), seed: 0, durability: Some(durability) };
    let open = |name: &str| -> Result<Engine> {
        let journal = Journal::open(&folder.join(name).join("ibid.db"))?;
        Ok(Engine::new(Arc::new(journal), Arc::new(Services::default()), Watch::default()))
    };
    let mut report = ChainReport {
        steps,
        bare_us: f64::MAX,
        run_us: f64::MAX,
        step_us: f64::MAX,
        database_bytes: 0,
        read_ms: f64::MAX,
    };
    for round in 0..rounds.max(1) {
        for durability in [Durability::Run, Durability::Step] {
            let name = format!("{durability:?}-{round}");
            let engine = open(&name)?;
            let started = Instant::now();
            let ended = engine.start(request(durability))?;
            let us = started.elapsed().as_secs_f64() * 1e6 / steps as f64;
            let expected = json!({ "n": steps });
            if ended.status != RunStatus::Done || ended.output != expected {
                return Err(Error::usage(format!(
                    "the chain gave {} ({:?}), not {expected}",
                    ended.output, ended.status
                )));
            }
            if durability == Durability::Step {
                report.step_us = report.step_us.min(us);
                continue;
            }
            report.run_us = report.run_us.min(us);
            let started = Instant::now();
            engine.journal().read(&ended.run)?;
            report.read_ms = report.read_ms.min(started.elapsed().as_secs_f64() * 1e3);
            // Reading the record and planning the graph belong to a replay, not to its steps.
            let replayed = engine.replay(&ended.run, Source::Record)?;
            report.bare_us = report.bare_us.min(replayed.ended.took_us as f64 / steps as f64);
            if round == 0 {
                engine.start(request(durability))?;
                report.database_bytes = bytes(&folder.join(&name));
            }
        }
    }
    Ok(report)
}

/// Bytes of the files in a folder.
fn bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file).map(|it| it.len()).sum()
}

/// A tool that waits, as a call to a model does.
struct Wait(Duration);

impl Tool for Wait {
    fn name(&self) -> &'static str {
        "wait"
    }

    fn description(&self) -> String {
        "waits".into()
    }

    fn parameters(&self) -> Value {
        json!({ "type": "object" })
    }

    fn result(&self) -> Value {
        json!({})
    }

    fn run(&self, _: &Asked<'_>) -> Result<Value> {
        std::thread::sleep(self.0);
        Ok(Value::Null)
    }
}

/// Times `runs` runs of `steps` steps one after the other that wait `wait_ms` each.
///
/// # Errors
/// What running reports.
pub fn measure_crowd(folder: &Path, runs: usize, steps: usize, wait_ms: u64, threads: usize) -> Result<CrowdReport> {
    let mut text = String::from("name = \"crowd\"\n[limits]\nseconds = 3600\n");
    for at in 0..steps {
        let needs = if at == 0 { String::new() } else { format!("needs = [\"s{}\"]\n", at - 1) };
        text += &format!("[[step]]\nid = \"s{at}\"\nkind = \"tool\"\ntool = \"wait\"\n{needs}");
    }
    let workflow = Arc::new(prepare("crowd", &text, &|file| Err(Error::usage(format!("no file {file}"))))?);
    let mut services = Services::default();
    services.tools_mut().add(Arc::new(Wait(Duration::from_millis(wait_ms))));
    let journal = Arc::new(Journal::open(&folder.join("crowd").join("ibid.db"))?);
    let engine = Engine::new(journal, Arc::new(services), Watch::default());
    let requests = (0..runs)
        .map(|at| Request { workflow: workflow.clone(), input: Map::new(), seed: at as u64, durability: None })
        .collect();
    let started = Instant::now();
    let ended = engine.run_many(requests, Crowd { runs: threads, threads })?;
    let seconds = started.elapsed().as_secs_f64();
    if let Some(wrong) = ended.iter().find(|ended| ended.status != RunStatus::Done) {
        return Err(Error::usage(format!("a run ended as {:?}: {:?}", wrong.status, wrong.failure)));
    }
    let ideal_seconds = (runs * steps) as f64 * wait_ms as f64 / 1e3 / threads.min(runs) as f64;
    Ok(CrowdReport { runs, steps, wait_ms, threads, seconds, ideal_seconds })
}

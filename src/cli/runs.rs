//! `ibid runs`: the runs of workflows, and how each stands.

use std::collections::BTreeMap;

use clap::Args;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, note, one_line, out, out_json, styled, thousands};
use crate::data_folder::database_path;
use crate::database::workflows::WorkflowRun;
use crate::error::Result;
use crate::workflow::event::Event;
use crate::workflow::journal::{Found, Journal};

#[derive(Debug, Clone, Args)]
pub(crate) struct RunsOptions {
    /// Runs to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

pub(crate) fn run(options: &RunsOptions, context: &Context) -> Result<Exit> {
    let path = database_path(&context.settings.home()?);
    let mut deadlines = BTreeMap::new();
    let mut runs = vec![];
    if path.exists() {
        let journal = Journal::open(&path)?;
        runs = journal.runs(options.limit)?;
        for run in runs.iter().filter(|run| run.status == "waiting") {
            deadlines.extend(deadline(&journal.read(&run.run)?).map(|at| (run.run.clone(), at)));
        }
    }
    if context.json {
        let mut told = serde_json::json!({ "schema": "ibid.workflow_runs/1", "runs": runs });
        for run in told["runs"].as_array_mut().into_iter().flatten() {
            if let Some(at) = run["run"].as_str().and_then(|id| deadlines.get(id)) {
                run["deadline"] = serde_json::json!(at);
            }
        }
        out_json(&told)?;
    } else if runs.is_empty() {
        note("no workflow has run yet; start one with: ibid run WORKFLOW");
    } else {
        for run in &runs {
            out(&run_line(run))?;
            match run.status.as_str() {
                "waiting" => {
                    out(&format!("    waits: {}\n", one_line(&run.message)))?;
                    out(&format!("    {}\n", way_on(&run.run, deadlines.get(&run.run))))?;
                }
                "interrupted" | "cancelled" => out(&format!("    go on with: ibid resume {}\n", run.run))?,
                "failed" | "budget_exceeded" => out(&format!("    {}\n", one_line(&run.message)))?,
                _ => {}
            }
        }
    }
    Ok(if runs.is_empty() { Exit::NothingFound } else { Exit::Done })
}

/// When the decision that a run waits for is made without anybody.
fn deadline(found: &Found) -> Option<String> {
    let paused = found.events.iter().rev().find_map(|event| match event {
        Event::Paused { deadline, .. } => Some(deadline.clone()),
        _ => None,
    });
    paused.flatten()
}

/// How a run that waits goes on.
fn way_on(run: &str, deadline: Option<&String>) -> String {
    let is_over = |at: &String| at.parse::<jiff::Timestamp>().is_ok_and(|at| at <= jiff::Timestamp::now());
    let time = |at: &String| at.get(..19).unwrap_or(at).replace('T', " ");
    match deadline {
        Some(at) if is_over(at) => {
            format!("its time was up at {} UTC, and its default holds; go on with: ibid resume {run}", time(at))
        }
        Some(at) => format!(
            "until {} UTC, then its default holds; go on with: ibid resume {run} --approve | --reject | --edit FILE",
            time(at)
        ),
        None => format!("go on with: ibid resume {run} --approve | --reject | --edit FILE"),
    }
}

/// How a status or an outcome looks.
pub(crate) fn look(status: &str) -> Look {
    match status {
        "done" => Look::Good,
        "failed" | "budget_exceeded" => Look::Bad,
        "skipped" => Look::Faint,
        _ => Look::Warn,
    }
}

/// One run in one line.
pub(crate) fn run_line(run: &WorkflowRun) -> String {
    let status = styled(Stream::Out, look(&run.status), &format!("{:<16}", run.status));
    let time = run.started_at.get(..16).unwrap_or_default().replace('T', " ");
    let mut words = vec![one_line(&run.workflow), format!("{} steps", thousands(run.steps))];
    if run.tokens > 0 {
        words.push(format!("{} tokens", thousands(run.tokens)));
    }
    if run.usd > 0.0 {
        words.push(format!("${:.4}", run.usd));
    }
    format!("{}  {time}  {status} {:>7.0} ms  {}\n", run.run, run.took_us as f64 / 1e3, words.join(", "))
}

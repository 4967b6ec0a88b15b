//! `ibid runs`: the runs of workflows, and how each stands.

use clap::Args;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, note, one_line, out, out_json, styled, thousands};
use crate::database::workflows::WorkflowRun;
use crate::error::Result;
use crate::services::database_path;
use crate::workflow::journal::Journal;

#[derive(Debug, Clone, Args)]
pub(crate) struct RunsOptions {
    /// Runs to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

pub(crate) fn run(options: &RunsOptions, context: &Context) -> Result<Exit> {
    let path = database_path(&context.settings.home()?);
    let runs = if path.exists() { Journal::open(&path)?.runs(options.limit)? } else { vec![] };
    if context.json {
        out_json(&serde_json::json!({ "schema": "ibid.workflow_runs/1", "runs": runs }))?;
    } else if runs.is_empty() {
        note("no workflow has run yet; start one with: ibid run WORKFLOW");
    } else {
        for run in &runs {
            out(&run_line(run))?;
            match run.status.as_str() {
                "waiting" => out(&format!("    waits: {}\n", one_line(&run.message)))?,
                "interrupted" | "cancelled" => out(&format!("    go on with: ibid resume {}\n", run.run))?,
                "failed" | "budget_exceeded" => out(&format!("    {}\n", one_line(&run.message)))?,
                _ => {}
            }
        }
    }
    Ok(if runs.is_empty() { Exit::NothingFound } else { Exit::Done })
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

//! `ibid trace`: the record of earlier asks and runs: listed, shown, compared, run again.

mod asks;
mod diff;
mod html;
mod replay;
mod tree;

use clap::Subcommand;

use super::Exit;
use super::context::Context;
use super::runs::run_line;
use super::terminal::{Stream, note, one_line, out, out_json, styled};
use crate::data_folder::database_path;
use crate::database::Database;
use crate::database::runs::RunSummary;
use crate::error::{Error, Result};
use crate::workflow::journal::Journal;

/// What to do with the record.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TraceCommand {
    /// List the latest asks and runs, newest first
    List {
        /// How many of each
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Show all that was recorded: the steps with their times and costs, or an ask with its hits and verdicts
    Show {
        /// The run's id, or enough of its start
        run: String,
        /// Only this step, with its input, calls and output
        #[arg(long, value_name = "ID")]
        step: Option<String>,
    },
    /// Compare two runs step by step
    Diff {
        /// The first run
        a: String,
        /// The second run
        b: String,
    },
    /// Write one HTML page that shows a run: its graph, a timeline, what each step took and held
    Html(html::HtmlOptions),
    /// Run it again from the recorded answers, and say whether it gives the same
    Replay(replay::ReplayOptions),
}

pub(crate) fn run(command: &TraceCommand, context: &Context) -> Result<Exit> {
    let home = context.settings.home()?;
    let path = database_path(&home);
    if !path.exists() {
        return Err(Error::IndexMissing { path: home });
    }
    match command {
        TraceCommand::List { limit } => list(&Database::open(&path)?, &Journal::open(&path)?, *limit, context),
        TraceCommand::Show { run, step } => {
            let journal = Journal::open(&path)?;
            match journal.read(run) {
                Ok(mut found) => {
                    journal.mark_interrupted(&mut found.row);
                    tree::show(&found, step.as_deref(), context)
                }
                // Asks of earlier versions are recorded elsewhere.
                Err(error) => match Database::open(&path)?.run(run)? {
                    Some(record) => show_ask(&record, step.as_deref(), context),
                    None => Err(unknown(error, run)),
                },
            }
        }
        TraceCommand::Diff { a, b } => {
            let journal = Journal::open(&path)?;
            diff::show(&journal.read(a)?, &journal.read(b)?, context)
        }
        TraceCommand::Html(options) => html::run(options, &Journal::open(&path)?, context),
        TraceCommand::Replay(options) => replay::run(options, context),
    }
}

fn unknown(error: Error, run: &str) -> Error {
    match error {
        Error::Usage { .. } => Error::usage(format!("no single run begins with `{run}`; see: ibid trace list")),
        other => other,
    }
}

fn show_ask(record: &serde_json::Value, step: Option<&str>, context: &Context) -> Result<Exit> {
    if step.is_some() {
        return Err(Error::usage("an ask of an earlier version has no steps; show it without --step"));
    }
    match context.json {
        true => out_json(record)?,
        false => out(&asks::told(record))?,
    }
    Ok(Exit::Done)
}

fn list(database: &Database, journal: &Journal, limit: usize, context: &Context) -> Result<Exit> {
    let runs = database.runs(limit)?;
    let workflows = journal.runs(limit)?;
    let is_empty = runs.is_empty() && workflows.is_empty();
    if context.json {
        out_json(&serde_json::json!({ "schema": "ibid.runs/1", "runs": runs, "workflows": workflows }))?;
    } else if is_empty {
        note("no run is recorded yet; ask something first: ibid ask QUESTION");
    } else {
        let asks = runs.iter().map(|run| (run.started_at.clone(), ask_line(run)));
        // An ask is told by its question.
        let others = workflows.iter().filter(|other| !runs.iter().any(|run| run.run == other.run));
        let mut lines: Vec<(String, String)> =
            asks.chain(others.map(|run| (run.started_at.clone(), run_line(run)))).collect();
        lines.sort_by(|a, b| b.cmp(a));
        lines.iter().try_for_each(|(_, line)| out(line))?;
    }
    Ok(if is_empty { Exit::NothingFound } else { Exit::Done })
}

fn ask_line(run: &RunSummary) -> String {
    let status = styled(Stream::Out, asks::look(&run.status), &format!("{:<16}", run.status));
    let question: String = one_line(&run.question).chars().take(70).collect();
    let time = run.started_at.get(..16).unwrap_or_default().replace('T', " ");
    format!("{}  {time}  {status} {:>7.0} ms  {question}\n", run.run, run.took_ms)
}

//! `ibid trace`: the record of earlier asks.

use clap::Subcommand;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, note, one_line, out, out_json, styled};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::services::database_path;

/// What to do with the record.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TraceCommand {
    /// List the latest runs, newest first
    List {
        /// Runs to list
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Show all that a run recorded: question, hits, draft, verdicts, timings, models
    Show {
        /// The run's id, or enough of its start
        run: String,
    },
}

pub(crate) fn run(command: &TraceCommand, context: &Context) -> Result<Exit> {
    let home = context.settings.home()?;
    let path = database_path(&home);
    if !path.exists() {
        return Err(Error::IndexMissing { path: home });
    }
    let database = Database::open(&path)?;
    match command {
        TraceCommand::List { limit } => list(&database, *limit, context),
        TraceCommand::Show { run } => show(&database, run, context),
    }
}

fn list(database: &Database, limit: usize, context: &Context) -> Result<Exit> {
    let runs = database.runs(limit)?;
    if context.json {
        out_json(&serde_json::json!({ "schema": "ibid.runs/1", "runs": runs }))?;
    } else if runs.is_empty() {
        note("no run is recorded yet; ask something first: ibid ask QUESTION");
    } else {
        for run in &runs {
            let status = styled(Stream::Out, look(&run.status), &format!("{:<16}", run.status));
            let question: String = one_line(&run.question).chars().take(70).collect();
            let time = run.started_at.get(..16).unwrap_or_default().replace('T', " ");
            out(&format!("{}  {time}  {status} {:>7.0} ms  {question}\n", run.run, run.took_ms))?;
        }
    }
    Ok(if runs.is_empty() { Exit::NothingFound } else { Exit::Done })
}

fn look(status: &str) -> Look {
    match status {
        "grounded" => Look::Good,
        "partial" | "not_in_documents" => Look::Warn,
        _ => Look::Bad,
    }
}

fn show(database: &Database, run: &str, context: &Context) -> Result<Exit> {
    let record = database
        .run(run)?
        .ok_or_else(|| Error::usage(format!("no single run begins with `{run}`; see: ibid trace list")))?;
    if context.json {
        out_json(&record)?;
    } else {
        out(&told(&record))?;
    }
    Ok(Exit::Done)
}

fn told(record: &serde_json::Value) -> String {
    let strong = |text: &str| styled(Stream::Out, Look::Strong, text);
    let text = |value: &serde_json::Value| one_line(value.as_str().unwrap_or_default());
    let mut lines = vec![
        format!("{} {}", strong("run     "), text(&record["run"])),
        format!("{} {}", strong("asked   "), text(&record["started_at"])),
        format!("{} {}", strong("question"), text(&record["answer"]["question"])),
        format!("{} {}", strong("status  "), text(&record["answer"]["status"])),
        format!(
            "{} embedder {}, draft {}, check {}",
            strong("models  "),
            text(&record["answer"]["models"]["embedder"]),
            text(&record["answer"]["models"]["draft"]),
            text(&record["answer"]["models"]["verifier"])
        ),
    ];
    let timings: Vec<String> = record["timings_ms"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(stage, ms)| format!("{stage} {:.1} ms", ms.as_f64().unwrap_or_default()))
        .collect();
    lines.push(format!("{} {}", strong("time    "), timings.join(", ")));
    lines.push(strong("hits"));
    for hit in record["hits"].as_array().into_iter().flatten() {
        let part = |name: &str| hit["scores"][name].as_f64().map_or("   –".into(), |score| format!("{score:.3}"));
        lines.push(format!(
            "  {:>2}. {:.3}  dense {}  bm25 {}  maxsim {}  {}{}",
            hit["rank"],
            hit["score"].as_f64().unwrap_or_default(),
            part("dense"),
            part("bm25"),
            part("maxsim"),
            text(&hit["path"]),
            hit["page"].as_u64().map(|page| format!(", page {page}")).unwrap_or_default()
        ));
    }
    lines.push(strong("draft"));
    lines.push(format!("  {}", text(&record["draft"])));
    lines.push(strong("claims"));
    let kept = record["answer"]["claims"].as_array().into_iter().flatten();
    let left = record["answer"]["left_out"].as_array().into_iter().flatten();
    for claim in kept.chain(left) {
        lines.push(format!(
            "  {:<12} {:.2}  {}  {}",
            text(&claim["verdict"]),
            claim["score"].as_f64().unwrap_or_default(),
            text(&claim["method"]),
            text(&claim["text"])
        ));
    }
    if let Some(prompt) = record["prompt"].as_str() {
        lines.push(strong("prompt"));
        lines.extend(prompt.lines().map(|line| format!("  {}", one_line(line))));
    }
    lines.join("\n") + "\n"
}

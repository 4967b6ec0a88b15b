//! `ibid eval`: quality on judged data, with the parts that users run.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Subcommand;
use indicatif::ProgressBar;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, note, one_line, out, out_json, seconds, styled};
use crate::error::Result;
use crate::eval::answers::evaluate_answers;
use crate::eval::filings::evaluate_filings;
use crate::eval::retrieval::evaluate_retrieval;
use crate::eval::sts::evaluate_sts;
use crate::eval::{EvalCache, EvalReport};
use crate::retrieve::Searcher;
use crate::services::open_embedder;

/// What to measure.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EvalCommand {
    /// Search on a judged collection in BEIR's layout: dense, BM25, fused and reranked
    Retrieval {
        /// The folder with corpus.jsonl, queries.jsonl and qrels/test.tsv
        dir: PathBuf,
    },
    /// The embedder on sentence pairs with human scores
    Sts {
        /// The STS benchmark file, or its folder
        path: PathBuf,
    },
    /// The indexed files on questions that name their source files
    Filings {
        /// CSV with the columns `Question` and `Source Docs`
        table: PathBuf,
    },
    /// The indexed documents on questions with judged answers, some of which are not there
    Answers {
        /// JSON Lines with question, answerable, path and quote
        questions: PathBuf,
    },
}

pub(crate) fn run(command: &EvalCommand, context: &Context) -> Result<Exit> {
    let settings = &context.settings;
    let report = match command {
        EvalCommand::Retrieval { dir } => {
            let embedder = open_embedder(settings)?;
            let bar = bar(context);
            let progress = |done: usize, all: usize| {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
            };
            let cache = EvalCache::of_user();
            let report =
                evaluate_retrieval(dir, &embedder, &settings.store, &settings.retrieve, &cache, &progress);
            bar.finish_and_clear();
            report?
        }
        EvalCommand::Sts { path } => evaluate_sts(path, &open_embedder(settings)?)?,
        EvalCommand::Filings { table } => evaluate_filings(table, &Searcher::open(settings)?)?,
        EvalCommand::Answers { questions } => evaluate_answers(questions, &Searcher::open(settings)?, &settings.ask)?,
    };
    tell(&report, context)?;
    Ok(Exit::Done)
}

fn tell(report: &EvalReport, context: &Context) -> Result<()> {
    if context.json {
        return out_json(&report.to_json());
    }
    let head = format!("{} on {} ({})", report.task, report.dataset, seconds(report.seconds));
    out(&format!("{}\n", styled(Stream::Out, Look::Strong, &one_line(&head))))?;
    for (name, value) in &report.metrics {
        let interval = report.intervals.get(name).map(|(low, high)| format!("  [{low:.3}, {high:.3}]")).unwrap_or_default();
        out(&format!("  {name:<28} {value:>8.4}{interval}\n"))?;
    }
    report.notes.iter().for_each(|line| note(&one_line(line)));
    Ok(())
}

fn bar(context: &Context) -> ProgressBar {
    if !context.quiet && std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() }
}

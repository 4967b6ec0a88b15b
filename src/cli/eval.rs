//! `ibid eval`: quality on judged data, with the parts that users run.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::Value;
use uuid::Uuid;

use super::Exit;
use super::context::{Context, now};
use super::terminal::{Look, Stream, note, one_line, out, out_json, seconds, styled, thousands, width, wrapped};
use super::workflow::ready;
use crate::cite::check::CheckModels;
use crate::data_folder::database_path;
use crate::error::{Error, Result};
use crate::eval::answers::evaluate_answers;
use crate::eval::claims::fit::fit_verdict;
use crate::eval::claims::{ClaimsSettings, evaluate_claims};
use crate::eval::filings::evaluate_filings;
use crate::eval::pdf::{Peer, evaluate_pdf};
use crate::eval::retrieval::{Reading, evaluate_retrieval};
use crate::eval::sts::evaluate_sts;
use crate::eval::{EvalCache, EvalReport};
use crate::inference::cross_encoder::Readers;
use crate::retrieve::Searcher;
use crate::services::open_embedder;
use crate::workflow::asked::Asked;
use crate::workflow::journal::Journal;
use crate::workflow::run::{Engine, Request, Watch};
use crate::workflow::services::{ServiceSettings, Services};

/// What to measure.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EvalCommand {
    /// Search on a judged collection in BEIR's layout: dense, BM25, fused and reranked
    Retrieval {
        /// The folder with corpus.jsonl, queries.jsonl and qrels/test.tsv
        dir: PathBuf,
        /// Also read this many of the first passages with the model that reads questions, and order them by what it finds; several times
        /// for several depths
        #[arg(long, value_name = "N")]
        read: Vec<usize>,
    },
    /// The embedder on sentence pairs with human scores
    Sts {
        /// The STS benchmark file, or its folder
        path: PathBuf,
    },
    /// The check of claims: on WiCE, on pairs of premise and claim, or on claims about documents
    Claims(ClaimsOptions),
    /// The text of PDFs, beside what other readers make of them; pdftotext is run where it is installed
    Pdf {
        /// The folder with the PDFs
        dir: PathBuf,
        /// Compare with the texts of this reader too: files NAME.pdf.PEER.txt below FOLDER, with a form feed between pages
        #[arg(long, value_name = "PEER=FOLDER")]
        peer: Vec<String>,
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

/// Options of `ibid eval claims`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClaimsOptions {
    /// A folder with oracle_chunks_claim_dev.jsonl (WiCE); a folder with claims.tsv (document, label, claim, perhaps kind) beside its
    /// documents; or .jsonl or .jsonl.gz with premise, claim and label: a file, or a folder of them
    dataset: PathBuf,
    /// Pairs taken of each file
    #[arg(long, value_name = "N", default_value_t = 2000)]
    sample: usize,
    /// Which pairs are taken
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Only pairs of this split
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// List every claim that was judged wrongly
    #[arg(long)]
    show_mistakes: bool,
    /// Fit the coefficients on these pairs and write them to this file instead
    #[arg(long, value_name = "FILE")]
    fit: Option<PathBuf>,
}

pub(crate) fn run(command: &EvalCommand, context: &Context) -> Result<Exit> {
    let settings = &context.settings;
    let report = match command {
        EvalCommand::Retrieval { dir, read } => {
            let embedder = open_embedder(&settings.embed)?;
            let bar = bar(context);
            let progress = |done: usize, all: usize| {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
            };
            let cache = EvalCache::of_user();
            let readers = match read.is_empty() {
                true => None,
                false => Some(Readers::open(&settings.check.readers(), &settings.embed)?),
            };
            let reader = readers.as_ref().map(|readers| readers.reader().map_err(Error::usage)).transpose()?;
            let reading = reader.map(|reader| Reading { reader, depths: read });
            let (store, retrieve) = (&settings.store, &settings.retrieve);
            let report = evaluate_retrieval(dir, &embedder, store, retrieve, reading.as_ref(), &cache, &progress);
            bar.finish_and_clear();
            report?
        }
        EvalCommand::Sts { path } => evaluate_sts(path, &open_embedder(&settings.embed)?)?,
        EvalCommand::Claims(options) => match &options.fit {
            Some(file) => return fit(options, file, context),
            None => claims(options, context)?,
        },
        EvalCommand::Filings { table } => {
            evaluate_filings(table, &Searcher::open(&settings.opening()?, &settings.retrieve)?)?
        }
        EvalCommand::Pdf { dir, peer } => {
            let peers = peer.iter().map(|peer| parse_peer(peer)).collect::<Result<Vec<_>>>()?;
            evaluate_pdf(dir, &peers, &settings.read.pdf)?
        }
        EvalCommand::Answers { questions } => answers(questions, context)?,
    };
    tell(&report, context)?;
    Ok(Exit::Done)
}

fn parse_peer(peer: &str) -> Result<Peer> {
    let (name, folder) = peer
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Error::usage(format!("--peer is written NAME=FOLDER, not `{}`", one_line(peer))))?;
    Ok(Peer { name: name.into(), folder: folder.into() })
}

/// Asks as `ibid ask` does, through the workflow; its record is not that of the user's runs.
fn answers(questions: &Path, context: &Context) -> Result<EvalReport> {
    let settings = &context.settings;
    let services = Arc::new(Services::new(ServiceSettings { explain: true, ..settings.service_settings()? }));
    let workflow = Arc::new(ready("ask", &services)?);
    let folder = std::env::temp_dir().join(format!("ibid-eval-{}", Uuid::new_v4()));
    let watch = Watch { stop: context.stop.clone(), ..Watch::default() };
    let engine = Engine::new(Arc::new(Journal::open(&database_path(&folder))?), services, watch);
    let mut ask = |question: &str| {
        let input = [("question", Value::from(question)), ("passages", settings.ask.passages.into())];
        let input = input.map(|(name, value)| (name.to_string(), value)).into_iter().collect();
        let request = Request { workflow: workflow.clone(), input, seed: 0, durability: None };
        let ended = engine.start(request)?;
        Asked::of(&engine.journal().read(&ended.run)?).ok_or_else(|| {
            let why = ended.failure.map_or_else(String::new, |failure| failure.message);
            Error::usage(format!("a question got no answer: {why}"))
        })
    };
    let report = evaluate_answers(questions, &mut ask);
    // A record that stays behind is only a few bytes in the system's folder for such things.
    let _ = std::fs::remove_dir_all(&folder);
    let mut report = report?;
    report.settings = serde_json::json!({ "ask": settings.ask, "retrieve": settings.retrieve });
    Ok(report)
}

fn claims(options: &ClaimsOptions, context: &Context) -> Result<EvalReport> {
    let settings = claims_settings(options, context)?;
    let embedder = Arc::new(open_embedder(&context.settings.embed)?);
    let readers = Readers::open(&settings.check.readers(), &context.settings.embed)?;
    let bar = bar(context);
    let progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let report = evaluate_claims(&options.dataset, &embedder, &readers, &settings, &context.stop, &progress);
    bar.finish_and_clear();
    report
}

fn claims_settings(options: &ClaimsOptions, context: &Context) -> Result<ClaimsSettings> {
    context.catch_interrupts()?;
    if options.sample == 0 {
        return Err(Error::usage("--sample 0 takes no pair; it is at least 1"));
    }
    Ok(ClaimsSettings {
        sample: options.sample,
        seed: options.seed,
        split: options.split.clone(),
        mistakes: options.show_mistakes,
        chunk: context.settings.chunk.clone(),
        read: context.settings.read.clone(),
        check: context.settings.check.clone(),
    })
}

/// Writes fitted coefficients; the file is meant to be compiled in.
fn fit(options: &ClaimsOptions, file: &Path, context: &Context) -> Result<Exit> {
    let settings = claims_settings(options, context)?;
    let embedder = open_embedder(&context.settings.embed)?;
    let readers = Readers::open(&settings.check.readers(), &context.settings.embed)?;
    let models = CheckModels { embedder: Some(&embedder), entailment: readers.entailment() };
    let command = "ibid eval claims PAIRS.jsonl --fit FILE";
    let date = now();
    let bar = bar(context);
    let progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let text = fit_verdict(&options.dataset, models, &settings, command, date.get(..10).unwrap_or(&date), &progress);
    bar.finish_and_clear();
    std::fs::write(file, text?).map_err(Error::io("write", file))?;
    note(&format!("wrote {}", file.display()));
    Ok(Exit::Done)
}

fn tell(report: &EvalReport, context: &Context) -> Result<()> {
    if context.json {
        return out_json(&report.to_json());
    }
    let head = format!("{} on {} ({})", report.task, report.dataset, seconds(report.seconds));
    out(&format!("{}\n", styled(Stream::Out, Look::Strong, &one_line(&head))))?;
    let kinds: Vec<&str> = report.metrics.keys().filter_map(|name| name.strip_suffix(".n")).collect();
    let is_of_kind = |name: &str| kinds.iter().any(|kind| name.strip_prefix(kind).is_some_and(is_figure));
    for (name, value) in report.metrics.iter().filter(|(name, _)| !is_of_kind(name)) {
        let interval =
            report.intervals.get(name).map(|(low, high)| format!("  [{low:.3}, {high:.3}]")).unwrap_or_default();
        out(&format!("  {name:<28} {value:>8.4}{interval}\n"))?;
    }
    if !kinds.is_empty() {
        out(&told_kinds(report, &kinds))?;
    }
    if report.task == "claims" {
        out(&report.items.iter().map(told_mistake).collect::<String>())?;
    }
    report.notes.iter().for_each(|line| note(&one_line(line)));
    Ok(())
}

/// The figures of a kind, each with its heading.
const FIGURES: [(&str, &str); 4] =
    [(".n", "claims"), (".auroc", "AUROC"), (".false_passed", "false passed"), (".true_passed", "true passed")];

fn is_figure(suffix: &str) -> bool {
    FIGURES.iter().any(|(figure, _)| *figure == suffix)
}

/// A line a kind.
fn told_kinds(report: &EvalReport, kinds: &[&str]) -> String {
    let width = kinds.iter().map(|kind| kind.chars().count()).max().unwrap_or_default();
    let heads: String = FIGURES.iter().map(|(_, head)| format!("{head:>14}")).collect();
    let mut lines = format!("\n  {}\n", styled(Stream::Out, Look::Faint, &format!("{:<width$}{heads}", "")));
    for kind in kinds {
        lines.push_str(&format!("  {:<width$}", one_line(kind)));
        for (figure, _) in FIGURES {
            let value = report.metrics.get(&format!("{kind}{figure}"));
            let told = value.map_or("–".into(), |value| match figure {
                ".n" => thousands(*value as u64),
                _ => format!("{value:.3}"),
            });
            lines.push_str(&format!("{told:>14}"));
        }
        lines.push('\n');
    }
    lines
}

/// A claim that was judged wrongly, to be read.
fn told_mistake(item: &Value) -> String {
    let text = |key: &str| one_line(item[key].as_str().unwrap_or_default());
    let head = format!("{} · {}, judged {}", text("document"), text("label"), text("verdict").replace('_', " "));
    let by = format!("{} · {:.2}", text("method"), item["score"].as_f64().unwrap_or_default());
    format!(
        "\n{}  {}\n{}\n",
        styled(Stream::Out, Look::Source, &head),
        styled(Stream::Out, Look::Faint, &by),
        wrapped(&text("claim"), width(), "    ")
    )
}

fn bar(context: &Context) -> ProgressBar {
    if !context.quiet && std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() }
}

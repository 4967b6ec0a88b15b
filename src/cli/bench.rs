//! `ibid bench`: how fast this machine embeds and searches.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Exit;
use super::context::Context;
use super::terminal::{note, out, out_json, thousands};
use crate::bench::collection::generate;
use crate::bench::search::{SearchRun, Spread, search};
use crate::bench::{EmbedBench, EmbedRun, embed, made_texts};
use crate::error::{Error, Result};
use crate::inference::manifest;
use crate::retrieve::Searcher;
use crate::services::{OpenSettings, open_embedder};
use crate::workflow::bench::{measure_chain, measure_crowd};

/// What to measure.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BenchCommand {
    /// Tokens a second of the embedding stage, tokenization included
    Embed(EmbedOptions),
    /// Milliseconds for a search in a running process, stage by stage, over the index as it is or one multiplied from it
    Search(SearchOptions),
    /// Microseconds a step visit of a workflow, and many runs at once, over databases in a folder of their own
    Workflow(WorkflowOptions),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EmbedOptions {
    /// Texts from this file, one {"text": …} a line, instead of made ones
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Tokens of each made text; several lengths are measured one after the other
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [16, 128, 256])]
    length: Vec<usize>,
    /// Made texts of each length
    #[arg(long, value_name = "N", default_value_t = 256)]
    count: usize,
    /// Rounds; the fastest counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SearchOptions {
    /// Queries from this file, one {"text": …} a line
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// Hits for each query
    #[arg(long, short = 'k', value_name = "N", default_value_t = 10)]
    top_k: usize,
    /// Search this many generated chunks instead: copies of the index's own, with noise on their vectors, their words and
    /// token vectors shuffled and a quarter of them exchanged. They say how fast a search is, not how good
    #[arg(long, value_name = "N")]
    chunks: Option<NonZeroUsize>,
    /// Keep the generated chunks in this folder, or search the ones an earlier run kept there
    #[arg(long, value_name = "DIR", requires = "chunks")]
    keep: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct WorkflowOptions {
    /// Steps of the chain
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    steps: usize,
    /// Rounds; the fastest counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Runs at once of ten steps that wait 50 ms each; 0 leaves them out
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    runs: usize,
    /// Threads for these
    #[arg(long, value_name = "N", default_value_t = 128)]
    step_threads: usize,
    /// Make the databases in this folder, which must be empty or new: what is measured is its disk [default: below the home]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(command: &BenchCommand, context: &Context) -> Result<Exit> {
    match command {
        BenchCommand::Embed(options) => bench_embed(options, context),
        BenchCommand::Search(options) => bench_search(options, context),
        BenchCommand::Workflow(options) => bench_workflow(options, context),
    }
}

/// Texts embedded alone for the median.
const SINGLES: usize = 32;

fn bench_embed(options: &EmbedOptions, context: &Context) -> Result<Exit> {
    let embedder = open_embedder(&context.settings.embed)?;
    let sets = match &options.texts {
        Some(path) => vec![(0, read_texts(path)?)],
        None => options
            .length
            .iter()
            .map(|&length| Ok((length, made_texts(&embedder, length, options.count)?)))
            .collect::<Result<_>>()?,
    };
    let bench = EmbedBench { rounds: options.rounds, singles: SINGLES };
    let runs =
        sets.iter().map(|(length, texts)| embed(&embedder, texts, *length, bench)).collect::<Result<Vec<_>>>()?;
    if context.json {
        let texts: usize = runs.iter().map(|run| run.texts).sum();
        let tokens: u64 = runs.iter().map(|run| run.tokens).sum();
        let seconds: f64 = runs.iter().map(|run| run.seconds).sum();
        let p50 = runs.iter().map(|run| run.p50_ms).fold(f64::INFINITY, f64::min);
        out_json(&serde_json::json!({
            "schema": "ibid.bench/1",
            "task": "embed",
            "device": embedder.device().name,
            "device_reason": embedder.device().reason,
            "engine": embedder.engine(),
            "model": embedder.manifest().name,
            "threads": embedder.worker_count(),
            "texts": texts,
            "tokens": tokens,
            "seconds": seconds,
            "tokens_per_second": tokens as f64 / seconds,
            "texts_per_second": texts as f64 / seconds,
            "p50_ms": p50,
            "runs": runs,
        }))?;
        return Ok(Exit::Done);
    }
    out(&format!(
        "{} on {} ({}, {} workers)\n{:>8} {:>8} {:>12} {:>10} {:>10}\n",
        embedder.manifest().name,
        embedder.device().name,
        embedder.engine(),
        embedder.worker_count(),
        "tokens",
        "texts",
        "tokens/s",
        "texts/s",
        "p50 alone"
    ))?;
    for EmbedRun { length, texts, tokens_per_second, texts_per_second, p50_ms, gpu, .. } in &runs {
        let length = if *length == 0 { "file".into() } else { length.to_string() };
        let rate = thousands(*tokens_per_second as u64);
        out(&format!("{length:>8} {texts:>8} {rate:>12} {texts_per_second:>10.1} {p50_ms:>7.2} ms\n"))?;
        if let Some(gpu) = gpu {
            out(&format!("         {gpu}\n"))?;
        }
    }
    Ok(Exit::Done)
}

fn bench_search(options: &SearchOptions, context: &Context) -> Result<Exit> {
    let queries = read_texts(&options.queries)?;
    let opening = context.settings.opening()?;
    match (options.chunks, &options.keep) {
        (None, _) => searched(&queries, options, &opening, context),
        (Some(chunks), Some(folder)) => {
            searched(&queries, options, &generated(chunks, folder, opening, context)?, context)
        }
        (Some(chunks), None) => {
            let folder = TemporaryFolder::make()?;
            searched(&queries, options, &generated(chunks, &folder.0, opening, context)?, context)
        }
    }
}

/// Settings that open a generated index of `chunks` chunks in `folder`.
fn generated(chunks: NonZeroUsize, folder: &Path, opening: OpenSettings, context: &Context) -> Result<OpenSettings> {
    let manifest = manifest::find(&opening.embed.model, None)?;
    let told = Cell::new(0);
    generate(&opening, folder, &manifest, chunks.get(), &|written| {
        let tenth = 10 * written / chunks;
        if !context.quiet && tenth > told.replace(tenth) {
            note(&format!("{} of {} chunks generated", thousands(written as u64), thousands(chunks.get() as u64)));
        }
    })?;
    Ok(OpenSettings { home: folder.to_path_buf(), ..opening })
}

/// A folder of its own, which goes when this does.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn make() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("ibid-bench-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).map_err(Error::io("create", &path))?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "cannot remove a temporary folder");
        }
    }
}

fn searched(queries: &[String], options: &SearchOptions, opening: &OpenSettings, context: &Context) -> Result<Exit> {
    let searcher = Searcher::open(opening, &context.settings.retrieve)?;
    let run = search(&searcher, queries, options.top_k)?;
    if context.json {
        let mut report = serde_json::json!({
            "schema": "ibid.bench/1",
            "task": "search",
            "device": searcher.embedder().device().name,
            "engine": searcher.embedder().engine(),
            "model": searcher.embedder().manifest().name,
            "threads": searcher.embedder().worker_count(),
            "texts": run.queries,
            "tokens": 0,
            "tokens_per_second": 0.0,
            "texts_per_second": run.queries_per_second(),
        });
        merge(&mut report, &serde_json::json!(run));
        out_json(&report)?;
    } else {
        out(&told(&run))?;
    }
    searcher.leave();
    Ok(Exit::Done)
}

fn merge(report: &mut serde_json::Value, more: &serde_json::Value) {
    if let (Some(report), Some(more)) = (report.as_object_mut(), more.as_object()) {
        report.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}

fn told(run: &SearchRun) -> String {
    let rest = ("but encode", run.without_encode);
    let stages = run
        .stages
        .iter()
        .chain([&rest])
        .map(|(stage, Spread { p50_ms, p95_ms })| format!("  {stage:<10} {p50_ms:>8.2} {p95_ms:>8.2}\n"));
    format!(
        "{} queries over {} chunks: p50 {:.2} ms, p95 {:.2} ms, {:.1} queries/s\n  {:<10} {:>8} {:>8}\n{}",
        run.queries,
        thousands(run.chunks),
        run.p50_ms,
        run.p95_ms,
        run.queries_per_second(),
        "stage",
        "p50 ms",
        "p95 ms",
        stages.collect::<String>()
    )
}

/// Steps and milliseconds of the runs that wait.
const WAITING: (usize, u64) = (10, 50);

fn bench_workflow(options: &WorkflowOptions, context: &Context) -> Result<Exit> {
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => context.settings.home()?.join(format!("bench-{}", std::process::id())),
    };
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let chain = measure_chain(&folder, options.steps, options.rounds)?;
    let crowd = match options.runs {
        0 => None,
        runs => Some(measure_crowd(&folder, runs, WAITING.0, WAITING.1, options.step_threads)?),
    };
    if options.folder.is_none() {
        std::fs::remove_dir_all(&folder).map_err(Error::io("remove", &folder))?;
    }
    if context.json {
        out_json(&serde_json::json!({ "schema": "ibid.bench/1", "task": "workflow", "chain": chain, "crowd": crowd }))?;
        return Ok(Exit::Done);
    }
    out(&format!(
        "chain of {} steps, a step: engine {:.1} µs, committed {:.1} µs, on the disk {:.1} µs; two runs {} bytes; read in {:.1} ms\n",
        chain.steps,
        chain.bare_us,
        chain.run_us,
        chain.step_us,
        thousands(chain.database_bytes),
        chain.read_ms
    ))?;
    if let Some(crowd) = crowd {
        out(&format!(
            "{} runs of {} steps that wait {} ms, on {} threads: {:.2} s, {:.2} times the ideal\n",
            crowd.runs,
            crowd.steps,
            crowd.wait_ms,
            crowd.threads,
            crowd.seconds,
            crowd.seconds / crowd.ideal_seconds
        ))?;
    }
    Ok(Exit::Done)
}

/// The `text` of each line of a JSON Lines file.
fn read_texts(path: &PathBuf) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let texts = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let value: Option<serde_json::Value> = serde_json::from_str(line).ok();
            value
                .and_then(|value| value["text"].as_str().map(str::to_string))
                .ok_or_else(|| Error::usage(format!("{} line {}: expected {{\"text\": …}}", path.display(), index + 1)))
        })
        .collect::<Result<Vec<_>>>()?;
    if texts.is_empty() {
        return Err(Error::usage(format!("{} holds no texts", path.display())));
    }
    Ok(texts)
}

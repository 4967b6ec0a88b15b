//! `ibid index`: brings the index up to date with files and folders and tells what became of each.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Exit;
use super::context::{Context, now};
use super::terminal::{
    Look, Stream, bytes, counted, note, one_line, out, out_json, seconds, shown_path, styled, thousands,
};
use crate::collections::record_databases;
use crate::config::Settings;
use crate::document::FileStatus;
use crate::error::{Error, Result};
use crate::index::forget::Forgotten;
use crate::index::watch::{Pauses, watch};
use crate::index::{Change, IndexReport, Mode, Progress, Services, sync};
use crate::services::{Index, Opening, Replaced, as_served, open_embedder, open_to_write};

/// Options of `ibid index`.
#[derive(Debug, Clone, Args)]
pub(crate) struct IndexOptions {
    /// Files and folders to add or bring up to date
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Make the index anew beside the one that is there, from PATH and all files that one knows, and then take its place
    #[arg(long, conflicts_with = "dry_run")]
    rebuild: bool,
    /// Stay, and keep the index in step with what changes below PATH
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
    /// End with exit code 3 also when text was cut to fit the model
    #[arg(long)]
    strict: bool,
    /// Take ignored and hidden files too
    #[arg(long)]
    no_ignore: bool,
}

pub(crate) fn run(options: &IndexOptions, context: &Context) -> Result<Exit> {
    let mut settings = context.settings.clone();
    if options.no_ignore {
        settings.index.walk.ignore_rules = false;
        settings.index.walk.hidden = true;
    }
    context.catch_interrupts()?;
    let opening = if options.rebuild { Opening::Rebuild } else { Opening::OrCreate };
    let report = run_once(options, &settings, opening, context)?;
    if !options.watch {
        return Ok(exit(&report, options.strict));
    }
    let (quiet, longest) = (settings.index.watch_quiet_s, settings.index.watch_longest_s);
    let pauses = Pauses { quiet: duration(quiet), longest: duration(longest) };
    if !context.quiet {
        note(&format!("watching {}; Ctrl-C ends it", shown(&options.paths)));
    }
    watch(&options.paths, pauses, &context.stop, &mut || {
        run_once(options, &settings, Opening::OrCreate, context).map(drop)
    })?;
    Ok(Exit::Interrupted)
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).unwrap_or_default()
}

/// One run over all paths, told to the user.
fn run_once(options: &IndexOptions, settings: &Settings, opening: Opening, context: &Context) -> Result<IndexReport> {
    let (embedder, mut index) = open_to_write(&settings.opening()?, opening)?;
    let mode = if options.dry_run { Mode::DryRun } else { Mode::Sync };
    if !context.quiet
        && let Some(replaced) = &index.replaces
    {
        note(&told_of_rebuild(replaced, options.dry_run));
    }
    let bar = Bar::new(context);
    let identity = index.identity.line();
    let inherited = index.replaces.as_ref().map(|replaced| replaced.files.clone()).unwrap_or_default();
    let records = record_databases(&index.home);
    let mut services = Services {
        store: &index.store,
        database: &mut index.database,
        embedder: &embedder,
        identity: &identity,
        now: now(),
        inherited: &inherited,
        records: &records,
    };
    let outcome =
        sync(&options.paths, mode, &mut services, &settings.index, &context.stop, &|progress| bar.show(progress));
    bar.clear();
    if index.replaces.is_some() && matches!(outcome, Err(Error::Interrupted)) {
        note(
            "the index that was there is still the one that is searched; run the same command again to go on with the new one",
        );
    }
    let report = outcome?;
    match mode {
        Mode::Sync => index.take_over()?,
        Mode::DryRun => index.give_up()?,
    }
    if context.json {
        out_json(&report.to_json())?;
    } else {
        out(&told(&report, &options.paths, embedder.device().reason.as_str(), context.quiet))?;
    }
    Ok(report)
}

/// Why there will be another index, and what is searched until then.
fn told_of_rebuild(replaced: &Replaced, dry_run: bool) -> String {
    let why = match &replaced.difference {
        Some((made_with, asked)) => format!("the index was made with {made_with}, the settings say {asked}: "),
        None => String::new(),
    };
    match dry_run {
        true => format!("{why}a new index would be made beside it"),
        false => format!("{why}a new index is made beside it, which takes its place once it is whole"),
    }
}

fn exit(report: &IndexReport, strict: bool) -> Exit {
    let incomplete = report.cut_tokens > 0;
    if report.problems.is_empty() && !(strict && incomplete) { Exit::Done } else { Exit::Problems }
}

/// The paths as they were given.
fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| shown_path(&path.display().to_string())).collect::<Vec<_>>().join(", ")
}

/// The report as a person reads it.
fn told(report: &IndexReport, paths: &[PathBuf], device_reason: &str, quiet: bool) -> String {
    let out = |look, text: &str| styled(Stream::Out, look, text);
    let mut lines = Vec::new();
    let counts: Vec<String> = FileStatus::ALL
        .into_iter()
        .filter(|status| report.of(*status) > 0)
        .map(|status| {
            let text = format!("{} {}", thousands(report.of(status)), spoken(status, report.dry_run));
            if status.is_problem() { out(Look::Warn, &text) } else { text }
        })
        .collect();
    let found = counted(report.found(), "file");
    lines.push(match counts.is_empty() {
        true => format!(
            "{found} found: nothing to index in {}; --no-ignore takes hidden and ignored files too",
            shown(paths)
        ),
        false => format!("{} found: {}", out(Look::Strong, &found), counts.join(", ")),
    });
    if report.dry_run {
        lines.extend(told_plan(report, if quiet { 5 } else { 20 }));
    }
    if report.tokens > 0 {
        let rate = report.tokens as f64 / report.seconds.max(1e-9);
        lines.push(format!(
            "embedded {} in {} ({} tokens/s on {})",
            counted(report.tokens, "token"),
            seconds(report.seconds),
            thousands(rate as u64),
            report.device
        ));
    }
    if report.cut_tokens > 0 {
        let cut = format!("{} did not fit the model's input and cannot be found", counted(report.cut_tokens, "token"));
        lines.push(out(Look::Warn, &cut));
    }
    if let Some(forgotten) = told_forgotten(report.forgotten) {
        lines.push(format!("with what is gone, {forgotten}"));
    }
    lines.push(format!(
        "the index holds {} in {}",
        counted(report.documents, "document"),
        counted(report.chunks, "chunk")
    ));
    let shown = if quiet { 5 } else { 20 };
    for problem in report.problems.iter().take(shown) {
        let page = problem.page.map(|page| format!(", page {page}")).unwrap_or_default();
        lines.push(format!(
            "  {} {}{page}: {}",
            out(Look::Warn, spoken(problem.status, false)),
            shown_path(&problem.path),
            one_line(&problem.reason)
        ));
    }
    if report.problems.len() > shown {
        lines.push(format!("  and {} more; see all with --json", report.problems.len() - shown));
    }
    if !quiet && cfg!(feature = "cuda") && report.device == "cpu" && device_reason.starts_with("no CUDA") {
        lines.push(out(Look::Faint, &format!("on the CPU, because {device_reason}")));
    }
    lines.join("\n") + "\n"
}

/// What the record of runs has lost with removed documents.
fn told_forgotten(forgotten: Forgotten) -> Option<String> {
    let Forgotten { runs, answers } = forgotten;
    let parts = [(runs, "run"), (answers, "kept answer")].into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, noun)| counted(count, noun)).collect();
    (!parts.is_empty()).then(|| format!("{} that quoted it forgotten", parts.join(" and ")))
}

/// What would be done, by kind with sizes, then file by file.
fn told_plan(report: &IndexReport, shown: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for change in Change::ALL {
        let (files, size) = report.planned(change);
        if files > 0 {
            lines.push(format!("{:>10}  {}, {}", change.name(), counted(files, "file"), bytes(size)));
        }
    }
    let changes: Vec<_> = report.plan.iter().filter(|file| file.change != Change::Unchanged).collect();
    for file in changes.iter().take(shown) {
        let change = styled(Stream::Out, Look::Faint, &format!("{:>10}", file.change.name()));
        lines.push(format!("{change}  {} ({})", shown_path(&file.path), bytes(file.bytes)));
    }
    if changes.len() > shown {
        lines.push(format!("  and {} more; see all with --json", changes.len() - shown));
    }
    lines
}

fn spoken(status: FileStatus, dry_run: bool) -> &'static str {
    match status {
        FileStatus::Indexed if dry_run => "to be read",
        FileStatus::Removed if dry_run => "to be removed",
        FileStatus::NoText => "without text",
        FileStatus::LimitExceeded => "over a limit",
        FileStatus::Partial => "read in part",
        status => status.name(),
    }
}

/// The progress bar on stderr; silent where there is no terminal.
struct Bar {
    bar: ProgressBar,
    state: Mutex<(f64, u64)>,
}

impl Bar {
    fn new(context: &Context) -> Self {
        let shown = !context.quiet && std::io::stderr().is_terminal();
        let bar = if shown { ProgressBar::no_length() } else { ProgressBar::hidden() };
        if shown {
            bar.set_style(style("{spinner} looking for files"));
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, state: Mutex::new((0.0, 0)) }
    }

    fn show(&self, progress: Progress<'_>) {
        let mut state = self.state.lock().expect("drawing does not panic");
        match progress {
            Progress::Planned { bytes, .. } => {
                self.bar.set_length(bytes);
                self.bar.reset_eta();
                self.bar.set_style(style("{bar:24} {percent:>3}%  {prefix}  {eta} left  {wide_msg}"));
            }
            Progress::Opened { path } => self.bar.set_message(shown_path(path)),
            Progress::Chunk { bytes, tokens } => {
                state.0 += bytes;
                state.1 += tokens;
                self.bar.set_position(state.0 as u64);
                let rate = state.1 as f64 / self.bar.elapsed().as_secs_f64().max(1e-3);
                self.bar.set_prefix(format!("{} tokens/s", thousands(rate as u64)));
            }
            Progress::File { bytes, .. } => {
                state.0 += bytes as f64;
                self.bar.set_position(state.0 as u64);
            }
            Progress::Closed { .. } => {}
            Progress::Optimizing => {
                self.bar.set_style(style("{spinner} arranging the index for fast search"));
            }
        }
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid").progress_chars("━╸─")
}

/// Options of `ibid remove`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RemoveOptions {
    /// Files and folders to take out of the index; they need not exist any more
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(crate) fn remove(options: &RemoveOptions, context: &Context) -> Result<Exit> {
    let opening = as_served(&context.settings.opening()?)?;
    let embedder = open_embedder(&opening.embed)?;
    let mut index = Index::open(&opening, embedder.manifest(), Opening::Existing)?;
    let identity = index.identity.line();
    let records = record_databases(&index.home);
    let mut services = Services {
        store: &index.store,
        database: &mut index.database,
        embedder: &embedder,
        identity: &identity,
        now: now(),
        inherited: &[],
        records: &records,
    };
    let (removed, forgotten) = crate::index::remove(&options.paths, &mut services, &context.settings.index)?;
    if context.json {
        out_json(
            &serde_json::json!({ "schema": "ibid.remove/1", "removed": removed, "forgotten": { "runs": forgotten.runs, "answers": forgotten.answers } }),
        )?;
    } else {
        let also = told_forgotten(forgotten).map(|also| format!("; {also}")).unwrap_or_default();
        let removed = counted(removed, "file");
        out(&format!("removed {removed} from the index{also}; the files themselves were not touched\n"))?;
    }
    if context.is_stopped() {
        note("interrupted");
        return Err(Error::Interrupted);
    }
    Ok(Exit::Done)
}

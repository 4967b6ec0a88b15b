//! The command line: options as typed, one call into the library each, and the exit code.

mod ask;
mod bench;
mod cache;
mod check;
mod context;
mod doctor;
mod eval;
mod export;
mod index;
mod lost_pages;
mod model;
mod run;
mod runs;
mod search;
mod show;
mod status;
mod terminal;
mod trace;
mod verify_deleted;
mod workflow;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::error::{Error, Result};
use crate::ingest::isolated::child::serve;
use context::{Context, GlobalOptions};
use terminal::{Look, Stream, note, one_line, out, styled};

/// How a command that did not fail ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done: 0.
    Done,
    /// Nothing found, or not in the documents: 1.
    NothingFound,
    /// It did not end well, and that has been said: 2.
    Failed,
    /// Finished with problems in some files, or unsupported claims under `--strict`: 3.
    Problems,
    /// A model server could not be reached, and that has been said: 4.
    Unreachable,
    /// A limit or budget ended it early: 5.
    LimitReached,
    /// The index is damaged: 6.
    Damaged,
    /// Told to stop; what was done is kept: 130.
    Interrupted,
}

impl Exit {
    /// The process exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NothingFound => 1,
            Self::Failed => 2,
            Self::Problems => 3,
            Self::Unreachable => 4,
            Self::LimitReached => 5,
            Self::Damaged => 6,
            Self::Interrupted => 130,
        }
    }
}

/// Answers from your own documents, every sentence with a source that is checked.
#[derive(Debug, Parser)]
#[command(
    name = "ibid",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 done · 1 nothing found, or not in the documents · 2 usage or other error · 3 problems in some files ·
4 model server unreachable · 5 limit or disk exhausted · 6 index damaged · 130 interrupted"
)]
struct Cli {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add files and folders to the index, or bring them up to date
    Index(index::IndexOptions),
    /// Answer a question from the indexed documents, with checked citations
    Ask(ask::AskOptions),
    /// Check claims against the index or against files
    Check(check::CheckOptions),
    /// Find passages
    Search(search::SearchOptions),
    /// Show the text of a file exactly as it is read
    Show(show::ShowOptions),
    /// Take files or folders out of the index
    Remove(index::RemoveOptions),
    /// Look for what is left of a file that was removed from the index
    VerifyDeleted(verify_deleted::VerifyDeletedOptions),
    /// List, fetch and check models
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Run a workflow
    Run(run::RunOptions),
    /// List the runs of workflows
    Runs(runs::RunsOptions),
    /// Go on with a run that waits for a decision, was stopped, or whose process died
    Resume(run::ResumeOptions),
    /// Look at earlier asks and runs
    #[command(subcommand)]
    Trace(trace::TraceCommand),
    /// List, check and draw workflows
    #[command(subcommand)]
    Workflow(workflow::WorkflowCommand),
    /// Look at the answers of models that are kept
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// Measure quality on judged data
    #[command(subcommand)]
    Eval(eval::EvalCommand),
    /// Measure speed
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Show what the index holds
    Status,
    /// Write all that the index holds to stdout, as lines of JSON
    Export(export::ExportOptions),
    /// Check this installation and say what to do about each problem
    Doctor,
    /// Read documents for another process of this program
    #[command(hide = true)]
    ReadDocuments,
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Runs the command line of this process.
///
/// # Errors
/// Whatever the command reports; [`report`] says it to a person.
pub fn run() -> Result<Exit> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version are answers, anything else is a usage error; clap words both.
            let is_answer = !message.use_stderr();
            message.print().map_err(Error::io("write to", "the terminal"))?;
            return if is_answer { Ok(Exit::Done) } else { Err(Error::usage("")) };
        }
    };
    if matches!(cli.command, Command::ReadDocuments) {
        serve(std::io::stdin().lock(), std::io::BufWriter::new(std::io::stdout().lock()))?;
        return Ok(Exit::Done);
    }
    lost_pages::tell_of_lost_pages()?;
    let context = Context::new(&cli.global)?;
    match &cli.command {
        Command::Index(options) => index::run(options, &context),
        Command::Ask(options) => ask::run(options, &context),
        Command::Check(options) => check::run(options, &context),
        Command::Search(options) => search::run(options, &context),
        Command::Show(options) => show::run(options, &context),
        Command::Remove(options) => index::remove(options, &context),
        Command::VerifyDeleted(options) => verify_deleted::run(options, &context),
        Command::Model(command) => model::run(command, &context),
        Command::Run(options) => run::run(options, &context),
        Command::Runs(options) => runs::run(options, &context),
        Command::Resume(options) => run::resume(options, &context),
        Command::Trace(command) => trace::run(command, &context),
        Command::Workflow(command) => workflow::run(command, &context),
        Command::Cache(command) => cache::run(*command, &context),
        Command::Eval(command) => eval::run(command, &context),
        Command::Bench(command) => bench::run(command, &context),
        Command::Status => status::run(&context),
        Command::Export(options) => export::run(options, &context),
        Command::Doctor => doctor::run(&context),
        Command::ReadDocuments => Ok(Exit::Done),
        Command::Completions { shell } => completions(*shell),
    }
}

fn completions(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ibid", &mut script);
    out(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Says an error to a person: what failed, then its causes, each once.
pub fn report(error: &Error) {
    if matches!(error, Error::Usage { message } if message.is_empty()) {
        return;
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    let mut last = String::new();
    while let Some(inner) = cause {
        let words = inner.to_string();
        // Some libraries repeat a cause with a number in front of it.
        if !text.contains(&words) && (last.is_empty() || !words.ends_with(&last)) {
            text.push_str(": ");
            text.push_str(&words);
        }
        last = words;
        cause = inner.source();
    }
    if error.is_disk_full() {
        text.push_str("; the disk is full: free some space and run the same command again, nothing finished is lost");
    }
    note(&format!("{} {}", styled(Stream::Err, Look::Bad, "error:"), one_line(&text)));
}

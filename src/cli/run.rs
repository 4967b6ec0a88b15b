//! `ibid run` and `ibid resume`: a workflow with its input run, or a run that waits or was stopped gone on with.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, note, one_line, out, out_json, styled, visible};
use crate::data_folder::database_path;
use crate::error::{Error, Result};
use crate::telemetry::export;
use crate::workflow::event::RunStatus;
use crate::workflow::failure::FailureClass;
use crate::workflow::graph::{Durability, InputType, Workflow};
use crate::workflow::journal::Journal;
use crate::workflow::run::{Choice, Ended, Engine, Request, Watch};
use crate::workflow::services::Services;

#[derive(Debug, Clone, Args)]
pub(crate) struct RunOptions {
    /// A workflow file, or the name of a shipped one
    workflow: String,
    /// An input by name; `NAME=@FILE` takes it from a file; all but texts are JSON
    #[arg(long, short, value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// Decides every random choice
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// When the record reaches the disk [default: as the workflow says]
    #[arg(long, value_name = "WHEN")]
    durability: Option<DurabilityChoice>,
}

/// When the record of a run reaches the disk.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DurabilityChoice {
    /// Every step survives the end of the process; the disk is made to write at the end of the run
    Run,
    /// The disk is made to write after every step, which also survives a power cut
    Step,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ResumeOptions {
    /// The run's id, or enough of its start
    run: String,
    /// Let the run go on
    #[arg(long, group = "decision")]
    approve: bool,
    /// Say no
    #[arg(long, group = "decision")]
    reject: bool,
    /// Let the run go on with what was shown changed to the JSON value in this file
    #[arg(long, value_name = "FILE", group = "decision")]
    edit: Option<PathBuf>,
    /// Who decides [default: the user of this session]
    #[arg(long, value_name = "NAME", requires = "decision")]
    by: Option<String>,
}

/// The engine over this home, which stops on Ctrl-C and streams text to a terminal.
pub(crate) fn engine(context: &Context) -> Result<Engine> {
    let shows = !context.quiet && !context.json;
    let mut watch = Watch::default();
    if shows {
        watch.on_start = Some(Arc::new(|run| note(&styled(Stream::Err, Look::Faint, &format!("run {run}")))));
    }
    if shows && std::io::stderr().is_terminal() {
        watch.on_text = Some(Arc::new(|_, text| {
            let _ = write!(std::io::stderr(), "{}", visible(text));
        }));
    }
    engine_of(context, context.settings.services()?, watch)
}

/// The engine over this home with these services, which stops on Ctrl-C.
pub(crate) fn engine_of(context: &Context, services: Services, watch: Watch) -> Result<Engine> {
    context.catch_interrupts()?;
    let journal = Journal::open(&database_path(&context.settings.home()?))?;
    let watch = Watch { stop: context.stop.clone(), ..watch };
    Ok(Engine::new(Arc::new(journal), Arc::new(services), watch))
}

pub(crate) fn run(options: &RunOptions, context: &Context) -> Result<Exit> {
    let engine = engine(context)?;
    let prepared = super::workflow::ready(&options.workflow, engine.services())?;
    let input = read_input(&options.input, &prepared.workflow)?;
    let durability = options.durability.map(|choice| match choice {
        DurabilityChoice::Run => Durability::Run,
        DurabilityChoice::Step => Durability::Step,
    });
    let request = Request { workflow: Arc::new(prepared), input, seed: options.seed, durability };
    let ended = engine.start(request)?;
    finish(&engine, &ended, context)
}

fn read_input(given: &[String], workflow: &Workflow) -> Result<Map<String, Value>> {
    let mut input = Map::new();
    for one in given {
        let Some((name, value)) = one.split_once('=') else {
            return Err(Error::usage(format!("an input is NAME=VALUE, not `{one}`")));
        };
        let text = match value.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(Error::io("read the input", path))?,
            None => value.to_string(),
        };
        // A name that the workflow does not know is told with those that it knows, later.
        let input_type = workflow.input.get(name).map_or(InputType::Any, |field| field.described().input_type);
        let value = input_type.read(&text).map_err(|why| Error::usage(format!("the input `{name}`: {why}")))?;
        input.insert(name.to_string(), value);
    }
    Ok(input)
}

pub(crate) fn resume(options: &ResumeOptions, context: &Context) -> Result<Exit> {
    let edited = match &options.edit {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
            let value = serde_json::from_str::<Value>(&text);
            Some(value.map_err(|error| Error::usage(format!("{} is no JSON: {error}", path.display())))?)
        }
        None => None,
    };
    let is_decided = options.approve || options.reject || edited.is_some();
    let choice = is_decided.then(|| Choice {
        approved: !options.reject,
        by: options.by.clone().unwrap_or_else(|| std::env::var("USER").unwrap_or_else(|_| "unknown".into())),
        edited,
    });
    let engine = engine(context)?;
    let ended = engine.resume(&options.run, choice)?;
    finish(&engine, &ended, context)
}

/// Prints a run's output: its text where it is a text, else JSON.
pub(crate) fn print_output(output: &Value) -> Result<()> {
    match (output, &output["text"]) {
        (_, Value::String(text)) | (Value::String(text), _) => {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            out(&format!("{}{end}", visible(text)))
        }
        (Value::Null, _) => Ok(()),
        _ => out_json(output),
    }
}

/// Tells how a run ended, then sends its telemetry.
pub(super) fn finish(engine: &Engine, ended: &Ended, context: &Context) -> Result<Exit> {
    let exit = report(ended, context)?;
    send_telemetry(engine, ended, context);
    engine.services().collections().leave();
    Ok(exit)
}

/// Sends a run's telemetry where the settings say so; that it cannot be sent is a warning.
pub(crate) fn send_telemetry(engine: &Engine, ended: &Ended, context: &Context) {
    let settings = &context.settings.otel;
    if settings.endpoint.is_some() {
        let sent =
            engine.journal().read(&ended.run).and_then(|found| export(&found, settings, context.settings.offline));
        if let Err(error) = sent {
            let words = one_line(&error.to_string());
            note(&format!(
                "{} the telemetry of the run was not sent: {words}",
                styled(Stream::Err, Look::Warn, "warning:")
            ));
        }
    }
}

/// The exit code of how a run ended.
pub(crate) fn exit(ended: &Ended) -> Exit {
    match ended.status {
        RunStatus::Done | RunStatus::Waiting => Exit::Done,
        RunStatus::BudgetExceeded => Exit::LimitReached,
        RunStatus::Cancelled | RunStatus::Running => Exit::Interrupted,
        RunStatus::Failed if ended.failure.as_ref().is_some_and(|it| it.class == FailureClass::Unreachable) => {
            Exit::Unreachable
        }
        RunStatus::Failed => Exit::Failed,
    }
}

/// Tells how a run ended, and gives the exit code of that.
pub(crate) fn report(ended: &Ended, context: &Context) -> Result<Exit> {
    let exit = exit(ended);
    if context.json {
        let waiting = ended.waiting.as_ref().map(|waiting| {
            json!({ "place": waiting.place, "prompt": waiting.prompt, "shown": waiting.shown, "deadline": waiting.deadline })
        });
        out_json(&json!({
            "schema": "ibid.run/1",
            "run": ended.run,
            "workflow": ended.workflow,
            "status": ended.status,
            "output": ended.output,
            "failure": if ended.status == RunStatus::Waiting { None } else { ended.failure.as_ref() },
            "waiting": waiting,
            "usage": { "steps": ended.steps, "tokens": ended.tokens, "usd": ended.usd },
            "took_ms": ended.took_us as f64 / 1e3,
        }))?;
        return Ok(exit);
    }
    let run = &ended.run;
    let message = ended.failure.as_ref().map(|failure| one_line(&failure.message)).unwrap_or_default();
    match ended.status {
        RunStatus::Done => print_output(&ended.output)?,
        RunStatus::Waiting => {
            if let Some(waiting) = &ended.waiting {
                note(&visible(&waiting.prompt));
                if !waiting.shown.is_null() {
                    note(&visible(&serde_json::to_string_pretty(&waiting.shown).unwrap_or_default()));
                }
            }
            note(&format!(
                "the run waits for a decision; go on with: ibid resume {run} --approve | --reject | --edit FILE"
            ));
        }
        RunStatus::BudgetExceeded => {
            out_json(&ended.output)?;
            note(&format!("{} {message}; what was done until then is above", styled(Stream::Err, Look::Bad, "limit:")));
        }
        RunStatus::Failed => {
            note(&format!("{} {message}", styled(Stream::Err, Look::Bad, "error:")));
            note(&format!("look at it with: ibid trace show {run}"));
        }
        RunStatus::Cancelled | RunStatus::Running => note(&format!("interrupted; go on with: ibid resume {run}")),
    }
    Ok(exit)
}

//! `ibid trace replay`: a recorded run once more, from its record, live, or on from one of its steps.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::super::Exit;
use super::super::context::Context;
use super::super::run::{engine, finish};
use super::super::terminal::{note, one_line, out_json};
use crate::error::{Error, Result};
use crate::workflow::run::{Difference, Source};

#[derive(Debug, Clone, Args)]
pub(crate) struct ReplayOptions {
    /// The run's id, or enough of its start
    run: String,
    /// Ask models, tools and indexes again instead of taking their recorded answers
    #[arg(long, conflicts_with = "from")]
    live: bool,
    /// Run on from this step as a new run; what does not depend on it is taken from the record
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    /// Outputs of earlier steps by id, and `input`, to put in the place of the recorded ones; a JSON object
    #[arg(long, value_name = "FILE", requires = "from")]
    input: Option<PathBuf>,
}

pub(super) fn run(options: &ReplayOptions, context: &Context) -> Result<Exit> {
    let engine = engine(context)?;
    if let Some(step) = &options.from {
        let edited = options.input.as_ref().map(read_object).transpose()?.unwrap_or_default();
        let ended = engine.run_from(&options.run, step, edited)?;
        return finish(&engine, &ended, context);
    }
    let source = if options.live { Source::Live } else { Source::Record };
    let replayed = engine.replay(&options.run, source)?;
    let is_same = replayed.is_same && replayed.differs.is_none();
    if context.json {
        let differs = replayed.differs.as_ref().map(|Difference { place, recorded, now, failure }| {
            json!({ "place": place, "recorded": recorded, "now": now, "failure": failure })
        });
        out_json(&json!({
            "schema": "ibid.replay/1",
            "run": replayed.ended.run,
            "same": is_same,
            "status": replayed.ended.status,
            "output": replayed.ended.output,
            "differs": differs,
        }))?;
    } else {
        super::super::run::print_output(&replayed.ended.output)?;
        match &replayed.differs {
            None if is_same => note("the same as recorded"),
            None => note("it ended otherwise than recorded"),
            Some(Difference { place, now, failure, .. }) => {
                let why = match (now, failure) {
                    (_, Some(failure)) => format!("it failed: {}", failure.message),
                    (Some(now), None) => format!("it gave {now}"),
                    (None, None) => "it was not visited".into(),
                };
                let why: String = one_line(&why).chars().take(300).collect();
                note(&format!("the first step that differs is `{}` (visit {}): {why}", place.step, place.visit));
            }
        }
    }
    Ok(if is_same { Exit::Done } else { Exit::NothingFound })
}

fn read_object(path: &PathBuf) -> Result<Map<String, Value>> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    serde_json::from_str(&text).map_err(|error| Error::usage(format!("{} is no JSON object: {error}", path.display())))
}

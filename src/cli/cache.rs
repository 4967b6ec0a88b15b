//! `ibid cache`: answers of models that are kept, and forgetting them.

use clap::Subcommand;

use super::Exit;
use super::context::Context;
use super::terminal::{bytes, counted, note, one_line, out, out_json, thousands};
use crate::data_folder::database_path;
use crate::error::Result;
use crate::workflow::journal::Journal;

/// What to do with the kept answers.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum CacheCommand {
    /// Show what is kept and how often it was used again
    Stats,
    /// Forget all of it
    Clear,
}

pub(crate) fn run(command: CacheCommand, context: &Context) -> Result<Exit> {
    let journal = Journal::open(&database_path(&context.settings.home()?))?;
    match command {
        CacheCommand::Stats => {
            let stats = journal.cache_stats()?;
            if context.json {
                out_json(&serde_json::json!({ "schema": "ibid.cache/1", "answers": stats }))?;
            } else if stats.is_empty() {
                note("nothing is kept; a step keeps the answers of its models and searches with: cache = true");
            }
            for kept in stats.iter().filter(|_| !context.json) {
                let name = one_line(&format!("{} {}", kept.kind, kept.name));
                let used = thousands(kept.uses);
                let noun = if kept.kind == "vector" { "vector" } else { "answer" };
                out(&format!(
                    "{name:<48} {}, {}, used again {used} times\n",
                    counted(kept.answers, noun),
                    bytes(kept.bytes)
                ))?;
            }
        }
        CacheCommand::Clear => {
            let count = journal.clear_cache()?;
            if context.json {
                out_json(&serde_json::json!({ "schema": "ibid.cache/1", "cleared": count }))?;
            } else {
                note(&format!("{} forgotten", counted(count, "kept answer")));
            }
        }
    }
    Ok(Exit::Done)
}

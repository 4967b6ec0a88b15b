//! `ibid trace html`: the page of a run, in a file.

use std::path::PathBuf;

use clap::Args;

use super::super::Exit;
use super::super::context::Context;
use super::super::terminal::{note, out, out_json};
use crate::error::{Error, Result};
use crate::workflow::journal::Journal;
use crate::workflow::page::page;

#[derive(Debug, Clone, Args)]
pub(crate) struct HtmlOptions {
    /// The run's id, or enough of its start
    run: String,
    /// Write the page here, `-` for the terminal [default: ibid-RUN.html in this folder]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(options: &HtmlOptions, journal: &Journal, context: &Context) -> Result<Exit> {
    let mut found = journal.read(&options.run).map_err(|error| super::unknown(error, &options.run))?;
    journal.mark_interrupted(&mut found.row);
    let page = page(&found)?;
    let path = options.out.clone().unwrap_or_else(|| format!("ibid-{}.html", found.row.run).into());
    if path.as_os_str() == "-" {
        out(&page)?;
        return Ok(Exit::Done);
    }
    std::fs::write(&path, &page).map_err(Error::io("write", &path))?;
    match context.json {
        true => {
            out_json(
                &serde_json::json!({ "schema": "ibid.trace_page/1", "run": found.row.run, "file": path, "bytes": page.len() }),
            )?;
        }
        false => note(&format!("wrote {}; open it in a browser", path.display())),
    }
    Ok(Exit::Done)
}

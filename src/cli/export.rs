//! `ibid export`: all that the index holds, as lines of JSON.

use std::io::{ErrorKind, Write as _};

use clap::Args;

use super::Exit;
use super::context::Context;
use super::terminal::{counted, json_line, note};
use crate::error::{Error, Result};
use crate::index::export::export;
use crate::inference::manifest;
use crate::services::{Index, Opening, as_served};

/// Options of `ibid export`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportOptions {
    /// Leave out the vectors
    #[arg(long)]
    no_vectors: bool,
}

pub(crate) fn run(options: &ExportOptions, context: &Context) -> Result<Exit> {
    let opening = as_served(&context.settings.opening()?)?;
    let index = Index::open(&opening, &manifest::find(&opening.embed.model, None)?, Opening::Existing)?;
    let identity = serde_json::to_value(&index.identity).expect("an identity is plain data");
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = |result: std::io::Result<()>| result.map_err(Error::io("write to", "stdout"));
    let exported = export(&index.store, &index.database, &identity, !options.no_vectors, &mut |line| {
        written(out.write_all(json_line(&line).as_bytes()))
    });
    let exported = match exported.and_then(|exported| written(out.flush()).map(|()| exported)) {
        // A reader that has gone away has what it wanted.
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Done),
        exported => exported?,
    };
    if !context.quiet {
        note(&format!("{} in {}", counted(exported.chunks, "chunk"), counted(exported.files, "file")));
    }
    Ok(Exit::Done)
}

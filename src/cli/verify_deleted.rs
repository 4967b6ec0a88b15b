//! `ibid verify-deleted`: whether anything is left of a document that was removed, and where that was looked for.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, bytes, counted, note, one_line, out, out_json, shown_path, styled};
use crate::collections::record_databases;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::index::absolute;
use crate::index::prepare::{Content, PrepareSettings, path_key, prepare};
use crate::index::verify_deleted::{Looked, Places, Wanted, verify_deleted};
use crate::inference::embedder::{Embedder, Want};
use crate::ingest::isolated::Reader;
use crate::ingest::load;
use crate::ingest::members::Outcome;
use crate::services::{Index, Opening, as_served, open_embedder};

/// Options of `ibid verify-deleted`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyDeletedOptions {
    /// The file or folder that was removed; it need not exist any more
    path: PathBuf,
    /// A copy of the file, to look for what it says; not needed where the file itself still exists
    #[arg(long, value_name = "FILE")]
    copy: Option<PathBuf>,
}

pub(crate) fn run(options: &VerifyDeletedOptions, context: &Context) -> Result<Exit> {
    context.catch_interrupts()?;
    let opening = as_served(&context.settings.opening()?)?;
    let embedder = open_embedder(&opening.embed)?;
    let index = Index::open(&opening, embedder.manifest(), Opening::Existing)?;
    let path = absolute(&options.path)?;
    let copy = options.copy.clone().or_else(|| path.is_file().then(|| path.clone()));
    let mut wanted = Wanted { path: path_key(&path), ..Wanted::default() };
    if let Some(copy) = &copy {
        describe(copy, &path, &index, &embedder, context, &mut wanted)?;
    }
    let records = record_databases(&index.home);
    let places = Places { store: &index.store, database: &index.database, records: &records, home: &index.home };
    let looked = verify_deleted(&wanted, places)?;
    let is_clean = looked.iter().all(|place| place.found.is_empty());
    if context.json {
        out_json(&serde_json::json!({
            "schema": "ibid.deleted/1",
            "path": wanted.path,
            "deleted": is_clean,
            "copy": copy.as_deref().map(path_key),
            "pieces": { "texts": wanted.texts.len(), "vectors": wanted.vectors.len() },
            "looked": looked,
        }))?;
    } else {
        out(&told(&wanted.path, &looked, is_clean))?;
        if copy.is_none() {
            note(
                "the file is gone, so only its path was looked for; give a copy of it with --copy to look for what it said, too",
            );
        }
    }
    Ok(if is_clean { Exit::Done } else { Exit::Problems })
}

/// Adds what the copy says and the vectors that its chunks would have.
fn describe(
    copy: &Path,
    path: &Path,
    index: &Index,
    embedder: &Embedder,
    context: &Context,
    wanted: &mut Wanted,
) -> Result<()> {
    let source = load(copy, &context.settings.read)?;
    let mut documents: Vec<(PathBuf, String, Document)> = Vec::new();
    let reader = Reader::new(context.settings.read.clone());
    reader.read_all(copy, &source.bytes, &context.stop, &mut |part| {
        if let Outcome::Document(document) = part.outcome {
            let own = if part.name.is_empty() { path.to_path_buf() } else { path.join(&part.name) };
            documents.push((own, part.sha256, *document));
        }
        Ok(())
    })?;
    for (path, sha256, document) in documents {
        wanted.texts.push(document.text.clone());
        let identity = index.identity.line();
        let settings = PrepareSettings { chunk: &index.identity.chunk, identity: &identity };
        let content = Content { path: &path, sha256: &sha256, is_empty: false };
        let prepared = match prepare(document, content, embedder, settings) {
            Ok(prepared) => prepared,
            // There were no chunks.
            Err(Error::Document { .. }) => continue,
            Err(error) => return Err(error),
        };
        for chunk in &prepared.chunks {
            if context.is_stopped() {
                return Err(Error::Interrupted);
            }
            let encoded = embedder.encode_batch(0, &[chunk.input.ids.as_slice()], Want::VectorAndTokens)?;
            wanted.vectors.extend(encoded.into_iter().map(|encoded| encoded.vector));
        }
    }
    Ok(())
}

fn told(path: &str, looked: &[Looked], is_clean: bool) -> String {
    let mut lines = Vec::new();
    lines.push(match is_clean {
        true => format!("nothing is left of {}", shown_path(path)),
        false => styled(Stream::Out, Look::Bad, &format!("something is left of {}", shown_path(path))),
    });
    for Looked { place, count, unit, found } in looked {
        let count = if *unit == "byte" { bytes(*count) } else { counted(*count, unit) };
        let result = match found.len() {
            0 => "nothing".to_owned(),
            _ => styled(Stream::Out, Look::Warn, &format!("{} found", found.len())),
        };
        lines.push(format!("  {place:<22} {count:>14}  {result}"));
        lines.extend(found.iter().take(10).map(|found| format!("    {}", one_line(found))));
        if found.len() > 10 {
            lines.push(format!("    and {} more; see all with --json", found.len() - 10));
        }
    }
    lines.join("\n") + "\n"
}

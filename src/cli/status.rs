//! `ibid status`: what the index holds and what it weighs.

use std::path::Path;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, bytes, counted, out, out_json, shown_path, styled, thousands};
use crate::database::FileRow;
use crate::document::FileStatus;
use crate::error::Result;
use crate::inference::manifest;
use crate::services::{Index, Opening, as_served};

pub(crate) fn run(context: &Context) -> Result<Exit> {
    let opening = as_served(&context.settings.opening()?)?;
    let index = Index::open(&opening, &manifest::find(&opening.embed.model, None)?, Opening::Existing)?;
    let files = index.database.files()?;
    let info = index.store.info()?;
    let size = folder_bytes(&index.home);
    let chunks = index.database.chunk_count()?;
    let stored: Vec<&FileRow> = files.values().filter(|file| file.is_document()).collect();
    let tokens: u64 = stored.iter().map(|file| file.tokens).sum();
    let problems: Vec<&FileRow> =
        files.values().filter(|file| file.status.is_problem() && file.container.is_empty()).collect();
    if context.json {
        let formats = by_format(&stored);
        out_json(&serde_json::json!({
            "schema": "ibid.status/1",
            "home": index.home.display().to_string(),
            "documents": stored.len(),
            "chunks": chunks,
            "tokens": tokens,
            "bytes": size,
            "formats": formats.into_iter().collect::<serde_json::Map<_, _>>(),
            "store": info,
            "identity": index.identity,
            "problems": problems.iter().map(|file| serde_json::json!({
                "path": file.path, "status": file.status.name(), "reason": file.reason, "page": file.page,
            })).collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Done);
    }
    let strong = |text: &str| styled(Stream::Out, Look::Strong, text);
    let formats: Vec<String> =
        by_format(&stored).into_iter().map(|(format, count)| format!("{count} {format}")).collect();
    let mut lines = vec![
        format!("{}  {}", strong("index    "), shown_path(&index.home.display().to_string())),
        match formats.is_empty() {
            true => format!("{}  0", strong("documents")),
            false => format!("{}  {}  ({})", strong("documents"), thousands(stored.len() as u64), formats.join(", ")),
        },
        format!("{}  {} of {}", strong("chunks   "), thousands(chunks), counted(tokens, "token")),
        format!(
            "{}  {} ({}, {} dimensions, {})",
            strong("model    "),
            index.identity.model,
            index.identity.revision.get(..8).unwrap_or_default(),
            index.identity.dimensions,
            index.identity.precision.name()
        ),
        format!("{}  {}, {}", strong("storage  "), bytes(size), counted(info.segments as u64, "segment")),
    ];
    if !problems.is_empty() {
        let text = format!("{} not or not wholly read; see: ibid index PATH", counted(problems.len() as u64, "file"));
        lines.push(format!("{}  {}", strong("problems "), styled(Stream::Out, Look::Warn, &text)));
    }
    out(&(lines.join("\n") + "\n"))?;
    Ok(Exit::Done)
}

fn by_format(files: &[&FileRow]) -> Vec<(String, serde_json::Value)> {
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for file in files {
        *counts.entry(file.format.clone().unwrap_or_else(|| FileStatus::Malformed.name().into())).or_default() += 1;
    }
    counts.into_iter().map(|(format, count)| (format, count.into())).collect()
}

/// Bytes of all files below `folder`; what cannot be looked at counts nothing.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
            Ok(meta) => allocated(&meta),
            Err(_) => 0,
        })
        .sum()
}

/// Bytes that a file takes on disk: the engine's files are sparse, their length says little.
#[cfg(unix)]
fn allocated(meta: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    meta.blocks() * 512
}

#[cfg(not(unix))]
fn allocated(meta: &std::fs::Metadata) -> u64 {
    meta.len()
}

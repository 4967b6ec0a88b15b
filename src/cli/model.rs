//! `ibid model`: which models there are, fetching them, checking their bytes.

use std::io::IsTerminal;
use std::sync::Arc;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, bytes, note, one_line, out, out_json, styled};
use crate::error::Result;
use crate::inference::cache::{self, FileState};
use crate::inference::fetch::{FetchSettings, Progress, Pulled, pull};
use crate::inference::manifest::{self, Manifest};

/// What to do with models.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the models ibid knows and whether they are on this machine
    List,
    /// Fetch models from the hub, or from their mirror where the hub cannot be reached
    Pull {
        /// Names as `ibid model list` gives them
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Read every byte of the models on this machine and compare it with the manifest
    Verify {
        /// Names; all that are here when none is given
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

pub(crate) fn run(command: &ModelCommand, context: &Context) -> Result<Exit> {
    match command {
        ModelCommand::List => list(context),
        ModelCommand::Pull { names } => {
            context.catch_interrupts()?;
            // Every name is looked up before the first byte is fetched.
            let manifests = names.iter().map(|name| manifest::find(name, None)).collect::<Result<Vec<_>>>()?;
            manifests.iter().try_for_each(|manifest| pull_one(manifest, context))?;
            Ok(Exit::Done)
        }
        ModelCommand::Verify { names } => verify(names, context),
    }
}

fn list(context: &Context) -> Result<Exit> {
    let manifests = manifest::builtin()?;
    if context.json {
        let models: Vec<_> = manifests
            .iter()
            .map(|manifest| {
                serde_json::json!({
                    "name": manifest.name, "kind": manifest.kind.name(), "here": cache::locate(manifest).is_ok(),
                    "repository": manifest.repository, "revision": manifest.revision, "licence": manifest.licence,
                    "bytes": manifest.bytes(), "tokens_max": manifest.tokens_max, "dimensions": manifest.dimensions,
                })
            })
            .collect();
        out_json(&serde_json::json!({ "schema": "ibid.models/1", "models": models }))?;
        return Ok(Exit::Done);
    }
    for manifest in &manifests {
        let here = match cache::locate(manifest) {
            Ok(_) => styled(Stream::Out, Look::Good, "here       "),
            Err(_) => styled(Stream::Out, Look::Faint, "not fetched"),
        };
        out(&format!(
            "{:<24} {here}  {:<9} {:>9}  {:<11} {}\n",
            manifest.name,
            manifest.kind.name(),
            bytes(manifest.bytes()),
            manifest.licence,
            manifest.repository
        ))?;
    }
    Ok(Exit::Done)
}

fn pull_one(manifest: &Manifest, context: &Context) -> Result<()> {
    let settings = FetchSettings {
        offline: context.settings.offline,
        interrupt: Some(Arc::clone(&context.stop)),
        ..FetchSettings::default()
    };
    let shown = !context.quiet && std::io::stderr().is_terminal();
    let bar = if shown { ProgressBar::new(manifest.bytes()) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template(
            "{bar:24} {percent:>3}%  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left  {msg}",
        )
        .expect("the template is valid")
        .progress_chars("━╸─"),
    );
    let pulled = pull(manifest, &settings, &mut |progress: Progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
        bar.set_message(format!("{} from {}", progress.file, progress.source));
    });
    bar.finish_and_clear();
    tell(manifest, &pulled?, context)
}

fn tell(manifest: &Manifest, pulled: &Pulled, context: &Context) -> Result<()> {
    if context.json {
        return out_json(&serde_json::json!({
            "schema": "ibid.pull/1", "name": manifest.name, "source": pulled.source.to_string(),
            "fetched": pulled.fetched, "bytes": pulled.bytes, "folder": pulled.folder.display().to_string(),
            "notes": pulled.notes,
        }));
    }
    if !context.quiet {
        for line in &pulled.notes {
            note(&styled(Stream::Err, Look::Faint, &one_line(line)));
        }
    }
    let name = &manifest.name;
    out(&match pulled.fetched.is_empty() {
        true => format!("{name} is here and its bytes are right\n"),
        false => format!("{name}: fetched {} from {}, bytes checked\n", bytes(pulled.bytes), pulled.source),
    })
}

fn verify(names: &[String], context: &Context) -> Result<Exit> {
    let all = match names {
        [] => manifest::builtin()?,
        names => names.iter().map(|name| manifest::find(name, None)).collect::<Result<Vec<_>>>()?,
    };
    let mut rows = Vec::new();
    let mut all_right = true;
    for manifest in &all {
        let checks = cache::verify(manifest);
        // A model that was never fetched is only wrong when it was asked for.
        let absent = checks.iter().all(|check| check.state == FileState::Missing);
        if absent && names.is_empty() {
            continue;
        }
        for check in checks {
            all_right &= check.state == FileState::Ok;
            rows.push((manifest.name.clone(), check));
        }
    }
    if context.json {
        let files: Vec<_> = rows
            .iter()
            .map(|(name, check)| serde_json::json!({ "model": name, "path": check.path, "state": check.state.name() }))
            .collect();
        out_json(&serde_json::json!({ "schema": "ibid.verify_models/1", "ok": all_right, "files": files }))?;
    } else if rows.is_empty() {
        note("no model is on this machine; fetch one with: ibid model pull NAME");
    } else {
        for (name, check) in &rows {
            let (look, words) = match check.state {
                FileState::Ok => (Look::Good, "right".to_string()),
                FileState::Missing => (Look::Bad, format!("missing; fetch it with: ibid model pull {name}")),
                FileState::WrongSize | FileState::WrongHash => {
                    (Look::Bad, format!("wrong bytes; fetch it again with: ibid model pull {name}"))
                }
            };
            out(&format!("{name}  {:<36} {}\n", check.path, styled(Stream::Out, look, &words)))?;
        }
    }
    Ok(if all_right { Exit::Done } else { Exit::Problems })
}

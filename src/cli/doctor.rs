//! `ibid doctor`: what works on this machine, what does not, and what to do about it.

use std::path::Path;

use serde::Serialize;

use super::Exit;
use super::context::Context;
use super::status::folder_bytes;
use super::terminal::{Look, Stream, bytes, counted, one_line, out, out_json, shown_path, styled};
use crate::data_folder::database_path;
use crate::error::Error;
use crate::inference::cross_encoder::Readers;
use crate::inference::embedder::thread_count;
use crate::inference::manifest::{Manifest, ModelKind};
use crate::inference::{cache, device, manifest};
use crate::ingest::isolated::Reader;
use crate::services::{Index, Opening, as_served, open_embedder};

/// Free bytes under which a full disk is near.
const DISK_FREE_WANTED: u64 = 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Note,
    Problem,
}

/// One thing looked at.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    about: &'static str,
    state: State,
    found: String,
    /// What to do, where something is to be done.
    advice: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, state: State::Ok, found: found.into(), advice: None }
    }

    fn note(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, state: State::Note, found: found.into(), advice: Some(advice.into()) }
    }

    fn problem(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, state: State::Problem, found: found.into(), advice: Some(advice.into()) }
    }
}

pub(crate) fn run(context: &Context) -> crate::error::Result<Exit> {
    let mut damaged = false;
    let mut findings = vec![
        Finding::ok("version", env!("CARGO_PKG_VERSION")),
        device(context),
        Finding::ok("threads", thread_count(context.settings.embed.threads).to_string()),
    ];
    findings.extend(models(context));
    findings.push(engine(context));
    findings.push(checking(context));
    findings.push(reading(context));
    findings.push(index(context, &mut damaged));
    findings.push(disk(context));
    findings.push(match context.settings.offline {
        true => Finding::ok("network", "offline: no connection is opened"),
        false => {
            Finding::ok("network", "used only to fetch models and for an LLM server that is named in the settings")
        }
    });
    let has_problem = findings.iter().any(|finding| finding.state == State::Problem);
    if context.json {
        out_json(&serde_json::json!({ "schema": "ibid.doctor/1", "ok": !has_problem, "findings": findings }))?;
    } else {
        for finding in &findings {
            let (mark, look) = match finding.state {
                State::Ok => ("✓", Look::Good),
                State::Note => ("•", Look::Warn),
                State::Problem => ("✗", Look::Bad),
            };
            let advice = match &finding.advice {
                Some(advice) => format!("\n             → {}", one_line(advice)),
                None => String::new(),
            };
            let mark = styled(Stream::Out, look, mark);
            out(&format!("{mark} {:<9}  {}{advice}\n", finding.about, one_line(&finding.found)))?;
        }
    }
    Ok(match (damaged, has_problem) {
        (true, _) => Exit::Damaged,
        (false, true) => Exit::Problems,
        (false, false) => Exit::Done,
    })
}

fn device(context: &Context) -> Finding {
    match device::open(context.settings.embed.device) {
        Ok(opened) => Finding::ok("device", format!("{} ({})", opened.name, opened.reason)),
        Err(error) => Finding::problem("device", error.to_string(), "use --device cpu or auto"),
    }
}

/// Starts a process that reads, since only it can say how far this kernel confines it.
fn reading(context: &Context) -> Finding {
    match Reader::new(context.settings.read.clone()).confinement() {
        Ok(Some(words)) if words.contains("open to it") || words.contains("no bound") => Finding::note(
            "reading",
            format!("in processes of their own; {words}"),
            "documents from strangers are safer on a Linux kernel with Landlock (5.13 or newer, with `landlock` in its lsm list)",
        ),
        Ok(Some(words)) => Finding::ok("reading", format!("in processes of their own: {words}")),
        Ok(None) => Finding::note(
            "reading",
            "in this process",
            "a file that breaks its reader can end the program; set read.process.enabled = true",
        ),
        Err(error) => Finding::problem("reading", error.to_string(), "see the message"),
    }
}

/// Opens the embedder, since what computes depends on the model too.
fn engine(context: &Context) -> Finding {
    match open_embedder(&context.settings.embed) {
        Ok(embedder) => Finding::ok("engine", format!("{} ({})", embedder.engine(), embedder.engine_reason())),
        Err(error @ (Error::ModelMissing { .. } | Error::ModelDamaged { .. })) => {
            Finding::note("engine", "unknown without the embedder", error.to_string())
        }
        Err(error) => Finding::problem("engine", error.to_string(), "see the message"),
    }
}

/// Opens what claims are checked with, since only its files say whether they can be used.
fn checking(context: &Context) -> Finding {
    match Readers::open(&context.settings.check, &context.settings.embed) {
        Ok(readers) if readers.entailment().is_some() => Finding::ok("check", readers.told()),
        Ok(readers) => Finding::note("check", readers.told(), "claims are checked by their words and structure alone"),
        Err(error) => Finding::problem("check", error.to_string(), "see the message"),
    }
}

fn models(context: &Context) -> Vec<Finding> {
    let mut manifests = match manifest::builtin() {
        Ok(manifests) => manifests,
        Err(error) => return vec![Finding::problem("models", error.to_string(), "reinstall ibid")],
    };
    let named = manifest::find(&context.settings.embed.model, None);
    let mut findings = Vec::new();
    match &named {
        Ok(own) if own.folder.is_some() => manifests.insert(0, own.clone()),
        Ok(_) => {}
        Err(error) => findings.push(Finding::problem("model", error.to_string(), "see the message")),
    }
    let mut absent = Vec::new();
    for manifest in &manifests {
        match model(manifest, named.as_ref().is_ok_and(|named| named == manifest)) {
            Some(finding) => findings.push(finding),
            None => absent.push(match manifest.kind {
                ModelKind::Embedder => manifest.name.clone(),
                ModelKind::Llm => format!("{} (a language model)", manifest.name),
            }),
        }
    }
    if !absent.is_empty() {
        let found = format!("optional and not fetched: {}", absent.join(", "));
        findings.push(Finding::note("models", found, "run: ibid model pull NAME"));
    }
    findings
}

/// What there is to say of a model; nothing of one that is neither here nor needed.
fn model(manifest: &Manifest, needed: bool) -> Option<Finding> {
    let name = &manifest.name;
    let pull = format!("run: ibid model pull {name}");
    let checks = cache::verify(manifest);
    let wrong = checks.iter().find(|check| !matches!(check.state, cache::FileState::Ok | cache::FileState::Missing));
    let missing = checks.iter().any(|check| check.state == cache::FileState::Missing);
    Some(match (wrong, missing, needed) {
        (Some(check), ..) => Finding::problem("model", format!("{name}: {} has wrong bytes", check.path), pull),
        (None, true, true) => Finding::problem("model", format!("{name} is missing"), pull),
        (None, true, false) => return None,
        (None, false, _) => Finding::ok(
            "model",
            match &manifest.folder {
                Some(folder) => format!("{name} is yours, in {}", shown_path(&folder.display().to_string())),
                None => format!("{name} is here and its bytes are right"),
            },
        ),
    })
}

fn index(context: &Context, damaged: &mut bool) -> Finding {
    let opened = (context.settings.opening())
        .and_then(|opening| as_served(&opening))
        .and_then(|opening| Index::open(&opening, &manifest::find(&opening.embed.model, None)?, Opening::Existing))
        .and_then(|index| {
            let (points, chunks, wrong) =
                (index.store.info()?.points as u64, index.database.chunk_count()?, index.database.check()?);
            index.store.check()?;
            Ok((index, points, chunks, wrong))
        });
    match opened {
        Ok((index, _, _, Some(wrong))) => {
            *damaged = true;
            let advice = "rebuild it from the documents: ibid index --rebuild PATH";
            Finding::problem("index", format!("{}: {wrong}", index.home.display()), advice)
        }
        Ok((_, points, chunks, None)) if points < chunks => {
            *damaged = true;
            let found = format!("the manifest names {}, the vector store holds {points}", counted(chunks, "chunk"));
            Finding::problem("index", found, "rebuild it from the documents: ibid index --rebuild PATH")
        }
        Ok((_, points, chunks, None)) if points > chunks => {
            let found = format!("{} are left over from an interrupted run", counted(points - chunks, "chunk"));
            Finding::note("index", found, "the next ibid index removes them; answers do not use them")
        }
        Ok((index, _, chunks, None)) => Finding::ok(
            "index",
            format!(
                "{}, {} dimensions as the model, in {}",
                counted(chunks, "chunk"),
                index.identity.dimensions,
                shown_path(&index.home.display().to_string())
            ),
        ),
        Err(error @ Error::IndexMissing { .. }) => Finding::note("index", error.to_string(), "run: ibid index PATH"),
        Err(error @ Error::IndexDamaged { .. }) => {
            *damaged = true;
            Finding::problem("index", error.to_string(), "rebuild it from the documents: ibid index --rebuild PATH")
        }
        Err(error) => Finding::problem("index", error.to_string(), "see the message"),
    }
}

fn disk(context: &Context) -> Finding {
    let Ok(home) = context.settings.home() else {
        return Finding::problem("disk", "no data folder", "name one with --home");
    };
    let used = if database_path(&home).exists() { folder_bytes(&home) } else { 0 };
    let existing = home.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match fs4::available_space(existing) {
        Ok(free) if free < DISK_FREE_WANTED => {
            let found = format!("{} free where the index lives", bytes(free));
            Finding::problem("disk", found, "free some space, or keep the index elsewhere with --home")
        }
        Ok(free) => Finding::ok("disk", format!("{} used by the index, {} free", bytes(used), bytes(free))),
        Err(error) => Finding::note("disk", format!("free space is unknown: {error}"), "none"),
    }
}

//! `read`: paths in, the documents' text with pages out.
//!
//! ```toml
//! [[step]]
//! id = "agreements"
//! kind = "read"
//! paths = "input.agreements"
//! ```

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::passages::{output, recorded, texts};
use crate::error::Error;
use crate::ingest::{self, walk};
use crate::workflow::context::{Call, Effect, Reserve, StepContext};
use crate::workflow::event::{CallKind, Spent};
use crate::workflow::expression::Expression;
use crate::workflow::failure::{Failure, FailureClass};

/// What a file says about a `read` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// A path or a list of paths, of files or folders; relative ones from where the program was started.
    pub paths: Expression,
    /// Most characters kept of one document; 0 keeps all.
    #[serde(default)]
    pub chars_max: usize,
}

/// What a `read` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadOutput {
    /// The documents: those named in the order of their names, those of a folder by their paths.
    pub documents: Vec<ReadDocument>,
    /// Files of folders that could not be read. A file that is named itself fails the step instead.
    pub skipped: Vec<SkippedFile>,
}

/// A file that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkippedFile {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadDocument {
    /// Its path, absolute.
    pub path: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub document: String,
    /// Its title, where it has one.
    pub title: Option<String>,
    /// Its text; citations are byte spans of it.
    pub text: String,
    /// Byte spans of its pages; empty for formats without pages.
    pub pages: Vec<ReadPage>,
    /// What could not be read.
    pub warnings: Vec<String>,
}

/// A page's place in the text of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadPage {
    /// From 1.
    pub number: u32,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// A file to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Wanted {
    path: PathBuf,
    /// Whether it was found in a folder rather than named.
    from_folder: bool,
}

impl Read {
    /// Reads every document that the paths name.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        let paths = texts(&cx.value(&self.paths)?, &self.paths.0)?;
        cx.input(json!({ "paths": paths, "chars_max": self.chars_max }));
        let mut read = ReadOutput { documents: vec![], skipped: vec![] };
        for path in &paths {
            for wanted in find(cx, path)? {
                match document(cx, &wanted.path, self.chars_max) {
                    Ok(document) => read.documents.push(document),
                    Err(failure) if wanted.from_folder && failure.class == FailureClass::Document => {
                        let path = wanted.path.to_string_lossy().into_owned();
                        read.skipped.push(SkippedFile { path, reason: failure.message });
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(output(&read))
    }
}

fn call_of(path: &Path, request: Value) -> Call {
    Call {
        kind: CallKind::Read,
        name: path.to_string_lossy().into_owned(),
        request,
        reserve: Reserve::default(),
        effect: Effect::None,
    }
}

/// The files that a path names.
fn find(cx: &mut StepContext<'_>, path: &str) -> Result<Vec<Wanted>, Failure> {
    let services = cx.services;
    let path = PathBuf::from(path);
    let found = cx.call(call_of(&path, json!({ "find": path })), &mut |_| {
        let walked = walk::walk(std::slice::from_ref(&path), &services.settings().walk)
            .map_err(|error| Failure::new(FailureClass::Document, Failure::from(Error::from(error)).message))?;
        let from_folder = walked.roots.iter().any(|root| root.kind == walk::RootKind::Folder);
        // What the walk could not look into is read too, so that the reason is told.
        let all = walked.files.into_iter().map(|file| file.path).chain(walked.problems.into_iter().map(|it| it.path));
        let wanted: Vec<Wanted> = all.map(|path| Wanted { path, from_folder }).collect();
        Ok((json!(wanted), Spent::default()))
    })?;
    recorded(found, "a folder")
}

fn document(cx: &mut StepContext<'_>, path: &Path, chars_max: usize) -> Result<ReadDocument, Failure> {
    let services = cx.services;
    let read = cx.call(call_of(path, json!({ "read": path, "chars_max": chars_max })), &mut |live| {
        let settings = &services.settings().read;
        let loaded = ingest::load(path, settings)
            .and_then(|source| Ok((source.sha256, services.reader().read(path, &source.bytes, live.stop)?)));
        let (sha256, document) = loaded.map_err(|error| {
            let failure = Failure::from(Error::from(error));
            Failure { message: format!("cannot read {}: {}", path.display(), failure.message), ..failure }
        })?;
        let mut text = document.text;
        let mut warnings: Vec<String> = document.warnings.into_iter().map(|warning| warning.message).collect();
        if let Some((cut, _)) = text.char_indices().nth(chars_max).filter(|_| chars_max > 0) {
            text.truncate(cut);
            warnings.push(format!("only the first {chars_max} characters are kept (`chars_max`)"));
        }
        let kept = text.len();
        let page = |page: &crate::document::Page| ReadPage {
            number: page.number,
            start: page.span.start,
            end: page.span.end.min(kept),
        };
        let pages = document.pages.iter().filter(|page| page.span.start < kept).map(page).collect();
        let path = path.to_string_lossy().into_owned();
        let document = ReadDocument { path, document: sha256, title: document.title, text, pages, warnings };
        Ok((output(&document), Spent::default()))
    })?;
    recorded(read, "a document")
}

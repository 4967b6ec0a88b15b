//! TOML in, checked model manifests out: what a model is, which bytes it has and where they come from; knows nothing of the network.

mod folder;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};

/// The manifests that come with the binary.
const BUILTIN: [(&str, &str); 9] = [
    ("all-minilm-l6-v2.toml", include_str!("../../models/all-minilm-l6-v2.toml")),
    ("bge-base-en-v1.5.toml", include_str!("../../models/bge-base-en-v1.5.toml")),
    ("bge-large-en-v1.5.toml", include_str!("../../models/bge-large-en-v1.5.toml")),
    ("bge-small-en-v1.5.toml", include_str!("../../models/bge-small-en-v1.5.toml")),
    ("multilingual-e5-small.toml", include_str!("../../models/multilingual-e5-small.toml")),
    ("nomic-embed-text-v1.5.toml", include_str!("../../models/nomic-embed-text-v1.5.toml")),
    ("potion-base-8m.toml", include_str!("../../models/potion-base-8m.toml")),
    ("qwen3-embedding-0.6b.toml", include_str!("../../models/qwen3-embedding-0.6b.toml")),
    ("smollm2-135m-instruct.toml", include_str!("../../models/smollm2-135m-instruct.toml")),
];

/// What a manifest says of a model that reads all languages that matter.
const MULTILINGUAL: &str = "multilingual";

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Text to one vector.
    Embedder,
    /// Messages to text.
    Llm,
}

impl ModelKind {
    /// The name used in manifests, JSON and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedder => "embedder",
            Self::Llm => "llm",
        }
    }
}

/// How an embedder makes one vector of many token vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over all tokens.
    Mean,
    /// The first token.
    Cls,
    /// The last token.
    Last,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Where it lies in the repository, with forward slashes.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The name of its blob in the hub's cache layout where that is not the SHA-256: the git object id of a small file.
    pub blob: Option<String>,
}

impl ModelFile {
    /// The name of its blob in the hub's cache layout.
    #[must_use]
    pub fn blob_name(&self) -> &str {
        self.blob.as_deref().unwrap_or(&self.sha256)
    }
}

/// A Python wheel that holds the same files, for machines that reach a package index but not the hub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// The package's name.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The size of the wheel.
    pub bytes: u64,
    /// The SHA-256 of the wheel.
    pub sha256: String,
    /// The folder inside the wheel that holds the files.
    pub root: String,
    /// Paths below `root` of the files that have another name there, by their name in the repository.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

impl Mirror {
    /// The path of `file` inside the wheel.
    #[must_use]
    pub fn entry(&self, file: &ModelFile) -> String {
        let name = self.names.get(&file.path).unwrap_or(&file.path);
        if self.root.is_empty() { name.clone() } else { format!("{}/{name}", self.root) }
    }
}

/// What a model is, which bytes it has and where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name that users type: lower-case letters, digits, `-`, `.` and `_`.
    pub name: String,
    /// What it does.
    pub kind: ModelKind,
    /// `owner/name` on the hub; empty for a model in a folder.
    #[serde(default)]
    pub repository: String,
    /// The full commit id in that repository. For a model in a folder, made of its files' sizes and times, so that another
    /// model in the same place is told apart.
    #[serde(default)]
    pub revision: String,
    /// The SPDX name of the weights' licence.
    #[serde(default)]
    pub licence: String,
    /// Which languages its texts may be in: codes of ISO 639-1, or `multilingual` alone where it reads all that matter. Empty where that is
    /// not known.
    #[serde(default)]
    pub languages: Vec<String>,
    /// The folder of a user's own model, relative to the manifest. Its files are taken as they are: nothing is fetched, and
    /// no sums are known.
    pub folder: Option<PathBuf>,
    /// Tokens it can take at once, special tokens counted.
    pub tokens_max: usize,
    /// Length of its vectors; embedders only.
    pub dimensions: Option<usize>,
    /// How token vectors become one; embedders only.
    pub pooling: Option<Pooling>,
    /// Smaller widths that its vectors may be cut to, ascending: those that it was trained for (Kusupati et al. 2022,
    /// Matryoshka representation learning, arXiv:2205.13147).
    #[serde(default)]
    pub matryoshka: Vec<usize>,
    /// Whether the mean of its values is taken off a vector before it is cut, as some models were trained: their layer norm
    /// without weights, of which scaling undoes the rest.
    #[serde(default)]
    pub center: bool,
    /// Text put before a question.
    #[serde(default)]
    pub query_prefix: String,
    /// Text put before a passage.
    #[serde(default)]
    pub passage_prefix: String,
    /// Everything needed to run it.
    #[serde(default)]
    pub files: Vec<ModelFile>,
    /// Other places that have the same bytes, in the order they are tried.
    #[serde(default)]
    pub mirrors: Vec<Mirror>,
    /// Where a user's own model is found again: its manifest or its folder, absolute.
    #[serde(skip)]
    pub place: Option<PathBuf>,
}

impl Manifest {
    /// Reads a manifest from a file, which may be that of a user's own model: then the files in its folder are looked up.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::ModelManifest`] when it is wrong or the folder lacks a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let source = path.display().to_string();
        let mut manifest = Self::parse(&text, &source)?;
        if let Some(folder) = manifest.folder.take() {
            let folder = path.parent().unwrap_or(Path::new("")).join(folder);
            manifest.take_folder(folder).map_err(|reason| Error::ModelManifest { name: source, reason })?;
            manifest.place = Some(std::path::absolute(path).map_err(Error::io("resolve", path))?);
        }
        Ok(manifest)
    }

    /// Reads a manifest and checks it; `source` names it in errors.
    ///
    /// # Errors
    /// [`Error::ModelManifest`] when it is no valid TOML, has unknown or missing keys, or a value that cannot be used.
    pub fn parse(text: &str, source: &str) -> Result<Self> {
        let wrong = |reason: String| Error::ModelManifest { name: source.to_owned(), reason };
        let manifest: Self =
            toml::from_str(text).map_err(|error| wrong(error.to_string().trim().replace('\n', " ")))?;
        manifest.check().map_err(wrong)?;
        Ok(manifest)
    }

    /// The sum of its files' sizes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The width of its vectors where `asked` was asked for, one of those it was trained for; all of it for `None`.
    ///
    /// # Errors
    /// [`Error::Setting`] that lists the widths there are.
    pub fn width(&self, asked: Option<usize>) -> Result<usize> {
        let whole = self.dimensions.unwrap_or_default();
        match asked {
            None => Ok(whole),
            Some(width) if width == whole || self.matryoshka.contains(&width) => Ok(width),
            Some(width) => {
                let widths: Vec<String> = self.matryoshka.iter().chain([&whole]).map(ToString::to_string).collect();
                let reason = format!("model {} gives {}", self.name, widths.join(", "));
                Err(Error::Setting { name: "embed.dimensions".into(), value: width.to_string(), reason })
            }
        }
    }

    /// Whether it reads texts in the language with this code; `None` where that is not known.
    #[must_use]
    pub fn reads(&self, code: &str) -> Option<bool> {
        let known = |language: &String| language == code || language == MULTILINGUAL;
        (!self.languages.is_empty()).then(|| self.languages.iter().any(known))
    }

    fn check(&self) -> Result<(), String> {
        if !plain(&self.name) || self.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("name `{}` is not made of a-z, 0-9, `-`, `.` and `_`", self.name));
        }
        if self.tokens_max == 0 {
            return Err("tokens_max is 0".into());
        }
        let is_code = |language: &String| language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
        if let Some(wrong) = self.languages.iter().find(|language| !is_code(language) && *language != MULTILINGUAL) {
            return Err(format!("language `{wrong}` is no code of two letters and not `{MULTILINGUAL}`"));
        }
        if self.kind == ModelKind::Embedder {
            self.check_embedder()?;
        }
        if self.folder.is_some() {
            return self.check_own();
        }
        if self.licence.is_empty() {
            return Err("there is no licence".into());
        }
        if !matches!(self.repository.split_once('/'), Some((owner, name)) if plain(owner) && plain(name)) {
            return Err(format!("repository `{}` is not `owner/name`", self.repository));
        }
        if !is_hex(&self.revision, 40) {
            return Err(format!(
                "revision `{}` is not a full commit id; a branch would change under us",
                self.revision
            ));
        }
        if self.files.is_empty() {
            return Err("there are no files".into());
        }
        for file in &self.files {
            if !is_relative(&file.path) || file.bytes == 0 || !is_hex(&file.sha256, 64) {
                return Err(format!("file `{}` needs a relative path, bytes and a sha256 in lower case", file.path));
            }
            if file.blob.as_ref().is_some_and(|blob| !is_hex(blob, 40) && !is_hex(blob, 64)) {
                return Err(format!("file `{}` has a blob that is no object id", file.path));
            }
        }
        for mirror in &self.mirrors {
            let names = mirror.names.values().all(|name| is_relative(name));
            let root = mirror.root.is_empty() || is_relative(&mirror.root);
            // The version is handed to another program, so it must not look like an option or a URL.
            let version = mirror.version.starts_with(|first: char| first.is_ascii_digit()) && plain(&mirror.version);
            if !plain(&mirror.package) || !version || !is_hex(&mirror.sha256, 64) || !root || !names {
                return Err(format!("mirror `{}` has a wrong package, version, sha256, root or name", mirror.package));
            }
        }
        Ok(())
    }
}

impl Manifest {
    fn check_embedder(&self) -> Result<(), String> {
        let dimensions = self.dimensions.unwrap_or_default();
        if self.pooling.is_none() || dimensions == 0 {
            return Err("an embedder needs pooling and dimensions".into());
        }
        let ascending = self.matryoshka.is_sorted_by(|a, b| a < b);
        if !ascending || self.matryoshka.first() == Some(&0) || self.matryoshka.last().is_some_and(|n| *n >= dimensions)
        {
            return Err(format!("matryoshka needs ascending widths between 0 and {dimensions}"));
        }
        Ok(())
    }
}

/// Whether a name can be part of a path and of a command line, and looks like nothing else there.
fn plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a path stays below the folder it is joined to, on every system.
fn is_relative(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', ':'])
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The manifests that come with the binary, in order of name.
///
/// # Errors
/// [`Error::ModelManifest`] when one is wrong, which a test rules out.
pub fn builtin() -> Result<Vec<Manifest>> {
    BUILTIN.iter().map(|(file, text)| Manifest::parse(text, file)).collect()
}

/// Every manifest: those in `extra_dir` (`*.toml`), then the built-in ones whose names are not taken by them; in order of name.
///
/// # Errors
/// [`Error::ModelManifest`] for a file that is wrong, [`Error::Io`] when the folder cannot be read.
pub fn all(extra_dir: Option<&Path>) -> Result<Vec<Manifest>> {
    let mut found = BTreeMap::new();
    for manifest in builtin()? {
        found.insert(manifest.name.clone(), manifest);
    }
    if let Some(folder) = extra_dir {
        for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
            let path = entry.map_err(Error::io("read", folder))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let manifest = Manifest::read(&path)?;
                found.insert(manifest.name.clone(), manifest);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// The manifest of model `name`; one in `extra_dir` goes before a built-in one. A name that ends with `.toml` is the path of
/// a manifest; one with a slash in it, or `.`, the folder of a model, see [`Manifest::of_folder`].
///
/// # Errors
/// [`Error::ModelUnknown`] with the known names; [`Error::ModelManifest`], [`Error::ModelFile`] and [`Error::Io`] as [`all`] and
/// [`Manifest::of_folder`].
pub fn find(name: &str, extra_dir: Option<&Path>) -> Result<Manifest> {
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "toml") {
        return Manifest::read(path);
    }
    if name.contains(std::path::is_separator) || matches!(name, "." | "..") {
        return Manifest::of_folder(path);
    }
    let mut manifests = all(extra_dir)?;
    if let Some(index) = manifests.iter().position(|manifest| manifest.name == name) {
        return Ok(manifests.swap_remove(index));
    }
    let known = manifests.iter().map(|manifest| manifest.name.as_str()).collect::<Vec<_>>().join(", ");
    Err(Error::ModelUnknown { name: name.to_owned(), known })
}

#[cfg(test)]
mod tests;

//! A folder with a model of the user's own in, its manifest out, as far as the folder's files say what is needed; opens no weights.
//!
//! The files are those of sentence-transformers: `config.json` and beside it, where they are there, `modules.json`, the
//! configuration of the pooling, the longest input and the prompts. Nothing is fetched, and no sums are known.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Manifest, ModelFile, ModelKind, Pooling, plain};
use crate::error::{Error, Result};

/// The files that every embedder has.
pub(super) const EMBEDDER_FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// Tokens of a text where neither the folder nor the network sets an end: static embeddings read any length.
const TOKENS_MAX: usize = 512;

/// Names of the width of hidden states.
const WIDTHS: [&str; 3] = ["hidden_size", "n_embd", "hidden_dim"];
/// Names of the number of positions.
const POSITIONS: [&str; 2] = ["max_position_embeddings", "n_positions"];

impl Manifest {
    /// The manifest of the model in `folder`, made of what its files say.
    ///
    /// # Errors
    /// [`Error::ModelManifest`] when a file is missing or the folder does not say how vectors are made; [`Error::ModelFile`]
    /// when a file is no JSON.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let absolute = std::path::absolute(folder).map_err(Error::io("resolve", folder))?;
        // `x/..` and links have a name of their own only once they are followed.
        let real = absolute.canonicalize().map_err(Error::io("open", folder))?;
        let wrong = |reason: String| Error::ModelManifest { name: folder.display().to_string(), reason };
        let config = read(&folder.join("config.json"))?.ok_or_else(|| {
            wrong(format!("it has no file {}, so it is no folder of a model", folder.join("config.json").display()))
        })?;
        let dimensions = number(&config, &WIDTHS)
            .ok_or_else(|| wrong("its config.json does not say how wide hidden states are".into()))?;
        let mut manifest = Self {
            name: name_of(&real),
            kind: ModelKind::Embedder,
            repository: String::new(),
            revision: String::new(),
            licence: String::new(),
            languages: Vec::new(),
            folder: None,
            tokens_max: tokens_max(folder, &config)?,
            dimensions: Some(dimensions),
            pooling: Some(pooling(folder, &config).map_err(|error| error.unwrap_or_else(|| wrong(NO_POOLING.into())))?),
            matryoshka: Vec::new(),
            center: false,
            query_prefix: String::new(),
            passage_prefix: String::new(),
            files: Vec::new(),
            mirrors: Vec::new(),
            place: Some(absolute),
        };
        if let Some(prompts) = read(&folder.join("config_sentence_transformers.json"))? {
            let prompt = |names: &[&str]| {
                let found = names.iter().find_map(|name| prompts.get("prompts")?.get(name)?.as_str());
                found.unwrap_or_default().to_owned()
            };
            manifest.query_prefix = prompt(&["query"]);
            manifest.passage_prefix = prompt(&["document", "passage"]);
        }
        manifest.take_folder(folder.to_path_buf()).map_err(wrong)?;
        manifest.check().map_err(wrong)?;
        Ok(manifest)
    }

    /// Takes the files in `folder` as they are.
    pub(super) fn take_folder(&mut self, folder: PathBuf) -> Result<(), String> {
        let mut hasher = Sha256::new();
        for name in EMBEDDER_FILES {
            let path = folder.join(name);
            let data = match std::fs::metadata(&path) {
                Ok(data) if data.is_file() => data,
                _ => return Err(format!("its folder has no file {}", path.display())),
            };
            // A time that cannot be told counts as none; the size still tells models apart.
            let modified =
                data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            hasher.update(format!("{name} {} {}\n", data.len(), modified.as_nanos()));
            self.files.push(ModelFile { path: name.into(), bytes: data.len(), sha256: String::new(), blob: None });
        }
        self.revision = hasher.finalize().iter().take(20).map(|byte| format!("{byte:02x}")).collect();
        self.folder = Some(folder);
        Ok(())
    }

    /// Checks what is special to a user's own model, as its manifest is written.
    pub(super) fn check_own(&self) -> Result<(), String> {
        if self.kind != ModelKind::Embedder {
            return Err("only an embedder can lie in a folder".into());
        }
        let is_of_hub = !self.repository.is_empty() || !self.mirrors.is_empty();
        // Both are filled in where it is read.
        let is_pinned = self.place.is_none() && (!self.revision.is_empty() || !self.files.is_empty());
        if is_of_hub || is_pinned {
            return Err("a model in a folder has no repository, revision, files or mirrors".into());
        }
        Ok(())
    }
}

/// A JSON file; `None` where there is none.
fn read(path: &Path) -> Result<Option<Value>> {
    match std::fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Error::ModelFile { path: path.to_path_buf(), reason: error.to_string() }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn number(value: &Value, names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| usize::try_from(value.get(name)?.as_u64()?).ok())
}

/// The folder's own name in the form of a model's.
fn name_of(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let fits = |letter: char| if plain(letter.encode_utf8(&mut [0; 4])) || letter == '.' { letter } else { '-' };
    let name: String = name.chars().map(fits).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "model".into() } else { name.into() }
}

/// What its training stopped at, but no more than the network has positions for.
fn tokens_max(folder: &Path, config: &Value) -> Result<usize> {
    let said = read(&folder.join("sentence_bert_config.json"))?.and_then(|own| number(&own, &["max_seq_length"]));
    let first = match config.get("model_type").and_then(Value::as_str) {
        // Their positions start behind that of the padding token.
        Some("roberta" | "xlm-roberta" | "camembert") => number(config, &["pad_token_id"]).map_or(0, |pad| pad + 1),
        _ => 0,
    };
    let positions = number(config, &POSITIONS).map(|positions| positions.saturating_sub(first));
    Ok(match (said, positions) {
        (Some(said), Some(positions)) => said.min(positions),
        (said, positions) => said.or(positions).unwrap_or(TOKENS_MAX),
    })
}

const NO_POOLING: &str = "it does not say how token vectors become one (1_Pooling/config.json); write a manifest with `folder`, \
                          `pooling`, `tokens_max` and `dimensions`, and name that";

/// How token vectors become one. No error in `Err` where the folder does not say.
fn pooling(folder: &Path, config: &Value) -> Result<Pooling, Option<Error>> {
    let path = folder.join("modules.json");
    let modules = read(&path)?;
    let kinds = modules.as_ref().and_then(Value::as_array).into_iter().flatten();
    let kinds: Vec<&str> = kinds.filter_map(|module| module.get("type")?.as_str()).collect();
    let last = |kind: &&&str| kind.rsplit('.').next().is_some_and(|kind| !KNOWN_MODULES.contains(&kind));
    if let Some(kind) = kinds.iter().find(last) {
        let reason = format!("its part `{kind}` does not run here; known are {}", KNOWN_MODULES.join(", "));
        return Err(Some(Error::ModelFile { path, reason }));
    }
    let is_static = config.get("model_type").and_then(Value::as_str).is_some_and(|kind| kind == "model2vec")
        || kinds.iter().any(|kind| kind.ends_with("StaticEmbedding"));
    if is_static {
        return Ok(Pooling::Mean);
    }
    let path = folder.join("1_Pooling").join("config.json");
    let modes = read(&path)?.ok_or(None)?;
    let named = modes.get("pooling_mode").and_then(Value::as_str);
    let is_on = |mode: &str| {
        named == Some(mode) || modes.get(format!("pooling_mode_{mode}")).and_then(Value::as_bool).unwrap_or(false)
    };
    let known = [("cls_token", Pooling::Cls), ("mean_tokens", Pooling::Mean), ("lasttoken", Pooling::Last)];
    let short = [("cls", Pooling::Cls), ("mean", Pooling::Mean)];
    let on: Vec<Pooling> = known.into_iter().chain(short).filter(|(mode, _)| is_on(mode)).map(|(_, it)| it).collect();
    if let [pooling] = on[..] {
        return Ok(pooling);
    }
    let reason = "only one of pooling by the first token, the mean and the last token runs here".into();
    Err(Some(Error::ModelFile { path, reason }))
}

/// Parts of models of sentence-transformers that are done here.
const KNOWN_MODULES: [&str; 4] = ["Transformer", "Pooling", "Normalize", "StaticEmbedding"];

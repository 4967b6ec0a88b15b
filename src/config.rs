//! Files, environment and flags in, typed settings out; each stage owns its part, this file only gathers them.
//!
//! Order: flag, then environment (`IBID_SECTION_KEY`), then the project's `ibid.toml` (in the nearest parent folder), then
//! the user's (`ibid/config.toml` in the XDG configuration folder), then the defaults.

mod check;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::ask::AskSettings;
use crate::check::CheckSettings;
use crate::chunk::ChunkSettings;
use crate::collections::{self, CollectionSettings};
use crate::error::{Error, Result};
use crate::index::IndexSettings;
use crate::inference::embedder::EmbedSettings;
use crate::inference::llm::LlmSettings;
use crate::ingest::ReadSettings;
use crate::ingest::walk::WalkSettings;
use crate::lexicon::LexiconSettings;
use crate::retrieve::RetrieveSettings;
use crate::services::OpenSettings;
use crate::store::StoreSettings;
use crate::telemetry::OtelSettings;
use crate::tools::ToolSettings;
use crate::workflow::models::BreakerSettings;
use crate::workflow::services::{ServiceSettings, Services};

/// Seconds to wait for another process where nothing else is set: longer than a search, shorter than patience.
const LOCK_WAIT_S: f64 = 3.0;

/// Every setting there is. The names are those of `ibid.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The data folder; unset means `IBID_HOME` or the XDG data folder.
    pub home: Option<PathBuf>,
    /// Whether no socket may be opened to anything but a local address.
    pub offline: bool,
    /// Seconds to wait for another process that uses the index.
    pub lock_wait_s: Option<f64>,
    /// Walking folders.
    pub walk: WalkSettings,
    /// Reading files.
    pub read: ReadSettings,
    /// Splitting documents.
    pub chunk: ChunkSettings,
    /// Embedding.
    pub embed: EmbedSettings,
    /// The index pipeline.
    pub index: IndexSettings,
    /// The vector store.
    pub store: StoreSettings,
    /// Searching.
    pub retrieve: RetrieveSettings,
    /// The words of the field.
    pub lexicon: LexiconSettings,
    /// Drafting and checking answers.
    pub ask: AskSettings,
    /// Checking claims, and what reads them beside their evidence.
    pub check: CheckSettings,
    /// The language model where nothing else is named.
    pub llm: LlmSettings,
    /// Language models by role, for workflows: `[models.cheap]`, `[models.strong]`. `local` is there without being named.
    pub models: BTreeMap<String, LlmSettings>,
    /// When a model server is left alone for a while.
    pub breaker: BreakerSettings,
    /// What tools may take.
    pub tools: ToolSettings,
    /// Where telemetry of runs goes.
    pub otel: OtelSettings,
    /// Collections by name, where they are not below the data folder.
    pub collections: BTreeMap<String, CollectionSettings>,
}

impl Settings {
    /// Gathers the settings from the user's file, the project's file above `folder`, and `environment`.
    ///
    /// # Errors
    /// [`Error::Config`] for a file that is no TOML or has unknown keys, [`Error::Setting`] for a bad environment variable
    /// and for a value out of its range.
    pub fn gather(
        folder: &Path,
        explicit: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut table = Table::new();
        let files = match explicit {
            Some(path) => vec![path.to_path_buf()],
            None => user_file().into_iter().chain(project_file(folder)).filter(|path| path.is_file()).collect(),
        };
        for path in files {
            let own = read_table(&path)?;
            // Checked file by file, so that an error names its file and line.
            merge(&mut table, own);
        }
        for (name, value) in environment {
            overlay(&mut table, &name, &value)?;
        }
        let mut settings: Self = Value::Table(table).try_into().map_err(|source| Error::Config {
            path: "the settings gathered from files and environment".into(),
            source: Box::new(source),
        })?;
        check::check(&settings)?;
        settings.index.walk = settings.walk.clone();
        settings.index.read = settings.read.clone();
        settings.index.chunk = settings.chunk.clone();
        settings.index.embed = settings.embed.clone();
        settings.retrieve.lexicon = settings.lexicon.clone();
        Ok(settings)
    }

    /// What opening the index takes.
    ///
    /// # Errors
    /// As [`Self::home`].
    pub fn opening(&self) -> Result<OpenSettings> {
        Ok(OpenSettings {
            home: self.home()?,
            lock_wait_s: self.lock_wait_s.unwrap_or(LOCK_WAIT_S),
            embed: self.embed.clone(),
            chunk: self.chunk.clone(),
            store: self.store.clone(),
        })
    }

    /// These settings with the folder of collection `name` as the data folder.
    ///
    /// # Errors
    /// As [`Self::home`], and [`Error::Usage`] for a name that cannot be one.
    pub fn in_collection(mut self, name: &str) -> Result<Self> {
        self.home = Some(collections::home(&self.home()?, name, &self.collections)?);
        Ok(self)
    }

    /// What the steps of workflows use; nothing is opened yet.
    ///
    /// # Errors
    /// As [`Self::home`].
    pub fn services(&self) -> Result<Services> {
        Ok(Services::new(self.service_settings()?))
    }

    /// The settings of [`Self::services`].
    ///
    /// # Errors
    /// As [`Self::home`].
    pub fn service_settings(&self) -> Result<ServiceSettings> {
        Ok(ServiceSettings {
            opening: self.opening()?,
            retrieve: self.retrieve.clone(),
            collections: self.collections.clone(),
            walk: self.walk.clone(),
            read: self.read.clone(),
            ask: self.ask.clone(),
            check: self.check.clone(),
            llm: self.llm.clone(),
            models: self.models.clone(),
            breaker: self.breaker,
            tools: self.tools.clone(),
            offline: self.offline,
            explain: false,
        })
    }

    /// The data folder.
    ///
    /// # Errors
    /// [`Error::Usage`] when the system has no home folder and none is set.
    pub fn home(&self) -> Result<PathBuf> {
        use etcetera::BaseStrategy;
        if let Some(home) = &self.home {
            return std::path::absolute(home).map_err(Error::io("resolve", home));
        }
        etcetera::choose_base_strategy().map(|strategy| strategy.data_dir().join("ibid")).map_err(|_| {
            Error::usage("there is no home folder to keep the index in; name one with --home or IBID_HOME")
        })
    }
}

fn user_file() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir().join("ibid").join("config.toml"))
}

fn project_file(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join("ibid.toml")).find(|path| path.is_file())
}

fn read_table(path: &Path) -> Result<Table> {
    let wrong = |source: toml::de::Error| Error::Config { path: path.to_path_buf(), source: Box::new(source) };
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    // Parsed as settings too, so that a wrong key is reported with its line in this file.
    toml::from_str::<Settings>(&text).map_err(wrong)?;
    toml::from_str(&text).map_err(wrong)
}

fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Sections whose keys the environment can set.
const SECTIONS: [&str; 14] = [
    "lexicon", "walk", "read", "chunk", "embed", "index", "store", "retrieve", "ask", "check", "llm", "breaker",
    "tools", "otel",
];

/// Lays `IBID_HOME`, `IBID_OFFLINE` or `IBID_SECTION_KEY` over the table; other names are not ours.
fn overlay(table: &mut Table, name: &str, value: &str) -> Result<()> {
    let Some(rest) = name.strip_prefix("IBID_") else { return Ok(()) };
    let rest = rest.to_ascii_lowercase();
    match rest.as_str() {
        "home" => {
            table.insert("home".into(), Value::String(value.into()));
        }
        "offline" => {
            let on = match value.trim().to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => true,
                "" | "0" | "false" | "no" | "off" => false,
                _ => {
                    return Err(Error::Setting {
                        name: name.into(),
                        value: value.into(),
                        reason: "it is 1 or 0".into(),
                    });
                }
            };
            table.insert("offline".into(), Value::Boolean(on));
        }
        _ => {
            let Some((section, key)) = rest.split_once('_').filter(|(section, _)| SECTIONS.contains(section)) else {
                return Ok(());
            };
            // A value is TOML where it reads as such (numbers, booleans), else a string.
            let typed = toml::from_str::<Table>(&format!("v = {value}")).ok().and_then(|mut table| table.remove("v"));
            let typed = typed.unwrap_or_else(|| Value::String(value.into()));
            let alone =
                Table::from_iter([(section.into(), Value::Table(Table::from_iter([(key.into(), typed.clone())])))]);
            // Tried alone, so that an error names the variable.
            if let Err(error) = Value::Table(alone).try_into::<Settings>() {
                let reason = error.message().to_string();
                return Err(Error::Setting { name: name.into(), value: value.into(), reason });
            }
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.into(), typed);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn the_environment_beats_the_project_and_the_nearest_project_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(
            folder.path().join("ibid.toml"),
            "offline = true\n[chunk]\ntokens_max = 100\noverlap_tokens = 9\n",
        )
        .unwrap();
        let settings =
            Settings::gather(&deep, None, environment(&[("IBID_CHUNK_TOKENS_MAX", "50"), ("OTHER", "x")])).unwrap();
        assert_eq!((settings.chunk.tokens_max, settings.chunk.overlap_tokens), (50, 9));
        assert_eq!(settings.index.chunk, settings.chunk);
        assert!(settings.offline);
    }

    #[test]
    fn models_have_roles_and_collections_have_folders() {
        let folder = tempfile::tempdir().unwrap();
        let text = "home = '/data'\n[models.strong]\nurl = 'http://127.0.0.1:1/v1'\nmodel = 'm'\nusd_per_million_input = 2.5\n\
                    [collections.contracts]\nhome = '/contracts'\n[breaker]\nfailures_max = 2\n";
        std::fs::write(folder.path().join("ibid.toml"), text).unwrap();
        let settings = Settings::gather(folder.path(), None, []).unwrap();
        assert!((settings.models["strong"].usd_per_million_input - 2.5).abs() < 1e-12);
        assert_eq!(settings.breaker.failures_max, 2);
        assert_eq!(settings.clone().in_collection("contracts").unwrap().home().unwrap(), Path::new("/contracts"));
        assert_eq!(settings.in_collection("x").unwrap().home().unwrap(), Path::new("/data/collections/x"));
        std::fs::write(folder.path().join("ibid.toml"), "[models.strong]\nmodle = 'm'\n").unwrap();
        assert!(Settings::gather(folder.path(), None, []).is_err());
    }

    #[test]
    fn a_wrong_key_is_reported_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ibid.toml");
        std::fs::write(&file, "[chunk]\ntoken_max = 100\n").unwrap();
        let error = Settings::gather(folder.path(), None, []).unwrap_err();
        assert!(error.to_string().contains("ibid.toml"), "{error}");
        std::fs::remove_file(&file).unwrap();
        let error =
            Settings::gather(folder.path(), None, environment(&[("IBID_CHUNK_TOKENS_MAX", "abc")])).unwrap_err();
        assert!(error.to_string().contains("IBID_CHUNK_TOKENS_MAX"), "{error}");
        let error = Settings::gather(folder.path(), None, environment(&[("IBID_OFFLINE", "maybe")])).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}

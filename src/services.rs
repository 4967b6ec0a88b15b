//! Settings in, opened parts out: the embedder, the index with its lock, its identity checked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chunk::ChunkSettings;
use crate::data_folder::{database_path, store_path};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::failpoint::failpoint;
use crate::generation;
use crate::inference::cache;
use crate::inference::embedder::{EmbedSettings, Embedder};
use crate::inference::manifest::{self, Manifest};
use crate::inference::precision::{Computed, Precision};
use crate::late_interaction;
use crate::store::{EdgeStore, IndexLock, StoreSettings};

/// What opening an index and its model takes.
#[derive(Debug, Clone)]
pub struct OpenSettings {
    /// The data folder.
    pub home: PathBuf,
    /// Seconds to wait for another process that uses the index.
    pub lock_wait_s: f64,
    /// The model and where it computes.
    pub embed: EmbedSettings,
    /// How documents are split.
    pub chunk: ChunkSettings,
    /// How chunks are stored.
    pub store: StoreSettings,
}

/// Version of how context is put before a chunk; another one gives other vectors.
const CONTEXT_VERSION: u32 = 2;

/// All that decides what a chunk's vectors are. Two runs with different identities must not share an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Name of the embedder's manifest.
    pub model: String,
    /// Its revision.
    pub revision: String,
    /// Where a model of the user's own lies: its manifest or its folder. Wherever it is moved, it stays the same model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_place: Option<PathBuf>,
    /// Width of its vectors.
    pub dimensions: usize,
    /// How documents were split.
    pub chunk: ChunkSettings,
    /// How words were weighted.
    pub store: StoreSettings,
    /// How context was put before chunks.
    pub context_version: u32,
    /// How token vectors were packed.
    pub codes_version: u32,
    /// What the vectors were computed in. Those of another precision are close enough to search with, not to be mixed with.
    #[serde(default)]
    pub precision: Computed,
}

impl Identity {
    /// The identity that these settings and this model give, with vectors computed in `precision`.
    ///
    /// # Errors
    /// [`Error::Setting`] when the model has no vectors of the width that the settings ask for.
    pub fn of(settings: &OpenSettings, manifest: &Manifest, precision: Computed) -> Result<Self> {
        Ok(Self {
            model: manifest.name.clone(),
            revision: manifest.revision.clone(),
            model_place: manifest.place.clone(),
            dimensions: manifest.width(settings.embed.dimensions)?,
            chunk: settings.chunk.clone(),
            store: settings.store.clone(),
            context_version: CONTEXT_VERSION,
            codes_version: late_interaction::VERSION,
            precision,
        })
    }

    /// One line of JSON, the same for the same identity.
    ///
    /// # Panics
    /// Never: an identity is plain data.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("an identity is plain data")
    }

    /// The first difference to `other`, as a person would say it: (this, other).
    fn difference(&self, other: &Self) -> Option<(String, String)> {
        let model = |identity: &Self| format!("the model {} ({})", identity.model, short(&identity.revision));
        if (&self.model, &self.revision) != (&other.model, &other.revision) {
            return Some((model(self), model(other)));
        }
        if self.dimensions != other.dimensions {
            return Some((format!("vectors of {} dimensions", self.dimensions), other.dimensions.to_string()));
        }
        if self.chunk != other.chunk {
            return Some((format!("chunk settings {:?}", self.chunk), format!("{:?}", other.chunk)));
        }
        if (self.context_version, self.codes_version) != (other.context_version, other.codes_version) {
            return Some(("an earlier version of ibid".into(), "this one".into()));
        }
        if self.precision != other.precision {
            return Some((format!("vectors in {}", self.precision.name()), other.precision.name().into()));
        }
        let words = |store: &StoreSettings| {
            format!(
                "BM25 k1 {}, b {}, {} words, {}",
                store.bm25_k1, store.bm25_b, store.bm25_average_words, store.language
            )
        };
        let (own, others) = (words(&self.store), words(&other.store));
        (own != others).then_some((own, others))
    }
}

fn short(revision: &str) -> &str {
    revision.get(..8).unwrap_or(revision)
}

/// An opened index; the lock is held until it is dropped.
#[derive(Debug)]
pub struct Index {
    /// The vector store.
    pub store: EdgeStore,
    /// Manifest and runs.
    pub database: Database,
    /// What the index was made with.
    pub identity: Identity,
    /// The data folder, in which the record of runs is too.
    pub home: PathBuf,
    /// The folder of this index in it.
    pub place: PathBuf,
    /// The index whose place this one takes once it is whole.
    pub replaces: Option<Replaced>,
    lock: IndexLock,
}

/// A served index that another is made beside.
#[derive(Debug, Clone)]
pub struct Replaced {
    /// What it was made with and the new one is, in words, where that differs.
    pub difference: Option<(String, String)>,
    /// The files on disk that it knows.
    pub files: Vec<String>,
}

/// What to do where there is no index, or one that was made otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Both are errors.
    Existing,
    /// Make one; beside one that was made otherwise.
    OrCreate,
    /// Make one beside what is there, whatever that is.
    Rebuild,
}

/// Finds, checks and opens the embedder that the settings name.
///
/// # Errors
/// [`Error::ModelUnknown`], [`Error::ModelMissing`] or [`Error::ModelDamaged`], or what opening it reports.
pub fn open_embedder(settings: &EmbedSettings) -> Result<Embedder> {
    let manifest = manifest::find(&settings.model, None)?;
    let files = cache::open(&manifest)?;
    Embedder::open(manifest, &files, settings.clone())
}

/// Opens the embedder and the index that its vectors are to be added to. Where the settings leave the precision open, an
/// index that is there keeps its own.
///
/// # Errors
/// As [`open_embedder`] and [`Index::open`].
pub fn open_to_write(settings: &OpenSettings, opening: Opening) -> Result<(Embedder, Index)> {
    let embedder = open_embedder(&settings.embed)?;
    let computed = embedder.engine().precision;
    let wanted = Wanted { computed, only: settings.embed.precision != Precision::Auto };
    let index = Index::open_in(settings, embedder.manifest(), opening, wanted)?;
    if index.replaces.is_none() {
        remove_unserved(&settings.home)?;
    }
    if index.identity.precision == computed {
        return Ok((embedder, index));
    }
    let embed = EmbedSettings { precision: index.identity.precision.into(), ..settings.embed.clone() };
    Ok((open_embedder(&embed)?, index))
}

/// The precision that an index is to be of.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// That of a new one.
    computed: Computed,
    /// Whether one of another is refused.
    only: bool,
}

impl Index {
    /// Ends the use of an index that was only read, in a process that is about to end: see [`EdgeStore::leave`]. The lock goes with the
    /// process, as the engine's own do.
    pub fn leave(self) {
        self.store.leave();
        std::mem::forget(self.lock);
    }

    /// Opens the index in the data folder of `settings` for `manifest`'s vectors; one made now is of f32.
    ///
    /// # Errors
    /// [`Error::IndexMissing`], [`Error::IndexLocked`], [`Error::IndexMismatch`] or [`Error::IndexDamaged`] by what is found.
    pub fn open(settings: &OpenSettings, manifest: &Manifest, opening: Opening) -> Result<Self> {
        Self::open_in(settings, manifest, opening, Wanted { computed: Computed::F32, only: false })
    }

    fn open_in(settings: &OpenSettings, manifest: &Manifest, opening: Opening, wanted: Wanted) -> Result<Self> {
        let home = settings.home.clone();
        let asked = Identity::of(settings, manifest, wanted.computed)?;
        let is_there = |place: &Path| database_path(place).exists() || store_path(place).exists();
        match generation::served(&home) {
            Ok(place) if is_there(&place) => {}
            // A rebuild mends it.
            Err(Error::IndexDamaged { .. }) if opening == Opening::Rebuild => {}
            Ok(_) if opening == Opening::Existing => return Err(Error::IndexMissing { path: home }),
            Ok(_) => std::fs::create_dir_all(&home).map_err(Error::io("create the data folder", &home))?,
            Err(error) => return Err(error),
        }
        let wait = Duration::from_secs_f64(settings.lock_wait_s.clamp(0.0, 86_400.0));
        if opening == Opening::Rebuild {
            let served = generation::served(&home).ok();
            if served.as_deref().is_some_and(|place| !is_there(place)) {
                // There is nothing to take the place of.
                return Self::open_in(settings, manifest, Opening::OrCreate, wanted);
            }
            return Self::open_beside(settings, &asked, served.as_deref(), None, wait);
        }
        let (place, lock) = generation::lock_served(&home, wait)?;
        match Self::open_at(place.clone(), lock, settings, &asked, opening, wanted) {
            Err(Error::IndexMismatch { made_with, asked: words, .. }) if opening == Opening::OrCreate => {
                Self::open_beside(settings, &asked, Some(&place), Some((made_with, words)), wait)
            }
            opened => opened,
        }
    }

    /// Opens the index that takes the place of the one in `served` once it is whole: a new one, or what an interrupted run has made of it.
    fn open_beside(
        settings: &OpenSettings,
        asked: &Identity,
        served: Option<&Path>,
        difference: Option<(String, String)>,
        wait: Duration,
    ) -> Result<Self> {
        let place = generation::beside(&settings.home, &asked.line(), served);
        std::fs::create_dir_all(&place).map_err(Error::io("create the folder", &place))?;
        let lock = IndexLock::take(&place, wait)?;
        // Where it cannot be read, only the paths that were given are known.
        let known = served.and_then(|served| Database::open(&database_path(served)).and_then(|old| old.files()).ok());
        let on_disk = known.unwrap_or_default().into_values().filter(|file| file.container.is_empty());
        let files = on_disk.map(|file| file.path).collect();
        let wanted = Wanted { computed: asked.precision, only: true };
        let mut index = match Self::open_at(place.clone(), lock, settings, asked, Opening::OrCreate, wanted) {
            Err(Error::IndexDamaged { .. }) => {
                // What an interrupted run made of it is of no use, and served to nobody.
                let lock = IndexLock::take(&place, wait)?;
                clear(&place)?;
                Self::open_at(place, lock, settings, asked, Opening::OrCreate, wanted)?
            }
            opened => opened?,
        };
        index.replaces = Some(Replaced { difference, files });
        Ok(index)
    }

    fn open_at(
        place: PathBuf,
        lock: IndexLock,
        settings: &OpenSettings,
        asked: &Identity,
        opening: Opening,
        wanted: Wanted,
    ) -> Result<Self> {
        let home = settings.home.clone();
        let manifest_bytes = std::fs::metadata(database_path(&place)).map_or(0, |metadata| metadata.len());
        if manifest_bytes == 0 && store_path(&place).join("segments").exists() {
            let reason = "its manifest ibid.db is gone, although its vectors are there".into();
            return Err(Error::IndexDamaged { path: home, reason, source: None });
        }
        let database = Database::open(&database_path(&place))?;
        let identity = match database.meta("identity")? {
            Some(line) => check_identity(&home, &line, asked, opening, wanted)?,
            None if opening == Opening::Existing => return Err(Error::IndexMissing { path: home }),
            None => {
                database.set_meta("identity", &asked.line())?;
                failpoint("begun-identity-noted");
                asked.clone()
            }
        };
        let stored = store_path(&place);
        // Those of files that are not wholly stored count as well: the next run takes them up.
        let chunks = database.chunk_count()? + database.kept()?.len() as u64;
        if chunks == 0 && opening != Opening::Existing && stored.exists() {
            // Nothing counts yet: what lies there is half made, or belongs to a manifest that is gone.
            std::fs::remove_dir_all(&stored).map_err(Error::io("remove", &stored))?;
        }
        // A run that ended while it made the index left nothing to search.
        let is_barely_begun = opening == Opening::Existing && chunks == 0;
        match stored.exists() {
            false if is_barely_begun => return Err(Error::IndexMissing { path: home }),
            false if chunks > 0 => {
                let reason = "its vector store is gone".into();
                return Err(Error::IndexDamaged { path: home, reason, source: None });
            }
            _ => {}
        }
        let StoreSettings { search_effort, scan_kilobytes_max, .. } = settings.store;
        let settings = StoreSettings { search_effort, scan_kilobytes_max, ..identity.store.clone() };
        let store = match EdgeStore::open(&stored, identity.dimensions, settings) {
            Err(Error::IndexDamaged { .. }) if is_barely_begun => return Err(Error::IndexMissing { path: home }),
            opened => opened?,
        };
        if chunks == 0 {
            failpoint("begun-store-made");
        }
        // Chunks are flushed before they are named, so a store with fewer has lost some.
        let points = store.info()?.points as u64;
        if points < chunks {
            let reason = format!("{chunks} chunks are named, its vector store holds {points}");
            return Err(Error::IndexDamaged { path: home, reason, source: None });
        }
        Ok(Self { store, database, identity, home, place, replaces: None, lock })
    }

    /// Checks this index, makes it the served one, and removes the one whose place it takes. Searches of that one are waited for.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the check finds something: then the old one is still served; [`Error::IndexLocked`] when a search of the
    /// old one does not end.
    pub fn take_over(&mut self) -> Result<()> {
        if self.replaces.is_none() {
            return Ok(());
        }
        if let Some(reason) = self.database.check()? {
            return Err(Error::IndexDamaged { path: self.place.clone(), reason, source: None });
        }
        self.store.check()?;
        failpoint("generation-complete");
        let old = generation::served(&self.home).ok();
        let lock = old.as_deref().map(|old| IndexLock::take(old, TAKE_OVER_WAIT)).transpose()?;
        generation::serve(&self.home, &self.place)?;
        // Whoever takes it from now on sees that another is served.
        drop(lock);
        failpoint("generation-served");
        self.replaces = None;
        remove_unserved(&self.home)?;
        failpoint("old-generation-removed");
        Ok(())
    }

    /// Gives up an index that would have taken the place of another and holds nothing yet.
    ///
    /// # Errors
    /// [`Error::Io`] when its folder cannot be removed.
    pub fn give_up(self) -> Result<()> {
        let is_new = self.replaces.is_some() && self.database.chunk_count()? == 0 && self.database.kept()?.is_empty();
        let place = self.place.clone();
        drop(self);
        if is_new { std::fs::remove_dir_all(&place).map_err(Error::io("remove", &place)) } else { Ok(()) }
    }
}

/// How long searches of an index may go on that another takes the place of.
const TAKE_OVER_WAIT: Duration = Duration::from_mins(5);

/// Removes what is left of indexes that are not served.
fn remove_unserved(home: &Path) -> Result<()> {
    if generation::served(home)? != home && store_path(home).exists() {
        clear(home)?;
    }
    generation::remove_unserved(home)
}

/// These settings with the model that the index was made with, where there is one.
///
/// # Errors
/// What opening the database reports.
pub fn as_served(settings: &OpenSettings) -> Result<OpenSettings> {
    let mut settings = settings.clone();
    let database = database_path(&generation::served(&settings.home)?);
    if database.exists()
        && let Some(line) = Database::open(&database)?.meta("identity")?
        && let Ok(identity) = serde_json::from_str::<Identity>(&line)
    {
        // A model of the user's own may have been moved since, and the settings know where to.
        let is_named = manifest::find(&settings.embed.model, None).is_ok_and(|named| named.name == identity.model);
        if !is_named {
            let place = identity.model_place.map(|place| place.to_string_lossy().into_owned());
            settings.embed.model = place.unwrap_or(identity.model);
        }
        settings.embed.dimensions = Some(identity.dimensions);
    }
    Ok(settings)
}

/// A search takes the index as it was made, as long as the model is the same; writing must agree in everything, but for a
/// precision that was left open.
fn check_identity(home: &Path, line: &str, asked: &Identity, opening: Opening, wanted: Wanted) -> Result<Identity> {
    let stored: Identity = serde_json::from_str(line).map_err(|source| Error::IndexDamaged {
        path: home.to_path_buf(),
        reason: "what it was made with cannot be read".into(),
        source: Some(source.into()),
    })?;
    let mut asked = asked.clone();
    if opening == Opening::Existing {
        asked.chunk = stored.chunk.clone();
        asked.store = stored.store.clone();
    }
    if opening == Opening::Existing || !wanted.only {
        asked.precision = stored.precision;
    }
    match stored.difference(&asked) {
        Some((made_with, asked)) => Err(Error::IndexMismatch { path: home.to_path_buf(), made_with, asked }),
        None => Ok(stored),
    }
}

/// Removes the index but neither the lock nor the record of runs; the runs live in the database, so its tables are emptied.
fn clear(home: &Path) -> Result<()> {
    let database = database_path(home);
    let emptied = Database::open(&database).and_then(|mut database| database.forget_documents());
    let emptied = match emptied {
        // A database that cannot be read cannot be emptied: then the runs are lost with it.
        Err(Error::IndexDamaged { .. }) => ["", "-wal", "-shm"].iter().try_for_each(|suffix| {
            let path = PathBuf::from(format!("{}{suffix}", database.display()));
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(source)),
                _ => Ok(()),
            }
        }),
        other => other,
    };
    emptied?;
    // Last: as long as it is there, the next run clears up again.
    let stored = store_path(home);
    if stored.exists() {
        std::fs::remove_dir_all(&stored).map_err(Error::io("remove", &stored))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        let settings = OpenSettings {
            home: PathBuf::from("/nowhere"),
            lock_wait_s: 0.0,
            embed: EmbedSettings::default(),
            chunk: ChunkSettings::default(),
            store: StoreSettings::default(),
        };
        Identity::of(&settings, &manifest::find("all-minilm-l6-v2", None).unwrap(), Computed::F32).unwrap()
    }

    #[test]
    fn another_model_or_another_split_is_told_in_words() {
        let made = identity();
        assert_eq!(made.difference(&made), None);
        let mut asked = identity();
        asked.chunk.tokens_max = 7;
        assert!(made.difference(&asked).unwrap().1.contains("tokens_max: 7"));
        asked.dimensions = 128;
        assert_eq!(made.difference(&asked).unwrap(), ("vectors of 384 dimensions".into(), "128".into()));
        asked.model = "other".into();
        assert!(made.difference(&asked).unwrap().1.contains("the model other"));
    }

    #[test]
    fn a_search_accepts_an_index_that_was_split_otherwise() {
        let made = identity();
        let mut asked = identity();
        asked.chunk.tokens_max = 7;
        let home = Path::new("/nowhere");
        let wanted = Wanted { computed: Computed::F32, only: true };
        assert!(check_identity(home, &made.line(), &asked, Opening::Existing, wanted).is_ok());
        assert!(matches!(
            check_identity(home, &made.line(), &asked, Opening::OrCreate, wanted),
            Err(Error::IndexMismatch { .. })
        ));
        assert_eq!(check_identity(home, "{", &asked, Opening::Existing, wanted).unwrap_err().exit_code(), 6);
    }

    #[test]
    fn passages_of_two_precisions_are_not_mixed_but_searched_with_either() {
        let made = identity();
        let asked = Identity { precision: Computed::Bf16, ..identity() };
        let home = Path::new("/nowhere");
        let check = |opening, only| {
            let wanted = Wanted { computed: Computed::Bf16, only };
            check_identity(home, &made.line(), &asked, opening, wanted)
        };
        assert!(check(Opening::Existing, true).is_ok());
        let error = check(Opening::OrCreate, true).unwrap_err().to_string();
        assert!(error.contains("f32") && error.contains("bf16"), "{error}");
        assert_eq!(check(Opening::OrCreate, false).unwrap().precision, Computed::F32, "one left open keeps its own");
        let earlier = made.line().replace(",\"precision\":\"f32\"", "");
        assert_ne!(earlier, made.line());
        assert_eq!(serde_json::from_str::<Identity>(&earlier).unwrap(), made, "an index that does not say is of f32");
    }
}

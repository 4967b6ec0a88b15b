//! Names of collections in, opened indexes out, each opened when it is first searched; knows no workflow.
//!
//! A collection is an index in a folder of its own. The one called `default` is the data folder itself; another one lies in
//! `collections/NAME` below it, unless the settings name its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data_folder::{COLLECTIONS, database_path};
use crate::error::{Error, Result};
use crate::inference::embedder::Embedder;
use crate::retrieve::{RetrieveSettings, Searcher};
use crate::services::{OpenSettings, open_embedder};

/// The name of the collection in the data folder itself.
pub const DEFAULT: &str = "default";
/// Characters of a name.
const NAME_CHARS_MAX: usize = 64;

/// One collection in the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectionSettings {
    /// The folder of its index; `collections/NAME` below the data folder when left out.
    pub home: Option<PathBuf>,
}

/// An opened collection.
#[derive(Debug)]
struct Opened {
    searcher: Searcher,
    generation: Option<String>,
}

/// Collections by name. Searches of one collection take turns; different collections are searched side by side.
#[derive(Debug)]
pub struct Collections {
    opening: OpenSettings,
    retrieve: RetrieveSettings,
    named: BTreeMap<String, CollectionSettings>,
    /// The one model of all of them.
    embedder: Mutex<Option<Arc<Embedder>>>,
    opened: Mutex<BTreeMap<String, Arc<Mutex<Option<Opened>>>>>,
}

impl Collections {
    /// Collections below the data folder of `opening`; opens nothing yet.
    #[must_use]
    pub fn new(opening: OpenSettings, retrieve: RetrieveSettings, named: BTreeMap<String, CollectionSettings>) -> Self {
        Self { opening, retrieve, named, embedder: Mutex::default(), opened: Mutex::default() }
    }

    /// The folder of a collection's index.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that could lead out of the data folder.
    pub fn home(&self, name: &str) -> Result<PathBuf> {
        home(&self.opening.home, name, &self.named)
    }

    /// The collections that have an index, and those that the settings name, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.named.keys().cloned().collect();
        if database_path(&self.opening.home).exists() {
            names.insert(DEFAULT.into());
        }
        for entry in std::fs::read_dir(self.opening.home.join(COLLECTIONS)).into_iter().flatten().flatten() {
            if database_path(&entry.path()).exists() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.into_iter().collect()
    }

    /// Runs `work` on a collection, which is opened if it is not.
    ///
    /// # Errors
    /// What opening it reports; what `work` reports.
    pub fn with<T>(&self, name: &str, work: impl FnOnce(&Searcher) -> Result<T>) -> Result<T> {
        self.opened(name, |opened| work(&opened.searcher))
    }

    /// The model, which is opened if it is not.
    ///
    /// # Errors
    /// What opening it reports.
    pub fn embedder(&self) -> Result<Arc<Embedder>> {
        let mut slot = self.embedder.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(embedder) => Ok(Arc::clone(embedder)),
            None => Ok(Arc::clone(slot.insert(Arc::new(open_embedder(&self.opening.embed)?)))),
        }
    }

    /// Opens an index with the one model, which is opened beside the first of them.
    fn open(&self, opening: &OpenSettings) -> Result<Searcher> {
        let mut slot = self.embedder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(embedder) = &*slot {
            let embedder = Arc::clone(embedder);
            drop(slot);
            return match Searcher::open_with(embedder, opening, &self.retrieve) {
                // It was made with another model.
                Err(Error::IndexMismatch { .. }) => Searcher::open(opening, &self.retrieve),
                opened => opened,
            };
        }
        let searcher = Searcher::open(opening, &self.retrieve)?;
        *slot = Some(Arc::clone(searcher.embedder()));
        Ok(searcher)
    }

    /// Ends the use of all collections in a process that is about to end: see [`Searcher::leave`].
    pub fn leave(&self) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in std::mem::take(&mut *opened).into_values() {
            // One that a thread still searches ends with the process.
            if let Some(Opened { searcher, .. }) = slot.try_lock().ok().and_then(|mut slot| slot.take()) {
                searcher.leave();
            }
        }
    }

    /// A text that is another one whenever the collection holds something else; for keys of caches.
    ///
    /// # Errors
    /// What opening it or its database reports.
    pub fn generation(&self, name: &str) -> Result<String> {
        self.opened(name, |opened| {
            if let Some(generation) = &opened.generation {
                return Ok(generation.clone());
            }
            let mut hash = Sha256::new();
            for (path, file) in opened.searcher.database().files()? {
                hash.update(format!("{path}\0{}\0{}\0", file.sha256, file.status.name()));
            }
            if let Some(identity) = opened.searcher.database().meta("identity")? {
                hash.update(identity);
            }
            let generation: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            // It stays as it is while its lock is held here.
            Ok(opened.generation.insert(generation).clone())
        })
    }

    fn opened<T>(&self, name: &str, work: impl FnOnce(&mut Opened) -> Result<T>) -> Result<T> {
        let home = self.home(name)?;
        let slot = {
            let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(opened.entry(name.to_string()).or_default())
        };
        // A search that panicked has changed nothing.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match &mut *slot {
            Some(opened) => opened,
            empty => {
                let opening = OpenSettings { home, ..self.opening.clone() };
                let searcher = self.open(&opening)?;
                empty.insert(Opened { searcher, generation: None })
            }
        };
        work(opened)
    }
}

/// The databases whose records of runs may quote documents of the index in the data folder `home`: its own, and for a collection below
/// another data folder that one's.
#[must_use]
pub fn record_databases(home: &Path) -> Vec<PathBuf> {
    let outer = home.parent().filter(|folder| folder.ends_with(COLLECTIONS)).and_then(Path::parent);
    std::iter::once(home).chain(outer).map(database_path).collect()
}

/// The folder of collection `name` for a program whose data folder is `root`.
///
/// # Errors
/// [`Error::Usage`] for a name that could lead out of it.
pub fn home(root: &Path, name: &str, named: &BTreeMap<String, CollectionSettings>) -> Result<PathBuf> {
    if let Some(home) = named.get(name).and_then(|settings| settings.home.clone()) {
        return std::path::absolute(&home).map_err(Error::io("resolve", &home));
    }
    if root.as_os_str().is_empty() {
        return Err(Error::usage(format!("there is no data folder to find the collection `{name}` in")));
    }
    if name == DEFAULT {
        return Ok(root.to_path_buf());
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let is_name = !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(allowed);
    if !is_name {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        return Err(Error::usage(format!(
            "a collection cannot be called `{}`; a name has lower-case letters, digits, - and _, at most {NAME_CHARS_MAX}",
            name.escape_debug()
        )));
    }
    Ok(root.join(COLLECTIONS).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_folder_and_never_out_of_the_data_folder() {
        let root = Path::new("/data");
        let named = BTreeMap::from([("far".to_string(), CollectionSettings { home: Some("/else/where".into()) })]);
        assert_eq!(home(root, DEFAULT, &named).unwrap(), Path::new("/data"));
        assert_eq!(home(root, "contracts-2024", &named).unwrap(), Path::new("/data/collections/contracts-2024"));
        assert_eq!(home(root, "far", &named).unwrap(), Path::new("/else/where"));
        for name in ["", ".", "..", "a/b", "../x", "A", "a\0b", &"x".repeat(65)] {
            assert!(matches!(home(root, name, &named), Err(Error::Usage { .. })), "{name:?}");
        }
    }

    #[test]
    fn a_collection_that_is_not_there_says_how_to_make_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            crate::config::Settings { home: Some(folder.path().into()), ..crate::config::Settings::default() };
        let collections = Collections::new(settings.opening().unwrap(), RetrieveSettings::default(), BTreeMap::new());
        assert_eq!(collections.names(), Vec::<String>::new());
        let error = collections.with("absent", |_| Ok(())).unwrap_err();
        assert!(matches!(error, Error::IndexMissing { .. }), "{error}");
    }
}

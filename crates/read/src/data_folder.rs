//! Where everything of an index lies in its data folder; a path in, whether it is one of these out. Opens no file.

use std::path::{Path, PathBuf};

/// The manifest, the texts and the record of runs; its journals begin with the same name.
const DATABASE: &str = "ibid.db";
/// The vector store.
const VECTORS: &str = "vectors";
/// Held while a process uses the index.
const LOCK: &str = "lock";
/// Held by workflow runs that are under way.
const LEASES: &str = "leases";
/// Names the generation that is served.
const GENERATION: &str = "generation";
/// The folder of all generations but the first.
const GENERATIONS: &str = "generations";
/// The folder of the collections.
pub const COLLECTIONS: &str = "collections";

/// The database's file in a data folder.
#[must_use]
pub fn database_path(home: &Path) -> PathBuf {
    home.join(DATABASE)
}

/// The vector store's folder in a data folder.
#[must_use]
pub fn store_path(home: &Path) -> PathBuf {
    home.join(VECTORS)
}

/// The lock's file in a data folder.
#[must_use]
pub fn lock_path(home: &Path) -> PathBuf {
    home.join(LOCK)
}

/// The folder of the leases in a data folder.
#[must_use]
pub fn leases_path(home: &Path) -> PathBuf {
    home.join(LEASES)
}

/// The file in a data folder that names the generation that is served.
#[must_use]
pub fn generation_path(home: &Path) -> PathBuf {
    home.join(GENERATION)
}

/// The folder in a data folder of all generations but the first.
#[must_use]
pub fn generations_path(home: &Path) -> PathBuf {
    home.join(GENERATIONS)
}

/// Whether `path` is, or lies in, what an index keeps. Documents may lie in a data folder too: only the index's own names beside its
/// database count.
#[must_use]
pub fn is_of_an_index(path: &Path) -> bool {
    path.ancestors().any(is_own)
}

/// Whether `path` itself is one of the files or folders of an index.
#[must_use]
pub fn is_own(path: &Path) -> bool {
    let (Some(home), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return false;
    };
    let is_named = [VECTORS, LOCK, LEASES, GENERATION, GENERATIONS, COLLECTIONS].contains(&name)
        || name.starts_with(DATABASE)
        || name.strip_prefix(GENERATION) == Some(".new");
    is_named && (database_path(home).is_file() || generations_path(home).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_index_keeps_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let all = [
            "ibid.db-wal",
            "vectors/segments/x",
            "lock",
            "leases/1",
            "generations/a/ibid.db",
            "collections/legal/ibid.db",
        ];
        assert!(!all.iter().any(|name| is_of_an_index(&home.join(name))), "without a database these are documents");
        std::fs::write(database_path(home), "").unwrap();
        for name in all {
            assert!(is_of_an_index(&home.join(name)), "{name}");
        }
        for name in ["notes.md", "vectors.md", "generation.txt", "deeper/lock", "lock.txt"] {
            assert!(!is_of_an_index(&home.join(name)), "{name}");
        }
    }
}

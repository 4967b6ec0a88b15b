//! A home of its own for each test, and the binary to run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The project's folder.
pub(crate) fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Third-party data for measurements, where it is at hand; says so where it is not.
pub(crate) fn test_data(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("IBID_TEST_DATA").map_or_else(|| project().join("../shared/data"), PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not here (set IBID_TEST_DATA)", path.display());
    None
}

/// A data folder that is gone when the test ends.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self { folder };
        // Tests share homes and run side by side: each waits its turn.
        home.set("lock_wait_s = 300.0\n");
        home
    }

    /// Makes this its settings file.
    pub(crate) fn set(&self, settings: &str) {
        write(self.folder.path(), "config/ibid/config.toml", settings.as_bytes());
    }

    /// The binary with this home, and nothing of the user's own settings.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ibid"));
        command
            .env("IBID_HOME", self.folder.path().join("home"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env_remove("IBID_OFFLINE")
            .current_dir(project());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command().args(arguments).output().unwrap())
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let outcome = self.run(&[arguments, &["--json"]].concat());
        let value = serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|error| panic!("{error}: stdout {:?}, stderr {:?}", outcome.stdout, outcome.stderr));
        (outcome.code, value)
    }
}

pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A home with the sample documents in its index, made once for all tests that only read.
pub(crate) fn corpora() -> &'static Home {
    static HOME: OnceLock<Home> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = Home::new();
        let (code, report) = home.json(&["index", "corpora"]);
        assert_eq!(code, 0, "{report}");
        home
    })
}

/// Writes a file below `folder`, making folders as needed.
pub(crate) fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

/// The text of `memo.txt` in [`documents`].
pub(crate) const MEMO: &str = "Ardmere Pumps plc reported revenue of $4.2 billion for the year ended 31 March 2023.\n\n\
    The board approved a dividend of 12 pence per share. Whales were not discussed.\n";
const RATES: &str = "# Fees\n\n| Fund | Fee |\n|---|---|\n| Alpha | 1.5% |\n| Beta | 2.0% |\n";

/// A folder with two documents.
pub(crate) fn documents() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "memo.txt", MEMO.as_bytes());
    write(folder.path(), "rates.md", RATES.as_bytes());
    folder
}

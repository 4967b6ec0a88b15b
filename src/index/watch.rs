//! Folders in, a call for every pause after changes in them; knows nothing of indexes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::{Event, EventKind, RecursiveMode, Watcher, recommended_watcher};

use crate::data_folder::is_of_an_index;
use crate::error::{Error, Result};

/// How often it is looked whether to end.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// When changes are acted on.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// Without a change for so long.
    pub quiet: Duration,
    /// Or so long after the first.
    pub longest: Duration,
}

/// Watches what lies at and below `paths` and calls `act` once changes there have paused; returns when `stop` is set. Changes in what
/// an index keeps do not count: it may lie in a folder that is watched. What changes while `act` runs makes for another call.
///
/// # Errors
/// [`Error::Io`] when the system does not watch a folder, such as above its limit of watches; what `act` reports.
pub fn watch(paths: &[PathBuf], pauses: Pauses, stop: &AtomicBool, act: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    let refused = |path: &Path| {
        let path = path.to_path_buf();
        move |error: notify::Error| Error::io("watch", path)(io_error(error))
    };
    let (sender, changes) = channel();
    let is_change = |event: &Event| {
        !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| !is_of_an_index(path))
    };
    let mut watcher = recommended_watcher(move |event: notify::Result<Event>| {
        // What could not be told may be anything.
        if event.as_ref().map_or(true, is_change) {
            let _ = sender.send(());
        }
    })
    .map_err(refused(Path::new("the folders")))?;
    for path in paths {
        watcher.watch(path, RecursiveMode::Recursive).map_err(refused(path))?;
    }
    while !stop.load(Ordering::Relaxed) {
        match changes.recv_timeout(LOOK_EVERY) {
            Ok(()) => {
                settle(&changes, pauses, stop);
                act()?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
    Ok(())
}

/// Waits for a pause after the first change.
fn settle(changes: &Receiver<()>, pauses: Pauses, stop: &AtomicBool) {
    let first = Instant::now();
    while first.elapsed() < pauses.longest && !stop.load(Ordering::Relaxed) {
        if changes.recv_timeout(pauses.quiet).is_err() {
            return;
        }
    }
}

fn io_error(error: notify::Error) -> std::io::Error {
    match error.kind {
        notify::ErrorKind::Io(source) => source,
        kind => std::io::Error::other(notify::Error::new(kind).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_changes_is_one_call_and_those_of_the_index_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, index) = (folder.path().to_path_buf(), folder.path().join("index"));
        std::fs::create_dir(&index).unwrap();
        std::fs::write(index.join("ibid.db"), "").unwrap();
        let stop = AtomicBool::new(false);
        let pauses = Pauses { quiet: Duration::from_millis(300), longest: Duration::from_secs(5) };
        let mut calls = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                std::fs::write(index.join("ibid.db"), "x").unwrap();
                std::thread::sleep(Duration::from_millis(700));
                for number in 0..20 {
                    std::fs::write(inside.join(format!("{number}.txt")), "text").unwrap();
                }
                std::thread::sleep(Duration::from_millis(1500));
                stop.store(true, Ordering::Relaxed);
            });
            let mut act = || {
                calls += 1;
                Ok(())
            };
            watch(&[folder.path().to_path_buf()], pauses, &stop, &mut act).unwrap();
        });
        assert_eq!(calls, 1);
    }
}

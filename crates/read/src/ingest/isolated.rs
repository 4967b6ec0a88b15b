//! Bytes in, documents out, read in a child process that may open no file and no connection and has bounded memory and time.
//!
//! Parsers meet files that were made to break them. A child that dies, hangs or wants too much costs one file, which ends with a
//! status; the next file gets another child. Children are copies of this program (`child.rs`), take one file after another, and are
//! told the bytes, never a path that they could open.

pub mod child;
mod watch;
mod wire;

use std::io::{BufReader, BufWriter, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::ReadSettings;
use super::members::{Outcome, Part};
use crate::document::{Document, FileStatus};
use crate::error::{Error, Result};
use watch::{GivenUp, Watch};
use wire::{Reply, Request};

/// What a child that reads documents may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessSettings {
    /// Whether files are read in child processes at all; without, they are read in the process itself.
    pub enabled: bool,
    /// Bytes of memory of one child.
    pub memory_bytes_max: u64,
    /// Seconds of processor time that one file, and each file inside it, may take.
    pub cpu_seconds_max: u64,
    /// Seconds that one file, and each file inside it, may take.
    pub seconds_max: f64,
    /// Bytes of what a child gives for one file.
    pub output_bytes_max: u64,
    /// Files after which a child is replaced, so that what it keeps does not add up.
    pub files_max: u32,
    /// The program that is started with `read-documents`; files are read in this process where there is none.
    #[serde(skip)]
    pub program: Option<PathBuf>,
}

impl Default for ProcessSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            memory_bytes_max: 512 << 20,
            cpu_seconds_max: 20,
            seconds_max: 30.0,
            output_bytes_max: 512 << 20,
            files_max: 500,
            program: None,
        }
    }
}

/// Reads documents, in children of this process where the settings say so. Several threads may read at once, each with a child of
/// its own.
#[derive(Debug)]
pub struct Reader {
    settings: ReadSettings,
    idle: Mutex<Vec<Worker>>,
}

/// A child at rest.
#[derive(Debug)]
struct Worker {
    process: Child,
    input: ChildStdin,
    output: ChildStdout,
    files: u32,
    /// How far the system keeps it from files and connections, in words.
    confined: String,
}

/// Seconds after which a child that has not said that it is ready is given up.
const START_SECONDS_MAX: f64 = 30.0;

/// Bytes of a dead child's last words.
const WORDS_BYTES_MAX: u64 = 4_096;

impl Reader {
    /// A reader with these settings; starts nothing yet.
    #[must_use]
    pub fn new(settings: ReadSettings) -> Self {
        Self { settings, idle: Mutex::default() }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &ReadSettings {
        &self.settings
    }

    /// Reads `bytes` as the document they are, and nothing inside it; `path` only helps to tell its format.
    ///
    /// # Errors
    /// As [`super::read`]; [`Error::Document`] with `limit_exceeded` when the child needed more than it may, and with `malformed` when it
    /// died; [`Error::Interrupted`] once `stop` is set; [`Error::Io`] when no child can be started.
    pub fn read(&self, path: &Path, bytes: &[u8], stop: &AtomicBool) -> Result<Document> {
        match self.read_part(path, bytes, "", stop)?.outcome {
            Outcome::Document(document) => Ok(*document),
            Outcome::Folder => Err(super::is_archive()),
            Outcome::Failed { status, reason } => Err(Error::document(status, reason)),
        }
    }

    /// Reads the one document of a file that is called `name` (as [`Part::name`] has it).
    ///
    /// # Errors
    /// As [`Reader::read_all`]; `denied` when there is no such document. That it could not be read is no error.
    pub fn read_part(&self, path: &Path, bytes: &[u8], name: &str, stop: &AtomicBool) -> Result<Part> {
        let mut found = None;
        self.read_parts(path, bytes, Some(name), stop, &mut |part| {
            found = found.take().or(Some(part));
            Ok(())
        })?;
        found.ok_or_else(|| Error::document(FileStatus::Denied, format!("`{name}` is not in the file any more")))
    }

    /// Reads `bytes` and the files inside them, as [`super::members::read_all`] does. The time that `each` takes does not count.
    ///
    /// # Errors
    /// As [`super::members::read_all`], and as [`Reader::read`] for what becomes of the child, whose limits hold for the file with all its
    /// members. Parts may have been handed on before.
    pub fn read_all(
        &self,
        path: &Path,
        bytes: &[u8],
        stop: &AtomicBool,
        each: &mut dyn FnMut(Part) -> Result<()>,
    ) -> Result<()> {
        self.read_parts(path, bytes, None, stop, each)
    }

    fn read_parts(
        &self,
        path: &Path,
        bytes: &[u8],
        only: Option<&str>,
        stop: &AtomicBool,
        each: &mut dyn FnMut(Part) -> Result<()>,
    ) -> Result<()> {
        let each = &mut |part| each(self.recognised(part, stop)?);
        let Some(program) = self.program() else {
            return super::members::read_parts(path, bytes, &self.settings, only, &mut |part| {
                if stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { each(part) }
            });
        };
        let idle = self.idle().pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => Worker::start(program, &self.settings, stop)?,
        };
        let request = Request { path: path.to_path_buf(), only: only.map(str::to_owned) };
        let watch = Watch::new(self.settings.process.seconds_max, stop);
        let outcome = match worker.ask(&request, bytes, &self.settings.process, &watch, each) {
            Ok(outcome) => outcome,
            Err(Broken::Receiver(error)) => {
                worker.end();
                return Err(error);
            }
            Err(Broken::Child(_)) if watch.given_up() == Some(GivenUp::Stopped) => {
                worker.end();
                return Err(Error::Interrupted);
            }
            Err(Broken::Child(error)) => return Err(self.post_mortem(worker, watch.given_up(), error)),
        };
        if worker.files < self.settings.process.files_max {
            self.idle().push(worker);
        } else {
            worker.end();
        }
        outcome
    }

    /// The part with the text of its pictures, where that is wanted.
    fn recognised(&self, mut part: Part, stop: &AtomicBool) -> Result<Part> {
        let pictures = std::mem::take(&mut part.pictures);
        if let Outcome::Document(document) = part.outcome {
            let document = super::ocr::recognise(*document, &pictures, &self.settings.pdf, stop)?;
            part.outcome = Outcome::Document(Box::new(document));
        }
        Ok(part)
    }

    /// How far a child is kept from files and connections, in words; starts one.
    ///
    /// # Errors
    /// [`Error::Io`] when none can be started.
    pub fn confinement(&self) -> Result<Option<String>> {
        let Some(program) = self.program() else {
            return Ok(None);
        };
        let worker = Worker::start(program, &self.settings, &AtomicBool::new(false))?;
        let words = worker.confined.clone();
        self.idle().push(worker);
        Ok(Some(words))
    }

    /// The program of the children; none where files are read in this process.
    fn program(&self) -> Option<&Path> {
        let ProcessSettings { enabled, program, .. } = &self.settings.process;
        program.as_deref().filter(|_| *enabled)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a child died of, as the status of the file that it read.
    fn post_mortem(&self, worker: Worker, given_up: Option<GivenUp>, error: std::io::Error) -> Error {
        let ProcessSettings { memory_bytes_max, cpu_seconds_max, seconds_max, output_bytes_max, .. } =
            self.settings.process;
        let (words, signal) = worker.end();
        let limit = |reason: String| Error::document(FileStatus::LimitExceeded, reason);
        if given_up == Some(GivenUp::TimeIsUp) {
            return limit(format!("reading it takes longer than read.process.seconds_max = {seconds_max}"));
        }
        if error.kind() == std::io::ErrorKind::FileTooLarge {
            return limit(format!("it gives more than read.process.output_bytes_max = {output_bytes_max} bytes"));
        }
        if signal == Some(Signal::XCPU.as_raw()) {
            return limit(format!(
                "reading it takes more processor time than read.process.cpu_seconds_max = {cpu_seconds_max}"
            ));
        }
        if words.contains("memory allocation") || words.contains("Cannot allocate memory") {
            return limit(format!(
                "reading it takes more memory than read.process.memory_bytes_max = {memory_bytes_max}"
            ));
        }
        if words.contains("overflowed its stack") {
            return limit("it nests deeper than can be read".into());
        }
        let reason = match signal {
            Some(signal) => format!("the reader died on it (signal {signal})"),
            None => "the reader ended on it".into(),
        };
        Error::Document { status: FileStatus::Malformed, reason, source: Some(Box::new(error)) }
    }
}

impl Worker {
    fn start(program: &Path, settings: &ReadSettings, stop: &AtomicBool) -> Result<Self> {
        let failed = || Error::io("start the reader", program);
        let mut command = Command::new(program);
        command.arg("read-documents").env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for the program, which then ends its children.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn().map_err(failed())?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(failed()(std::io::Error::other("it has no pipes")));
        };
        let mut worker = Self { process, input, output, files: 0, confined: String::new() };
        match worker.greet(settings, &Watch::new(START_SECONDS_MAX, stop)) {
            Ok(Reply::Ready { confined }) => {
                worker.confined = confined;
                Ok(worker)
            }
            Ok(_) => {
                worker.end();
                Err(failed()(std::io::Error::other("it did not say that it is ready")))
            }
            Err(_) if stop.load(Ordering::Relaxed) => {
                worker.end();
                Err(Error::Interrupted)
            }
            Err(error) => {
                let (words, _) = worker.end();
                Err(failed()(std::io::Error::new(error.kind(), format!("{error}; {}", words.trim()))))
            }
        }
    }

    fn greet(&mut self, settings: &ReadSettings, watch: &Watch<'_>) -> std::io::Result<Reply> {
        wire::send_json(&mut BufWriter::new(watch.over(&mut self.input)?), settings)?;
        wire::receive_json(&mut watch.over(&mut self.output)?, settings.process.output_bytes_max)
    }

    /// Has one file read and hands its parts to `each`: what the child says of the file, or why it says nothing.
    fn ask(
        &mut self,
        request: &Request,
        bytes: &[u8],
        settings: &ProcessSettings,
        watch: &Watch<'_>,
        each: &mut dyn FnMut(Part) -> Result<()>,
    ) -> std::result::Result<Result<()>, Broken> {
        self.files += 1;
        let mut input = BufWriter::new(watch.over(&mut self.input).map_err(Broken::Child)?);
        wire::send_json(&mut input, request).and_then(|()| wire::send(&mut input, bytes)).map_err(Broken::Child)?;
        let mut output = BufReader::new(watch.over(&mut self.output).map_err(Broken::Child)?);
        let said = receive(&mut output, settings.output_bytes_max, &mut |part| watch.pause(|| each(part)))?;
        if output.buffer().is_empty() {
            return Ok(said);
        }
        let reason = "the reader said more than it was asked";
        Err(Broken::Receiver(Error::document(FileStatus::Malformed, reason)))
    }

    /// Ends a child; its last words, and the signal that ended it.
    fn end(self) -> (String, Option<i32>) {
        let Self { mut process, input, output, .. } = self;
        drop((input, output));
        let _ = process.kill();
        let status = process.wait().ok();
        let mut words = Vec::new();
        if let Some(stderr) = process.stderr.take()
            // What it may have started could hold this pipe open for ever.
            && rustix::io::ioctl_fionbio(&stderr, true).is_ok()
        {
            let _ = stderr.take(WORDS_BYTES_MAX).read_to_end(&mut words);
        }
        let signal = status.and_then(|status| std::os::unix::process::ExitStatusExt::signal(&status));
        (String::from_utf8_lossy(&words).into_owned(), signal)
    }
}

/// Takes the parts of one file, of `bytes_max` in all.
fn receive(
    output: &mut impl std::io::Read,
    bytes_max: u64,
    each: &mut dyn FnMut(Part) -> Result<()>,
) -> std::result::Result<Result<()>, Broken> {
    let mut left = bytes_max;
    loop {
        let frame = wire::receive(output, left).map_err(Broken::Child)?;
        left -= frame.len() as u64;
        let reply = serde_json::from_slice(&frame).map_err(|error| Broken::Child(error.into()))?;
        drop(frame);
        match reply {
            Reply::Part(mut part) => {
                for picture in &mut part.pictures {
                    picture.bytes = wire::receive(output, left).map_err(Broken::Child)?;
                    left -= picture.bytes.len() as u64;
                }
                wire::check(&part).map_err(|broken| {
                    let reason = format!("the reader gave what it cannot: {broken}");
                    Broken::Receiver(Error::document(FileStatus::Malformed, reason))
                })?;
                each(part).map_err(Broken::Receiver)?;
            }
            Reply::Done => return Ok(Ok(())),
            Reply::Failed { status, reason } => return Ok(Err(Error::document(status, reason))),
            Reply::Ready { .. } => {
                let reason = "the reader began anew on it";
                return Err(Broken::Receiver(Error::document(FileStatus::Malformed, reason)));
            }
        }
    }
}

/// Why a child gave no end of its answer.
enum Broken {
    /// It died, or said what nobody understands.
    Child(std::io::Error),
    /// What it gave is not taken.
    Receiver(Error),
}

impl Drop for Reader {
    fn drop(&mut self) {
        std::mem::take(&mut *self.idle()).into_iter().for_each(|worker| drop(worker.end()));
    }
}

//! Files of one repository from the hub, in ranges that an interrupted transfer goes on from; knows nothing of mirrors.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use hf_hub::progress::{DownloadEvent, ProgressEvent, ProgressHandler};
use hf_hub::repository::RepoTypeModel;
use hf_hub::{HFClient, HFClientSync, HFError, HFRepositorySync};

use super::{Failure, FetchSettings, Growing, Install, Progress, Source};
use crate::error::{Cause, Error};
use crate::inference::manifest::{Manifest, ModelFile};

/// How often an interrupt is looked for while the hub is silent.
const POLL: Duration = Duration::from_millis(100);
/// Pause before the first further attempt; doubled each time.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Passes on how many bytes of the current range have come.
struct Meter(mpsc::Sender<Message>);

enum Message {
    Came(u64),
    Done(Result<Vec<u8>, HFError>),
}

impl ProgressHandler for Meter {
    fn on_progress(&self, event: &ProgressEvent) {
        if let ProgressEvent::Download(DownloadEvent::Progress { files }) = event {
            // The receiver is gone only after an interrupt, when nobody wants to know.
            let _ = self.0.send(Message::Came(files.iter().map(|file| file.bytes_completed).sum()));
        }
    }
}

/// Fetches `wanted` from the hub.
pub(super) fn fetch(
    install: &Install,
    manifest: &Manifest,
    wanted: &[&ModelFile],
    settings: &FetchSettings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Source, Failure> {
    if std::env::var("HF_HUB_OFFLINE").is_ok_and(|value| matches!(value.as_str(), "1" | "true" | "TRUE" | "yes")) {
        return Err(Failure::There("HF_HUB_OFFLINE forbids asking the hub".into(), None));
    }
    let unusable = |error: &dyn std::fmt::Display| Failure::There(format!("the hub cannot be used: {error}"), None);
    let client = reqwest::Client::builder()
        .user_agent(concat!("ibid/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(settings.connect_timeout_s))
        .read_timeout(Duration::from_secs(settings.read_timeout_s))
        .build()
        .map_err(|error| unusable(&error))?;
    let mut builder = HFClient::builder()
        .client(client)
        .retry_max_attempts(settings.retries)
        .retry_base_delay(RETRY_PAUSE / 2)
        .cache_enabled(false);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.endpoint(endpoint);
    }
    let client = builder.build().map_err(|error| unusable(&error))?;
    let source = Source::Hub(client.endpoint().to_owned());
    let client = HFClientSync::from_inner(client).map_err(|error| unusable(&error))?;
    let (owner, name) = hf_hub::split_id(&manifest.repository);
    let repository = client.model(owner, name);
    for file in wanted {
        let transfer =
            Transfer { repository: &repository, revision: &manifest.revision, file, source: &source, settings };
        transfer.run(install, progress)?;
    }
    Ok(source)
}

/// One file on its way.
struct Transfer<'a> {
    repository: &'a HFRepositorySync<RepoTypeModel>,
    revision: &'a str,
    file: &'a ModelFile,
    source: &'a Source,
    settings: &'a FetchSettings,
}

impl Transfer<'_> {
    fn run(&self, install: &Install, progress: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        let path = install.incomplete(self.file);
        let resumed = Growing::resumed(path.clone(), self.file.bytes)?;
        let was_resumed = resumed.bytes > 0;
        if self.grow(resumed, progress)? {
            return Ok(install.finish(self.file)?);
        }
        // The beginning that an earlier run left may be what is wrong: once more from nothing.
        if was_resumed && self.grow(Growing::fresh(path)?, progress)? {
            return Ok(install.finish(self.file)?);
        }
        Err(Failure::There(format!("{} has other bytes for {} than the manifest", self.source, self.file.path), None))
    }

    /// Fetches the rest of the file; whether its bytes are right.
    fn grow(&self, mut growing: Growing, progress: &mut dyn FnMut(Progress)) -> Result<bool, Failure> {
        while growing.bytes < self.file.bytes {
            let end = self.file.bytes.min(growing.bytes + self.settings.request_bytes.max(1));
            let bytes = self.range(growing.bytes, end, progress)?;
            // A server that knows no ranges sends the whole file.
            let whole = bytes.len() as u64 == self.file.bytes;
            let part = if whole { &bytes[growing.bytes as usize..] } else { &bytes[..] };
            if !whole && part.len() as u64 != end - growing.bytes {
                break;
            }
            growing.push(part)?;
        }
        Ok(growing.prove(self.file)?)
    }

    /// The bytes `start..end`, fetched on another thread so that an interrupt is noticed.
    fn range(&self, start: u64, end: u64, progress: &mut dyn FnMut(Progress)) -> Result<Vec<u8>, Failure> {
        let (sender, receiver) = mpsc::channel();
        let (repository, file, revision) = (self.repository.clone(), self.file.path.clone(), self.revision.to_owned());
        std::thread::spawn(move || {
            let meter = Meter(sender.clone());
            let request = repository.download_file_to_bytes().filename(file).revision(revision).range(start..end);
            let bytes = request.progress(meter).send().map(|bytes| bytes.to_vec());
            let _ = sender.send(Message::Done(bytes));
        });
        let mut tell = |came: u64| {
            let bytes_done = (start + came).min(self.file.bytes);
            let (file, source) = (self.file.path.clone(), self.source.clone());
            progress(Progress { file, source, bytes_done, bytes_total: self.file.bytes });
        };
        tell(0);
        loop {
            match receiver.recv_timeout(POLL) {
                Ok(Message::Came(came)) => tell(came),
                Ok(Message::Done(Ok(bytes))) => {
                    tell(end - start);
                    return Ok(bytes);
                }
                Ok(Message::Done(Err(error))) => return Err(failure(error, self.source)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::There(format!("the transfer from {} broke off", self.source), None));
                }
            }
            self.settings.check_interrupt()?;
        }
    }
}

/// The hub's error in one plain sentence.
fn failure(error: HFError, source: &Source) -> Failure {
    let reason = match &error {
        HFError::Io(_) => {
            let HFError::Io(cause) = error else { unreachable!("matched above") };
            return Failure::Here(Error::io("use", "the hub's cache")(cause));
        }
        HFError::Request { source: cause, .. } if cause.is_connect() || cause.is_timeout() => {
            format!("cannot reach {source} ({})", root_cause(cause))
        }
        HFError::AuthRequired { .. } | HFError::Forbidden { .. } => {
            format!("{source} refuses access; set HF_TOKEN to a token that may read this repository")
        }
        other => format!("{source} failed ({})", root_cause(other)),
    };
    Failure::There(reason, Some(Box::new(error) as Cause))
}

/// The deepest cause, which says what the outer ones only repeat.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

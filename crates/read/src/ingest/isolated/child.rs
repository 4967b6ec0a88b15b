//! The child's side: confines itself, then reads one file after another until nobody asks any more.

use std::io::{Read, Seek, SeekFrom, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ProcessSettings;
use super::wire::{self, Reply, Request};
use crate::document::FileStatus;
use crate::error::{Error, Result};
use crate::ingest::ReadSettings;
use crate::ingest::members::read_parts;

/// Bytes of a frame that is no file.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// Serves requests until `input` ends. The limits are this process's own from then on.
///
/// # Errors
/// [`Error::Io`] when the pipes break.
pub fn serve(mut input: impl Read, mut output: impl Write) -> Result<()> {
    let broken = || Error::io("talk to", "the program that started this reader");
    // A panic is told as a status; its words would fill a pipe that nobody empties.
    std::panic::set_hook(Box::new(|_| {}));
    let settings: ReadSettings = wire::receive_json(&mut input, HEADER_BYTES_MAX).map_err(broken())?;
    let mut processor = Processor::open();
    let confined = confine(&settings.process);
    wire::send_json(&mut output, &Reply::Ready { confined }).map_err(broken())?;
    loop {
        let request: Request = match wire::receive_json(&mut input, HEADER_BYTES_MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            received => received.map_err(broken())?,
        };
        let bytes = wire::receive(&mut input, settings.file_bytes_max).map_err(broken())?;
        processor.allow(settings.process.cpu_seconds_max);
        let mut is_broken = false;
        let read = read_parts(&request.path, &bytes, &settings, request.only.as_deref(), &mut |part| {
            wire::send_part(&mut output, part).map_err(broken()).inspect_err(|_| is_broken = true)?;
            // The next file inside the file has as much time as this one.
            processor.allow(settings.process.cpu_seconds_max);
            Ok(())
        });
        let reply = match read {
            Err(error) if is_broken => return Err(error),
            Ok(()) => Reply::Done,
            Err(Error::Document { status, reason, .. }) => Reply::Failed { status, reason },
            Err(other) => Reply::Failed { status: FileStatus::Malformed, reason: other.to_string() },
        };
        wire::send_json(&mut output, &reply).map_err(broken())?;
    }
}

/// Takes from this process what it does not need; says how far that went.
fn confine(settings: &ProcessSettings) -> String {
    let limit = |resource, most: u64| {
        let maximum = getrlimit(resource).maximum.map_or(most, |had| had.min(most));
        setrlimit(resource, Rlimit { current: Some(maximum), maximum: Some(maximum) }).is_ok()
    };
    let has_memory_limit = limit(Resource::Data, settings.memory_bytes_max);
    limit(Resource::Core, 0);
    limit(Resource::Fsize, 0);
    let walls = walls();
    let memory = if has_memory_limit { "bounded memory" } else { "no bound on its memory" };
    format!("{walls}, {memory}")
}

/// Closes files, connections and other programs to this process, where the kernel can; says how far that went.
#[cfg(target_os = "linux")]
fn walls() -> String {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
    // The newest that is known here; a kernel that knows less does what it can.
    let abi = ABI::V6;
    let closed = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
        .and_then(|rules| rules.scope(Scope::from_all(abi)))
        .and_then(landlock::Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    let files = match closed.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => "no files (Landlock)",
        Ok(RulesetStatus::NotEnforced) | Err(_) => "files are open to it: this kernel has no Landlock",
    };
    let calls = match refuse_calls() {
        Ok(()) => "no connections, no programs (seccomp)",
        Err(_) => "connections are open to it: this kernel has no seccomp",
    };
    format!("{files}, {calls}")
}

/// Refuses the calls that make sockets, start programs or reach into other processes. A reader needs none of them, and Landlock knows only
/// one kind of connection.
#[cfg(target_os = "linux")]
fn refuse_calls() -> std::result::Result<(), seccompiler::Error> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter_all_threads};
    let refused = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_io_uring_setup,
        libc::SYS_open_by_handle_at,
    ];
    let rules = refused.into_iter().map(|call| (call, Vec::new())).collect();
    let denial = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into()?;
    let program: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, denial, architecture)?.try_into()?;
    apply_filter_all_threads(&program)
}

#[cfg(not(target_os = "linux"))]
fn walls() -> String {
    "files and connections are open to it: this system has neither Landlock nor seccomp".into()
}

/// The processor time of this process, from a file that is opened while files can be.
struct Processor {
    stat: Option<std::fs::File>,
}

/// Ticks a second in `/proc`, whatever the kernel's own.
const TICKS: u64 = 100;

impl Processor {
    fn open() -> Self {
        Self { stat: std::fs::File::open("/proc/self/stat").ok() }
    }

    /// Allows so many seconds more than were used; where they are not known, only the clock on the wall bounds the reader.
    fn allow(&mut self, seconds: u64) {
        if let Some(used) = self.used_seconds() {
            let maximum = getrlimit(Resource::Cpu).maximum;
            let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(used + seconds.max(1)), maximum });
        }
    }

    fn used_seconds(&mut self) -> Option<u64> {
        let stat = self.stat.as_mut()?;
        let mut text = String::new();
        stat.seek(SeekFrom::Start(0)).ok()?;
        stat.read_to_string(&mut text).ok()?;
        // The name of the process may hold anything, but ends with the last parenthesis.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        Some((ticks(11)? + ticks(12)?).div_ceil(TICKS))
    }
}

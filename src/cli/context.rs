//! What every command starts from: the settings, how to print, and whether somebody pressed Ctrl-C.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::inference::device::DeviceChoice;
use crate::inference::precision::Precision;

/// Options that every command understands.
#[derive(Debug, Clone, Args)]
pub(crate) struct GlobalOptions {
    /// Keep the index in this folder [default: IBID_HOME, or ibid in the XDG data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub(crate) home: Option<PathBuf>,
    /// Use this collection: an index of its own below the data folder, or where [collections.NAME] says
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub(crate) collection: Option<String>,
    /// Read settings from this file only
    #[arg(long, global = true, value_name = "FILE", env = "IBID_CONFIG", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,
    /// Open no connection to anything but this machine
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) offline: bool,
    /// Embed with this model: a name from `ibid model list`, the folder of a model (`./NAME`) or a manifest (`NAME.toml`)
    #[arg(long, global = true, value_name = "MODEL", help_heading = "Everywhere")]
    pub(crate) embedder: Option<String>,
    /// Compute here
    #[arg(long, global = true, value_name = "DEVICE", help_heading = "Everywhere")]
    pub(crate) device: Option<DeviceChoice>,
    /// Compute in this precision
    #[arg(long, global = true, value_name = "PRECISION", help_heading = "Everywhere")]
    pub(crate) precision: Option<Precision>,
    /// CPU threads [default: every core]
    #[arg(long, global = true, value_name = "N", help_heading = "Everywhere")]
    pub(crate) threads: Option<usize>,
    /// Print one JSON object
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Print no progress and no hints
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
}

/// The settings in force and how to print.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Context {
    pub(crate) fn new(options: &GlobalOptions) -> Result<Self> {
        let folder = std::env::current_dir().map_err(Error::io("find", "the current folder"))?;
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut settings = Settings::gather(&folder, options.config.as_deref(), environment)?;
        if let Some(home) = &options.home {
            settings.home = Some(home.clone());
        }
        if let Some(collection) = &options.collection {
            settings = settings.in_collection(collection)?;
        }
        settings.offline |= options.offline;
        if let Some(embedder) = &options.embedder {
            settings.embed.model.clone_from(embedder);
        }
        if let Some(device) = options.device {
            settings.embed.device = device;
        }
        if let Some(precision) = options.precision {
            settings.embed.precision = precision;
        }
        if let Some(threads) = options.threads {
            settings.embed.threads = threads;
        }
        settings.index.embed = settings.embed.clone();
        // The program itself, whatever happens to its file meanwhile.
        let program = Path::new("/proc/self/exe");
        settings.read.process.program =
            if program.exists() { Some(program.into()) } else { std::env::current_exe().ok() };
        settings.index.read = settings.read.clone();
        Ok(Self { settings, json: options.json, quiet: options.quiet, stop: Arc::new(AtomicBool::new(false)) })
    }

    /// Lets Ctrl-C and a request to end set [`Self::stop`]; a second one ends the process at once.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses the handler.
    pub(crate) fn catch_interrupts(&self) -> Result<()> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        for signal in [SIGINT, SIGTERM] {
            let refused = Error::io("listen for", "Ctrl-C");
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&self.stop))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&self.stop)))
                .map_err(refused)?;
        }
        Ok(())
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The current time, RFC 3339 in UTC, to the millisecond.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

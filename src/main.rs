//! The `ibid` program: one call into the library, and its outcome as an exit code.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// What the last panic said. Most are caught where a broken file or index made a library panic, and nobody needs to see those.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("IBID_LOG").unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .init();
    std::panic::set_hook(Box::new(|panic| {
        let words = panic.to_string();
        tracing::error!("{words}");
        // A scope only repeats that one of its threads panicked.
        if !words.contains("a scoped thread panicked") {
            *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = words;
        }
    }));
    match std::panic::catch_unwind(ibid::cli::run) {
        Ok(Ok(exit)) => ExitCode::from(exit.code()),
        Ok(Err(error)) => {
            ibid::cli::report(&error);
            ExitCode::from(error.exit_code())
        }
        Err(_) => {
            let words = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner).replace('\n', " ");
            let _ = writeln!(std::io::stderr(), "error: a mistake in ibid, please report it: {words}");
            ExitCode::from(2)
        }
    }
}

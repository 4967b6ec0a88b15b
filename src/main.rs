//! The `ibid` program: one call into the library, and its outcome as an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("IBID_LOG").unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .init();
    match ibid::cli::run() {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            ibid::cli::report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

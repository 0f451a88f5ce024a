use super::{arguments::LogFormat, exit::Exit, failure::Failure};
use quorate_proto::reason;
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// Sends the log to standard error.
///
/// # Errors
/// If the filter cannot be read.
pub(crate) fn start(filter: Option<&str>, default: &str, format: LogFormat) -> Result<(), Failure> {
    let text = filter.unwrap_or(default);
    let filter = EnvFilter::try_new(text).map_err(|error| {
        Failure::new(reason::INVALID_ARGUMENT, format!("--log {text:?} is not a filter: {error}"))
            .cure("give a level, such as info, or levels by module, such as warn,quorate_server=debug")
            .exit(Exit::Usage)
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    // A second start, which only a test can cause, changes nothing.
    let _ = match format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}

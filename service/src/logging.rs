//! The server's own log: text on a terminal, one JSON object a line otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{FrontConfig, LogFormat};

/// Why the server cannot log.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `log_filter` cannot be read.
    #[error("log_filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Logging was set up before.
    #[error("logging is set up already")]
    Twice,
}

/// The storage libraries tell of each file they make; the operator hears of what goes wrong unless told otherwise.
const LIBRARIES: &str = "fjall=warn,lsm_tree=warn";

/// Sends events to standard error in the configured format. Once in a process.
pub fn init(config: &FrontConfig) -> Result<(), LoggingError> {
    let terminal = std::io::stderr().is_terminal();
    let text = match config.log_format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(format!(
            "{LIBRARIES},{}",
            config.log_filter
        ))?)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    let set = if text {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    set.map_err(|_| LoggingError::Twice)
}

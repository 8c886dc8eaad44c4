//! What the commands of every service share: the configuration and its flags, and the keys.

#[cfg(any(feature = "anchor", feature = "log", feature = "witness"))]
mod address;
mod flags;
mod serving;
#[cfg(any(feature = "anchor", feature = "witness"))]
mod status;

use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_service::config::{ConfigError, Override, Settings};
#[cfg(feature = "log")]
use counterfoil_tiles::key::SigningKey;

use crate::exit::Failure;
#[cfg(feature = "log")]
use crate::key;

#[cfg(any(feature = "anchor", feature = "log", feature = "witness"))]
pub(crate) use address::urls;
use flags::ConfigFlags;
pub(crate) use serving::serve_until_told;
#[cfg(any(feature = "anchor", feature = "witness"))]
pub(crate) use status::{DirectoryArgs, StatusArgs};

/// A service that this binary runs.
pub(crate) trait Service: Settings + Send + Sync + 'static {
    /// What it is called, and the command that is about it.
    #[cfg(any(feature = "anchor", feature = "witness"))]
    const NAME: &'static str;
    /// The name of its configuration in the directory that `init` made.
    const CONFIG_NAME: &'static str;
    /// What to do where there is no configuration.
    const ADVICE: &'static str;
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs<S: Service> {
    /// The configuration file, or the directory that `init` made
    #[arg(
        long,
        value_name = "FILE|DIR",
        env = "COUNTERFOIL_CONFIG",
        default_value = "."
    )]
    config: PathBuf,
    #[command(flatten)]
    flags: ConfigFlags<S>,
}

impl<S: Service> ConfigArgs<S> {
    /// Loads the configuration; the environment and the flags lie over the file.
    pub(crate) fn load(&self) -> Result<S, Failure> {
        load(&self.config, self.flags.overrides())
    }
}

/// The configuration file: `path`, or the one in it if it is a directory.
pub(crate) fn config_file<S: Service>(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join(S::CONFIG_NAME)
    } else {
        path.to_owned()
    }
}

/// Loads a configuration with the environment, and then these overrides, over it.
pub(crate) fn load<S: Service>(path: &Path, overrides: &[Override]) -> Result<S, Failure> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut all = S::SCHEMA.from_environment(variables);
    all.extend_from_slice(overrides);
    S::load(&config_file::<S>(path), &all).map_err(|error| {
        let failure = Failure::usage(format!("the configuration: {error}"));
        match error {
            ConfigError::Unreadable { .. } => failure.advice(S::ADVICE),
            _ => failure,
        }
    })
}

/// Loads a key as a service wants it: from a private file, or not at all.
#[cfg(feature = "log")]
pub(crate) fn load_key(
    path: &Path,
) -> Result<SigningKey, Box<dyn std::error::Error + Send + Sync>> {
    Ok(key::load(path)?.into_signing_key())
}

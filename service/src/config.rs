//! Configuration: one TOML file per service, every key also an environment variable and a flag.
//!
//! A service lists its keys once, in a [`Schema`]; the file's checks, the environment variables, the flags and the
//! commented file that `init` writes all come from that list. A value given by flag beats the environment, which beats
//! the file. Keys that may hold credentials are no flags, and the file that has some must be its owner's alone.
//!
//! ```
//! use std::path::PathBuf;
//! use counterfoil_service::config::{ConfigError, Kind, Override, Schema, Section, Settings};
//! use counterfoil_service::keys;
//!
//! const BELL: Section = Section::table("bell");
//! const SCHEMA: Schema = Schema {
//!     variables: "COUNTERFOIL_TOWER__",
//!     introduction: "# Configuration of a tower.\n",
//!     sections: &[Section::TOP, BELL],
//!     keys: &[&keys! {
//!         Section::TOP => { "height" Kind::Whole, optional "40", "Height in metres."; }
//!         BELL => { "every" Kind::Duration, required "\"15m\"", "How often it strikes."; }
//!     }],
//! };
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Tower {
//!     #[serde(default)]
//!     height: u64,
//!     bell: Bell,
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Bell {
//!     #[serde(with = "counterfoil_service::config::duration")]
//!     every: std::time::Duration,
//! }
//!
//! impl Settings for Tower {
//!     const SCHEMA: &'static Schema = &SCHEMA;
//!     fn check(&self) -> Result<(), ConfigError> {
//!         Ok(())
//!     }
//!     fn paths(&mut self) -> Vec<&mut PathBuf> {
//!         Vec::new()
//!     }
//! }
//!
//! let tower = Tower::parse("height = 30\nbell.every = \"1h\"", &[Override::flag("height", "50")])?;
//! assert_eq!((tower.height, tower.bell.every.as_secs()), (50, 3600));
//!
//! let unknown = Tower::parse("hieght = 1", &[]).err().unwrap();
//! assert_eq!(unknown.to_string(), "hieght: there is no such key; the nearest is height");
//! # Ok::<(), ConfigError>(())
//! ```

pub mod duration;
mod front;
mod keys;
mod nearest;
mod overrides;
mod secrets;
mod template;

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Table;

pub use front::{ClientShare, FrontConfig, LogFormat, SHARE_KEYS, TlsConfig, front_keys};
pub use keys::{Key, Kind, Section};
pub use overrides::Override;
pub use secrets::url_holds_credentials;

/// All keys of a service's configuration.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What the names of its environment variables begin with.
    pub variables: &'static str,
    /// The comment that the written file begins with; each line ends in a newline.
    pub introduction: &'static str,
    /// The tables, in the order of the file; [`Section::TOP`] first.
    pub sections: &'static [Section],
    /// The keys, each section's in the order of the file.
    pub keys: &'static [&'static [Key]],
}

/// The settings of a service, read from a configuration.
pub trait Settings: DeserializeOwned {
    /// The keys.
    const SCHEMA: &'static Schema;

    /// What the values must keep, beyond their kinds.
    fn check(&self) -> Result<(), ConfigError>;

    /// The paths among the values; relative ones are relative to the file.
    fn paths(&mut self) -> Vec<&mut PathBuf>;

    /// Reads a file; relative paths in it are relative to its directory.
    fn load(path: &Path, overrides: &[Override]) -> Result<Self, ConfigError> {
        let (text, mode) = read(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let table = table(&text)?;
        Self::SCHEMA.check_mode(&table, path, mode)?;
        let mut settings: Self = settings(table, overrides)?;
        if let Some(directory) = path.parent() {
            for path in settings.paths() {
                *path = directory.join(&*path);
            }
        }
        Ok(settings)
    }

    /// Parses the text of a file and lays the overrides, the strongest last, over it.
    fn parse(text: &str, overrides: &[Override]) -> Result<Self, ConfigError> {
        settings(table(text)?, overrides)
    }
}

/// The text of a file, and its mode.
fn read(path: &Path) -> io::Result<(String, u32)> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.mode();
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text, mode))
}

/// The values of a file. What is wrong is said without the text, which may hold credentials.
fn table(text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let place = before.map_or_else(String::new, |before| {
            let line = before.split('\n').count();
            let column = before.rsplit('\n').next().unwrap_or_default();
            format!("line {line}, column {}: ", column.chars().count() + 1)
        });
        ConfigError::NotToml(format!("{place}{}", error.message()))
    })
}

/// The settings in these values, with the overrides over them.
fn settings<S: Settings>(mut table: Table, overrides: &[Override]) -> Result<S, ConfigError> {
    for one in overrides {
        one.apply(S::SCHEMA, &mut table)?;
    }
    S::SCHEMA.check(&table)?;
    let settings: S = table
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::NotToml(error.message().to_owned()))?;
    settings.check()?;
    Ok(settings)
}

/// What is wrong with a configuration: the place, what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// Others than its owner may read or write a file with credentials.
    #[error("{} has mode {mode:04o} and holds credentials ({key}): others than its owner can read or write them; chmod 600 it, or give them by {variable}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The key that has some.
        key: String,
        /// The environment variable of that key.
        variable: String,
    },
    /// The file is not TOML.
    #[error("not TOML: {0}")]
    NotToml(String),
    /// A key or a variable that does not exist.
    #[error("{place}: there is no such key; the nearest is {nearest}")]
    UnknownKey {
        /// The key as it was written.
        place: String,
        /// The known key that is spelled most like it.
        nearest: String,
    },
    /// A value that the key does not take.
    #[error("{place}: expected {expected}, got {got}")]
    Value {
        /// The key, or the variable or flag that gave it.
        place: String,
        /// What the key takes.
        expected: String,
        /// What came.
        got: String,
    },
    /// A key that must be there and is not.
    #[error("{place}: missing; {expected}")]
    Missing {
        /// The key.
        place: String,
        /// What it is for.
        expected: String,
    },
    /// Values that do not go together.
    #[error("{place}: {reason}")]
    Conflict {
        /// The key that should change.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl ConfigError {
    /// A value that the key at `place` does not take.
    pub fn value(
        place: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self::Value {
            place: place.into(),
            expected: expected.into(),
            got: got.into(),
        }
    }

    /// Values that do not go together; the one at `place` should change.
    pub fn conflict(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Conflict {
            place: place.into(),
            reason: reason.into(),
        }
    }
}

//! The password of a keystore: from a file or an environment variable, never from the command line, where others can read it.

use core::fmt;
use std::env::{VarError, var};
use std::path::Path;

use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};

/// There is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file is of no use.
    #[error("the password file {0}")]
    File(#[from] PrivateFileError),
    /// The variable is of no use.
    #[error("the environment variable {name}, for the password: {error}")]
    Variable {
        /// Its name.
        name: String,
        /// Why.
        error: VarError,
    },
    /// It is empty.
    #[error("the password is empty")]
    Empty,
}

/// A password. It is wiped from memory when it goes.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Of this text, without the line's end that editors leave.
    pub fn new(text: &str) -> Result<Self, PasswordError> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(PasswordError::Empty);
        }
        Ok(Self(Zeroizing::new(line.to_owned())))
    }

    /// From a file that only its owner may read.
    pub fn from_file(path: &Path) -> Result<Self, PasswordError> {
        Self::new(&private_file::read(path)?)
    }

    /// From an environment variable.
    pub fn from_variable(name: &str) -> Result<Self, PasswordError> {
        let text = var(name).map_err(|error| PasswordError::Variable {
            name: name.to_owned(),
            // What is no text is not shown.
            error: match error {
                VarError::NotPresent => VarError::NotPresent,
                VarError::NotUnicode(_) => VarError::NotUnicode("...".into()),
            },
        })?;
        Self::new(&Zeroizing::new(text))
    }

    /// Its bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(...)")
    }
}

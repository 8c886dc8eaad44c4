//! The password of a keystore: from a file or an environment variable, never from the command line, where others can read it.
//!
//! The copy that is made of it is wiped. The variable itself stays in this process's environment until it ends: to remove it is `unsafe` since
//! edition 2024 (another thread may read the environment meanwhile), and there is none here. Who can read it there, in
//! `/proc/<id>/environ`, is the process's own user and root, who can read the key in its memory, too; and what it would start, which is
//! nothing.

use core::fmt;
use std::env::{VarError, var};
use std::path::Path;

use zeroize::Zeroizing;

use counterfoil_files::PrivateFileError;

/// The longest file that is read as a password.
const MAX_BYTES: usize = 16_384;

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
        Self::new(&counterfoil_files::read_private(path, MAX_BYTES)?)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_password_is_a_line_without_its_end() {
        for (text, password) in [
            ("s3cret", "s3cret"),
            ("s3cret\n", "s3cret"),
            ("s3cret\r\n", "s3cret"),
            ("s3cret\n\n", "s3cret\n"),
            (" s3cret ", " s3cret "),
            ("\u{e9}", "\u{e9}"),
        ] {
            let read = Password::new(text).unwrap();
            assert_eq!(read.as_bytes(), password.as_bytes(), "{text:?}");
            assert_eq!(format!("{read:?}"), "Password(...)");
        }
        for empty in ["", "\n", "\r\n"] {
            let error = Password::new(empty).unwrap_err();
            assert!(matches!(error, PasswordError::Empty), "{error}");
        }
    }

    #[test]
    fn the_file_of_a_password_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let read = |bytes: &[u8], mode| {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = Password::from_file(&path);
            read.map(|password| password.as_bytes().to_vec())
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(b"s3cret\n", 0o600), Ok(b"s3cret".to_vec()));
        assert_eq!(read(b"\n", 0o600).unwrap_err(), "the password is empty");
        let shown = path.display();
        for mode in [0o644, 0o640, 0o602] {
            let error = read(b"s3cret\n", mode).unwrap_err();
            assert!(
                error.contains(&format!("{shown} has mode {mode:04o}")),
                "{error}"
            );
        }
        let error = read(&[0xff; 9], 0o600).unwrap_err();
        assert!(error.ends_with("is not text"), "{error}");
        let error = Password::from_file(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is not a regular file"), "{error}");
        fs::remove_file(&path).unwrap();
        let error = Password::from_file(&path).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("the password file {shown}: ")),
            "{error}"
        );
    }

    #[test]
    fn a_variable_has_a_password_or_none() {
        // The environment of a process cannot be changed here: what every run of the tests has is read.
        let read = Password::from_variable("PATH").unwrap();
        assert_eq!(read.as_bytes(), var("PATH").unwrap().as_bytes());
        let error = Password::from_variable("COUNTERFOIL_NO_SUCH_VARIABLE").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable COUNTERFOIL_NO_SUCH_VARIABLE, for the password: environment variable not found"
        );
    }
}

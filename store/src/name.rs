//! Names of blobs and registers.
//!
//! A name is one or more segments joined by `/`; a segment is one or more of `a-z 0-9 . _ -` and is neither `.` nor `..`.
//! So a name is a safe relative path on every file system (also on those that ignore case) and a safe object key.
//!
//! ```
//! use counterfoil_store::BlobName;
//! assert!("tile/entries/x001/234.p/17".parse::<BlobName>().is_ok());
//! assert!("tile/../head".parse::<BlobName>().is_err());
//! assert!("Tile/0".parse::<BlobName>().is_err());
//! ```

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name, in bytes. No file system or object store in use takes less: a single file name may have 255 bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The name of a blob. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName(Arc<str>);

/// The name of a register. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterName(Arc<str>);

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The text is longer than [`MAX_NAME_BYTES`].
    #[error("a name has at most {MAX_NAME_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A segment is empty, `.` or `..`.
    #[error("a name's segments must not be empty, \".\" or \"..\": {0:?}")]
    Segment(String),
    /// A character outside the permitted ones.
    #[error("a name has only a-z, 0-9, '.', '_', '-' and '/', found {found:?} in {text:?}")]
    Character {
        /// The first character that is not permitted.
        found: char,
        /// The text it was found in.
        text: String,
    },
}

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong(text.len()));
    }
    let permitted = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/');
    if let Some(found) = text.chars().find(|c| !permitted(*c)) {
        return Err(NameError::Character {
            found,
            text: text.to_owned(),
        });
    }
    if text
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return Err(NameError::Segment(text.to_owned()));
    }
    Ok(())
}

macro_rules! name_type {
    ($name:ident) => {
        impl $name {
            /// Checks a text and makes it a name.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name_type!(BlobName);
name_type!(RegisterName);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_checked() {
        let longest = "a".repeat(MAX_NAME_BYTES);
        let too_long = "a".repeat(MAX_NAME_BYTES + 1);
        let good = [
            "a",
            "tile/0/x001/234",
            "staged/0a-b_c.d",
            "...",
            "a/..b",
            ".p",
            &longest,
        ];
        for text in good {
            assert_eq!(BlobName::new(text).unwrap().as_str(), text);
            assert_eq!(RegisterName::new(text).unwrap().as_str(), text);
        }
        let bad = [
            ("empty", ""),
            ("too long", too_long.as_str()),
            ("absolute", "/a"),
            ("trailing slash", "a/"),
            ("empty segment", "a//b"),
            ("dot", "a/./b"),
            ("dot alone", "."),
            ("dot dot", "a/../b"),
            ("dot dot alone", ".."),
            ("upper case", "A"),
            ("space", "a b"),
            ("backslash", "a\\b"),
            ("colon", "a:b"),
            ("tilde", "~tmp"),
            ("NUL", "a\0b"),
            ("newline", "a\n"),
            ("not ASCII", "\u{e4}"),
            ("full-width slash", "a\u{ff0f}b"),
        ];
        for (mutation, text) in bad {
            assert!(
                BlobName::new(text).is_err(),
                "{mutation}: {text:?} was accepted"
            );
            assert!(
                RegisterName::new(text).is_err(),
                "{mutation}: {text:?} was accepted"
            );
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_a_normal_relative_path(text in "[a-z/._A~-]{0,12}") {
            if let Ok(name) = BlobName::new(&text) {
                let path = std::path::Path::new(name.as_str());
                let normal = |c: std::path::Component<'_>| matches!(c, std::path::Component::Normal(_));
                prop_assert!(path.components().all(normal));
                let rebuilt: std::path::PathBuf = path.components().collect();
                prop_assert_eq!(rebuilt.to_str().unwrap(), name.as_str());
            }
        }
    }
}

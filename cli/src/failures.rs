//! Which error leads to which exit code, and what to do about it: the one place that maps them.

use counterfoil_tiles::key::KeyError;

use crate::audit::StateError;
use crate::client::CallError;
use crate::entry::EntryError;
use crate::exit::Failure;
use crate::place::PlaceError;
use crate::submit::files::ListError;
use crate::submit::journal::JournalError;
use counterfoil_files::PrivateFileError;

impl From<PrivateFileError> for Failure {
    fn from(error: PrivateFileError) -> Self {
        let advice = match &error {
            PrivateFileError::Exists { .. } => {
                Some("give another name, or move the old file away".to_owned())
            }
            // It says itself what to do.
            PrivateFileError::Open { .. }
            | PrivateFileError::NotAFile { .. }
            | PrivateFileError::TooLong { .. }
            | PrivateFileError::NotText { .. }
            | PrivateFileError::Io { .. } => None,
        };
        let failure = Self::usage(error.to_string());
        match advice {
            Some(advice) => failure.advice(advice),
            None => failure,
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<EntryError> for Failure {
    fn from(error: EntryError) -> Self {
        // What was named cannot be an entry: all three are about the argument.
        Self::usage(error.to_string())
    }
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        let failure = Self::usage(error.to_string());
        match error {
            ListError::SameReceipt { .. } => failure.advice(
                "submit them one after the other with different --receipts directories, or without",
            ),
            ListError::Io { .. } | ListError::Special { .. } => failure,
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let text = error.to_string();
        match error {
            JournalError::Io { .. } => Self::could_not_tell(text)
                .advice("nothing more was sent; when the disk is well again, run the same command: it goes on"),
            JournalError::InUse { .. } => Self::could_not_tell(text).advice("wait until the other one ends"),
            JournalError::OtherLog { .. } => {
                Self::usage(text).advice("give another --journal for this log; a journal is of one log")
            }
            JournalError::Line { .. } | JournalError::Order { .. } | JournalError::TooLong { .. } => {
                Self::usage(text).advice(
                    "it was changed by something else; without it, it is not known what was logged. Keep it, and give another --journal only if logging twice does no harm",
                )
            }
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let text = error.to_string();
        match error {
            StateError::Io { .. } => Self::could_not_tell(text),
            StateError::Malformed { .. } => Self::usage(text)
                .advice("move it away to audit without the memory of earlier audits"),
            StateError::OtherLog { .. } => {
                Self::usage(text).advice("give another --state for this log")
            }
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let text = error.to_string();
        match &error {
            CallError::Usage(_) => Self::usage(text),
            CallError::NotSent { .. } => {
                Self::could_not_tell(text).advice("check the address, and whether the log is up")
            }
            CallError::NoAnswer { .. } => Self::could_not_tell(text),
            CallError::TooLong { .. } => Self::failed(text),
            CallError::Refused { refusal, .. } => match refusal.status {
                401 | 403 => Self::could_not_tell(text)
                    .advice("the log wants a bearer token: --token-file FILE or COUNTERFOIL_TOKEN"),
                404 => {
                    Self::could_not_tell(text).advice("check that the URL is the prefix of a log")
                }
                400..=499 if refusal.status != 429 => Self::failed(text),
                _ => Self::could_not_tell(text).advice("the log has a problem; try again later"),
            },
        }
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        let text = error.to_string();
        match error {
            PlaceError::Call(error) => error.into(),
            PlaceError::Directory { .. } => Self::usage(text),
            PlaceError::NoCheckpoint { .. } => Self::could_not_tell(text).advice(
                "expected the URL prefix of a log, or a directory that holds `checkpoint` and `tile/`; a new log has its first checkpoint within moments",
            ),
            PlaceError::Checkpoint { .. } => Self::could_not_tell(text),
        }
    }
}

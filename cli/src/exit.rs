//! How a command ends: the exit codes, and the errors that lead to each of them.
//!
//! | code | meaning |
//! |------|---------|
//! | 0 | done; for a verification: verified |
//! | 1 | verification failed; or a log refused, for good, what it was asked |
//! | 2 | usage: an argument, a file that was named, a policy or a configuration is not what it must be |
//! | 3 | could not tell: network, disk, an interruption; the same command may succeed later |
//!
//! A caller that only wants to know "is it proved?" tests for 0. 1 says that what was shown is wrong, 3 says that
//! nothing was shown either way: a script must never treat the two alike.

use std::process::ExitCode;

use counterfoil_checks::{Checks, Outcome};
use serde_json::json;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done; for a verification: every check that had to pass passed.
    Done = 0,
    /// A check failed, or a log refused for good.
    Failed = 1,
    /// What was asked cannot be asked.
    Usage = 2,
    /// Neither shown nor refuted.
    CouldNotTell = 3,
}

impl Exit {
    /// Done if all checks passed, failed if one failed, else it could not be told.
    pub(crate) fn of(checks: &Checks) -> Self {
        checks.outcome().into()
    }

    /// The word for JSON output.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::CouldNotTell => "could-not-tell",
        }
    }

    /// The worse of two outcomes of one command: a failure outweighs a doubt, and both outweigh success.
    pub(crate) fn and(self, other: Self) -> Self {
        let weight = |exit| match exit {
            Self::Done => 0,
            Self::CouldNotTell => 1,
            Self::Usage => 2,
            Self::Failed => 3,
        };
        if weight(other) > weight(self) {
            other
        } else {
            self
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Done,
            Outcome::NotChecked => Self::CouldNotTell,
            Outcome::Failed => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early: what happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What was expected and what came.
    pub(crate) what: String,
    /// What to do.
    pub(crate) advice: Option<String>,
}

impl Failure {
    /// A check failed, or a log refused for good.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// What was asked cannot be asked.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Neither shown nor refuted.
    pub(crate) fn could_not_tell(what: impl Into<String>) -> Self {
        Self::new(Exit::CouldNotTell, what)
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The error as a JSON object, for `--json`.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({
            "outcome": self.exit.word(),
            "error": self.what,
            "advice": self.advice,
        })
    }

    fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            advice: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let rows = [
            (Exit::Done, 0, "done"),
            (Exit::Failed, 1, "failed"),
            (Exit::Usage, 2, "usage"),
            (Exit::CouldNotTell, 3, "could-not-tell"),
        ];
        for (exit, code, word) in rows {
            assert_eq!((exit as u8, exit.word()), (code, word));
        }
    }

    #[test]
    fn a_failure_outweighs_a_doubt_and_a_doubt_outweighs_success() {
        assert_eq!(Exit::Done.and(Exit::CouldNotTell), Exit::CouldNotTell);
        assert_eq!(Exit::CouldNotTell.and(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Failed.and(Exit::CouldNotTell), Exit::Failed);
        assert_eq!(Exit::Failed.and(Exit::Done), Exit::Failed);
        assert_eq!(Exit::Done.and(Exit::Done), Exit::Done);
    }
}

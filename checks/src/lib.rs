//! Named checks, each passed, failed or not checked with its reason, and the outcome that follows from them: what every
//! judgement comes to, of a receipt, of a token, of a block, of evidence.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt::Display;

use serde::Serialize;

/// What a check came to; of several, the worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It could not be made.
    NotChecked,
    /// It does not hold.
    Failed,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check<N = Cow<'static, str>> {
    /// Its name, the same in every release.
    pub name: N,
    /// What it came to.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: String,
}

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It does not hold.
    Failed(String),
    /// It could not be made.
    NotChecked(String),
}

/// That a check does not hold, because of this.
pub fn failed(reason: impl Display) -> Trouble {
    Trouble::Failed(reason.to_string())
}

/// That a check could not be made, because of this.
pub fn not_checked(reason: impl Display) -> Trouble {
    Trouble::NotChecked(reason.to_string())
}

/// The checks made, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Checks<N = Cow<'static, str>>(Vec<Check<N>>);

impl<N> Default for Checks<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<N> Checks<N> {
    /// Notes a check that holds.
    pub fn passed(&mut self, name: impl Into<N>, reason: impl Into<String>) {
        self.push(name, Outcome::Passed, reason);
    }

    /// Notes a check that does not hold.
    pub fn failed(&mut self, name: impl Into<N>, reason: impl Into<String>) {
        self.push(name, Outcome::Failed, reason);
    }

    /// Notes a check that could not be made.
    pub fn not_checked(&mut self, name: impl Into<N>, reason: impl Into<String>) {
        self.push(name, Outcome::NotChecked, reason);
    }

    /// Notes a check.
    pub fn push(&mut self, name: impl Into<N>, outcome: Outcome, reason: impl Into<String>) {
        self.0.push(Check {
            name: name.into(),
            outcome,
            reason: reason.into(),
        });
    }

    /// Notes a check by what making it gave.
    pub fn note(&mut self, name: impl Into<N>, made: Result<String, Trouble>) {
        match made {
            Ok(reason) => self.passed(name, reason),
            Err(Trouble::Failed(reason)) => self.failed(name, reason),
            Err(Trouble::NotChecked(reason)) => self.not_checked(name, reason),
        }
    }

    /// Passed if all passed, failed if one failed, else it could not be told.
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.0.iter().map(|check| check.outcome);
        outcomes.max().unwrap_or(Outcome::Passed)
    }

    /// The first check with this outcome.
    pub fn first(&self, outcome: Outcome) -> Option<&Check<N>> {
        self.0.iter().find(|check| check.outcome == outcome)
    }

    /// The checks in order.
    pub fn iter(&self) -> impl Iterator<Item = &Check<N>> {
        self.0.iter()
    }
}

impl<N: PartialEq> Checks<N> {
    /// The check of this name.
    pub fn get(&self, name: &N) -> Option<&Check<N>> {
        self.iter().find(|check| check.name == *name)
    }

    /// What the check of this name came to; one that is not there was not made.
    pub fn of(&self, name: &N) -> Outcome {
        self.get(name)
            .map_or(Outcome::NotChecked, |check| check.outcome)
    }

    /// True if none failed, and none but these was left open.
    pub fn hold_but_for(&self, optional: &[N]) -> bool {
        self.iter().all(|check| match check.outcome {
            Outcome::Passed => true,
            Outcome::Failed => false,
            Outcome::NotChecked => optional.contains(&check.name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_and_a_gap_leaves_it_open() {
        let mut checks: Checks = Checks::default();
        assert_eq!(checks.outcome(), Outcome::Passed);
        checks.passed("a", "");
        assert_eq!(checks.outcome(), Outcome::Passed);
        checks.not_checked("b", "no network");
        assert_eq!(checks.outcome(), Outcome::NotChecked);
        checks.failed("c", "wrong");
        checks.passed("d", "");
        assert_eq!(checks.outcome(), Outcome::Failed);
        assert_eq!(
            checks
                .first(Outcome::Failed)
                .map(|check| check.name.as_ref()),
            Some("c")
        );
    }

    #[test]
    fn what_is_optional_may_be_open_but_not_wrong() {
        let checks = |two| {
            let mut checks = Checks::<u8>::default();
            checks.note(1, Ok("right".to_owned()));
            checks.note(2, two);
            checks
        };
        let open = checks(Err(not_checked("no data")));
        assert_eq!(
            [1, 2, 3].map(|name| open.of(&name)),
            [Outcome::Passed, Outcome::NotChecked, Outcome::NotChecked]
        );
        assert!(open.hold_but_for(&[2]));
        assert!(!open.hold_but_for(&[]));
        let wrong = checks(Err(failed("wrong")));
        assert_eq!(wrong.of(&2), Outcome::Failed);
        assert!(!wrong.hold_but_for(&[2]));
    }
}

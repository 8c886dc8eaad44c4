//! Named checks, each passed, failed or not checked, and the outcome that follows from them.

use std::borrow::Cow;

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
pub struct Check {
    /// Its name, the same in every release.
    pub name: Cow<'static, str>,
    /// What it came to.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: String,
}

/// The checks made, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Notes a check that holds.
    pub fn passed(&mut self, name: impl Into<Cow<'static, str>>, reason: impl Into<String>) {
        self.push(name, Outcome::Passed, reason);
    }

    /// Notes a check that does not hold.
    pub fn failed(&mut self, name: impl Into<Cow<'static, str>>, reason: impl Into<String>) {
        self.push(name, Outcome::Failed, reason);
    }

    /// Notes a check that could not be made.
    pub fn not_checked(&mut self, name: impl Into<Cow<'static, str>>, reason: impl Into<String>) {
        self.push(name, Outcome::NotChecked, reason);
    }

    /// Notes a check.
    pub fn push(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        outcome: Outcome,
        reason: impl Into<String>,
    ) {
        self.0.push(Check {
            name: name.into(),
            outcome,
            reason: reason.into(),
        });
    }

    /// Passed if all passed, failed if one failed, else it could not be told.
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.0.iter().map(|check| check.outcome);
        outcomes.max().unwrap_or(Outcome::Passed)
    }

    /// The first check with this outcome.
    pub fn first(&self, outcome: Outcome) -> Option<&Check> {
        self.0.iter().find(|check| check.outcome == outcome)
    }

    /// The checks in order.
    pub fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_and_a_gap_leaves_it_open() {
        let mut checks = Checks::default();
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
}

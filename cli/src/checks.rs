//! Named checks, each passed, failed or not checked, and the outcome that follows from them.

use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Mark, Output};

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// It could not be made.
    NotChecked,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Its name, the same in every release.
    pub(crate) name: &'static str,
    /// What it came to.
    pub(crate) outcome: Outcome,
    /// Why, in words.
    pub(crate) reason: String,
}

/// The checks made, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    /// Notes a check that holds.
    pub(crate) fn passed(&mut self, name: &'static str, reason: impl Into<String>) {
        self.push(name, Outcome::Passed, reason);
    }

    /// Notes a check that does not hold.
    pub(crate) fn failed(&mut self, name: &'static str, reason: impl Into<String>) {
        self.push(name, Outcome::Failed, reason);
    }

    /// Notes a check that could not be made.
    pub(crate) fn not_checked(&mut self, name: &'static str, reason: impl Into<String>) {
        self.push(name, Outcome::NotChecked, reason);
    }

    fn push(&mut self, name: &'static str, outcome: Outcome, reason: impl Into<String>) {
        self.0.push(Check {
            name,
            outcome,
            reason: reason.into(),
        });
    }

    /// Done if all passed, failed if one failed, else it could not be told.
    pub(crate) fn exit(&self) -> Exit {
        self.0.iter().fold(Exit::Done, |exit, check| {
            exit.and(match check.outcome {
                Outcome::Passed => Exit::Done,
                Outcome::Failed => Exit::Failed,
                Outcome::NotChecked => Exit::CouldNotTell,
            })
        })
    }

    /// The reason of the first check with this outcome.
    pub(crate) fn first(&self, outcome: Outcome) -> Option<&Check> {
        self.0.iter().find(|check| check.outcome == outcome)
    }

    /// The checks in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.iter()
    }

    /// Writes a line for each check.
    pub(crate) fn print(&self, output: Output) {
        let width = self
            .0
            .iter()
            .map(|check| check.name.len())
            .max()
            .unwrap_or_default();
        for check in &self.0 {
            let mark = match check.outcome {
                Outcome::Passed => Mark::Passed,
                Outcome::Failed => Mark::Failed,
                Outcome::NotChecked => Mark::NotChecked,
            };
            output.line(format!(
                "  {:width$}  {}: {}",
                check.name,
                output.mark(mark),
                check.reason
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_and_a_gap_leaves_it_open() {
        let mut checks = Checks::default();
        assert_eq!(checks.exit(), Exit::Done);
        checks.passed("a", "");
        assert_eq!(checks.exit(), Exit::Done);
        checks.not_checked("b", "no network");
        assert_eq!(checks.exit(), Exit::CouldNotTell);
        checks.failed("c", "wrong");
        checks.passed("d", "");
        assert_eq!(checks.exit(), Exit::Failed);
        assert_eq!(
            checks.first(Outcome::Failed).map(|check| check.name),
            Some("c")
        );
    }
}

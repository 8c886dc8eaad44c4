//! What a check of an anchor weighs.
//!
//! Anchors are gathered from whoever has them, by programs that trust nobody in particular. So an anchor that anybody could have made, or
//! that the verifier's own terms rule out, takes nothing from the others; but what somebody who is trusted did not say as it stands
//! here was altered, and evidence that was altered is none.
//! The table is in [`super`]'s documentation.

use counterfoil_checks::{Checks, Outcome};

/// What a check of an anchor is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// That it is an anchor.
    Form,
    /// Whether anybody who is trusted stands behind it: the path to a trusted root, the hash of a trusted block.
    Whose,
    /// The anchor with the checkpoint. Everybody can tell, and whoever gathered it did.
    Itself,
    /// What only the verifier can tell: whom they trust for what, and at which time they judge.
    Terms,
}

/// A check of an anchor, as it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) name: String,
    pub(super) about: About,
    pub(super) outcome: Outcome,
    pub(super) reason: String,
    /// Whether an anchor can hold where it is not checked.
    pub(super) may_be_open: bool,
}

/// The checks of an anchor, as they weigh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weighed(Vec<Made>);

impl Made {
    fn failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }

    /// Whether all of the evidence fails where it does.
    fn is_of_all(&self) -> bool {
        matches!(self.about, About::Form | About::Itself)
    }
}

impl Weighed {
    pub(super) fn of(mut made: Vec<Made>) -> Self {
        if !stands(&made) {
            for check in &mut made {
                if check.failed() && matches!(check.about, About::Itself | About::Terms) {
                    check.outcome = Outcome::NotChecked;
                    check.reason = format!(
                        "nobody who is trusted stands behind this anchor: {}",
                        check.reason
                    );
                }
            }
        }
        Self(made)
    }

    /// Whether it is left out: it does not hold, and the evidence may.
    fn is_left_out(&self) -> bool {
        self.0.iter().any(Made::failed) && !self.0.iter().any(|one| one.failed() && one.is_of_all())
    }

    /// What stands in its way: what the evidence fails by, else that nobody stands behind it, else what failed, else what could not be
    /// checked and had to be.
    pub(super) fn why(&self) -> Option<String> {
        let first = |is: &dyn Fn(&Made) -> bool| self.0.iter().find(|one| is(one));
        let check = first(&|one| one.failed() && one.is_of_all())
            .or_else(|| first(&|one| one.about == About::Whose && !stands(&self.0)))
            .or_else(|| first(&Made::failed))
            .or_else(|| first(&|one| one.outcome == Outcome::NotChecked && !one.may_be_open))?;
        Some(format!("{}: {}", check.name, check.reason))
    }

    /// Takes them down for the anchor that is called so.
    pub(super) fn note(self, name: &str, checks: &mut Checks, left_out: &mut LeftOut) {
        if let (true, Some(why)) = (self.is_left_out(), self.why()) {
            let words = format!("the anchor {name} does not hold, and is left out: {why}");
            left_out.caveats.push(words);
        }
        for check in self.0 {
            let called = format!("anchor {name}: {}", check.name);
            if check.failed() && !check.is_of_all() {
                left_out.checks.push(called.clone());
            }
            checks.push(called, check.outcome, check.reason);
        }
    }
}

/// Whether somebody who is trusted stands behind an anchor.
fn stands(made: &[Made]) -> bool {
    made.iter()
        .any(|one| one.about == About::Whose && one.outcome == Outcome::Passed)
}

/// What does not hold, and takes nothing from the rest.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// The names of the checks by which it does not.
    pub(super) checks: Vec<String>,
    /// What a reader should know.
    pub(super) caveats: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(about: About, outcome: Outcome) -> Made {
        Made {
            name: format!("{about:?}"),
            about,
            outcome,
            reason: "why".to_owned(),
            may_be_open: false,
        }
    }

    /// Of each check, what it weighs by whom stands behind the anchor.
    #[test]
    fn a_failed_check_weighs_by_what_it_is_about() {
        use Outcome::{Failed, NotChecked, Passed};
        let rows = [
            (About::Form, Passed, Failed, false),
            (About::Form, NotChecked, Failed, false),
            (About::Itself, Passed, Failed, false),
            (About::Itself, NotChecked, NotChecked, false),
            (About::Itself, Failed, NotChecked, true),
            (About::Terms, Passed, Failed, true),
            (About::Terms, NotChecked, NotChecked, false),
        ];
        for (about, whose, outcome, is_left_out) in rows {
            let row = format!("{about:?} fails, whose {whose:?}");
            let weighed = Weighed::of(vec![made(About::Whose, whose), made(about, Failed)]);
            assert_eq!(weighed.0[1].outcome, outcome, "{row}");
            assert_eq!(weighed.is_left_out(), is_left_out, "{row}");
            assert!(weighed.why().is_some(), "{row}");
            let (mut checks, mut left_out) = (Checks::default(), LeftOut::default());
            weighed.note("x", &mut checks, &mut left_out);
            assert_eq!(left_out.caveats.len(), usize::from(is_left_out), "{row}");
            assert_eq!(left_out.checks.len(), usize::from(is_left_out), "{row}");
        }
    }
}

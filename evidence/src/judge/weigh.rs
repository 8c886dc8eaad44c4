//! What a check of an anchor weighs.
//!
//! Anchors are gathered from whoever has them, by programs that trust nobody in particular. So an anchor that anybody could have made, or
//! that the verifier's own terms rule out, takes nothing from the others; but what somebody who is trusted, or is said to be, did not
//! say as it stands here was altered, and evidence that was altered is none.
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

/// Who stands behind an anchor, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Behind {
    /// Somebody who is trusted: good signatures lead to a trusted root, or the block is trusted.
    Trusted,
    /// It names somebody who is trusted, by this name in the trust file, and nothing shows it.
    Named(String),
    /// Nobody who is trusted.
    Nobody,
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

/// What an anchor weighs: the less, the nearer it is to holding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It holds.
    Holds,
    /// It does not, because something is not known.
    Open,
    /// It does not, and the evidence may.
    LeftOut,
    /// All of the evidence fails by it.
    Against,
}

/// The checks of an anchor, as they weigh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weighed {
    made: Vec<Made>,
    /// That it does not count and nothing of it failed, where a reader should know.
    doubt: Option<String>,
}

impl Made {
    fn failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }

    /// Whether all of the evidence fails where it does.
    fn is_of_all(&self) -> bool {
        matches!(self.about, About::Form | About::Itself)
    }

    fn words(&self) -> String {
        format!("{}: {}", self.name, self.reason)
    }
}

impl Weighed {
    pub(super) fn of(mut made: Vec<Made>, behind: &Behind) -> Self {
        let doubt = doubt(&made, behind);
        for check in &mut made {
            if !check.failed() {
                continue;
            }
            match (check.about, behind) {
                (About::Form | About::Whose, _) | (_, Behind::Trusted) => {}
                (About::Itself, Behind::Named(who)) => {
                    check.reason = format!(
                        "this anchor names {who}, and it was altered: {}",
                        check.reason
                    );
                }
                (About::Terms, Behind::Named(_)) | (_, Behind::Nobody) => {
                    check.outcome = Outcome::NotChecked;
                    check.reason = format!(
                        "nobody who is trusted stands behind this anchor: {}",
                        check.reason
                    );
                }
            }
        }
        Self { made, doubt }
    }

    pub(super) fn weight(&self) -> Weight {
        if self.made.iter().any(|one| one.failed() && one.is_of_all()) {
            Weight::Against
        } else if self.made.iter().any(Made::failed) {
            Weight::LeftOut
        } else if self.why().is_some() {
            Weight::Open
        } else {
            Weight::Holds
        }
    }

    /// What stands in its way: what the evidence fails by, else that nobody stands behind it, else what failed, else what could not be
    /// checked and had to be.
    pub(super) fn why(&self) -> Option<String> {
        let first = |is: &dyn Fn(&Made) -> bool| self.made.iter().find(|one| is(one));
        let check = first(&|one| one.failed() && one.is_of_all())
            .or_else(|| first(&|one| one.about == About::Whose && one.outcome != Outcome::Passed))
            .or_else(|| first(&Made::failed))
            .or_else(|| first(&|one| one.outcome == Outcome::NotChecked && !one.may_be_open))?;
        Some(check.words())
    }

    /// Takes them down for the anchor that is called so.
    pub(super) fn note(self, name: &str, checks: &mut Checks, left_out: &mut LeftOut) {
        let caveat = match self.weight() {
            Weight::LeftOut => self.why().map(|why| format!("is left out: {why}")),
            Weight::Open => self.doubt,
            Weight::Holds | Weight::Against => None,
        };
        let caveat = caveat.map(|what| format!("the anchor {name} does not hold, and {what}"));
        left_out.caveats.extend(caveat);
        for check in self.made {
            let called = format!("anchor {name}: {}", check.name);
            if check.failed() && !check.is_of_all() {
                left_out.checks.push(called.clone());
            }
            checks.push(called, check.outcome, check.reason);
        }
    }
}

/// What a reader should know of an anchor that nobody stands behind who is trusted: that it is not right by itself, or that who is named
/// can neither be shown nor refuted.
fn doubt(made: &[Made], behind: &Behind) -> Option<String> {
    let first = |is: &dyn Fn(&Made) -> bool| {
        let check = made
            .iter()
            .find(|one| one.about == About::Itself && is(one));
        check.map(Made::words)
    };
    match behind {
        Behind::Trusted => None,
        Behind::Named(who) => {
            let open = first(&|one| one.outcome == Outcome::NotChecked && !one.may_be_open)?;
            Some(format!(
                "whether it is of {who}, whom it names, cannot be told: {open}"
            ))
        }
        Behind::Nobody => {
            let failed = first(&Made::failed)?;
            Some(format!(
                "is of nobody who is trusted; it was altered, or never right: {failed}"
            ))
        }
    }
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

    /// Of each check, what it weighs by who stands behind the anchor, and whether there is a caveat.
    #[test]
    fn a_failed_check_weighs_by_what_it_is_about() {
        use Outcome::{Failed, NotChecked, Passed};
        let named = || Behind::Named("x".to_owned());
        let rows = [
            (About::Form, Passed, Behind::Trusted, Weight::Against, false),
            (
                About::Form,
                NotChecked,
                Behind::Nobody,
                Weight::Against,
                false,
            ),
            (
                About::Itself,
                Passed,
                Behind::Trusted,
                Weight::Against,
                false,
            ),
            (
                About::Itself,
                Failed,
                Behind::Trusted,
                Weight::Against,
                false,
            ),
            (About::Itself, Failed, named(), Weight::Against, false),
            (About::Itself, NotChecked, named(), Weight::Against, false),
            (
                About::Itself,
                NotChecked,
                Behind::Nobody,
                Weight::Open,
                true,
            ),
            (About::Itself, Failed, Behind::Nobody, Weight::LeftOut, true),
            (About::Terms, Passed, Behind::Trusted, Weight::LeftOut, true),
            (About::Terms, Failed, Behind::Trusted, Weight::LeftOut, true),
            (About::Terms, NotChecked, named(), Weight::Open, false),
            (
                About::Terms,
                NotChecked,
                Behind::Nobody,
                Weight::Open,
                false,
            ),
        ];
        for (about, whose, behind, weight, has_caveat) in rows {
            let row = format!("{about:?} fails, whose {whose:?}, behind it {behind:?}");
            let both = vec![made(About::Whose, whose), made(about, Failed)];
            let weighed = Weighed::of(both, &behind);
            assert_eq!(weighed.weight(), weight, "{row}");
            assert!(weighed.why().is_some(), "{row}");
            let (mut checks, mut left_out) = (Checks::default(), LeftOut::default());
            weighed.note("x", &mut checks, &mut left_out);
            assert_eq!(left_out.caveats.len(), usize::from(has_caveat), "{row}");
            assert_eq!(
                !left_out.checks.is_empty(),
                weight == Weight::LeftOut || whose == Failed,
                "{row}"
            );
        }
    }

    /// Who is named, and cannot be shown to have made it or not, is a caveat.
    #[test]
    fn what_cannot_be_told_of_somebody_named_is_a_caveat() {
        let open = || {
            vec![
                made(About::Whose, Outcome::NotChecked),
                made(About::Itself, Outcome::NotChecked),
            ]
        };
        for (behind, count) in [(Behind::Named("x".to_owned()), 1), (Behind::Nobody, 0)] {
            let (mut checks, mut left_out) = (Checks::default(), LeftOut::default());
            Weighed::of(open(), &behind).note("x", &mut checks, &mut left_out);
            assert_eq!(left_out.caveats.len(), count, "{behind:?}");
        }
    }
}

//! The startup guard: whether what the witnesses say lets a log go on from its head.
//!
//! A log that starts from an old copy of its data would sign a second history beside the one that its witnesses know. So it
//! shows them what it has published, looks at what they show of it, and judges:
//!
//! | what a witness says | |
//! |---|---|
//! | shows a checkpoint with our own signature, larger than the head or of another tree | the log refuses to run |
//! | cosigns what is published, or names a size that the head has | it claims nothing larger |
//! | names a larger size, or says that the tree is another (422), and shows nothing signed | an alarm; it counts for no quorum |
//! | nothing that can be understood | it has not answered |
//!
//! Then the log waits while those that have not answered contain a quorum, goes on if those that claim nothing larger contain
//! one, waits while they would with those that have not answered, and refuses otherwise.

use counterfoil_tiles::checkpoint::{Checkpoint, SignedCheckpoint};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::policy::{Policy, Quorum, Witness};

use super::endpoint::WitnessName;
use super::monitor::Seen;
use super::outcome::Outcome;
use super::round::{Round, WitnessAnswer};

/// What one witness says about the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Testimony {
    /// Its names in the policy: one for each of its keys.
    pub witnesses: Vec<WitnessName>,
    /// What it did when it was shown a checkpoint of the log; none if the log had none to show.
    pub shown: Option<Outcome>,
    /// The checkpoint with a good signature of the log that it shows; none if it has never cosigned one; or why that is not
    /// known.
    pub latest: Result<Option<SignedCheckpoint>, String>,
}

/// Puts together what the witnesses of a policy did in a round, if there was one, and what they show.
pub fn testimonies(round: Option<&Round>, seen: Vec<Seen>) -> Vec<Testimony> {
    let answers = round.map_or(&[][..], |round| &round.answers);
    let shown = |seen: &Seen| {
        let of = |answer: &&WitnessAnswer| answer.witnesses == seen.witnesses;
        let answer = answers.iter().find(of);
        round.map(|_| answer.map_or(Outcome::Pending, |answer| answer.outcome.clone()))
    };
    seen.into_iter()
        .map(|seen| Testimony {
            shown: shown(&seen),
            witnesses: seen.witnesses,
            latest: seen.checkpoint,
        })
        .collect()
}

/// What the log does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It goes on.
    Go,
    /// It goes on; somebody has to look at this.
    GoWithAlarm {
        /// One sentence each.
        alarms: Vec<String>,
    },
    /// It asks again later, and neither signs nor acknowledges anything until then.
    Wait {
        /// Whom it waits for, and what is wrong there.
        for_whom: Vec<String>,
    },
    /// It must not run on this data.
    Refuse {
        /// What was found.
        why: String,
        /// What the operator does about it.
        what_to_do: String,
    },
}

/// Judges whether a log goes on from a head of size `head`. `root_at` gives the root of the log's own tree at a size up to
/// that, or says why it cannot be told now; `published` is the checkpoint in the log's register.
pub fn judge(
    policy: &Policy,
    head: TreeSize,
    root_at: impl Fn(TreeSize) -> Result<NodeHash, String>,
    published: Option<&Checkpoint>,
    testimonies: &[Testimony],
) -> Decision {
    // SPEC(design 2, startup guard): "It refuses to run if a checkpoint validly signed by its own key (in its register, or at
    // a witness's monitoring prefix, configured beside the policy) is larger than its head or conflicts with it"
    let own = published.map(|checkpoint| ("the published checkpoint".to_owned(), checkpoint));
    let shown = testimonies.iter().filter_map(|testimony| {
        let latest = testimony.latest.as_ref().ok()?.as_ref()?;
        let whose = format!("the checkpoint at witness {}", names(testimony));
        Some((whose, latest.checkpoint()))
    });
    let mut not_compared = Vec::new();
    for (whose, signed) in own.into_iter().chain(shown) {
        match compare(head, &root_at, signed) {
            Ok(None) => {}
            Ok(Some(contradiction)) => return contradiction.refusal(&whose, head, signed),
            Err(why) => not_compared.push(format!(
                "the store: {whose} of size {} could not be compared with the tree: {why}",
                signed.size()
            )),
        }
    }
    if !not_compared.is_empty() {
        return Decision::Wait {
            for_whom: not_compared,
        };
    }
    let claims: Vec<(&Testimony, Claim)> = testimonies
        .iter()
        .map(|testimony| (testimony, Claim::of(testimony, head)))
        .collect();
    by_quorum(policy, head, &claims)
}

/// What a signed checkpoint may say against a head.
enum Contradiction {
    Larger,
    Conflicting(NodeHash),
}

fn compare(
    head: TreeSize,
    root_at: impl Fn(TreeSize) -> Result<NodeHash, String>,
    signed: &Checkpoint,
) -> Result<Option<Contradiction>, String> {
    if signed.size() > head {
        return Ok(Some(Contradiction::Larger));
    }
    let root = root_at(signed.size())?;
    Ok((root != *signed.root()).then_some(Contradiction::Conflicting(root)))
}

impl Contradiction {
    fn refusal(&self, whose: &str, head: TreeSize, signed: &Checkpoint) -> Decision {
        let (size, root) = (signed.size(), signed.root());
        match self {
            Self::Larger => Decision::Refuse {
                why: format!(
                    "{whose} is signed by this log and has size {size}, but the data ends at size {head}: the data is an older copy"
                ),
                what_to_do: format!(
                    "stop, and restore a copy of the data with at least {size} entries. Never go on from this one, not even unguarded: the log would sign a second history, which the checkpoint proves"
                ),
            },
            Self::Conflicting(own) => Decision::Refuse {
                why: format!(
                    "{whose} is signed by this log and has the root {root} at size {size}, where the data has {own}: two histories were signed, or the data is another log's"
                ),
                what_to_do: "stop, and keep both: this data and the checkpoint. Restore the data that the checkpoint belongs to; if there is none, the log has forked, and its users have to be told".into(),
            },
        }
    }
}

/// What a witness says about the log's size, as far as it shows nothing signed that says otherwise.
enum Claim {
    NotLarger,
    Larger(String),
    Silent(String),
}

impl Claim {
    fn of(testimony: &Testimony, head: TreeSize) -> Self {
        let Some(shown) = &testimony.shown else {
            // There was nothing to show, so what it has cosigned is all that it can say. What is larger was found before.
            return match &testimony.latest {
                Ok(_) => Self::NotLarger,
                Err(why) => Self::Silent(why.clone()),
            };
        };
        match shown {
            Outcome::Ahead { size } | Outcome::Behind { size, .. } if *size > head => {
                Self::Larger(format!("says that it has cosigned size {size}"))
            }
            Outcome::Refused { status: 422, .. } => Self::Larger(shown.to_string()),
            // It knows no such log, and has never cosigned one. Either 404 alone may be a wrong URL, or a witness that the
            // log was taken from.
            Outcome::Refused { status: 404, .. } if testimony.latest != Ok(None) => {
                Self::Silent(shown.to_string())
            }
            Outcome::Cosigned
            | Outcome::Ahead { .. }
            | Outcome::Behind { .. }
            | Outcome::Refused { status: 404, .. } => Self::NotLarger,
            _ => Self::Silent(shown.to_string()),
        }
    }
}

fn by_quorum(policy: &Policy, head: TreeSize, claims: &[(&Testimony, Claim)]) -> Decision {
    let words = |pick: fn(&Claim) -> Option<&str>| -> Vec<String> {
        let picked = claims.iter().filter_map(|(testimony, claim)| {
            pick(claim).map(|why| format!("{}: {why}", names(testimony)))
        });
        picked.collect()
    };
    let larger = words(|claim| match claim {
        Claim::Larger(why) => Some(why),
        Claim::NotLarger | Claim::Silent(_) => None,
    });
    let silent = words(|claim| match claim {
        Claim::Silent(why) => Some(why),
        Claim::NotLarger | Claim::Larger(_) => None,
    });
    let contain_quorum = |of: fn(&Claim) -> bool| {
        let is_named = |witness: &Witness, testimony: &Testimony| {
            let mut names = testimony.witnesses.iter();
            names.any(|name| name.as_bytes() == witness.name())
        };
        policy.satisfied_by(|witness| {
            let mut claims = claims.iter();
            claims.any(|(testimony, claim)| is_named(witness, testimony) && of(claim))
        })
    };
    if policy.quorum() != Quorum::None {
        // SPEC(design 2, startup guard): "waits until those that have not answered contain no quorum"
        if contain_quorum(|claim| matches!(claim, Claim::Silent(_))) {
            return Decision::Wait { for_whom: silent };
        }
        if !contain_quorum(|claim| matches!(claim, Claim::NotLarger)) {
            // Those that have not answered may still make it one.
            if contain_quorum(|claim| !matches!(claim, Claim::Larger(_))) {
                return Decision::Wait {
                    for_whom: [silent, larger].concat(),
                };
            }
            // SPEC(design 2, startup guard): "or if the witnesses that claim no larger size contain no quorum"
            return no_quorum(head, &larger);
        }
    }
    // SPEC(design 2, startup guard): "A lone larger number without a signed checkpoint only alarms (one lying witness must not
    // stop a log)."
    if larger.is_empty() {
        Decision::Go
    } else {
        let alarms = larger.into_iter().map(|words| {
            format!(
                "witness {words}, while the log ends at size {head}, and shows no checkpoint signed by this log that says so: ask its operator for it"
            )
        });
        Decision::GoWithAlarm {
            alarms: alarms.collect(),
        }
    }
}

fn no_quorum(head: TreeSize, larger: &[String]) -> Decision {
    Decision::Refuse {
        why: format!(
            "too many witnesses claim to know more than this log, which ends at size {head}: {}. The others contain no quorum",
            larger.join("; ")
        ),
        what_to_do: "find out whether the data is an older copy: if it is, restore the newest one. If the witnesses are wrong, let their operators show the checkpoints, or correct the policy. Start unguarded only if you know that this data is the newest".into(),
    }
}

fn names(testimony: &Testimony) -> String {
    let names: Vec<String> = testimony
        .witnesses
        .iter()
        .map(ToString::to_string)
        .collect();
    names.join(", ")
}

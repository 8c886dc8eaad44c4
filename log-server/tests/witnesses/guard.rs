//! The startup guard, case by case: what it decides.

use counterfoil_log_server::witnesses::guard::{Decision, Testimony, judge};
use counterfoil_log_server::witnesses::{Outcome, TransportError, WitnessName};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, SignedCheckpoint};
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::note::Note;

use crate::fake::{ORIGIN, log_key, log_keys, policy, root, signed, signed_with};

/// The size of the head in all cases.
pub(crate) const HEAD: u64 = 8;

pub(crate) fn size(size: u64) -> TreeSize {
    TreeSize::new(size)
}

/// What a witness says: its answer when it is shown the published checkpoint, and what it shows.
type Says = (Outcome, Result<Option<SignedCheckpoint>, String>);

fn cosigns() -> Says {
    (Outcome::Cosigned, Ok(Some(signed(5))))
}

fn ahead() -> Says {
    (Outcome::Ahead { size: size(9) }, Ok(Some(signed(5))))
}

fn behind() -> Says {
    let why = String::new();
    (Outcome::Behind { size: size(3), why }, Ok(Some(signed(3))))
}

fn silent() -> Says {
    let refused = TransportError::NotReached("connection refused".into());
    (Outcome::NoAnswer(refused.clone()), Err(refused.to_string()))
}

fn answers(status: u16) -> Outcome {
    Outcome::Refused {
        status,
        why: String::new(),
    }
}

fn unknown() -> Says {
    (answers(404), Ok(None))
}

fn denies() -> Says {
    (answers(422), Ok(Some(signed(5))))
}

fn shows(checkpoint: SignedCheckpoint) -> Says {
    (cosigns().0, Ok(Some(checkpoint)))
}

fn say(says: &[Says]) -> Vec<Testimony> {
    let numbered = (1..).zip(says.iter().cloned());
    numbered
        .map(|(number, (shown, latest)): (u8, Says)| Testimony {
            witnesses: vec![WitnessName::new(format!("w{number}"))],
            shown: Some(shown),
            latest,
        })
        .collect()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the guard asks for a root that may not be told"
)]
pub(crate) fn tree(at: TreeSize) -> Result<NodeHash, String> {
    assert!(at <= size(HEAD), "the tree has no root at {at}");
    Ok(root(at.get()))
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Want {
    Go,
    /// An alarm about this witness alone.
    Alarm(&'static str),
    /// For exactly these.
    Wait(&'static [&'static str]),
    /// For this reason.
    Refuse(&'static str),
}

pub(crate) fn check(name: &str, decision: &Decision, want: &Want) {
    match (decision, want) {
        (Decision::Go, Want::Go) => {}
        (Decision::GoWithAlarm { alarms }, Want::Alarm(whom)) => {
            assert_eq!(alarms.len(), 1, "{name}: {alarms:?}");
            assert!(
                alarms[0].starts_with(&format!("witness {whom}: ")),
                "{name}: {alarms:?}"
            );
        }
        (Decision::Wait { for_whom }, Want::Wait(names)) => {
            let found: Vec<_> = for_whom
                .iter()
                .map(|words| words.split(':').next().unwrap())
                .collect();
            assert_eq!(found, *names, "{name}");
        }
        (Decision::Refuse { why, what_to_do }, Want::Refuse(reason)) => {
            assert!(why.contains(reason), "{name}: {why}");
            assert!(!what_to_do.is_empty(), "{name}");
        }
        _ => panic!("{name}: expected {want:?}, found {decision:?}"),
    }
}

const TWO: &str = "group g 2 w1 w2 w3\nquorum g\n";
const ALL: &str = "group g all w1 w2 w3\nquorum g\n";
const ANY: &str = "group g any w1 w2 w3\nquorum g\n";
const NONE: &str = "quorum none\n";

type Case = (&'static str, &'static str, [Says; 3], Want);

fn quorums() -> Vec<Case> {
    use Want::{Alarm, Go, Wait};
    let garbage = || (Outcome::Malformed("junk".into()), Ok(None));
    let overloaded = || (answers(503), Ok(Some(signed(5))));
    let pending = || (Outcome::Pending, Ok(Some(signed(5))));
    vec![
        ("all cosign", TWO, [cosigns(), cosigns(), cosigns()], Go),
        ("one is behind", TWO, [cosigns(), behind(), cosigns()], Go),
        (
            "one is ahead of what is published, not of the head",
            TWO,
            [
                cosigns(),
                (Outcome::Ahead { size: size(HEAD) }, Ok(None)),
                silent(),
            ],
            Go,
        ),
        (
            "one is unreachable",
            TWO,
            [cosigns(), cosigns(), silent()],
            Go,
        ),
        (
            "one lies: a lone larger number",
            TWO,
            [cosigns(), ahead(), cosigns()],
            Alarm("w2"),
        ),
        (
            "one lies by 422",
            TWO,
            [cosigns(), denies(), cosigns()],
            Alarm("w2"),
        ),
        (
            "unreachable ones contain a quorum",
            TWO,
            [cosigns(), silent(), silent()],
            Wait(&["w2", "w3"]),
        ),
        (
            "junk is no answer",
            TWO,
            [cosigns(), garbage(), silent()],
            Wait(&["w2", "w3"]),
        ),
        (
            "503 is no answer",
            TWO,
            [cosigns(), overloaded(), silent()],
            Wait(&["w2", "w3"]),
        ),
        (
            "not yet is no answer",
            TWO,
            [cosigns(), pending(), pending()],
            Wait(&["w2", "w3"]),
        ),
        (
            "a 404 alone is no answer",
            TWO,
            [cosigns(), (answers(404), Err("404".into())), silent()],
            Wait(&["w2", "w3"]),
        ),
        (
            "any one is enough, and one is unreachable",
            ANY,
            [cosigns(), cosigns(), silent()],
            Wait(&["w3"]),
        ),
        (
            "all are needed, and one is unreachable",
            ALL,
            [cosigns(), cosigns(), silent()],
            Wait(&["w3"]),
        ),
        (
            "one lies and one is unreachable: it may still be a quorum",
            TWO,
            [cosigns(), ahead(), silent()],
            Wait(&["w3", "w2"]),
        ),
    ]
}

fn refusals_and_no_quorums() -> Vec<Case> {
    use Want::{Alarm, Go, Refuse};
    let know_more = "too many witnesses claim to know more";
    vec![
        (
            "one lies and all are needed",
            ALL,
            [cosigns(), ahead(), cosigns()],
            Refuse(know_more),
        ),
        (
            "two know more: restored backup",
            TWO,
            [cosigns(), ahead(), ahead()],
            Refuse(know_more),
        ),
        (
            "all know more",
            TWO,
            [ahead(), ahead(), ahead()],
            Refuse(know_more),
        ),
        (
            "two deny the tree",
            TWO,
            [denies(), denies(), cosigns()],
            Refuse(know_more),
        ),
        (
            "one knows more and one denies the tree",
            TWO,
            [ahead(), denies(), cosigns()],
            Refuse(know_more),
        ),
        (
            "two know more and one is unreachable",
            TWO,
            [ahead(), ahead(), silent()],
            Refuse(know_more),
        ),
        (
            "nobody knows the log",
            TWO,
            [unknown(), unknown(), unknown()],
            Go,
        ),
        (
            "no quorum is needed and nobody is there",
            NONE,
            [silent(), silent(), silent()],
            Go,
        ),
        (
            "no quorum is needed and one lies",
            NONE,
            [silent(), ahead(), silent()],
            Alarm("w2"),
        ),
    ]
}

fn signed_ones() -> Vec<Case> {
    use Want::{Go, Refuse};
    let larger = || (silent().0, Ok(Some(signed(9))));
    let fork = |at| (silent().0, Ok(Some(signed_with(at, "fork"))));
    let older = "the data ends at size 8: the data is an older copy";
    let histories = "two histories were signed";
    vec![
        (
            "a signed checkpoint beyond the published one, within the head",
            TWO,
            [shows(signed(7)), cosigns(), cosigns()],
            Go,
        ),
        (
            "the head itself is signed",
            TWO,
            [shows(signed(HEAD)), cosigns(), cosigns()],
            Go,
        ),
        (
            "a signed checkpoint is larger: restored backup",
            TWO,
            [cosigns(), cosigns(), larger()],
            Refuse(older),
        ),
        (
            "one is larger, while the others have not answered",
            TWO,
            [larger(), silent(), silent()],
            Refuse(older),
        ),
        (
            "one is larger by far more than the others' good word",
            ANY,
            [cosigns(), shows(signed(300)), cosigns()],
            Refuse(older),
        ),
        (
            "a signed checkpoint of the head's size conflicts",
            TWO,
            [cosigns(), cosigns(), fork(HEAD)],
            Refuse(histories),
        ),
        (
            "a smaller signed checkpoint conflicts",
            TWO,
            [cosigns(), cosigns(), fork(2)],
            Refuse(histories),
        ),
        (
            "a signed empty tree conflicts",
            TWO,
            [cosigns(), cosigns(), shows(not_empty())],
            Refuse(histories),
        ),
        (
            "without a quorum a larger one refuses all the same",
            NONE,
            [silent(), larger(), silent()],
            Refuse(older),
        ),
    ]
}

/// Size 0 with a root that is not the empty one.
fn not_empty() -> SignedCheckpoint {
    let origin = Origin::new(ORIGIN).unwrap();
    let checkpoint = Checkpoint::new(origin, TreeSize::ZERO, root(3));
    let line = sign_as_log(&log_key(), &checkpoint);
    let note = Note::new(&checkpoint.to_string(), vec![line.unwrap()]).unwrap();
    SignedCheckpoint::verify(note, &log_keys()).unwrap()
}

#[test]
fn each_case_of_the_guard() {
    for (name, quorum, says, want) in [quorums(), refusals_and_no_quorums(), signed_ones()].concat()
    {
        let policy = policy(3, quorum);
        let published = signed(5);
        let decision = judge(
            &policy,
            size(HEAD),
            tree,
            Some(published.checkpoint()),
            &say(&says),
        );
        check(name, &decision, &want);
    }
}

#[test]
fn the_log_s_own_register_is_held_against_the_head() {
    let policy = policy(3, TWO);
    let says = say(&[cosigns(), cosigns(), cosigns()]);
    for (name, published, want) in [
        ("as large as the head", signed(HEAD), Want::Go),
        (
            "larger than the head",
            signed(9),
            Want::Refuse("the published checkpoint is signed by this log"),
        ),
        (
            "of another tree",
            signed_with(5, "fork"),
            Want::Refuse("two histories"),
        ),
    ] {
        let decision = judge(
            &policy,
            size(HEAD),
            tree,
            Some(published.checkpoint()),
            &says,
        );
        check(name, &decision, &want);
    }
}

#[test]
fn a_log_that_has_published_nothing_listens_to_what_is_shown() {
    let policy = policy(3, TWO);
    let nothing = || Ok(None);
    let unread = || Err("no connection".to_owned());
    for (name, latest, want) in [
        ("a new log", [nothing(), nothing(), nothing()], Want::Go),
        (
            "one is unreachable",
            [nothing(), nothing(), unread()],
            Want::Go,
        ),
        (
            "two are unreachable",
            [nothing(), unread(), unread()],
            Want::Wait(&["w2", "w3"]),
        ),
        (
            "an empty tree was cosigned",
            [Ok(Some(signed(0))), nothing(), unread()],
            Want::Go,
        ),
        (
            "one shows entries: lost data",
            [nothing(), nothing(), Ok(Some(signed(3)))],
            Want::Refuse("older copy"),
        ),
    ] {
        let mut says = say(&[cosigns(), cosigns(), cosigns()]);
        for (testimony, latest) in says.iter_mut().zip(latest) {
            (testimony.shown, testimony.latest) = (None, latest);
        }
        check(
            name,
            &judge(&policy, size(0), |_| Ok(root(0)), None, &says),
            &want,
        );
    }
}

#[test]
fn a_tree_that_cannot_be_read_is_waited_for() {
    let policy = policy(3, TWO);
    let says = say(&[cosigns(), cosigns(), shows(signed(9))]);
    let unread = |_| Err("the tile is damaged".to_owned());
    let published = signed(5);
    let decision = judge(
        &policy,
        size(HEAD),
        unread,
        Some(published.checkpoint()),
        &says,
    );
    check(
        "what is larger needs no comparison",
        &decision,
        &Want::Refuse("older copy"),
    );
    let decision = judge(
        &policy,
        size(HEAD),
        unread,
        Some(published.checkpoint()),
        &says[..2],
    );
    let Decision::Wait { for_whom } = decision else {
        panic!("expected to wait, found {decision:?}");
    };
    assert!(for_whom[0].contains("the tile is damaged"), "{for_whom:?}");
}

#[test]
fn all_keys_of_a_witness_say_what_it_says() {
    let policy = policy(3, "group both all w1 w2\nquorum both\n");
    let mut says = say(&[cosigns()]);
    says[0].witnesses.push(WitnessName::new("w2"));
    let published = signed(5);
    let decision = judge(
        &policy,
        size(HEAD),
        tree,
        Some(published.checkpoint()),
        &says,
    );
    check("two keys", &decision, &Want::Go);
}

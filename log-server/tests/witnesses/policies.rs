//! Which witnesses of a policy are asked where, and which cosignatures fit onto a checkpoint.

use std::fmt::Write as _;
use std::sync::Arc;

use counterfoil_log_server::witnesses::{
    Ask, Options, Transport, WitnessName, Witnesses, WitnessesError,
};
use counterfoil_tiles::checkpoint::{LogKey, PublishError, SignedCheckpoint};
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::{Policy, add_cosignatures};
use tokio::sync::mpsc;

use crate::fake::{
    Honest, NOW, Network, client, cosignature, key, log_key, log_keys, members, options, policy,
    proofs, signed, url, witness_key,
};

fn two_keys(lines: &str) -> Arc<Policy> {
    let (ed25519, ml_dsa) = (
        witness_key(1),
        key("witness.example/w1", Algorithm::MlDsa44, 7),
    );
    let text = lines
        .replace("ED25519", &ed25519.vkey().to_string())
        .replace("MLDSA", &ml_dsa.vkey().to_string())
        .replace("URL", &url(1));
    Arc::new(Policy::parse(format!("log {}\n{text}", log_key().vkey()).as_bytes()).unwrap())
}

fn with_two_keys() -> Honest {
    let mut witness = Honest::new(1);
    witness
        .keys
        .push(key("witness.example/w1", Algorithm::MlDsa44, 7));
    witness
}

#[tokio::test(start_paused = true)]
async fn one_request_serves_all_keys_of_a_witness() {
    let rows = [
        (
            "both lines have the URL",
            "witness a ED25519 URL\nwitness b MLDSA URL\n",
        ),
        (
            "one with a slash at the end",
            "witness a ED25519 URL/\nwitness b MLDSA URL\n",
        ),
    ];
    for (name, lines) in rows {
        let network = Network::new(vec![Arc::new(with_two_keys())]);
        let policy = two_keys(&format!("{lines}group w all a b\nquorum w\n"));
        let (witnesses, _late) = client(&policy, &network);
        let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
        assert!(round.quorum, "{name}: {}", round.trouble());
        assert_eq!(round.cosignatures.len(), 2, "{name}");
        assert_eq!(network.asked(1), [(0, 5)], "{name}");
        assert_eq!(witnesses.status().len(), 1, "{name}");
        let names = [WitnessName::new("a"), WitnessName::new("b")];
        assert_eq!(witnesses.status()[0].witnesses, names, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_without_a_url_counts_where_its_cosignature_comes_with_another() {
    let network = Network::new(vec![Arc::new(with_two_keys())]);
    let policy = two_keys("witness a ED25519 URL\nwitness b MLDSA\ngroup w any a b\nquorum w\n");
    let (witnesses, _late) = client(&policy, &network);
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert_eq!(round.cosignatures.len(), 2);
}

fn refused(policy: Policy, log: Vec<LogKey>, monitoring: &[(&str, &str)]) -> WitnessesError {
    let options = Options {
        monitoring: monitoring
            .iter()
            .map(|(name, url)| (WitnessName::new(*name), (*url).to_owned()))
            .collect(),
        ..options()
    };
    let network = Network::new(vec![]) as Arc<dyn Transport>;
    Witnesses::new(Arc::new(policy), log, network, options, mpsc::channel(1).0).unwrap_err()
}

#[test]
fn what_cannot_be_asked_is_refused_at_the_start() {
    let vkey = witness_key(1);
    let with = |url: &str, rest: &str| {
        let text = format!("witness w1 {} {url}\n{rest}", vkey.vkey());
        Policy::parse(text.as_bytes()).unwrap()
    };
    for (url, why) in [
        ("w1.example", "is none"),
        ("ftp://w1.example/", "is not one of HTTP"),
        ("https://w1.example/?a=b", "has a query"),
        ("https://w1.example/#a", "has a query or a fragment"),
        ("https://me:secret@w1.example/", "has a user name"),
    ] {
        let error = refused(with(url, "quorum w1\n"), log_keys(), &[]);
        assert!(
            matches!(&error, WitnessesError::Url { .. }),
            "{url}: {error}"
        );
        assert!(error.to_string().contains(why), "{url}: {error}");
    }
    let error = refused(with("", "quorum w1\n"), log_keys(), &[]);
    assert_eq!(error, WitnessesError::NoQuorum);
    let url = "https://w1.example";
    let error = refused(with(url, "quorum w1\n"), log_keys(), &[("w2", url)]);
    assert_eq!(
        error,
        WitnessesError::UnknownWitness(WitnessName::new("w2"))
    );
    let two = [("w1", "https://a.example"), ("w1", "https://b.example")];
    let error = refused(with(url, "quorum w1\n"), log_keys(), &two);
    assert!(
        matches!(error, WitnessesError::TwoPrefixes { .. }),
        "{error}"
    );
    let error = refused(with(url, "quorum w1\n"), vec![], &[]);
    assert_eq!(error, WitnessesError::Origins(0));
    let mut keys = log_keys();
    keys.push(LogKey::new(
        key("other.example", Algorithm::Ed25519, 5).vkey().clone(),
    ));
    assert_eq!(
        refused(with(url, "quorum w1\n"), keys, &[]),
        WitnessesError::Origins(2)
    );
}

fn many(count: u8, quorum: &str) -> (Arc<Policy>, Vec<SignatureLine>) {
    let mut group = format!("group g {quorum}");
    for number in 1..=count {
        write!(group, " w{number}").unwrap();
    }
    let line = |number| cosignature(&witness_key(number), &signed(5), NOW);
    (
        policy(count, &format!("{group}\nquorum g\n")),
        (1..=count).map(line).collect(),
    )
}

fn names(note: &Note) -> Vec<&str> {
    let lines = note.signatures().iter();
    lines.map(|line| line.name().as_str()).collect()
}

#[test]
fn a_checkpoint_has_16_lines_at_most_and_the_log_s_come_first() {
    let (policy, lines) = many(15, "all");
    let note = add_cosignatures(signed(5).note(), &lines, &policy).unwrap();
    assert_eq!(note.signatures().len(), 16);
    assert_eq!(
        names(&note)[..2],
        ["log.example/test", "witness.example/w1"]
    );

    let (policy, lines) = many(17, "9");
    let note = add_cosignatures(signed(5).note(), &lines, &policy).unwrap();
    assert_eq!(note.signatures().len(), 16);
    policy.verify(note).unwrap();

    let (policy, lines) = many(17, "all");
    let error = add_cosignatures(signed(5).note(), &lines, &policy).unwrap_err();
    assert!(
        matches!(error, PublishError::TooManySignatures(_)),
        "{error}"
    );
}

#[test]
fn what_the_quorum_needs_is_not_left_out() {
    // The quorum is the last two witnesses, which a cut at 16 lines would lose.
    let policy = policy(17, "group g all w16 w17\nquorum g\n");
    let lines: Vec<_> = (1..=17)
        .map(|number| cosignature(&witness_key(number), &signed(5), NOW))
        .collect();
    let note = add_cosignatures(signed(5).note(), &lines, &policy).unwrap();
    assert_eq!(note.signatures().len(), 16);
    policy.verify(note).unwrap();
}

#[test]
fn lines_that_stand_already_stay_and_get_newer() {
    let (policy, lines) = many(17, "any");
    let published = add_cosignatures(signed(5).note(), &lines[2..], &policy).unwrap();
    assert_eq!(published.signatures().len(), 16);
    let newer = cosignature(&witness_key(3), &signed(5), NOW + 9);
    let older = cosignature(&witness_key(4), &signed(5), NOW - 9);
    let more = [
        lines[0].clone(),
        lines[1].clone(),
        newer.clone(),
        older.clone(),
    ];
    let note = add_cosignatures(&published, &more, &policy).unwrap();
    assert_eq!(
        names(&note),
        names(&published),
        "no room for more, and nothing dropped"
    );
    assert!(note.signatures().contains(&newer));
    assert!(!note.signatures().contains(&older));
}

#[test]
fn a_quorum_that_stands_already_gives_way_to_no_smaller_one() {
    let (_, lines) = many(16, "all");
    let groups = format!("group o all{}\ngroup q any o w16\nquorum q\n", members(15));
    let policy = policy(16, &groups);
    let published = add_cosignatures(signed(5).note(), &lines[..15], &policy).unwrap();
    let note = add_cosignatures(&published, &lines[15..], &policy).unwrap();
    assert_eq!(note, published);
}

#[test]
fn a_line_by_no_witness_of_the_policy_is_left_out() {
    let (policy, _) = many(1, "any");
    let stranger = cosignature(&witness_key(9), &signed(5), NOW);
    let note = add_cosignatures(signed(5).note(), &[stranger], &policy).unwrap();
    assert_eq!(note, *signed(5).note());
}

/// A quorum that is filled only once the note is full, by the one witness that it has no room for.
#[test]
fn lines_that_stand_already_give_way_to_what_the_quorum_needs() {
    let (_, lines) = many(16, "all");
    let others = members(15);
    let rows = [
        (
            "one of the others and w16",
            format!("group o any{others}\ngroup q all o w16\n"),
        ),
        (
            "nine of the others and w16",
            format!("group o 9{others}\ngroup q all o w16\n"),
        ),
        (
            "14 of the others and w16",
            format!("group o 14{others}\ngroup q all o w16\n"),
        ),
    ];
    for (name, groups) in rows {
        let policy = policy(16, &format!("{groups}quorum q\n"));
        let full = add_cosignatures(signed(5).note(), &lines[..15], &policy).unwrap();
        assert_eq!(full.signatures().len(), 16, "{name}");
        let note = add_cosignatures(&full, &lines[15..], &policy).unwrap();
        assert_eq!(note.signatures().len(), 16, "{name}");
        assert_eq!(names(&note)[0], "log.example/test", "{name}");
        policy.verify(note).unwrap();
    }
}

#[test]
fn where_there_is_no_quorum_yet_what_fits_stays() {
    let (_, lines) = many(17, "all");
    let policy = policy(18, "quorum w18\n");
    let note = add_cosignatures(signed(5).note(), &lines, &policy).unwrap();
    assert_eq!(note.signatures().len(), 16);
    let last = cosignature(&witness_key(18), &signed(5), NOW);
    policy
        .verify(add_cosignatures(&note, &[last], &policy).unwrap())
        .unwrap();
}

/// The smallest quorum is found where leaving out one line after the other would not find it.
#[test]
fn a_small_quorum_is_found_behind_a_large_one() {
    let (_, lines) = many(17, "all");
    let large = members(16);
    for members in ["large w17", "w17 large"] {
        let groups = format!("group large all{large}\ngroup q any {members}\nquorum q\n");
        let policy = policy(17, &groups);
        let note = add_cosignatures(signed(5).note(), &lines, &policy).unwrap();
        policy.verify(note).unwrap();
    }
}

/// Lines of an earlier policy's witnesses give way here; whether they may, on what is published, is the sequencer's to say.
#[test]
fn strangers_give_way_and_the_log_s_lines_do_not() {
    let (earlier, lines) = many(17, "2");
    let published = add_cosignatures(signed(5).note(), &lines[..15], &earlier).unwrap();
    let policy = {
        let (one, two) = (witness_key(16), witness_key(17));
        let text = format!(
            "log {}\nwitness a {} {}\nwitness b {} {}\ngroup q all a b\nquorum q\n",
            log_key().vkey(),
            one.vkey(),
            url(16),
            two.vkey(),
            url(17)
        );
        Policy::parse(text.as_bytes()).unwrap()
    };
    let note = add_cosignatures(&published, &lines[15..], &policy).unwrap();
    assert_eq!(note.signatures().len(), 16);
    policy.verify(note).unwrap();
}

fn both_keys() -> Arc<Policy> {
    two_keys("witness a ED25519 URL\nwitness b MLDSA URL\ngroup w all a b\nquorum w\n")
}

#[tokio::test(start_paused = true)]
async fn a_note_that_has_fewer_cosignatures_than_came_takes_none_from_memory() {
    let network = Network::new(vec![Arc::new(with_two_keys())]);
    let (witnesses, _late) = client(&both_keys(), &network);
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    let first = [round.cosignatures[0].line.clone()];
    let note = add_cosignatures(signed(5).note(), &first, &both_keys()).unwrap();
    witnesses.remember(&SignedCheckpoint::verify(note, &log_keys()).unwrap());
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert_eq!(round.cosignatures.len(), 2);
    assert_eq!(network.asked(1), [(0, 5)], "not asked again");
}

/// As after a start with a policy that has a second key of a witness.
#[tokio::test(start_paused = true)]
async fn a_witness_of_whose_keys_one_is_missing_is_asked() {
    let network = Network::new(vec![Arc::new(with_two_keys())]);
    let (witnesses, _late) = client(&both_keys(), &network);
    let first = [cosignature(&witness_key(1), &signed(5), NOW - 9)];
    let note = add_cosignatures(signed(5).note(), &first, &both_keys()).unwrap();
    witnesses.remember(&SignedCheckpoint::verify(note, &log_keys()).unwrap());
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert!(round.quorum, "{}", round.trouble());
    assert_eq!(network.asked(1).len(), 2, "with its size, after a 409");
}

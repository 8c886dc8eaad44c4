//! What each thing that is wrong comes to.

use std::slice::from_ref;
use std::time::Duration;

use counterfoil_dev_tsa::{Behaviour, Reason};
use counterfoil_tiles::hash::hash_leaf;
use counterfoil_tiles::key::Algorithm;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::common::Ran;
use super::fixture::{
    self, Authority, LATE, RECORD, SOON, STAMPED, evidence, key, log_key, policy, receipt, trust,
};
use super::{Bench, EVIDENCE, named};

fn caveats(ran: &Ran) -> String {
    let json = ran.json();
    let caveats = json["caveats"].as_array().unwrap();
    let caveats: Vec<&str> = caveats.iter().map(|one| one.as_str().unwrap()).collect();
    caveats.join("\n")
}

/// A row: what is wrong, the evidence, the trust, the time, the exit code, and a check or part of a caveat that says it.
type Row = (&'static str, Value, String, u64, i32, &'static str);

fn assert_rows(bench: &Bench, rows: Vec<Row>) {
    for (name, evidence, trust, at, code, says) in rows {
        let ran = bench.verify(&evidence, &trust, at);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
        let json = ran.json();
        let (outcome, start) = match code {
            0 => ("verified", "Verified: report.txt (SHA-256 "),
            1 => ("failed", "NOT verified: "),
            _ => ("could-not-tell", "Could not tell "),
        };
        assert_eq!(json["outcome"], outcome, "{name}: {}", ran.all());
        let sentence = json["sentence"].as_str().unwrap();
        assert!(sentence.starts_with(start), "{name}: {}", ran.all());
        assert_eq!(json["no_later_than"].is_null(), code != 0, "{name}");
        match code {
            0 => assert!(caveats(&ran).contains(says), "{name}: {}", ran.all()),
            1 => assert!(
                named(&ran, "failed").contains(&says.to_owned()),
                "{name}: {}",
                ran.all()
            ),
            _ => {
                assert_eq!(named(&ran, "failed"), [""; 0], "{name}: {}", ran.all());
                assert!(
                    named(&ran, "not-checked").contains(&says.to_owned()),
                    "{name}: {}",
                    ran.all()
                );
            }
        }
    }
}

#[test]
fn good_evidence_names_the_time() {
    let bench = Bench::new();
    let ran = bench.verify(&bench.good(), &bench.trust(), SOON);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let json = ran.json();
    assert_eq!(named(&ran, "failed"), [""; 0]);
    // One second of accuracy.
    assert_eq!(json["no_later_than"], "2027-01-15T08:00:01Z");
    assert_eq!(json["matched"], "digest");
    assert_eq!((&json["index"], &json["size"]), (&json!(1), &json!(3)));
    assert_eq!(json["witnessed_at"], STAMPED);
    assert_eq!(json["caveats"], json!([]));
    assert_eq!(json["anchors"][0]["authority"], "one");
    assert_eq!(json["anchors"][0]["gen_time"], "2027-01-15T08:00:00Z");
    assert_eq!(json["anchors"][0]["holds"], true);
    let expected = format!(
        "Verified: report.txt (SHA-256 {}) existed no later than 2027-01-15T08:00:01Z, because it is entry 1 of \
         log.example/records, under a checkpoint of 3 entries that is signed by the log and cosigned by its witnesses, and that \
         checkpoint was fixed in time by a signed statement of the time-stamping authority one at 2027-01-15T08:00:00Z (under the \
         root {}).",
        hex::encode(Sha256::digest(RECORD)),
        json["anchors"][0]["root"].as_str().unwrap()
    );
    assert_eq!(json["sentence"], expected);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of rows")]
fn what_was_changed_fails_by_name() {
    let bench = Bench::new();
    let good = bench.good();
    let text = |evidence: &Value, key: &str| evidence[key].as_str().unwrap().to_owned();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut evidence = good.clone();
        change(&mut evidence);
        evidence
    };
    let anchor = |stamps| {
        Bench::evidence(&[bench
            .one
            .anchor_by(&Bench::checkpoint(), stamps, Behaviour::Honest)])
    };
    let other_log = policy().replace(
        &log_key().vkey().to_string(),
        &key(fixture::ORIGIN, Algorithm::Ed25519, 9)
            .vkey()
            .to_string(),
    );
    let lone = receipt(&[1]);
    let lone = evidence(&lone, &[bench.one.anchor(lone.note().as_bytes())]);
    let receipt_text = text(&good, "receipt");
    let root = receipt_text.lines().nth(7).unwrap().to_owned();
    let hash = receipt_text.lines().nth(2).unwrap().to_owned();
    let other_digest = Sha256::digest(b"something else");
    let rows: Vec<Row> = vec![
        (
            "a bit of the token's signature",
            anchor(Behaviour::BadSignature),
            bench.trust(),
            SOON,
            1,
            "anchor one: signature",
        ),
        (
            "a token over other data",
            anchor(Behaviour::OtherData),
            bench.trust(),
            SOON,
            1,
            "anchor one: imprint",
        ),
        (
            "the root in the checkpoint",
            with(&|e| e["receipt"] = json!(receipt_text.replace(&root, &hash))),
            bench.trust(),
            SOON,
            1,
            "anchor one: imprint",
        ),
        (
            "the root, for the log's signature",
            with(&|e| e["receipt"] = json!(receipt_text.replace(&root, &hash))),
            bench.trust(),
            SOON,
            1,
            "log signature",
        ),
        (
            "a hash of the proof",
            with(&|e| e["receipt"] = json!(receipt_text.replace(&hash, &root))),
            bench.trust(),
            SOON,
            1,
            "inclusion",
        ),
        (
            "the entry",
            with(
                &|e| e["entry"] = json!({"leaf_hash": hex::encode(hash_leaf(&other_digest).as_bytes()), "digest": hex::encode(other_digest)}),
            ),
            bench.trust(),
            SOON,
            1,
            "inclusion",
        ),
        (
            "the leaf hash alone",
            with(&|e| e["entry"]["leaf_hash"] = json!("00".repeat(32))),
            bench.trust(),
            SOON,
            1,
            "evidence",
        ),
        (
            "a key that the evidence may not have",
            with(&|e| e["note"] = json!("")),
            bench.trust(),
            SOON,
            1,
            "evidence",
        ),
        (
            "renewed",
            with(&|e| e["renewal"] = json!({})),
            bench.trust(),
            SOON,
            1,
            "evidence",
        ),
        (
            "another log's key is trusted",
            good.clone(),
            trust(1, &other_log, &[bench.one.trusted("")]),
            SOON,
            1,
            "log signature",
        ),
        ("one witness of two", lone, bench.trust(), SOON, 1, "quorum"),
        (
            "a policy that is not allowed",
            good.clone(),
            trust(
                1,
                &policy(),
                &[bench.one.trusted("policies = [\"1.2.3.4\"]")],
            ),
            SOON,
            1,
            "anchor one: policy",
        ),
        (
            "judged before it was stamped",
            good.clone(),
            bench.trust(),
            STAMPED - 3_600,
            1,
            "anchor one: time",
        ),
        (
            "expired when it was stamped",
            anchor(Behaviour::Expired),
            bench.trust(),
            SOON,
            1,
            "anchor one: path",
        ),
        (
            "the signer's purposes",
            anchor(Behaviour::EkuNotSole),
            bench.trust(),
            SOON,
            1,
            "anchor one: extended key usage",
        ),
    ];
    assert_rows(&bench, rows);

    // The record itself.
    bench.write(&good, &bench.trust());
    bench
        .counterfoil
        .write("report.txt", b"The quarterly report, final?\n");
    let ran = bench.run(&[EVIDENCE, "report.txt"], SOON);
    assert_eq!(
        (ran.code, ran.check("entry")),
        (1, "failed".to_owned()),
        "{}",
        ran.all()
    );
    assert_eq!(ran.check("inclusion"), "passed");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of rows")]
fn only_trusted_authorities_count_and_each_once() {
    let bench = Bench::new();
    let checkpoint = Bench::checkpoint();
    let (one, two) = (bench.one.anchor(&checkpoint), bench.two.anchor(&checkpoint));
    let both = [bench.one.trusted(""), bench.two.trusted("")];
    let two_of_two = trust(2, &policy(), &both);
    let unknown = json!({"kind": "beacon", "anything": [1, 2]});
    // Names in the evidence decide nothing.
    let mut renamed = two.clone();
    renamed["authority"] = json!("one");
    let impostor = bench
        .one
        .anchor_by(&checkpoint, Behaviour::Untrusted, Behaviour::Honest);
    let rows: Vec<Row> = vec![
        (
            "both",
            Bench::evidence(&[one.clone(), two.clone()]),
            two_of_two.clone(),
            SOON,
            0,
            "",
        ),
        (
            "one of two",
            Bench::evidence(from_ref(&one)),
            two_of_two.clone(),
            SOON,
            3,
            "anchors",
        ),
        (
            "the same one twice",
            Bench::evidence(&[one.clone(), one.clone()]),
            two_of_two.clone(),
            SOON,
            3,
            "anchors",
        ),
        (
            "two tokens of one",
            Bench::evidence(&[one.clone(), bench.one.anchor(&checkpoint)]),
            two_of_two.clone(),
            SOON,
            3,
            "anchors",
        ),
        (
            "another's root",
            Bench::evidence(from_ref(&two)),
            bench.trust(),
            SOON,
            3,
            "anchor #1: path",
        ),
        (
            "another by the name of a trusted one",
            Bench::evidence(&[renamed]),
            bench.trust(),
            SOON,
            3,
            "anchor #1: path",
        ),
        (
            "a chain of the same names",
            Bench::evidence(&[impostor]),
            bench.trust(),
            SOON,
            3,
            "anchor #1: path",
        ),
        (
            "one that is not trusted beside one that is",
            Bench::evidence(&[two.clone(), one.clone()]),
            bench.trust(),
            SOON,
            0,
            "",
        ),
        (
            "no anchor",
            Bench::evidence(&[]),
            bench.trust(),
            SOON,
            3,
            "anchors",
        ),
        (
            "a kind that is not known",
            Bench::evidence(from_ref(&unknown)),
            bench.trust(),
            SOON,
            3,
            "anchor #1: kind",
        ),
        (
            "such a kind beside a token",
            Bench::evidence(&[unknown, one.clone()]),
            bench.trust(),
            SOON,
            0,
            "",
        ),
    ];
    assert_rows(&bench, rows);

    // The time is that by which as many vouch as are asked for.
    let ago = Behaviour::Past(Duration::from_secs(40));
    let earlier = bench.two.anchor_by(&checkpoint, ago, Behaviour::Honest);
    let evidence = Bench::evidence(&[one, earlier]);
    for (needed, time) in [(1, "2027-01-15T07:59:21Z"), (2, "2027-01-15T08:00:01Z")] {
        let ran = bench.verify(&evidence, &trust(needed, &policy(), &both), SOON);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert_eq!(ran.json()["no_later_than"], time, "{}", ran.all());
    }
}

/// A signer whom two authorities certify is one; for which of them it counts is chosen so that the most count.
#[test]
fn the_key_of_a_signer_counts_once() {
    let bench = Bench::new();
    let checkpoint = Bench::checkpoint();
    let twin = Authority::start_with_key_of("twin", &bench.one);
    let twin = bench.runtime.block_on(twin);
    let ago = |seconds| Behaviour::Past(Duration::from_secs(seconds));
    let by = |authority: &Authority, seconds| {
        authority.anchor_by(&checkpoint, ago(seconds), Behaviour::Honest)
    };
    // The one has the roots of two authorities, the twin has the key of the first of these.
    let trusted = [bench.one.trusted_with(&[&bench.two], ""), twin.trusted("")];
    let two_of_two = trust(2, &policy(), &trusted);
    let anchors = [by(&bench.one, 0), by(&twin, 20)];
    let ran = bench.verify(&Bench::evidence(&anchors), &two_of_two, SOON);
    assert_eq!(ran.code, 3, "{}", ran.all());
    let why = "1 of 2 needed: twin by 2027-01-15T07:59:41Z";
    assert!(ran.stdout.contains(why), "{}", ran.all());
    // By the second key of the one both count; where that comes last, the first must leave its key to the twin.
    for (ones, twins, twos, time) in [
        (0, 20, 40, "2027-01-15T07:59:41Z"),
        (40, 20, 0, "2027-01-15T08:00:01Z"),
    ] {
        let anchors = [by(&bench.one, ones), by(&twin, twins), by(&bench.two, twos)];
        let ran = bench.verify(&Bench::evidence(&anchors), &two_of_two, SOON);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert_eq!(ran.json()["no_later_than"], time, "{}", ran.all());
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of rows")]
fn revocation_is_settled_as_far_as_the_trust_asks() {
    let bench = Bench::new();
    let checkpoint = Bench::checkpoint();
    let tells = |behaviour| {
        Bench::evidence(&[bench
            .one
            .anchor_by(&checkpoint, Behaviour::Honest, behaviour)])
    };
    let revoked = |reason| tells(Behaviour::Revoked(Some(reason)));
    let good = bench.good();
    let mut silent = good.clone();
    silent["anchors"][0]["revocation"] = json!([]);
    let by = |mode: &str| {
        let more = format!("revocation = \"{mode}\"");
        trust(1, &policy(), &[bench.one.trusted(&more)])
    };
    let rows: Vec<Row> = vec![
        (
            "the key was stolen",
            revoked(Reason::KeyCompromise),
            bench.trust(),
            SOON,
            1,
            "anchor one: revocation",
        ),
        (
            "for no reason",
            tells(Behaviour::Revoked(None)),
            bench.trust(),
            SOON,
            1,
            "anchor one: revocation",
        ),
        (
            "the issuer's was",
            tells(Behaviour::IssuerRevoked(Some(Reason::CaCompromise))),
            bench.trust(),
            SOON,
            1,
            "anchor one: revocation",
        ),
        (
            "stolen, whatever is asked for",
            revoked(Reason::KeyCompromise),
            by("optional"),
            SOON,
            1,
            "anchor one: revocation",
        ),
        (
            "superseded later",
            revoked(Reason::Superseded),
            bench.trust(),
            SOON,
            0,
            "superseded",
        ),
        (
            "settled, and required",
            good.clone(),
            by("required"),
            SOON,
            0,
            "",
        ),
        (
            "nothing captured",
            silent.clone(),
            bench.trust(),
            SOON,
            3,
            "anchor one: revocation",
        ),
        (
            "nothing captured, and required",
            silent.clone(),
            by("required"),
            SOON,
            3,
            "anchor one: revocation",
        ),
        (
            "nothing captured, and optional",
            silent.clone(),
            by("optional"),
            SOON,
            0,
            "whether ",
        ),
        (
            "expired since, and settled",
            good,
            bench.trust(),
            LATE,
            0,
            "have expired since",
        ),
        (
            "expired since, and open",
            silent.clone(),
            bench.trust(),
            LATE,
            3,
            "anchor one: revocation",
        ),
        (
            "expired since, open and optional",
            silent,
            by("optional"),
            LATE,
            3,
            "anchor one: revocation",
        ),
    ];
    assert_rows(&bench, rows);
}

//! Which files are compared, what people are told, and what they get wrong.

use counterfoil_dev_tsa::Behaviour;
use counterfoil_tiles::hash::hash_leaf;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fixture::{RECORD, SOON, STAMPED, policy, witness_key};
use super::{Bench, EVIDENCE, base64_of};

#[test]
fn without_the_file_the_evidence_or_the_user_says_what_the_record_is() {
    let bench = Bench::new();
    let mut bare = bench.good();
    bare["entry"].as_object_mut().unwrap().remove("digest");
    let digest = hex::encode(Sha256::digest(RECORD));
    let leaf = hex::encode(hash_leaf(&Sha256::digest(RECORD)).as_bytes());
    let zero = "00".repeat(32);
    std::fs::remove_file(bench.counterfoil.path("report.txt")).unwrap();
    let by_digest = format!("Verified: the file with the SHA-256 {digest} existed no later than ");
    let by_leaf = format!("Verified: the entry with the leaf hash {leaf} existed no later than ");
    let rows: [(&Value, &[&str], i32, &str); 7] = [
        (&bench.good(), &[], 0, &by_digest),
        (&bench.good(), &["--sha256", &zero], 1, "NOT verified: "),
        (
            &bare,
            &[],
            3,
            "Could not tell whether the entry with the leaf hash ",
        ),
        (&bare, &["--sha256", &digest], 0, &by_digest),
        (&bare, &["--leaf-hash", &leaf], 0, &by_leaf),
        (&bare, &["--leaf-hash", &zero], 1, "NOT verified: "),
        (&bare, &["--sha256", &zero], 1, "NOT verified: "),
    ];
    for (evidence, flags, code, says) in rows {
        bench.write(evidence, &bench.trust());
        let files: Vec<&str> = [EVIDENCE].iter().chain(flags).copied().collect();
        let ran = bench.run(&files, SOON);
        assert_eq!(ran.code, code, "{flags:?}: {}", ran.all());
        let json = ran.json();
        let sentence = json["sentence"].as_str().unwrap();
        assert!(sentence.starts_with(says), "{flags:?}: {}", ran.all());
    }
    // The entry itself, in the evidence.
    let mut embedded = bench.good();
    embedded["entry"] = json!({"leaf_hash": leaf, "contents": base64_of(&Sha256::digest(RECORD))});
    bench.write(&embedded, &bench.trust());
    let ran = bench.run(&[EVIDENCE], SOON);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stdout
            .contains("the record of 32 bytes in the evidence"),
        "{}",
        ran.all()
    );
}

#[test]
fn evidence_is_found_beside_files_and_in_directories() {
    let bench = Bench::new();
    bench.write(&bench.good(), &bench.trust());
    let text = std::fs::read(bench.counterfoil.path(EVIDENCE)).unwrap();
    // Beside the file, either way; and by its contents, whatever its name.
    bench.counterfoil.write("proof", &text);
    let rows: [&[&str]; 5] = [
        &["report.txt"],
        &[EVIDENCE],
        &["proof"],
        &["report.txt", "proof"],
        &["proof", "report.txt"],
    ];
    for files in rows {
        let ran = bench.run(files, SOON);
        assert_eq!(ran.code, 0, "{files:?}: {}", ran.all());
        let matched = if files == ["proof"] {
            Value::Null
        } else {
            json!("digest")
        };
        assert_eq!(ran.json()["matched"], matched, "{files:?}: {}", ran.all());
    }
    // A directory: a file with evidence, evidence alone, and a file without.
    for (name, bytes) in [
        ("all/a.txt", RECORD),
        ("all/a.txt.evidence.json", &text),
        ("all/deep/b.txt.evidence.json", &text),
    ] {
        bench.counterfoil.write(name, bytes);
    }
    let ran = bench.run(&["all"], SOON);
    assert_eq!(
        (ran.code, ran.stdout.lines().count()),
        (0, 2),
        "{}",
        ran.all()
    );
    bench.counterfoil.write("all/z.txt", "not logged");
    let ran = bench.run(&["all"], SOON);
    assert_eq!(
        (ran.code, ran.stdout.lines().count()),
        (3, 3),
        "{}",
        ran.all()
    );
    assert_eq!(ran.check("evidence"), "not-checked");
    bench.counterfoil.write("all/a.txt", "changed");
    let ran = bench.run(&["all"], SOON);
    assert_eq!(ran.code, 1, "{}", ran.all());
}

#[test]
fn words_for_people_and_errors_that_help() {
    let bench = Bench::new();
    bench.write(&bench.good(), &bench.trust());
    let ran = bench.counterfoil.run([
        "verify",
        EVIDENCE,
        "--trust",
        "trust.toml",
        "--at",
        "2027-02-01T00:00:00Z",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for part in [
        "anchor one: signature",
        "Trusted, as trust.toml says:",
        "the log log.example/records, by the key ",
        "one, by the root ",
        "\nVerified: ",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.all());
    }
    bench.counterfoil.write("policy", policy());
    bench
        .counterfoil
        .write("bad.toml", "format = \"counterfoil/trust@v9\"\n");
    let rows: [(&[&str], &str); 6] = [
        (
            &["verify", EVIDENCE, "--policy", "policy"],
            "is evidence, which needs --trust FILE; --policy and --vkey judge a receipt only",
        ),
        (
            &["verify", EVIDENCE, "--trust", "absent.toml"],
            "absent.toml cannot be read",
        ),
        (
            &["verify", EVIDENCE, "--trust", "bad.toml"],
            "counterfoil/trust@v1",
        ),
        (
            &[
                "verify",
                EVIDENCE,
                "--trust",
                "trust.toml",
                "--policy",
                "policy",
            ],
            "cannot be used with",
        ),
        (
            &[
                "verify",
                EVIDENCE,
                "--trust",
                "trust.toml",
                "--at",
                "tomorrow",
            ],
            "2033-01-31T00:00:00Z",
        ),
        (
            &[
                "verify",
                EVIDENCE,
                "--at",
                "2033-01-31T00:00:00Z",
                "--policy",
                "policy",
            ],
            "--trust",
        ),
    ];
    for (arguments, says) in rows {
        let ran = bench.counterfoil.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.all());
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.all());
    }
    // A receipt of evidence that was logged itself is judged as any other.
    let ran = bench.counterfoil.run([
        "verify",
        EVIDENCE,
        "--policy",
        "policy",
        "--receipt",
        "absent",
    ]);
    assert_eq!(ran.code, 3, "{}", ran.all());
}

#[test]
fn inspect_explains_evidence_and_its_parts() {
    let bench = Bench::new();
    bench.write(&bench.good(), &bench.trust());
    let token = bench.one.token(&Bench::checkpoint(), Behaviour::Honest);
    let bad = bench
        .one
        .token(&Bench::checkpoint(), Behaviour::BadSignature);
    let record = json!({
        "format": "counterfoil/anchor-record@v1",
        "kind": "rfc3161",
        "authority": "one",
        "url": "http://127.0.0.1/tsr",
        "checkpoint": base64_of(&Bench::checkpoint()),
        "token": base64_of(&token),
        "certificates": [],
        "gen_time": STAMPED * 1_000,
        "received": STAMPED * 1_000,
        "revocation": [],
    });
    let mut changed = bench.good();
    changed["anchors"][0]["token"] = json!(base64_of(&bad));
    let files = [
        ("trust.toml", bench.trust().into_bytes(), "trust", 0),
        (
            EVIDENCE,
            bench.good().to_string().into_bytes(),
            "evidence",
            0,
        ),
        ("changed", changed.to_string().into_bytes(), "evidence", 1),
        (
            "broken",
            br#"{"format": "counterfoil/evidence@v1"}"#.to_vec(),
            "evidence",
            1,
        ),
        ("token.tst", token, "token", 0),
        ("bad.tst", bad, "token", 1),
        (
            "record.json",
            record.to_string().into_bytes(),
            "anchor-record",
            0,
        ),
    ];
    for (name, bytes, kind, code) in files {
        bench.counterfoil.write(name, bytes);
        let ran = bench.counterfoil.run(["--json", "inspect", name]);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
        assert_eq!(
            ran.json()["explanation"]["kind"],
            kind,
            "{name}: {}",
            ran.all()
        );
    }
    let ran = bench.counterfoil.run(["inspect", EVIDENCE]);
    for part in [
        "2027-01-15T08:00:00Z",
        "entry 1 of log.example/records",
        witness_key(1).name().as_str(),
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.all());
    }
}

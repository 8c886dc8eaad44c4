//! `counterfoil verify`: real receipts, receipts with one thing wrong, and what the user gets wrong.

mod common;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Counterfoil, Ran, json_lines};
use counterfoil_tests::vectors_dir;
use serde_json::Value;

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {row}"))
}

/// Real proofs of the Go checksum database: the record itself is the entry.
#[test]
fn real_receipts_of_the_go_checksum_database_verify() {
    let Some(dir) = vectors_dir() else { return };
    let counterfoil = Counterfoil::new();
    let rows = json_lines(&dir, "proof/sumdb.jsonl");
    for row in &rows {
        let file = counterfoil.write("record", text(row, "leaf"));
        counterfoil.write("record.tlog-proof", text(row, "bundle"));
        let ran = counterfoil.run([
            "--json",
            "verify",
            file.to_str().unwrap(),
            "--vkey",
            text(row, "log_vkey"),
            "--origin",
            text(row, "origin"),
        ]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let json = ran.json();
        assert_eq!(json["matched"], "contents");
        assert_eq!(json["outcome"], "verified");
        assert_eq!(json["index"], row["index"]);
    }
    assert_eq!(rows.len(), 176);
}

/// Without --origin the key is trusted only for the origin that is its name (tlog-policy).
#[test]
fn a_key_is_not_trusted_for_another_origin() {
    let Some(dir) = vectors_dir() else { return };
    let counterfoil = Counterfoil::new();
    let row = &json_lines(&dir, "proof/sumdb.jsonl")[0];
    let file = counterfoil.write("record", text(row, "leaf"));
    counterfoil.write("record.tlog-proof", text(row, "bundle"));
    let ran = counterfoil.run([
        "--json",
        "verify",
        file.to_str().unwrap(),
        "--vkey",
        text(row, "log_vkey"),
    ]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.check("log signature"), "failed");
    assert_eq!(ran.check("inclusion"), "passed");
}

/// Every generated receipt gets the verdict of the specification; where that is silent (an empty extra line,
/// base64 with loose bits), receipts are read strictly.
#[test]
fn generated_receipts_get_their_verdict() {
    let Some(dir) = vectors_dir() else { return };
    let counterfoil = Counterfoil::new();
    let mut seen = [0, 0];
    for keys in json_lines(&dir, "generated/keys.jsonl") {
        let mut policy = format!("log {}\n", text(&keys, "log_vkey"));
        let cosigners = keys["cosigner_vkeys"].as_array().unwrap();
        for (number, vkey) in cosigners.iter().enumerate() {
            writeln!(policy, "witness W{number} {}", vkey.as_str().unwrap()).unwrap();
        }
        policy += "group two 2 W0 W1 W2\nquorum two\n";
        counterfoil.write(&format!("{}.policy", text(&keys, "set")), policy);
    }
    for row in json_lines(&dir, "generated/tlogproofs.jsonl") {
        counterfoil.write(
            "a.tlog-proof",
            STANDARD.decode(text(&row, "bundle_b64")).unwrap(),
        );
        let leaf = hex::encode(STANDARD.decode(text(&row, "leaf_hash")).unwrap());
        let policy = format!("{}.policy", text(&row, "set"));
        let arguments = [
            "verify",
            "--leaf-hash",
            &leaf,
            "--receipt",
            "a.tlog-proof",
            "--policy",
            &policy,
            "--json",
        ];
        let ran = counterfoil.run(arguments);
        let accepted = row["spec"] == "accept";
        assert_eq!(
            ran.code,
            i32::from(!accepted),
            "{}: {}",
            row["mutation"],
            ran.all()
        );
        let expected = if accepted { "verified" } else { "failed" };
        assert_eq!(ran.json()["outcome"], expected);
        seen[usize::from(accepted)] += 1;
    }
    assert_eq!(seen, [1040, 48]);
}

/// The check that fails is the one that the change is about.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of changes, and the loop over it"
)]
fn the_failed_check_is_named() {
    let Some(dir) = vectors_dir() else { return };
    let counterfoil = Counterfoil::new();
    let row = json_lines(&dir, "proof/sumdb.jsonl").swap_remove(7);
    let (leaf, receipt) = (text(&row, "leaf"), text(&row, "bundle"));
    let (vkey, origin) = (text(&row, "log_vkey"), text(&row, "origin"));
    let lines: Vec<&str> = receipt.lines().collect();
    let first_hash = lines[2];
    let other_hash = format!(
        "{}{}",
        if first_hash.starts_with('A') {
            'B'
        } else {
            'A'
        },
        &first_hash[1..]
    );
    let index = lines[1].strip_prefix("index ").unwrap();
    let signature = lines.last().unwrap();
    let (start, end) = signature.split_at(signature.len() - 20);
    let other = if end.starts_with('A') { 'B' } else { 'A' };
    let other_signature = format!("{start}{other}{}", &end[1..]);
    let swapped = |from: &str, to: &str| receipt.replacen(from, to, 1);
    let rows = [
        ("nothing", leaf.to_owned(), receipt.to_owned(), "", 0),
        (
            "a byte of the file",
            leaf.replacen('h', "i", 1),
            receipt.to_owned(),
            "entry inclusion",
            1,
        ),
        (
            "a byte more",
            format!("{leaf} "),
            receipt.to_owned(),
            "entry inclusion",
            1,
        ),
        (
            "an empty file",
            String::new(),
            receipt.to_owned(),
            "entry inclusion",
            1,
        ),
        (
            "the index",
            leaf.to_owned(),
            swapped(index, &format!("{index}0")),
            "entry inclusion",
            1,
        ),
        (
            "a hash of the proof",
            leaf.to_owned(),
            swapped(first_hash, &other_hash),
            "entry inclusion",
            1,
        ),
        (
            "a hash dropped",
            leaf.to_owned(),
            swapped(&format!("{first_hash}\n"), ""),
            "entry inclusion",
            1,
        ),
        (
            "the signature",
            leaf.to_owned(),
            swapped(signature, &other_signature),
            "log signature",
            1,
        ),
        (
            "the root",
            leaf.to_owned(),
            swapped(lines[lines.len() - 3], first_hash),
            "log signature entry inclusion",
            1,
        ),
        (
            "the header",
            leaf.to_owned(),
            swapped("@v1", "@v2"),
            "receipt",
            1,
        ),
        (
            "line ends",
            leaf.to_owned(),
            receipt.replace('\n', "\r\n"),
            "receipt",
            1,
        ),
        (
            "an empty receipt",
            leaf.to_owned(),
            String::new(),
            "receipt",
            1,
        ),
    ];
    for (name, leaf, receipt, failed, code) in rows {
        let file = counterfoil.write("record", leaf);
        counterfoil.write("record.tlog-proof", receipt);
        let arguments = [
            "verify",
            file.to_str().unwrap(),
            "--vkey",
            vkey,
            "--origin",
            origin,
            "--json",
        ];
        let ran = counterfoil.run(arguments);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
        let json = ran.json();
        let checks = json["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 5);
        let found: Vec<&str> = checks
            .iter()
            .filter(|check| check["outcome"] == "failed")
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        assert_eq!(found.join(" "), failed, "{name}: {}", ran.all());
        let said = if code == 0 {
            "Verified: "
        } else {
            "NOT verified: "
        };
        assert!(
            json["sentence"].as_str().unwrap().starts_with(said),
            "{name}: {}",
            ran.all()
        );
    }
}

#[test]
fn several_files_are_as_bad_as_the_worst_of_them() {
    let Some(dir) = vectors_dir() else { return };
    let counterfoil = Counterfoil::new();
    let rows = json_lines(&dir, "proof/sumdb.jsonl");
    for (name, row) in [("one", &rows[0]), ("two", &rows[1])] {
        counterfoil.write(name, text(row, "leaf"));
        counterfoil.write(&format!("receipts/{name}.tlog-proof"), text(row, "bundle"));
    }
    counterfoil.write("three", "never logged");
    counterfoil.write("receipts/three.tlog-proof", text(&rows[1], "bundle"));
    let (vkey, origin) = (text(&rows[0], "log_vkey"), text(&rows[0], "origin"));
    let tail = ["--receipts", "receipts", "--vkey", vkey, "--origin", origin];
    let said = |ran: &Ran, start: &str| {
        ran.stdout
            .lines()
            .filter(|line| line.starts_with(start))
            .count()
    };
    let good = counterfoil.run(["verify", "one", "two"].iter().chain(&tail));
    assert_eq!(good.code, 0, "{}", good.all());
    assert_eq!(
        (said(&good, "Verified: "), said(&good, "2 of 2 ")),
        (2, 1),
        "{}",
        good.all()
    );
    let bad = counterfoil.run(["verify", "one", "three", "two"].iter().chain(&tail));
    assert_eq!(bad.code, 1, "{}", bad.all());
    assert_eq!(
        (said(&bad, "Verified: "), said(&bad, "2 of 3 ")),
        (2, 1),
        "{}",
        bad.all()
    );
    assert_eq!(said(&bad, "NOT verified: three"), 1, "{}", bad.all());
    // One without a receipt is neither verified nor refuted.
    counterfoil.write("four", "no receipt");
    let doubt = counterfoil.run(["verify", "one", "four"].iter().chain(&tail));
    assert_eq!(doubt.code, 3, "{}", doubt.all());
    assert_eq!(
        said(&doubt, "Could not tell whether four"),
        1,
        "{}",
        doubt.all()
    );
}

#[test]
fn standard_input_and_digests_are_verified_like_files() {
    let Some(dir) = vectors_dir() else { return };
    let counterfoil = Counterfoil::new();
    let row = &json_lines(&dir, "proof/sumdb.jsonl")[3];
    counterfoil.write("r", text(row, "bundle"));
    let (vkey, origin) = (text(row, "log_vkey"), text(row, "origin"));
    let tail = ["--receipt", "r", "--vkey", vkey, "--origin", origin];
    let input = text(row, "leaf").as_bytes();
    let ran = counterfoil.run_with_input(["verify", "-"].iter().chain(&tail), input);
    assert_eq!(ran.code, 0, "{}", ran.all());
    // The entry is the record, not its digest.
    let zero = "00".repeat(32);
    let ran = counterfoil.run(["verify", "--sha256", &zero].iter().copied().chain(tail));
    assert_eq!(ran.code, 1, "{}", ran.all());
}

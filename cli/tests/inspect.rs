//! `counterfoil inspect`: each kind of artefact, and what is said of one that contradicts itself.

mod common;

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Counterfoil, json_lines};
use counterfoil_tests::vectors_dir;

#[test]
fn each_artefact_is_explained() {
    let Some(dir) = vectors_dir() else { return };
    let counterfoil = Counterfoil::new();
    let tessera = dir.join("tlog/tessera-66000");
    let read = |path: &str| fs::read(tessera.join(path)).unwrap();
    let receipt = fs::read(dir.join("proof/go.sum-database-tree-43930254.tlog-proof")).unwrap();
    let checkpoint = String::from_utf8(read("log/checkpoint")).unwrap();
    let vkey = String::from_utf8(read("vkey")).unwrap();
    let hash = "G5WVvkTjTR1QGgiFok0GWRZtrbsZgrCmKGGkl1jOaHk=\n";
    let signature = format!("{}\n", checkpoint.lines().last().unwrap());
    let rows: Vec<(&str, Vec<u8>, &str, i32)> = vec![
        ("receipt", receipt.clone(), "receipt", 0),
        ("cut", receipt[..receipt.len() - 9].to_vec(), "receipt", 1),
        ("checkpoint", checkpoint.clone().into_bytes(), "checkpoint", 0),
        ("note", b"hello\n\n\xe2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".to_vec(), "note", 0),
        ("vkey", vkey.clone().into_bytes(), "vkey", 0),
        ("policy", format!("# mine\nlog {}\nquorum none\n", vkey.trim()).into_bytes(), "policy", 0),
        ("bad-policy", b"quorum absent\n".to_vec(), "policy", 1),
        ("tile/0/003", read("log/tile/0/003"), "tile", 0),
        ("tile/0/003.p/232", read("log/tile/0/003.p/232"), "tile", 0),
        ("tile/0/003.p/231", read("log/tile/0/003.p/232"), "tile", 1),
        ("bare-tile", read("log/tile/0/003"), "tile", 0),
        ("tile/entries/003", read("log/tile/entries/003"), "bundle", 0),
        ("tile/entries/004.p/9", read("log/tile/entries/003"), "bundle", 1),
        ("bare-bundle", read("log/tile/entries/003"), "bundle", 0),
        ("add", format!("old 65999\n\n{checkpoint}").into_bytes(), "add-checkpoint", 1),
        ("add-same", format!("old 66000\n\n{checkpoint}").into_bytes(), "add-checkpoint", 0),
        ("subtree", format!("subtree 0 1\n{hash}\n{checkpoint}").into_bytes(), "sign-subtree", 1),
        ("line", signature.into_bytes(), "signature-lines", 0),
        ("journal", b"{\"journal\":\"counterfoil/submit@v1\",\"log\":\"http://a/\",\"origin\":\"a\"}\n".to_vec(), "journal", 0),
        ("state", b"{\"state\":\"counterfoil/audit@v1\",\"verified\":null,\"unfinished\":null}\n".to_vec(), "audit-state", 0),
    ];
    for (name, bytes, kind, code) in rows {
        counterfoil.write(name, &bytes);
        let ran = counterfoil.run(["--json", "inspect", name]);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
        assert_eq!(
            ran.json()["explanation"]["kind"],
            kind,
            "{name}: {}",
            ran.all()
        );
        let ran = counterfoil.run(["inspect", name]);
        assert!(
            ran.stdout.starts_with(&format!("{name}: ")),
            "{name}: {}",
            ran.all()
        );
    }
}

#[test]
fn standard_input_is_read() {
    let counterfoil = Counterfoil::new();
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n";
    let ran = counterfoil.run_with_input(["inspect", "-"], vkey.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("530d903a"), "{}", ran.all());
}

/// Nothing that is read from a file is written to a terminal as it is.
#[test]
fn no_control_character_reaches_the_terminal() {
    let counterfoil = Counterfoil::new();
    let entry = b"\x1b[31mred\x07\r\n";
    let mut bundle = u16::try_from(entry.len()).unwrap().to_be_bytes().to_vec();
    bundle.extend_from_slice(entry);
    counterfoil.write("tile/entries/000.p/1", &bundle);
    let policy = b"log x\xff\x9b31m\nquorum none\n";
    counterfoil.write("policy", policy);
    for file in ["tile/entries/000.p/1", "policy"] {
        let ran = counterfoil.run(["inspect", file]);
        let bad = ran
            .stdout
            .chars()
            .chain(ran.stderr.chars())
            .find(|c| c.is_control() && *c != '\n');
        assert_eq!(bad, None, "{file}: {:?}", ran.all());
    }
}

/// None of the notes that others collected makes it panic, and each is seen for what it is.
#[test]
fn collected_notes_are_explained() {
    let Some(dir) = vectors_dir() else { return };
    let counterfoil = Counterfoil::new();
    for folder in ["note/notes", "checkpoint/notes"] {
        for file in fs::read_dir(dir.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let ran = counterfoil.run(["inspect", path.to_str().unwrap()]);
            assert!(
                (0..=2).contains(&ran.code),
                "{}: {}",
                path.display(),
                ran.all()
            );
            assert!(
                !ran.stderr.contains("panicked"),
                "{}: {}",
                path.display(),
                ran.all()
            );
        }
    }
    for row in json_lines(&dir, "generated/checkpoints.jsonl")
        .iter()
        .take(50)
    {
        counterfoil.write(
            "note",
            STANDARD.decode(row["note_b64"].as_str().unwrap()).unwrap(),
        );
        let ran = counterfoil.run(["inspect", "note"]);
        assert!((0..=2).contains(&ran.code), "{}", ran.all());
    }
}

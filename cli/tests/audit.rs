//! `counterfoil audit` of a directory: a log that others made, whole, damaged, shrunk and forked.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Counterfoil, Ran, copy_tree};
use counterfoil_tests::vectors_dir;

/// A copy of Tessera's log of 66,000 entries.
struct Log {
    counterfoil: Counterfoil,
    directory: PathBuf,
    vkey: String,
    checkpoints: PathBuf,
}

impl Log {
    fn copy() -> Option<Self> {
        let vectors = vectors_dir()?.join("tlog/tessera-66000");
        let counterfoil = Counterfoil::new();
        let directory = counterfoil.path("log");
        copy_tree(&vectors.join("log"), &directory);
        let vkey = fs::read_to_string(vectors.join("vkey"))
            .unwrap()
            .trim()
            .to_owned();
        Some(Self {
            counterfoil,
            directory,
            vkey,
            checkpoints: vectors.join("checkpoints"),
        })
    }

    /// Shows the checkpoint of another size.
    fn show(&self, size: u64) {
        let note = fs::read(self.checkpoints.join(size.to_string())).unwrap();
        fs::write(self.directory.join("checkpoint"), note).unwrap();
    }

    fn audit(&self, flags: &[&str]) -> Ran {
        let directory = self.directory.to_str().unwrap();
        let arguments = ["--json", "audit", directory, "--vkey", &self.vkey];
        self.counterfoil.run(arguments.iter().chain(flags))
    }

    fn file(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.file(path)).unwrap();
        change(&mut bytes);
        fs::write(self.file(path), bytes).unwrap();
    }
}

fn outcomes(ran: &Ran) -> String {
    let json = ran.json();
    let checks = json["checks"].as_array().unwrap().clone();
    let one = |check: &serde_json::Value| {
        format!(
            "{} {}",
            check["name"].as_str().unwrap(),
            check["outcome"].as_str().unwrap()
        )
    };
    checks.iter().map(one).collect::<Vec<_>>().join(", ")
}

const ALL_PASSED: &str = "checkpoint passed, quorum passed, entries passed, tiles passed, root passed, consistency passed";

#[test]
fn each_published_size_of_a_log_that_others_made_is_whole() {
    let Some(log) = Log::copy() else { return };
    // In the order in which they were published: each is consistent with the one before.
    for size in [1, 2, 255, 256, 257, 1000, 65_535, 65_536, 65_537, 66_000] {
        log.show(size);
        let ran = log.audit(&[]);
        assert_eq!(ran.code, 0, "{size}: {}", ran.all());
        assert_eq!(outcomes(&ran), ALL_PASSED, "{size}");
        assert_eq!(ran.json()["counts"]["entries"], size);
    }
    let state = fs::read_dir(log.counterfoil.path("state")).unwrap().count();
    assert_eq!(state, 1);
}

#[test]
fn a_url_of_files_and_one_thread_come_to_the_same() {
    let Some(log) = Log::copy() else { return };
    let url = format!("file://{}", log.directory.display());
    for jobs in ["1", "7"] {
        let arguments = [
            "audit",
            &url,
            "--vkey",
            &log.vkey,
            "--jobs",
            jobs,
            "--no-state",
            "--report",
            "report",
        ];
        let ran = log.counterfoil.run(arguments);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert!(
            ran.stdout
                .contains("All 66000 entries of log.example/tessera are whole"),
            "{}",
            ran.all()
        );
        let report = fs::read(log.counterfoil.path("report")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["outcome"], "verified");
        assert_eq!(report["counts"]["bundles"], 258);
        assert_eq!(report["counts"]["tiles"], 258 + 2 + 1);
    }
    assert!(!log.counterfoil.path("state").exists());
}

#[test]
fn only_what_is_new_is_read_when_that_is_asked_for() {
    let Some(log) = Log::copy() else { return };
    log.show(65_537);
    assert_eq!(log.audit(&[]).code, 0);
    log.show(66_000);
    // A file that is not read again may be gone.
    fs::remove_file(log.file("tile/entries/000")).unwrap();
    let ran = log.audit(&["--new-only"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.json()["from_entry"], 65_536);
    assert_eq!(ran.json()["counts"]["entries"], 464);
    let ran = log.audit(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of damages, and the loop over it"
)]
fn each_kind_of_damage_is_found_and_named() {
    type Change = fn(&Log);
    let rows: [(&str, Change, &str, &str); 12] = [
        (
            "a byte of an entry",
            |log| log.change("tile/entries/100", |bytes| *bytes.last_mut().unwrap() ^= 1),
            "tile/entries/100",
            "wrong-entry",
        ),
        (
            "a byte of the last entry",
            |log| {
                log.change("tile/entries/257.p/208", |bytes| {
                    *bytes.last_mut().unwrap() ^= 1;
                });
            },
            "tile/entries/257.p/208",
            "wrong-entry",
        ),
        (
            "a leaf hash",
            |log| log.change("tile/0/100", |bytes| bytes[77] ^= 1),
            "tile/0/100",
            "wrong-tile",
        ),
        (
            "a hash of level 1",
            |log| log.change("tile/1/000", |bytes| bytes[0] ^= 1),
            "tile/1/000",
            "wrong-parent",
        ),
        (
            "a hash of a partial tile of level 1",
            |log| log.change("tile/1/001.p/1", |bytes| bytes[0] ^= 1),
            "tile/1/001.p/1",
            "wrong-parent",
        ),
        (
            "a hash of level 2",
            |log| log.change("tile/2/000.p/1", |bytes| bytes[0] ^= 1),
            "tile/2/000.p/1",
            "wrong-parent",
        ),
        (
            "a partial tile missing",
            |log| fs::remove_file(log.file("tile/0/257.p/208")).unwrap(),
            "tile/0/257.p/208",
            "missing",
        ),
        (
            "a partial bundle missing",
            |log| fs::remove_file(log.file("tile/entries/257.p/208")).unwrap(),
            "tile/entries/257.p/208",
            "missing",
        ),
        (
            "the top tile missing",
            |log| fs::remove_file(log.file("tile/2/000.p/1")).unwrap(),
            "tile/2/000.p/1",
            "missing",
        ),
        (
            "a bundle cut",
            |log| log.change("tile/entries/100", |bytes| bytes.truncate(99)),
            "tile/entries/100",
            "malformed",
        ),
        (
            "a tile empty",
            |log| log.change("tile/0/100", Vec::clear),
            "tile/0/100",
            "malformed",
        ),
        (
            "a tile too long",
            |log| log.change("tile/0/100", |bytes| bytes.push(0)),
            "tile/0/100",
            "malformed",
        ),
    ];
    for (name, change, resource, kind) in rows {
        let Some(log) = Log::copy() else { return };
        change(&log);
        let ran = log.audit(&[]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.all());
        let json = ran.json();
        assert_eq!(json["outcome"], "failed", "{name}");
        let findings = json["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{name}: {}", ran.all());
        assert_eq!(findings[0]["resource"], resource, "{name}");
        assert_eq!(findings[0]["kind"], kind, "{name}");
        // What failed is not taken for verified.
        let state = fs::read_dir(log.counterfoil.path("state"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        assert!(
            fs::read_to_string(state.path())
                .unwrap()
                .contains("\"verified\":null"),
            "{name}"
        );
    }
}

#[test]
fn a_whole_tree_under_another_root_fails_at_the_root_alone() {
    let Some(log) = Log::copy() else { return };
    // The files of a smaller size, each consistent with the others, under the checkpoint of a larger one.
    for size in [255, 256] {
        fs::create_dir_all(log.file("tile/0/000.p")).unwrap();
        log.show(size);
        let ran = log.audit(&["--no-state"]);
        assert_eq!(ran.code, 0, "{}", ran.all());
    }
    // A forged last entry with its tile: nothing above vouches for either, so only the root can tell.
    log.show(66_000);
    log.change("tile/entries/257.p/208", |bytes| {
        *bytes.last_mut().unwrap() ^= 1;
    });
    let bundle = fs::read(log.file("tile/entries/257.p/208")).unwrap();
    let entries = counterfoil_tiles::tile::EntryBundle::parse(&bundle, 208).unwrap();
    let mut leaves = Vec::new();
    entries.hash_leaves(&mut leaves);
    let tile: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.to_bytes()).collect();
    fs::write(log.file("tile/0/257.p/208"), tile).unwrap();
    let ran = log.audit(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(
        outcomes(&ran),
        "checkpoint passed, quorum passed, entries passed, tiles passed, root failed, consistency passed"
    );
}

#[test]
fn a_shrunk_log_is_said_to_have_shrunk_and_both_checkpoints_are_kept() {
    let Some(log) = Log::copy() else { return };
    assert_eq!(log.audit(&[]).code, 0);
    let before = fs::read(log.file("checkpoint")).unwrap();
    log.show(65_537);
    let ran = log.audit(&[]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.check("consistency"), "failed");
    assert!(
        ran.stdout
            .contains("shrunk: the log showed 66000 entries before and shows 65537 now"),
        "{}",
        ran.all()
    );
    assert_eq!(
        evidence(&ran),
        [before, fs::read(log.file("checkpoint")).unwrap()]
    );
    // The memory is not given up for the smaller tree.
    assert_eq!(log.audit(&[]).code, 1);
    log.show(66_000);
    assert_eq!(log.audit(&[]).code, 0);
}

fn evidence(ran: &Ran) -> Vec<Vec<u8>> {
    let json = ran.json();
    let files = json["evidence"].as_array().unwrap();
    files
        .iter()
        .map(|file| fs::read(Path::new(file.as_str().unwrap())).unwrap())
        .collect()
}

/// A log of ours, whose key can sign two histories.
mod forged {
    use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
    use counterfoil_tiles::cosignature::sign_as_log;
    use counterfoil_tiles::frontier::Frontier;
    use counterfoil_tiles::hash::{TreeSize, hash_leaves};
    use counterfoil_tiles::key::{Algorithm, KeyName, PrivateKey, Seed};
    use counterfoil_tiles::note::Note;
    use counterfoil_tiles::tile::{all_bundles, all_tiles, encode_bundle};

    use super::*;

    fn key() -> PrivateKey {
        PrivateKey::new(
            KeyName::new("example.com/forger").unwrap(),
            Algorithm::Ed25519,
            Seed::new([9; 32]),
        )
        .unwrap()
    }

    /// Writes the log of these entries, of less than 65,536.
    fn write(directory: &Path, entries: &[Vec<u8>]) {
        let mut leaves = Vec::new();
        hash_leaves(entries, &mut leaves);
        let mut frontier = Frontier::new();
        let completed = frontier.append(&leaves).unwrap();
        let size = TreeSize::new(entries.len() as u64);
        let put = |path: String, bytes: Vec<u8>| {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        for id in all_tiles(size) {
            let start = usize::try_from(id.index()).unwrap() * 256;
            let width = usize::from(id.width());
            let bytes = match id.level() {
                0 => leaves[start..start + width]
                    .iter()
                    .flat_map(|hash| hash.to_bytes())
                    .collect(),
                level => completed.level(level)[start..start + width]
                    .iter()
                    .flat_map(|hash| hash.to_bytes())
                    .collect(),
            };
            put(id.path(), bytes);
        }
        for id in all_bundles(size) {
            let start = usize::try_from(id.index()).unwrap() * 256;
            put(
                id.path(),
                encode_bundle(&entries[start..start + usize::from(id.width())]).unwrap(),
            );
        }
        let checkpoint = Checkpoint::new(
            Origin::new("example.com/forger").unwrap(),
            size,
            frontier.root(),
        );
        let line = sign_as_log(&key().into_signing_key(), &checkpoint).unwrap();
        let note = Note::new(&checkpoint.to_string(), vec![line]).unwrap();
        put("checkpoint".to_owned(), note.as_bytes().to_vec());
    }

    fn entries(count: usize, from: usize, what: &str) -> Vec<Vec<u8>> {
        (0..count)
            .map(|index| {
                let what = if index < from { "true" } else { what };
                format!("{what} {index}").into_bytes()
            })
            .collect()
    }

    /// A fork at the same size, and forks that grew on: before, at and after the edge of a bundle, and of the tree.
    // SPEC(tlog-tiles): "When fetching a subsequent checkpoint, the client MUST verify its consistency with the current
    // checkpoint."
    #[test]
    fn a_forked_log_is_said_to_have_forked_and_both_checkpoints_are_kept() {
        let rows = [
            ("same size", 1000, 1000, 999, true),
            ("grown, last entry before differs", 1000, 1500, 999, true),
            ("grown, first entry differs", 1000, 1500, 0, true),
            ("grown, on the edge of a bundle", 768, 1500, 767, true),
            ("grown, honestly", 1000, 1500, 1000, false),
            (
                "grown, honestly, on the edge of a bundle",
                768,
                1500,
                768,
                false,
            ),
            ("grown from one entry", 1, 1500, 0, true),
            ("unchanged", 1000, 1000, 1000, false),
        ];
        for (name, old, new, from, forked) in rows {
            let counterfoil = Counterfoil::new();
            let vkey = key().vkey().to_string();
            let (one, two) = (counterfoil.path("one"), counterfoil.path("two"));
            write(&one, &entries(old, old, ""));
            write(&two, &entries(new, from, "forged"));
            let audit = |directory: &Path, flags: &[&str]| {
                let arguments = [
                    "--json",
                    "audit",
                    directory.to_str().unwrap(),
                    "--vkey",
                    &vkey,
                ];
                counterfoil.run(arguments.iter().chain(flags))
            };
            assert_eq!(audit(&one, &[]).code, 0);
            for flags in [&["--new-only"][..], &[]] {
                let ran = audit(&two, flags);
                assert_eq!(
                    ran.code,
                    i32::from(forked),
                    "{name} {flags:?}: {}",
                    ran.all()
                );
                if forked {
                    assert_eq!(ran.check("consistency"), "failed", "{name}");
                    assert!(ran.stdout.contains("forked: "), "{name}: {}", ran.all());
                    let kept = [one.join("checkpoint"), two.join("checkpoint")]
                        .map(|path| fs::read(path).unwrap());
                    assert_eq!(evidence(&ran), kept, "{name}");
                } else {
                    assert_eq!(outcomes(&ran), ALL_PASSED, "{name}");
                }
            }
        }
    }

    #[test]
    fn an_empty_log_is_whole_and_grows() {
        let counterfoil = Counterfoil::new();
        let vkey = key().vkey().to_string();
        for count in [0, 0, 5] {
            write(&counterfoil.path("log"), &entries(count, count, ""));
            let ran = counterfoil.run(["--json", "audit", "log", "--vkey", &vkey]);
            assert_eq!(ran.code, 0, "{}", ran.all());
            assert_eq!(outcomes(&ran), ALL_PASSED);
        }
    }

    #[test]
    fn a_signature_that_does_not_verify_ends_the_audit() {
        let counterfoil = Counterfoil::new();
        let log = counterfoil.path("log");
        write(&log, &entries(300, 300, ""));
        let note = fs::read_to_string(log.join("checkpoint")).unwrap();
        fs::write(
            log.join("checkpoint"),
            note.replacen("\n300\n", "\n301\n", 1),
        )
        .unwrap();
        let ran = counterfoil.run([
            "--json",
            "audit",
            "log",
            "--vkey",
            &key().vkey().to_string(),
        ]);
        assert_eq!(ran.code, 1, "{}", ran.all());
        assert_eq!(ran.check("checkpoint"), "failed");
        assert_eq!(ran.check("root"), "not-checked");
    }
}

/// An audit that was interrupted goes on where it was, and keeps what it found before.
#[test]
fn an_interrupted_audit_goes_on_with_its_findings() {
    let Some(log) = Log::copy() else { return };
    // The state that an audit of the first unit leaves: its hash of level 2 is what the top tile says.
    let hash = fs::read(log.file("tile/2/000.p/1")).unwrap();
    let hash = <base64::engine::GeneralPurpose as base64::Engine>::encode(
        &base64::engine::general_purpose::STANDARD,
        hash,
    );
    let origin = log.vkey.split('+').next().unwrap();
    let state = |findings: &str| {
        format!(
            r#"{{"state":"counterfoil/audit@v1","verified":null,"unfinished":{{"origin":"{origin}","tree":{{"units":1,"open":[["{hash}"]]}},"from_unit":0,"findings":[{findings}],"more_findings":0,"counts":{{"entries":65536,"bundles":256,"tiles":257,"bytes":0}},"consistent":null}}}}"#
        )
    };
    log.counterfoil.write("state.json", state(""));
    // What was checked is not read again.
    fs::remove_file(log.file("tile/entries/000")).unwrap();
    let ran = log.audit(&["--state", "state.json"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stderr.contains("going on at entry 65536"),
        "{}",
        ran.all()
    );
    assert_eq!(ran.json()["counts"]["entries"], 66_000);
    // The audit is complete: the next one starts over, and finds the file gone.
    assert_eq!(log.audit(&["--state", "state.json"]).code, 1);

    let finding =
        r#"{"resource":"tile/0/001","kind":"wrong-tile","what":"found before the interruption"}"#;
    log.counterfoil.write("state.json", state(finding));
    let ran = log.audit(&["--state", "state.json"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(
        ran.stdout.contains("found before the interruption"),
        "{}",
        ran.all()
    );

    log.counterfoil.write("state.json", state(""));
    let ran = log.audit(&["--state", "state.json", "--restart"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.json()["findings"][0]["resource"], "tile/entries/000");
}

#[test]
fn a_state_that_is_none_is_refused() {
    let Some(log) = Log::copy() else { return };
    let other_log = r#"{"state":"counterfoil/audit@v1","verified":{"note":"other.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— a AAAAAAA=\n","at":0,"tree":{"units":0,"open":[]}},"unfinished":null}"#;
    let others_progress = r#"{"state":"counterfoil/audit@v1","verified":null,"unfinished":{"origin":"other.example/log","tree":{"units":0,"open":[]},"from_unit":0,"findings":[],"more_findings":0,"counts":{"entries":0,"bundles":0,"tiles":0,"bytes":0},"consistent":null}}"#;
    let rows = [
        (
            "another log, of which an audit was interrupted",
            others_progress,
            "is of the log other.example/log",
        ),
        ("not JSON", "hello", "is not the state of an audit"),
        (
            "another format",
            r#"{"state":"x","verified":null,"unfinished":null}"#,
            "expected the format",
        ),
        (
            "unknown field",
            r#"{"state":"counterfoil/audit@v1","verified":null,"unfinished":null,"x":1}"#,
            "unknown field",
        ),
        ("another log", other_log, "is of the log other.example/log"),
    ];
    for (name, text, said) in rows {
        log.counterfoil.write("state.json", text);
        let ran = log.audit(&["--state", "state.json"]);
        assert_eq!(ran.code, 2, "{name}: {}", ran.all());
        assert!(ran.stderr.contains(said), "{name}: {}", ran.all());
    }
}

use counterfoil_tiles::key::{KeyName, Seed, SigningKey};
use proptest::prelude::*;

use super::*;

/// A vkey, told from others of the name by a number.
fn vkey(name: &str, algorithm: Algorithm, number: u8) -> String {
    let name = KeyName::new(name).unwrap();
    let key = SigningKey::from_seed(name, algorithm, &Seed::new([number; 32])).unwrap();
    key.vkey().to_string()
}

fn ed25519(name: &str, number: u8) -> String {
    vkey(name, Algorithm::Ed25519, number)
}

/// Lines, origins, rates and pauses.
fn shown(text: &str) -> Vec<(usize, String, Option<f64>, bool)> {
    let listed = parse(text.as_bytes()).unwrap();
    let show = |one: Listed| {
        (
            one.line,
            one.origin.to_string(),
            one.options.rate,
            one.options.paused,
        )
    };
    listed.into_iter().map(show).collect()
}

fn error(text: impl AsRef<[u8]>) -> String {
    parse(text.as_ref()).unwrap_err().to_string()
}

/// Rows of a mutation, the text and how the error begins.
fn refused(rows: &[(&str, String, &str)]) {
    for (mutation, text, expected) in rows {
        let error = error(text);
        assert!(error.starts_with(expected), "{mutation}: {error}");
    }
}

#[test]
fn vkeys_with_options() {
    let (a, b) = (
        ed25519("a.example", 1),
        vkey("b.example", Algorithm::MlDsa44, 2),
    );
    let text = format!(
        "# logs\n\n{a}\n\t{b}\trate=0.5  paused \n  # more\n{a} origin=go.sum database tree\n{a} paused rate=7 origin=x rate=9"
    );
    let expected = [
        (3, "a.example".to_owned(), None, false),
        (4, "b.example".to_owned(), Some(0.5), true),
        (6, "go.sum database tree".to_owned(), None, false),
        (7, "x rate=9".to_owned(), Some(7.0), true),
    ];
    assert_eq!(shown(&text), expected);
    for nothing in ["", "\n", "# only a comment", " \t\n#\n"] {
        assert_eq!(shown(nothing), [], "{nothing:?}");
    }
}

#[test]
fn a_policy_gives_its_logs() {
    let (a, b) = (ed25519("a.example", 1), ed25519("b.example", 2));
    let witness = vkey("w.example", Algorithm::CosignatureV1, 3);
    let text =
        format!("# ours\nwitness w {witness}\nlog {a} https://a.example/\n\n log\t{b}\nquorum w\n");
    let expected = [
        (3, "a.example".to_owned(), None, false),
        (5, "b.example".to_owned(), None, false),
    ];
    assert_eq!(shown(&text), expected);
}

#[test]
fn a_list_of_the_witness_network() {
    let (a, b, c) = (
        ed25519("a.example", 1),
        ed25519("b.example", 2),
        ed25519("c.example", 3),
    );
    let text = format!(
        "#\n# List: 10qps-100klogs\n#\nlogs/v0\n\n# 1st\nvkey {a}\norigin none\nqpd 86400\nbastion https://bastion.example/\n\
         contact https://a.example/ or + call\n\nvkey {b}\norigin go.sum database tree\nqpd 24\nbastion none\nsomething new\n\
         vkey {c}\n"
    );
    let expected = [
        (7, "a.example".to_owned(), Some(1.0), false),
        (
            13,
            "go.sum database tree".to_owned(),
            Some(24.0 / 86_400.0),
            false,
        ),
        (18, "c.example".to_owned(), None, false),
    ];
    assert_eq!(shown(&text), expected);
    assert_eq!(shown("logs/v0"), []);
}

/// Each of these files is refused as a whole, and the message says which line is to be mended.
#[test]
fn what_is_no_list_is_refused_by_its_line() {
    let a = ed25519("a.example", 1);
    let witness = vkey("w.example", Algorithm::CosignatureV1, 3);
    let long = ed25519(&"a".repeat(256), 1);
    let rows = [
        ("a word", format!("{a}\nhello\n"), "line 2: expected a vkey"),
        (
            "another key ID",
            format!("\n{}", a.replacen(&a[10..18], "00000000", 1)),
            "line 2: the key ID",
        ),
        (
            "a private key",
            "PRIVATE+KEY+a.example+00000000+AAAA".to_owned(),
            "line 1: ",
        ),
        (
            "a cosigner's key",
            format!("{a}\n{witness}\n"),
            "line 2: a key of type Ed25519 cosignature/v1",
        ),
        (
            "an unknown option",
            format!("{a} burst=3"),
            "line 1: expected rate=N, paused or origin=TEXT, got \"burst=3\"",
        ),
        (
            "a rate of nothing",
            format!("{a} rate=0"),
            "line 1: expected rate=N",
        ),
        (
            "a negative rate",
            format!("{a} rate=-1"),
            "line 1: expected rate=N",
        ),
        (
            "an infinite rate",
            format!("{a} rate=inf"),
            "line 1: expected rate=N",
        ),
        (
            "a rate with an exponent",
            format!("{a} rate=1e3"),
            "line 1: expected rate=N",
        ),
        (
            "two rates",
            format!("{a} rate=1 rate=1"),
            "line 1: rate is there twice",
        ),
        (
            "two pauses",
            format!("{a} paused paused"),
            "line 1: paused is there twice",
        ),
        (
            "no origin",
            format!("{a} origin="),
            "line 1: an origin is a non-empty line",
        ),
        (
            "an origin too long",
            format!("{a}\n{long}"),
            "line 2: an origin that is to be cosigned has at most 255 bytes",
        ),
        (
            "CRLF",
            format!("{a}\r\n"),
            "line 1: a control character, 0x0d",
        ),
    ];
    refused(&rows);
    assert_eq!(
        error([a.as_bytes(), b"\n\xff"].concat()),
        "line 2: expected UTF-8"
    );
}

#[test]
fn what_is_no_policy_or_network_list_is_refused_by_its_line() {
    let a = ed25519("a.example", 1);
    let witness = vkey("w.example", Algorithm::CosignatureV1, 3);
    let rows = [
        (
            "a policy without a quorum",
            format!("log {a}\n"),
            "line 1: no quorum line",
        ),
        (
            "a policy with a bad line",
            format!("quorum none\nlog {a} u u\n"),
            "line 2: expected `log",
        ),
        (
            "a cosigner as a policy's log",
            format!("quorum none\nlog {witness}\n"),
            "line 2: a key of type",
        ),
        (
            "another version of a network list",
            format!("logs/v1\nvkey {a}\n"),
            "line 1: expected logs/v0",
        ),
        (
            "a network list that begins without vkey",
            format!("logs/v0\nqpd 1\nvkey {a}\n"),
            "line 2: expected a vkey line",
        ),
        (
            "qpd that is no number",
            format!("logs/v0\nvkey {a}\nqpd toast\n"),
            "line 3: expected qpd N",
        ),
        (
            "qpd of nothing",
            format!("logs/v0\nvkey {a}\nqpd 0\n"),
            "line 3: expected qpd N",
        ),
        (
            "qpd twice",
            format!("logs/v0\nvkey {a}\nqpd 1\nqpd 1\n"),
            "line 4: qpd is there twice",
        ),
        (
            "origin twice",
            format!("logs/v0\nvkey {a}\norigin a\norigin b\n"),
            "line 4: origin is there twice",
        ),
        (
            "a network list with CRLF",
            format!("logs/v0\nvkey {a}\r\n"),
            "line 2: a control character",
        ),
    ];
    refused(&rows);
}

fn files(texts: &[&str]) -> Vec<(std::path::PathBuf, Vec<Listed>)> {
    let parsed = texts.iter().map(|text| parse(text.as_bytes()).unwrap());
    (1..)
        .zip(parsed)
        .map(|(number, listed)| (format!("file{number}").into(), listed))
        .collect()
}

#[test]
fn one_origin_is_one_log() {
    let (old, new) = (ed25519("a.example", 1), ed25519("a.example", 2));
    let combined = combine(&files(&[&format!("{old} rate=3\n{new}\n{new}\n")])).unwrap();
    let logs: Vec<_> = combined.logs.iter().collect();
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].keys().len(), 2);
    assert_eq!(logs[0].options().rate, Some(3.0));

    let paused = combine(&files(&[&format!("{old}\n{new} paused\n")])).unwrap();
    assert!(paused.logs.iter().all(|log| log.options().paused));

    let contradiction = combine(&files(&[&format!("{old} rate=3\n\n{new} rate=4\n")])).unwrap_err();
    assert_eq!(
        contradiction.to_string(),
        "file1: line 3: the rate of the log a.example is another than on line 1"
    );
}

/// A list that comes from elsewhere must not be able to make another key trusted for the operator's own log.
#[test]
fn the_first_file_that_names_a_log_decides() {
    let (own, foreign) = (ed25519("a.example", 1), ed25519("a.example", 2));
    let other = ed25519("b.example", 3);
    let network = format!("logs/v0\nvkey {foreign}\nqpd 24\nvkey {own}\nvkey {other}\nqpd 86400\n");
    let combined = combine(&files(&[&format!("{own} rate=9\n"), &network])).unwrap();
    let find = |origin: &str| combined.logs.find(&Origin::new(origin).unwrap()).unwrap();
    let log = find("a.example");
    assert_eq!(log.keys().len(), 1);
    assert_eq!(log.keys()[0].vkey().to_string(), own);
    assert_eq!(log.options().rate, Some(9.0));
    assert_eq!(find("b.example").options().rate, Some(1.0));
    assert_eq!(combined.overruled.len(), 1, "{:?}", combined.overruled);
    assert!(
        combined.overruled[0]
            .starts_with("file2: line 2: this key of the log a.example is not trusted")
    );
}

#[test]
fn files_are_read_and_their_changes_seen() {
    let directory = tempfile::tempdir().unwrap();
    let paths = [directory.path().join("one"), directory.path().join("two")];
    std::fs::write(&paths[0], ed25519("a.example", 1)).unwrap();
    let absent = read(&paths).unwrap_err().to_string();
    assert!(
        absent.starts_with(&paths[1].display().to_string()),
        "{absent}"
    );

    let before = Stamp::of(&paths);
    std::fs::write(&paths[1], "hello\n").unwrap();
    assert_ne!(Stamp::of(&paths), before, "a file that appears");
    let bad = read(&paths).unwrap_err().to_string();
    assert!(bad.contains("two: line 1: expected a vkey"), "{bad}");

    std::fs::write(&paths[1], ed25519("b.example", 2)).unwrap();
    let listing = read(&paths).unwrap();
    assert_eq!(listing.combined.logs.len(), 2);
    assert_eq!(Stamp::of(&paths), listing.stamp, "nothing changed since");
    let replacement = directory.path().join("new");
    std::fs::write(&replacement, ed25519("b.example", 2)).unwrap();
    std::fs::rename(&replacement, &paths[1]).unwrap();
    assert_ne!(
        Stamp::of(&paths),
        listing.stamp,
        "a file that is replaced by one of the same size"
    );
}

/// A list in each format, with every kind of line.
fn examples() -> [String; 3] {
    let (a, b) = (ed25519("a.example", 1), ed25519("b.example", 2));
    let witness = vkey("w.example", Algorithm::CosignatureV1, 3);
    [
        format!("# logs\n\n{a} rate=0.5 paused\n{b} origin=go.sum database tree\n"),
        format!(
            "# ours\nlog {a} https://a.example/\nlog\t{b}\nwitness w {witness}\ngroup g any w\nquorum g\n"
        ),
        format!(
            "logs/v0\n\nvkey {a}\norigin none\nqpd 24\nvkey {b}\norigin x\nbastion none\ncontact c\n"
        ),
    ]
}

/// An edit of a text: a byte is replaced, put in or taken away, or a line is repeated or taken away.
fn edit(text: &mut Vec<u8>, kind: u8, at: usize, byte: u8) {
    let at = at % (text.len() + 1);
    let line_start = text[..at]
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |n| n + 1);
    let line_end = text[at..]
        .iter()
        .position(|b| *b == b'\n')
        .map_or(text.len(), |n| at + n + 1);
    match kind % 5 {
        0 if at < text.len() => text[at] = byte,
        1 if at < text.len() => drop(text.remove(at)),
        2 => text.insert(at, byte),
        3 => drop(text.drain(line_start..line_end)),
        _ => {
            let line = text[line_start..line_end].to_vec();
            text.splice(line_end..line_end, line);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A list comes from elsewhere: whatever it says, it is taken or refused by a line that it has, and what is taken can be
    /// witnessed.
    #[test]
    fn whatever_a_list_says_it_is_taken_or_refused_by_its_line(
        format in 0..3_usize,
        edits in prop::collection::vec((any::<u8>(), any::<usize>(), any::<u8>()), 0..6),
    ) {
        let mut text = examples()[format].clone().into_bytes();
        for (kind, at, byte) in edits {
            edit(&mut text, kind, at, byte);
        }
        let lines = text.split(|byte| *byte == b'\n').count();
        match parse(&text) {
            Ok(listed) => {
                for one in &listed {
                    prop_assert!((1..=lines).contains(&one.line));
                    prop_assert!(one.options.rate.is_none_or(|rate| rate.is_finite() && rate > 0.0));
                }
                if let Ok(combined) = combine(&[("list".into(), listed)]) {
                    for log in combined.logs.iter() {
                        prop_assert!(!log.keys().is_empty());
                    }
                }
            }
            Err(error) => prop_assert!((1..=lines).contains(&error.line), "{error}"),
        }
    }

    /// What is written as a line is read as the same.
    #[test]
    fn a_line_is_read_as_it_was_written(
        seed in any::<u8>(),
        rate in prop::option::of(0.001..1e9_f64),
        paused in any::<bool>(),
        origin in prop::option::of("[ -~]{0,20}[!-~]"),
    ) {
        let key = ed25519("a.example", seed);
        let mut line = key.clone();
        line += &rate.map_or_else(String::new, |rate| format!(" rate={rate}"));
        line += if paused { " paused" } else { "" };
        line += &origin.as_ref().map_or_else(String::new, |origin| format!(" origin={origin}"));
        let listed = parse(line.as_bytes()).unwrap();
        prop_assert_eq!(listed.len(), 1);
        prop_assert_eq!(listed[0].vkey.to_string(), key);
        prop_assert_eq!(listed[0].options, LogOptions { rate, paused });
        prop_assert_eq!(listed[0].origin.as_str(), origin.as_deref().unwrap_or("a.example"));
    }
}

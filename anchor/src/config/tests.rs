use counterfoil_service::config::{ClientShare, Override};

use super::*;

const GOOD: &str = r#"
data = "data"
required = 2
[[log]]
url = "https://log.example/"
policy = "a.policy"
[[log]]
url = "https://other.example/log"
policy = "b.policy"
[[authority]]
name = "first"
url = "https://tsa.example/tsr"
roots = ["first.pem"]
policies = ["1.3.6.1.4.1.13762.3", "2.999.1"]
[[authority]]
name = "second"
url = "http://tsa2.example/"
roots = ["second.pem", "third.pem"]
certificates = ["more.pem"]
"#;

#[test]
fn a_good_one() {
    let config = Config::parse(GOOD, &[]).unwrap();
    assert_eq!((config.logs.len(), config.authorities.len()), (2, 2));
    assert_eq!(config.max_age, Duration::from_hours(168));
    assert_eq!(config.schedule().unwrap().required(), 2);
    let flag = Override::flag("required", "1");
    assert_eq!(Config::parse(GOOD, &[flag]).unwrap().required, 1);
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table, a row a line")]
fn what_does_not_go_together_is_named() {
    let rows = [
        (
            "an unknown key",
            "required = 2",
            "requires = 2",
            "requires: there is no such key",
        ),
        ("no data", "data = \"data\"", "", "data: missing"),
        (
            "more than there are",
            "required = 2",
            "required = 3",
            "required: required: expected 1 to 2",
        ),
        ("none", "required = 2", "required = 0", "required: "),
        (
            "no interval",
            "required = 2",
            "interval = \"0s\"",
            "interval: ",
        ),
        (
            "jitter of an interval",
            "required = 2",
            "interval = \"5m\"",
            "jitter: ",
        ),
        (
            "no wait",
            "required = 2",
            "retry_first = \"0s\"",
            "retry_first: ",
        ),
        (
            "no time",
            "required = 2",
            "log_deadline = \"0s\"",
            "log_deadline: expected more than 0",
        ),
        (
            "the same name",
            "\"second\"",
            "\"first\"",
            "authority[1].name: another",
        ),
        (
            "a bad name",
            "\"second\"",
            "\"Second\"",
            "authority[1].name: expected the name",
        ),
        (
            "a bad URL",
            "http://tsa2.example/",
            "tsa2.example",
            "authority[1].url: expected an http",
        ),
        (
            "another scheme",
            "https://log.example/",
            "ftp://log.example/",
            "log[0].url: expected an http",
        ),
        (
            "the same log",
            "https://other.example/log",
            "https://log.example",
            "log[1].url: another",
        ),
        (
            "no roots",
            "[\"first.pem\"]",
            "[]",
            "authority[0].roots: missing",
        ),
        (
            "a bad OID",
            "2.999.1",
            "2.999.x",
            "authority[0].policies: expected object identifiers",
        ),
        (
            "an OID with a zero",
            "2.999.1",
            "2.999.01",
            "authority[0].policies: ",
        ),
        (
            "an OID of no tree",
            "2.999.1",
            "3.1",
            "authority[0].policies: ",
        ),
        (
            "an OID out of range",
            "2.999.1",
            "1.40",
            "authority[0].policies: ",
        ),
    ];
    for (name, from, to, expected) in rows {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{name}");
        let error = Config::parse(&text, &[]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{name}: {error}");
    }
    for (name, table) in [("log", "[[log]]"), ("authority", "[[authority]]")] {
        let text: Vec<&str> = GOOD.split("\n[[").collect();
        let kept = text
            .iter()
            .filter(|part| !format!("[[{part}").starts_with(table));
        let text: Vec<&str> = kept.copied().collect();
        let error = Config::parse(&text.join("\n[["), &[])
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(&format!("{name}: missing")), "{error}");
    }
}

#[test]
fn defaults_in_the_written_file_are_the_defaults() {
    let file = Config::SCHEMA.file(&[]);
    let shown = |key: &str| {
        let start = format!("# {key} = ");
        let line = file.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("{key} is missing in {file}"))
            .to_owned()
    };
    let default = Config::default();
    let durations = [
        ("interval", default.interval),
        ("jitter", default.jitter),
        ("max_age", default.max_age),
        ("retry_first", default.retry_first),
        ("retry_longest", default.retry_longest),
        ("log_deadline", default.log_deadline),
        ("authority_deadline", default.authority_deadline),
        ("clock_tolerance", default.clock_tolerance),
    ];
    for (key, value) in durations {
        let text = shown(key);
        assert_eq!(
            duration::parse(text.trim_matches('"')),
            Some(value),
            "{key}"
        );
    }
    assert_eq!(shown("required"), default.required.to_string());
}

#[test]
fn paths_are_relative_to_the_file() {
    let mut config = Config::parse(GOOD, &[]).unwrap();
    let paths: Vec<String> = config
        .paths()
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let expected = [
        "data",
        "a.policy",
        "b.policy",
        "first.pem",
        "second.pem",
        "third.pem",
        "more.pem",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn the_url_of_an_authority_fits_evidence() {
    let with = |length: usize| {
        let url = "http://tsa2.example/";
        let long = format!("{url}{}", "x".repeat(length - url.len()));
        Config::parse(&GOOD.replacen(url, &long, 1), &[])
    };
    assert!(with(2_048).is_ok());
    let error = with(2_049).unwrap_err().to_string();
    assert!(
        error.contains("authority[1].url: expected at most 2048 bytes"),
        "{error}"
    );
}

#[test]
fn known_forks_and_lost_checkpoints_are_hashes() {
    let url = "url = \"https://log.example/\"";
    let with = |key: &str, hash: &str| {
        let known = format!("{url}\n{key} = [{hash:?}]");
        Config::parse(&GOOD.replacen(url, &known, 1), &[])
    };
    let good = "ab".repeat(32);
    let log = |key| with(key, &good).unwrap().logs.remove(0);
    assert_eq!(log("known_forks").known_forks.len(), 1);
    assert_eq!(log("lost_checkpoints").lost_checkpoints.len(), 1);
    for key in ["known_forks", "lost_checkpoints"] {
        for wrong in ["ab", &"AB".repeat(32), &"xy".repeat(32)] {
            let error = with(key, wrong).unwrap_err().to_string();
            let expected = format!("log[0].{key}: expected SHA-256");
            assert!(error.contains(&expected), "{error}");
        }
    }
}

#[test]
fn a_client_has_a_part_unless_it_is_a_proxy() {
    let share = |text: &str| Config::parse(&format!("{text}{GOOD}"), &[]);
    let plain = share("").unwrap().front.client_share;
    assert_eq!((plain.of(8, 4), plain), (4, ClientShare::Part));
    let proxy = share("client_share = \"all\"").unwrap().front.client_share;
    assert_eq!((proxy.of(8, 4), proxy), (8, ClientShare::All));
    let error = share("client_share = \"most\"").unwrap_err().to_string();
    assert!(
        error.starts_with("client_share: expected one of part, all"),
        "{error}"
    );
}

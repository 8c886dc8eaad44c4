use counterfoil_service::config::Override;

use super::*;

const LEAST: &str = "data = \"d\"\nkeys = [\"k\"]\nlogs = [\"l\"]\n";

#[test]
fn the_file_that_is_written_is_one_and_has_the_defaults() {
    let values = [("data", "\"d\""), ("keys", "[\"k\"]"), ("logs", "[\"l\"]")];
    let written = Config::SCHEMA.file(&values);
    let config = Config::parse(&written, &[]).unwrap();
    assert_eq!(config, Config::parse(LEAST, &[]).unwrap());

    // With every default of the comments put in, nothing changes: the comments say what holds.
    let examples = ["url", "operator", "contact", "copies"];
    let shown: Vec<_> = Config::SCHEMA
        .all()
        .filter(|key| key.section.name().is_empty() && !examples.contains(&key.name))
        .filter(|key| !["data", "keys", "logs"].contains(&key.name))
        .map(|key| format!("{} = {}\n", key.name, key.value))
        .collect();
    let all = format!("{LEAST}{}", shown.concat());
    assert_eq!(Config::parse(&all, &[]).unwrap(), config);
}

#[test]
fn values_that_do_not_do() {
    let rows = [
        ("", "data: missing"),
        ("data = \"d\"", "keys: missing"),
        ("data = \"d\"\nkeys = [\"k\"]", "logs: missing"),
        ("log_rate = 0", "log_rate: expected a number above 0"),
        ("log_rate = inf", "log_rate: expected a number above 0"),
        ("client_rate = -1", "client_rate: expected"),
        ("client_burst = nan", "client_burst: expected"),
        ("cached_logs = 0", "cached_logs: expected 1 or more"),
        ("submission_prefix = \"\"", "submission_prefix: expected"),
        ("submission_prefix = \"w\"", "submission_prefix: expected"),
        ("submission_prefix = \"/w/\"", "submission_prefix: expected"),
        (
            "submission_prefix = \"/../w\"",
            "submission_prefix: expected",
        ),
        (
            "monitoring_prefix = \"/a b\"",
            "monitoring_prefix: expected",
        ),
        (
            "monitoring_prefix = \"/metrics/x\"",
            "monitoring_prefix: metrics is a path",
        ),
        (
            "url = \"witness.example\"",
            "url: expected an http or https URL",
        ),
        (
            "copies_required = true",
            "copies_required: there are no copies",
        ),
        (
            "copies = [\"d/copies\"]",
            "copies: it is in the data directory",
        ),
        ("watch_interval = 3", "watch_interval: expected"),
        (
            "[[bastion]]\naddress = \"a b\"\nkey = \"k\"",
            "bastion[0].address: expected HOST or HOST:PORT",
        ),
        ("[[bastion]]\naddress = \"a\"", "bastion[0].key: missing"),
        (
            "[[bastion]]\naddress = \"a\"\nkey = \"k\"\n[[bastion]]\naddress = \"A:443\"\nkey = \"j\"",
            "bastion[1].address: another [[bastion]]",
        ),
    ];
    for (text, expected) in rows {
        let whole = ["data:", "keys:", "logs:"];
        let text = if whole.iter().any(|key| expected.starts_with(key)) {
            text.to_owned()
        } else {
            format!("{LEAST}{text}")
        };
        let error = Config::parse(&text, &[]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn paths_are_relative_to_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("witness.toml");
    let text = format!(
        "{LEAST}copies = [\"c\", \"https://w.example/\"]\n[[bastion]]\naddress = \"b\"\nkey = \"bk\"\nca = \"/ca\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file, &[Override::flag("logs", "l,/m")]).unwrap();
    assert_eq!(config.data, directory.path().join("d"));
    assert_eq!(config.logs, [directory.path().join("l"), "/m".into()]);
    let copies = [
        Place::Folder(directory.path().join("c")),
        Place::Url("https://w.example/".to_owned()),
    ];
    assert_eq!(config.copies, copies);
    assert_eq!(config.bastions[0].key, directory.path().join("bk"));
    assert_eq!(config.bastions[0].ca, Some("/ca".into()));
}

/// What docs/witness.md shows to operators is a configuration.
#[test]
fn the_page_for_operators_is_right() {
    let page = include_str!("../../../docs/witness.md");
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let [whole, bastion] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len())
    };
    let config = Config::parse(whole, &[]).unwrap();
    assert!(config.front.tls.is_some());
    assert_eq!(
        whole.lines().filter(|line| !line.is_empty()).count(),
        9,
        "ten lines run a witness"
    );
    let with_bastion = Config::parse(&format!("{whole}{bastion}"), &[]).unwrap();
    assert_eq!(with_bastion.bastions[0].address, "bastion.example.org");
    let default = Config::default();
    for (key, value) in [
        ("log_rate", default.log_rate),
        ("client_rate", default.client_rate),
        ("client_burst", default.client_burst),
    ] {
        assert!(page.contains(&format!("`{key}` ({value})")), "{key}");
    }
    let limit = counterfoil_tiles::witness_wire::MAX_REQUEST_SIZE;
    assert_eq!(limit, 1_004_096);
    assert!(page.contains("more than 1,004,096 bytes"));
}

use std::path::Path;
use std::time::Duration;

use counterfoil_service::config::{FrontConfig, Key, Override, Settings};

use super::keys::{CLIENT, SCHEMA, TLS, TOKEN};
use super::{Config, LogConfig, ReadMode};

const LOG: &str = "[[log]]\norigin = \"a.example\"\ndata = \"d\"\nkeys = [\"k\"]\n";
const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn error(text: &str, overrides: &[Override]) -> String {
    Config::parse(text, overrides).unwrap_err().to_string()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, a row for each mistake")]
fn what_is_refused_and_what_it_says() {
    let token = format!("[[token]]\nname = \"t\"\nsha256 = \"{DIGEST}\"\n");
    let rows = [
        (
            "unknown key",
            "listne = []".to_owned(),
            "listne: there is no such key; the nearest is listen",
        ),
        (
            "unknown table",
            "[tsl]\nkey = \"k\"".to_owned(),
            "tsl: there is no such key; the nearest is tls",
        ),
        (
            "unknown key of a log",
            format!("{LOG}orgin = \"x\""),
            "log[0].orgin: there is no such key; the nearest is origin",
        ),
        ("not TOML", "listen = ".to_owned(), "not TOML: "),
        (
            "wrong kind",
            "max_requests = \"many\"".to_owned(),
            "max_requests: expected a whole number, 0 or more, got \"many\"",
        ),
        (
            "negative number",
            "max_requests = -1".to_owned(),
            "max_requests: expected a whole number, 0 or more, got -1",
        ),
        (
            "zero",
            format!("max_requests = 0\n{LOG}"),
            "max_requests: expected 1 or more, got 0",
        ),
        (
            "no time at all",
            format!("body_deadline = \"0s\"\n{LOG}"),
            "body_deadline: expected more than 0, got 0",
        ),
        (
            "filter that is none",
            format!("log_filter = \"info,a=loud\"\n{LOG}"),
            "log_filter: expected directives such as \"info\"",
        ),
        (
            "duration without unit",
            "request_deadline = \"30\"".to_owned(),
            "request_deadline: expected a duration such as",
        ),
        (
            "address without port",
            format!("listen = [\"127.0.0.1\"]\n{LOG}"),
            "not TOML: invalid socket address syntax",
        ),
        (
            "no address",
            format!("listen = []\n{LOG}"),
            "listen: expected at least one address, got none",
        ),
        (
            "no log",
            String::new(),
            "log: missing; a server needs at least one [[log]]",
        ),
        (
            "log that is not a table",
            "log = 1".to_owned(),
            "log: expected tables [[log]], got integer",
        ),
        (
            "tls that is a list",
            "[[tls]]\nkey = \"k\"".to_owned(),
            "tls: expected a table [tls], got ",
        ),
        (
            "log without origin",
            "[[log]]\ndata = \"d\"".to_owned(),
            "log[0].origin: missing; Origin line",
        ),
        (
            "origin with a space",
            LOG.replace("a.example", "a b"),
            "log[0].origin: expected text without spaces, +",
        ),
        (
            "no key",
            LOG.replace("[\"k\"]", "[]"),
            "log[0].keys: expected at least one key file, got none",
        ),
        (
            "monitoring prefix without witnesses",
            format!("{LOG}monitoring = [\"W=http://w.example\"]"),
            "log[0].monitoring: without a policy there are no witnesses: set policy = FILE",
        ),
        (
            "monitoring prefix of nobody",
            format!("{LOG}policy = \"p\"\nmonitoring = [\"http://w.example\"]"),
            "log[0].monitoring: expected NAME=URL, the name of a witness in the policy and its monitoring prefix, got",
        ),
        (
            "an anchor that is no URL",
            format!("{LOG}anchors = [\"anchor.example\"]"),
            "log[0].anchors: expected the http or https URL of an anchor, without user, query and fragment, got \"anchor.example\"",
        ),
        (
            "an anchor with a query",
            format!("{LOG}anchors = [\"http://anchor.example/?a=b\"]"),
            "log[0].anchors: expected the http or https URL of an anchor",
        ),
        (
            "an anchor with a password",
            format!("{LOG}anchors = [\"http://a:b@anchor.example/\"]"),
            "log[0].anchors: expected the http or https URL of an anchor",
        ),
        (
            "an anchor twice",
            format!("{LOG}anchors = [\"http://anchor.example/a\", \"http://anchor.example/a/\"]"),
            "log[0].anchors: http://anchor.example/a/ is there twice",
        ),
        (
            "nine anchors",
            format!(
                "{LOG}anchors = {:?}",
                (1..=9)
                    .map(|n| format!("http://anchor.example/{n}"))
                    .collect::<Vec<_>>()
            ),
            "log[0].anchors: expected at most 8 URLs, got 9",
        ),
        (
            "no time for witnesses",
            format!("{LOG}witness_deadline = \"0s\""),
            "log[0].witness_deadline: expected 100ms or more, got 0",
        ),
        (
            "refreshing without end",
            format!("{LOG}refresh_interval = \"1ms\""),
            "log[0].refresh_interval: expected 100ms or more, got 1ms",
        ),
        (
            "prefix without slash",
            format!("{LOG}prefix = \"a\""),
            "log[0].prefix: expected \"/\" or a path such as",
        ),
        (
            "prefix ends in a slash",
            format!("{LOG}prefix = \"/a/\""),
            "log[0].prefix: expected \"/\" or a path such as",
        ),
        (
            "prefix climbs",
            format!("{LOG}prefix = \"/a/..\""),
            "log[0].prefix: expected \"/\" or a path such as",
        ),
        (
            "prefix hides an endpoint",
            format!("{LOG}prefix = \"/tile\""),
            "log[0].prefix: tile is the name of an endpoint",
        ),
        (
            "same origin twice",
            format!("{LOG}{LOG}prefix = \"/b\""),
            "log[1].origin: another log has the same origin",
        ),
        (
            "same prefix twice",
            format!("{LOG}{}", LOG.replace("a.example", "b.example")),
            "log[1].prefix: another log has the same prefix",
        ),
        (
            "reading guarded by nothing",
            format!("{LOG}read = \"token\""),
            "log[0].read: \"token\" guards reading, but there is neither",
        ),
        (
            "read mode",
            format!("{LOG}read = \"all\""),
            "log[0].read: expected one of public, token, got \"all\"",
        ),
        (
            "open to the world",
            format!("listen = [\"0.0.0.0:80\"]\n{LOG}"),
            "listen 0.0.0.0:80, log a.example: anybody who reaches this address could write",
        ),
        (
            "open to the world, with a token for another log",
            format!(
                "listen = [\"[::]:80\"]\n{LOG}{}prefix = \"/b\"\n{token}logs = [\"b.example\"]",
                LOG.replace("a.example", "b.example"),
            ),
            "listen [::]:80, log a.example: anybody who reaches this address could write",
        ),
        (
            "token that is no digest",
            format!("{LOG}[[token]]\nname = \"t\"\nsha256 = \"secret\""),
            "token[0].sha256: expected 64 hexadecimal digits",
        ),
        (
            "same token twice",
            format!("{LOG}{token}{token}"),
            "token[1].sha256: another [[token]] has the same",
        ),
        (
            "token for no log",
            format!("{LOG}{token}logs = [\"x\"]"),
            "token[0].logs: expected \"*\" or origins of this server's logs, got \"x\"",
        ),
        (
            "rate of nothing",
            format!("{LOG}{token}rate = 0"),
            "token[0].rate: expected a number above 0",
        ),
        (
            "burst without rate",
            format!("{LOG}{token}burst = 5"),
            "token[0].burst: burst means nothing without rate",
        ),
        (
            "client without CA",
            format!("{LOG}[[client]]\nname = \"c.example\""),
            "tls.client_ca: missing; without it",
        ),
        (
            "entry longer than a bundle holds",
            format!("{LOG}max_entry_bytes = 65536"),
            "log[0].max_entry_bytes: expected 1 to 65535, got 65536",
        ),
        (
            "batch smaller than an entry",
            format!("{LOG}max_batch_bytes = 65536"),
            "log[0].max_batch_bytes: expected 65537 to 268435456, got 65536",
        ),
        (
            "queue smaller than a batch",
            format!("{LOG}max_queue_bytes = 8388607"),
            "log[0].max_queue_bytes: expected 8388608 or more, got 8388607",
        ),
        (
            "deduplication without an index",
            format!("{LOG}deduplicate = true\nlookup = false"),
            "log[0].deduplicate: it needs the lookup index: set lookup = true",
        ),
        (
            "interval of nothing",
            format!("{LOG}checkpoint_interval = \"0s\""),
            "log[0].checkpoint_interval: expected more than 0, got 0",
        ),
    ];
    for (name, text, message) in rows {
        let said = error(&text, &[]);
        assert!(said.starts_with(message), "{name}: {said}");
    }
}

#[test]
fn a_token_is_not_shown() {
    let text = format!("{LOG}[[token]]\nname = \"t\"\nsha256 = \"hunter2\"");
    assert!(!error(&text, &[]).contains("hunter2"));
}

#[test]
fn defaults() {
    let config = Config::parse(LOG, &[]).unwrap();
    let expected = Config {
        logs: vec![LogConfig {
            origin: "a.example".to_owned(),
            data: "d".into(),
            keys: vec!["k".into()],
            ..LogConfig::default()
        }],
        ..Config::default()
    };
    assert_eq!(config, expected);
}

/// Each key of the list is a field, each default in the list is the field's, and the written file is a valid one.
#[test]
fn the_default_file_says_what_is_so() {
    let file = SCHEMA.file(&[
        ("log.origin", "\"a.example\""),
        ("log.data", "\"d\""),
        ("log.keys", "[\"k\"]"),
    ]);
    assert_eq!(Config::parse(&file, &[]), Config::parse(LOG, &[]));

    let is_setting = |line: &&str| line.starts_with("# [") || line.split(' ').nth(2) == Some("=");
    let uncommented: String = file
        .lines()
        .map(|line| if is_setting(&line) { &line[2..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    let all = Config::parse(&uncommented, &[]).unwrap();
    let plain = Config::parse(LOG, &[]).unwrap();
    assert_eq!(all.logs, plain.logs);
    assert!(all.front.tls.is_some() && all.tokens.len() == 1 && all.clients.len() == 1);
    let without = Config {
        front: FrontConfig {
            tls: None,
            ..all.front
        },
        tokens: Vec::new(),
        clients: Vec::new(),
        ..all
    };
    assert_eq!(without, plain);
    for key in SCHEMA.all() {
        let line = format!("{} = ", key.name);
        assert!(file.contains(&line), "{} is not in the file", key.path());
    }
}

#[test]
fn flags_beat_variables_beat_the_file() {
    let variable = |name: &str, value: &str| (format!("COUNTERFOIL_LOG__{name}"), value.to_owned());
    let mut overrides = SCHEMA.from_environment([
        variable("LOG__CHECKPOINT_INTERVAL", "2s"),
        variable("REQUEST_DEADLINE", "7s"),
        variable("LISTEN", "127.0.0.1:1,[::1]:2"),
        variable("TLS__CERTIFICATE", "c"),
        variable("TLS__KEY", "k"),
        variable("TOKEN__0__NAME", "t"),
        variable("TOKEN__0__SHA256", DIGEST),
        variable("TOKEN__0__RATE", "5"),
        ("PATH".to_owned(), "/bin".to_owned()),
    ]);
    overrides.push(Override::flag("request-deadline", "8s"));
    overrides.push(Override::assignment("log.0.read=token").unwrap());
    overrides.push(Override::flag("log.deduplicate", "true"));
    let text = format!("request_deadline = \"6s\"\n{LOG}checkpoint_interval = \"3s\"\n");
    let config = Config::parse(&text, &overrides).unwrap();
    assert_eq!(config.front.request_deadline, Duration::from_secs(8));
    assert_eq!(config.logs[0].checkpoint_interval, Duration::from_secs(2));
    assert_eq!(config.logs[0].read, ReadMode::Token);
    assert!(config.logs[0].deduplicate);
    assert_eq!(config.front.listen.len(), 2);
    assert_eq!(config.front.tls.unwrap().certificate, Path::new("c"));
    assert_eq!(config.tokens[0].rate, Some(5.0));
}

#[test]
fn every_key_is_a_variable_and_a_flag() {
    let file = SCHEMA.file(&[
        ("log.origin", "\"log.example.org/records\""),
        ("log.data", "\"d\""),
        ("log.keys", "[\"k\"]"),
    ]);
    for key in SCHEMA.all() {
        let toml: toml::Table = format!("x = {}", key.value).parse().unwrap();
        let text = match &toml["x"] {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(items) => {
                let items: Vec<_> = items.iter().filter_map(toml::Value::as_str).collect();
                items.join(",")
            }
            other => other.to_string(),
        };
        let variable = format!(
            "COUNTERFOIL_LOG__{}",
            key.path().to_uppercase().replace('.', "__")
        );
        let mut overrides = SCHEMA.from_environment([(variable, text.clone())]);
        overrides.extend(company(key));
        Config::parse(&file, &overrides).unwrap_or_else(|e| panic!("{}: {e}", key.path()));
        let mut overrides = vec![Override::flag(&key.path(), &text)];
        overrides.extend(company(key));
        Config::parse(&file, &overrides).unwrap_or_else(|e| panic!("{}: {e}", key.path()));
    }
}

/// What must stand beside a key for the file to be valid.
fn company(key: &Key) -> Vec<Override> {
    let mut paths: Vec<(&str, &str)> = match key.section {
        TLS => vec![("tls.certificate", "c"), ("tls.key", "k")],
        TOKEN => vec![
            ("token.name", "t"),
            ("token.sha256", DIGEST),
            ("token.rate", "1"),
        ],
        CLIENT => vec![
            ("tls.certificate", "c"),
            ("tls.key", "k"),
            ("tls.client_ca", "a"),
            ("client.name", "n.example"),
            ("client.rate", "1"),
        ],
        _ => Vec::new(),
    };
    paths.retain(|(path, _)| *path != key.path());
    paths
        .into_iter()
        .map(|(path, value)| Override::flag(path, value))
        .collect()
}

#[test]
fn what_is_refused_in_variables_and_flags() {
    let variable =
        |name: &str, value: &str| SCHEMA.from_environment([(name.to_owned(), value.to_owned())]);
    let flag = |path: &str, value: &str| vec![Override::flag(path, value)];
    let two = format!(
        "{LOG}{}prefix = \"/b\"\n",
        LOG.replace("a.example", "b.example")
    );
    let rows = [
        (
            "unknown variable",
            LOG,
            variable("COUNTERFOIL_LOG__LISTN", "x"),
            "COUNTERFOIL_LOG__LISTN: there is no such key; the nearest is listen",
        ),
        (
            "unknown flag",
            LOG,
            flag("log.chekpoint_interval", "1s"),
            "--log-chekpoint-interval: there is no such key; the nearest is log.checkpoint_interval",
        ),
        (
            "wrong kind",
            LOG,
            flag("max_requests", "many"),
            "--max-requests: expected a whole number, 0 or more, got \"many\"",
        ),
        (
            "which log",
            &two,
            flag("log.prefix", "/c"),
            "--log-prefix: there are 2 [[log]]: say which, as log.0.KEY",
        ),
        (
            "number too high",
            &two,
            flag("log.3.prefix", "/c"),
            "--log-3-prefix: there are only 2 [[log]], so the next is log.2",
        ),
        (
            "number where no list is",
            LOG,
            flag("tls.0.key", "k"),
            "--tls-0-key: there is no such key; the nearest is tls.key",
        ),
        (
            "a table alone",
            LOG,
            flag("log", "x"),
            "--log: there is no such key; the nearest is",
        ),
    ];
    for (name, text, overrides, message) in rows {
        let said = error(text, &overrides);
        assert!(said.starts_with(message), "{name}: {said}");
    }
    let assignment = Override::assignment("listen").unwrap_err().to_string();
    assert_eq!(assignment, "--set: expected key=value, got no =");
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.toml");
    let text = LOG.replace("[\"k\"]", "[\"k\", \"/etc/k\"]");
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path, &[]).unwrap();
    assert_eq!(config.logs[0].data, directory.path().join("d"));
    let keys = [directory.path().join("k"), "/etc/k".into()];
    assert_eq!(config.logs[0].keys, keys, "an absolute one is not");

    let missing = Config::load(&directory.path().join("none.toml"), &[]).unwrap_err();
    assert!(
        missing.to_string().contains("none.toml: No such file"),
        "{missing}"
    );
}

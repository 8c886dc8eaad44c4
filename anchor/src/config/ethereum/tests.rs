use counterfoil_ethereum::BlockHash;
use counterfoil_service::config::Settings as _;

use super::super::Config;

use super::*;

const GOOD: &str = r#"
data = "data"
[[log]]
url = "https://log.example/"
policy = "a.policy"
[[authority]]
name = "first"
url = "https://tsa.example/tsr"
roots = ["first.pem"]
[ethereum]
name = "mainnet"
chain_id = 1
rpc = ["https://rpc.example/v3/s3cret", "https://user:s3cret@other.example/"]
destination = "0x00000000219ab540356cbb839cbe05303d7705fa"
keystore = "key.json"
password_file = "password"
"#;

fn parse(text: &str) -> Result<EthereumConfig, String> {
    let config = Config::parse(text, &[]).map_err(|error| error.to_string())?;
    Ok(config.ethereum.unwrap())
}

#[test]
fn a_good_one() {
    let ethereum = parse(GOOD).unwrap();
    assert_eq!(ethereum.every, Duration::from_hours(1));
    assert_eq!(ethereum.ceilings().max_gas, Gas::new(25_000));
    assert_eq!(
        ethereum.signer(),
        Ok(SignerConfig::Keystore(&"key.json".into()))
    );
    assert!(!format!("{ethereum:?}").contains("s3cret"));
    assert_eq!(ethereum.max_head_age(), Duration::from_mins(5));
    assert_eq!(ethereum.max_lag(), Duration::from_mins(1));
    let slow = parse(&format!("{GOOD}block_time = \"1m\"\n")).unwrap();
    assert_eq!(slow.max_head_age(), Duration::from_mins(10));
    assert_eq!(slow.max_lag(), Duration::from_mins(2));
    let old = parse(&format!("{GOOD}max_head_age = \"1h\"\n")).unwrap();
    assert_eq!(old.max_lag(), Duration::from_mins(12));
    let any = parse(&format!(
        "{GOOD}max_head_age = \"0s\"\nconfirmations = 10000\n"
    ))
    .unwrap();
    assert_eq!(any.max_head_age(), Duration::ZERO);
    assert_eq!(any.max_lag(), Duration::from_mins(1));
    let contract = parse(&format!("{GOOD}mode = \"contract\"\n")).unwrap();
    assert_eq!(contract.ceilings().max_gas, Gas::new(120_000));
    let remote = GOOD.replace(
        "keystore = \"key.json\"\npassword_file = \"password\"",
        "signer = \"http://127.0.0.1:9000\"\naccount = \"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"",
    );
    let remote = parse(&remote).unwrap();
    assert!(matches!(remote.signer(), Ok(SignerConfig::Remote(..))));
    let mut config = Config::parse(GOOD, &[]).unwrap();
    let paths = config.paths();
    let paths = paths.iter().map(|path| path.display().to_string());
    let paths: Vec<String> = paths.collect();
    assert!(paths.ends_with(&["key.json".to_owned(), "password".to_owned()]));
    assert!(
        Config::parse(GOOD.split("[ethereum]").next().unwrap(), &[])
            .unwrap()
            .ethereum
            .is_none()
    );
}

/// In the place of what each names first, what it names second is refused in these words, and no credentials are shown.
fn refused(rows: &[(&str, &str, &str)]) {
    for (from, to, expected) in rows {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{expected}");
        let error = parse(&text).unwrap_err();
        assert!(error.starts_with(expected), "{expected}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn values_have_bounds() {
    refused(&[
        (
            "chain_id = 1",
            "chain_id = 0",
            "ethereum.chain_id: expected 1 to",
        ),
        (
            "chain_id = 1",
            "chain_id = 1\nmax_gas = 20999",
            "ethereum.max_gas: expected 21000",
        ),
        (
            "chain_id = 1",
            "chain_id = 1\nmax_fee_gwei = 0",
            "ethereum.max_fee_gwei: expected 1",
        ),
        (
            "chain_id = 1",
            "chain_id = 1\nconfirmations = 0",
            "ethereum.confirmations: expected 1",
        ),
        (
            "chain_id = 1",
            "chain_id = 1\nconfirmations = 10001",
            "ethereum.confirmations: expected 1 to 10000, got 10001",
        ),
        (
            "chain_id = 1",
            "chain_id = 1\nmax_head_age = \"119s\"",
            "ethereum.max_head_age: a chain with a block in 12 s",
        ),
        (
            "chain_id = 1",
            "chain_id = 1\nevery = \"0s\"",
            "ethereum.every: expected 100 ms",
        ),
        (
            "chain_id = 1",
            "chain_id = 1\nmode = \"x\"",
            "ethereum.mode: expected one of",
        ),
    ]);
}

#[test]
fn what_does_not_go_together_is_named_and_no_credentials_are_shown() {
    refused(&[
        (
            "name = \"mainnet\"",
            "name = \"Main\"",
            "ethereum.name: expected",
        ),
        (
            "name = \"mainnet\"",
            "name = \"first\"",
            "ethereum.name: an [[authority]]",
        ),
        ("chain_id = 1", "", "ethereum.chain_id: missing"),
        (
            "chain_id = 1",
            "chainid = 1",
            "ethereum.chainid: there is no such key",
        ),
        ("rpc = [", "rpc = [] # [", "ethereum.rpc: missing"),
        (
            "\"https://rpc.",
            "\"wss://rpc.",
            "ethereum.rpc[0]: expected an http",
        ),
        (
            "rpc = [\"https://rpc.example/v3/s3cret\", \"https://user:s3cret@other.example/\"]",
            "rpc = \"https://rpc.example/v3/s3cret\"",
            "ethereum.rpc: expected a list",
        ),
        ("5fa\"", "5f\"", "ethereum.destination: expected an address"),
        (
            "password_file",
            "account",
            "ethereum.account: a keystore has one",
        ),
        (
            "password_file = \"password\"",
            "signer = \"http://a/\"",
            "ethereum.signer: either",
        ),
        ("keystore = \"key.json\"", "", "ethereum.keystore: missing"),
        (
            "keystore = \"key.json\"",
            "signer = \"http://a/\"",
            "ethereum.account: missing",
        ),
        (
            "keystore = \"key.json\"",
            "signer = \"s3cret\"",
            "ethereum.signer: expected an http",
        ),
        (
            "keystore = \"key.json\"",
            "signer = 17",
            "ethereum.signer: expected a string",
        ),
    ]);
    let remote = GOOD.replace(
        "keystore = \"key.json\"",
        "signer = \"http://a/\"\naccount = \"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"",
    );
    let error = parse(&remote).unwrap_err();
    assert!(error.starts_with("ethereum.password_file: "), "{error}");
}

#[test]
fn defaults_in_the_written_file_are_the_defaults() {
    let file = Config::SCHEMA.file(&[]);
    let (_, table) = file.split_once("# [ethereum]\n").unwrap();
    let shown = |key: &str| {
        let start = format!("# {key} = ");
        let line = table.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("{key} is missing in {table}"))
            .to_owned()
    };
    let default = parse(GOOD).unwrap();
    for (key, value) in [
        ("max_fee_gwei", default.max_fee_gwei),
        ("max_priority_fee_gwei", default.max_priority_fee_gwei),
        ("max_cost_per_day_gwei", default.max_cost_per_day_gwei),
        ("max_gas", default.ceilings().max_gas.get()),
        ("alarm_days", default.alarm_days),
    ] {
        assert_eq!(shown(key), value.to_string(), "{key}");
    }
    for (key, value) in [
        ("every", default.every),
        ("max_age", default.max_age),
        ("max_head_age", default.max_head_age()),
        ("block_time", default.block_time),
        ("deadline", default.deadline),
    ] {
        assert_eq!(
            duration::parse(shown(key).trim_matches('"')),
            Some(value),
            "{key}"
        );
    }
    assert_eq!(shown("mode"), format!("\"{}\"", default.mode));
}

#[test]
fn blocks_that_were_dealt_with_are_hashes_and_a_proposer_gets_something() {
    for (line, expected) in [
        (
            "max_priority_fee_gwei = 0",
            "ethereum.max_priority_fee_gwei: expected 1",
        ),
        (
            "known_undone = [\"0x12\"]",
            "ethereum.known_undone: expected the hash of a block",
        ),
    ] {
        let error = parse(&format!("{GOOD}{line}\n")).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let hash = format!("0x{}", "ab".repeat(32));
    let ethereum = parse(&format!("{GOOD}known_undone = [\"{hash}\"]\n")).unwrap();
    let known = ethereum.known_undone().unwrap();
    assert_eq!(known, [BlockHash::from_bytes([0xab; 32])]);
}

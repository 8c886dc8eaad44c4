//! What is a trust file, and what is said of what is none.

use counterfoil_evidence::trust::{Authority, MAX_TRUST_SIZE, Revocation, Trust, TrustError};
use counterfoil_rfc3161::Certificate;
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use rcgen::{CertificateParams, DnType, KeyPair};

fn policy() -> String {
    let name = KeyName::new("example.com/log").unwrap();
    let key = SigningKey::from_seed(name, Algorithm::Ed25519, &Seed::new([1; 32])).unwrap();
    format!("# Of the example.\nlog {}\nquorum none\n", key.vkey())
}

/// A root with this name, and another with another name and the same key.
fn roots(name: &str) -> [Certificate; 2] {
    let key = KeyPair::generate().unwrap();
    [name.to_owned(), format!("{name} again")].map(|name| {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        Certificate::parse(parameters.self_signed(&key).unwrap().der()).unwrap()
    })
}

fn authority(name: &str) -> Authority {
    let [root, _] = roots(name);
    Authority::new(name.parse().unwrap(), vec![root])
}

fn trust() -> Trust {
    let [intermediate, _] = roots("an intermediate");
    let second = authority("second")
        .with_certificates(vec![intermediate])
        .with_policies(vec!["1.2.3".parse().unwrap(), "2.25.7".parse().unwrap()])
        .with_revocation(Revocation::Required);
    Trust::new(2, policy(), vec![authority("first"), second], Vec::new()).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let trust = trust();
    let text = trust.to_toml("https://log.example.com/");
    assert!(text.starts_with("# WARNING: this trust was made from what a deployment says of itself.\n# The deployment: https://log.example.com/\n"));
    let parsed = Trust::parse(text.as_bytes()).unwrap();
    assert_eq!(parsed, trust);
    assert_eq!(parsed.min_anchors(), 2);
    assert_eq!(parsed.policy().logs().len(), 1);
    let [first, second] = parsed.authorities() else {
        panic!("{parsed:?}");
    };
    assert_eq!(
        (first.name(), first.revocation()),
        ("first", Revocation::Published)
    );
    assert!(first.certificates().is_empty() && first.policies().is_empty());
    assert_eq!(
        (second.name(), second.revocation()),
        ("second", Revocation::Required)
    );
    assert_eq!(second.policies().len(), 2);
    assert_eq!((second.roots().len(), second.certificates().len()), (1, 1));
    // The fingerprint that its reader is to compare.
    let digest = <sha2::Sha256 as sha2::Digest>::digest(first.roots()[0].der());
    assert!(text.contains(&format!("\nSHA-256 {}\n", hex::encode(digest))));
}

/// What others wrote stays where it is.
#[test]
fn names_of_others_break_out_of_nothing() {
    let names = [
        "\"\"\"\nmin_anchors = 1\n",
        "\\",
        "a\n-----BEGIN CERTIFICATE-----\nb",
        "-----BEGIN CERTIFICATE-----",
        "\u{202e}\u{7f}\u{1}\r",
    ];
    for name in names {
        let [root, _] = roots(name);
        let authority = Authority::new("tsa".parse().unwrap(), vec![root]);
        let policy = format!("# \"\"\" \\ '''\t\u{e4}\n{}", policy());
        let trust = Trust::new(1, policy, vec![authority], Vec::new()).unwrap();
        let text = trust.to_toml(&format!("x\nmin_anchors = 1\n{name}"));
        assert_eq!(Trust::parse(text.as_bytes()), Ok(trust), "{name:?}\n{text}");
    }
}

#[test]
fn what_is_left_out_has_a_default() {
    let trust = trust();
    let text = trust.to_toml("");
    let line = |text: &str, line: &str| {
        assert!(text.contains(line), "{line}");
        text.replace(line, "")
    };
    let text = line(&text, "min_anchors = 2\n");
    let text = line(&text, "policies = []\n");
    let text = line(&text, "revocation = \"published\"\n");
    let parsed = Trust::parse(text.as_bytes()).unwrap();
    assert_eq!(parsed.min_anchors(), 1);
    assert_eq!(parsed.authorities(), trust.authorities());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_not_right_is_refused_by_its_place() {
    let good = trust().to_toml("");
    let rows = [
        (
            "another version",
            "trust@v1",
            "trust@v2",
            "format: expected \"counterfoil/trust@v1\", got \"counterfoil/trust@v2\"",
        ),
        (
            "no version",
            "format =",
            "# format =",
            "trust file: expected the key format, got none",
        ),
        (
            "an unknown key",
            "min_anchors =",
            "min_anchor =",
            "trust file: expected no other keys, got \"min_anchor\"",
        ),
        (
            "an unknown key of an authority",
            "revocation = \"required\"",
            "revoked = true",
            "tsa[1]: expected no other keys, got \"revoked\"",
        ),
        (
            "a key again",
            "min_anchors = 2",
            "min_anchors = 2\nmin_anchors = 2",
            "duplicate key",
        ),
        (
            "no policy",
            "policy = ",
            "# policy = ",
            "expected a trust file in TOML: ",
        ),
        (
            "a policy that is none",
            "quorum none",
            "quorum all",
            "policy: ",
        ),
        (
            "no log",
            "\nlog ",
            "\n# log ",
            "policy: expected the key of a log, got none",
        ),
        (
            "a label that few know",
            "BEGIN CERTIFICATE",
            "BEGIN TRUSTED CERTIFICATE",
            "tsa first: roots: expected a certificate in PEM as block 1, got \"-----BEGIN TRUSTED CERTIFICATE-----\"",
        ),
        (
            "something else after it",
            "-----END CERTIFICATE-----\n",
            "-----END CERTIFICATE-----\n-----BEGIN X-----\nAAAA\n-----END X-----\n",
            "tsa first: roots: expected a certificate in PEM as block 2, got \"-----BEGIN X-----\"",
        ),
        (
            "no anchors needed",
            "min_anchors = 2",
            "min_anchors = 0",
            "min_anchors: expected 1 to 2, the number of authorities, got 0",
        ),
        (
            "more than there are",
            "min_anchors = 2",
            "min_anchors = 3",
            "min_anchors: expected 1 to 2, the number of authorities, got 3",
        ),
        (
            "fewer than none",
            "min_anchors = 2",
            "min_anchors = -1",
            "min_anchors: expected an integer without sign, got -1",
        ),
        (
            "a name twice",
            "name = \"second\"",
            "name = \"first\"",
            "tsa first: name: expected a name that no other tsa has, got it again",
        ),
        (
            "a name that is none",
            "name = \"second\"",
            "name = \"The second\"",
            "tsa: name: expected 1 to 40 of a-z, 0-9 and - between them, got \"The second\"",
        ),
        (
            "a policy that is no number",
            "\"1.2.3\"",
            "\"a policy\"",
            "tsa second: policies: expected an object identifier, such as \"1.3.6.1.4.1.13762.3\", got \"a policy\"",
        ),
        (
            "another revocation",
            "revocation = \"required\"",
            "revocation = \"always\"",
            "tsa[1].revocation: expected \"required\", \"published\" or \"optional\", got \"always\"",
        ),
        (
            "a key for a certificate",
            "CERTIFICATE",
            "PRIVATE KEY",
            "tsa first: roots: expected a certificate in PEM as block 1, got ",
        ),
        (
            "base64 that is none",
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n?",
            "tsa first: roots: expected a certificate in PEM as block 1, got ",
        ),
        (
            "a certificate that is none",
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA",
            "tsa first: roots: expected a certificate in PEM as block 1, got ",
        ),
    ];
    for (name, from, to, expected) in rows {
        let text = if name == "a key for a certificate" {
            good.replace(from, to)
        } else {
            good.replacen(from, to, 1)
        };
        assert_ne!(text, good, "{name}");
        let Err(error) = Trust::parse(text.as_bytes()) else {
            panic!("{name}: accepted");
        };
        let error = error.to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let roots = "[[tsa]]\nname = \"a\"\nroots = \"none\"\n";
    let head = format!(
        "format = \"counterfoil/trust@v1\"\npolicy = '''\n{}'''\n",
        policy()
    );
    let rows = [
        (
            "no authority",
            "",
            "tsa and ethereum: expected 1 to 64 authorities, got 0",
        ),
        (
            "text",
            roots,
            "tsa a: roots: expected certificates in PEM, got text without any",
        ),
        (
            "nothing",
            "[[tsa]]\nname = \"a\"\nroots = \"\"\n",
            "tsa a: roots: expected 1 to 32 certificates, got 0",
        ),
    ];
    for (name, tail, expected) in rows {
        let error = Trust::parse(format!("{head}{tail}").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{name}");
    }
    assert!(Trust::parse(&[0xff]).is_err());
    let long = vec![b'\n'; MAX_TRUST_SIZE + 1];
    assert_eq!(Trust::parse(&long), Err(TrustError::TooLong(long.len())));
}

/// What one reader of TOML takes and another does not, or takes for something else.
#[test]
fn what_readers_of_toml_differ_about_is_refused() {
    let rows = [
        (
            "a table as an array",
            "ethereum = [[\"a\", 1]]",
            "ethereum[0]: expected a table, got an array",
        ),
        (
            "a demand as a table",
            "[[tsa]]\nname = \"a\"\nroots = \"\"\nrevocation = {required = {}}",
            "tsa[0].revocation: expected a string, got a table",
        ),
        (
            "a line before =",
            "ethereum = [{name\n= \"a\", chain_id = 1}]",
            "in TOML: expected \"name\" = and its value on one line",
        ),
        (
            "a comment behind =",
            "ethereum = [{name = # a\n\"a\", chain_id = 1}]",
            "in TOML: expected \"name\" = and its value on one line",
        ),
        (
            "a quote behind joined lines",
            "ethereum = [{name = \"\"\"a\\\n\"\"\"\", chain_id = 1}]",
            "in TOML: expected text before the closing",
        ),
        ("a date", "ethereum = [2027-01-15]", "got a date or a time"),
        (
            "a fraction",
            "ethereum = [1.0]",
            "got a number with a fraction",
        ),
        (
            "an integer too large",
            "ethereum = [9223372036854775808]",
            "got an integer of more than 64 bits",
        ),
        (
            "too deep",
            "ethereum = [[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
            "got them in each other too deep",
        ),
    ];
    let head = format!(
        "format = \"counterfoil/trust@v1\"\npolicy = \"\"\"\n{}\"\"\"\n",
        policy()
    );
    for (name, tail, expected) in rows {
        let error = Trust::parse(format!("{head}{tail}\n").as_bytes()).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
    // What all readers take is read.
    let over_lines = "ethereum = [\n  {\n    name = \"a\", # a\n    chain_id = 1,\n  },\n]\n";
    assert!(Trust::parse(format!("{head}{over_lines}").as_bytes()).is_ok());
}

#[test]
fn an_authority_has_one_name() {
    let [root, renamed] = roots("root");
    let first = Authority::new(
        "first".parse().unwrap(),
        vec![root.clone(), renamed.clone()],
    );
    assert!(Trust::new(1, policy(), vec![first.clone()], Vec::new()).is_ok());
    for other in [root, renamed] {
        let second = Authority::new("second".parse().unwrap(), vec![other]);
        let error = Trust::new(1, policy(), vec![first.clone(), second], Vec::new()).unwrap_err();
        let expected = "tsa second: roots: expected roots whose keys no other tsa has, because an authority counts once, got ";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

/// A file that trusts a chain, by these lines of its table.
fn of_chain(lines: &str) -> Result<Trust, String> {
    let text = format!(
        "format = \"counterfoil/trust@v1\"\npolicy = \"\"\"\n{}\"\"\"\n\n[[ethereum]]\n{lines}\n",
        policy()
    );
    Trust::parse(text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn chains_are_read_and_refused_by_their_place() {
    let hash = format!("0x{}", "ab".repeat(32));
    let other = format!("0x{}", "cd".repeat(32));
    let head = "name = \"mainnet\"\nchain_id = 1\n";
    let trust = of_chain(&format!(
        "{head}destination = \"0x{}\"\nblock_hashes = [\"23000000 {hash}\", \"{other}\"]",
        "A7".repeat(20)
    ))
    .unwrap();
    let [chain] = trust.chains() else {
        panic!("{trust:?}");
    };
    assert_eq!((chain.name(), chain.chain_id()), ("mainnet", 1));
    let destination = chain.destination().unwrap().to_string();
    assert_eq!(destination, format!("0x{}", "a7".repeat(20)));
    let lines: Vec<String> = chain.blocks().lines().collect();
    assert_eq!(lines, [format!("23000000 {hash}"), other.clone()]);
    // What is written is read again.
    let written = Trust::parse(trust.to_toml("somewhere").as_bytes());
    assert_eq!(written.unwrap().chains(), trust.chains());

    let rows = [
        (
            "no name",
            "chain_id = 1".to_owned(),
            "ethereum[0]: expected the key name, got none",
        ),
        (
            "no chain",
            "name = \"x\"".to_owned(),
            "ethereum[0]: expected the key chain_id, got none",
        ),
        (
            "chain 0",
            "name = \"x\"\nchain_id = 0".to_owned(),
            "ethereum x: chain_id: expected a number",
        ),
        (
            "a chain too large",
            "name = \"x\"\nchain_id = 9007199254740992".to_owned(),
            "ethereum x: chain_id",
        ),
        (
            "a wrong name",
            "name = \"X\"\nchain_id = 1".to_owned(),
            "ethereum: name",
        ),
        (
            "a key more",
            format!("{head}x = 1"),
            "ethereum[0]: expected no other keys, got \"x\"",
        ),
        (
            "a short address",
            format!("{head}destination = \"0xab\""),
            "ethereum mainnet: destination",
        ),
        (
            "a short hash",
            format!("{head}block_hashes = [\"0xab\"]"),
            "ethereum mainnet: block_hashes",
        ),
        (
            "two hashes of a number",
            format!("{head}block_hashes = [\"7 {hash}\", \"7 {other}\"]"),
            "expected one hash for the block 7",
        ),
        (
            "a chain twice",
            format!("{head}\n[[ethereum]]\nname = \"y\"\nchain_id = 1"),
            "ethereum y: chain_id",
        ),
        (
            "a name twice",
            format!("{head}\n[[ethereum]]\nname = \"mainnet\"\nchain_id = 2"),
            "ethereum mainnet: name",
        ),
    ];
    for (name, lines, expected) in rows {
        let error = of_chain(&lines).unwrap_err();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

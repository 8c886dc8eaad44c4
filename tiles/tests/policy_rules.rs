//! The rules of policies, one by one.

mod formats;

use counterfoil_tiles::key::{Algorithm, KeyError};
use counterfoil_tiles::policy::{
    MAX_GROUPS, MAX_LOGS, MAX_POLICY_SIZE, MAX_WITNESSES, Member, Policy, PolicyFault, Quorum,
};
use formats::{log_key, pq_witness, signing_key, witness};

/// A log and three witnesses, two of them with Ed25519 keys.
fn head() -> String {
    format!(
        "log {}\nwitness w1 {}\nwitness w2 {}\nwitness w3 {}\n",
        log_key().vkey(),
        witness(1).vkey(),
        witness(2).vkey(),
        pq_witness(1).vkey()
    )
}

fn parse(rest: &str) -> Result<Policy, PolicyFault> {
    Policy::parse(format!("{}{rest}", head()).as_bytes()).map_err(|error| error.fault)
}

fn refused(rest: &str) -> PolicyFault {
    parse(rest).expect_err(rest)
}

/// The sets of w1, w2, w3 that satisfy a policy, as bits.
fn satisfied(policy: &Policy) -> Vec<u32> {
    let names: [&[u8]; 3] = [b"w1", b"w2", b"w3"];
    (0..8)
        .filter(|set| {
            policy.satisfied_by(|witness| {
                (0..3).any(|bit| set & (1 << bit) != 0 && witness.name() == names[bit])
            })
        })
        .collect()
}

// SPEC(tlog-policy): "At least one member must be listed (i.e., n >= 1)."
// SPEC(tlog-policy): "The only allowed control characters are tab and newline"
#[test]
fn lines_that_no_policy_has() {
    for (row, rest, expected) in [
        (
            "unknown keyword",
            "logs x\nquorum none\n",
            PolicyFault::Keyword("\"logs\"".into()),
        ),
        (
            "keyword in capitals",
            "QUORUM none\n",
            PolicyFault::Keyword("\"QUORUM\"".into()),
        ),
        (
            "log without key",
            "log\nquorum none\n",
            PolicyFault::Items("log <vkey> [<url>]"),
        ),
        (
            "witness without key",
            "witness w\nquorum none\n",
            PolicyFault::Items("witness <name> <vkey> [<url>]"),
        ),
        (
            "group without members",
            "group g any\nquorum g\n",
            PolicyFault::Items("group <name> any|all|<k> <name>..."),
        ),
        (
            "quorum without name",
            "quorum\n",
            PolicyFault::Items("quorum <name>"),
        ),
        (
            "quorum with two names",
            "quorum w1 w2\n",
            PolicyFault::Items("quorum <name>"),
        ),
        (
            "comment at the end of a line",
            "quorum none # x\n",
            PolicyFault::Items("quorum <name>"),
        ),
        (
            "last line without newline",
            "quorum none",
            PolicyFault::Newline,
        ),
        (
            "carriage return",
            "quorum none\r\n",
            PolicyFault::Octet(b'\r'),
        ),
        (
            "form feed in a comment",
            "# \u{c}\nquorum none\n",
            PolicyFault::Octet(0x0c),
        ),
        (
            "DEL in a comment",
            "# \u{7f}\nquorum none\n",
            PolicyFault::Octet(0x7f),
        ),
        (
            "NUL in a comment",
            "# \0\nquorum none\n",
            PolicyFault::Octet(0),
        ),
        ("no quorum", "", PolicyFault::NoQuorum),
        (
            "bad key",
            "log x\nquorum none\n",
            PolicyFault::Key(KeyError::Shape {
                expected: "a vkey: <key name>+<key ID>+<base64 key>",
            }),
        ),
    ] {
        assert_eq!(refused(rest), expected, "{row}");
    }
    let error = Policy::parse(b"# one\n\nquorum x\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy line 3: no earlier line defines the name \"x\""
    );
}

// SPEC(tlog-policy): "Empty lines (whitespace only) and comment lines (lines starting with "#", possibly preceded by
// whitespace) are allowed and ignored."
// SPEC(tlog-policy): "Leading and trailing whitespace is allowed."
#[test]
fn white_space_and_comments_are_ignored() {
    let spaced = format!("\n \t\n#\n \t# log x\n{}", head().replace(' ', " \t "));
    let spaced = format!("{spaced}\t group g\tany  w1 w2 \t\nquorum\tg\n\n");
    let policy = Policy::parse(spaced.as_bytes()).unwrap();
    assert_eq!(policy, parse("group g any w1 w2\nquorum g\n").unwrap());
}

// SPEC(tlog-policy): "all octets with the high bit set are opaque."
// SPEC(tlog-policy): "In particular, names must be handled as opaque octet strings"
#[test]
fn names_are_octets() {
    let mut text = format!("log {}\n", log_key().vkey()).into_bytes();
    for (name, key) in [
        (&b"K"[..], witness(1)),
        (b"\xe2\x84\xaa", witness(2)),
        (b"k", witness(3)),
        (b"\xff\x80", witness(4)),
    ] {
        text.extend_from_slice(
            &[
                b"witness ",
                name,
                b" ",
                key.vkey().to_string().as_bytes(),
                b"\n",
            ]
            .concat(),
        );
    }
    text.extend_from_slice(b"quorum \xe2\x84\xaa\n");
    let policy = Policy::parse(&text).unwrap();
    assert_eq!(policy.quorum(), Quorum::Member(Member::Witness(1)));
    assert_eq!(policy.name_of(Member::Witness(3)), b"\xff\x80");
    assert_eq!(policy.encode(), text);
    // A no-break space is part of a name, not a separator.
    assert_eq!(
        refused("quorum w1\u{a0}\n"),
        PolicyFault::Undefined("\"w1\\xc2\\xa0\"".into())
    );
}

// SPEC(tlog-policy): "A policy file must include exactly one quorum line."
#[test]
fn there_is_exactly_one_quorum_line() {
    assert_eq!(refused(""), PolicyFault::NoQuorum);
    assert_eq!(refused("quorum w1\nquorum w1\n"), PolicyFault::SecondQuorum);
    assert_eq!(
        refused("quorum none\nquorum w1\n"),
        PolicyFault::SecondQuorum
    );
    assert_eq!(parse("quorum none\n").unwrap().quorum(), Quorum::None);
}

// SPEC(tlog-policy): "In either case, the name must be properly defined on a line preceding the quorum definition."
// SPEC(tlog-policy): "Like for the quorum definition, a group definition can only refer to names defined on preceding
// lines."
// SPEC(tlog-policy): "A line defining a group can only reference names of groups and witnesses defined on preceding lines.
// Similarly, the quorum line must specify a witness or group defined earlier."
#[test]
fn names_are_defined_on_earlier_lines() {
    let undefined = |name: &str| PolicyFault::Undefined(format!("{name:?}"));
    assert_eq!(refused("quorum g\ngroup g any w1\n"), undefined("g"));
    assert_eq!(
        refused("group h any g\ngroup g any w1\nquorum h\n"),
        undefined("g")
    );
    assert_eq!(refused("group g any g\nquorum g\n"), undefined("g"));
    assert_eq!(refused("group g any w4\nquorum g\n"), undefined("w4"));
    // Lines that nothing refers to may come after the quorum.
    parse(&format!("quorum w1\nwitness w4 {}\n", witness(4).vkey())).unwrap();
}

// SPEC(tlog-policy): "Witnesses and groups share a single namespace. The special name `none` is predefined; it can be used
// when defining the quorum, but it is invalid as a group member."
#[test]
fn names_are_one_space_and_none_is_taken() {
    assert_eq!(
        refused("group w1 any w2\nquorum none\n"),
        PolicyFault::DuplicateName("\"w1\"".into())
    );
    assert_eq!(
        refused("group g any w1\ngroup g any w2\nquorum g\n"),
        PolicyFault::DuplicateName("\"g\"".into())
    );
    let named = |name: &str| format!("witness {name} {}\nquorum none\n", witness(4).vkey());
    assert_eq!(
        refused(&named("w1")),
        PolicyFault::DuplicateName("\"w1\"".into())
    );
    assert_eq!(refused(&named("none")), PolicyFault::NoneReserved);
    assert_eq!(
        refused("group none any w1\nquorum none\n"),
        PolicyFault::NoneReserved
    );
    assert_eq!(
        refused("group g any none\nquorum g\n"),
        PolicyFault::NoneReserved
    );
    // The keywords of thresholds are names like any other.
    assert_eq!(
        satisfied(&parse("group all all w1 w2\ngroup any any all w3\nquorum any\n").unwrap()),
        [3, 4, 5, 6, 7]
    );
}

// SPEC(tlog-policy): "Each defined name can be listed as a group member at most once."
#[test]
fn a_name_is_a_member_once() {
    let twice = |name: &str| PolicyFault::MemberTwice(format!("{name:?}"));
    assert_eq!(refused("group g 2 w1 w2 w1\nquorum g\n"), twice("w1"));
    assert_eq!(
        refused("group g any w1\ngroup h any w2 w1\nquorum h\n"),
        twice("w1")
    );
    assert_eq!(
        refused("group g any w1\ngroup h any g\ngroup i any g\nquorum h\n"),
        twice("g")
    );
    // The quorum may name a member: that is no membership.
    assert_eq!(
        satisfied(&parse("group g all w1 w2\nquorum w1\n").unwrap()),
        [1, 3, 5, 7]
    );
}

// SPEC(tlog-policy): "If k is given numerically, it must be written in decimal, and it is required that 1 <= k <= n."
// SPEC(tlog-policy): "The `any` variant is a shorthand for k = 1, and the `all` variant is a shorthand for k = n."
// SPEC(tlog-policy): "Each of these defines a group, where the group is considered to witness a checkpoint if and only if at
// least k of its n members have witnessed that checkpoint"
#[test]
fn thresholds() {
    let at_least = |least: u32| {
        (0..8_u32)
            .filter(|set| set.count_ones() >= least)
            .collect::<Vec<_>>()
    };
    for (threshold, least) in [("any", 1), ("1", 1), ("2", 2), ("3", 3), ("all", 3)] {
        let policy = parse(&format!("group g {threshold} w1 w2 w3\nquorum g\n")).unwrap();
        assert_eq!(satisfied(&policy), at_least(least), "{threshold}");
        assert_eq!(policy.groups()[0].needed(), usize::try_from(least).unwrap());
    }
    for bad in [
        "0",
        "4",
        "-1",
        "+1",
        "01",
        "0x1",
        "1.0",
        "ALL",
        "257",
        "4294967297",
        "18446744073709551617",
    ] {
        let expected = PolicyFault::Threshold {
            members: 3,
            found: format!("{bad:?}"),
        };
        assert_eq!(
            refused(&format!("group g {bad} w1 w2 w3\nquorum g\n")),
            expected
        );
    }
}

#[test]
fn groups_of_groups() {
    let policy = parse("group x all w1 w2\ngroup y any x w3\nquorum y\n").unwrap();
    assert_eq!(satisfied(&policy), [3, 4, 5, 6, 7]);
    assert_eq!(
        policy.groups()[1].members(),
        [Member::Group(0), Member::Witness(2)]
    );
    // A chain as long as allowed takes no stack.
    let link = |number| {
        format!(
            "group g{number} all g{}
",
            number - 1
        )
    };
    let links: Vec<String> = (1..MAX_GROUPS).map(link).collect();
    let chain = format!(
        "group g0 any w1
{}",
        links.concat()
    );
    let policy = parse(&format!("{chain}quorum g{}\n", MAX_GROUPS - 1)).unwrap();
    assert_eq!(satisfied(&policy), [1, 3, 5, 7]);
}

// SPEC(tlog-policy): "Two vkeys are considered *duplicate* if they wrap the same underlying public key, even if they differ
// by key name and key id."
// SPEC(tlog-policy): "Duplicate logs, i.e., multiple log lines with the same public key, are not allowed."
// SPEC(tlog-policy): "Duplicate witnesses, i.e., multiple witness lines with the same public key, are not allowed."
#[test]
fn duplicate_keys_are_refused_whatever_their_names() {
    for algorithm in [Algorithm::Ed25519, Algorithm::CosignatureV1] {
        let log = signing_key("other.example", algorithm, 1);
        assert_eq!(
            refused(&format!("log {}\nquorum none\n", log.vkey())),
            PolicyFault::DuplicateKey("log")
        );
    }
    let again = signing_key("other.example", Algorithm::CosignatureV1, 101);
    let line = format!("witness w4 {}\nquorum none\n", again.vkey());
    assert_eq!(refused(&line), PolicyFault::DuplicateKey("witness"));
    let pq_again = signing_key("other.example", Algorithm::MlDsa44, 201);
    let line = format!("witness w4 {}\nquorum none\n", pq_again.vkey());
    assert_eq!(refused(&line), PolicyFault::DuplicateKey("witness"));
    // One key may be a log's and a witness's.
    let both = signing_key(formats::ORIGIN, Algorithm::CosignatureV1, 101);
    parse(&format!("log {}\nquorum w1\n", both.vkey())).unwrap();
}

// SPEC(tlog-policy): "Log and witness keys must use a signature type approprate respective function, see [tlog-checkpoint][]
// and [tlog-cosignature][]."
#[test]
fn a_witness_has_a_key_that_cosigns() {
    let plain = signing_key("w.example", Algorithm::Ed25519, 50);
    let role = PolicyFault::Role {
        algorithm: Algorithm::Ed25519,
        role: "a witness: it makes no cosignatures",
    };
    assert_eq!(
        refused(&format!("witness w4 {}\nquorum none\n", plain.vkey())),
        role
    );
    for algorithm in [
        Algorithm::Ed25519,
        Algorithm::CosignatureV1,
        Algorithm::MlDsa44,
    ] {
        let log = signing_key("log.example/two", algorithm, 51);
        assert_eq!(
            parse(&format!("log {}\nquorum none\n", log.vkey()))
                .unwrap()
                .logs()
                .len(),
            2
        );
    }
}

// SPEC(tlog-policy): "It is strongly recommended that an implementation supports at least up to 32 logs, 32 witnesses, and 32
// groups."
#[test]
fn limits() {
    let keys = |count: usize, algorithm| {
        (0..count).map(move |number| {
            let mut seed = [0xcc; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let name = counterfoil_tiles::key::KeyName::new(format!("k{number}.example")).unwrap();
            let key = counterfoil_tiles::key::PrivateKey::new(
                name,
                algorithm,
                counterfoil_tiles::key::Seed::new(seed),
            );
            key.unwrap().vkey().to_string()
        })
    };
    let logs = |count| {
        keys(count, Algorithm::MlDsa44)
            .map(|key| format!("log {key}\n"))
            .collect::<Vec<_>>()
            .concat()
    };
    let witnesses = |count| {
        let keys = keys(count, Algorithm::MlDsa44).enumerate();
        keys.map(|(number, key)| format!("witness w{number} {key}\n"))
            .collect::<Vec<_>>()
            .concat()
    };
    let groups = |count| {
        (0..count)
            .map(|number| format!("group g{number} any w{number}\n"))
            .collect::<Vec<_>>()
            .concat()
    };
    let full = format!(
        "{}{}{}quorum none\n",
        logs(MAX_LOGS),
        witnesses(MAX_WITNESSES),
        groups(MAX_GROUPS)
    );
    assert!(full.len() < MAX_POLICY_SIZE && MAX_LOGS.min(MAX_WITNESSES).min(MAX_GROUPS) >= 32);
    let policy = Policy::parse(full.as_bytes()).unwrap();
    assert_eq!(
        (
            policy.logs().len(),
            policy.witnesses().len(),
            policy.groups().len()
        ),
        (256, 256, 256)
    );

    let fault = |text: String| Policy::parse(text.as_bytes()).unwrap_err().fault;
    assert_eq!(
        fault(logs(MAX_LOGS + 1)),
        PolicyFault::TooMany {
            limit: MAX_LOGS,
            what: "log"
        }
    );
    assert_eq!(
        fault(witnesses(MAX_WITNESSES + 1)),
        PolicyFault::TooMany {
            limit: MAX_WITNESSES,
            what: "witness"
        }
    );
    let extra_group = full.replace("quorum none\n", "group g any g0\n");
    assert_eq!(
        fault(extra_group),
        PolicyFault::TooMany {
            limit: MAX_GROUPS,
            what: "group"
        }
    );
    let large = "#".repeat(MAX_POLICY_SIZE) + "\n";
    assert_eq!(fault(large), PolicyFault::TooLarge(MAX_POLICY_SIZE + 1));
}

#[test]
fn urls_are_kept_as_they_stand() {
    let text = format!(
        "log {} https://log.example/\nwitness w {} https://w.example/#x\nquorum w\n",
        log_key().vkey(),
        witness(1).vkey()
    );
    let policy = Policy::parse(text.as_bytes()).unwrap();
    assert_eq!(policy.logs()[0].url(), Some(&b"https://log.example/"[..]));
    assert_eq!(
        policy.witnesses()[0].url(),
        Some(&b"https://w.example/#x"[..])
    );
    assert_eq!(policy.encode(), text.as_bytes());
    let pq = signing_key(formats::ORIGIN, Algorithm::MlDsa44, 1);
    let own = Policy::without_quorum([log_key().vkey().clone(), pq.vkey().clone()]).unwrap();
    assert_eq!(
        own.encode(),
        format!("log {}\nlog {}\nquorum none\n", log_key().vkey(), pq.vkey()).as_bytes()
    );
}

//! Exit codes, help, keys, completions and the other things that need no log.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use common::Counterfoil;

const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

/// What the user gets wrong is 2, and says what was expected; what nobody can tell is 3.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of mistakes, and the loop over it"
)]
fn exit_codes() {
    let counterfoil = Counterfoil::new();
    counterfoil.write("file", "x");
    counterfoil.write("file.tlog-proof", "not a receipt");
    counterfoil.write("policy", "log nonsense\nquorum none\n");
    counterfoil.write("empty-policy", "quorum none\n");
    counterfoil.write("empty-log/tile/0/000", "");
    counterfoil.write("no-log/checkpoint", "not a checkpoint");
    // A port that nobody listens on: bound, and not accepting.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}/", taken.local_addr().unwrap());
    drop(taken);
    let rows: Vec<(&str, Vec<&str>, i32, &str)> = vec![
        ("no command", vec![], 2, "Usage"),
        (
            "unknown command",
            vec!["frobnicate"],
            2,
            "unrecognized subcommand",
        ),
        ("help", vec!["--help"], 0, ""),
        ("version", vec!["--version"], 0, ""),
        ("nothing trusted", vec!["verify", "file"], 2, "--policy"),
        (
            "policy and vkey",
            vec!["verify", "file", "--policy", "p", "--vkey", VKEY],
            2,
            "cannot be used",
        ),
        (
            "bad vkey",
            vec!["verify", "file", "--vkey", "x"],
            2,
            "expected a vkey",
        ),
        (
            "bad policy",
            vec!["verify", "file", "--policy", "policy"],
            2,
            "policy line 1",
        ),
        (
            "policy without a log",
            vec!["verify", "file", "--policy", "empty-policy"],
            2,
            "names no log",
        ),
        (
            "policy missing",
            vec!["verify", "file", "--policy", "absent"],
            2,
            "absent cannot be read",
        ),
        (
            "file missing",
            vec!["verify", "absent", "--vkey", VKEY],
            2,
            "absent cannot be read",
        ),
        (
            "receipt missing",
            vec!["verify", "policy", "--vkey", VKEY],
            3,
            "",
        ),
        ("receipt bad", vec!["verify", "file", "--vkey", VKEY], 1, ""),
        (
            "bad digest",
            vec!["verify", "--sha256", "12", "--receipt", "r"],
            2,
            "64 hexadecimal",
        ),
        (
            "audit nothing",
            vec!["audit", "absent", "--vkey", VKEY],
            2,
            "absent cannot be opened",
        ),
        (
            "audit without trust",
            vec!["audit", "empty-log"],
            2,
            "--policy",
        ),
        (
            "audit no checkpoint",
            vec!["audit", "empty-log", "--vkey", VKEY],
            3,
            "has no checkpoint",
        ),
        (
            "audit no note",
            vec!["audit", "no-log", "--vkey", VKEY],
            1,
            "",
        ),
        (
            "audit ftp",
            vec!["audit", "ftp://a/", "--vkey", VKEY],
            2,
            "expected http",
        ),
        (
            "submit nothing",
            vec!["submit", "--log", &refused],
            2,
            "PATH",
        ),
        (
            "submit absent",
            vec!["submit", "absent", "--log", &refused],
            2,
            "absent",
        ),
        ("submit without log", vec!["submit", "file"], 2, "--log"),
        (
            "submit stdin receipt",
            vec!["submit", "-", "--log", &refused],
            2,
            "--receipts DIR",
        ),
        ("receipt without log", vec!["receipt", "file"], 2, "--log"),
        (
            "receipt there",
            vec!["receipt", "file", "--log", &refused],
            2,
            "never overwritten",
        ),
        ("inspect unknown", vec!["inspect", "file"], 2, "is none of"),
        ("key absent", vec!["key", "show", "absent"], 2, "absent"),
        (
            "key is none",
            vec!["key", "show", "file"],
            2,
            "others than its owner",
        ),
        (
            "key name",
            vec!["key", "generate", "--name", "a b", "k"],
            2,
            "spaces",
        ),
    ];
    for (name, arguments, code, said) in rows {
        let ran = counterfoil.run(&arguments);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
        assert!(
            ran.stderr.contains(said),
            "{name}: expected {said:?} in {}",
            ran.all()
        );
    }
}

#[test]
fn an_error_is_json_when_results_are() {
    let counterfoil = Counterfoil::new();
    let ran = counterfoil.run(["--json", "verify", "absent", "--vkey", VKEY]);
    assert_eq!(ran.code, 2);
    let json = ran.json();
    assert_eq!(json["outcome"], "usage");
    assert!(json["error"].as_str().unwrap().contains("absent"));
}

#[test]
fn a_key_is_private_and_never_overwritten_and_its_secret_never_shown() {
    let counterfoil = Counterfoil::new();
    for (algorithm, byte) in [
        ("ed25519", "A"),
        ("ed25519-cosignature", "B"),
        ("ml-dsa-44", "B"),
    ] {
        let name = format!("example.com/{algorithm}");
        let generate = [
            "key",
            "generate",
            "--name",
            &name,
            "--algorithm",
            algorithm,
            algorithm,
        ];
        let made = counterfoil.run(generate);
        assert_eq!(made.code, 0, "{}", made.all());
        let vkey = made.stdout.trim();
        assert!(vkey.starts_with(&format!("{name}+")), "{}", made.all());
        let path = counterfoil.path(algorithm);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        let secret = std::fs::read_to_string(&path).unwrap();
        let material = secret.trim_end().splitn(5, '+').last().unwrap().to_owned();
        assert!(
            material.starts_with(byte) && material.len() == 44,
            "{algorithm}"
        );

        let again = counterfoil.run(generate);
        assert_eq!(again.code, 2, "{}", again.all());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);

        let shown = counterfoil.run(["key", "show", algorithm]);
        assert_eq!((shown.code, shown.stdout.trim()), (0, vkey));
        let inspected = counterfoil.run(["inspect", algorithm]);
        assert_eq!(inspected.code, 0, "{}", inspected.all());
        for ran in [&made, &again, &shown, &inspected] {
            assert!(!ran.all().contains(&material[2..]), "the secret is shown");
        }

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = counterfoil.run(["key", "show", algorithm]);
        assert_eq!(open.code, 2, "{}", open.all());
        assert!(open.stderr.contains("chmod 600"), "{}", open.all());
    }
}

#[test]
fn two_keys_are_never_the_same() {
    let counterfoil = Counterfoil::new();
    let make = |file: &str| {
        counterfoil
            .run(["key", "generate", "--name", "a", file])
            .stdout
    };
    assert_ne!(make("one"), make("two"));
}

#[test]
fn every_command_has_help_with_examples_or_flags() {
    let counterfoil = Counterfoil::new();
    let help = counterfoil.run(["--help"]).stdout;
    assert!(help.contains("Exit codes:"), "{help}");
    for command in [
        "key generate",
        "submit",
        "receipt",
        "verify",
        "audit",
        "inspect",
        "completions",
    ] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let ran = counterfoil.run(arguments);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("Example"), "{command}: {}", ran.stdout);
    }
}

#[test]
fn completions_and_manual_pages_know_the_commands() {
    let counterfoil = Counterfoil::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = counterfoil.run(["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(
            ran.stdout.contains("verify") && ran.stdout.contains("audit"),
            "{shell}"
        );
    }
    let ran = counterfoil.run(["man", "manual"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let page = std::fs::read_to_string(counterfoil.path("manual/counterfoil-verify.1")).unwrap();
    assert!(page.contains("policy"), "{page}");
}

/// A reader that goes away is no panic, and does not change the outcome.
#[test]
fn a_closed_pipe_is_no_panic() {
    let counterfoil = Counterfoil::new();
    let mut command = counterfoil.command(["completions", "zsh"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

//! What a log's configuration says of its witnesses: the policy file, and how they are reached.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_tiles::checkpoint::{LogKey, MAX_PUBLISHED_SIGNATURES};
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::policy::{Policy, PolicyError, Quorum, Witness};
use tokio::sync::mpsc;

use crate::config::LogConfig;
use crate::engine::{WitnessGuard, WitnessSettings};
use crate::witnesses::{
    Clock, HttpOptions, HttpTransport, Options, TransportError, WitnessName, Witnesses,
    WitnessesError,
};

/// Why the witnesses of a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QuorumConfigError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The policy file is no policy.
    #[error("{}: {source}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong with it.
        source: PolicyError,
    },
    /// A key of the log has no line in it.
    #[error(
        "{}: expected a `log` line for each key of the log, but there is none for {vkey}; whoever verifies by this policy would not know the log: add `log {vkey}`",
        path.display()
    )]
    NoLogLine {
        /// The file.
        path: PathBuf,
        /// The key.
        vkey: Box<Vkey>,
    },
    /// A checkpoint would have too many signatures.
    #[error(
        "{}: a checkpoint has at most {MAX_PUBLISHED_SIGNATURES} signatures, as many as every verifier must accept; the log's {log} keys and the policy's {witnesses} witnesses are more: take witnesses out",
        path.display()
    )]
    TooMany {
        /// The file.
        path: PathBuf,
        /// Keys of the log.
        log: usize,
        /// Witnesses of the policy.
        witnesses: usize,
    },
    /// The witnesses cannot be asked.
    #[error("{}: {source}", path.display())]
    Witnesses {
        /// The policy file.
        path: PathBuf,
        /// Why.
        source: WitnessesError,
    },
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// The witnesses of a log's configuration, ready to be asked.
#[derive(Debug)]
pub struct ConfiguredQuorum {
    /// For the engine.
    pub settings: WitnessSettings,
    /// What an operator should think about before relying on the policy.
    pub warnings: Vec<String>,
}

/// Reads the policy of a log, and checks that its witnesses can be asked. None where the configuration has no policy.
pub fn load(
    config: &LogConfig,
    vkeys: &[Vkey],
) -> Result<Option<ConfiguredQuorum>, QuorumConfigError> {
    let Some(path) = &config.policy else {
        return Ok(None);
    };
    let policy = Policy::parse(&read(path)?).map_err(|source| QuorumConfigError::Policy {
        path: path.clone(),
        source,
    })?;
    check(path, &policy, vkeys)?;
    let roots = match &config.witness_ca {
        Some(roots) => read(roots)?,
        None => Vec::new(),
    };
    let transport = HttpTransport::new(&HttpOptions {
        roots,
        ..HttpOptions::default()
    })?;
    let warnings = warnings(&policy, vkeys);
    let settings = WitnessSettings {
        policy: Arc::new(policy),
        monitoring: monitoring(config),
        transport: Arc::new(transport),
        clock: Clock::default(),
        deadline: config.witness_deadline,
        refresh_interval: config.refresh_interval,
        guard: if config.start_unguarded {
            WitnessGuard::Off
        } else {
            WitnessGuard::On
        },
    };
    try_out(path, &settings, vkeys)?;
    Ok(Some(ConfiguredQuorum { settings, warnings }))
}

fn read(path: &Path) -> Result<Vec<u8>, QuorumConfigError> {
    std::fs::read(path).map_err(|source| QuorumConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn check(path: &Path, policy: &Policy, vkeys: &[Vkey]) -> Result<(), QuorumConfigError> {
    let has = |vkey: &&Vkey| policy.log_keys().any(|key| key.vkey() == *vkey);
    if let Some(missing) = vkeys.iter().find(|vkey| !has(vkey)) {
        return Err(QuorumConfigError::NoLogLine {
            path: path.to_owned(),
            vkey: Box::new(missing.clone()),
        });
    }
    let (log, witnesses) = (vkeys.len(), policy.witnesses().len());
    if log + witnesses > MAX_PUBLISHED_SIGNATURES {
        return Err(QuorumConfigError::TooMany {
            path: path.to_owned(),
            log,
            witnesses,
        });
    }
    Ok(())
}

/// The URLs and the monitoring prefixes are the client's to judge.
fn try_out(
    path: &Path,
    settings: &WitnessSettings,
    vkeys: &[Vkey],
) -> Result<(), QuorumConfigError> {
    let options = Options {
        round_deadline: settings.deadline,
        request_deadline: settings.deadline,
        monitoring: settings.monitoring.clone(),
        clock: settings.clock.clone(),
    };
    let tried = Witnesses::new(
        Arc::clone(&settings.policy),
        vkeys.iter().cloned().map(LogKey::new).collect(),
        Arc::clone(&settings.transport),
        options,
        mpsc::channel(1).0,
    );
    tried
        .map(drop)
        .map_err(|source| QuorumConfigError::Witnesses {
            path: path.to_owned(),
            source,
        })
}

/// `NAME=URL`; the configuration's check has seen that each has both.
fn monitoring(config: &LogConfig) -> Vec<(WitnessName, String)> {
    let pairs = config
        .monitoring
        .iter()
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, url)| (WitnessName::new(name), url.to_owned()))
        .collect()
}

fn warnings(policy: &Policy, vkeys: &[Vkey]) -> Vec<String> {
    let mut warnings = Vec::new();
    let others = policy.log_keys().filter(|key| !vkeys.contains(key.vkey()));
    let others = others.count();
    if others > 0 {
        warnings.push(format!(
            "the policy has {others} `log` line(s) with keys that this log does not sign with: whoever verifies by it believes \
             those keys as well, since any one `log` line is enough"
        ));
    }
    if policy.quorum() == Quorum::None {
        if !policy.witnesses().is_empty() {
            warnings.push(
                "the policy says `quorum none`: its witnesses are asked, and nothing waits for them".into(),
            );
        }
        return warnings;
    }
    // One operator is told by a common host or a common key name.
    // SPEC(design 2, policy): "quorums count groups, not keys (warn where one operator could fill a quorum alone)"
    let operators: BTreeSet<String> = policy.witnesses().iter().flat_map(operators_of).collect();
    let alone = operators.iter().filter(|operator| {
        policy.satisfied_by(|witness| operators_of(witness).contains(*operator))
    });
    for operator in alone {
        warnings.push(format!(
            "whoever operates {operator} can fill the quorum alone: two keys of one witness belong into a group \
             (`group W any W-ed25519 W-mldsa`), and the quorum should take witnesses of several operators"
        ));
    }
    warnings
}

/// By what a witness's operator could be told: the host of its URL, the name of its key.
fn operators_of(witness: &Witness) -> Vec<String> {
    let url = witness.url().map(String::from_utf8_lossy);
    let host = url.and_then(|url| {
        let (_, rest) = url.split_once("://")?;
        Some(rest.split('/').next()?.to_ascii_lowercase())
    });
    let name = witness.vkey().name().to_string();
    // Where both name one host, one warning is enough.
    host.filter(|host| *host != name)
        .into_iter()
        .chain([name.clone()])
        .collect()
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::key::{Algorithm, Seed, SigningKey};

    use super::*;

    fn key(name: &str, algorithm: Algorithm, seed: u8) -> Vkey {
        let key = SigningKey::from_seed(name.parse().unwrap(), algorithm, &Seed::new([seed; 32]));
        key.unwrap().vkey().clone()
    }

    fn log_key() -> Vkey {
        key("log.example", Algorithm::Ed25519, 1)
    }

    /// A witness line: its name in the policy, its key's name, where it is.
    fn witness(name: &str, key_name: &str, seed: u8, url: &str) -> String {
        let vkey = key(key_name, Algorithm::CosignatureV1, seed);
        format!("witness {name} {vkey} {url}\n")
    }

    fn three() -> String {
        witness("A", "a.example", 2, "https://a.example/")
            + &witness("B", "b.example", 3, "https://b.example/w/")
            + &witness("C", "c.example", 4, "http://127.0.0.1:9/")
    }

    fn loaded(text: &str, change: impl FnOnce(&mut LogConfig)) -> Result<ConfiguredQuorum, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy");
        std::fs::write(&path, text).unwrap();
        let mut config = LogConfig {
            policy: Some(path),
            ..LogConfig::default()
        };
        change(&mut config);
        match load(&config, &[log_key()]) {
            Ok(quorum) => Ok(quorum.expect("there is a policy")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_policy_of_witnesses_is_taken_with_its_monitoring_prefixes() {
        let text = format!("log {}\n{}group Q 2 A B C\nquorum Q\n", log_key(), three());
        let monitoring = "B=https://read.b.example/x".to_owned();
        let quorum = loaded(&text, |config| config.monitoring = vec![monitoring]).unwrap();
        assert_eq!(quorum.warnings, [""; 0]);
        assert_eq!(quorum.settings.policy.witnesses().len(), 3);
        let prefix = (WitnessName::new("B"), "https://read.b.example/x".to_owned());
        assert_eq!(quorum.settings.monitoring, [prefix]);
        assert!(load(&LogConfig::default(), &[log_key()]).unwrap().is_none());
    }

    #[test]
    fn what_is_refused_and_what_it_says() {
        let log = format!("log {}\n", log_key());
        let many: String = (0..16)
            .map(|n| {
                witness(
                    &format!("W{n}"),
                    &format!("w{n}.example"),
                    50 + n,
                    "http://127.0.0.1:9/",
                )
            })
            .collect();
        let other = key("log.example", Algorithm::Ed25519, 9);
        let rows = [
            (
                "no policy",
                "quorum Q\n".to_owned(),
                "policy line 1: no earlier line defines the name \"Q\"",
            ),
            (
                "another log",
                format!("log {other}\nquorum none\n"),
                "expected a `log` line for each key",
            ),
            (
                "too many",
                format!("{log}{many}quorum W0\n"),
                "the log's 1 keys and the policy's 16 witnesses",
            ),
            (
                "no URL",
                format!("{log}{}quorum A\n", witness("A", "a.example", 2, "")),
                "the witnesses of the policy that have a URL contain no quorum",
            ),
            (
                "not HTTP",
                format!(
                    "{log}{}quorum A\n",
                    witness("A", "a.example", 2, "ftp://a.example/")
                ),
                "is not one of HTTP",
            ),
        ];
        for (name, text, expected) in rows {
            let text = text.replace(" \n", "\n");
            let said = loaded(&text, |_| {}).unwrap_err();
            assert!(said.contains(expected), "{name}: {said}");
        }
        let good = format!("{log}{}group Q 2 A B C\nquorum Q\n", three());
        let said = loaded(&good, |config| {
            config.monitoring = vec!["D=http://d.example".into()];
        });
        assert!(said.unwrap_err().contains("no witness of that name"));
        let said = loaded(&good, |config| config.policy = Some("/no/such/file".into()));
        assert!(said.unwrap_err().contains("/no/such/file cannot be read"));
    }

    #[test]
    fn an_operator_who_could_fill_the_quorum_alone_is_named() {
        let log = format!("log {}\n", log_key());
        let other = format!("log {}\n", key("log.example", Algorithm::Ed25519, 9));
        let pair = witness("A1", "a.example", 2, "https://a.example/")
            + &witness("A2", "a.example", 3, "https://a.example/");
        let hosts = witness("A1", "a.example", 2, "https://w.example/a")
            + &witness("A2", "b.example", 3, "https://w.example/b");
        let b = witness("B", "b.example", 4, "https://b.example/");
        let rows = [
            (
                "one witness",
                format!("{log}{b}quorum B\n"),
                "operates b.example can",
            ),
            (
                "any of three",
                format!("{log}{}group Q any A B C\nquorum Q\n", three()),
                "operates a.example can",
            ),
            (
                "two keys counted as two",
                format!("{log}{pair}{b}group Q 2 A1 A2 B\nquorum Q\n"),
                "operates a.example can",
            ),
            (
                "two names on one host",
                format!("{log}{hosts}group Q 2 A1 A2\nquorum Q\n"),
                "operates w.example can",
            ),
            (
                "witnesses without a quorum",
                format!("{log}{b}quorum none\n"),
                "nothing waits for them",
            ),
            (
                "another log's key",
                format!("{log}{other}quorum none\n"),
                "1 `log` line(s)",
            ),
        ];
        for (name, text, expected) in rows {
            let warnings = loaded(&text, |_| {}).unwrap().warnings;
            assert!(
                warnings.iter().any(|warning| warning.contains(expected)),
                "{name}: {warnings:?}"
            );
        }
        let grouped = format!("{log}{pair}{b}group W any A1 A2\ngroup Q all W B\nquorum Q\n");
        assert_eq!(loaded(&grouped, |_| {}).unwrap().warnings, [""; 0]);
    }
}

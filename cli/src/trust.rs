//! What the user trusts: the keys of logs, and a policy for witnesses. It comes from arguments only, never from what
//! is being verified.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use counterfoil_tiles::checkpoint::{CheckpointError, LogKey, Origin, SignedCheckpoint};
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;

use crate::exit::Failure;

/// The flags that say what is trusted.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TrustArgs {
    /// The trust policy (tlog-policy): which logs, which witnesses, how many of them [default, if no --vkey is given: the
    /// file that the variable `COUNTERFOIL_POLICY` names]
    #[arg(long, value_name = "FILE", conflicts_with = "vkey")]
    policy: Option<PathBuf>,
    /// The vkey of a log that is trusted, without any witness; may be given more than once
    #[arg(long, value_name = "VKEY")]
    vkey: Vec<Vkey>,
    /// The origin that the keys of --vkey sign for, where it is not their name
    #[arg(
        long,
        value_name = "ORIGIN",
        requires = "vkey",
        conflicts_with = "policy"
    )]
    origin: Option<Origin>,
}

/// What is trusted.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    keys: Vec<LogKey>,
    policy: Policy,
    text: String,
}

impl TrustArgs {
    /// Trust in these keys alone, each for the origin that is its name.
    #[cfg(feature = "log")]
    pub(crate) fn of_keys(vkey: Vec<Vkey>) -> Self {
        Self {
            vkey,
            ..Self::default()
        }
    }

    /// What the flags say, or `None` where they say nothing.
    pub(crate) fn load(&self) -> Result<Option<Trust>, Failure> {
        let named = std::env::var_os("COUNTERFOIL_POLICY").filter(|path| !path.is_empty());
        let named = named.filter(|_| self.vkey.is_empty()).map(PathBuf::from);
        if let Some(path) = self.policy.as_ref().or(named.as_ref()) {
            let text = fs::read(path).map_err(|error| {
                Failure::usage(format!(
                    "the policy {} cannot be read: {error}",
                    path.display()
                ))
            })?;
            let policy = Policy::parse(&text).map_err(|error| {
                Failure::usage(format!("{} is not a trust policy: {error}", path.display()))
                    .advice("the format is specified in https://c2sp.org/tlog-policy; `log <vkey>` and `quorum none` are the shortest policy")
            })?;
            let keys: Vec<_> = policy.log_keys().cloned().collect();
            if keys.is_empty() {
                return Err(
                    Failure::usage(format!("the policy {} names no log", path.display())).advice(
                        "add a line `log <vkey>` for each log whose checkpoints you accept",
                    ),
                );
            }
            let text = String::from_utf8_lossy(&text).into_owned();
            return Ok(Some(Trust { keys, policy, text }));
        }
        if self.vkey.is_empty() {
            return Ok(None);
        }
        let key = |vkey: &Vkey| match &self.origin {
            Some(origin) => LogKey::for_origin(origin.clone(), vkey.clone()),
            None => LogKey::new(vkey.clone()),
        };
        let keys = self.vkey.iter().map(key).collect();
        let policy =
            Policy::without_quorum([]).map_err(|error| Failure::usage(error.to_string()))?;
        let lines = self.vkey.iter().map(|vkey| format!("log {vkey}\n"));
        let text = lines.chain(["quorum none\n".to_owned()]).collect();
        Ok(Some(Trust { keys, policy, text }))
    }

    /// What the flags say; they must say something.
    pub(crate) fn require(&self) -> Result<Trust, Failure> {
        self.load()?.ok_or_else(|| {
            Failure::usage("nothing says which log is trusted: expected --policy FILE or --vkey VKEY").advice(
                "ask the log's operator for its policy or vkey on a way that you trust; what a receipt or a log says of itself is no ground for trust",
            )
        })
    }
}

impl Trust {
    /// Verifies that a note is a checkpoint signed by a trusted log.
    pub(crate) fn signed(&self, note: Note) -> Result<SignedCheckpoint, CheckpointError> {
        SignedCheckpoint::verify(note, &self.keys)
    }

    /// The policy for witnesses.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The policy as text (tlog-policy).
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The keys of the trusted logs.
    pub(crate) fn keys(&self) -> &[LogKey] {
        &self.keys
    }
}

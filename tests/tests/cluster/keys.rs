//! Keys and policies of the cluster.

use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;

pub(crate) const ORIGIN: &str = "log.example/cluster";

fn key(name: &str, algorithm: Algorithm, seed: u8) -> SigningKey {
    let name = KeyName::new(name).unwrap();
    SigningKey::from_seed(name, algorithm, &Seed::new([seed; 32])).unwrap()
}

pub(crate) fn log_key() -> SigningKey {
    key(ORIGIN, Algorithm::Ed25519, 1)
}

pub(crate) fn origin() -> Origin {
    Origin::new(ORIGIN).unwrap()
}

/// The keys of a witness. The first has one of each kind, so that quorums of keys and of witnesses differ.
pub(crate) fn witness_keys(number: usize) -> Vec<SigningKey> {
    let (name, seed) = (format!("w{number}.example"), u8::try_from(number).unwrap());
    let mut keys = vec![key(&name, Algorithm::CosignatureV1, 100 + seed)];
    if number == 0 {
        keys.push(key(&name, Algorithm::MlDsa44, 200));
    }
    keys
}

/// The submission prefix of a witness.
pub(crate) fn url(number: usize) -> String {
    format!("https://w{number}.example/submit")
}

/// How many witnesses there are, and how many make a quorum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) witnesses: usize,
    pub(crate) quorum: usize,
}

impl Shape {
    /// How many witnesses any two quorums share at least. With fewer faulty ones than that, two quorums share a correct one.
    pub(crate) fn intersection(self) -> usize {
        (2 * self.quorum).saturating_sub(self.witnesses)
    }

    pub(crate) fn policy(self) -> Policy {
        let mut lines = vec![format!("log {}", log_key().vkey())];
        let mut members = Vec::new();
        for number in 0..self.witnesses {
            let keys = witness_keys(number);
            let url = url(number);
            if let [one] = &keys[..] {
                lines.push(format!("witness w{number} {} {url}", one.vkey()));
                members.push(format!("w{number}"));
                continue;
            }
            let mut names = Vec::new();
            for (place, key) in keys.iter().enumerate() {
                lines.push(format!("witness w{number}.{place} {} {url}", key.vkey()));
                names.push(format!("w{number}.{place}"));
            }
            lines.push(format!("group w{number} any {}", names.join(" ")));
            members.push(format!("w{number}"));
        }
        lines.push(format!("group all {} {}", self.quorum, members.join(" ")));
        lines.push("quorum all\n".to_owned());
        Policy::parse(lines.join("\n").as_bytes()).unwrap()
    }
}

/// A checkpoint signed with the log's key, whatever it says.
pub(crate) fn sign(size: u64, root: NodeHash) -> Note {
    let checkpoint = Checkpoint::new(origin(), TreeSize::new(size), root);
    let line = sign_as_log(&log_key(), &checkpoint).unwrap();
    Note::new(&checkpoint.to_string(), vec![line]).unwrap()
}

//! `counterfoil verify` of evidence: real tokens over a real checkpoint, each with one thing wrong, and what the user gets
//! wrong.

mod blocks;
#[path = "../common/mod.rs"]
mod common;
#[path = "../../../evidence/tests/fixture/mod.rs"]
mod fixture;
mod judged;
#[path = "../../../evidence/tests/blocks/mod.rs"]
mod made;
mod told;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Counterfoil, Ran};
use counterfoil_rfc3161::Timestamp;
use fixture::{Authority, RECORD, evidence, policy, receipt, trust};
use serde_json::Value;

const EVIDENCE: &str = "report.txt.evidence.json";

/// Two authorities that run, and a directory with the record.
struct Bench {
    counterfoil: Counterfoil,
    one: Authority,
    two: Authority,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (one, two) = runtime
            .block_on(async { (Authority::start("one").await, Authority::start("two").await) });
        let counterfoil = Counterfoil::new();
        counterfoil.write("report.txt", RECORD);
        Self {
            counterfoil,
            one,
            two,
            runtime,
        }
    }

    fn checkpoint() -> Vec<u8> {
        receipt(&[1, 2]).note().as_bytes().to_vec()
    }

    /// Evidence with these anchors.
    fn evidence(anchors: &[Value]) -> Value {
        evidence(&receipt(&[1, 2]), anchors)
    }

    /// Good evidence by one authority.
    fn good(&self) -> Value {
        Self::evidence(&[self.one.anchor(&Self::checkpoint())])
    }

    /// Trust in the first authority.
    fn trust(&self) -> String {
        trust(1, &policy(), &[self.one.trusted("")])
    }

    fn write(&self, evidence: &Value, trust: &str) {
        self.counterfoil
            .write(EVIDENCE, serde_json::to_vec_pretty(evidence).unwrap());
        self.counterfoil.write("trust.toml", trust);
    }

    /// Verifies evidence with the record, at a time.
    fn verify(&self, evidence: &Value, trust: &str, at: u64) -> Ran {
        self.write(evidence, trust);
        self.run(&[EVIDENCE, "report.txt"], at)
    }

    /// Verifies these files at a time.
    fn run(&self, files: &[&str], at: u64) -> Ran {
        let at = Timestamp::from_seconds(i64::try_from(at).unwrap()).to_string();
        let fixed = ["--json", "verify", "--trust", "trust.toml", "--at", &at];
        self.counterfoil.run(fixed.iter().chain(files))
    }
}

/// The names of the checks with an outcome.
fn named(ran: &Ran, outcome: &str) -> Vec<String> {
    let json = ran.json();
    let checks = json["checks"].as_array().unwrap();
    checks
        .iter()
        .filter(|check| check["outcome"] == outcome)
        .map(|check| check["name"].as_str().unwrap().to_owned())
        .collect()
}

fn base64_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

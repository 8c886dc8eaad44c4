//! Cases with what comes out, as lines of JSON.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_checks::Outcome;
use counterfoil_evidence::blocks::BlockFile;
use counterfoil_evidence::format::Evidence;
use counterfoil_evidence::judge::{Verdict, judge, trusted};
use counterfoil_evidence::receipt::{Basis, Claim, ReceiptVerdict};
use counterfoil_evidence::trust::Trust;
use counterfoil_rfc3161::Timestamp;
use counterfoil_tiles::policy::Policy;
use serde_json::{Value, json};

use crate::edits::{Splice, spliced};
use crate::shapes::{Given, Shape};

/// Evidence to be judged.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) evidence: Vec<u8>,
    pub(crate) splice: Option<Splice>,
    pub(crate) trust: String,
    pub(crate) blocks: Given,
    pub(crate) claim: Option<Claim>,
    pub(crate) at: u64,
}

impl Case {
    pub(crate) fn of(shape: &Shape, name: String) -> Self {
        Self {
            name,
            evidence: shape.evidence.clone(),
            splice: None,
            trust: shape.trust.clone(),
            blocks: shape.blocks.clone(),
            claim: shape.claim.clone(),
            at: shape.at,
        }
    }
}

/// The file that is written.
pub(crate) struct Corpus {
    file: BufWriter<File>,
    texts: BTreeMap<Vec<u8>, usize>,
    counts: BTreeMap<String, usize>,
}

impl Corpus {
    pub(crate) fn new(file: BufWriter<File>) -> Self {
        Self {
            file,
            texts: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// How many cases there are, by what came out.
    pub(crate) fn finish(mut self) -> Result<String, Box<dyn Error>> {
        self.file.flush()?;
        let counts: Vec<String> = self
            .counts
            .iter()
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        Ok(counts.join(", "))
    }

    /// Judges evidence, and writes it down.
    pub(crate) fn add(&mut self, case: &Case) -> Result<(), Box<dyn Error>> {
        let text = match &case.splice {
            Some(splice) => spliced(&case.evidence, splice),
            None => case.evidence.clone(),
        };
        let Ok(trust) = Trust::parse(case.trust.as_bytes()) else {
            return Ok(());
        };
        let at = Timestamp::from_seconds(i64::try_from(case.at)?);
        let verdict = match Evidence::parse(&text) {
            Ok(evidence) => judge(
                &evidence,
                &trust,
                &case.blocks.read(),
                case.claim.as_ref(),
                at,
            ),
            Err(error) => {
                let subject = case.claim.as_ref().map_or("it", |claim| &claim.name);
                Verdict::without_evidence(
                    Outcome::Failed,
                    format!("it is no evidence: {error}"),
                    subject,
                )
            }
        };
        let mut expect = serde_json::to_value(&verdict)?;
        expect["outcome"] = serde_json::to_value(verdict.outcome)?;
        let of = self.text(&case.evidence)?;
        let splice = case
            .splice
            .as_ref()
            .map(|(at, gone, come)| json!([at, gone, STANDARD.encode(come)]));
        let trust = self.text(case.trust.as_bytes())?;
        let claim = case.claim.as_ref().map(claim);
        let blocks = self.blocks(&case.blocks)?;
        self.write("evidence", verdict.outcome, &json!({
            "name": case.name, "kind": "evidence", "of": of, "splice": splice, "trust": trust, "blocks": blocks, "claim": claim, "at": case.at,
            "expect": expect,
        }))
    }

    /// Reads a trust file, and writes it down, with what it says in words.
    pub(crate) fn add_trust(&mut self, name: &str, text: &[u8]) -> Result<(), Box<dyn Error>> {
        let expect = match Trust::parse(text) {
            Ok(trust) => json!({"error": null, "trusted": trusted(&trust)}),
            Err(error) => json!({"error": error.to_string()}),
        };
        self.put("trust", name, text, json!({}), expect)
    }

    /// Reads a list of blocks, and writes it down.
    pub(crate) fn add_blocks(&mut self, name: &str, text: &[u8]) -> Result<(), Box<dyn Error>> {
        let read = BlockFile::parse("it".to_owned(), text).map_err(|error| error.to_string());
        self.read("blocks", name, text, read.err().as_deref())
    }

    /// Reads a policy, and writes it down.
    pub(crate) fn add_policy(&mut self, name: &str, text: &[u8]) -> Result<(), Box<dyn Error>> {
        let read = Policy::parse(text).map_err(|error| error.to_string());
        self.read("policy", name, text, read.err().as_deref())
    }

    fn read(
        &mut self,
        kind: &str,
        name: &str,
        text: &[u8],
        error: Option<&str>,
    ) -> Result<(), Box<dyn Error>> {
        self.put(kind, name, text, json!({}), json!({"error": error}))
    }

    /// Writes down a case about a text, with what else stands in it; it is a good one if its `error` is null.
    pub(crate) fn put(
        &mut self,
        kind: &str,
        name: &str,
        text: &[u8],
        mut case: Value,
        expect: Value,
    ) -> Result<(), Box<dyn Error>> {
        let outcome = if expect["error"].is_null() {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        case["name"] = name.into();
        case["kind"] = kind.into();
        case["of"] = self.text(text)?.into();
        case["expect"] = expect;
        self.write(kind, outcome, &case)
    }

    /// Judges a receipt, as `counterfoil verify` does, and writes it down.
    pub(crate) fn add_receipt(
        &mut self,
        name: &str,
        text: &[u8],
        policy: &str,
        by: &Claim,
    ) -> Result<(), Box<dyn Error>> {
        let trusted = Policy::parse(policy.as_bytes())?;
        let keys: Vec<_> = trusted.log_keys().cloned().collect();
        let verdict = ReceiptVerdict::judge(text, by, &keys, &trusted);
        let outcome = verdict.checks.outcome();
        let (of, trust) = (self.text(text)?, self.text(policy.as_bytes())?);
        let expect = json!({
            "outcome": outcome, "sentence": verdict.sentence, "checks": verdict.checks, "matched": verdict.matched,
            "witnessed_at": verdict.witnessed_at,
        });
        self.write("receipt", outcome, &json!({
            "name": name, "kind": "receipt", "of": of, "trust": trust, "claim": claim(by), "expect": expect,
        }))
    }

    fn write(&mut self, kind: &str, outcome: Outcome, case: &Value) -> Result<(), Box<dyn Error>> {
        *self
            .counts
            .entry(format!("{kind} {outcome:?}"))
            .or_default() += 1;
        writeln!(self.file, "{case}")?;
        Ok(())
    }

    /// What is given of blocks, with the numbers of the lists' texts.
    fn blocks(&mut self, given: &Given) -> Result<Value, Box<dyn Error>> {
        let hashes: Vec<String> = given.hashes.iter().map(ToString::to_string).collect();
        let mut lists = Vec::new();
        for (source, text) in &given.lists {
            lists.push(json!([source, self.text(text.as_bytes())?]));
        }
        Ok(json!({"given": hashes, "lists": lists}))
    }

    /// The number of a text, which is written if it is new.
    fn text(&mut self, text: &[u8]) -> Result<usize, Box<dyn Error>> {
        if let Some(number) = self.texts.get(text) {
            return Ok(*number);
        }
        let number = self.texts.len();
        writeln!(
            self.file,
            "{}",
            json!({"text": number, "data": STANDARD.encode(text)})
        )?;
        self.texts.insert(text.to_vec(), number);
        Ok(number)
    }
}

/// What a verifier holds: its leaf hashes as they are, each with what it was made of.
fn claim(claim: &Claim) -> Value {
    let basis = |basis: Basis| match basis {
        Basis::Contents => "contents",
        Basis::Digest => "digest",
        Basis::GivenDigest => "given-digest",
        Basis::GivenLeaf => "given-leaf",
    };
    let leaves: Vec<Value> = claim
        .leaves
        .iter()
        .map(|(of, leaf)| json!({"basis": basis(*of), "leaf": hex::encode(leaf.as_bytes())}))
        .collect();
    json!({"name": claim.name, "leaves": leaves, "digest": claim.digest.map(hex::encode)})
}

//! The records about a checkpoint that are worth giving out.

use counterfoil_ethereum as ethereum;
use counterfoil_rfc3161::{Certificate, CheckName, Covers, Outcome, Question, Timestamp, verify};
use counterfoil_tiles::hash::LeafHash;
use counterfoil_tiles::receipt::Receipt;

use super::{Anchor, Ask, Candidate, MAX_ADDED, MAX_TOKENS, MAX_TRIES, Session};
use crate::format::{AnchorRecords, Entry, Evidence, TokenRecords};
use crate::names::{AnchorKind, Named, RecordName};
use crate::record::{BlockRecord, RevocationRecord, TokenRecord};

impl<A: Anchor> Session<'_, A> {
    /// The tokens over the checkpoint of a receipt, and the blocks with it: of each authority at each anchor the first that
    /// holds.
    pub(super) async fn records(
        &mut self,
        candidate: &Candidate,
        receipt: &Receipt,
    ) -> Vec<AnchorRecords> {
        let mut all: Vec<AnchorRecords> = Vec::new();
        let mut names: Vec<&(usize, RecordName)> = candidate.records.iter().collect();
        names.sort();
        let (mut looked, mut tries, mut last) = (0, 0, None);
        for (anchor, name) in &names {
            let authority = (*anchor, name.kind, &name.authority);
            if last.replace(authority) != Some(authority) {
                tries = 0;
            }
            if name.revocation.is_some() || tries >= MAX_TRIES || looked >= MAX_TOKENS {
                continue;
            }
            (looked, tries) = (looked + 1, tries + 1);
            let path = |name: &RecordName| candidate.place.path(&Named::Record(name.clone()));
            let checkpoint = receipt.note().as_bytes();
            let kept = match name.kind {
                AnchorKind::Rfc3161 => self
                    .token(*anchor, &path(name), name, checkpoint)
                    .await
                    .map(|token| {
                        let added = Vec::new();
                        AnchorRecords::Token(TokenRecords { token, added })
                    }),
                AnchorKind::Ethereum => self
                    .block(*anchor, &path(name), name, checkpoint)
                    .await
                    .map(AnchorRecords::Block),
            };
            let Some(mut records) = kept else {
                continue;
            };
            // Two anchors may have passed one on.
            if all.iter().any(|known| is_same(known, &records)) {
                tries = MAX_TRIES;
                continue;
            }
            if let AnchorRecords::Token(TokenRecords { added, .. }) = &mut records {
                let of_token = names.iter().filter(|(holder, added)| {
                    holder == anchor && added.revocation.is_some() && added.of_token() == *name
                });
                for (_, name) in of_token.rev().take(MAX_ADDED) {
                    added.extend(self.addition(*anchor, &path(name), name).await);
                }
                added.reverse();
            }
            // Evidence has limits of its own.
            let entry = Entry::of_leaf_hash(LeafHash::from_bytes([0; 32]));
            let alone = std::slice::from_ref(&records);
            match Evidence::new(entry, receipt.clone(), String::new(), alone) {
                Ok(_) => {
                    tries = MAX_TRIES;
                    all.push(records);
                }
                Err(error) => self.unusable(*anchor, format!("{}: {error}", path(name))),
            }
        }
        all
    }

    async fn token(
        &mut self,
        anchor: usize,
        path: &str,
        name: &RecordName,
        checkpoint: &[u8],
    ) -> Option<TokenRecord> {
        let bytes = self.record(anchor, path).await?;
        let read = TokenRecord::parse(&bytes).map_err(|error| error.to_string());
        match read.and_then(|record| check(&record, name, checkpoint).map(|()| record)) {
            Ok(record) => Some(record),
            Err(why) => {
                self.unusable(anchor, format!("{path}: {why}"));
                None
            }
        }
    }

    async fn block(
        &mut self,
        anchor: usize,
        path: &str,
        name: &RecordName,
        checkpoint: &[u8],
    ) -> Option<BlockRecord> {
        let bytes = self.record(anchor, path).await?;
        let read = BlockRecord::parse(&bytes).map_err(|error| error.to_string());
        let checked = read.and_then(|record| {
            if record.name != name.authority {
                return Err(format!(
                    "expected a block of {}, got one of {}",
                    name.authority, record.name
                ));
            }
            check_block(&record.block, checkpoint).map(|_| record)
        });
        checked
            .map_err(|why| self.unusable(anchor, format!("{path}: {why}")))
            .ok()
    }

    /// Revocation data that were fetched later; what is no such record is left out, and noted.
    async fn addition(
        &mut self,
        anchor: usize,
        path: &str,
        name: &RecordName,
    ) -> Option<RevocationRecord> {
        let bytes = self.record(anchor, path).await?;
        let why = match RevocationRecord::parse(&bytes) {
            Ok(added) if added.token == name.of_token() => return Some(added),
            Ok(added) => format!("expected data for {}, got {}", name.of_token(), added.token),
            Err(error) => error.to_string(),
        };
        self.unusable(anchor, format!("{path}: {why}"));
        None
    }

    /// The bytes of a record, as long as there is room for them.
    async fn record(&mut self, anchor: usize, path: &str) -> Option<bytes::Bytes> {
        let bytes = self.read(anchor, &Ask::Record(path.to_owned())).await?;
        if let Some(left) = self.left.checked_sub(bytes.len()) {
            self.left = left;
            return Some(bytes);
        }
        let length = bytes.len();
        let what = format!("{path}: with {length} bytes it is too long beside the others");
        self.unusable(anchor, what);
        None
    }
}

/// One and the same token, or block.
fn is_same(one: &AnchorRecords, other: &AnchorRecords) -> bool {
    match (one, other) {
        (AnchorRecords::Token(one), AnchorRecords::Token(other)) => {
            one.token.token == other.token.token
        }
        (AnchorRecords::Block(one), AnchorRecords::Block(other)) => {
            one.block.header == other.block.header
        }
        _ => false,
    }
}

/// Whether a record is what its name says, and its token holds.
fn check(record: &TokenRecord, name: &RecordName, checkpoint: &[u8]) -> Result<(), String> {
    if record.authority != name.authority {
        return Err(format!(
            "expected a token of {}, got one of {}",
            name.authority, record.authority
        ));
    }
    if record.checkpoint != checkpoint {
        return Err("the record is about another checkpoint".to_owned());
    }
    let time = check_token(&record.token, &record.certificates, checkpoint)?;
    if i64::try_from(record.gen_time.seconds()) != Ok(time.seconds()) {
        return Err(format!(
            "the record gives another time than the token, {time}"
        ));
    }
    Ok(())
}

/// Whether a token covers a checkpoint and holds under the root of its own chain, the last certificate: all that can be said
/// of it without trusting anybody. Gives its time.
pub fn check_token(
    token: &[u8],
    certificates: &[Vec<u8>],
    checkpoint: &[u8],
) -> Result<Timestamp, String> {
    let chain = certificates.iter().map(|der| Certificate::parse(der));
    let chain: Vec<Certificate> = chain
        .collect::<Result<_, _>>()
        .map_err(|error| format!("a certificate cannot be read: {error}"))?;
    let judgement = verify(&Question {
        token,
        covers: Covers::Data(checkpoint),
        nonce: None,
        policies: &[],
        roots: chain.last().map_or(&[][..], std::slice::from_ref),
        extra: &chain,
        // Judged by whoever verifies the evidence.
        revocation: &[],
        at: None,
    });
    if let Some(failure) = judgement.first_failure() {
        return Err(format!("the token's {}: {}", failure.name, failure.reason));
    }
    for name in [CheckName::Imprint, CheckName::Signature, CheckName::Path] {
        if judgement.outcome(name) != Outcome::Passed {
            return Err(format!("the token's {name} cannot be checked"));
        }
    }
    let time = judgement.gen_time.map(|time| time.time);
    time.ok_or_else(|| "the token has no time".to_owned())
}

/// Whether a block holds a checkpoint under its own header: all that can be said of it without trusting anybody. Gives the header.
pub fn check_block(
    block: &ethereum::Record,
    checkpoint: &[u8],
) -> Result<ethereum::Header, String> {
    let header = ethereum::Header::parse(&block.header).map_err(|error| error.to_string())?;
    let judgement = ethereum::verify(&ethereum::Question {
        record: block,
        checkpoint: Some(checkpoint),
        block_hash: Some(header.hash),
        chain_id: None,
        destination: None,
        at: None,
    });
    if let Some(failure) = judgement.first_failure() {
        return Err(format!("the block's {}: {}", failure.name, failure.reason));
    }
    if judgement.is_good() {
        return Ok(header);
    }
    Err("the block holds a transaction that this version does not know".to_owned())
}

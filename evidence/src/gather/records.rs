//! The records about a checkpoint that are worth giving out.

use std::collections::BTreeMap;

use bytes::Bytes;
use counterfoil_ethereum as ethereum;
use counterfoil_rfc3161::{Certificate, CheckName, Covers, Outcome, Question, Timestamp, verify};
use counterfoil_tiles::hash::LeafHash;
use counterfoil_tiles::receipt::Receipt;

use super::asker::{Asker, Found};
use super::lists::Listed;
use super::{Anchor, MAX_ADDED, MAX_TAKEN, MAX_TRIES, Takes};
use crate::format::{AnchorRecords, Entry, Evidence, TokenRecords};
use crate::names::{AnchorKind, AuthorityName, Named, RecordName};
use crate::record::{BlockRecord, RevocationRecord, TokenRecord};

/// A token or block that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    name: RecordName,
    pub(super) root: Root,
    pub(super) records: AnchorRecords,
}

/// What a token or block leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Root {
    /// The key of the last certificate of its chain.
    Key(Vec<u8>),
    Chain(u64),
}

impl<A: Anchor> Asker<'_, A> {
    /// The tokens over the checkpoint of a receipt, and the blocks with it: of each authority the first, or the last, that
    /// holds.
    pub(super) async fn records(&mut self, listed: &Listed, receipt: Receipt) -> Found {
        let mut by_authority: BTreeMap<(AnchorKind, &AuthorityName), Vec<&RecordName>> =
            BTreeMap::new();
        for name in listed.names.iter().filter(|name| name.revocation.is_none()) {
            let names = by_authority
                .entry((name.kind, &name.authority))
                .or_default();
            names.push(name);
        }
        let mut held: Vec<Held> = Vec::new();
        let mut room = self.share();
        for mut names in by_authority.into_values() {
            names.sort_unstable();
            if self.takes() == Takes::Last {
                names.reverse();
            }
            for name in names.into_iter().take(MAX_TRIES) {
                if held.len() >= MAX_TAKEN {
                    break;
                }
                let path = listed.place.path(&Named::Record(name.clone()));
                let Some(bytes) = self.record(&path, room).await else {
                    continue;
                };
                let length = bytes.len();
                let (called, under) = (name.clone(), receipt.clone());
                match self.judge(move || hold(&bytes, called, under)).await {
                    Some(Ok(one)) => {
                        room = room.saturating_sub(length);
                        if !held.iter().any(|known| known.records.is_same(&one.records)) {
                            held.push(one);
                        }
                        break;
                    }
                    Some(Err(why)) => self.unusable(format!("{path}: {why}")),
                    None => {}
                }
            }
        }
        Found {
            receipt,
            held,
            room,
        }
    }

    /// Adds what the anchor has of revocation data that were fetched later: of each token the last ones. What is no such record
    /// is left out, and noted.
    pub(super) async fn additions(&mut self, listed: &Listed, found: &mut Found) {
        let Found {
            receipt,
            held,
            room,
        } = found;
        for one in held {
            let AnchorRecords::Token(token) = &one.records else {
                continue;
            };
            let is_of_token =
                |name: &&RecordName| name.revocation.is_some() && name.of_token() == one.name;
            let mut names: Vec<&RecordName> = listed.names.iter().filter(is_of_token).collect();
            names.sort_unstable();
            let first = names.len().saturating_sub(MAX_ADDED);
            let mut with = token.clone();
            for name in names.into_iter().skip(first) {
                let path = listed.place.path(&Named::Record(name.clone()));
                let Some(bytes) = self.record(&path, *room).await else {
                    continue;
                };
                let length = bytes.len();
                let of = one.name.clone();
                match self.judge(move || addition(&bytes, &of)).await {
                    Some(Ok(added)) => {
                        *room = room.saturating_sub(length);
                        with.added.push(added);
                    }
                    Some(Err(why)) => self.unusable(format!("{path}: {why}")),
                    None => {}
                }
            }
            let with = AnchorRecords::Token(with);
            match fits(&with, receipt.clone()) {
                Ok(()) => one.records = with,
                Err(why) => self.unusable(format!(
                    "{}/{}: with its additions: {why}",
                    listed.place, one.name
                )),
            }
        }
    }
}

/// Reads a record, and sees whether it is what its name says and holds.
fn hold(bytes: &Bytes, name: RecordName, receipt: Receipt) -> Result<Held, String> {
    let checkpoint = receipt.note().as_bytes();
    let read = |error: crate::record::RecordError| error.to_string();
    let (root, records) = match name.kind {
        AnchorKind::Rfc3161 => {
            let token = TokenRecord::parse(bytes).map_err(read)?;
            check(&token, &name, checkpoint)?;
            let root = token.certificates.last().map(|der| Certificate::parse(der));
            let root = root.and_then(Result::ok).ok_or("it has no root")?;
            let added = Vec::new();
            (
                Root::Key(root.spki().to_vec()),
                AnchorRecords::Token(TokenRecords { token, added }),
            )
        }
        AnchorKind::Ethereum => {
            let block = BlockRecord::parse(bytes).map_err(read)?;
            if block.name != name.authority {
                return Err(format!(
                    "expected a block of {}, got one of {}",
                    name.authority, block.name
                ));
            }
            check_block(&block.block, checkpoint)?;
            (
                Root::Chain(block.block.chain_id),
                AnchorRecords::Block(block),
            )
        }
    };
    fits(&records, receipt)?;
    Ok(Held {
        name,
        root,
        records,
    })
}

/// Evidence has limits of its own.
fn fits(records: &AnchorRecords, receipt: Receipt) -> Result<(), String> {
    let entry = Entry::of_leaf_hash(LeafHash::from_bytes([0; 32]));
    let alone = std::slice::from_ref(records);
    let evidence = Evidence::new(entry, receipt, String::new(), alone);
    evidence.map(drop).map_err(|error| error.to_string())
}

/// Reads revocation data that were added to a token.
fn addition(bytes: &Bytes, token: &RecordName) -> Result<RevocationRecord, String> {
    let added = RevocationRecord::parse(bytes).map_err(|error| error.to_string())?;
    if added.token == *token {
        return Ok(added);
    }
    Err(format!("expected data for {token}, got {}", added.token))
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

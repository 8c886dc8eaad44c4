//! The records about a checkpoint that are worth giving out.

use std::collections::BTreeMap;

use bytes::Bytes;
use counterfoil_ethereum as ethereum;
use counterfoil_rfc3161::{
    Certificate, CheckName, Covers, Outcome, Question, RevocationStatus, Timestamp, Token,
    revocation_status, verify,
};
use counterfoil_tiles::hash::LeafHash;
use counterfoil_tiles::receipt::Receipt;

use super::asker::{Asker, For};
use super::lists::Listed;
use super::{Anchor, Ask, By, MAX_ADDED, MAX_TAKEN, MAX_TRIES, Takes};
use crate::format::{AnchorRecords, Entry, Evidence, TokenRecords};
use crate::judge::{Key, vouching};
use crate::names::{AnchorKind, AuthorityName, Named, RecordName};
use crate::record::{BlockRecord, Revocation, RevocationRecord, TokenRecord};

/// A token or block that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    name: RecordName,
    pub(super) root: Root,
    /// Bytes of it that are given out.
    length: usize,
    /// The trusted authorities that stand behind it, each with the key.
    pub(super) vouching: Vec<(String, Key)>,
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
    /// Looks for tokens over the checkpoint of a receipt, and blocks with it: of each authority the first, or the last, that holds. Each
    /// authority has an equal part of the room that those before it left.
    pub(super) async fn records(&mut self, listed: &Listed, receipt: Receipt) {
        let mut by_authority: BTreeMap<(AnchorKind, &AuthorityName), Vec<&RecordName>> =
            BTreeMap::new();
        for name in listed.names.iter().filter(|name| name.revocation.is_none()) {
            let names = by_authority
                .entry((name.kind, &name.authority))
                .or_default();
            names.push(name);
        }
        let mut room = self.share();
        let mut held = 0;
        let count = by_authority.len();
        for (before, mut names) in by_authority.into_values().enumerate() {
            if held >= MAX_TAKEN {
                break;
            }
            let among = count.saturating_sub(before).min(MAX_TAKEN - held).max(1);
            names.sort_unstable();
            if self.takes() == Takes::Last {
                names.reverse();
            }
            let mut part = self.part(For::Search, among);
            for name in names.into_iter().take(MAX_TRIES) {
                let ask = Ask::Record(listed.place.path(&Named::Record(name.clone())));
                let Some(bytes) = self.record(&ask, For::Search, part).await else {
                    continue;
                };
                part = part.saturating_sub(bytes.len());
                let (called, under, by) = (name.clone(), receipt.clone(), self.by().clone());
                let share = room / among;
                let judged = self.judge(move || hold(&bytes, called, under, &by, share));
                match judged.await {
                    Some(Ok(one)) => {
                        room = room.saturating_sub(one.length);
                        held += 1;
                        self.hold(listed.place, &receipt, one, room);
                        break;
                    }
                    Some(Err(why)) => self.of_no_use(&ask, &why),
                    None => {}
                }
            }
        }
    }

    /// Adds what the anchor has of revocation data that were fetched later: of each token the last ones, within an equal part of the room
    /// that those before it left. What is no such record is left out, and noted.
    pub(super) async fn additions(&mut self, listed: &Listed) {
        let tokens = self
            .found_at(&listed.place)
            .map_or(0, |found| found.held.len());
        for place in 0..tokens {
            let among = tokens - place;
            let Some(found) = self.found_at(&listed.place) else {
                return;
            };
            let (room, receipt) = (found.room, found.receipt.clone());
            let Some(Held {
                name,
                records: AnchorRecords::Token(token),
                ..
            }) = found.held.get(place).cloned()
            else {
                continue;
            };
            let is_of_token =
                |one: &&RecordName| one.revocation.is_some() && one.of_token() == name;
            let mut names: Vec<&RecordName> = listed.names.iter().filter(is_of_token).collect();
            names.sort_unstable();
            let mut share = room / among;
            let mut part = self.part(For::Addition, among);
            let mut added: Vec<RevocationRecord> = Vec::new();
            // The last first: they can speak for its time.
            for of_name in names.into_iter().rev().take(MAX_ADDED) {
                let ask = Ask::Record(listed.place.path(&Named::Record(of_name.clone())));
                let Some(bytes) = self.record(&ask, For::Addition, part).await else {
                    continue;
                };
                part = part.saturating_sub(bytes.len());
                let (of, token) = (name.clone(), token.token.clone());
                match self
                    .judge(move || addition(&bytes, &of, &token, share))
                    .await
                {
                    Some(Ok(one)) => {
                        share = share.saturating_sub(length(&one.revocation));
                        added.insert(0, one);
                    }
                    Some(Err(why)) => self.of_no_use(&ask, &why),
                    None => {}
                }
            }
            added.retain(|one| !one.revocation.is_empty());
            let used: usize = added.iter().map(|one| length(&one.revocation)).sum();
            let with = AnchorRecords::Token(TokenRecords { added, ..token });
            match fits(&with, receipt) {
                Ok(_) => {
                    if let Some(found) = self.found_at(&listed.place) {
                        found.room = room.saturating_sub(used);
                        if let Some(one) = found.held.get_mut(place) {
                            one.records = with;
                        }
                    }
                }
                Err(why) => self.unusable(format!(
                    "{}/{name}: with its additions: {why}",
                    listed.place
                )),
            }
        }
    }
}

/// Reads a record, and sees whether it is what its name says and holds. What is more than its share of the room is left out, as far as it can be.
fn hold(
    bytes: &Bytes,
    name: RecordName,
    receipt: Receipt,
    by: &By,
    share: usize,
) -> Result<Held, String> {
    let checkpoint = receipt.note().as_bytes();
    let read = |error: crate::record::RecordError| error.to_string();
    let (root, length, records) = match name.kind {
        AnchorKind::Rfc3161 => {
            let mut token = TokenRecord::parse(bytes).map_err(read)?;
            check(&token, &name, checkpoint, by.at)?;
            let certificates: usize = token.certificates.iter().map(Vec::len).sum();
            let alone = token.token.len() + certificates;
            let data = std::mem::take(&mut token.revocation);
            token.revocation = useful(data, &token, share.saturating_sub(alone));
            let length = alone + length(&token.revocation);
            let root = token.certificates.last().map(|der| Certificate::parse(der));
            let root = root.and_then(Result::ok).ok_or("it has no root")?;
            let added = Vec::new();
            (
                Root::Key(root.spki().to_vec()),
                length,
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
            check_block(&block.block, checkpoint, by.at)?;
            (
                Root::Chain(block.block.chain_id),
                bytes.len(),
                AnchorRecords::Block(block),
            )
        }
    };
    if length > share {
        return Err(format!(
            "there is room for {share} bytes, and it has {length}"
        ));
    }
    let evidence = fits(&records, receipt)?;
    let trust = by.trust.as_ref();
    let vouching = trust.map(|trust| vouching(&evidence, trust, by.at));
    Ok(Held {
        name,
        root,
        length,
        vouching: vouching.unwrap_or_default(),
        records,
    })
}

/// Evidence of it alone: that has limits of its own.
fn fits(records: &AnchorRecords, receipt: Receipt) -> Result<Evidence, String> {
    let entry = Entry::of_leaf_hash(LeafHash::from_bytes([0; 32]));
    let alone = std::slice::from_ref(records);
    let evidence = Evidence::new(entry, receipt, String::new(), alone);
    evidence.map_err(|error| error.to_string())
}

/// Reads revocation data that were added to a token, as far as they are of use and within its share of the room.
fn addition(
    bytes: &Bytes,
    name: &RecordName,
    token: &TokenRecord,
    share: usize,
) -> Result<RevocationRecord, String> {
    let mut added = RevocationRecord::parse(bytes).map_err(|error| error.to_string())?;
    if added.token != *name {
        return Err(format!("expected data for {name}, got {}", added.token));
    }
    added.revocation = useful(added.revocation, token, share);
    Ok(added)
}

/// Of revocation data those that may say something of a token, within so many bytes. Lists that are older than it and have nothing against
/// it say nothing: most were captured with it, and large.
fn useful(data: Vec<Revocation>, token: &TokenRecord, mut room: usize) -> Vec<Revocation> {
    let chain = token.certificates.iter().map(|der| Certificate::parse(der));
    let chain: Vec<Certificate> = chain.filter_map(Result::ok).collect();
    let time = Token::parse(&token.token).map(|token| token.info().gen_time);
    let is_old = |data: &Revocation| {
        let Ok(time) = time else {
            return false;
        };
        let certificates = 0..chain.len().saturating_sub(1);
        let status =
            |certificate| revocation_status(&chain, certificate, data.kind, &data.data, time);
        let said: Vec<RevocationStatus> = certificates.map(status).collect();
        let too_old = |status: &RevocationStatus| matches!(status, RevocationStatus::TooOld { .. });
        let about_others =
            |status: &RevocationStatus| matches!(status, RevocationStatus::AboutOthers(_));
        said.iter().any(too_old) && said.iter().all(|one| too_old(one) || about_others(one))
    };
    let mut kept = Vec::new();
    for one in data {
        if one.data.len() <= room && !is_old(&one) {
            room -= one.data.len();
            kept.push(one);
        }
    }
    kept
}

fn length(data: &[Revocation]) -> usize {
    data.iter().map(|one| one.data.len()).sum()
}

/// Whether a record is what its name says, and its token holds.
fn check(
    record: &TokenRecord,
    name: &RecordName,
    checkpoint: &[u8],
    at: Timestamp,
) -> Result<(), String> {
    if record.authority != name.authority {
        return Err(format!(
            "expected a token of {}, got one of {}",
            name.authority, record.authority
        ));
    }
    if record.checkpoint != checkpoint {
        return Err("the record is about another checkpoint".to_owned());
    }
    let time = check_token(&record.token, &record.certificates, checkpoint, at)?;
    if i64::try_from(record.gen_time.seconds()) != Ok(time.seconds()) {
        return Err(format!(
            "the record gives another time than the token, {time}"
        ));
    }
    Ok(())
}

/// Whether a token covers a checkpoint, holds under the root of its own chain, the last certificate, and is not from later than this
/// time: all that can be said of it without trusting anybody. Gives its time.
pub fn check_token(
    token: &[u8],
    certificates: &[Vec<u8>],
    checkpoint: &[u8],
    at: Timestamp,
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
        // Judged by whoever verifies the evidence: who is revoked takes nothing from the others.
        revocation: &[],
        at: Some(at),
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

/// Whether a block holds a checkpoint under its own header, and is not from later than this time: all that can be said of it without
/// trusting anybody. Gives the header.
pub fn check_block(
    block: &ethereum::Record,
    checkpoint: &[u8],
    at: Timestamp,
) -> Result<ethereum::Header, String> {
    let header = ethereum::Header::parse(&block.header).map_err(|error| error.to_string())?;
    let judgement = ethereum::verify(&ethereum::Question {
        record: block,
        checkpoint: Some(checkpoint),
        block_hash: Some(header.hash),
        chain_id: None,
        destination: None,
        at: Some(u64::try_from(at.seconds()).unwrap_or(0)),
    });
    if let Some(failure) = judgement.first_failure() {
        return Err(format!("the block's {}: {}", failure.name, failure.reason));
    }
    if judgement.is_good() {
        return Ok(header);
    }
    Err("the block holds a transaction that this version does not know".to_owned())
}

//! Which transaction of the account used a nonce: looked for in the state of older blocks, and where an endpoint has none any more,
//! in the blocks themselves. What it says is held to the account's signature.

use alloy_consensus::Transaction as _;
use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_eips::Decodable2718 as _;
use counterfoil_ethereum::{Address, TransactionHash};
use counterfoil_ethereum_sender::chain::{Anchor, Block, Identity};

use crate::account::nonce_after;
use crate::block::{self, BlockTransaction, hash_of};
use crate::fault::Fault;
use crate::observe::{Said, is_still, receipt, time_of};
use crate::send::OF_ENDPOINT;
use crate::session::Session;

/// How many blocks are read where the state of older blocks is not there: an hour's worth.
const MAX_READ: u64 = 300;

/// Finds the transaction, in the blocks after `after` up to `until`: first where `taker` is, which had the nonce before.
pub(crate) async fn find(
    session: &Session<'_>,
    identity: Identity,
    nonce: u64,
    after: u64,
    until: Block,
    taker: Option<TransactionHash>,
) -> Result<(TransactionHash, Anchor), Fault> {
    let header = block::header_at(session, until.number).await?;
    is_still(header.block(), until)?;
    if let Some(taker) = taker
        && let Some(found) = again(session, identity, nonce, taker, until.number).await
    {
        return Ok(found);
    }
    let mut range = Range {
        account: identity.account,
        nonce,
        unused: after,
        used: until.number,
    };
    match range.narrow(session).await {
        // Endpoints keep the state of the last 128 blocks: older ones are read.
        Ok(()) => {}
        Err(Fault::Error { code, .. }) if !OF_ENDPOINT.contains(&code) => {}
        Err(fault) => return Err(fault),
    }
    let Range { unused, used, .. } = range;
    let oldest = unused.max(used.saturating_sub(MAX_READ));
    // The newest first: what is looked for became final a short time ago.
    for number in (oldest.saturating_add(1)..=used).rev() {
        if let Some(found) = user_in(session, identity, nonce, number).await? {
            return Ok(found);
        }
    }
    if oldest > unused {
        return Err(Fault::Missing(format!(
            "it does not keep the state of the blocks {unused} to {used}, and the transaction is in none of the last {MAX_READ} of them: add an endpoint that keeps older states (an archive node)"
        )));
    }
    Err(Fault::Contradiction(format!(
        "it says that the account's nonce {nonce} is used after block {unused} and up to block {used}, and no transaction there does"
    )))
}

/// The same transaction, and where it is now, if the endpoint has it in a block up to this one. Whatever else it says of it, it is looked for.
async fn again(
    session: &Session<'_>,
    identity: Identity,
    nonce: u64,
    taker: TransactionHash,
    until: u64,
) -> Option<(TransactionHash, Anchor)> {
    let Ok(Said::In(block)) = receipt(session, taker).await else {
        return None;
    };
    if block.number > until {
        return None;
    }
    let found = user_in(session, identity, nonce, block.number).await;
    found.ok().flatten().filter(|(hash, _)| *hash == taker)
}

/// The transaction that used the nonce in this block.
async fn user_in(
    session: &Session<'_>,
    identity: Identity,
    nonce: u64,
    number: u64,
) -> Result<Option<(TransactionHash, Anchor)>, Fault> {
    let block = block::whole(session, number).await?;
    let anchor = Anchor {
        block: block.header.block(),
        time: time_of(&block.header.header),
    };
    let found = user(&block.transactions, identity, nonce);
    Ok(found.map(|hash| (hash, anchor)))
}

/// The account's nonce is not used in one block, and used in the other.
struct Range {
    account: Address,
    nonce: u64,
    unused: u64,
    used: u64,
}

impl Range {
    /// Narrows the range to one block, from its end: the state of old blocks is often gone. Where that fails, it is narrowed so far.
    async fn narrow(&mut self, session: &Session<'_>) -> Result<(), Fault> {
        let last = self.used;
        if !self.is_used(session, last).await? {
            return Err(Fault::Contradiction(format!(
                "it says that the account's nonce {} is not used in block {last}, where it was used",
                self.nonce
            )));
        }
        let mut step = 1;
        while self.size() > step {
            let number = self.used.saturating_sub(step);
            self.look(session, number).await?;
            step = step.saturating_mul(2);
        }
        while self.size() > 1 {
            let middle = self.unused.midpoint(self.used);
            self.look(session, middle).await?;
        }
        Ok(())
    }

    /// How many blocks it may be in.
    fn size(&self) -> u64 {
        self.used.saturating_sub(self.unused)
    }

    /// Makes one block of it the range's end.
    async fn look(&mut self, session: &Session<'_>, number: u64) -> Result<(), Fault> {
        if self.is_used(session, number).await? {
            self.used = number;
        } else {
            self.unused = number;
        }
        Ok(())
    }

    async fn is_used(&self, session: &Session<'_>, number: u64) -> Result<bool, Fault> {
        Ok(nonce_after(session, self.account, number).await? > self.nonce)
    }
}

/// The transaction of a block that used the nonce of the account: as its own, or as that of an authorisation (EIP-7702). What the account
/// signed for another chain alone is in no block of this one, whoever shows it there.
fn user(transactions: &[Vec<u8>], identity: Identity, nonce: u64) -> Option<TransactionHash> {
    let Identity { chain_id, account } = identity;
    let is_user = |bytes: &&Vec<u8>| {
        let Ok(transaction) = BlockTransaction::decode_2718_exact(bytes) else {
            return false;
        };
        let of_account = |address: alloy_primitives::Address| *account.as_bytes() == *address;
        // Before EIP-155 transactions were of any chain, and may still be.
        let is_here = transaction.chain_id().is_none_or(|id| id == chain_id);
        // The signature is recovered only where the nonce fits: it takes time.
        let sent = is_here
            && transaction.nonce() == nonce
            && transaction.recover_signer().is_ok_and(of_account);
        let mut authorisations = transaction.authorization_list().unwrap_or_default().iter();
        sent || authorisations.any(|authorisation| {
            let is_here = authorisation.chain_id.is_zero() || authorisation.chain_id == chain_id;
            is_here
                && authorisation.nonce == nonce
                && authorisation.recover_authority().is_ok_and(of_account)
        })
    };
    transactions
        .iter()
        .find(is_user)
        .map(|bytes| hash_of(bytes))
}

#[cfg(test)]
mod tests {
    use alloy_consensus::{SignableTransaction as _, TxEip7702};
    use alloy_eips::Encodable2718 as _;
    use alloy_eips::eip7702::Authorization;
    use alloy_primitives::{B256, Signature, U256};
    use k256::ecdsa::SigningKey;

    use super::*;
    use crate::keystore::address_of;

    fn sign(key: &SigningKey, hash: B256) -> Signature {
        let (signature, parity) = key.sign_prehash_recoverable(hash.as_slice()).unwrap();
        let (r, s) = signature.split_bytes();
        let scalar = |bytes: &[u8]| U256::from_be_slice(bytes);
        Signature::new(scalar(&r), scalar(&s), parity.is_y_odd())
    }

    #[test]
    fn an_authorisation_counts_on_its_chain_and_where_it_is_for_any() {
        let key = |byte| SigningKey::from_slice(&[byte; 32]).unwrap();
        let (ours, other) = (key(1), key(2));
        let identity = Identity {
            chain_id: 5,
            account: address_of(&ours),
        };
        for (chain_id, nonce, counts) in [(5, 7, true), (0, 7, true), (1, 7, false), (5, 8, false)]
        {
            let authorisation = Authorization {
                chain_id: U256::from(chain_id),
                address: [3; 20].into(),
                nonce,
            };
            let signature = sign(&ours, authorisation.signature_hash());
            let transaction = TxEip7702 {
                chain_id: 5,
                nonce: 7,
                authorization_list: vec![authorisation.into_signed(signature)],
                ..TxEip7702::default()
            };
            let signature = sign(&other, transaction.signature_hash());
            let bytes = transaction.into_signed(signature).encoded_2718();
            let found = user(std::slice::from_ref(&bytes), identity, 7);
            assert_eq!(found, counts.then(|| hash_of(&bytes)), "{chain_id} {nonce}");
        }
    }
}

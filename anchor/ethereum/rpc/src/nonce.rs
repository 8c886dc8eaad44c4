//! Which transaction of the account used a nonce: looked for in the state of older blocks, and where an endpoint has none any more,
//! in the blocks themselves. What it says is held to the account's signature.

use alloy_consensus::Transaction as _;
use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_eips::Decodable2718 as _;
use counterfoil_ethereum::{Address, TransactionHash};
use counterfoil_ethereum_sender::chain::Block;

use crate::account::nonce_after;
use crate::block::{self, BlockTransaction, SeenBlock, hash_of};
use crate::fault::Fault;
use crate::observe::is_still;
use crate::session::Session;

/// How many blocks are read where the state of older blocks is not there: an hour's worth.
const MAX_READ: u64 = 300;

/// Finds the transaction, in the blocks after `after` up to `until`.
pub(crate) async fn find(
    session: &Session<'_>,
    account: Address,
    nonce: u64,
    after: u64,
    until: Block,
) -> Result<(TransactionHash, Block), Fault> {
    let header = block::header_at(session, until.number).await?;
    is_still(header.block(), until)?;
    let mut range = Range {
        account,
        nonce,
        unused: after,
        used: until.number,
    };
    match range.narrow(session).await {
        // Endpoints keep the state of the last 128 blocks: older ones are read.
        Ok(()) | Err(Fault::Error { .. }) => {}
        Err(fault) => return Err(fault),
    }
    let Range { unused, used, .. } = range;
    let count = used.saturating_sub(unused);
    if count > MAX_READ {
        return Err(Fault::Missing(format!(
            "it does not keep the state of the blocks {unused} to {used}, and they are too many ({count}) to be read: add an endpoint that keeps older states (an archive node)"
        )));
    }
    // The newest first: what is looked for became final a short time ago.
    for number in (unused.saturating_add(1)..=used).rev() {
        let block = block::whole(session, number).await?;
        if let Some(hash) = user(&block, account, nonce) {
            return Ok((hash, block.header.block()));
        }
    }
    Err(Fault::Contradiction(format!(
        "it says that the account's nonce {nonce} is used after block {unused} and up to block {used}, and no transaction there does"
    )))
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

/// The transaction of the block that used the nonce of the account: as its own, or as that of an authorisation (EIP-7702).
fn user(block: &SeenBlock, account: Address, nonce: u64) -> Option<TransactionHash> {
    let is_user = |bytes: &&Vec<u8>| {
        let Ok(transaction) = BlockTransaction::decode_2718_exact(bytes) else {
            return false;
        };
        let of_account = |address: alloy_primitives::Address| *account.as_bytes() == *address;
        // The signature is recovered only where the nonce fits: it takes time.
        let sent =
            transaction.nonce() == nonce && transaction.recover_signer().is_ok_and(of_account);
        let mut authorisations = transaction.authorization_list().unwrap_or_default().iter();
        sent || authorisations.any(|authorisation| {
            authorisation.nonce == nonce && authorisation.recover_authority().is_ok_and(of_account)
        })
    };
    block
        .transactions
        .iter()
        .find(is_user)
        .map(|bytes| hash_of(bytes))
}

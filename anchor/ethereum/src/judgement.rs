//! Whether a record shows that a checkpoint is in a block: a function of what is given, and of nothing else. Each check by name.

use core::fmt;

use counterfoil_checks::{Checks, Outcome, Trouble, failed, not_checked};

use crate::header::Header;
use crate::keccak::{Address, BlockHash, TrieRoot};
use crate::receipt::{Execution, Receipt};
use crate::round::{Calldata, Path};
use crate::transaction::{Call, Transaction};
use crate::trie;

/// How far the time of a block may be after the time of the judgement: clocks differ. Five minutes.
const MAX_AHEAD_SECONDS: u64 = 300;

/// What is kept of a transaction that anchors a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The chain.
    pub chain_id: u64,
    /// The header of the block: its RLP.
    pub header: Vec<u8>,
    /// The place of the transaction in the block, and of its receipt.
    pub index: u64,
    /// The transaction, as the block commits to it (EIP-2718).
    pub transaction: Vec<u8>,
    /// The nodes from the header's transactions root to the transaction.
    pub transaction_proof: Vec<Vec<u8>>,
    /// The receipt, as the block commits to it (EIP-2718).
    pub receipt: Vec<u8>,
    /// The nodes from the header's receipts root to the receipt.
    pub receipt_proof: Vec<Vec<u8>>,
    /// The way from the signed checkpoint to the root in the calldata.
    pub path: Path,
}

/// What a record is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The record. Nothing is trusted because it is here.
    pub record: &'a Record,
    /// The signed checkpoint that it shall cover, byte for byte; none: that is not checked.
    pub checkpoint: Option<&'a [u8]>,
    /// The hash that the verifier trusts the block to have; none: that is not checked.
    pub block_hash: Option<BlockHash>,
    /// The chain of that block, if the verifier says which.
    pub chain_id: Option<u64>,
    /// Where the transaction must go; none: that is not checked.
    pub destination: Option<Address>,
    /// The time of the judgement in seconds since the beginning of 1970: no block is from later; none: that is not checked.
    pub at: Option<u64>,
}

/// A check, by a name that is the same in every release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    missing_docs,
    reason = "their names say what they are, and docs/ethereum.md what they check"
)]
pub enum CheckName {
    Header,
    BlockHash,
    Transaction,
    TransactionInclusion,
    Receipt,
    ReceiptInclusion,
    Status,
    Chain,
    Destination,
    Calldata,
    Checkpoint,
    Time,
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::BlockHash => "block hash",
            Self::Transaction => "transaction",
            Self::TransactionInclusion => "transaction inclusion",
            Self::Receipt => "receipt",
            Self::ReceiptInclusion => "receipt inclusion",
            Self::Status => "status",
            Self::Chain => "chain",
            Self::Destination => "destination",
            Self::Calldata => "calldata",
            Self::Checkpoint => "checkpoint",
            Self::Time => "time",
        })
    }
}

/// One check of a record.
pub type Check = counterfoil_checks::Check<CheckName>;

/// The checks of a record, in order, and the block that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Each check that was made, or could not be.
    pub checks: Checks<CheckName>,
    /// What the header says, if it could be read.
    pub header: Option<Header>,
}

impl Judgement {
    /// What a check came to.
    pub fn outcome(&self, name: CheckName) -> Outcome {
        self.checks.of(&name)
    }

    /// True if nothing failed, and everything that a record must show was checked: the block hash as well. Destination and time are
    /// the caller's to ask for.
    pub fn is_good(&self) -> bool {
        let optional = [CheckName::Destination, CheckName::Time];
        self.checks.hold_but_for(&optional)
    }

    /// The first check that failed.
    pub fn first_failure(&self) -> Option<&Check> {
        self.checks.first(Outcome::Failed)
    }
}

/// Judges a record.
pub fn verify(question: &Question<'_>) -> Judgement {
    let record = question.record;
    let header = Header::parse(&record.header);
    let transaction = Transaction::parse(&record.transaction);
    let receipt = Receipt::parse(&record.receipt);
    let header = header.map_err(failed);
    let call = call(transaction.as_ref().ok());
    let calldata = calldata(call.as_ref());
    let mut judgement = Judgement {
        checks: Checks::default(),
        header: header.as_ref().ok().cloned(),
    };
    let known = judgement.header.clone();
    let known = known.as_ref();
    let outcomes = [
        (CheckName::BlockHash, block_hash(known, question.block_hash)),
        (
            CheckName::Transaction,
            match &transaction {
                Ok(transaction) => Ok(format!("{} ({})", transaction.hash, transaction.kind)),
                Err(error) => Err(failed(error)),
            },
        ),
        (
            CheckName::TransactionInclusion,
            inclusion(
                known.map(|header| &header.transactions_root),
                record.index,
                &record.transaction,
                &record.transaction_proof,
            ),
        ),
        (
            CheckName::Receipt,
            match &receipt {
                Ok(receipt) => same_kind(*receipt, transaction.as_ref().ok()),
                Err(error) => Err(failed(error)),
            },
        ),
        (
            CheckName::ReceiptInclusion,
            inclusion(
                known.map(|header| &header.receipts_root),
                record.index,
                &record.receipt,
                &record.receipt_proof,
            ),
        ),
        (CheckName::Status, status(receipt.as_ref().ok())),
        (
            CheckName::Chain,
            chain(call.as_ref(), record.chain_id, question.chain_id),
        ),
        (
            CheckName::Destination,
            destination(call.as_ref(), question.destination),
        ),
    ];
    judgement.checks.note(
        CheckName::Header,
        header.map(|header| format!("block {}", header.number)),
    );
    for (name, outcome) in outcomes {
        judgement.checks.note(name, outcome);
    }
    let checkpoint = checkpoint(calldata.as_ref().ok(), &record.path, question.checkpoint);
    judgement.checks.note(
        CheckName::Calldata,
        calldata.map(|calldata| format!("anchor(bytes32) of the root {}", calldata.root)),
    );
    judgement.checks.note(CheckName::Checkpoint, checkpoint);
    judgement
        .checks
        .note(CheckName::Time, is_not_later(known, question.at));
    judgement
}

fn block_hash(header: Option<&Header>, trusted: Option<BlockHash>) -> Result<String, Trouble> {
    let header = header.ok_or_else(|| not_checked("the header could not be read"))?;
    match trusted {
        None => Err(not_checked(format!(
            "no hash was given that block {} must have; by its header it is {}",
            header.number, header.hash
        ))),
        Some(trusted) if trusted == header.hash => Ok(trusted.to_string()),
        Some(trusted) => Err(failed(format!(
            "expected the block {trusted}, found the header of {}",
            header.hash
        ))),
    }
}

fn inclusion(
    root: Option<&TrieRoot>,
    index: u64,
    value: &[u8],
    proof: &[Vec<u8>],
) -> Result<String, Trouble> {
    let root = root.ok_or_else(|| not_checked("the header could not be read"))?;
    trie::verify(root, &trie::index_key(index), value, proof).map_err(failed)?;
    Ok(format!("number {index} under the root {root}"))
}

fn same_kind(receipt: Receipt, transaction: Option<&Transaction<'_>>) -> Result<String, Trouble> {
    match transaction {
        None => Err(not_checked("the transaction could not be read")),
        Some(transaction) if transaction.kind == receipt.kind => Ok(receipt.kind.to_string()),
        Some(transaction) => Err(failed(format!(
            "expected the receipt of a {} transaction, found that of a {} one",
            transaction.kind, receipt.kind
        ))),
    }
}

fn status(receipt: Option<&Receipt>) -> Result<String, Trouble> {
    let receipt = receipt.ok_or_else(|| not_checked("the receipt could not be read"))?;
    match receipt.outcome {
        None => Err(not_checked(format!(
            "the fields of a receipt of {} are not known",
            receipt.kind
        ))),
        Some(outcome @ Execution::Succeeded) => Ok(outcome.to_string()),
        Some(other) => Err(failed(format!("expected status 1, found {other}"))),
    }
}

/// What the transaction asks for, or why that is not known.
fn call<'a>(transaction: Option<&Transaction<'a>>) -> Result<Call<'a>, String> {
    let transaction = transaction.ok_or("the transaction could not be read")?;
    let unknown = || {
        format!(
            "the fields of a transaction of {} are not known",
            transaction.kind
        )
    };
    transaction.call.ok_or_else(unknown)
}

fn chain(
    call: Result<&Call<'_>, &String>,
    of_record: u64,
    expected: Option<u64>,
) -> Result<String, Trouble> {
    if let Some(expected) = expected
        && expected != of_record
    {
        return Err(failed(format!(
            "expected the chain {expected}, found a record of the chain {of_record}"
        )));
    }
    match call.map_err(not_checked)?.chain_id {
        None => Err(not_checked(
            "the transaction does not say for which chain it is",
        )),
        Some(chain_id) if chain_id == of_record => Ok(chain_id.to_string()),
        Some(chain_id) => Err(failed(format!(
            "the record is of the chain {of_record}, its transaction of the chain {chain_id}"
        ))),
    }
}

fn destination(
    call: Result<&Call<'_>, &String>,
    expected: Option<Address>,
) -> Result<String, Trouble> {
    let to = call.map_err(not_checked)?.to;
    let to = to.ok_or_else(|| failed("the transaction goes nowhere: it creates a contract"))?;
    match expected {
        None => Err(not_checked(format!(
            "no address was given that the transaction must go to; it goes to {to}"
        ))),
        Some(expected) if expected == to => Ok(to.to_string()),
        Some(expected) => Err(failed(format!(
            "expected a transaction to {expected}, found one to {to}"
        ))),
    }
}

fn calldata(call: Result<&Call<'_>, &String>) -> Result<Calldata, Trouble> {
    Calldata::parse(call.map_err(not_checked)?.data).map_err(failed)
}

fn checkpoint(
    calldata: Option<&Calldata>,
    path: &Path,
    checkpoint: Option<&[u8]>,
) -> Result<String, Trouble> {
    let calldata = calldata.ok_or_else(|| not_checked("there is no root in the calldata"))?;
    let checkpoint =
        checkpoint.ok_or_else(|| not_checked("the checkpoint to be covered was not given"))?;
    path.verify(checkpoint, &calldata.root).map_err(failed)?;
    Ok(format!(
        "number {} of {} under the root",
        path.index, path.size
    ))
}

fn is_not_later(header: Option<&Header>, at: Option<u64>) -> Result<String, Trouble> {
    let header = header.ok_or_else(|| not_checked("the header could not be read"))?;
    let at = at.ok_or_else(|| not_checked("the time of the judgement was not given"))?;
    let time = header.timestamp;
    if time > at.saturating_add(MAX_AHEAD_SECONDS) {
        Err(failed(format!(
            "the block is from second {time} since 1970, which is after {at}"
        )))
    } else {
        Ok(format!("second {time} since 1970"))
    }
}

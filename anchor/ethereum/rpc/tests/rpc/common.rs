//! What the tests share: an account, a chain of some endpoints, and its requests.

use std::path::Path;
use std::time::Duration;

use counterfoil_ethereum::{
    Address, Calldata, CheckName, Judgement, Outcome, Question, Transaction, TransactionHash,
    verify,
};
use counterfoil_ethereum_rpc::{Chain, Endpoint, Finality, Password, Settings, Signer};
use counterfoil_ethereum_sender::chain::{
    Account, Anchor, Block, Captured, ChainOutcome, ChainRequest, Identity, Observation, Sent,
};
use counterfoil_ethereum_sender::{Call, Ceilings, Config, Gas, Member, Offer, Unsigned, Wei};
use counterfoil_tests::anvil::Anvil;
use counterfoil_tiles::checkpoint::{Origin, OriginHash};
use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize};

/// The first account of every development chain, with its key in an encrypted file whose derivation is quick.
const KEYSTORE: &str = include_str!("keystore.json");

/// Whose account it is.
pub(crate) const ACCOUNT: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

pub(crate) fn signer() -> Signer {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    std::fs::write(&path, KEYSTORE).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    from(&path)
}

fn from(path: &Path) -> Signer {
    Signer::from_keystore(path, &Password::new("password").unwrap()).unwrap()
}

/// A chain with these endpoints, and little patience.
pub(crate) fn chain(chain_id: u64, urls: &[&str]) -> Chain {
    patient(chain_id, urls, Duration::from_secs(2))
}

/// What a sender is to do on such a chain.
pub(crate) fn config(chain: &Chain, chain_id: u64) -> Config {
    let identity = Identity {
        chain_id,
        account: chain.account(),
    };
    let ceilings = Ceilings {
        max_fee: Wei::from_gwei(50),
        max_priority_fee: Wei::from_gwei(5),
        max_cost_per_day: Wei::new(10_u128.pow(17)),
        max_gas: Gas::new(100_000),
    };
    Config::new(identity, call(0).to, ceilings)
}

/// A round of one checkpoint.
pub(crate) fn offer(root: u8) -> Offer {
    Offer {
        root: NodeHash::from_bytes([root; 32]),
        members: vec![Member {
            origin: OriginHash::of(&Origin::new("log.example").unwrap()),
            size: TreeSize::new(root.into()),
            checkpoint: [root; 32],
            leaf: NodeHash::from_bytes([root; 32]),
        }],
    }
}

pub(crate) fn anvil_chain(anvil: &Anvil) -> Chain {
    timeless(&[&anvil.url()], Duration::from_secs(20))
}

/// A development chain whose clock a test sets.
pub(crate) fn timeless(urls: &[&str], timeout: Duration) -> Chain {
    let endpoints = urls.iter().map(|url| url.parse::<Endpoint>().unwrap());
    let settings = Settings {
        timeout,
        max_head_age: None,
        ..Settings::new(endpoints.collect(), Anvil::CHAIN_ID)
    };
    Chain::new(settings, signer()).unwrap()
}

/// A chain whose blocks are final when so many are above them.
pub(crate) fn confirming(anvil: &Anvil, confirmations: u64) -> Chain {
    let mut settings = Settings::new(vec![anvil.url().parse().unwrap()], Anvil::CHAIN_ID);
    settings.timeout = Duration::from_secs(20);
    let count = std::num::NonZeroU64::new(confirmations).unwrap();
    settings.finality = Finality::Confirmations(count);
    Chain::new(settings, signer()).unwrap()
}

fn patient(chain_id: u64, urls: &[&str], timeout: Duration) -> Chain {
    let endpoints = urls.iter().map(|url| url.parse::<Endpoint>().unwrap());
    let mut settings = Settings::new(endpoints.collect(), chain_id);
    settings.timeout = timeout;
    Chain::new(settings, signer()).unwrap()
}

/// What anchors a root of this byte.
pub(crate) fn call(root: u8) -> Call {
    Call {
        to: Address::from_bytes([0xaa; 20]),
        calldata: Calldata {
            root: NodeHash::from_bytes([root; 32]),
        },
    }
}

pub(crate) fn unsigned(chain_id: u64, nonce: u64, root: u8) -> Unsigned {
    Unsigned {
        chain_id,
        nonce,
        max_priority_fee: Wei::from_gwei(1),
        max_fee: Wei::from_gwei(20),
        gas_limit: Gas::new(22_440),
        call: call(root),
    }
}

/// Signs, and gives hash and bytes.
pub(crate) async fn signed(chain: &Chain, unsigned: Unsigned) -> (TransactionHash, Vec<u8>) {
    match chain.carry_out(ChainRequest::Sign(unsigned)).await {
        ChainOutcome::Signed(bytes) => (unsigned.hash_signed(&bytes).unwrap(), bytes),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn send(chain: &Chain, signed: &(TransactionHash, Vec<u8>)) -> ChainOutcome {
    let (hash, bytes) = signed.clone();
    chain.carry_out(ChainRequest::Send { hash, bytes }).await
}

pub(crate) async fn sent(chain: &Chain, signed: &(TransactionHash, Vec<u8>)) -> Sent {
    match send(chain, signed).await {
        ChainOutcome::Sent(sent) => sent,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn observe(
    chain: &Chain,
    attempts: &[TransactionHash],
    anchored: &[Anchor],
) -> ChainOutcome {
    let request = ChainRequest::Observe {
        attempts: attempts.to_vec(),
        nonce: 0,
        anchored: anchored.to_vec(),
    };
    chain.carry_out(request).await
}

pub(crate) async fn observed(chain: &Chain, attempts: &[TransactionHash]) -> Observation {
    match observe(chain, attempts, &[]).await {
        ChainOutcome::Observed(observation) => observation,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn account(chain: &Chain) -> Account {
    match chain.carry_out(ChainRequest::ReadAccount(call(1))).await {
        ChainOutcome::Account(account) => account,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn capture(
    chain: &Chain,
    block: Block,
    transaction: TransactionHash,
) -> ChainOutcome {
    let request = ChainRequest::Capture { block, transaction };
    chain.carry_out(request).await
}

/// What a verifier says of it, under the hash of the block.
pub(crate) fn verifies(captured: &Captured, block: Block, chain_id: u64, root: u8) -> bool {
    let judgement = judged(captured, block, chain_id, root);
    let transaction = Transaction::parse(&captured.transaction).unwrap();
    judgement.checks.iter().all(|check| {
        check.outcome == Outcome::Passed
            || [CheckName::Checkpoint, CheckName::Time].contains(&check.name)
    }) && transaction.call.unwrap().data == call(root).calldata.encode()
}

/// What our verifier says of what was captured, but for the checkpoint and the time.
pub(crate) fn judged(captured: &Captured, block: Block, chain_id: u64, root: u8) -> Judgement {
    let path = counterfoil_ethereum::Path {
        index: LeafIndex::new(0),
        size: TreeSize::new(1),
        hashes: Vec::new(),
    };
    let record = captured.record(chain_id, path);
    verify(&Question {
        record: &record,
        checkpoint: None,
        block_hash: Some(block.hash),
        chain_id: Some(chain_id),
        destination: Some(call(root).to),
        at: None,
    })
}

/// Why it was not done.
pub(crate) fn not_done(outcome: ChainOutcome) -> String {
    match outcome {
        ChainOutcome::NotDone(why) => why,
        other => panic!("{other:?}"),
    }
}

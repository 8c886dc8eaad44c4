//! What the sender of Ethereum anchors asks of the chain, carried out over JSON-RPC; and the key that it signs with.
//!
//! | module | |
//! |---|---|
//! | `chain` | [`Chain`]: one request after another, each at one endpoint, the next where one is of no use |
//! | `endpoint` | [`Endpoint`]: where one is; its credentials are never shown |
//! | `failover` | which endpoint is asked, and which is set aside for a while |
//! | `head` | [`Head`]: whether an endpoint follows the chain |
//! | `agree` | whether the other endpoints contradict the one that shows the block in which a round is about to end |
//! | `session` | JSON-RPC: one request at one endpoint, bounded in time, length and depth |
//! | `block` | blocks, rebuilt from what an endpoint says of them and held to their hashes |
//! | `account`, `observe`, `nonce`, `capture`, `send` | the requests |
//! | `signer`, `keystore`, `password` | the account's key: in an encrypted file, or with a remote signer |
//!
//! Architecture invariant: nothing that can be recomputed is believed. A header has the hash that it was asked for; transactions and
//! receipts are under its roots; what a transaction cost and whether it succeeded follows from these; whose a transaction is follows
//! from its signature. What an endpoint alone says is: which block is the head, which is final, what an account has, its nonce, and
//! what gas costs; and which block stands at a number, where no other endpoint contradicts before a round ends in it.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod account;
mod agree;
mod block;
mod capture;
mod chain;
mod endpoint;
mod failover;
mod fault;
mod head;
mod keystore;
mod nonce;
mod observe;
mod password;
mod quantity;
mod send;
mod session;
mod signer;

pub use chain::{Chain, ChainError, Finality, MAX_ENDPOINTS, Settings};
pub use endpoint::{Endpoint, EndpointError};
pub use failover::{EndpointStatus, SetAside};
pub use head::Head;
pub use keystore::{KeystoreError, create as create_keystore};
pub use password::{Password, PasswordError};
pub use signer::{Signer, SignerError};

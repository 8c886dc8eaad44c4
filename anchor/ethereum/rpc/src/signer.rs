//! Who signs with the account's key: this process, with a key from an encrypted file, or a remote signer.

use core::fmt;
use core::time::Duration;
use std::path::Path;

use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_consensus::{EthereumTxEnvelope, TxEip4844};
use alloy_eips::Decodable2718 as _;
use counterfoil_ethereum::{Address, keccak256};
use counterfoil_ethereum_sender::{SignedError, Unsigned};
use counterfoil_service::client::Client;
use k256::ecdsa::SigningKey;
use serde::Deserialize;
use serde_json::json;

use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::keystore::{self, KeystoreError};
use crate::password::Password;
use crate::quantity::hex_number;
use crate::session::{SHORT, Session};

/// Why nothing was signed, or not what was to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The remote signer did not sign.
    #[error("the remote signer {endpoint}: {why}")]
    Remote {
        /// Where it is.
        endpoint: String,
        /// Why.
        why: String,
    },
    /// It signed something else.
    #[error("the signer gave back something else than it was asked for: {0}")]
    Changed(#[from] SignedError),
    /// The signature is none.
    #[error(
        "the signer gave back a signature that is none, or whose s is in the upper half (EIP-2): {0}"
    )]
    Signature(String),
    /// It signed with another key.
    #[error("expected a signature of the account {expected}, found one of {found}")]
    Account {
        /// Whose it must be.
        expected: Address,
        /// Whose it is.
        found: Address,
    },
}

/// Who signs.
#[derive(Clone)]
pub enum Signer {
    /// This process.
    Keystore(LocalKey),
    /// Somebody else, who is asked by `eth_signTransaction`.
    Remote {
        /// Where.
        endpoint: Endpoint,
        /// With the key of this account.
        account: Address,
    },
}

/// A private key in this process. It is wiped from memory when it goes.
#[derive(Clone)]
pub struct LocalKey(SigningKey);

/// What signers give back: the bytes, or the bytes and the fields.
#[derive(Deserialize)]
#[serde(untagged)]
enum Signed {
    Raw(String),
    Object { raw: String },
}

impl Signer {
    /// With the key in an encrypted file of mode 0600. Takes a second, and as much memory as the file says (256 MiB, as geth writes it).
    pub fn from_keystore(path: &Path, password: &Password) -> Result<Self, KeystoreError> {
        Ok(Self::Keystore(LocalKey(keystore::read(path, password)?)))
    }

    /// By a remote signer, with the key of this account.
    pub fn remote(endpoint: Endpoint, account: Address) -> Self {
        Self::Remote { endpoint, account }
    }

    /// Whose key it is.
    pub fn account(&self) -> Address {
        match self {
            Self::Keystore(LocalKey(key)) => keystore::address_of(key),
            Self::Remote { account, .. } => *account,
        }
    }

    /// Signs, and makes sure that what comes back is exactly these fields, signed by the account.
    pub(crate) async fn sign(
        &self,
        unsigned: &Unsigned,
        client: &Client,
        timeout: Duration,
    ) -> Result<Vec<u8>, SignerError> {
        let signed = match self {
            Self::Keystore(LocalKey(key)) => sign_here(key, unsigned)?,
            Self::Remote { endpoint, account } => {
                let session = Session::begin(client, endpoint, timeout);
                let answer = ask(&session, *account, unsigned).await;
                answer.map_err(|fault| SignerError::Remote {
                    endpoint: endpoint.to_string(),
                    why: fault.to_string(),
                })?
            }
        };
        check(unsigned, &signed, self.account())?;
        Ok(signed)
    }
}

/// The signature is RFC 6979's, with the lower s.
fn sign_here(key: &SigningKey, unsigned: &Unsigned) -> Result<Vec<u8>, SignerError> {
    let hash = keccak256(&unsigned.encode());
    let (signature, parity) = key
        .sign_prehash_recoverable(&hash)
        .map_err(|error| SignerError::Signature(error.to_string()))?;
    let (r, s) = signature.split_bytes();
    let parity = u64::from(parity.is_y_odd());
    Ok(unsigned.encode_signed(parity, &r, &s))
}

async fn ask(
    session: &Session<'_>,
    account: Address,
    unsigned: &Unsigned,
) -> Result<Vec<u8>, Fault> {
    const METHOD: &str = "eth_signTransaction";
    let wei = |number: u128| format!("{number:#x}");
    let transaction = json!({
        "type": "0x2",
        "from": account.to_string(),
        "chainId": hex_number(unsigned.chain_id),
        "nonce": hex_number(unsigned.nonce),
        "maxPriorityFeePerGas": wei(unsigned.max_priority_fee.get()),
        "maxFeePerGas": wei(unsigned.max_fee.get()),
        "gas": hex_number(unsigned.gas_limit.get()),
        "to": unsigned.call.to.to_string(),
        "value": "0x0",
        "data": format!("0x{}", hex::encode(unsigned.call.calldata.encode())),
        "accessList": [],
    });
    let signed = session.call(METHOD, json!([transaction]), SHORT).await?;
    let (Signed::Raw(text) | Signed::Object { raw: text }) = signed;
    let bytes = text
        .strip_prefix("0x")
        .and_then(|digits| hex::decode(digits).ok());
    bytes.ok_or_else(|| Fault::Malformed {
        method: METHOD,
        why: "expected the signed transaction as 0x and hexadecimal digits".to_owned(),
    })
}

/// These are the fields, and it is the account's signature.
fn check(unsigned: &Unsigned, signed: &[u8], account: Address) -> Result<(), SignerError> {
    unsigned.hash_signed(signed)?;
    let wrong = |error: &dyn fmt::Display| SignerError::Signature(error.to_string());
    let transaction = EthereumTxEnvelope::<TxEip4844>::decode_2718_exact(signed)
        .map_err(|error| wrong(&error))?;
    let found = transaction
        .recover_signer()
        .map_err(|error| wrong(&error))?;
    let found = Address::from_bytes(found.into_array());
    if found == account {
        Ok(())
    } else {
        let expected = account;
        Err(SignerError::Account { expected, found })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keystore(_) => write!(f, "Signer::Keystore({})", self.account()),
            Self::Remote { endpoint, account } => {
                write!(f, "Signer::Remote({endpoint}, {account})")
            }
        }
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalKey(...)")
    }
}

#[cfg(test)]
mod tests;

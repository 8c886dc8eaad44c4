//! The register of what is sent on a chain: its value is the sender's alone.

use bytes::Bytes;
use counterfoil_ethereum_sender::Outcome;
use counterfoil_store::{RegisterName, ReplaceError};

use super::Records;

/// Its name.
const REGISTER: &str = "ethereum/sender";

#[expect(clippy::expect_used, reason = "the name is one")]
fn register() -> RegisterName {
    RegisterName::new(REGISTER).expect("the name is one")
}

impl Records {
    /// Reads it.
    pub(crate) async fn sent(&self) -> Outcome {
        match self.heads.fetch(&register()).await {
            Ok(value) => Outcome::Fetched(value),
            Err(error) => Outcome::NotDone(error.to_string()),
        }
    }

    /// Replaces it, or creates it.
    pub(crate) async fn replace_sent(&self, old: Option<&Bytes>, new: Bytes) -> Outcome {
        let register = register();
        let replaced = match old {
            None => self.heads.create(&register, new).await,
            Some(old) => self.heads.replace(&register, old, new).await,
        };
        let is_conflict = |error: &ReplaceError| matches!(error, ReplaceError::Conflict { .. });
        match self.written(replaced, is_conflict) {
            Ok(()) => Outcome::Done,
            Err(ReplaceError::Conflict { .. }) => Outcome::Conflict,
            Err(error @ ReplaceError::NotDone { .. }) => Outcome::NotDone(error.to_string()),
            Err(error @ ReplaceError::Unknown { .. }) => Outcome::Unknown(error.to_string()),
        }
    }
}

//! Carries out the sequencer's operations against the stores and the signer, and maps every result to an outcome.

use std::sync::Arc;

use bytes::Bytes;
use counterfoil_sequencer::published::LogKeys;
use counterfoil_sequencer::{NewBlob, Outcome, Register, Request};
use counterfoil_store::{
    Blob, BlobName, BlobStore, DiscardError, HeadStore, PutError, ReadError, RegisterName,
    ReplaceError,
};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, assemble};
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::{KeyError, KeyRing, SigningKey, Vkey};

/// The register names of a log.
pub(crate) const HEAD: &str = "head";
/// See [`HEAD`].
pub(crate) const PUBLISHED: &str = "published";

/// The keys of a log and the origin they sign for.
pub struct LogSigner {
    origin: Origin,
    keys: Vec<SigningKey>,
    vkeys: Vec<Vkey>,
    ring: KeyRing,
}

impl std::fmt::Debug for LogSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSigner")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl LogSigner {
    /// A signer for the log that the keys are named after; the first should be the Ed25519 key.
    pub fn new(origin: Origin, keys: Vec<SigningKey>) -> Result<Self, KeyError> {
        let vkeys: Vec<Vkey> = keys.iter().map(|key| key.vkey().clone()).collect();
        let ring = KeyRing::new(vkeys.iter().cloned())?;
        Ok(Self {
            origin,
            keys,
            vkeys,
            ring,
        })
    }

    /// The origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The verifier keys.
    pub fn vkeys(&self) -> &[Vkey] {
        &self.vkeys
    }

    /// The same keys as the sequencer wants them.
    pub fn log_keys(&self) -> Result<LogKeys, KeyError> {
        LogKeys::new(self.vkeys.iter().cloned())
    }

    fn sign(&self, size: TreeSize, root: NodeHash) -> Result<Bytes, String> {
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root);
        let lines = self.keys.iter().map(|key| sign_as_log(key, &checkpoint));
        let lines = lines
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let note = assemble(&checkpoint, lines, &self.ring).map_err(|error| error.to_string())?;
        Ok(Bytes::copy_from_slice(note.as_bytes()))
    }
}

/// Where a log's bytes live, and who signs for it.
#[derive(Clone)]
pub struct Stores {
    /// Tiles, bundles, staged blobs, kept checkpoints.
    pub blobs: Arc<dyn BlobStore>,
    /// The head and the published checkpoint.
    pub heads: Arc<dyn HeadStore>,
}

impl Stores {
    /// Carries out one operation.
    pub(crate) async fn carry_out(&self, signer: &LogSigner, request: Request) -> Outcome {
        match request {
            Request::Fetch(register) => match self.heads.fetch(&register_name(register)).await {
                Ok(value) => Outcome::Fetched(value),
                Err(error) => read_failed(&error),
            },
            Request::Replace { register, old, new } => {
                let name = register_name(register);
                let result = match old {
                    Some(old) => self.heads.replace(&name, &old, new).await,
                    None => self.heads.create(&name, new).await,
                };
                match result {
                    Ok(()) => Outcome::Done,
                    Err(error @ ReplaceError::Conflict { .. }) => {
                        Outcome::Conflict(error.to_string())
                    }
                    Err(error @ ReplaceError::NotDone { .. }) => {
                        Outcome::NotDone(error.to_string())
                    }
                    Err(error @ ReplaceError::Unknown { .. }) => {
                        Outcome::Unknown(error.to_string())
                    }
                }
            }
            Request::Put(blobs) => self.put(blobs).await,
            Request::Read(names) => self.read(names).await,
            Request::List(prefix) => match self.blobs.list(&prefix).await {
                Ok(names) => {
                    Outcome::Listed(names.iter().map(|name| name.as_str().to_owned()).collect())
                }
                Err(error) => Outcome::NotDone(error.to_string()),
            },
            Request::Discard(names) => match names
                .iter()
                .map(|name| BlobName::new(name))
                .collect::<Result<Vec<_>, _>>()
            {
                Ok(names) => match self.blobs.discard(&names).await {
                    Ok(()) => Outcome::Done,
                    Err(error @ DiscardError::NotDone { .. }) => {
                        Outcome::NotDone(error.to_string())
                    }
                    Err(error @ DiscardError::Unknown { .. }) => {
                        Outcome::Unknown(error.to_string())
                    }
                },
                Err(error) => Outcome::NotDone(error.to_string()),
            },
            Request::Sign { size, root } => match signer.sign(size, root) {
                Ok(note) => Outcome::Signed(note),
                Err(reason) => Outcome::NotDone(reason),
            },
            Request::Cosign { .. } | Request::AskWitnesses { .. } => {
                Outcome::NotDone("this log has no witnesses".into())
            }
        }
    }

    async fn put(&self, blobs: Vec<NewBlob>) -> Outcome {
        let blobs = blobs
            .into_iter()
            .map(|blob| Ok(Blob::new(BlobName::new(&blob.name)?, blob.bytes)));
        let blobs = match blobs.collect::<Result<Vec<_>, counterfoil_store::NameError>>() {
            Ok(blobs) => blobs,
            Err(error) => return Outcome::NotDone(error.to_string()),
        };
        match self.blobs.put_new(&blobs).await {
            Ok(()) => Outcome::Done,
            Err(error @ PutError::Conflict { .. }) => Outcome::Conflict(error.to_string()),
            Err(error @ PutError::NotDone { .. }) => Outcome::NotDone(error.to_string()),
            Err(error @ PutError::Unknown { .. }) => Outcome::Unknown(error.to_string()),
        }
    }

    async fn read(&self, names: Vec<String>) -> Outcome {
        let mut blobs = Vec::with_capacity(names.len());
        for name in names {
            let blob = match BlobName::new(&name) {
                Ok(name) => self.blobs.get(&name).await,
                Err(error) => return Outcome::NotDone(error.to_string()),
            };
            match blob {
                Ok(blob) => blobs.push(blob),
                Err(error) => return read_failed(&error),
            }
        }
        Outcome::Read(blobs)
    }
}

fn read_failed(error: &ReadError) -> Outcome {
    match error {
        ReadError::Damaged { .. } => Outcome::Damaged(error.to_string()),
        ReadError::Failed { .. } => Outcome::NotDone(error.to_string()),
    }
}

/// The name of a register in the store.
pub(crate) fn register_name(register: Register) -> RegisterName {
    let name = match register {
        Register::Head => HEAD,
        Register::Published => PUBLISHED,
    };
    // Both names are constants of the allowed form; the test below holds them to it.
    RegisterName::new(name).unwrap_or_else(|_| unreachable!("{name} is a register name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_register_names_are_allowed() {
        assert_eq!(register_name(Register::Head).as_str(), "head");
        assert_eq!(register_name(Register::Published).as_str(), "published");
    }
}

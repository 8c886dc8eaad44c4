//! What was found to be signed, so that it is not verified again: thousands of tokens share a chain, and what speaks of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;

use crate::algorithm::{self, AlgorithmIdentifier, SignatureError};

/// Most signatures that are remembered, of 32 bytes each; beyond that all are forgotten. The chains of some hundred authorities.
const MAX_KNOWN: usize = 4_096;

/// Good signatures of certificates, lists of revoked certificates and OCSP answers. It changes what a judgement costs, and nothing of what it
/// comes to: only what is the same in key, algorithm, message and signature is known again. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Known(Arc<Mutex<HashSet<[u8; 32]>>>);

/// What is known is no part of anything's value.
impl PartialEq for Known {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Known {}

impl Known {
    /// Verifies a signature over a message by the key in `spki`, unless that was found good before.
    pub(crate) fn verify(
        &self,
        spki: &[u8],
        algorithm: &AlgorithmIdentifier,
        message: &[u8],
        signed: &[u8],
    ) -> Result<(), SignatureError> {
        let name = name(spki, algorithm, message, signed);
        if self.lock().contains(&name) {
            return Ok(());
        }
        algorithm::verify(spki, algorithm, None, message, signed)?;
        let mut known = self.lock();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(name);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SHA-256 of all that decides, each part behind its length.
fn name(spki: &[u8], algorithm: &AlgorithmIdentifier, message: &[u8], signed: &[u8]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    let oid = algorithm.oid.as_str().as_bytes();
    for part in [spki, oid, &algorithm.parameters, message, signed] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut name = [0; 32];
    name.copy_from_slice(context.finish().as_ref());
    name
}

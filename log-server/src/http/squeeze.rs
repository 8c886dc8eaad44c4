//! Entry bundles in gzip, kept so that each is compressed once.

use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use counterfoil_tiles::tile::BundleId;
use flate2::Compression;
use flate2::write::GzEncoder;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use crate::log::Resource;

/// Memory of compressed bundles, for each log.
const CACHE_BYTES: u64 = 16 << 20;

/// Compressed bundles of one log.
pub(super) struct Squeezed {
    kept: Cache<BundleId, Kept, ByLength>,
    /// A bundle can have 16 MiB: however many ask, no more are compressed at once than there are processors.
    at_work: Arc<Semaphore>,
}

/// What was found for a bundle.
#[derive(Clone)]
struct Kept {
    /// The tag of the bundle that was compressed.
    of: Bytes,
    /// `None` if it does not become smaller by a tenth: hashes, say.
    squeezed: Option<Resource>,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<BundleId, Kept> for ByLength {
    fn weight(&self, _: &BundleId, kept: &Kept) -> u64 {
        let bytes = kept
            .squeezed
            .as_ref()
            .map_or(0, |resource| resource.bytes().len());
        // Beside the bytes: the key, the tags and the cache's own.
        bytes as u64 + 256
    }
}

impl Default for Squeezed {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            // The number of bundles is only a first guess.
            kept: Cache::with_weighter(1024, CACHE_BYTES, ByLength),
            at_work: Arc::new(Semaphore::new(processors)),
        }
    }
}

impl Squeezed {
    /// The bundle in gzip, if that is worth it.
    pub(super) async fn squeeze(&self, id: BundleId, bundle: &Resource) -> Option<Resource> {
        let kept = || self.kept.get(&id).filter(|kept| kept.of == bundle.tag());
        if let Some(kept) = kept() {
            return kept.squeezed;
        }
        // It is never closed.
        let turn = Arc::clone(&self.at_work).acquire_owned().await.ok()?;
        if let Some(kept) = kept() {
            return kept.squeezed;
        }
        let bytes = bundle.bytes().clone();
        // Megabytes take long enough to keep others waiting. The turn goes along, so that it lasts as long as the work where
        // nobody waits for that any more, and else until the next can find what came of it.
        let work = move || (gzip(&bytes), turn);
        let (squeezed, _turn) = tokio::task::spawn_blocking(work).await.ok()?;
        let kept = Kept {
            of: bundle.tag().clone(),
            squeezed: squeezed.map(Resource::new),
        };
        self.kept.insert(id, kept.clone());
        kept.squeezed
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    let squeezed = encoder.finish().ok()?;
    (squeezed.len() < bytes.len() - bytes.len() / 10).then(|| Bytes::from(squeezed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_are_compressed_at_once_than_there_are_processors() {
        let squeezed = Squeezed::default();
        let id = BundleId::new(0, 256).unwrap();
        let bundle = Resource::new(Bytes::from(vec![7; 1 << 20]));
        let many = (0..64).map(|_| squeezed.squeeze(id, &bundle));
        let mut answers: Vec<*const u8> = futures_util::future::join_all(many)
            .await
            .into_iter()
            .map(|answer| answer.unwrap().bytes().as_ptr())
            .collect();
        answers.sort_unstable();
        answers.dedup();
        // Those who came first, one on each processor, and those who find what they kept.
        let processors = std::thread::available_parallelism().unwrap().get();
        assert!(answers.len() <= processors, "{} times", answers.len());
    }
}

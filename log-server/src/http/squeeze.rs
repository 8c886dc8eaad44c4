//! Entry bundles in gzip, kept so that each is compressed once.

use std::io::Write;

use bytes::Bytes;
use counterfoil_tiles::tile::BundleId;
use flate2::Compression;
use flate2::write::GzEncoder;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::log::Resource;

/// Memory of compressed bundles, for each log.
const CACHE_BYTES: u64 = 16 << 20;

/// Compressed bundles of one log.
pub(super) struct Squeezed(Cache<BundleId, Kept, ByLength>);

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
        // The number of bundles is only a first guess.
        Self(Cache::with_weighter(1024, CACHE_BYTES, ByLength))
    }
}

impl Squeezed {
    /// The bundle in gzip, if that is worth it.
    pub(super) async fn squeeze(&self, id: BundleId, bundle: &Resource) -> Option<Resource> {
        if let Some(kept) = self.0.get(&id).filter(|kept| kept.of == bundle.tag()) {
            return kept.squeezed;
        }
        let bytes = bundle.bytes().clone();
        // Megabytes take long enough to keep others waiting.
        let squeezed = tokio::task::spawn_blocking(move || gzip(&bytes))
            .await
            .ok()
            .flatten();
        let kept = Kept {
            of: bundle.tag().clone(),
            squeezed: squeezed.map(Resource::new),
        };
        self.0.insert(id, kept.clone());
        kept.squeezed
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    let squeezed = encoder.finish().ok()?;
    (squeezed.len() < bytes.len() - bytes.len() / 10).then(|| Bytes::from(squeezed))
}

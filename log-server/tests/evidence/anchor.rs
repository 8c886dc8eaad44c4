//! An anchor that serves what it is told to, over a real socket; its tokens are real.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use counterfoil_dev_tsa::{DevTsa, Options};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::names::{CheckpointHash, Named, Place};
use counterfoil_evidence::record::TokenRecord;
use counterfoil_rfc3161::Token;
use counterfoil_tiles::checkpoint::{Checkpoint, OriginHash};
use counterfoil_tiles::note::Note;

/// How it answers everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Honest,
    Html,
    Error,
    Silent,
    Endless,
}

#[derive(Clone)]
pub(crate) struct FakeAnchor {
    pub(crate) url: String,
    pub(crate) blobs: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    pub(crate) mood: Mood,
}

impl FakeAnchor {
    /// Below a path, as behind a proxy.
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/below", listener.local_addr().unwrap());
        let anchor = Self {
            url,
            blobs: Arc::default(),
            mood,
        };
        let serves = anchor.clone();
        let router = Router::new().fallback(async move |uri: Uri| serves.answer(&uri).await);
        tokio::spawn(async move { axum::serve(listener, router).await });
        anchor
    }

    async fn answer(&self, uri: &Uri) -> Response {
        match self.mood {
            Mood::Honest => {}
            Mood::Html => return "<html>\n".into_response(),
            Mood::Error => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Mood::Silent => std::future::pending().await,
            Mood::Endless => return vec![b'1'; 1 << 20].into_response(),
        }
        let path = uri.path().strip_prefix("/below/").unwrap();
        let blobs = self.blobs.lock().unwrap();
        if let Some(blob) = blobs.get(path) {
            return blob.clone().into_response();
        }
        let within = |blob: &String| {
            let rest = blob.strip_prefix(path)?.strip_prefix('/')?;
            rest.split('/').next().map(ToOwned::to_owned)
        };
        let lines: BTreeSet<String> = blobs.keys().filter_map(within).collect();
        if lines.is_empty() {
            return StatusCode::NOT_FOUND.into_response();
        }
        let mut lines: Vec<String> = lines.into_iter().collect();
        lines.sort_by_key(|line| line.parse::<u64>().ok());
        let query = uri.query().unwrap_or_default();
        if let Some(after) = query.strip_prefix("after=") {
            let after: u64 = after.parse().unwrap();
            lines.retain(|line| line.parse::<u64>().unwrap() > after);
        }
        if let Some(last) = query.strip_prefix("last=") {
            let last: usize = last.parse().unwrap();
            lines = lines.split_off(lines.len().saturating_sub(last));
        }
        let text: String = lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        text.into_response()
    }

    pub(crate) fn put(&self, path: String, bytes: impl Into<Vec<u8>>) {
        self.blobs.lock().unwrap().insert(path, bytes.into());
    }

    /// Keeps a checkpoint where the log with this origin would look for it, and a token over it.
    pub(crate) fn anchors(&self, origin: OriginHash, checkpoint: &[u8], authority: &Authority) {
        let note = Note::parse(checkpoint).unwrap();
        let place = Place {
            origin,
            size: Checkpoint::parse(note.text()).unwrap().size(),
            checkpoint: CheckpointHash::of(checkpoint),
        };
        self.put(place.path(&Named::Checkpoint), checkpoint);
        let name = format!("rfc3161-{}", authority.name).parse().unwrap();
        let record = authority.record(checkpoint).encode().unwrap();
        self.put(place.path(&Named::Record(name)), record);
    }
}

pub(crate) struct Authority {
    name: &'static str,
    tsa: DevTsa,
}

impl Authority {
    pub(crate) async fn start(name: &'static str) -> Self {
        let options = Options {
            name: name.to_owned(),
            ..Options::default()
        };
        let tsa = DevTsa::start(options).await.unwrap();
        Self { name, tsa }
    }

    pub(crate) fn record(&self, checkpoint: &[u8]) -> TokenRecord {
        let token = self.tsa.stamp(checkpoint).unwrap();
        let time = Token::parse(&token).unwrap().info().gen_time;
        let time = Moment::from_seconds(u64::try_from(time.seconds()).unwrap());
        let chain = [self.tsa.signer(), self.tsa.intermediate(), self.tsa.root()];
        TokenRecord {
            authority: self.name.parse().unwrap(),
            url: self.tsa.tsr_url(),
            checkpoint: checkpoint.to_vec(),
            token,
            certificates: chain.map(<[u8]>::to_vec).to_vec(),
            gen_time: time,
            received: time,
            revocation: Vec::new(),
        }
    }
}

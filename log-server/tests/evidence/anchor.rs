//! An anchor that serves what it is told to, over a real socket; its tokens are real.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use counterfoil_tiles::checkpoint::OriginHash;

use crate::kept::{Authority, Blobs, keep, listed};

/// How it answers everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Honest,
    Html,
    Error,
    Silent,
    Endless,
    /// Honest, but each answer takes this long.
    Slow(Duration),
}

#[derive(Clone)]
pub(crate) struct FakeAnchor {
    pub(crate) url: String,
    pub(crate) blobs: Arc<Mutex<Blobs>>,
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

    /// As the log shows it.
    pub(crate) fn shown(&self) -> String {
        format!("{}/", self.url)
    }

    async fn answer(&self, uri: &Uri) -> Response {
        match self.mood {
            Mood::Honest => {}
            Mood::Slow(time) => tokio::time::sleep(time).await,
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
        match listed(&blobs, path, uri.query().unwrap_or_default()) {
            Some(lines) => lines.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// Keeps a checkpoint where the log with this origin would look for it, and a token over it.
    pub(crate) fn anchors(&self, origin: OriginHash, checkpoint: &[u8], authority: &Authority) {
        keep(
            &mut self.blobs.lock().unwrap(),
            origin,
            checkpoint,
            authority,
        );
    }
}

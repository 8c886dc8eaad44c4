//! Another authority for development, of which OpenSSL does everything: keys, certificates, tokens, CRLs and OCSP.
//!
//! `openssl ts -reply` has no server, so this is one. It shares nothing with the other authority but the HTTP, and so its
//! tokens are a second opinion of what a token is.
//!
//! ```text
//! POST /tsr            openssl ts -reply
//! POST /root/ocsp      openssl ocsp -index          and /intermediate/ocsp; GET …/ocsp/BASE64
//! GET  /root.crl       openssl ca -gencrl           and /intermediate.crl
//! GET  /root.cer       the certificates             and /intermediate.cer, /root.pem
//! ```

mod directory;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use crate::front::{self, Answer, Front, Question, Site};
use crate::site::{CERTIFICATE, CRL, OCSP_RESPONSE, PEM, QUERY, REPLY, ocsp_in_path};
use directory::{Authority, MAX_NAME, POLICY};
use hyper::{Method, StatusCode};

/// What authority to start.
#[derive(Debug, Clone)]
pub struct OpensslOptions {
    /// Where its keys and certificates are kept, and made on the first start; a temporary directory if `None`.
    pub directory: Option<PathBuf>,
    /// Where it listens; port 0 finds one.
    pub listen: SocketAddr,
    /// Under which URL its certificates say that it is reached, without a slash at the end; `http://` and the address that
    /// it listens on if `None`.
    pub public_url: Option<String>,
    /// Part of all names in its certificates.
    pub name: String,
}

impl Default for OpensslOptions {
    /// A free port of the loopback address, and keys that go away with it.
    fn default() -> Self {
        Self {
            directory: None,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            public_url: None,
            name: "openssl".to_owned(),
        }
    }
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpensslError {
    /// The address cannot be listened on.
    #[error("listen {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The name or the URL cannot stand in OpenSSL's configuration.
    #[error(
        "{0:?}: expected a name of 1 to {MAX_NAME} letters, digits, spaces, points or hyphens, and a URL without spaces, quotes, commas, # or $"
    )]
    Text(String),
    /// There is no OpenSSL.
    #[error("openssl cannot be run: {0}; install OpenSSL 3 and have it in PATH")]
    Absent(io::Error),
    /// OpenSSL refuses.
    #[error("openssl {command}: {said}")]
    Refused {
        /// What it was to do.
        command: String,
        /// What it said.
        said: String,
    },
    /// A certificate is of another key.
    #[error(
        "{0}.pem is of another key than {0}.key: restore the one that belongs to the other, or start in another directory"
    )]
    OtherKey(&'static str),
    /// A file cannot be read or written.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The work was cut off.
    #[error("keys and certificates were not made: {0}")]
    Cut(String),
}

/// An authority for development that is OpenSSL, until it is stopped or dropped.
#[derive(Debug)]
pub struct OpensslTsa {
    authority: Arc<Authority>,
    url: String,
    address: SocketAddr,
    front: Front,
}

impl OpensslTsa {
    /// Starts it. Its keys and certificates are made if its directory has none yet.
    pub async fn start(options: OpensslOptions) -> Result<Self, OpensslError> {
        let address = options.listen;
        let (listener, address) = front::listen(address)
            .await
            .map_err(|source| OpensslError::Listen { address, source })?;
        let url = options
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"));
        let at = url.clone();
        let authority = tokio::task::spawn_blocking(move || Authority::open(&options, &at))
            .await
            .map_err(|error| OpensslError::Cut(error.to_string()))??;
        let authority = Arc::new(authority);
        tracing::warn!(
            %url,
            "DEVELOPMENT ONLY time-stamping authority of OpenSSL: its tokens prove nothing, never trust its root elsewhere"
        );
        Ok(Self {
            front: Front::serve(listener, Arc::clone(&authority)),
            authority,
            url,
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it takes requests for time-stamps.
    pub fn tsr_url(&self) -> String {
        format!("{}/tsr", self.url)
    }

    /// The policy of its tokens, as numbers with points between.
    pub fn policy(&self) -> String {
        POLICY.to_owned()
    }

    /// Its root's certificate, in PEM.
    pub fn root_pem(&self) -> &str {
        &self.authority.root_pem
    }

    /// Stops it; connections are cut.
    pub async fn stop(self) {
        self.front.stop().await;
    }
}

impl Authority {
    fn answer(&self, question: &Question) -> Answer {
        let path = question.path.as_str();
        let (content_type, answered) = match (&question.method, path) {
            (&Method::POST, "/tsr") if question.content_type.as_deref() == Some(QUERY) => {
                (REPLY, self.tsr(&question.body))
            }
            (&Method::POST, "/tsr") => {
                return Answer::text(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "expected content-type application/timestamp-query",
                );
            }
            (&Method::GET, "/root.pem") => (PEM, Ok(self.root_pem.clone().into_bytes())),
            (&Method::GET, "/root.cer") => (CERTIFICATE, self.certificate("root")),
            (&Method::GET, "/intermediate.cer") => (CERTIFICATE, self.certificate("intermediate")),
            (&Method::GET, "/root.crl") => (CRL, self.crl("root")),
            (&Method::GET, "/intermediate.crl") => (CRL, self.crl("intermediate")),
            (&Method::POST, "/root/ocsp") => (OCSP_RESPONSE, self.ocsp("root", &question.body)),
            (&Method::POST, "/intermediate/ocsp") => {
                (OCSP_RESPONSE, self.ocsp("intermediate", &question.body))
            }
            (&Method::GET, "/") => {
                return Answer::text(
                    StatusCode::OK,
                    "DEVELOPMENT ONLY: a time-stamping authority of OpenSSL's. Its time-stamps prove nothing.\n\
                     POST /tsr; GET /root.pem",
                );
            }
            (&Method::GET, _) => match ocsp_by_get(path) {
                Some((issuer, request)) => (OCSP_RESPONSE, self.ocsp(issuer, &request)),
                None => return Answer::text(StatusCode::NOT_FOUND, "nothing is here"),
            },
            _ => return Answer::text(StatusCode::NOT_FOUND, "nothing is here"),
        };
        match answered {
            Ok(body) => Answer::ok(content_type, body),
            Err(error) => {
                tracing::error!(%error, "DEVELOPMENT ONLY time-stamping authority of OpenSSL: no answer");
                Answer::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
            }
        }
    }
}

impl Site for Authority {
    async fn answer(self: Arc<Self>, question: Question) -> Answer {
        let answered = tokio::task::spawn_blocking(move || Self::answer(&self, &question)).await;
        answered.unwrap_or_else(|error| {
            Answer::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        })
    }
}

/// The issuer and the request of `GET /ISSUER/ocsp/BASE64`.
fn ocsp_by_get(path: &str) -> Option<(&'static str, Vec<u8>)> {
    ["root", "intermediate"].into_iter().find_map(|issuer| {
        let rest = path.strip_prefix('/')?.strip_prefix(issuer)?;
        Some((issuer, ocsp_in_path(rest)?))
    })
}

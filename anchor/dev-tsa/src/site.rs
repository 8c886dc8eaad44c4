//! What the authority serves over HTTP.
//!
//! | | |
//! |---|---|
//! | `POST /tsr` | RFC 3161, section 3.4 |
//! | `POST /ocsp`, `GET /ocsp/<base64>` | RFC 6960, appendix A |
//! | `GET /root.crl`, `/intermediate.crl` | lists of revoked certificates |
//! | `GET /root.cer`, `/intermediate.cer` | certificates, in DER |
//! | `GET /root.pem` | the root, in PEM |
//! | `GET /behaviour`, `PUT /behaviour` | the name of the behaviour |
//! | `GET /` | a page that says what this is |

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::{Method, StatusCode};

use crate::authority::{AnswerError, Authority, Issuer};
use crate::behaviour::Behaviour;
use crate::front::{Answer, Question, Site};
use crate::oid;

pub(crate) const QUERY: &str = "application/timestamp-query";
pub(crate) const REPLY: &str = "application/timestamp-reply";
pub(crate) const OCSP_RESPONSE: &str = "application/ocsp-response";
pub(crate) const CRL: &str = "application/pkix-crl";
pub(crate) const CERTIFICATE: &str = "application/pkix-cert";
pub(crate) const PEM: &str = "application/x-pem-file";
const HTML: &str = "text/html; charset=utf-8";

impl Site for Authority {
    async fn answer(self: Arc<Self>, question: Question) -> Answer {
        let path = question.path.as_str();
        match (&question.method, path) {
            (&Method::POST, "/tsr") => stamp(self, question).await,
            (&Method::POST, "/ocsp") => self.answer_ocsp(&question.body),
            (&Method::GET, "/root.crl") => self.answer_crl(Issuer::Root),
            (&Method::GET, "/intermediate.crl") => self.answer_crl(Issuer::Intermediate),
            (&Method::GET, "/root.cer") => {
                Answer::ok(CERTIFICATE, self.hierarchy().root.der.clone())
            }
            (&Method::GET, "/intermediate.cer") => {
                Answer::ok(CERTIFICATE, self.hierarchy().intermediate.der.clone())
            }
            (&Method::GET, "/root.pem") => Answer::ok(PEM, self.hierarchy().root_pem()),
            (&Method::GET, "/behaviour") => {
                Answer::text(StatusCode::OK, &self.behaviour().to_string())
            }
            // PUT, because a page of another origin cannot send it without asking first.
            (&Method::PUT, "/behaviour") => self.change_behaviour(&question.body),
            (&Method::GET, "/") => Answer::ok(HTML, self.page()),
            (&Method::GET, _) if path.starts_with("/ocsp/") => match ocsp_in_path(path) {
                Some(request) => self.answer_ocsp(&request),
                None => Answer::text(
                    StatusCode::BAD_REQUEST,
                    "expected GET /ocsp/ and then an OCSP request in base64",
                ),
            },
            _ => Answer::text(
                StatusCode::NOT_FOUND,
                "nothing is here: GET / lists what is",
            ),
        }
    }
}

impl Authority {
    fn answer_crl(&self, issuer: Issuer) -> Answer {
        if self.behaviour() == Behaviour::NoRevocationData {
            return withheld();
        }
        answer(CRL, self.crl(issuer))
    }

    fn answer_ocsp(&self, request: &[u8]) -> Answer {
        if self.behaviour() == Behaviour::NoRevocationData {
            return withheld();
        }
        answer(OCSP_RESPONSE, self.ocsp(request))
    }

    fn change_behaviour(&self, body: &[u8]) -> Answer {
        let Ok(text) = std::str::from_utf8(body) else {
            return Answer::text(StatusCode::BAD_REQUEST, "expected the name of a behaviour");
        };
        match text.trim_end().parse::<Behaviour>() {
            Ok(behaviour) => {
                self.behave(behaviour);
                tracing::warn!(%behaviour, "DEVELOPMENT ONLY time-stamping authority: behaves from now on");
                Answer::text(StatusCode::OK, &behaviour.to_string())
            }
            Err(error) => Answer::text(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }

    fn page(&self) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>DEVELOPMENT ONLY</title>\n\
             <body style=\"font: 1rem/1.5 sans-serif; margin: 2rem; border: .5rem solid #c00; padding: 1rem\">\n\
             <h1 style=\"color: #c00\">DEVELOPMENT ONLY</h1>\n\
             <p><strong>The time-stamps of this authority prove nothing.</strong> Its keys lie on this machine, its clock is\n\
             nobody's, and it misbehaves when told to. Never trust its root outside of a test or a demonstration.</p>\n\
             <p>It behaves: <code>{}</code> (<code>PUT /behaviour</code> changes it: {}).\n\
             Its policy: <code>{}</code>.</p>\n\
             <ul><li><code>POST /tsr</code>: RFC 3161</li><li><code>POST /ocsp</code>, <code>GET /ocsp/…</code></li>\n\
             <li><a href=\"/root.pem\">/root.pem</a>, <a href=\"/root.cer\">/root.cer</a>, <a href=\"/intermediate.cer\">/intermediate.cer</a></li>\n\
             <li><a href=\"/root.crl\">/root.crl</a>, <a href=\"/intermediate.crl\">/intermediate.crl</a></li></ul></body></html>\n",
            self.behaviour(),
            Behaviour::NAMES.join(", "),
            oid::text(oid::POLICY),
        )
    }
}

/// Answers a request for a time-stamp.
async fn stamp(authority: Arc<Authority>, question: Question) -> Answer {
    if question.content_type.as_deref() != Some(QUERY) {
        return Answer::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected content-type application/timestamp-query",
        );
    }
    let behaviour = authority.behaviour();
    match behaviour {
        Behaviour::Down => return Answer::Close,
        Behaviour::Unavailable => {
            return Answer::text(
                StatusCode::SERVICE_UNAVAILABLE,
                "DEVELOPMENT ONLY: the authority was told to be unavailable",
            );
        }
        Behaviour::Html => {
            return Answer::ok(
                HTML,
                "<!DOCTYPE html>\n<title>Sign in</title><h1>Sign in to the network</h1>\n",
            );
        }
        Behaviour::Huge(length) => {
            return Answer::Long {
                content_type: REPLY,
                start: start_of_huge(length),
                length,
            };
        }
        Behaviour::Slow(time) => tokio::time::sleep(time).await,
        _ => {}
    }
    // Signing takes milliseconds, and a new chain of RSA keys seconds.
    let answered = tokio::task::spawn_blocking(move || authority.respond(&question.body)).await;
    tracing::info!(%behaviour, "DEVELOPMENT ONLY time-stamping authority: answered a request");
    match answered {
        Ok(answered) => answer(REPLY, answered),
        Err(error) => Answer::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// The tag and the length of a SEQUENCE that fills the body, as a parser would believe it.
fn start_of_huge(length: u64) -> Bytes {
    let content = u32::try_from(length.saturating_sub(6)).unwrap_or(u32::MAX);
    let mut start = vec![0x30, 0x84];
    start.extend_from_slice(&content.to_be_bytes());
    start.into()
}

fn withheld() -> Answer {
    Answer::text(
        StatusCode::SERVICE_UNAVAILABLE,
        "DEVELOPMENT ONLY: the authority was told to withhold revocation data",
    )
}

fn answer(content_type: &'static str, answered: Result<Vec<u8>, AnswerError>) -> Answer {
    match answered {
        Ok(der) => Answer::ok(content_type, der),
        Err(error) => {
            tracing::error!(%error, "DEVELOPMENT ONLY time-stamping authority: no answer");
            Answer::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        }
    }
}

/// The request of `GET /ocsp/BASE64`, whose `+`, `/` and `=` may be percent-encoded.
pub(crate) fn ocsp_in_path(path: &str) -> Option<Vec<u8>> {
    let mut base64 = path.strip_prefix("/ocsp/")?.to_owned();
    for (encoded, plain) in [
        ("%2B", "+"),
        ("%2b", "+"),
        ("%2F", "/"),
        ("%2f", "/"),
        ("%3D", "="),
        ("%3d", "="),
    ] {
        base64 = base64.replace(encoded, plain);
    }
    STANDARD.decode(base64).ok()
}

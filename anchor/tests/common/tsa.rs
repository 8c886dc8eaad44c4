//! Time-stamping authorities over real sockets whose tokens are JSON, and what judges those: the worker's own part is tried
//! with them. Real tokens are tried in `rfc3161.rs`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use counterfoil_anchor::judge::{
    Fault, GoodToken, Judge, Nonce, RecordJudge, Rejection, RevocationStatus, Root, Source, Told,
};
use counterfoil_anchor::moment::{self, Moment, timestamp};
use counterfoil_anchor::record::{RevocationKind, TokenRecord};
use counterfoil_anchor::tsa::{Tsa, TsaOptions};
use counterfoil_rfc3161::RevocationReason;
use counterfoil_service::client::{Client, ClientOptions};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What an authority does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Does {
    Right,
    Hangs,
    ClosesHalfway,
    Busy,
    Html,
    Refuses,
    WrongNonce,
    OtherData,
    Untrusted,
    OldToken,
    FromTheFuture,
    HundredMegabytes,
    BreaksTheJudge,
}

#[derive(Debug, Serialize, Deserialize)]
struct Query {
    nonce: [u8; 16],
    sha256: [u8; 32],
}

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    by: String,
    nonce: [u8; 16],
    sha256: [u8; 32],
    gen_time: u64,
    /// What it is signed with.
    key: String,
}

struct Shared {
    name: String,
    does: Mutex<Does>,
    key: Mutex<String>,
    /// How many lists its certificate names.
    lists: Mutex<usize>,
    asked: Mutex<u32>,
    listed: Mutex<u32>,
    /// Its lists are never answered.
    lists_hang: Mutex<bool>,
    /// Its list is in a directory alone.
    ldap: Mutex<bool>,
    /// What its list of revoked certificates says: a JSON [`Crl`].
    crl: Mutex<Option<Crl>>,
}

/// A list of revoked certificates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Crl {
    pub(crate) this_update: u64,
    pub(crate) next_update: Option<u64>,
    pub(crate) revoked: bool,
    /// On hold since after every token.
    pub(crate) held: bool,
    /// Makes it large.
    pub(crate) padding: String,
}

impl Crl {
    /// Issued at this time, and nothing is revoked.
    pub(crate) fn good(this_update: u64) -> Self {
        Self {
            this_update,
            next_update: None,
            revoked: false,
            held: false,
            padding: String::new(),
        }
    }
}

/// An authority.
pub(crate) struct FakeTsa {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FakeTsa {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeTsa {
    pub(crate) async fn start(name: &str) -> Self {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            does: Mutex::new(Does::Right),
            key: Mutex::new(format!("key of {name}")),
            lists: Mutex::new(1),
            asked: Mutex::new(0),
            listed: Mutex::new(0),
            lists_hang: Mutex::new(false),
            ldap: Mutex::new(false),
            crl: Mutex::new(None),
        });
        let (state, lists) = (Arc::clone(&shared), Arc::clone(&shared));
        let stamp = move |headers: HeaderMap, body: Bytes| {
            let state = Arc::clone(&state);
            async move { answer(&state, &headers, &body).await }
        };
        let crl = move || {
            *lists.listed.lock().unwrap() += 1;
            let crl = lists.crl.lock().unwrap().clone();
            let hang = *lists.lists_hang.lock().unwrap();
            async move {
                if hang {
                    std::future::pending::<()>().await;
                }
                match crl {
                    Some(crl) => serde_json::to_vec(&crl).unwrap().into_response(),
                    None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                }
            }
        };
        let router = Router::new()
            .route("/tsr", post(stamp))
            .route("/crl", get(crl));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { url, shared, task }
    }

    pub(crate) fn does(&self, does: Does) {
        *self.shared.does.lock().unwrap() = does;
    }

    /// Its certificate names so many lists, which all say the same.
    pub(crate) fn names_lists(&self, count: usize) {
        *self.shared.lists.lock().unwrap() = count;
    }

    /// Its lists are not answered any more.
    pub(crate) fn hangs_lists(&self) {
        *self.shared.lists_hang.lock().unwrap() = true;
    }

    /// Its certificate names a list in a directory, and no other.
    pub(crate) fn names_a_directory(&self) {
        *self.shared.ldap.lock().unwrap() = true;
    }

    /// It signs with this key, which may be another's.
    pub(crate) fn signs_with(&self, key: &str) {
        key.clone_into(&mut self.shared.key.lock().unwrap());
    }

    pub(crate) fn publishes(&self, crl: Crl) {
        *self.shared.crl.lock().unwrap() = Some(crl);
    }

    /// How often it was asked for a token.
    pub(crate) fn asked(&self) -> u32 {
        *self.shared.asked.lock().unwrap()
    }

    /// How often its list was fetched.
    pub(crate) fn listed(&self) -> u32 {
        *self.shared.listed.lock().unwrap()
    }

    /// What judges its tokens.
    pub(crate) fn judge(&self) -> Arc<dyn Judge> {
        Arc::new(FakeJudge {
            trusted: self.shared.name.clone(),
            lists: if *self.shared.ldap.lock().unwrap() {
                vec!["ldap://ca.example/cn=ca".to_owned()]
            } else {
                (0..*self.shared.lists.lock().unwrap())
                    .map(|number| format!("{}crl?{number}", self.url))
                    .collect()
            },
        })
    }

    /// As the anchor knows it; answers are waited for so long.
    pub(crate) fn tsa(&self, deadline: Duration) -> Tsa {
        let judge = self.judge();
        let options = TsaOptions {
            deadline,
            ..TsaOptions::default()
        };
        let name = self.shared.name.parse().unwrap();
        let url = format!("{}tsr", self.url).parse().unwrap();
        let client = Client::new(&ClientOptions::default()).unwrap();
        Tsa::new(name, url, judge, client, options)
    }
}

async fn answer(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Response {
    const HOUR: u64 = 3_600_000;
    *shared.asked.lock().unwrap() += 1;
    let does = *shared.does.lock().unwrap();
    if headers
        .get("content-type")
        .map(axum::http::HeaderValue::as_bytes)
        != Some(b"application/timestamp-query")
    {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let query: Query = serde_json::from_slice(body).unwrap();
    let mut token = Token {
        by: shared.name.clone(),
        nonce: query.nonce,
        sha256: query.sha256,
        gen_time: moment::now().millis(),
        key: shared.key.lock().unwrap().clone(),
    };
    match does {
        Does::Right => {}
        Does::Hangs => std::future::pending().await,
        Does::ClosesHalfway => {
            let start: Result<Bytes, std::io::Error> = Ok(Bytes::from_static(b"{"));
            let end = Err(std::io::Error::other("closed"));
            let body = Body::from_stream(futures_util::stream::iter([start, end]));
            return ([("content-length", "100")], body).into_response();
        }
        Does::Busy => {
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                [("retry-after", "7")],
                "come back",
            )
                .into_response();
        }
        Does::Html => {
            return (
                [("content-type", "text/html")],
                "<html><body>Welcome\nto the portal",
            )
                .into_response();
        }
        Does::Refuses => return "refused".into_response(),
        Does::BreaksTheJudge => return "break".into_response(),
        Does::WrongNonce => token.nonce[0] ^= 1,
        Does::OtherData => token.sha256[0] ^= 1,
        Does::Untrusted => "another".clone_into(&mut token.by),
        Does::OldToken => token.gen_time -= HOUR,
        Does::FromTheFuture => token.gen_time += HOUR,
        Does::HundredMegabytes => {
            let megabyte = Bytes::from(vec![b'{'; 1 << 20]);
            let all = (0..100).map(move |_| Ok::<_, std::io::Error>(megabyte.clone()));
            return Body::from_stream(futures_util::stream::iter(all)).into_response();
        }
    }
    let kind = [("content-type", "application/timestamp-reply")];
    (kind, serde_json::to_vec(&token).unwrap()).into_response()
}

/// Judges tokens of [`FakeTsa`].
#[derive(Debug)]
struct FakeJudge {
    trusted: String,
    lists: Vec<String>,
}

impl Judge for FakeJudge {
    fn roots(&self) -> Vec<Root> {
        vec![Root {
            key: Sha256::digest(&self.trusted).into(),
            subject: self.trusted.clone(),
        }]
    }

    fn request(&self, data: &[u8], nonce: &Nonce) -> Vec<u8> {
        let query = Query {
            nonce: nonce.0,
            sha256: Sha256::digest(data).into(),
        };
        serde_json::to_vec(&query).unwrap()
    }

    fn judge(&self, answer: &[u8], data: &[u8], nonce: &Nonce) -> Result<GoodToken, Rejection> {
        assert_ne!(answer, b"break", "a mistake in the judge");
        if answer == b"refused" {
            return rejected(Fault::Refused, "systemFailure".to_owned());
        }
        let token: Token = match serde_json::from_slice(answer) {
            Ok(token) => token,
            Err(error) => return rejected(Fault::NotAResponse, error.to_string()),
        };
        let expected: [u8; 32] = Sha256::digest(data).into();
        if token.sha256 != expected {
            return rejected(Fault::OtherData, "other data".to_owned());
        }
        if token.nonce != nonce.0 {
            return rejected(Fault::WrongNonce, "another nonce".to_owned());
        }
        if token.by != self.trusted {
            return rejected(Fault::Untrusted, token.by);
        }
        Ok(self.good(answer, &token))
    }

    fn kept(&self, record: &TokenRecord) -> Result<GoodToken, Rejection> {
        let token = read(record)?;
        if token.by != self.trusted {
            return rejected(Fault::Untrusted, token.by);
        }
        Ok(self.good(&record.token, &token))
    }
}

fn rejected<T>(fault: Fault, reason: String) -> Result<T, Rejection> {
    Err(Rejection { fault, reason })
}

/// The token of a record, which covers its checkpoint.
fn read(record: &TokenRecord) -> Result<Token, Rejection> {
    let token: Token = match serde_json::from_slice(&record.token) {
        Ok(token) => token,
        Err(error) => return rejected(Fault::Invalid, error.to_string()),
    };
    let expected: [u8; 32] = Sha256::digest(&record.checkpoint).into();
    if token.sha256 != expected || token.gen_time != record.gen_time.millis() {
        return rejected(Fault::OtherData, "other data".to_owned());
    }
    Ok(token)
}

impl FakeJudge {
    fn good(&self, bytes: &[u8], token: &Token) -> GoodToken {
        let gen_time = Moment::from_millis(token.gen_time);
        GoodToken {
            token: bytes.to_vec(),
            gen_time,
            earliest: gen_time,
            latest: gen_time,
            // The signer's certificate names its lists.
            chain: vec![self.lists.join(" ").into_bytes(), b"root".to_vec()],
            keys: vec![Sha256::digest(&token.key).into()],
        }
    }
}

/// Judges what is kept of [`FakeTsa`].
#[derive(Debug)]
pub(crate) struct FakeRecordJudge;

impl RecordJudge for FakeRecordJudge {
    fn token(&self, record: &TokenRecord) -> Result<(), Rejection> {
        read(record).map(drop)
    }

    fn sources(&self, chain: &[Vec<u8>]) -> Vec<Source> {
        let source = |url: &str| Source {
            certificate: 0,
            kind: RevocationKind::Crl,
            url: url.to_owned(),
            request: Vec::new(),
        };
        let lists = str::from_utf8(&chain[0]).unwrap();
        let fetched = lists.split(' ').filter(|list| list.starts_with("http"));
        fetched.map(source).collect()
    }

    fn nothing_to_fetch(&self, chain: &[Vec<u8>], certificate: usize) -> Option<String> {
        let list = str::from_utf8(&chain[certificate]).unwrap();
        list.starts_with("ldap").then(|| list.to_owned())
    }

    fn revocation(
        &self,
        _: &[Vec<u8>],
        _: usize,
        _: RevocationKind,
        data: &[u8],
        gen_time: Moment,
    ) -> Told {
        let crl: Crl = match serde_json::from_slice(data) {
            Ok(crl) => crl,
            Err(error) => {
                return Told {
                    status: RevocationStatus::Nothing(error.to_string()),
                    as_of: None,
                };
            }
        };
        let time = |millis| timestamp(Moment::from_millis(millis));
        let next = crl.next_update.map(time);
        let status = if crl.revoked {
            RevocationStatus::Revoked {
                at: timestamp(gen_time),
                reason: RevocationReason::KeyCompromise,
            }
        } else if Moment::from_millis(crl.this_update) < gen_time {
            RevocationStatus::TooOld { next }
        } else if crl.held {
            let at = timestamp(gen_time);
            RevocationStatus::OnHold { at, next }
        } else {
            RevocationStatus::Good
        };
        Told {
            status,
            as_of: Some(time(crl.this_update)),
        }
    }
}

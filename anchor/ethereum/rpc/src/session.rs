//! JSON-RPC 2.0 over HTTP: one request of the sender at one endpoint, bounded in time, length and depth.
//!
//! ```text
//! POST <url>                                                     200
//! {"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}    {"jsonrpc":"2.0","id":7,"result":"0x1"}
//! ```

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use counterfoil_service::client::{Call, CallError, Client, Sent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::fault::{Fault, Quoted};
use crate::quantity::Short;

/// The longest answer but for a block's transactions and receipts.
pub(crate) const SHORT: usize = 1 << 20;

/// The longest answer with one transaction or receipt, which have at most 4 MiB in evidence.
pub(crate) const MIDDLING: usize = 8 << 20;

/// The longest answer with all transactions or receipts of a block. A receipt of 1.6 MB is known, and JSON takes three times as much.
pub(crate) const LONG: usize = 64 << 20;

/// A call may take a sixth of what a request takes.
const CALLS: u32 = 6;

const JSON: &str = "application/json";

/// Numbers the calls of this process: an answer names the call that it answers.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// One request of the sender at one endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session<'a> {
    client: &'a Client,
    endpoint: &'a Endpoint,
    timeout: Duration,
    ends: Instant,
}

/// An answer: that there is no other field than these is not asked for.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
    #[serde(default)]
    message: String,
}

/// A `null` is a result, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Session<'a> {
    /// Begins a request, each of whose calls may take so long.
    pub(crate) fn begin(client: &'a Client, endpoint: &'a Endpoint, timeout: Duration) -> Self {
        let ends = Instant::now()
            .checked_add(timeout.saturating_mul(CALLS))
            .unwrap_or_else(Instant::now);
        Self {
            client,
            endpoint,
            timeout,
            ends,
        }
    }

    /// The endpoint is of this chain.
    pub(crate) async fn check_chain(&self, expected: u64) -> Result<(), Fault> {
        let Short(found) = self.call("eth_chainId", json!([]), SHORT).await?;
        if found == expected {
            Ok(())
        } else {
            Err(Fault::WrongChain(found))
        }
    }

    /// Calls a method.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
        limit: usize,
    ) -> Result<T, Fault> {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let left = self.ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let why = format!(
                "not asked: the request took {} s already",
                self.timeout.saturating_mul(CALLS).as_secs()
            );
            return Err(Fault::NotDelivered { method, why });
        }
        let call = Call {
            sent: Sent::Post {
                body: body.to_string().into(),
                content_type: Some(JSON),
            },
            url: self.endpoint.secret(),
            accept: Some(JSON),
            deadline: self.timeout.min(left),
            limit,
        };
        let answer = self.client.call(call).await.map_err(|error| {
            let why = error.to_string();
            match error {
                CallError::NotReached(_) | CallError::Setup(_) => {
                    Fault::NotDelivered { method, why }
                }
                _ => Fault::NoAnswer { method, why },
            }
        })?;
        self.read(method, id, answer.status, &answer.body)
    }

    /// Words of the endpoint, as they may be shown.
    pub(crate) fn quoted(&self, said: impl AsRef<[u8]>) -> Quoted {
        Quoted::new(self.endpoint, said.as_ref())
    }

    /// Reads an answer.
    fn read<T: DeserializeOwned>(
        &self,
        method: &'static str,
        id: u64,
        status: u16,
        body: &[u8],
    ) -> Result<T, Fault> {
        let is_success = (200..300).contains(&status);
        let malformed = |why: String| Fault::Malformed { method, why };
        let answer: Answer<'_> = match serde_json::from_slice(body) {
            Ok(answer) => answer,
            Err(error) if is_success => {
                let (why, found) = (self.quoted(error.to_string()), self.quoted(body));
                return Err(malformed(format!(
                    "expected an answer of JSON-RPC: {why}; found {found}"
                )));
            }
            Err(_) => return Err(self.refused(method, status, body)),
        };
        match answer {
            // Of what could not be read an error says no number.
            Answer {
                error: Some(error), ..
            } => Err(Fault::Error {
                method,
                code: error.code,
                message: self.quoted(&error.message),
            }),
            _ if !is_success => Err(self.refused(method, status, body)),
            Answer { id: found, .. } if found != Some(id) => Err(malformed(format!(
                "expected the answer to call {id}, found {}",
                found.map_or_else(
                    || "none of a number".to_owned(),
                    |found| format!("that to {found}")
                )
            ))),
            Answer {
                result: Some(result),
                ..
            } => serde_json::from_str(result.get()).map_err(|error| {
                let (why, found) = (self.quoted(error.to_string()), self.quoted(result.get()));
                malformed(format!("{why}; found {found}"))
            }),
            Answer { .. } => Err(malformed(format!(
                "expected a result or an error, found {}",
                self.quoted(body)
            ))),
        }
    }

    /// An HTTP status that is no success, without an error of JSON-RPC. Below 500 the server says that it did nothing.
    fn refused(&self, method: &'static str, status: u16, body: &[u8]) -> Fault {
        let why = format!(
            "expected the HTTP status 200, found {status}: {}",
            self.quoted(body)
        );
        if status < 500 {
            Fault::NotDelivered { method, why }
        } else {
            Fault::NoAnswer { method, why }
        }
    }
}

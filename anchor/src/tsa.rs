//! Asking a time-stamping authority for a token, over HTTP (RFC 3161, section 3.4).
//!
//! ```text
//! POST <url>                                          200
//! Content-Type: application/timestamp-query           Content-Type: application/timestamp-reply
//! TimeStampReq, DER                                   TimeStampResp, DER
//! ```
//!
//! Whatever an authority does wrong has a name ([`Misbehaviour`]), and keeps nobody else from being asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil_service::client::{Answer, Call, CallError, Client, Sent};
use url::Url;

use crate::beside::beside;
use crate::judge::{Fault, GoodToken, Judge, Nonce, Rejection};
use crate::moment::Moment;
use crate::names::AuthorityName;
use crate::public_url::public_url;

/// The longest answer that is read. A token with its certificates has 3 to 8 KB; some have lists of revoked ones in them.
pub const MAX_ANSWER: usize = counterfoil_rfc3161::MAX_RESPONSE_SIZE;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";

/// How much of a wrong answer is shown.
const SHOWN: usize = 60;

/// A time-stamping authority.
#[derive(Clone)]
pub struct Tsa {
    name: AuthorityName,
    url: Url,
    judge: Arc<dyn Judge>,
    client: Client,
    options: TsaOptions,
}

/// Without credentials that its URL may hold.
impl fmt::Debug for Tsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tsa")
            .field("name", &self.name)
            .field("url", &self.public_url())
            .finish_non_exhaustive()
    }
}

/// How an authority is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TsaOptions {
    /// How long an answer may take.
    pub deadline: Duration,
    /// How far its clock and ours may be apart, beyond the token's own accuracy.
    pub clock_tolerance: Duration,
}

impl Default for TsaOptions {
    /// 30 seconds for an answer: some authorities queue. A minute between the clocks: more is worth an alarm.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            clock_tolerance: Duration::from_mins(1),
        }
    }
}

/// What an authority does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Misbehaviour {
    /// No connection.
    Down,
    /// No whole answer in time.
    Slow,
    /// The connection broke.
    Broken,
    /// An answer that is too long.
    TooLong,
    /// An HTTP status that is not 200.
    Status,
    /// Not a time-stamp response: a page of HTML, say.
    NotAResponse,
    /// It refuses.
    Rejects,
    /// The nonce is another or missing.
    WrongNonce,
    /// The token covers other data.
    OtherData,
    /// A policy that is not allowed.
    WrongPolicy,
    /// No path to a configured root, or no certificate of the signer.
    Untrusted,
    /// A signature that is not over the token, or not by the signer's key.
    BadSignature,
    /// A certificate that may not be used so, or not then: expired, or not for time-stamping alone.
    BadCertificate,
    /// Another fault of the token.
    Invalid,
    /// One of its certificates is revoked.
    Revoked,
    /// Another authority has vouched with its signer's key: they count as one.
    SameKey,
    /// The token was made before it was asked for.
    Stale,
    /// The token was made later than now.
    Future,
}

impl Misbehaviour {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Down,
        Self::Slow,
        Self::Broken,
        Self::TooLong,
        Self::Status,
        Self::NotAResponse,
        Self::Rejects,
        Self::WrongNonce,
        Self::OtherData,
        Self::WrongPolicy,
        Self::Untrusted,
        Self::BadSignature,
        Self::BadCertificate,
        Self::Invalid,
        Self::Revoked,
        Self::SameKey,
        Self::Stale,
        Self::Future,
    ];

    /// Whether it may pass by itself: nothing came that could be judged.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Down | Self::Slow | Self::Broken | Self::Status | Self::Rejects
        )
    }

    /// Its name, in metrics and status.
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Broken => "broken",
            Self::TooLong => "too-long",
            Self::Status => "status",
            Self::NotAResponse => "not-a-response",
            Self::Rejects => "rejects",
            Self::WrongNonce => "wrong-nonce",
            Self::OtherData => "other-data",
            Self::WrongPolicy => "wrong-policy",
            Self::Untrusted => "untrusted",
            Self::BadSignature => "bad-signature",
            Self::BadCertificate => "bad-certificate",
            Self::Invalid => "invalid",
            Self::Revoked => "revoked",
            Self::SameKey => "same-key",
            Self::Stale => "stale",
            Self::Future => "future",
        }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<Fault> for Misbehaviour {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotAResponse => Self::NotAResponse,
            Fault::Refused => Self::Rejects,
            Fault::WrongNonce => Self::WrongNonce,
            Fault::OtherData => Self::OtherData,
            Fault::WrongPolicy => Self::WrongPolicy,
            Fault::Untrusted => Self::Untrusted,
            Fault::BadSignature => Self::BadSignature,
            Fault::BadCertificate => Self::BadCertificate,
            Fault::Invalid => Self::Invalid,
        }
    }
}

/// Why there is no token that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{misbehaviour}: {reason}")]
pub struct StampError {
    /// What the authority did wrong.
    pub misbehaviour: Misbehaviour,
    /// In words.
    pub reason: String,
    /// When it wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl StampError {
    pub(crate) fn new(misbehaviour: Misbehaviour, reason: impl Into<String>) -> Self {
        Self {
            misbehaviour,
            reason: reason.into(),
            retry_after: None,
        }
    }
}

impl Tsa {
    /// An authority.
    pub fn new(
        name: AuthorityName,
        url: Url,
        judge: Arc<dyn Judge>,
        client: Client,
        options: TsaOptions,
    ) -> Self {
        Self {
            name,
            url,
            judge,
            client,
            options,
        }
    }

    /// What the configuration calls it.
    pub fn name(&self) -> &AuthorityName {
        &self.name
    }

    /// Its address, without the credentials that may stand in it.
    pub fn public_url(&self) -> String {
        public_url(&self.url)
    }

    /// What judges its tokens.
    pub fn judge(&self) -> &Arc<dyn Judge> {
        &self.judge
    }

    /// Asks for a token over these bytes. `clock` is looked at before and after.
    pub async fn stamp(
        &self,
        data: &[u8],
        clock: impl Fn() -> Moment,
    ) -> Result<GoodToken, StampError> {
        let nonce = Nonce(rand::random());
        let request = Bytes::from(self.judge.request(data, &nonce));
        let sent = clock();
        let answer = self.ask(request).await?;
        let received = clock();
        let (judge, body) = (Arc::clone(&self.judge), answer.body.clone());
        let data = data.to_vec();
        let token = beside(move || judge.judge(&body, &data, &nonce)).await;
        let token = token.map_err(|rejection| not_good(&answer, rejection))?;
        check_time(&token, sent, received, self.options.clock_tolerance)?;
        Ok(token)
    }

    async fn ask(&self, request: Bytes) -> Result<Answer, StampError> {
        let call = Call {
            sent: Sent::Post {
                body: request,
                content_type: Some(QUERY),
            },
            url: self.url.as_str(),
            accept: Some(REPLY),
            deadline: self.options.deadline,
            limit: MAX_ANSWER,
        };
        let answer = self.client.call(call).await.map_err(|error| {
            let misbehaviour = match &error {
                CallError::NotReached(_) => Misbehaviour::Down,
                CallError::Deadline(_) => Misbehaviour::Slow,
                CallError::TooLarge { .. } => Misbehaviour::TooLong,
                _ => Misbehaviour::Broken,
            };
            StampError::new(misbehaviour, error.to_string())
        })?;
        if answer.status != 200 {
            return Err(StampError {
                misbehaviour: Misbehaviour::Status,
                reason: format!("the authority answers {}{}", answer.status, shown(&answer)),
                retry_after: answer.retry_after,
            });
        }
        Ok(answer)
    }
}

/// What is wrong with an answer; where it is none, also what it is instead.
fn not_good(answer: &Answer, rejection: Rejection) -> StampError {
    let Rejection { fault, reason } = rejection;
    let reason = match fault {
        Fault::NotAResponse => format!("expected {REPLY}, got{}: {reason}", shown(answer)),
        _ => reason,
    };
    StampError::new(fault.into(), reason)
}

/// The content type of an answer, and how it begins if it is text.
fn shown(answer: &Answer) -> String {
    let kind = answer.content_type.as_deref().unwrap_or("no content type");
    let kind: String = kind
        .chars()
        .filter(|letter| !letter.is_control())
        .take(SHOWN)
        .collect();
    let size = answer.body.len();
    let start = answer.body.get(..SHOWN.min(size)).unwrap_or_default();
    let text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    if size > 0 && start.iter().all(text) {
        let start = String::from_utf8_lossy(start).replace(['\r', '\n', '\t'], " ");
        format!(" {kind} ({size} bytes: {start:?})")
    } else {
        format!(" {kind} ({size} bytes)")
    }
}

/// The token must have been made between the request and its answer, as far as the two clocks can tell.
fn check_time(
    token: &GoodToken,
    sent: Moment,
    received: Moment,
    tolerance: Duration,
) -> Result<(), StampError> {
    if token.latest.after(tolerance) < sent {
        let ago = sent.since(token.gen_time).as_secs();
        return Err(StampError::new(
            Misbehaviour::Stale,
            format!(
                "the token's time ({}) is {ago} s before it was asked for ({sent}): it is an old one, or one of the two clocks is wrong",
                token.gen_time
            ),
        ));
    }
    if received.after(tolerance) < token.earliest {
        let ahead = token.gen_time.since(received).as_secs();
        return Err(StampError::new(
            Misbehaviour::Future,
            format!(
                "the token's time ({}) is {ahead} s after it came ({received}): one of the two clocks is wrong",
                token.gen_time
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_was_made_between_the_request_and_its_answer() {
        let minute = Duration::from_mins(1);
        let (sent, received) = (1_000_000, 1_002_000);
        let rows = [
            ("when it was sent", sent, 0, None),
            ("when it came", received, 0, None),
            ("a minute before", sent - 60_000, 0, None),
            (
                "more than a minute before",
                sent - 60_001,
                0,
                Some(Misbehaviour::Stale),
            ),
            ("so much, within its accuracy", sent - 61_000, 1_000, None),
            ("a minute after", received + 60_000, 0, None),
            (
                "more than a minute after",
                received + 60_001,
                0,
                Some(Misbehaviour::Future),
            ),
            (
                "so much, within its accuracy",
                received + 61_000,
                1_000,
                None,
            ),
            (
                "an hour before",
                sent - 3_600_000 / 4,
                0,
                Some(Misbehaviour::Stale),
            ),
        ];
        for (name, gen_time, accuracy, expected) in rows {
            let token = GoodToken {
                token: Vec::new(),
                gen_time: Moment::from_millis(gen_time),
                earliest: Moment::from_millis(gen_time - accuracy),
                latest: Moment::from_millis(gen_time + accuracy),
                chain: Vec::new(),
                keys: Vec::new(),
            };
            let sent = Moment::from_millis(sent);
            let checked = check_time(&token, sent, Moment::from_millis(received), minute);
            let got = checked.err().map(|error| error.misbehaviour);
            assert_eq!(got, expected, "{name}");
        }
    }

    #[test]
    fn each_name_is_another() {
        let mut words: Vec<&str> = Misbehaviour::ALL.map(Misbehaviour::word).into();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Misbehaviour::ALL.len());
    }
}

//! A node of an Ethereum chain, the user's own, by its JSON-RPC: which block is final under a number.

use std::time::Duration;

use counterfoil_ethereum::BlockHash;
use counterfoil_evidence::blocks::{Named, Says, chain_words};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::exit::Failure;

/// A connection is made within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer is whole within this.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read. A header has about 2 KB in JSON, and the hashes of a block's transactions 70 bytes each.
const MAX_ANSWER: usize = 4 << 20;

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    http: reqwest::Client,
    url: Url,
    /// Its chain, once it told.
    chain_id: Option<u64>,
    /// The number of its last final block, once it told.
    finalized: Option<u64>,
}

/// What is read of a block.
#[derive(Debug, Deserialize)]
struct Block {
    number: Quantity,
    hash: String,
}

/// A number as JSON-RPC of Ethereum has it: `0x`, and hexadecimal without leading zeros.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Quantity(u64);

impl TryFrom<String> for Quantity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix("0x");
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number
            .filter(|number| format!("{number:#x}") == text)
            .map(Self)
            .ok_or_else(|| format!("expected a number such as 0x1b4, got {text:?}"))
    }
}

/// An answer of JSON-RPC 2.0.
#[derive(Debug, Deserialize)]
struct Reply {
    jsonrpc: String,
    id: u64,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<Refused>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    code: i64,
    message: String,
}

/// A `null` that is there is a result.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

impl Node {
    pub(super) fn new(url: &Url) -> Result<Self, Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::usage(format!(
                "--eth-rpc: expected a URL of http or https, got {}",
                url.scheme()
            )));
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("counterfoil/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::usage(format!("no HTTP client can be made: {error}")))?;
        Ok(Self {
            http,
            url: url.clone(),
            chain_id: None,
            finalized: None,
        })
    }

    /// What results call it: without what may be a secret in its URL.
    pub(super) fn words(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}"));
        let host = self.url.host_str().unwrap_or_default();
        format!("the node {host}{}", port.unwrap_or_default())
    }

    /// What it says of a block.
    pub(super) async fn says(&mut self, about: &Named) -> Says {
        let does_not_tell = |why: String| format!("does not tell: {why}");
        let chain_id = match self.chain_id().await {
            Ok(chain_id) => chain_id,
            Err(why) => return Says::NothingOfChain(does_not_tell(why)),
        };
        if chain_id != about.chain_id {
            return Says::NothingOfChain(format!(
                "is of {}, not of {}",
                chain_words(chain_id),
                chain_words(about.chain_id)
            ));
        }
        self.look(about)
            .await
            .unwrap_or_else(|why| Says::Nothing(does_not_tell(why)))
    }

    /// What it says of a block of its chain.
    async fn look(&mut self, about: &Named) -> Result<Says, String> {
        let finalized = self.finalized().await?;
        let number = about.number;
        let Some((found, hash)) = self.block(&format!("{number:#x}")).await? else {
            return Ok(Says::Nothing(format!("does not have block {number}")));
        };
        if found != number {
            return Err(format!("asked for block {number}, it gave block {found}"));
        }
        let has = format!("has block {number} as {hash}");
        let another = format!("{has}, not as {}", about.hash);
        Ok(match (number > finalized, hash == about.hash) {
            (false, true) => Says::Trusted,
            (false, false) => Says::Another(another),
            // Until it is final, the chain may have either.
            (true, is_it) => {
                let has = if is_it { has } else { another };
                Says::Nothing(format!(
                    "{has}, but finalized is only block {finalized}: ask again later"
                ))
            }
        })
    }

    async fn chain_id(&mut self) -> Result<u64, String> {
        if let Some(known) = self.chain_id {
            return Ok(known);
        }
        let chain = self.call("eth_chainId", json!([])).await?;
        let chain: Quantity = serde_json::from_value(chain).map_err(|error| error.to_string())?;
        Ok(*self.chain_id.insert(chain.0))
    }

    async fn finalized(&mut self) -> Result<u64, String> {
        if let Some(known) = self.finalized {
            return Ok(known);
        }
        let finalized = self.block("finalized").await?;
        let (number, _) = finalized.ok_or("it names no finalized block")?;
        Ok(*self.finalized.insert(number))
    }

    /// The number and hash of a block; none if the node has none there.
    async fn block(&self, which: &str) -> Result<Option<(u64, BlockHash)>, String> {
        let value = self
            .call("eth_getBlockByNumber", json!([which, false]))
            .await?;
        if value.is_null() {
            return Ok(None);
        }
        let block: Block = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let hash = block.hash.parse().map_err(|error| format!("{error}"))?;
        Ok(Some((block.number.0, hash)))
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        const ID: u64 = 1;
        let request = json!({"jsonrpc": "2.0", "id": ID, "method": method, "params": params});
        let failed = |error: reqwest::Error| format!("{method}: {}", error.without_url());
        let request = self.http.post(self.url.clone()).json(&request);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("{method}: HTTP status {status}"));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(format!(
                    "{method}: an answer of more than {MAX_ANSWER} bytes"
                ));
            }
            body.extend_from_slice(&chunk);
        }
        let reply: Reply =
            serde_json::from_slice(&body).map_err(|error| format!("{method}: {error}"))?;
        if reply.jsonrpc != "2.0" || reply.id != ID {
            return Err(format!(
                "{method}: no answer of JSON-RPC 2.0 to this request"
            ));
        }
        match (reply.result, reply.error) {
            (Some(result), None) => Ok(result),
            (_, Some(Refused { code, message })) => {
                let message: String = message.chars().take(200).collect();
                Err(format!("{method}: {code} {}", message.escape_debug()))
            }
            (None, None) => Err(format!("{method}: neither a result nor an error")),
        }
    }
}

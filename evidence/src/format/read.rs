//! Reading evidence: JSON, then each part, with the place of whatever is wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_ethereum::{self as ethereum, Record};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize};
use counterfoil_tiles::receipt::Receipt;

use super::{
    Anchor, Entry, Evidence, EvidenceError, FORMAT, Known, MAX_EVIDENCE_SIZE, MAX_KIND,
    TokenAnchor, UnknownAnchor,
};
use crate::json::{Path, Value, shown};
use crate::moment::Moment;
use crate::names::AnchorKind;
use crate::record::{Revocation, RevocationKind};

impl Evidence {
    /// Reads evidence. White space between the values may be any that JSON allows; all else has one spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > MAX_EVIDENCE_SIZE {
            return Err(EvidenceError::TooLong(bytes.len()));
        }
        let value = Value::parse(bytes).map_err(|error| EvidenceError::Json(error.to_string()))?;
        let mut object = Object::new(value, Path::Root)?;
        // First of all, so that a later version is named as such, whatever else it has changed.
        match object.value("format")? {
            Value::String(format) if format == FORMAT => {}
            other => return Err(EvidenceError::Format(other.shown())),
        }
        if object.optional("renewal").is_some() {
            return Err(EvidenceError::Renewed);
        }
        let entry = object.part("entry", entry)?;
        let receipt = Receipt::parse(object.part("receipt", text)?.as_bytes())?;
        let policy = object.part("policy", text)?;
        let anchors = object.part("anchors", |value, path| list(value, path, anchor))?;
        object.end("format, entry, receipt, policy and anchors")?;
        let evidence = Self {
            entry,
            receipt,
            policy,
            anchors,
        };
        evidence.check()?;
        Ok(evidence)
    }
}

fn entry(value: Value, path: Path<'_>) -> Result<Entry, EvidenceError> {
    let mut object = Object::new(value, path)?;
    let leaf_hash = LeafHash::from_bytes(object.part("leaf_hash", sha256)?);
    let digest = object.optional_part("digest", sha256)?;
    let contents = object.optional_part("contents", bytes)?;
    object.end("leaf_hash, and one of digest and contents")?;
    let entry = match (digest, contents) {
        (None, None) => return Ok(Entry::of_leaf_hash(leaf_hash)),
        (Some(digest), None) => Entry::of_digest(digest),
        (None, Some(contents)) => Entry::of_contents(contents),
        (Some(_), Some(_)) => {
            return Err(EvidenceError::part(
                path,
                "digest or contents or neither",
                "both",
            ));
        }
    };
    if entry.leaf_hash != leaf_hash {
        let what = match entry.known {
            Known::Digest(_) => "digest",
            _ => "contents",
        };
        return Err(EvidenceError::part(
            Path::Key(&path, "leaf_hash"),
            format!(
                "the leaf hash of {what}, {}",
                hex::encode(entry.leaf_hash.as_bytes())
            ),
            hex::encode(leaf_hash.as_bytes()),
        ));
    }
    Ok(entry)
}

fn anchor(value: Value, path: Path<'_>) -> Result<Anchor, EvidenceError> {
    let mut object = Object::new(value, path)?;
    let kind = object.part("kind", kind)?;
    match AnchorKind::named(&kind) {
        Some(AnchorKind::Rfc3161) => token(object).map(Anchor::Token),
        Some(AnchorKind::Ethereum) => block(object).map(Anchor::Block),
        None => {
            let value = Value::Object(object.all("kind", &kind));
            Ok(Anchor::Unknown(UnknownAnchor { kind, value }))
        }
    }
}

fn token(mut object: Object<'_>) -> Result<TokenAnchor, EvidenceError> {
    let anchor = TokenAnchor {
        authority: object.part("authority", |value, path| {
            let name = text(value, path)?;
            let expected = "the name of an authority, 1 to 40 of a-z, 0-9 and - between them";
            name.parse()
                .map_err(|_| EvidenceError::part(path, expected, shown(&name)))
        })?,
        url: object.part("url", text)?,
        token: object.part("token", bytes)?,
        certificates: object.part("certificates", |value, path| list(value, path, bytes))?,
        received: object.part("received", time)?,
        revocation: object.part("revocation", |value, path| list(value, path, revocation))?,
    };
    object.end("kind, authority, url, token, certificates, received and revocation")?;
    Ok(anchor)
}

fn block(mut object: Object<'_>) -> Result<Record, EvidenceError> {
    let nodes = |value, path: Path<'_>| list(value, path, bytes);
    let block = Record {
        chain_id: object.part("chain_id", number)?,
        header: object.part("header", bytes)?,
        index: object.part("index", number)?,
        transaction: object.part("transaction", bytes)?,
        transaction_proof: object.part("transaction_proof", nodes)?,
        receipt: object.part("receipt", bytes)?,
        receipt_proof: object.part("receipt_proof", nodes)?,
        path: object.part("path", |value, path| {
            let mut object = Object::new(value, path)?;
            let hash = |value, path: Path<'_>| sha256(value, path).map(NodeHash::from_bytes);
            let read = ethereum::Path {
                index: LeafIndex::new(object.part("index", number)?),
                size: TreeSize::new(object.part("size", number)?),
                hashes: object.part("hashes", |value, path| list(value, path, hash))?,
            };
            object.end("index, size and hashes")?;
            Ok(read)
        })?,
    };
    object.end("kind, chain_id, header, index, transaction, transaction_proof, receipt, receipt_proof and path")?;
    Ok(block)
}

fn kind(value: Value, path: Path<'_>) -> Result<String, EvidenceError> {
    let kind = text(value, path)?;
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=MAX_KIND).contains(&kind.len()) && kind.bytes().all(letter) {
        return Ok(kind);
    }
    let expected = format!("the name of a kind, 1 to {MAX_KIND} of a-z, 0-9 and -");
    Err(EvidenceError::part(path, expected, shown(&kind)))
}

fn revocation(value: Value, path: Path<'_>) -> Result<Revocation, EvidenceError> {
    let mut object = Object::new(value, path)?;
    let revocation = Revocation {
        kind: object.part("kind", |value, path| match &*text(value, path)? {
            "crl" => Ok(RevocationKind::Crl),
            "ocsp" => Ok(RevocationKind::Ocsp),
            other => Err(EvidenceError::part(
                path,
                "\"crl\" or \"ocsp\"",
                shown(other),
            )),
        })?,
        certificate: object.part("certificate", sha256)?,
        url: object.part("url", text)?,
        fetched: object.part("fetched", time)?,
        data: object.part("data", bytes)?,
    };
    object.end("kind, certificate, url, fetched and data")?;
    Ok(revocation)
}

fn text(value: Value, path: Path<'_>) -> Result<String, EvidenceError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(EvidenceError::part(path, "a string", other.shown())),
    }
}

fn bytes(value: Value, path: Path<'_>) -> Result<Vec<u8>, EvidenceError> {
    let text = text(value, path)?;
    // The engine takes canonical base64 only: padded, and no bits set that no byte uses.
    STANDARD.decode(&text).map_err(|_| {
        let expected = "standard base64, padded, canonical and without white space";
        EvidenceError::part(path, expected, shown(&text))
    })
}

fn sha256(value: Value, path: Path<'_>) -> Result<[u8; 32], EvidenceError> {
    let text = text(value, path)?;
    let mut hash = [0; 32];
    let read = hex::decode_to_slice(&text, &mut hash);
    if read.is_ok() && hex::encode(hash) == text {
        return Ok(hash);
    }
    let expected = "a SHA-256, 64 lowercase hexadecimal digits";
    Err(EvidenceError::part(path, expected, shown(&text)))
}

fn time(value: Value, path: Path<'_>) -> Result<Moment, EvidenceError> {
    let expected =
        "milliseconds since the beginning of 1970, an integer without fraction or exponent";
    integer(value, path, expected).map(Moment::from_millis)
}

fn number(value: Value, path: Path<'_>) -> Result<u64, EvidenceError> {
    let expected = "a number, an integer without sign, fraction or exponent";
    integer(value, path, expected)
}

fn integer(value: Value, path: Path<'_>, expected: &str) -> Result<u64, EvidenceError> {
    let got = match value {
        Value::Number(number) => match number.as_u64() {
            Some(integer) => return Ok(integer),
            None => number.to_string(),
        },
        other => other.shown(),
    };
    Err(EvidenceError::part(path, expected, got))
}

fn list<T>(
    value: Value,
    path: Path<'_>,
    read: impl Fn(Value, Path<'_>) -> Result<T, EvidenceError>,
) -> Result<Vec<T>, EvidenceError> {
    let Value::Array(values) = value else {
        return Err(EvidenceError::part(path, "an array", value.shown()));
    };
    let each = values.into_iter().enumerate();
    each.map(|(index, value)| read(value, Path::Index(&path, index)))
        .collect()
}

/// An object of which each key is taken out once; what then is left is not known.
struct Object<'a> {
    path: Path<'a>,
    entries: Vec<(String, Value)>,
}

impl<'a> Object<'a> {
    fn new(value: Value, path: Path<'a>) -> Result<Self, EvidenceError> {
        match value {
            Value::Object(entries) => Ok(Self { path, entries }),
            other => Err(EvidenceError::part(path, "an object", other.shown())),
        }
    }

    fn optional(&mut self, key: &str) -> Option<Value> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(at).1)
    }

    fn value(&mut self, key: &str) -> Result<Value, EvidenceError> {
        self.optional(key)
            .ok_or_else(|| EvidenceError::part(self.path, format!("the key {key}"), "none"))
    }

    fn part<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value, Path<'_>) -> Result<T, EvidenceError>,
    ) -> Result<T, EvidenceError> {
        let value = self.value(key)?;
        read(value, Path::Key(&self.path, key))
    }

    fn optional_part<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value, Path<'_>) -> Result<T, EvidenceError>,
    ) -> Result<Option<T>, EvidenceError> {
        let value = self.optional(key);
        value
            .map(|value| read(value, Path::Key(&self.path, key)))
            .transpose()
    }

    /// Demands that nothing is left.
    fn end(self, known: &str) -> Result<(), EvidenceError> {
        match self.entries.first() {
            None => Ok(()),
            Some((key, _)) => {
                let expected = format!("no keys but {known}");
                Err(EvidenceError::part(self.path, expected, shown(key)))
            }
        }
    }

    /// All that is left, behind a string that was taken out.
    fn all(self, key: &str, text: &str) -> Vec<(String, Value)> {
        let first = (key.to_owned(), Value::String(text.to_owned()));
        [first].into_iter().chain(self.entries).collect()
    }
}

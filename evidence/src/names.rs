//! Where what was anchored is kept, and what it is called.
//!
//! ```text
//! <origin hash>/anchors/<size>/<SHA-256 of the signed checkpoint>/checkpoint
//!                                                                /rfc3161-<authority>
//!                                                                /rfc3161-<authority>.2
//!                                                                /rfc3161-<authority>-revocation-1
//!                                                                /ethereum-<chain>
//! ```
//!
//! The number after the dot counts tokens of one authority over one and the same checkpoint: a log without witnesses that
//! does not grow publishes the same bytes for ever, and is stamped again once per `max_age`.

use std::fmt;
use std::str::FromStr;

use counterfoil_tiles::checkpoint::{NoOriginHash, OriginHash};
use counterfoil_tiles::hash::TreeSize;
use sha2::{Digest as _, Sha256};

/// The longest name of an authority. Every name of a blob has 255 bytes at most.
pub const MAX_AUTHORITY_NAME: usize = 40;

/// The most tokens of one authority over one checkpoint, and the most times that revocation data are added to one: a log that
/// publishes the same bytes for ever can be stamped each hour for a year.
pub const MAX_NUMBER: u16 = 9_999;

const CHECKPOINT: &str = "checkpoint";

/// What the configuration calls a time-stamping authority, or a chain: 1 to 40 of `a-z`, `0-9` and single `-` between them. Records
/// carry the name, so it stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityName(String);

/// A text cannot be a name here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No name of an authority.
    #[error(
        "expected the name of an authority, 1 to {MAX_AUTHORITY_NAME} of a-z, 0-9 and - between them, without \"-revocation-\", \
         got {0:?}"
    )]
    Authority(String),
    /// No SHA-256.
    #[error("expected a SHA-256, 64 lowercase hexadecimal digits, got {0:?}")]
    Hash(String),
    /// No name of a record.
    #[error(
        "expected rfc3161-<authority>, rfc3161-<authority>.<number>, one of these with -revocation-<number>, ethereum-<chain> or ethereum-<chain>.<number>, got {0:?}"
    )]
    Record(String),
    /// No path of this layout.
    #[error("expected <origin hash>/anchors/<size>/<SHA-256>/<name>, got {0:?}")]
    Path(String),
    /// No origin hash.
    #[error(transparent)]
    Origin(#[from] NoOriginHash),
}

impl AuthorityName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AuthorityName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let part = |part: &str| !part.is_empty() && part.bytes().all(letter);
        let good = text.len() <= MAX_AUTHORITY_NAME
            && text.split('-').all(part)
            && !text.contains("-revocation-");
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Authority(text.to_owned()))
        }
    }
}

impl fmt::Display for AuthorityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a signed checkpoint, cosignatures and all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckpointHash([u8; 32]);

impl CheckpointHash {
    /// The hash of a signed checkpoint's bytes.
    pub fn of(signed: &[u8]) -> Self {
        Self(Sha256::digest(signed).into())
    }

    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CheckpointHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CheckpointHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CheckpointHash {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut hash = [0; 32];
        let read = hex::decode_to_slice(text, &mut hash);
        let hash = Self(hash);
        if read.is_ok() && hash.to_string() == text {
            Ok(hash)
        } else {
            Err(NameError::Hash(text.to_owned()))
        }
    }
}

/// The folder of one signed checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The log.
    pub origin: OriginHash,
    /// The size that the checkpoint says.
    pub size: TreeSize,
    /// The checkpoint.
    pub checkpoint: CheckpointHash,
}

impl Place {
    /// The path of what is named in it.
    pub fn path(&self, named: &Named) -> String {
        format!("{self}/{named}")
    }

    /// What all its paths begin with.
    pub fn prefix(&self) -> String {
        format!("{self}/")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            size,
            checkpoint,
        } = self;
        write!(f, "{origin}/anchors/{size}/{checkpoint}")
    }
}

/// What fixes a checkpoint in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnchorKind {
    /// A block of an Ethereum chain.
    Ethereum,
    /// A time-stamp token (RFC 3161).
    Rfc3161,
}

impl AnchorKind {
    /// All there are, in the order of their names.
    const ALL: [Self; 2] = [Self::Ethereum, Self::Rfc3161];

    /// The kind that is spelled like this.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == text)
    }
}

/// As names and files spell it.
impl fmt::Display for AnchorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ethereum => "ethereum",
            Self::Rfc3161 => "rfc3161",
        })
    }
}

/// The name of a record about a checkpoint: an anchor, or revocation data that were added to a token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName {
    /// What kind of anchor it is about.
    pub kind: AnchorKind,
    /// Whose token it is, or what the chain is called.
    pub authority: AuthorityName,
    /// Which of its anchors of this checkpoint, from 1.
    pub number: u16,
    /// Which of the additions to that token, from 1; none for the anchor itself, and for every block.
    pub revocation: Option<u16>,
}

impl RecordName {
    /// The record of an authority's token with this number.
    pub fn token(authority: AuthorityName, number: u16) -> Self {
        Self {
            kind: AnchorKind::Rfc3161,
            authority,
            number,
            revocation: None,
        }
    }

    /// The record of a block of this chain with this number.
    pub fn block(chain: AuthorityName, number: u16) -> Self {
        Self {
            kind: AnchorKind::Ethereum,
            authority: chain,
            number,
            revocation: None,
        }
    }

    /// Whether it is a token, and no addition to one.
    pub fn is_token(&self) -> bool {
        self.kind == AnchorKind::Rfc3161 && self.revocation.is_none()
    }

    /// Whether it is a block of this chain.
    pub fn is_block_of(&self, chain: &AuthorityName) -> bool {
        self.kind == AnchorKind::Ethereum && self.authority == *chain
    }

    /// The record of the token that this one is about.
    #[must_use]
    pub fn of_token(&self) -> Self {
        Self {
            revocation: None,
            ..self.clone()
        }
    }

    /// The record with this number that adds revocation data to this one's token.
    #[must_use]
    pub fn added(&self, number: u16) -> Self {
        Self {
            revocation: Some(number),
            ..self.clone()
        }
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind, self.authority)?;
        if self.number != 1 {
            write!(f, ".{}", self.number)?;
        }
        match self.revocation {
            Some(number) => write!(f, "-revocation-{number}"),
            None => Ok(()),
        }
    }
}

impl FromStr for RecordName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Record(text.to_owned());
        let number = |digits: &str| {
            let number: u16 = digits.parse().ok()?;
            (number.to_string() == digits && (1..=MAX_NUMBER).contains(&number)).then_some(number)
        };
        let of_kind = |kind: AnchorKind| {
            let rest = text.strip_prefix(&kind.to_string())?.strip_prefix('-')?;
            Some((kind, rest))
        };
        let mut kinds = AnchorKind::ALL.into_iter();
        let (kind, rest) = kinds.find_map(of_kind).ok_or_else(wrong)?;
        let (rest, revocation) = match rest.rsplit_once("-revocation-") {
            // A block has none: its name then is not one of a chain.
            Some((rest, digits)) if kind == AnchorKind::Rfc3161 => {
                (rest, Some(number(digits).ok_or_else(wrong)?))
            }
            _ => (rest, None),
        };
        let (authority, number) = match rest.split_once('.') {
            Some((authority, digits)) => (
                authority,
                number(digits)
                    .filter(|number| *number > 1)
                    .ok_or_else(wrong)?,
            ),
            None => (rest, 1),
        };
        Ok(Self {
            kind,
            authority: authority.parse().map_err(|_| wrong())?,
            number,
            revocation,
        })
    }
}

/// What a path of this layout names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A checkpoint's bytes.
    Checkpoint,
    /// A record about it.
    Record(RecordName),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str(CHECKPOINT),
            Self::Record(name) => name.fmt(f),
        }
    }
}

/// Reads a path.
pub fn parse(path: &str) -> Result<(Place, Named), NameError> {
    let wrong = || NameError::Path(path.to_owned());
    let parts: Vec<&str> = path.split('/').collect();
    let [origin, "anchors", size, checkpoint, name] = parts.as_slice() else {
        return Err(wrong());
    };
    let place = Place {
        origin: origin.parse()?,
        size: parse_size(size).ok_or_else(wrong)?,
        checkpoint: checkpoint.parse()?,
    };
    let named = match *name {
        CHECKPOINT => Named::Checkpoint,
        name => Named::Record(name.parse()?),
    };
    Ok((place, named))
}

/// Reads a size as it stands in paths: decimal, without leading zeros.
pub fn parse_size(text: &str) -> Option<TreeSize> {
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then(|| TreeSize::new(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        let longest = "a".repeat(MAX_AUTHORITY_NAME);
        let too_long = "a".repeat(MAX_AUTHORITY_NAME + 1);
        let rows = [
            ("plain", "freetsa", true),
            ("digits and a hyphen", "tsa-2", true),
            ("the longest", &longest, true),
            ("too long", &too_long, false),
            ("empty", "", false),
            ("upper case", "FreeTSA", false),
            ("a dot", "free.tsa", false),
            ("a hyphen before", "-tsa", false),
            ("a hyphen after", "tsa-", false),
            ("two hyphens", "t--sa", false),
            ("a slash", "a/b", false),
            ("what separates", "x-revocation-y", false),
            ("a letter of another script", "tsä", false),
        ];
        for (name, text, good) in rows {
            assert_eq!(text.parse::<AuthorityName>().is_ok(), good, "{name}");
        }
    }

    #[test]
    fn records() {
        let rows = [
            ("a token", "rfc3161-tsa", true),
            ("another", "rfc3161-tsa.2", true),
            ("a name that ends in a number", "rfc3161-tsa-2", true),
            ("added", "rfc3161-tsa-revocation-1", true),
            ("added to another", "rfc3161-tsa-2.10-revocation-999", true),
            ("the first by its number", "rfc3161-tsa.1", false),
            ("no number", "rfc3161-tsa.", false),
            ("a leading zero", "rfc3161-tsa.02", false),
            ("a sign", "rfc3161-tsa.+2", false),
            ("zero", "rfc3161-tsa-revocation-0", false),
            ("above the limit", "rfc3161-tsa.10000", false),
            ("no authority", "rfc3161-", false),
            ("a block", "ethereum-mainnet", true),
            ("another block", "ethereum-mainnet.2", true),
            ("the first block by its number", "ethereum-mainnet.1", false),
            (
                "a block that was revoked",
                "ethereum-mainnet-revocation-1",
                false,
            ),
            ("another kind", "rfc4998-tsa", false),
            ("a kind alone", "ethereum-", false),
            ("a kind without a hyphen", "ethereummainnet", false),
            ("the checkpoint", "checkpoint", false),
            (
                "added twice",
                "rfc3161-tsa-revocation-1-revocation-2",
                false,
            ),
        ];
        for (name, text, good) in rows {
            let parsed = text.parse::<RecordName>();
            assert_eq!(parsed.is_ok(), good, "{name}");
            if let Ok(parsed) = parsed {
                assert_eq!(parsed.to_string(), text, "{name}");
            }
        }
    }

    #[test]
    fn paths() {
        let hash = "ab".repeat(32);
        let good = format!("{hash}/anchors/17/{hash}/rfc3161-tsa");
        let (place, named) = parse(&good).unwrap();
        assert_eq!(place.path(&named), good);
        assert_eq!(named, Named::Record("rfc3161-tsa".parse().unwrap()));
        let good = format!("{hash}/anchors/0/{hash}/checkpoint");
        let (place, named) = parse(&good).unwrap();
        assert_eq!(place.path(&named), good);
        assert_eq!((place.size.get(), named), (0, Named::Checkpoint));
        let upper = "AB".repeat(32);
        let rows = [
            (
                "upper case",
                format!("{upper}/anchors/17/{hash}/checkpoint"),
            ),
            (
                "upper case below",
                format!("{hash}/anchors/17/{upper}/checkpoint"),
            ),
            (
                "a leading zero",
                format!("{hash}/anchors/017/{hash}/checkpoint"),
            ),
            (
                "another folder",
                format!("{hash}/anchor/17/{hash}/checkpoint"),
            ),
            ("a part missing", format!("{hash}/anchors/17/{hash}")),
            (
                "a part too many",
                format!("{hash}/anchors/17/{hash}/checkpoint/"),
            ),
            ("a parent", format!("{hash}/anchors/17/{hash}/..")),
        ];
        for (name, path) in rows {
            assert!(parse(&path).is_err(), "{name}");
        }
    }
}

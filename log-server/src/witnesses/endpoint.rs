//! Whom to ask where: the witnesses of a policy, those of one URL together.

use std::collections::HashMap;
use std::fmt;

use counterfoil_tiles::checkpoint::{LogKey, Origin};
use counterfoil_tiles::note::SignatureLine;
use counterfoil_tiles::policy::{Policy, Quorum, Witness};
use reqwest::Url;
use sha2::{Digest as _, Sha256};

/// The name that a policy gives a witness: octets, which are shown as text as far as they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WitnessName(Vec<u8>);

impl WitnessName {
    /// A name.
    pub fn new(name: impl Into<Vec<u8>>) -> Self {
        Self(name.into())
    }

    /// The name of a witness of a policy.
    pub fn of(witness: &Witness) -> Self {
        Self(witness.name().to_vec())
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for WitnessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for WitnessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// Why the witnesses of a policy cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessesError {
    /// A URL under which nothing can be asked.
    #[error(
        "witness {witness}: the URL {url:?} {why}; expected http(s)://host[:port][/path], the prefix of add-checkpoint"
    )]
    Url {
        /// The witness.
        witness: WitnessName,
        /// The URL as given.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// No quorum can come from the witnesses with a URL.
    #[error(
        "the witnesses of the policy that have a URL contain no quorum, so nothing could ever be published; add the submission prefix to the end of the witness lines"
    )]
    NoQuorum,
    /// A monitoring prefix for a witness that is not asked.
    #[error(
        "a monitoring prefix is given for {0}, but the policy has no witness of that name with a URL"
    )]
    UnknownWitness(WitnessName),
    /// Two monitoring prefixes for one submission prefix.
    #[error("two monitoring prefixes are given for the witness at {url}: {first} and {second}")]
    TwoPrefixes {
        /// The submission prefix.
        url: String,
        /// One monitoring prefix.
        first: String,
        /// The other.
        second: String,
    },
    /// No key of the log, or keys of several logs.
    #[error("expected the keys of one log, found keys of {0} origins")]
    Origins(usize),
}

/// One witness service: everything that a request to one URL can be answered for.
#[derive(Debug)]
pub(crate) struct Place {
    /// The submission prefix without its final slash.
    pub(crate) url: String,
    /// Where add-checkpoint is.
    pub(crate) add_checkpoint: String,
    /// Where the log's latest cosigned checkpoint is.
    pub(crate) checkpoint: String,
    /// The witnesses of the policy that have this URL.
    pub(crate) witnesses: Vec<Witness>,
}

impl Place {
    pub(crate) fn names(&self) -> Vec<WitnessName> {
        self.witnesses.iter().map(WitnessName::of).collect()
    }

    /// True if the line claims to be by a key of this place.
    pub(crate) fn signs(&self, line: &SignatureLine) -> bool {
        self.witnesses.iter().any(|witness| witness.signs(line))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.names().iter().map(ToString::to_string).collect();
        f.write_str(&names.join(", "))
    }
}

/// The origin that all keys sign for.
pub(crate) fn origin_of(log: &[LogKey]) -> Result<Origin, WitnessesError> {
    let mut origins: Vec<&Origin> = log.iter().map(LogKey::origin).collect();
    origins.sort();
    origins.dedup();
    match origins[..] {
        [origin] => Ok(origin.clone()),
        _ => Err(WitnessesError::Origins(origins.len())),
    }
}

/// Groups the witnesses that have a URL by it, in the policy's order. The monitoring prefix is the submission prefix unless
/// another is given for one of the witnesses there.
pub(crate) fn places(
    policy: &Policy,
    origin: &Origin,
    monitoring: &[(WitnessName, String)],
) -> Result<Vec<Place>, WitnessesError> {
    let asked = |witness: &&Witness| witness.url().is_some();
    for (name, _) in monitoring {
        let known = policy.witnesses().iter().filter(asked);
        if !known
            .map(Witness::name)
            .any(|known| known == name.as_bytes())
        {
            return Err(WitnessesError::UnknownWitness(name.clone()));
        }
    }
    if policy.quorum() != Quorum::None && !policy.satisfied_by(|witness| asked(&witness)) {
        return Err(WitnessesError::NoQuorum);
    }
    let mut places: Vec<Place> = Vec::new();
    let mut prefixes: HashMap<String, String> = HashMap::new();
    for witness in policy.witnesses() {
        let Some(url) = witness.url() else { continue };
        let url = prefix(witness, &String::from_utf8_lossy(url))?;
        let name = WitnessName::of(witness);
        for (_, other) in monitoring.iter().filter(|(of, _)| *of == name) {
            let second = prefix(witness, other)?;
            match prefixes.insert(url.clone(), second.clone()) {
                Some(first) if first != second => {
                    return Err(WitnessesError::TwoPrefixes { url, first, second });
                }
                _ => {}
            }
        }
        match places.iter_mut().find(|place| place.url == url) {
            Some(place) => place.witnesses.push(witness.clone()),
            None => places.push(Place {
                add_checkpoint: format!("{url}/add-checkpoint"),
                checkpoint: String::new(),
                witnesses: vec![witness.clone()],
                url,
            }),
        }
    }
    // SPEC(tlog-witness): "The origin hash is the SHA-256 hash of the log's origin, hex encoded, in lowercase."
    let origin_hash = hex::encode(Sha256::digest(origin.as_str()));
    for place in &mut places {
        let prefix = prefixes.get(&place.url).unwrap_or(&place.url);
        place.checkpoint = format!("{prefix}/{origin_hash}/checkpoint");
    }
    Ok(places)
}

/// A URL prefix without its final slash.
fn prefix(witness: &Witness, text: &str) -> Result<String, WitnessesError> {
    let wrong = |why: &str| WitnessesError::Url {
        witness: WitnessName::of(witness),
        url: text.to_owned(),
        why: why.to_owned(),
    };
    let url = Url::parse(text).map_err(|error| wrong(&format!("is none: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is not one of HTTP"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has a user name or a password"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

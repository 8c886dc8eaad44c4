//! What a verifier trusts, as a file of theirs: `counterfoil/trust@v1`, TOML. docs/evidence.md specifies it.
//!
//! ```toml
//! format = "counterfoil/trust@v1"
//! min_anchors = 1
//! policy = """
//! log example.org/log+…
//! quorum none
//! """
//!
//! [[tsa]]
//! name = "freetsa"
//! roots = """
//! -----BEGIN CERTIFICATE-----
//! …
//! """
//! certificates = ""
//! policies = ["1.2.3.4.1"]
//! revocation = "published"
//!
//! [[ethereum]]
//! name = "mainnet"
//! chain_id = 1
//! destination = "0x…"
//! block_hashes = ["23000000 0x…"]
//! ```
//!
//! Nothing of it ever comes from evidence.

mod chain;
mod table;
mod write;

use std::collections::BTreeSet;
use std::fmt;

use counterfoil_rfc3161::{Certificate, Known, Oid, PemError};
use counterfoil_tiles::policy::{Policy, PolicyError};
use toml::de::DeValue;

use crate::json::shown;
use crate::names::AuthorityName;
pub use chain::Chain;
use chain::ChainTable;
use table::Table;

/// The name and version of the format.
pub const FORMAT: &str = "counterfoil/trust@v1";

/// The largest file: the largest policy, and room for hundreds of certificates.
pub const MAX_TRUST_SIZE: usize = 4 << 20;

/// The most authorities.
pub const MAX_AUTHORITIES: usize = 64;

/// The most roots, and the most certificates besides, of one authority.
pub const MAX_CERTIFICATES: usize = 32;

/// The most policies that are accepted of one authority.
pub const MAX_POLICIES: usize = 32;

/// A text says no trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Too long.
    #[error("expected a trust file of at most {MAX_TRUST_SIZE} bytes, got {0}")]
    TooLong(usize),
    /// Not TOML, or with something in it that no trust file has; the text names the place.
    #[error("expected a trust file in TOML: {0}")]
    Toml(String),
    /// A version that this program does not know.
    #[error("format: expected \"{FORMAT}\", got {0}")]
    Format(String),
    /// The policy is none.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// A part is not what it must be.
    #[error("{path}: expected {expected}, got {got}")]
    Part {
        /// Where it is, as in `tsa freetsa: roots`.
        path: String,
        /// What must be there.
        expected: String,
        /// What is there.
        got: String,
    },
}

fn part(
    path: impl Into<String>,
    expected: impl Into<String>,
    got: impl Into<String>,
) -> TrustError {
    TrustError::Part {
        path: path.into(),
        expected: expected.into(),
        got: got.into(),
    }
}

/// How much must be known of whether an authority's certificates are revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Revocation {
    /// It must be settled for every certificate below the root.
    Required,
    /// For every one that names a place where it is published.
    #[default]
    Published,
    /// For none; what is not known is a caveat.
    Optional,
}

/// As the file spells it.
impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "required",
            Self::Published => "published",
            Self::Optional => "optional",
        })
    }
}

/// Trust in one time-stamping authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    name: AuthorityName,
    roots: Vec<Certificate>,
    certificates: Vec<Certificate>,
    policies: Vec<Oid>,
    revocation: Revocation,
}

impl Authority {
    /// Trust in the authority whose tokens lead to these roots, under any policy, its revocation known as far as published.
    pub fn new(name: AuthorityName, roots: Vec<Certificate>) -> Self {
        Self {
            name,
            roots,
            certificates: Vec::new(),
            policies: Vec::new(),
            revocation: Revocation::default(),
        }
    }

    /// The same, with certificates that its tokens may lack.
    #[must_use]
    pub fn with_certificates(self, certificates: Vec<Certificate>) -> Self {
        Self {
            certificates,
            ..self
        }
    }

    /// The same, under these policies only; under any if there are none.
    #[must_use]
    pub fn with_policies(self, policies: Vec<Oid>) -> Self {
        Self { policies, ..self }
    }

    /// The same, with this much to be known of revocation.
    #[must_use]
    pub fn with_revocation(self, revocation: Revocation) -> Self {
        Self { revocation, ..self }
    }

    /// What the verifier calls it.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Where the chains of its tokens end.
    pub fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    /// Certificates that its tokens may lack. They are not trusted for being here.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The policies under which its tokens count; any if there are none.
    pub fn policies(&self) -> &[Oid] {
        &self.policies
    }

    /// How much must be known of revocation.
    pub fn revocation(&self) -> Revocation {
        self.revocation
    }

    fn check(&self) -> Result<(), TrustError> {
        let path = |key| format!("tsa {}: {key}", self.name);
        let counts = [
            (
                "roots",
                1,
                MAX_CERTIFICATES,
                self.roots.len(),
                "certificates",
            ),
            (
                "certificates",
                0,
                MAX_CERTIFICATES,
                self.certificates.len(),
                "certificates",
            ),
            ("policies", 0, MAX_POLICIES, self.policies.len(), "policies"),
        ];
        for (key, least, most, count, of) in counts {
            if !(least..=most).contains(&count) {
                let expected = format!("{least} to {most} {of}");
                return Err(part(path(key), expected, count.to_string()));
            }
        }
        Ok(())
    }
}

/// What a verifier trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    min_anchors: usize,
    policy_text: String,
    policy: Policy,
    authorities: Vec<Authority>,
    chains: Vec<Chain>,
    /// What the evidence judged so far has shown to be signed.
    known: Known,
}

impl Trust {
    /// Trust in the logs and witnesses of a policy (its text), and in authorities and chains of which so many must vouch for a
    /// time.
    pub fn new(
        min_anchors: usize,
        policy_text: String,
        authorities: Vec<Authority>,
        chains: Vec<Chain>,
    ) -> Result<Self, TrustError> {
        let policy = Policy::parse(policy_text.as_bytes())?;
        if policy.log_keys().next().is_none() {
            return Err(part("policy", "the key of a log", "none"));
        }
        let count = authorities.len() + chains.len();
        if !(1..=MAX_AUTHORITIES).contains(&count) {
            let expected = format!("1 to {MAX_AUTHORITIES} authorities");
            return Err(part("tsa and ethereum", expected, count.to_string()));
        }
        if !(1..=count).contains(&min_anchors) {
            let expected = format!("1 to {count}, the number of authorities");
            return Err(part("min_anchors", expected, min_anchors.to_string()));
        }
        for authority in &authorities {
            authority.check()?;
        }
        for chain in &chains {
            chain.check()?;
        }
        check_apart(&authorities)?;
        check_chains_apart(&chains, &authorities)?;
        Ok(Self {
            min_anchors,
            policy_text,
            policy,
            authorities,
            chains,
            known: Known::default(),
        })
    }

    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        if bytes.len() > MAX_TRUST_SIZE {
            return Err(TrustError::TooLong(bytes.len()));
        }
        let mut file = table::read(bytes)?;
        let format = file.take("format", table::text)?;
        if format != FORMAT {
            return Err(TrustError::Format(shown(&format)));
        }
        let min_anchors = file.optional("min_anchors", table::integer)?.unwrap_or(1);
        let policy = file.take("policy", table::text)?;
        let authorities = file.optional("tsa", table::tables)?.unwrap_or_default();
        let chains = file
            .optional("ethereum", table::tables)?
            .unwrap_or_default();
        file.end()?;
        // First all types, then what stands in them.
        let authorities = each(authorities, TsaTable::of)?;
        let chains = each(chains, ChainTable::of)?;
        let authorities = each(authorities, TsaTable::read)?;
        let chains = each(chains, ChainTable::read)?;
        // More than a count of anything can be is too many in any case.
        let min_anchors = usize::try_from(min_anchors).unwrap_or(usize::MAX);
        Self::new(min_anchors, policy, authorities, chains)
    }

    /// How many authorities must vouch for a time.
    pub fn min_anchors(&self) -> usize {
        self.min_anchors
    }

    /// The logs and witnesses.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The time-stamping authorities.
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Whether a policy is this one, however it is spelled.
    pub(crate) fn is_policy(&self, text: &str) -> bool {
        let is_same = |policy: Policy| policy == self.policy;
        text == self.policy_text || Policy::parse(text.as_bytes()).is_ok_and(is_same)
    }

    /// The chains.
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// The trust in a chain, if there is any.
    pub fn chain(&self, chain_id: u64) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.id == chain_id)
    }
}

/// A chain is counted once, by a name of its own.
fn check_chains_apart(chains: &[Chain], authorities: &[Authority]) -> Result<(), TrustError> {
    let mut names: BTreeSet<&str> = authorities.iter().map(Authority::name).collect();
    let mut ids = BTreeSet::new();
    for chain in chains {
        if !names.insert(chain.name()) {
            return Err(part(
                format!("ethereum {}: name", chain.name),
                "a name that no other authority has",
                "it again",
            ));
        }
        if !ids.insert(chain.id) {
            return Err(part(
                format!("ethereum {}: chain_id", chain.name),
                "a chain that no other table is about, because a chain counts once",
                chain.id.to_string(),
            ));
        }
    }
    Ok(())
}

/// An authority is counted once, so that no two may be the same one by two names.
fn check_apart(authorities: &[Authority]) -> Result<(), TrustError> {
    let mut names = BTreeSet::new();
    for (index, authority) in authorities.iter().enumerate() {
        if !names.insert(authority.name()) {
            return Err(part(
                format!("tsa {}: name", authority.name),
                "a name that no other tsa has",
                "it again",
            ));
        }
        for root in &authority.roots {
            let is_of = |other: &&Authority| other.roots.iter().any(|one| one.key() == root.key());
            if let Some(other) = authorities.iter().take(index).find(is_of) {
                return Err(part(
                    format!("tsa {}: roots", authority.name),
                    "roots whose keys no other tsa has, because an authority counts once",
                    format!(
                        "{:?}, whose key is that of a root of {}",
                        root.subject().to_string(),
                        other.name
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn each<A, B>(
    all: Vec<A>,
    read: impl Fn(A) -> Result<B, TrustError>,
) -> Result<Vec<B>, TrustError> {
    all.into_iter().map(read).collect()
}

/// The table of an authority, each key of the right type.
struct TsaTable {
    name: String,
    roots: String,
    certificates: String,
    policies: Vec<String>,
    revocation: Revocation,
}

impl TsaTable {
    fn of(mut table: Table<'_>) -> Result<Self, TrustError> {
        let read = Self {
            name: table.take("name", table::text)?,
            roots: table.take("roots", table::text)?,
            certificates: table
                .optional("certificates", table::text)?
                .unwrap_or_default(),
            policies: table
                .optional("policies", table::texts)?
                .unwrap_or_default(),
            revocation: table
                .optional("revocation", revocation)?
                .unwrap_or_default(),
        };
        table.end()?;
        Ok(read)
    }

    fn read(self) -> Result<Authority, TrustError> {
        let name: AuthorityName = self.name.parse().map_err(|_| {
            part(
                "tsa: name",
                "1 to 40 of a-z, 0-9 and - between them",
                shown(&self.name),
            )
        })?;
        let path = |key| format!("tsa {name}: {key}");
        let policies = self.policies.iter().map(|policy| {
            let oid = "an object identifier, such as \"1.3.6.1.4.1.13762.3\"";
            policy
                .parse()
                .map_err(|_| part(path("policies"), oid, shown(policy)))
        });
        Ok(Authority {
            roots: certificates(&self.roots, &path("roots"))?,
            certificates: certificates(&self.certificates, &path("certificates"))?,
            policies: policies.collect::<Result<_, _>>()?,
            revocation: self.revocation,
            name,
        })
    }
}

fn revocation(value: DeValue<'_>, path: &str) -> Result<Revocation, TrustError> {
    match table::text(value, path)?.as_str() {
        "required" => Ok(Revocation::Required),
        "published" => Ok(Revocation::Published),
        "optional" => Ok(Revocation::Optional),
        other => Err(part(
            path,
            "\"required\", \"published\" or \"optional\"",
            shown(other),
        )),
    }
}

/// Certificates in PEM. Text between them is for people.
fn certificates(pem: &str, path: &str) -> Result<Vec<Certificate>, TrustError> {
    let block = |number| format!("a certificate in PEM as block {number}");
    Certificate::from_pem(pem.as_bytes()).or_else(|error| match error {
        PemError::Empty if pem.trim().is_empty() => Ok(Vec::new()),
        PemError::Block { number, got } => Err(part(path, block(number), got)),
        PemError::Certificate { number, error } => {
            Err(part(path, block(number), error.to_string()))
        }
        _ => Err(part(path, "certificates in PEM", "text without any")),
    })
}

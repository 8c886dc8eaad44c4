//! Trust policies (C2SP tlog-policy): which logs, which witnesses, and how many of them.
//!
//! ```text
//! log <vkey> [<url>]                       a log; the vkey's name is its origin
//! witness X1 <vkey> [<url>]                a witness, named for this file
//! group X 2 X1 X2 X3                       any | all | a number of the members
//! quorum X                                 or: quorum none
//! ```
//!
//! A checkpoint is valid under a policy if one of the logs signed it and the quorum cosigned it. Names are octets,
//! not text; the policy of a log that needs no witness is:
//!
//! ```
//! use counterfoil_tiles::policy::Policy;
//! let text = b"log example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\nquorum none\n";
//! let policy = Policy::parse(text)?;
//! assert_eq!(policy.logs().len(), 1);
//! assert!(policy.satisfied_by(|_| false));
//! assert_eq!(policy.encode(), text);
//! # Ok::<(), counterfoil_tiles::policy::PolicyError>(())
//! ```

mod parse;
mod publish;
mod verify;

use crate::checkpoint::LogKey;
use crate::key::{Algorithm, KeyError, KeyRing, Vkey};
use crate::note::SignatureLine;

pub use publish::add_cosignatures;
pub use verify::{CosignatureCheck, QuorumError, VerifyError};

/// Largest policy that is read, in bytes: room for all logs and witnesses with ML-DSA-44 keys (1.8 kB each).
pub const MAX_POLICY_SIZE: usize = 1 << 20;

/// Most logs in a policy; the specification recommends 32 at least.
pub const MAX_LOGS: usize = 256;

/// Most witnesses in a policy; the specification recommends 32 at least.
pub const MAX_WITNESSES: usize = 256;

/// Most groups in a policy; the specification recommends 32 at least.
pub const MAX_GROUPS: usize = 256;

/// Why a text is not a policy: which line, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy line {line}: {fault}")]
pub struct PolicyError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: PolicyFault,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// More bytes than [`MAX_POLICY_SIZE`].
    #[error("a policy has at most {MAX_POLICY_SIZE} bytes, found {0}")]
    TooLarge(usize),
    /// An octet that is not allowed.
    #[error(
        "octet 0x{0:02x} is not allowed: control characters other than tab and newline, or DEL"
    )]
    Octet(u8),
    /// The last line has no newline.
    #[error("the last line is not ended by a newline")]
    Newline,
    /// The first item of a line is none of the four keywords.
    #[error("expected log, witness, group or quorum, found {0}")]
    Keyword(String),
    /// A line with too few or too many items.
    #[error("expected `{0}`")]
    Items(&'static str),
    /// A key that is not one, or that is refused.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key of a type that cannot do what the line says.
    #[error("a key of type {algorithm} cannot be {role}")]
    Role {
        /// The key's type.
        algorithm: Algorithm,
        /// What it was to be.
        role: &'static str,
    },
    /// The same public key twice, as log or as witness.
    #[error("the public key is that of an earlier {0} line")]
    DuplicateKey(&'static str),
    /// A name that is defined already.
    #[error("the name {0} is defined already")]
    DuplicateName(String),
    /// The name `none` where it is not allowed.
    #[error("the name none is reserved")]
    NoneReserved,
    /// A name that no earlier line defines.
    #[error("no earlier line defines the name {0}")]
    Undefined(String),
    /// A name that is a member already, of this group or another.
    #[error("{0} is a member of a group already")]
    MemberTwice(String),
    /// A threshold that is not `any`, `all` or a number from 1 to the number of members.
    #[error(
        "expected any, all or a number from 1 to {members} (the number of members), found {found}"
    )]
    Threshold {
        /// Members of the group.
        members: usize,
        /// The text.
        found: String,
    },
    /// A second quorum line.
    #[error("there is a quorum line already")]
    SecondQuorum,
    /// No quorum line at all.
    #[error("no quorum line; `quorum none` asks for no witness")]
    NoQuorum,
    /// More lines of a kind than are read.
    #[error("more than {limit} {what} lines")]
    TooMany {
        /// The limit.
        limit: usize,
        /// The kind of line.
        what: &'static str,
    },
}

/// A log of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    key: LogKey,
    url: Option<Vec<u8>>,
}

impl Log {
    /// The key and the origin it signs for.
    pub fn key(&self) -> &LogKey {
        &self.key
    }

    /// The URL as it stands, if one is given; its meaning is the application's.
    pub fn url(&self) -> Option<&[u8]> {
        self.url.as_deref()
    }
}

/// A witness of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    name: Vec<u8>,
    vkey: Vkey,
    url: Option<Vec<u8>>,
}

impl Witness {
    /// Its name in the policy: octets without meaning outside of it.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its verifier key.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// True if a line claims to be by its key.
    pub fn signs(&self, line: &SignatureLine) -> bool {
        line.key_id() == self.vkey.id() && line.name() == self.vkey.name()
    }

    /// The URL as it stands, if one is given; by recommendation the submission prefix of tlog-witness.
    pub fn url(&self) -> Option<&[u8]> {
        self.url.as_deref()
    }
}

/// A witness or a group, by its place among the policy's witnesses or groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// The witness at that place of [`Policy::witnesses`].
    Witness(usize),
    /// The group at that place of [`Policy::groups`].
    Group(usize),
}

/// What must have witnessed a checkpoint for it to be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// Nobody: `quorum none`.
    None,
    /// A witness or a group.
    Member(Member),
}

/// Members of which a number must have witnessed a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    name: Vec<u8>,
    threshold: Threshold,
    members: Vec<Member>,
}

impl Group {
    /// Its name in the policy.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its members, each defined on an earlier line.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How many of the members it takes.
    pub fn needed(&self) -> usize {
        match self.threshold {
            // SPEC(tlog-policy): "The `any` variant is a shorthand for k = 1, and the `all` variant is a shorthand
            // for k = n."
            Threshold::Any => 1,
            Threshold::All => self.members.len(),
            Threshold::Number(k) => k,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threshold {
    Any,
    All,
    Number(usize),
}

/// A trust policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    witness_keys: KeyRing,
    groups: Vec<Group>,
    quorum: Quorum,
}

impl Policy {
    /// The policy that accepts checkpoints signed by any of the keys and asks for no witness. The name of each key is
    /// the origin it signs for.
    pub fn without_quorum(logs: impl IntoIterator<Item = Vkey>) -> Result<Self, PolicyError> {
        let mut text = Vec::new();
        for vkey in logs {
            text.extend_from_slice(format!("log {vkey}\n").as_bytes());
        }
        text.extend_from_slice(b"quorum none\n");
        Self::parse(&text)
    }

    /// The logs; any of them may have signed.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses in the order of their lines.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The witnesses' keys.
    pub fn witness_keys(&self) -> &KeyRing {
        &self.witness_keys
    }

    /// The groups in the order of their lines.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// What must have witnessed a checkpoint.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// True if the witnesses for which `has_cosigned` holds satisfy the quorum.
    pub fn satisfied_by(&self, has_cosigned: impl Fn(&Witness) -> bool) -> bool {
        let witnessed: Vec<bool> = self.witnesses.iter().map(has_cosigned).collect();
        // A group's members stand on earlier lines, so one pass in order settles all groups.
        let mut settled: Vec<bool> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let count = group
                .members
                .iter()
                .filter(|member| holds(**member, &witnessed, &settled))
                .count();
            settled.push(count >= group.needed());
        }
        match self.quorum {
            Quorum::None => true,
            Quorum::Member(member) => holds(member, &witnessed, &settled),
        }
    }

    /// The text, one space between items, in the order logs, witnesses, groups, quorum.
    pub fn encode(&self) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for log in &self.logs {
            let vkey = log.key.vkey().to_string();
            lines.push(items([Some(&b"log"[..]), Some(vkey.as_bytes()), log.url()]));
        }
        for witness in &self.witnesses {
            let vkey = witness.vkey.to_string();
            lines.push(items([
                Some(&b"witness"[..]),
                Some(&witness.name),
                Some(vkey.as_bytes()),
                witness.url(),
            ]));
        }
        for group in &self.groups {
            let threshold = match group.threshold {
                Threshold::Any => "any".to_owned(),
                Threshold::All => "all".to_owned(),
                Threshold::Number(k) => k.to_string(),
            };
            let head = [
                Some(&b"group"[..]),
                Some(&group.name),
                Some(threshold.as_bytes()),
            ];
            let members = group
                .members
                .iter()
                .map(|member| Some(self.name_of(*member)));
            lines.push(items(head.into_iter().chain(members)));
        }
        let quorum = match self.quorum {
            Quorum::None => b"none",
            Quorum::Member(member) => self.name_of(member),
        };
        lines.push(items([Some(&b"quorum"[..]), Some(quorum)]));
        lines.concat()
    }

    /// The name of a witness or group; empty for one that is not of this policy.
    pub fn name_of(&self, member: Member) -> &[u8] {
        let name = match member {
            Member::Witness(at) => self.witnesses.get(at).map(Witness::name),
            Member::Group(at) => self.groups.get(at).map(Group::name),
        };
        name.unwrap_or_default()
    }
}

fn holds(member: Member, witnesses: &[bool], groups: &[bool]) -> bool {
    let known = match member {
        Member::Witness(at) => witnesses.get(at),
        Member::Group(at) => groups.get(at),
    };
    known.copied().unwrap_or(false)
}

fn items<'a>(items: impl IntoIterator<Item = Option<&'a [u8]>>) -> Vec<u8> {
    let items: Vec<&[u8]> = items.into_iter().flatten().collect();
    let mut line = items.join(&b' ');
    line.push(b'\n');
    line
}

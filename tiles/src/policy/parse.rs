//! Reading a policy, line by line.

use super::{
    Group, Log, MAX_GROUPS, MAX_LOGS, MAX_POLICY_SIZE, MAX_WITNESSES, Member, Policy, PolicyError,
    PolicyFault, Quorum, Threshold, Witness,
};
use crate::checkpoint::LogKey;
use crate::key::{Algorithm, KeyRing, Vkey};
use crate::text::{excerpt, parse_decimal};

const LOG: &str = "log <vkey> [<url>]";
const WITNESS: &str = "witness <name> <vkey> [<url>]";
const GROUP: &str = "group <name> any|all|<k> <name>...";
const QUORUM: &str = "quorum <name>";

impl Policy {
    /// Parses a policy.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_SIZE {
            return Err(PolicyError {
                line: 1,
                fault: PolicyFault::TooLarge(text.len()),
            });
        }
        let mut reader = Reader::default();
        let mut number: usize = 0;
        // SPEC(tlog-policy): "The policy file is line based, where each line is terminated by ASCII newline"
        for line in text.split_inclusive(|octet| *octet == b'\n') {
            number = number.saturating_add(1);
            reader.line(line).map_err(|fault| PolicyError {
                line: number,
                fault,
            })?;
        }
        let last = number.max(1);
        // SPEC(tlog-policy): "A policy file must include exactly one quorum line."
        let quorum = reader.quorum.ok_or(PolicyError {
            line: last,
            fault: PolicyFault::NoQuorum,
        })?;
        let witness_keys = KeyRing::new(
            reader.witnesses.iter().map(|witness| witness.vkey.clone()),
        )
        .map_err(|error| PolicyError {
            line: last,
            fault: error.into(),
        })?;
        Ok(Self {
            logs: reader.logs,
            witnesses: reader.witnesses,
            witness_keys,
            groups: reader.groups,
            quorum,
        })
    }
}

#[derive(Default)]
struct Reader {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// All keys: two different ones of one name and key ID could not be told apart on a checkpoint.
    keys: KeyRing,
    /// Everything that is a member of some group.
    members: Vec<Member>,
    quorum: Option<Quorum>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), PolicyFault> {
        let line = line.strip_suffix(b"\n").ok_or(PolicyFault::Newline)?;
        // SPEC(tlog-policy): "The only allowed control characters are tab and newline, which means that the allowed
        // octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, and 0x80-0xFF."
        let allowed = |octet: u8| matches!(octet, b'\t' | 0x20..=0x7e | 0x80..=0xff);
        if let Some(octet) = line.iter().find(|octet| !allowed(**octet)) {
            return Err(PolicyFault::Octet(*octet));
        }
        // SPEC(tlog-policy): "the items on each line are separated by "whitespace", which in this specification means
        // sequences of ASCII space and tab characters *only*. Leading and trailing whitespace is allowed."
        let items: Vec<&[u8]> = line
            .split(|octet| matches!(octet, b' ' | b'\t'))
            .filter(|item| !item.is_empty())
            .collect();
        match items.as_slice() {
            // SPEC(tlog-policy): "Empty lines (whitespace only) and comment lines (lines starting with "#", possibly
            // preceded by whitespace) are allowed and ignored."
            [] | [[b'#', ..], ..] => Ok(()),
            [b"log", rest @ ..] => self.log(rest),
            [b"witness", rest @ ..] => self.witness(rest),
            [b"group", rest @ ..] => self.group(rest),
            [b"quorum", rest @ ..] => self.quorum(rest),
            [other, ..] => Err(PolicyFault::Keyword(show(other))),
        }
    }

    fn log(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
        let (vkey, url) = match items {
            [vkey] => (vkey, None),
            [vkey, url] => (vkey, Some(url.to_vec())),
            _ => return Err(PolicyFault::Items(LOG)),
        };
        if self.logs.len() >= MAX_LOGS {
            return Err(PolicyFault::TooMany {
                limit: MAX_LOGS,
                what: "log",
            });
        }
        let vkey = parse_vkey(vkey)?;
        // SPEC(tlog-policy): "Duplicate logs, i.e., multiple log lines with the same public key, are not allowed."
        if self
            .logs
            .iter()
            .any(|log| log.key.vkey().public_key() == vkey.public_key())
        {
            return Err(PolicyFault::DuplicateKey("log"));
        }
        self.keys.insert(vkey.clone())?;
        // SPEC(tlog-policy): "The log's vkey includes a "key name". This name MUST correspond to the log's origin
        // line, representing the identity of the log."
        self.logs.push(Log {
            key: LogKey::new(vkey),
            url,
        });
        Ok(())
    }

    fn witness(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
        let (name, vkey, url) = match items {
            [name, vkey] => (name, vkey, None),
            [name, vkey, url] => (name, vkey, Some(url.to_vec())),
            _ => return Err(PolicyFault::Items(WITNESS)),
        };
        if self.witnesses.len() >= MAX_WITNESSES {
            return Err(PolicyFault::TooMany {
                limit: MAX_WITNESSES,
                what: "witness",
            });
        }
        let name = self.new_name(name)?;
        let vkey = parse_vkey(vkey)?;
        // SPEC(tlog-policy): "Log and witness keys must use a signature type approprate respective function, see
        // [tlog-checkpoint][] and [tlog-cosignature][]."
        if vkey.algorithm() == Algorithm::Ed25519 {
            return Err(PolicyFault::Role {
                algorithm: vkey.algorithm(),
                role: "a witness: it makes no cosignatures",
            });
        }
        // SPEC(tlog-policy): "Duplicate witnesses, i.e., multiple witness lines with the same public key, are not
        // allowed."
        // SPEC(tlog-policy): "Two vkeys are considered *duplicate* if they wrap the same underlying public key, even
        // if they differ by key name and key id."
        if self
            .witnesses
            .iter()
            .any(|witness| witness.vkey.public_key() == vkey.public_key())
        {
            return Err(PolicyFault::DuplicateKey("witness"));
        }
        self.keys.insert(vkey.clone())?;
        self.witnesses.push(Witness { name, vkey, url });
        Ok(())
    }

    fn group(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
        // SPEC(tlog-policy): "At least one member must be listed (i.e., n >= 1)."
        let [name, threshold, names @ ..] = items else {
            return Err(PolicyFault::Items(GROUP));
        };
        if names.is_empty() {
            return Err(PolicyFault::Items(GROUP));
        }
        if self.groups.len() >= MAX_GROUPS {
            return Err(PolicyFault::TooMany {
                limit: MAX_GROUPS,
                what: "group",
            });
        }
        let name = self.new_name(name)?;
        let threshold = parse_threshold(threshold, names.len())?;
        let mut members = Vec::with_capacity(names.len());
        for name in names {
            // SPEC(tlog-policy): "The special name `none` is predefined; it can be used when defining the quorum, but
            // it is invalid as a group member."
            if *name == b"none" {
                return Err(PolicyFault::NoneReserved);
            }
            let member = self.defined(name)?;
            // SPEC(tlog-policy): "Each defined name can be listed as a group member at most once."
            if self.members.contains(&member) {
                return Err(PolicyFault::MemberTwice(show(name)));
            }
            self.members.push(member);
            members.push(member);
        }
        self.groups.push(Group {
            name,
            threshold,
            members,
        });
        Ok(())
    }

    fn quorum(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
        let [name] = items else {
            return Err(PolicyFault::Items(QUORUM));
        };
        if self.quorum.is_some() {
            return Err(PolicyFault::SecondQuorum);
        }
        // SPEC(tlog-policy): "In either case, the name must be properly defined on a line preceding the quorum
        // definition."
        self.quorum = Some(match *name {
            b"none" => Quorum::None,
            name => Quorum::Member(self.defined(name)?),
        });
        Ok(())
    }

    fn find(&self, name: &[u8]) -> Option<Member> {
        // SPEC(tlog-policy): "Witnesses and groups share a single namespace."
        let witness = self
            .witnesses
            .iter()
            .position(|witness| witness.name == name)
            .map(Member::Witness);
        witness.or_else(|| {
            self.groups
                .iter()
                .position(|group| group.name == name)
                .map(Member::Group)
        })
    }

    fn defined(&self, name: &[u8]) -> Result<Member, PolicyFault> {
        // SPEC(tlog-policy): "A line defining a group can only reference names of groups and witnesses defined on
        // preceding lines. Similarly, the quorum line must specify a witness or group defined earlier."
        self.find(name)
            .ok_or_else(|| PolicyFault::Undefined(show(name)))
    }

    fn new_name(&self, name: &[u8]) -> Result<Vec<u8>, PolicyFault> {
        if name == b"none" {
            return Err(PolicyFault::NoneReserved);
        }
        if self.find(name).is_some() {
            return Err(PolicyFault::DuplicateName(show(name)));
        }
        Ok(name.to_vec())
    }
}

fn parse_vkey(item: &[u8]) -> Result<Vkey, PolicyFault> {
    let shape = crate::key::KeyError::Shape {
        expected: "a vkey in UTF-8",
    };
    Ok(str::from_utf8(item).map_err(|_| shape)?.parse()?)
}

fn parse_threshold(item: &[u8], members: usize) -> Result<Threshold, PolicyFault> {
    // SPEC(tlog-policy): "If k is given numerically, it must be written in decimal, and it is required that 1 <= k <=
    // n."
    match item {
        b"any" => Ok(Threshold::Any),
        b"all" => Ok(Threshold::All),
        number => str::from_utf8(number)
            .ok()
            .and_then(parse_decimal)
            .and_then(|k| usize::try_from(k).ok())
            .filter(|k| (1..=members).contains(k))
            .map(Threshold::Number)
            .ok_or_else(|| PolicyFault::Threshold {
                members,
                found: show(number),
            }),
    }
}

/// Octets for an error message: quoted, anything but printable ASCII escaped.
fn show(octets: &[u8]) -> String {
    format!("\"{}\"", excerpt(&octets.escape_ascii().to_string()))
}

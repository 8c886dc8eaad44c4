//! The events of a submission, and how every entry stands after them. Pure.
//!
//! ```text
//!              intent            index              receipt
//! to send ───────────► unknown ─────────► logged ────────────► receipted
//!    ▲                  │
//!    └──────────────────┘ absent
//! ```
//!
//! An entry that is logged is never to be sent again: nothing leads back from there.

use std::collections::HashMap;

use counterfoil_tiles::hash::{LeafHash, LeafIndex};
use serde::{Deserialize, Serialize};

/// Events in an order that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderError {
    /// Something happened to an entry that nobody meant to send.
    #[error("leaf {leaf} has no intent before its {event}")]
    NoIntent {
        /// The leaf hash.
        leaf: String,
        /// The event.
        event: &'static str,
    },
    /// An entry that is logged would be sent or called absent.
    #[error("leaf {leaf} is logged at index {index}; {event} cannot follow")]
    Logged {
        /// The leaf hash.
        leaf: String,
        /// Its index.
        index: LeafIndex,
        /// The event.
        event: &'static str,
    },
}

/// One line after the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Line", into = "Line")]
pub(crate) struct Record {
    /// The leaf hash.
    pub(crate) leaf: LeafHash,
    /// What happened.
    pub(crate) event: Event,
}

/// What happened to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// It is about to be sent, at this time (Unix seconds).
    Intent(u64),
    /// It was not logged and will not be.
    Absent(NotLogged),
    /// It is logged at this index.
    Index(u64),
    /// Its receipt is in this file.
    Receipt(String),
}

/// A [`Record`] as it is written: the leaf hash in hexadecimal, as `/lookup` takes it, and exactly one of the others.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    leaf: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intent: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent: Option<NotLogged>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

impl From<Record> for Line {
    fn from(record: Record) -> Self {
        let mut line = Self {
            leaf: hex::encode(record.leaf.as_bytes()),
            ..Self::default()
        };
        match record.event {
            Event::Intent(at) => line.intent = Some(at),
            Event::Absent(how) => line.absent = Some(how),
            Event::Index(index) => line.index = Some(index),
            Event::Receipt(file) => line.receipt = Some(file),
        }
        line
    }
}

impl TryFrom<Line> for Record {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&line.leaf, &mut bytes).map_err(|_| {
            format!(
                "expected a leaf hash of 64 hexadecimal digits, found {:?}",
                line.leaf
            )
        })?;
        let event = match (line.intent, line.absent, line.index, line.receipt) {
            (Some(at), None, None, None) => Event::Intent(at),
            (None, Some(how), None, None) => Event::Absent(how),
            (None, None, Some(index), None) => Event::Index(index),
            (None, None, None, Some(file)) => Event::Receipt(file),
            _ => return Err("expected exactly one of intent, absent, index, receipt".to_owned()),
        };
        Ok(Self {
            leaf: LeafHash::from_bytes(bytes),
            event,
        })
    }
}

/// How it is known that an entry was not logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NotLogged {
    /// The log refused it.
    Refused,
    /// It never left this machine.
    NotSent,
    /// A lookup that covers everything up to now does not find it.
    LookedUp,
    /// It is not known; the user wants it logged again all the same.
    Resent,
}

/// How an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may be sent.
    ToSend,
    /// It was about to be sent at this time (Unix seconds), and no answer is known.
    Unknown(u64),
    /// It is logged at this index and has no receipt yet.
    Logged(LeafIndex),
    /// It is logged at this index and its receipt was written to this file.
    Receipted(LeafIndex, String),
}

/// How every entry of the journal stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    standings: HashMap<LeafHash, Standing>,
}

impl Ledger {
    /// How an entry stands; what the journal does not know is to be sent.
    pub(crate) fn standing(&self, leaf: &LeafHash) -> &Standing {
        self.standings.get(leaf).unwrap_or(&Standing::ToSend)
    }

    /// Takes an event in; refuses one that cannot follow.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<(), OrderError> {
        let next = self.after(record)?;
        self.standings.insert(record.leaf, next);
        Ok(())
    }

    fn after(&self, record: &Record) -> Result<Standing, OrderError> {
        let leaf = || hex::encode(record.leaf.as_bytes());
        let logged = |index: LeafIndex, event| OrderError::Logged {
            leaf: leaf(),
            index,
            event,
        };
        let no_intent = |event| OrderError::NoIntent {
            leaf: leaf(),
            event,
        };
        match (&record.event, self.standing(&record.leaf)) {
            (Event::Intent(at), Standing::ToSend | Standing::Unknown(_)) => {
                Ok(Standing::Unknown(*at))
            }
            (Event::Intent(_), Standing::Logged(index) | Standing::Receipted(index, _)) => {
                Err(logged(*index, "an intent to send it"))
            }
            (Event::Absent(_), Standing::Unknown(_)) => Ok(Standing::ToSend),
            (Event::Absent(_), Standing::ToSend) => Err(no_intent("absence")),
            (Event::Absent(_), Standing::Logged(index) | Standing::Receipted(index, _)) => {
                Err(logged(*index, "its absence"))
            }
            (Event::Index(index), Standing::Unknown(_)) => {
                Ok(Standing::Logged(LeafIndex::new(*index)))
            }
            (Event::Index(_), Standing::ToSend) => Err(no_intent("index")),
            (Event::Index(_), Standing::Logged(index) | Standing::Receipted(index, _)) => {
                Err(logged(*index, "another index"))
            }
            (Event::Receipt(file), Standing::Logged(index) | Standing::Receipted(index, _)) => {
                Ok(Standing::Receipted(*index, file.clone()))
            }
            (Event::Receipt(_), Standing::ToSend | Standing::Unknown(_)) => {
                Err(no_intent("receipt"))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn leaf(number: u8) -> LeafHash {
        LeafHash::from_bytes([number; 32])
    }

    pub(in super::super) fn record(number: u8, event: Event) -> Record {
        Record {
            leaf: leaf(number),
            event,
        }
    }

    pub(in super::super) fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..1000_u64).prop_map(Event::Intent),
            prop_oneof![
                Just(NotLogged::Refused),
                Just(NotLogged::NotSent),
                Just(NotLogged::LookedUp),
                Just(NotLogged::Resent)
            ]
            .prop_map(Event::Absent),
            (0..1000_u64).prop_map(Event::Index),
            "[ -~]{0,20}".prop_map(Event::Receipt),
        ]
    }

    #[test]
    fn what_is_logged_is_never_sent_again() {
        let mut ledger = Ledger::default();
        ledger.apply(&record(1, Event::Intent(7))).unwrap();
        assert_eq!(ledger.standing(&leaf(1)), &Standing::Unknown(7));
        ledger.apply(&record(1, Event::Index(3))).unwrap();
        for event in [
            Event::Intent(8),
            Event::Absent(NotLogged::LookedUp),
            Event::Index(4),
            Event::Index(3),
        ] {
            assert!(matches!(
                ledger.apply(&record(1, event)),
                Err(OrderError::Logged { .. })
            ));
        }
        assert_eq!(
            ledger.standing(&leaf(1)),
            &Standing::Logged(LeafIndex::new(3))
        );
    }

    #[test]
    fn nothing_happens_without_an_intent() {
        for event in [
            Event::Absent(NotLogged::Refused),
            Event::Index(0),
            Event::Receipt("a".to_owned()),
        ] {
            assert!(matches!(
                Ledger::default().apply(&record(1, event)),
                Err(OrderError::NoIntent { .. })
            ));
        }
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(number: u8, event in any_event()) {
            let record = record(number, event);
            let line = serde_json::to_vec(&record).unwrap();
            prop_assert!(!line.contains(&b'\n'));
            let read: Record = serde_json::from_slice(&line).unwrap();
            prop_assert_eq!(read, record);
        }

        /// Whatever the events, no entry has an intent after it was logged.
        #[test]
        fn no_sequence_of_events_sends_twice(events in prop::collection::vec((0..3_u8, any_event()), 0..60)) {
            let mut ledger = Ledger::default();
            let mut logged = std::collections::HashSet::new();
            for (number, event) in events {
                let record = record(number, event);
                if ledger.apply(&record).is_ok() {
                    match record.event {
                        Event::Intent(_) => prop_assert!(!logged.contains(&number)),
                        Event::Index(_) => prop_assert!(logged.insert(number)),
                        Event::Receipt(_) => prop_assert!(logged.contains(&number)),
                        Event::Absent(_) => prop_assert!(!logged.contains(&number)),
                    }
                }
            }
        }
    }
}

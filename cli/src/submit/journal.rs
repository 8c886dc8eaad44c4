//! The journal of a submission: what was about to be sent, and what became of it.
//!
//! A file of JSON lines that only grows. The first line says what the journal is of, the others are events of one
//! leaf hash each:
//!
//! ```text
//! {"journal":"counterfoil/submit@v1","log":"http://127.0.0.1:8080/","origin":"example.com/log"}
//! {"leaf":"6e34…01d","intent":1795000000}
//! {"leaf":"6e34…01d","index":17}
//! {"leaf":"6e34…01d","receipt":"report.pdf.tlog-proof"}
//! ```
//!
//! | event | written | meaning after a crash |
//! |---|---|---|
//! | `intent` (Unix seconds) | and flushed *before* the entry is sent | it may have been logged, or may still be: ask the log |
//! | `absent` | when the log said in so many words that it did not log it | it may be sent again |
//! | `index` | when the log answered | it must never be sent again |
//! | `receipt` | when the receipt is durable | nothing is left to do |
//!
//! Entries are known by leaf hash, not by path: a file that moved is the same entry, a file that changed is another.
//! [`Ledger`] is the pure part; it refuses events that cannot follow one another, an intent for what is logged above
//! all. A last line without its newline is what an interrupted write leaves: it is cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use counterfoil_tiles::hash::LeafHash;
use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, OrderError, Record, Standing};

/// The format of the first line.
pub(crate) const FORMAT: &str = "counterfoil/submit@v1";

/// The longest journal that is read: ten million entries, three events each.
const MAX_JOURNAL_BYTES: u64 = 4 << 30;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The system refused. After a failed flush nothing more is written: what is on the disk is not known.
    #[error("the journal {}: {error}", path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Another process submits with it.
    #[error("the journal {} is in use by another submission", path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// A line is not an event.
    #[error("line {line} of the journal {} is not an event: {reason}", path.display())]
    Line {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was expected.
        reason: String,
    },
    /// An event cannot follow those before it.
    #[error("line {line} of the journal {}: {error}", path.display())]
    Order {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        error: OrderError,
    },
    /// It belongs to another log.
    #[error("the journal {} belongs to the log at {found}, not to {expected}", path.display())]
    OtherLog {
        /// The journal.
        path: PathBuf,
        /// The log of this submission.
        expected: String,
        /// The log of the journal.
        found: String,
    },
    /// Far larger than any submission.
    #[error("the journal {} has more than {MAX_JOURNAL_BYTES} bytes", path.display())]
    TooLong {
        /// The journal.
        path: PathBuf,
    },
}

/// What the journal is of: its first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    journal: String,
    log: String,
    origin: String,
}

/// A journal on disk, held by this process alone.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    ledger: Ledger,
    broken: bool,
}

impl Journal {
    /// Opens the journal of submissions to a log, or starts one.
    pub(crate) fn open(path: &Path, log: &str, origin: &str) -> Result<Self, JournalError> {
        let io = |error| JournalError::Io {
            path: path.to_owned(),
            error,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(JournalError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(error) => return Err(io(error.into())),
        }
        let mut text = Vec::new();
        (&mut file)
            .take(MAX_JOURNAL_BYTES + 1)
            .read_to_end(&mut text)
            .map_err(io)?;
        if text.len() as u64 > MAX_JOURNAL_BYTES {
            return Err(JournalError::TooLong {
                path: path.to_owned(),
            });
        }
        let whole = text
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |newline| newline + 1);
        file.set_len(whole as u64).map_err(io)?;
        file.seek(SeekFrom::Start(whole as u64)).map_err(io)?;
        let header = Header {
            journal: FORMAT.to_owned(),
            log: log.to_owned(),
            origin: origin.to_owned(),
        };
        let ledger = replay(path, &text[..whole], &header)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            ledger,
            broken: false,
        };
        if whole == 0 {
            journal.write(&to_line(&header))?;
            counterfoil_files::sync_directory_of(path).map_err(io)?;
        }
        Ok(journal)
    }

    /// How an entry stands.
    pub(crate) fn standing(&self, leaf: &LeafHash) -> &Standing {
        self.ledger.standing(leaf)
    }

    /// Where the journal is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends events and flushes them; when this returns they survive a power cut.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut lines = Vec::with_capacity(records.len() * 112);
        for record in records {
            self.ledger
                .apply(record)
                .map_err(|error| JournalError::Order {
                    path: self.path.clone(),
                    line: 0,
                    error,
                })?;
            lines.extend(to_line(record));
        }
        self.write(&lines)
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), JournalError> {
        let io = |error| JournalError::Io {
            path: self.path.clone(),
            error,
        };
        if self.broken {
            return Err(io(io::Error::other(
                "an earlier write failed, so what the disk holds is not known",
            )));
        }
        let written = self
            .file
            .write_all(lines)
            .and_then(|()| self.file.sync_data());
        self.broken = written.is_err();
        written.map_err(io)
    }
}

fn replay(path: &Path, text: &[u8], expected: &Header) -> Result<Ledger, JournalError> {
    let bad = |line: usize, reason: String| JournalError::Line {
        path: path.to_owned(),
        line: line as u64 + 1,
        reason,
    };
    let mut ledger = Ledger::default();
    let lines = text
        .strip_suffix(b"\n")
        .map(|text| text.split(|&byte| byte == b'\n'));
    for (number, line) in lines.into_iter().flatten().enumerate() {
        if number == 0 {
            let found: Header =
                serde_json::from_slice(line).map_err(|error| bad(number, error.to_string()))?;
            if found.journal != FORMAT {
                return Err(bad(
                    number,
                    format!(
                        "expected a journal of format {FORMAT}, found {}",
                        found.journal
                    ),
                ));
            }
            if found != *expected {
                return Err(JournalError::OtherLog {
                    path: path.to_owned(),
                    expected: format!("{} (origin {})", expected.log, expected.origin),
                    found: format!("{} (origin {})", found.log, found.origin),
                });
            }
            continue;
        }
        let record: Record =
            serde_json::from_slice(line).map_err(|error| bad(number, error.to_string()))?;
        ledger.apply(&record).map_err(|error| JournalError::Order {
            path: path.to_owned(),
            line: number as u64 + 1,
            error,
        })?;
    }
    Ok(ledger)
}

fn to_line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("the journal's values have string keys only");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::super::ledger::tests::{any_event, leaf, record};
    use super::super::ledger::{Event, NotLogged};
    use super::*;

    const LOG: &str = "http://127.0.0.1:1/";
    const ORIGIN: &str = "example.com/log";

    #[test]
    fn the_lines_are_the_documented_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(&path, LOG, ORIGIN).unwrap();
        journal
            .append(&[record(1, Event::Intent(7)), record(2, Event::Intent(7))])
            .unwrap();
        journal
            .append(&[record(2, Event::Absent(NotLogged::LookedUp))])
            .unwrap();
        journal.append(&[record(1, Event::Index(17))]).unwrap();
        journal
            .append(&[record(1, Event::Receipt("a.tlog-proof".into()))])
            .unwrap();
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let expected = format!(
            r#"{{"journal":"counterfoil/submit@v1","log":"http://127.0.0.1:1/","origin":"example.com/log"}}
{{"leaf":"{one}","intent":7}}
{{"leaf":"{two}","intent":7}}
{{"leaf":"{two}","absent":"looked-up"}}
{{"leaf":"{one}","index":17}}
{{"leaf":"{one}","receipt":"a.tlog-proof"}}
"#
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_at_every_byte() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(&path, LOG, ORIGIN).unwrap();
        journal.append(&[record(1, Event::Intent(7))]).unwrap();
        let whole = fs::read(&path).unwrap();
        journal.append(&[record(1, Event::Index(9))]).unwrap();
        drop(journal);
        let longer = fs::read(&path).unwrap();
        for cut in 0..longer.len() {
            fs::write(&path, &longer[..cut]).unwrap();
            let journal = Journal::open(&path, LOG, ORIGIN).unwrap();
            let expected = if cut < whole.len() {
                Standing::ToSend
            } else {
                Standing::Unknown(7)
            };
            assert_eq!(journal.standing(&leaf(1)), &expected, "cut at {cut}");
            drop(journal);
            let left = fs::read(&path).unwrap();
            assert!(left.ends_with(b"\n") && left.len() <= longer.len());
        }
    }

    #[test]
    fn what_is_not_a_journal_is_refused_with_its_line() {
        let header = format!(r#"{{"journal":"{FORMAT}","log":"{LOG}","origin":"{ORIGIN}"}}"#);
        let one = "01".repeat(32);
        let rows = [
            ("not JSON", "hello\n".to_owned(), 1),
            ("other format", header.replace("@v1", "@v2") + "\n", 1),
            ("not an event", format!("{header}\n{{}}\n"), 2),
            (
                "short leaf",
                format!("{header}\n{{\"leaf\":\"01\",\"intent\":1}}\n"),
                2,
            ),
            (
                "unknown event",
                format!("{header}\n{{\"leaf\":\"{one}\",\"lost\":1}}\n"),
                2,
            ),
            (
                "two events",
                format!("{header}\n{{\"leaf\":\"{one}\",\"intent\":1,\"index\":1}}\n"),
                2,
            ),
            ("empty line", format!("{header}\n\n"), 2),
        ];
        for (name, text, line) in rows {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("journal");
            fs::write(&path, text).unwrap();
            match Journal::open(&path, LOG, ORIGIN) {
                Err(JournalError::Line { line: found, .. }) => assert_eq!(found, line, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_journal_is_of_one_log_and_of_one_process() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::open(&path, LOG, ORIGIN).unwrap();
        assert!(matches!(
            Journal::open(&path, LOG, ORIGIN),
            Err(JournalError::InUse { .. })
        ));
        drop(journal);
        assert!(matches!(
            Journal::open(&path, "http://other/", ORIGIN),
            Err(JournalError::OtherLog { .. })
        ));
        assert!(matches!(
            Journal::open(&path, LOG, "other"),
            Err(JournalError::OtherLog { .. })
        ));
        assert!(Journal::open(&path, LOG, ORIGIN).is_ok());
    }

    proptest! {
        #[test]
        fn a_journal_stands_as_its_ledger_when_it_is_opened_again(
            events in prop::collection::vec((0..3_u8, any_event()), 0..20),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("journal");
            let mut journal = Journal::open(&path, LOG, ORIGIN).unwrap();
            for (number, event) in events {
                let record = record(number, event);
                if journal.ledger.clone().apply(&record).is_ok() {
                    journal.append(&[record]).unwrap();
                }
            }
            let ledger = journal.ledger.clone();
            drop(journal);
            prop_assert_eq!(Journal::open(&path, LOG, ORIGIN).unwrap().ledger, ledger);
        }
    }
}

//! What a witness records for a log: the latest checkpoint that it cosigned, with the log's signatures that it verified and
//! its own cosignatures, exactly as the monitoring prefix shows it.
//!
//! One register a log, `witness/<origin hash>`, with the value
//!
//! ```text
//! counterfoil/witness/1                              the format and its version
//! example.com/behind-the-sofa                        the signed note, byte for byte
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/behind-the-sofa Az3grlgtzPICa5OS...
//! — witness.example/w1 CMp+6LWBU0anHGH5aNDTJk...
//! ```
//!
//! What is read back is parsed and not verified: the store keeps a checksum, and a key that signed may be gone since.

use bytes::Bytes;
use counterfoil_store::RegisterName;
use counterfoil_tiles::checkpoint::{Checkpoint, CheckpointError, Origin};
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::key::KeyRing;
use counterfoil_tiles::note::{Note, NoteError};

use crate::OriginHash;

/// The first line of a record.
const FORMAT_LINE: &str = "counterfoil/witness/1\n";

/// Why a register's value is no record of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The first line is another.
    #[error(
        "expected `counterfoil/witness/1` on the first line; a newer version of this program may have written it"
    )]
    Format,
    /// What follows is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It is the record of another log.
    #[error("it is a checkpoint of another log, {:?}", .0.as_str())]
    OtherLog(Origin),
}

/// The latest checkpoint that the witness cosigned for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    note: Note,
    checkpoint: Checkpoint,
}

impl Recorded {
    /// The record of a cosigned checkpoint.
    pub fn new(note: Note) -> Result<Self, RecordError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self { note, checkpoint })
    }

    /// Reads the value of a log's register.
    pub fn parse(value: &[u8], log: OriginHash) -> Result<Self, RecordError> {
        let note = value.strip_prefix(FORMAT_LINE.as_bytes());
        let recorded = Self::new(Note::parse(note.ok_or(RecordError::Format)?)?)?;
        if OriginHash::of(recorded.checkpoint.origin()) == log {
            Ok(recorded)
        } else {
            Err(RecordError::OtherLog(recorded.checkpoint.origin().clone()))
        }
    }

    /// The value of the log's register.
    pub fn encode(&self) -> Bytes {
        [FORMAT_LINE.as_bytes(), self.note.as_bytes()]
            .concat()
            .into()
    }

    /// The checkpoint with the log's signatures and the witness's.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the log said.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The latest time that a cosignature by one of these keys claims.
    pub fn latest_timestamp(&self, own: &KeyRing) -> Option<Timestamp> {
        let times = self.note.signatures().iter().filter_map(|line| {
            let key = own.find(line.name(), line.key_id())?;
            Timestamp::of_signature(key.algorithm(), line.signature())
        });
        times.max()
    }
}

/// The note in a register's value, without a copy.
pub(crate) fn note_bytes(value: &Bytes) -> Bytes {
    value.slice(FORMAT_LINE.len().min(value.len())..)
}

/// The register of a log.
#[expect(clippy::missing_panics_doc, reason = "it cannot")]
pub fn register(log: OriginHash) -> RegisterName {
    let name = format!("witness/{log}");
    RegisterName::new(&name).expect("hexadecimal digits after a prefix are a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

    fn log(origin: &str) -> OriginHash {
        OriginHash::of(&Origin::new(origin).unwrap())
    }

    #[test]
    fn a_record_is_its_format_line_and_the_note() {
        let value = format!("counterfoil/witness/1\n{NOTE}");
        let recorded =
            Recorded::parse(value.as_bytes(), log("example.com/behind-the-sofa")).unwrap();
        assert_eq!(recorded.encode(), value.as_bytes());
        assert_eq!(recorded.note().as_str(), NOTE);
        assert_eq!(recorded.checkpoint().size().get(), 20_852_163);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let rows = [
            (
                "another version",
                format!("counterfoil/witness/2\n{NOTE}"),
                "example.com/behind-the-sofa",
            ),
            (
                "no format line",
                NOTE.to_owned(),
                "example.com/behind-the-sofa",
            ),
            ("empty", String::new(), "example.com/behind-the-sofa"),
            (
                "cut",
                format!("counterfoil/witness/1\n{}", &NOTE[..NOTE.len() - 1]),
                "example.com/behind-the-sofa",
            ),
            (
                "no checkpoint",
                "counterfoil/witness/1\ntext\n\n— a AAAAAAA=\n".to_owned(),
                "example.com/behind-the-sofa",
            ),
            (
                "of another log",
                format!("counterfoil/witness/1\n{NOTE}"),
                "example.com/other",
            ),
        ];
        for (mutation, value, origin) in rows {
            assert!(
                Recorded::parse(value.as_bytes(), log(origin)).is_err(),
                "{mutation}"
            );
        }
    }

    #[test]
    fn a_register_is_named_by_the_origin_hash() {
        // printf %s example.com/log | sha256sum
        let hash = log("example.com/log");
        assert_eq!(register(hash).as_str(), format!("witness/{hash}"));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!(
            hash.to_string()
                .to_uppercase()
                .parse::<OriginHash>()
                .is_err()
        );
    }
}

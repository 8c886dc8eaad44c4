//! What the anchor knows of a log from start to start: the checkpoint that it anchors, or anchored last.
//!
//! One register a log, `anchor/<origin hash>`, with the value
//!
//! ```text
//! counterfoil/anchor/1                               the format and its version
//! 17 1780000000000                                   a number that grows, and when the round began, in ms since 1970
//! example.com/behind-the-sofa                        the signed note, byte for byte
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/behind-the-sofa Az3grlgtzPICa5OS...
//! ```
//!
//! It is written before the first authority is asked: what was shown to the world once binds the anchor, also where no token
//! came of it.

use bytes::Bytes;
use counterfoil_store::RegisterName;
use counterfoil_tiles::checkpoint::{Checkpoint, CheckpointError, OriginHash};
use counterfoil_tiles::note::{Note, NoteError};

use crate::moment::Moment;
use crate::names::{CheckpointHash, Place};

const FORMAT_LINE: &str = "counterfoil/anchor/1\n";

/// A register's value is no state of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The first lines are others.
    #[error(
        "expected `counterfoil/anchor/1` and a line of two numbers; a newer version of this program may have written it"
    )]
    Format,
    /// What follows is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It is the state of another log.
    #[error("it is a checkpoint of another log, {0:?}")]
    OtherLog(String),
}

/// The newest round of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    number: u64,
    began: Moment,
    note: Note,
    checkpoint: Checkpoint,
}

impl State {
    /// The round about a signed checkpoint that begins now, after this one.
    pub fn after(before: Option<&Self>, note: Note, began: Moment) -> Result<Self, StateError> {
        Ok(Self {
            number: before.map_or(1, |before| before.number.saturating_add(1)),
            began,
            checkpoint: Checkpoint::parse(note.text())?,
            note,
        })
    }

    /// Reads the value of a log's register.
    pub fn parse(value: &[u8], log: OriginHash) -> Result<Self, StateError> {
        let text = str::from_utf8(value).map_err(|_| StateError::Format)?;
        let rest = text.strip_prefix(FORMAT_LINE).ok_or(StateError::Format)?;
        let (numbers, note) = rest.split_once('\n').ok_or(StateError::Format)?;
        let (number, began) = numbers.split_once(' ').ok_or(StateError::Format)?;
        let decimal = |digits: &str| {
            let number: u64 = digits.parse().ok()?;
            (number.to_string() == digits).then_some(number)
        };
        let note = Note::parse(note.as_bytes())?;
        let state = Self {
            number: decimal(number).ok_or(StateError::Format)?,
            began: Moment::from_millis(decimal(began).ok_or(StateError::Format)?),
            checkpoint: Checkpoint::parse(note.text())?,
            note,
        };
        if OriginHash::of(state.checkpoint.origin()) == log {
            Ok(state)
        } else {
            Err(StateError::OtherLog(state.checkpoint.origin().to_string()))
        }
    }

    /// The value of the log's register.
    pub fn encode(&self) -> Bytes {
        let Self { number, began, .. } = self;
        let note = self.note.as_str();
        format!("{FORMAT_LINE}{number} {}\n{note}", began.millis()).into()
    }

    /// When the round began.
    pub fn began(&self) -> Moment {
        self.began
    }

    /// The signed checkpoint.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Where its records are.
    pub fn place(&self) -> Place {
        Place {
            origin: OriginHash::of(self.checkpoint.origin()),
            size: self.checkpoint.size(),
            checkpoint: CheckpointHash::of(self.note.as_bytes()),
        }
    }
}

/// The register of a log.
#[expect(clippy::missing_panics_doc, reason = "it cannot")]
pub fn register(log: OriginHash) -> RegisterName {
    let name = format!("anchor/{log}");
    RegisterName::new(&name).expect("hexadecimal digits after a prefix are a name")
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::checkpoint::Origin;

    use super::*;

    const NOTE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

    fn log(origin: &str) -> OriginHash {
        OriginHash::of(&Origin::new(origin).unwrap())
    }

    #[test]
    fn a_state_is_its_lines_and_the_note() {
        let note = Note::parse(NOTE.as_bytes()).unwrap();
        let first = State::after(None, note.clone(), Moment::from_millis(5)).unwrap();
        let second = State::after(Some(&first), note, Moment::from_millis(7)).unwrap();
        let value = format!("counterfoil/anchor/1\n2 7\n{NOTE}");
        assert_eq!(second.encode(), value.as_bytes());
        let read = State::parse(value.as_bytes(), log("example.com/behind-the-sofa"));
        assert_eq!(read, Ok(second));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let good = format!("counterfoil/anchor/1\n2 7\n{NOTE}");
        let rows = [
            ("another version", "anchor/1", "anchor/2"),
            ("a number less", "2 7", "2"),
            ("a leading zero", "2 7", "02 7"),
            ("no number", "2 7", "x 7"),
            ("no signature", "—", "-"),
            ("no size", "20852163", "many"),
        ];
        let own = log("example.com/behind-the-sofa");
        for (name, from, to) in rows {
            let text = good.replacen(from, to, 1);
            assert!(State::parse(text.as_bytes(), own).is_err(), "{name}");
        }
        let other = log("example.com/other");
        let error = State::parse(good.as_bytes(), other).unwrap_err();
        assert!(matches!(error, StateError::OtherLog(_)), "{error}");
    }
}

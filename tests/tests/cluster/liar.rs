//! A witness that does as it likes, with the witness's own keys.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::SigningKey;
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, encode_cosignatures, encode_size};

use crate::checker::Checker;
use crate::clock::pause;
use crate::keys::{origin, sign, witness_keys};
use crate::network::{Reply, Request};
use crate::random::Random;

/// How it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Cosigns whatever it is sent: one that works with whoever forks the log.
    SignsAnything,
    /// Bytes without meaning, with status 200.
    Garbage,
    /// More than anybody should read.
    Endless,
    /// Takes the request and says nothing.
    Silence,
    /// Claims a size that it never saw.
    WrongSize,
    /// A good cosignature of another checkpoint.
    AnotherCheckpoint,
    /// A line with another witness's name and key ID, which does not verify.
    AnothersName,
    /// A cosignature with one bit flipped.
    BitFlipped,
    /// Each of the others in turn.
    Everything,
}

impl Lie {
    const SINGLE: [Self; 8] = [
        Self::SignsAnything,
        Self::Garbage,
        Self::Endless,
        Self::Silence,
        Self::WrongSize,
        Self::AnotherCheckpoint,
        Self::AnothersName,
        Self::BitFlipped,
    ];

    pub(crate) fn draw(random: &mut Random) -> Self {
        Self::SINGLE[random.index(Self::SINGLE.len())]
    }
}

pub(crate) struct Liar {
    number: usize,
    keys: Vec<SigningKey>,
    checker: Arc<Checker>,
    random: Mutex<Random>,
    /// What it was shown last, for its monitoring prefix.
    last: Mutex<Option<Note>>,
}

impl Liar {
    pub(crate) fn new(number: usize, checker: Arc<Checker>, random: Random) -> Self {
        Self {
            number,
            keys: witness_keys(number),
            checker,
            random: Mutex::new(random),
            last: Mutex::new(None),
        }
    }

    pub(crate) async fn answer(
        &self,
        lie: Lie,
        request: Request,
        now: SystemTime,
    ) -> Option<Reply> {
        let lie = match lie {
            Lie::Everything => Lie::draw(&mut self.random.lock().unwrap()),
            lie => lie,
        };
        let shown = match &request {
            Request::AddCheckpoint(body) => AddCheckpointRequest::parse(body).ok(),
            Request::Checkpoint(_) => None,
        };
        let note = match shown {
            Some(request) => request.note().clone(),
            None => match self.last.lock().unwrap().clone() {
                Some(note) => note,
                None => return Some(Reply::new(404, "nothing\n")),
            },
        };
        *self.last.lock().unwrap() = Some(note.clone());
        let seconds = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let lines = self.cosign(note.text(), Timestamp::new(seconds).unwrap());
        let body = match lie {
            Lie::SignsAnything => encode_cosignatures(&lines).into_bytes(),
            Lie::Garbage => vec![0xff; 1_000],
            Lie::Endless => vec![b'a'; 1 << 20],
            Lie::Silence => {
                pause(3_600_000).await;
                return None;
            }
            Lie::WrongSize => {
                let size = self.random.lock().unwrap().below(1_000);
                return Some(Reply::new(409, encode_size(TreeSize::new(size))));
            }
            Lie::AnotherCheckpoint => {
                let other = sign(7, *Checkpoint::parse(note.text()).unwrap().root());
                let lines = self.cosign(other.text(), Timestamp::new(seconds).unwrap());
                encode_cosignatures(&lines).into_bytes()
            }
            Lie::AnothersName => {
                let key = &witness_keys((self.number + 1) % 3)[0];
                let signature = lines[0].signature().to_vec();
                let forged = SignatureLine::new(key.name().clone(), key.id(), signature);
                encode_cosignatures(&[forged.unwrap()]).into_bytes()
            }
            Lie::BitFlipped | Lie::Everything => {
                let (name, id) = (lines[0].name().clone(), lines[0].key_id());
                let mut signature = lines[0].signature().to_vec();
                signature[20] ^= 4;
                let flipped = SignatureLine::new(name, id, signature);
                encode_cosignatures(&[flipped.unwrap()]).into_bytes()
            }
        };
        Some(Reply::new(200, body))
    }

    /// Signs, and shows the checker what may now be used by whoever gets it.
    fn cosign(&self, text: &str, time: Timestamp) -> Vec<SignatureLine> {
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!(*checkpoint.origin(), origin());
        let lines: Vec<SignatureLine> = self
            .keys
            .iter()
            .map(|key| cosign_checkpoint(key, &checkpoint, time).unwrap())
            .collect();
        for line in &lines {
            self.checker.cosigned(self.number, text, line);
        }
        lines
    }
}

//! Three witnesses, of which two are a quorum: what each has recorded, and who answers when.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use counterfoil_sequencer::{Outcome, Whom};
use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::{Algorithm, Seed, SigningKey};
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::Policy;

use super::SIGNING_KEYS;

pub(crate) const COUNT: usize = 3;

static WITNESS_KEYS: LazyLock<[SigningKey; COUNT]> = LazyLock::new(|| {
    [0, 1, 2].map(|number| {
        let name = format!("witness{number}.example").parse().unwrap();
        let seed = Seed::new([100 + number; 32]);
        SigningKey::from_seed(name, Algorithm::CosignatureV1, &seed).unwrap()
    })
});

/// Two of three.
pub(crate) static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let mut text = String::new();
    for key in SIGNING_KEYS.iter() {
        writeln!(text, "log {}", key.vkey()).unwrap();
    }
    for (number, key) in WITNESS_KEYS.iter().enumerate() {
        writeln!(text, "witness W{number} {}", key.vkey()).unwrap();
    }
    text += "group Q 2 W0 W1 W2\nquorum Q\n";
    Arc::new(Policy::parse(text.as_bytes()).unwrap())
});

type Key = (usize, u64, NodeHash, u64);

thread_local! {
    /// Most of the time of a schedule would go into signing the same again.
    static COSIGNATURES: RefCell<HashMap<Key, SignatureLine>> = RefCell::default();
}

pub(crate) fn cosignature(witness: usize, checkpoint: &Checkpoint, seconds: u64) -> SignatureLine {
    let key = (
        witness,
        checkpoint.size().get(),
        *checkpoint.root(),
        seconds,
    );
    COSIGNATURES.with_borrow_mut(|made| {
        let sign = || {
            let time = Timestamp::new(seconds).unwrap();
            cosign_checkpoint(&WITNESS_KEYS[witness], checkpoint, time).unwrap()
        };
        made.entry(key).or_insert_with(sign).clone()
    })
}

/// The note with the log's signatures and these alone.
pub(crate) fn only_with(note: &Bytes, lines: impl IntoIterator<Item = SignatureLine>) -> Bytes {
    let note = Note::parse(note).unwrap();
    let by_log = |line: &&SignatureLine| SIGNING_KEYS.iter().any(|key| key.id() == line.key_id());
    let own = note.signatures().iter().filter(by_log).cloned();
    let note = Note::new(note.text(), own.chain(lines).collect()).unwrap();
    Bytes::copy_from_slice(note.as_bytes())
}

#[derive(Default)]
pub(crate) struct Witnesses {
    pub(crate) recorded: [Option<(TreeSize, NodeHash)>; COUNT],
    /// Do not answer at all.
    pub(crate) down: [bool; COUNT],
    rounds: u64,
    /// What came after the quorum was reached.
    pub(crate) late: Vec<Bytes>,
    /// Checkpoints that were asked to be cosigned.
    pub(crate) asked: u64,
}

impl Witnesses {
    /// In turn all answer, or one of them does not.
    fn answering(&mut self) -> Vec<usize> {
        self.rounds += 1;
        let missing = usize::try_from(self.rounds).unwrap() % (COUNT + 1);
        (0..COUNT)
            .filter(|witness| *witness != missing && !self.down[*witness])
            .collect()
    }

    fn cosign(
        &mut self,
        note: &Bytes,
        head: TreeSize,
        whom: Whom,
    ) -> (Vec<SignatureLine>, usize, usize) {
        let note = Note::parse(note).unwrap();
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        let has = |witness: usize| {
            let key = WITNESS_KEYS[witness].id();
            note.signatures().iter().any(|line| line.key_id() == key)
        };
        let new = (checkpoint.size(), *checkpoint.root());
        let answering = self.answering();
        let (mut lines, mut larger) = (Vec::new(), 0);
        for witness in &answering {
            if whom == Whom::Lacking && has(*witness) {
                continue;
            }
            match self.recorded[*witness] {
                Some((size, _)) if size > new.0 => larger += usize::from(size > head),
                Some((size, root)) if size == new.0 && root != new.1 => {
                    panic!("a witness was shown two roots of size {size}")
                }
                _ => {
                    self.recorded[*witness] = Some(new);
                    lines.push(cosignature(
                        *witness,
                        &checkpoint,
                        1_700_000_000 + self.rounds,
                    ));
                }
            }
        }
        (lines, larger, answering.len())
    }

    pub(crate) fn ask(&mut self, note: &Bytes, head: TreeSize, whom: Whom) -> Outcome {
        self.asked += 1;
        let (mut lines, larger, _) = self.cosign(note, head, whom);
        if larger > 0 {
            return Outcome::Contradicted("a larger checkpoint is signed by this log's key".into());
        }
        if lines.is_empty() {
            return Outcome::NotDone("no witness cosigned".into());
        }
        let late = lines.split_off(lines.len().min(2));
        if !late.is_empty() {
            self.late.push(only_with(note, late));
        }
        // What cosigned before is replaced by what is newer, as the client does it.
        let parsed = Note::parse(note).unwrap();
        let kept = parsed.signatures().iter();
        let kept = kept.filter(|line| !lines.iter().any(|new| new.same_key(line)));
        let all = kept.cloned().chain(lines.iter().cloned()).collect();
        let note = Note::new(parsed.text(), all).unwrap();
        Outcome::Cosigned(Bytes::copy_from_slice(note.as_bytes()))
    }

    pub(crate) fn guard(&mut self, note: &Bytes, head: TreeSize) -> Outcome {
        let (lines, larger, answered) = self.cosign(note, head, Whom::All);
        if !lines.is_empty() {
            self.late.push(only_with(note, lines));
        }
        match (larger, answered) {
            (1.., _) => {
                Outcome::Contradicted("a larger checkpoint is signed by this log's key".into())
            }
            // The one that has not answered is no quorum.
            (_, 2..) => Outcome::Done,
            _ => Outcome::NotDone("too few witnesses answer".into()),
        }
    }
}

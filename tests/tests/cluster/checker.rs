//! What must be true whatever happens, checked as things leave the parts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::hash::{LeafHash, NodeHash, hash_leaf};
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::Policy;

use crate::history::History;
use crate::keys::{Shape, sign};
use crate::random::Random;

/// What a checkpoint says of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) root: NodeHash,
}

impl Head {
    pub(crate) fn of(text: &str) -> Self {
        let checkpoint = Checkpoint::parse(text).unwrap();
        Self {
            size: checkpoint.size().get(),
            root: *checkpoint.root(),
        }
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:.8})", self.size, self.root.to_string())
    }
}

/// Whose history it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Branch {
    /// The log's.
    Log = 0,
    /// That of a second log with the same key.
    Rogue = 1,
}

/// Sees what leaves the parts, and holds it to the invariants.
pub(crate) struct Checker {
    shape: Shape,
    policy: Policy,
    state: Mutex<State>,
}

struct State {
    histories: [History; 2],
    /// Good cosignatures by any witness of the policy, by the text that they are for.
    cosignatures: BTreeMap<String, Vec<SignatureLine>>,
    quorums: BTreeSet<Head>,
    /// What each witness cosigned last.
    latest: BTreeMap<usize, (Head, Timestamp)>,
    faulty: BTreeSet<usize>,
    signed: BTreeSet<Head>,
    published: Option<Head>,
    acknowledged: BTreeMap<u64, LeafHash>,
    violations: Vec<String>,
}

impl Checker {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape,
            policy: shape.policy(),
            state: Mutex::new(State {
                histories: [History::new(), History::new()],
                cosignatures: BTreeMap::new(),
                quorums: BTreeSet::new(),
                latest: BTreeMap::new(),
                faulty: BTreeSet::new(),
                signed: BTreeSet::new(),
                published: None,
                acknowledged: BTreeMap::new(),
                violations: Vec::new(),
            }),
        }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// From now on nothing is demanded of a witness.
    pub(crate) fn is_faulty(&self, witness: usize) {
        self.state.lock().unwrap().faulty.insert(witness);
    }

    /// A branch has grown: its history, of which the checker knows a prefix.
    pub(crate) fn grew(&self, branch: Branch, history: &History) {
        self.state.lock().unwrap().histories[branch as usize] = history.clone();
    }

    pub(crate) fn history(&self, branch: Branch) -> History {
        self.state.lock().unwrap().histories[branch as usize].clone()
    }

    /// A cosignature left a witness, or somebody made it up.
    pub(crate) fn cosigned(&self, witness: usize, text: &str, line: &SignatureLine) {
        let Ok(alone) = Note::new(text, vec![line.clone()]) else {
            return;
        };
        // What does not verify counts for nobody.
        let Ok(verified) = alone.verify(self.policy.witness_keys()) else {
            return;
        };
        let head = Head::of(text);
        let mut state = self.state.lock().unwrap();
        state.cosigned(witness, head, verified[0].timestamp);
        let lines = state.cosignatures.entry(text.to_owned()).or_default();
        lines.push(line.clone());
        let has_quorum = self.policy.satisfied_by(|witness| {
            let (name, id) = (witness.vkey().name(), witness.vkey().id());
            lines
                .iter()
                .any(|line| line.name() == name && line.key_id() == id)
        });
        if has_quorum && state.quorums.insert(head) {
            state.has_quorum(head, self.shape);
        }
    }

    /// A correct witness answered add-checkpoint with what are no good cosignatures.
    pub(crate) fn bad_answer(&self, witness: usize, what: &str) {
        let mut state = self.state.lock().unwrap();
        if !state.faulty.contains(&witness) {
            state.violation(format!("witness {witness} answered {what}"));
        }
    }

    /// The log (not a rogue) let a signed checkpoint out.
    pub(crate) fn signed(&self, text: &str) {
        let head = Head::of(text);
        let mut state = self.state.lock().unwrap();
        if !state.signed.insert(head) {
            return;
        }
        match state.histories[Branch::Log as usize].root(head.size) {
            Some(root) if root == head.root => {}
            Some(_) => state.violation(format!("the log signed a second history at size {head}")),
            None => state.violation(format!(
                "the log signed {head}, and its tiles are not stored"
            )),
        }
    }

    /// The log's register of the published checkpoint was written.
    pub(crate) fn published(&self, note: &[u8]) {
        let note = Note::parse(note).unwrap();
        let head = Head::of(note.text());
        let witnessed = self.policy.verify(note);
        let mut state = self.state.lock().unwrap();
        if let Err(error) = witnessed {
            state.violation(format!("{head} was published without its quorum: {error}"));
        }
        if state.published.is_some_and(|last| last.size > head.size) {
            state.violation(format!("the published checkpoint shrank to {head}"));
        }
        let history = &state.histories[Branch::Log as usize];
        if history.root(head.size) != Some(head.root) {
            state.violation(format!("{head} was published and is no tree of the log"));
        }
        state.published = Some(head);
    }

    /// One of the checkpoints that the log has let out.
    pub(crate) fn some_signed(&self, random: &mut Random) -> Option<Note> {
        let state = self.state.lock().unwrap();
        if state.signed.is_empty() {
            return None;
        }
        let head = state.signed.iter().nth(random.index(state.signed.len()))?;
        Some(sign(head.size, head.root))
    }

    /// An entry was acknowledged.
    pub(crate) fn acknowledged(&self, index: u64, entry: &[u8]) {
        let leaf = hash_leaf(entry);
        let mut state = self.state.lock().unwrap();
        let before = state.acknowledged.insert(index, leaf);
        if before.is_some_and(|before| before != leaf) {
            state.violation(format!("index {index} was given to two entries"));
        }
    }

    /// The size of the published checkpoint.
    pub(crate) fn published_size(&self) -> Option<u64> {
        Some(self.state.lock().unwrap().published?.size)
    }

    /// How large the log is that holds all that was acknowledged.
    pub(crate) fn acknowledged_size(&self) -> u64 {
        let state = self.state.lock().unwrap();
        state
            .acknowledged
            .last_key_value()
            .map_or(0, |(last, _)| last + 1)
    }

    /// Sizes under a quorum, by branch; a size that both share counts for the log.
    pub(crate) fn quorums(&self, branch: Branch) -> Vec<u64> {
        let state = self.state.lock().unwrap();
        let of = |head: &&Head| {
            let is_of = |branch: Branch| {
                state.histories[branch as usize].root(head.size) == Some(head.root)
            };
            is_of(branch) && (branch == Branch::Log || !is_of(Branch::Log))
        };
        state
            .quorums
            .iter()
            .filter(of)
            .map(|head| head.size)
            .collect()
    }

    /// Whether an acknowledged entry is where it should be; that all are published if the world had time to heal.
    pub(crate) fn entries_are_published(&self) {
        let mut state = self.state.lock().unwrap();
        let published = state.published.map_or(0, |head| head.size);
        let covered = state.quorums.iter().any(|head| head.size == published);
        if !covered {
            state.violation(format!("the published size {published} is under no quorum"));
        }
        let lost: Vec<u64> = state
            .acknowledged
            .range(published..)
            .map(|(index, _)| *index)
            .collect();
        if let (Some(first), count) = (lost.first(), lost.len()) {
            state.violation(format!(
                "{count} acknowledged entries, the first at {first}, are under no quorum checkpoint; {published} is published"
            ));
        }
    }

    /// What was violated so far.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap();
        state.entries_are_at_their_index();
        state.violations.clone()
    }
}

impl State {
    fn violation(&mut self, what: String) {
        if !self.violations.contains(&what) {
            self.violations.push(what);
        }
    }

    /// That one is a prefix of the other, as far as anybody can show.
    fn are_consistent(&self, one: Head, two: Head) -> bool {
        let (small, large) = if one.size <= two.size {
            (one, two)
        } else {
            (two, one)
        };
        if small.size == large.size {
            return small.root == large.root;
        }
        if small == Head::of_nothing() {
            return true;
        }
        self.histories.iter().any(|history| {
            history.root(large.size) == Some(large.root)
                && history.root(small.size) == Some(small.root)
        })
    }

    fn cosigned(&mut self, witness: usize, head: Head, time: Option<Timestamp>) {
        if self.faulty.contains(&witness) {
            return;
        }
        let time = time.unwrap_or(Timestamp::ZERO);
        if time == Timestamp::ZERO {
            self.violation(format!("witness {witness} cosigned {head} at time 0"));
        }
        if let Some((last, last_time)) = self.latest.insert(witness, (head, time)) {
            if last.size > head.size {
                self.violation(format!("witness {witness} cosigned {head} after {last}"));
            } else if !self.are_consistent(last, head) {
                self.violation(format!(
                    "witness {witness} cosigned {last} and {head}, which are inconsistent"
                ));
            }
            if last_time > time {
                self.violation(format!(
                    "the clock of witness {witness} goes back at {head}"
                ));
            }
        }
    }

    fn has_quorum(&mut self, head: Head, shape: Shape) {
        if self.faulty.len() >= shape.intersection() {
            return;
        }
        let against = self
            .quorums
            .iter()
            .find(|other| !self.are_consistent(**other, head));
        if let Some(other) = against {
            let what = format!("{head} and {other} both have a quorum and are inconsistent");
            self.violation(what);
        }
    }

    fn entries_are_at_their_index(&mut self) {
        let history = &self.histories[Branch::Log as usize];
        let wrong = self
            .acknowledged
            .iter()
            .find(|(index, leaf)| history.leaf(**index).is_some_and(|there| there != **leaf));
        if let Some((index, _)) = wrong {
            let what = format!("the entry at {index} is not the one that was acknowledged");
            self.violation(what);
        }
    }
}

impl Head {
    fn of_nothing() -> Self {
        let root = counterfoil_tiles::hash::empty_root();
        Self { size: 0, root }
    }
}

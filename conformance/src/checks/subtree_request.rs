//! A request of sign-subtree, to be changed before it is sent.

use crate::log::TestLog;
use crate::tree::{Hash, encode};

/// The parts of a request.
#[derive(Debug, Clone)]
pub(super) struct SubtreeDraft {
    /// The first line.
    pub(super) range: String,
    /// The second line.
    pub(super) hash: String,
    /// The proof's lines.
    pub(super) proof: Vec<String>,
    /// The reference checkpoint's text.
    pub(super) text: String,
    /// Signature lines, each with its newline.
    pub(super) signatures: String,
    /// The range.
    pub(super) subtree: (u64, u64),
    /// The subtree's root.
    pub(super) root: Hash,
}

impl SubtreeDraft {
    /// A good request for a subtree of the newest cosigned checkpoint.
    pub(super) fn new(log: &mut TestLog, start: u64, end: u64) -> Option<Self> {
        let last = log.cosigned.clone()?;
        let root = log.tree.subtree_root(start, end);
        let proof = log.tree.subtree_consistency(start, end, last.size);
        Some(Self {
            range: format!("subtree {start} {end}"),
            hash: encode(&root),
            proof: proof.iter().map(encode).collect(),
            text: last.text,
            signatures: last.lines,
            subtree: (start, end),
            root,
        })
    }

    /// The body.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = format!("{}\n{}\n", self.range, self.hash);
        for hash in &self.proof {
            body.push_str(hash);
            body.push('\n');
        }
        format!("{body}\n{}\n{}", self.text, self.signatures).into_bytes()
    }
}

//! The course of an audit: takes the results of the units in order, and carries them up to the root.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::hash::{NodeHash, TreeSize};

use super::crew::{Crew, Work};
use super::finding::Finding;
use super::resource::{Counts, Found, Resource, tile_hashes};
use super::state::{Remembered, SavedTree, State, Unfinished};
use super::tree::{ComputedTile, Tree, settle_edge};
use super::unit::{self, Edge, UNIT_ENTRIES, UnitResult, Unsettled};
use crate::client::Token;
use crate::exit::Failure;
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::place::{LogReader, Place};

/// The most findings that an audit describes; the others are counted.
const MAX_FINDINGS: usize = 1000;

/// How often progress is saved.
const SAVE_INTERVAL: Duration = Duration::from_secs(5);

/// An audit about to run.
#[derive(Debug)]
pub(crate) struct Audit<'a> {
    pub(crate) place: &'a Place,
    pub(crate) token: Option<&'a Token>,
    pub(crate) reader: &'a LogReader,
    pub(crate) signed: &'a SignedCheckpoint,
    pub(crate) remembered: Option<&'a Remembered>,
    pub(crate) new_only: bool,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) state_path: Option<&'a Path>,
}

/// How an audit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything was looked at.
    Complete,
    /// Too much could not be read.
    GaveUp,
    /// The user stopped it.
    Interrupted,
    /// The log forked: what follows is another log.
    Forked,
}

/// What an audit came to.
#[derive(Debug)]
pub(crate) struct Audited {
    pub(crate) ended: Ended,
    /// The tree over the full units.
    pub(crate) tree: Tree,
    /// The root over all entries, if it could be computed.
    pub(crate) root: Option<NodeHash>,
    /// Whether the remembered checkpoint's root is the root of its entries; `None` if that was not computed.
    pub(crate) consistent: Option<bool>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) more_findings: u64,
    pub(crate) counts: Counts,
    /// Entries before this were verified by an earlier audit and not read again.
    pub(crate) from_entry: u64,
}

/// What the last unit leaves open, if it is not full.
#[derive(Debug, Default)]
struct LastUnit {
    edge: Edge,
    unsettled: Option<Unsettled>,
}

impl Audited {
    fn start(tree: Tree) -> Self {
        Self {
            ended: Ended::Complete,
            from_entry: tree.entries(),
            tree,
            root: None,
            consistent: None,
            findings: Vec::new(),
            more_findings: 0,
            counts: Counts::default(),
        }
    }

    fn resume(unfinished: &Unfinished, tree: Tree) -> Self {
        Self {
            ended: Ended::Complete,
            tree,
            root: None,
            consistent: unfinished.consistent,
            findings: unfinished.findings.clone(),
            more_findings: unfinished.more_findings,
            counts: unfinished.counts,
            from_entry: unfinished.from_unit * UNIT_ENTRIES,
        }
    }

    fn found(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            if self.findings.len() < MAX_FINDINGS {
                self.findings.push(finding);
            } else {
                self.more_findings += 1;
            }
        }
    }
}

impl Audit<'_> {
    /// Runs the audit. Progress is saved in `state` and its file.
    pub(crate) async fn run(&self, state: &mut State, output: Output) -> Result<Audited, Failure> {
        let size = self.signed.checkpoint().size();
        let mut audited = self.beginning(state, output)?;
        let cut = self.remembered.map(|before| before.checkpoint.size());
        let progress = output.progress("entries", size.get());
        progress.set_position(audited.tree.entries());
        let work = Work {
            size,
            cut,
            first_unit: audited.tree.units(),
            jobs: self.jobs,
        };
        let mut interrupts = Interrupts::listen();
        let mut crew = Crew::start(self.place, self.token, &work, progress.clone())?;
        let last = self
            .follow(&mut crew, &mut audited, state, &mut interrupts)
            .await;
        if audited.ended == Ended::Complete && crew.gave_up() {
            audited.ended = Ended::GaveUp;
        }
        crew.stop();
        progress.finish_and_clear();
        if audited.ended == Ended::Complete {
            self.check_cut(
                &mut audited,
                &Edge::default(),
                cut.filter(|cut| *cut == size),
            );
            for tile in audited.tree.partial_tiles() {
                tokio::select! {
                    () = self.check_tile(&tile, &mut audited) => {}
                    () = interrupts.next() => {
                        audited.ended = Ended::Interrupted;
                        return Ok(audited);
                    }
                }
            }
            let signed = self.signed.checkpoint().root();
            let (root, finding) = settle_edge(
                &audited.tree,
                size,
                signed,
                &last.edge,
                last.unsettled.as_ref(),
            );
            audited.root = root;
            audited.found(finding.into_iter().collect());
        }
        Ok(audited)
    }

    /// Where to begin: where an interrupted audit stopped, after what was verified before, or at the first entry.
    fn beginning(&self, state: &State, output: Output) -> Result<Audited, Failure> {
        let size = self.signed.checkpoint().size().get();
        if let (Some(unfinished), Some(tree)) = (
            &state.unfinished,
            state.unfinished_tree().map_err(Failure::usage)?,
        ) && tree.entries() <= size
        {
            output.note(format!(
                "going on at entry {} where an interrupted audit stopped; --restart starts over",
                tree.entries()
            ));
            return Ok(Audited::resume(unfinished, tree));
        }
        Ok(match self.remembered {
            Some(before) if self.new_only => Audited::start(before.tree.clone()),
            _ => Audited::start(Tree::default()),
        })
    }

    /// Takes the results in order until all are there or the audit ends early. Gives what the last unit leaves open, if it is not full.
    async fn follow(
        &self,
        crew: &mut Crew,
        audited: &mut Audited,
        state: &mut State,
        interrupts: &mut Interrupts,
    ) -> LastUnit {
        let mut waiting = BTreeMap::new();
        let mut last = LastUnit::default();
        let mut saved = Instant::now();
        loop {
            let result = tokio::select! {
                result = crew.next() => result,
                () = interrupts.next() => {
                    audited.ended = Ended::Interrupted;
                    return last;
                }
            };
            let Some(result) = result else { return last };
            waiting.insert(result.index, result);
            while let Some(result) = waiting.remove(&audited.tree.units()) {
                let full = unit::UnitCheck::is_full(result.index, self.signed.checkpoint().size());
                if let Some(unit) = self.take(result, full, audited).await {
                    last = unit;
                }
                if audited.consistent == Some(false) {
                    audited.ended = Ended::Forked;
                    return last;
                }
                if !full {
                    break;
                }
                self.keep(audited, state);
            }
            if saved.elapsed() >= SAVE_INTERVAL {
                self.save(state);
                saved = Instant::now();
            }
        }
    }

    /// Takes in the next unit. Gives what it leaves open if it is not full.
    async fn take(
        &self,
        result: UnitResult,
        full: bool,
        audited: &mut Audited,
    ) -> Option<LastUnit> {
        audited.counts += result.counts;
        audited.more_findings += result.more_findings;
        audited.found(result.findings);
        let within = |cut: &TreeSize| cut.get() / UNIT_ENTRIES == audited.tree.units();
        let cut = self
            .remembered
            .map(|before| before.checkpoint.size())
            .filter(within);
        self.check_cut(audited, &result.cut.unwrap_or_default(), cut);
        if !full {
            return Some(LastUnit {
                edge: result.edge,
                unsettled: result.unsettled,
            });
        }
        for tile in audited.tree.push(result.root) {
            self.check_tile(&tile, audited).await;
        }
        None
    }

    /// Compares the root of the entries up to `cut` with the remembered one.
    fn check_cut(&self, audited: &mut Audited, edge: &Edge, cut: Option<TreeSize>) {
        if let (Some(cut), Some(before), None) = (cut, self.remembered, audited.consistent) {
            let root = audited.tree.root(cut, edge);
            audited.consistent = root.map(|root| root == *before.checkpoint.root());
        }
    }

    /// Reads a tile above the units and compares it.
    async fn check_tile(&self, computed: &ComputedTile, audited: &mut Audited) {
        let id = computed.id;
        let found = self.reader.read(Resource::Tile(id)).await;
        audited.counts.tiles += 1;
        if let Found::Bytes(bytes) | Found::Full(bytes) = &found {
            audited.counts.bytes += bytes.len() as u64;
        }
        let fault = match tile_hashes(id, &found) {
            Ok(hashes) => unit::compare(&computed.hashes, &hashes, id),
            Err(fault) => Some(fault),
        };
        audited.found(
            fault
                .map(|fault| Finding::new(id.path(), &fault))
                .into_iter()
                .collect(),
        );
    }

    fn save(&self, state: &State) {
        if let Some(path) = self.state_path
            && let Err(error) = state.save(path)
        {
            tracing::warn!(%error, "progress is not saved");
        }
    }

    /// Puts the progress into the state, if everything up to there was read and is known: what a passing fault of the
    /// network kept from being read is read again by the audit that goes on.
    fn keep(&self, audited: &Audited, state: &mut State) {
        let all_read = audited
            .findings
            .iter()
            .all(|finding| finding.kind.is_damage());
        if let (true, Some(tree)) = (all_read, SavedTree::new(&audited.tree)) {
            state.unfinished = Some(Unfinished {
                origin: self.signed.checkpoint().origin().to_string(),
                tree,
                from_unit: audited.from_entry / UNIT_ENTRIES,
                findings: audited.findings.clone(),
                more_findings: audited.more_findings,
                counts: audited.counts,
                consistent: audited.consistent,
            });
        }
    }
}

//! Recovery, the normal path of every start: fetch the head, fence the previous writer, rebuild the right edge from tiles,
//! replay the staged blobs, and believe the result only if it hashes to the head's root.
//!
//! The right edge at the *tiled* size comes from its partial tiles; a partial tile that is not there (it was not needed, or the
//! full one has replaced it) is rebuilt from the full tiles below or cut from the wider one. If the edge does not lead to the
//! head's root, every level is rebuilt from below, which names and repairs a damaged partial tile; if that fails as well the log
//! refuses to start.

use std::collections::HashMap;

use bytes::Bytes;
use counterfoil_tiles::hash::{NodeHash, TreeSize, hash_leaf};
use counterfoil_tiles::proof;
use counterfoil_tiles::tile::{self, BundleId, EntryBundle, TILE_WIDTH, Tile, TileId};

use crate::discard::partials_prefix;
use crate::guard::Guard;
use crate::head::Head;
use crate::operation::{Entry, Event, NewBlob, Outcome, Register, Request, StopReason, Timestamp};
use crate::published::Published;
use crate::sequencer::{Backoff, CommittedHead, Phase, Progress, Sequencer, Track};
use crate::staged::{self, StagedBlob};
use crate::tree::{Edge, Tree, full_tiles};

#[derive(Debug, Default)]
pub(crate) struct Recovery {
    stage: Stage,
    in_flight: bool,
    pub(crate) retry_at: Option<Timestamp>,
    backoff: Backoff,
    /// Every blob of the right edge that was read; absent ones as `None`.
    read: HashMap<String, Option<Bytes>>,
    trust: Trust,
    replayed: u64,
    /// Partial tiles that are not stored as they must be, as they must be.
    repairs: Vec<NewBlob>,
    /// How often a missing staged blob sent recovery back to the head.
    restarts: u32,
}

/// Whether partial tiles are believed or rebuilt from what is below them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trust {
    #[default]
    PartialTiles,
    WhatIsBelow,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    FetchHead,
    FetchPublished(CommittedHead),
    /// Replace the head by one that differs only in generation and writer: from then on the previous writer's commits fail.
    Claim {
        old: CommittedHead,
        new: CommittedHead,
    },
    ExplainClaim {
        old: CommittedHead,
        new: CommittedHead,
    },
    ReadEdge(Vec<String>),
    /// Replay the staged blob at this position of the head's list.
    Replay(usize),
    /// Take damaged partial tiles away ...
    DiscardDamaged,
    /// ... and store them as they must be.
    StoreRepaired,
    CheckPublished(Vec<TileId>),
    ListStaged,
    /// List the partial tiles of the last of these.
    ListPartials(Vec<PartialFolder>),
}

/// A staged blob may vanish under a reader only because another writer went on; twice is another matter.
const MAX_RESTARTS: u32 = 3;

impl Sequencer {
    fn recovery(&mut self) -> Option<&mut Recovery> {
        match &mut self.phase {
            Phase::Recovering(recovery) => Some(recovery),
            _ => None,
        }
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(recovery) = self.recovery() {
            recovery.stage = stage;
            recovery.backoff = Backoff::default();
        }
    }

    pub(crate) fn advance_recovery(&mut self) -> Progress {
        let now = self.now;
        let Some(recovery) = self.recovery() else {
            return Progress::None;
        };
        if recovery.in_flight || recovery.retry_at.is_some_and(|at| at > now) {
            return Progress::None;
        }
        let request = match &recovery.stage {
            Stage::FetchHead | Stage::ExplainClaim { .. } => Request::Fetch(Register::Head),
            Stage::FetchPublished(_) => Request::Fetch(Register::Published),
            Stage::Claim { old, new } => Request::Replace {
                register: Register::Head,
                old: Some(old.bytes.clone()),
                new: new.bytes.clone(),
            },
            Stage::ReadEdge(names) => Request::Read(names.clone()),
            Stage::Replay(position) => {
                let position = *position;
                if let Some(blob) = self.staged_blob(position) {
                    Request::Read(vec![blob.name()])
                } else {
                    self.replay_complete();
                    return Progress::Made;
                }
            }
            Stage::DiscardDamaged => Request::Discard(
                recovery
                    .repairs
                    .iter()
                    .map(|blob| blob.name.clone())
                    .collect(),
            ),
            Stage::StoreRepaired => Request::Put(recovery.repairs.clone()),
            Stage::CheckPublished(tiles) => Request::Read(tiles.iter().map(TileId::path).collect()),
            Stage::ListStaged => Request::List(staged::PREFIX.to_owned()),
            Stage::ListPartials(folders) => {
                if let Some(folder) = folders.last() {
                    Request::List(folder.prefix.clone())
                } else {
                    self.recovered();
                    return Progress::Made;
                }
            }
        };
        if let Some(recovery) = self.recovery() {
            recovery.in_flight = true;
            recovery.retry_at = None;
        }
        self.request(Track::Recovery, request);
        Progress::None
    }

    pub(crate) fn complete_recovery(&mut self, outcome: Outcome) {
        let now = self.now;
        let config = self.config.clone();
        let Some(recovery) = self.recovery() else {
            return;
        };
        recovery.in_flight = false;
        let stage = core::mem::take(&mut recovery.stage);
        match (stage, outcome) {
            (Stage::FetchHead, Outcome::Fetched(bytes)) => self.head_fetched(bytes),
            (Stage::FetchPublished(head), Outcome::Fetched(bytes)) => {
                self.published_fetched(head, bytes);
            }
            (Stage::Claim { new, .. }, Outcome::Done) => self.claimed(new),
            (Stage::Claim { old, new }, Outcome::Conflict(_)) => {
                self.set_stage(Stage::ExplainClaim { old, new });
            }
            (Stage::ExplainClaim { old, new }, Outcome::Fetched(bytes)) => {
                self.claim_explained(old, new, bytes);
            }
            (Stage::ReadEdge(names), Outcome::Read(blobs)) => self.edge_read(names, blobs),
            (Stage::Replay(position), Outcome::Read(blobs)) => self.replay(position, blobs),
            (Stage::DiscardDamaged, Outcome::Done) => self.set_stage(Stage::StoreRepaired),
            (Stage::StoreRepaired, Outcome::Done) => self.check_older_published(),
            (Stage::CheckPublished(tiles), Outcome::Read(blobs)) => {
                self.published_tiles_read(&tiles, &blobs);
            }
            (Stage::ListStaged, Outcome::Listed(names)) => self.staged_listed(names),
            (Stage::ListPartials(folders), Outcome::Listed(names)) => {
                self.partials_listed(folders, names);
            }
            // A partial tile that the store cannot make sense of is no worse than one with wrong bytes.
            (Stage::ReadEdge(_), Outcome::Damaged(what)) => self.edge_is_wrong(&what),
            (_, Outcome::Damaged(what)) => self.stop(StopReason::Damaged(what)),
            // Reads, listings and the very same claim can all be tried again.
            (stage, Outcome::NotDone(_) | Outcome::Unknown(_)) => {
                if let Some(recovery) = self.recovery() {
                    recovery.stage = stage;
                    recovery.retry_at = Some(now.after(recovery.backoff.next(&config)));
                }
            }
            (_, other) => self.unexpected("recovery", &other),
        }
    }

    fn head_fetched(&mut self, bytes: Option<Bytes>) {
        let Some(bytes) = bytes else {
            return self.stop(StopReason::NotInitialised);
        };
        match Head::parse(&bytes) {
            Ok(head) => self.set_stage(Stage::FetchPublished(CommittedHead { head, bytes })),
            Err(error) => self.stop(StopReason::Damaged(format!("the head register: {error}"))),
        }
    }

    fn published_fetched(&mut self, old: CommittedHead, bytes: Option<Bytes>) {
        let published = match bytes
            .map(|bytes| Published::from_register(&self.keys, &bytes))
            .transpose()
        {
            Ok(published) => published,
            Err(error) => {
                return self.stop(StopReason::Damaged(format!(
                    "the published register: {error}"
                )));
            }
        };
        let size = old.head.size();
        if let Some(published) = published
            .as_ref()
            .filter(|published| published.size() > size)
        {
            return self.stop(StopReason::PublishedAhead {
                published: published.size().get(),
                head: size.get(),
                contradiction: "is larger than",
            });
        }
        if published.is_none() && old.head.published.get() > 0 {
            return self.stop(StopReason::Damaged(format!(
                "the published register is empty, but the head says that size {} was published",
                old.head.published.get()
            )));
        }
        self.published = published;
        let mut head = old.head.clone();
        head.generation = head.generation.saturating_add(1);
        head.writer = self.writer;
        let bytes = head.encode();
        self.set_stage(Stage::Claim {
            old,
            new: CommittedHead { head, bytes },
        });
    }

    fn claim_explained(&mut self, old: CommittedHead, new: CommittedHead, bytes: Option<Bytes>) {
        match bytes {
            Some(bytes) if bytes == new.bytes => self.claimed(new),
            Some(bytes) if bytes == old.bytes => self.set_stage(Stage::Claim { old, new }),
            Some(bytes) => match Head::parse(&bytes) {
                Ok(head) => {
                    self.stop(StopReason::AnotherWriter {
                        writer: head.writer.0,
                        generation: head.generation,
                    });
                }
                Err(error) => self.stop(StopReason::Damaged(format!("the head register: {error}"))),
            },
            None => self.stop(StopReason::NotInitialised),
        }
    }

    fn claimed(&mut self, head: CommittedHead) {
        self.tiled = head.head.tiled;
        self.head = Some(head);
        let names = edge_names(self.tiled);
        self.set_stage(Stage::ReadEdge(names));
    }

    /// The edge's blobs are here, or some are missing and others must be read in their place.
    fn edge_read(&mut self, names: Vec<String>, blobs: Vec<Option<Bytes>>) {
        let tiled = self.tiled;
        let published = self.published.as_ref().map(Published::size);
        let Some(recovery) = self.recovery() else {
            return;
        };
        recovery.read.extend(names.into_iter().zip(blobs));
        match build_edge(tiled, &recovery.read, recovery.trust) {
            Ok(edge) => {
                // A stored partial tile that is not what its neighbours say is set aside until the root has decided.
                recovery.repairs = edge.partial_blobs();
                let read = &recovery.read;
                recovery.repairs.retain(|blob| match read.get(&blob.name) {
                    Some(Some(stored)) => *stored != blob.bytes,
                    // Only a published checkpoint needs partial tiles; another size is stored anew when it is published.
                    Some(None) => published == Some(tiled),
                    // The store could not make sense of one of those that were asked for, and gave none.
                    None => true,
                });
                let Some(tree) = Tree::from_edge(edge) else {
                    return self.stop(StopReason::Internal(
                        "a rebuilt edge has another shape than its size".into(),
                    ));
                };
                self.tree = tree;
                match self.check_published_root_here() {
                    Ok(()) => self.set_stage(Stage::Replay(0)),
                    Err(what) => self.edge_is_wrong(&what),
                }
            }
            Err(Gap::Need(names)) => self.set_stage(Stage::ReadEdge(names)),
            Err(Gap::Damaged(what)) => self.edge_is_wrong(&what),
        }
    }

    fn staged_blob(&self, position: usize) -> Option<StagedBlob> {
        self.head.as_ref()?.head.staged.get(position).copied()
    }

    fn replay(&mut self, position: usize, mut blobs: Vec<Option<Bytes>>) {
        let Some(blob) = self.staged_blob(position) else {
            return self.set_stage(Stage::Replay(position));
        };
        let Some(bytes) = blobs.pop().flatten() else {
            return self.staged_blob_missing(&blob);
        };
        let entries = match blob.parse(&bytes) {
            Ok(entries) => entries,
            Err(error) => {
                return self.stop(StopReason::Damaged(format!(
                    "staged blob {}: {error}. It holds entries {} to {} that are in no tile yet: restore it from a copy",
                    blob.name(),
                    blob.first,
                    blob.end().unwrap_or(u64::MAX)
                )));
            }
        };
        // The first blob may begin before the tiled size: those entries are in tiles already.
        let skip = usize::try_from(self.tree.size().get().saturating_sub(blob.first))
            .unwrap_or(usize::MAX);
        let entries: Vec<Entry> = entries.into_iter().skip(skip).map(Entry::new).collect();
        // The published root may lie within this blob: stop there, compare, go on.
        let until_published = self
            .published
            .as_ref()
            .and_then(|published| published.size().get().checked_sub(self.tree.size().get()))
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count > 0 && *count < entries.len());
        let (before, after) = entries
            .split_at_checked(until_published.unwrap_or(0))
            .unwrap_or((&entries, &[]));
        for part in [before, after] {
            let grown = self
                .extend_tree(part)
                .and_then(|()| self.check_published_root_here());
            if let Err(what) = grown {
                return self.edge_is_wrong(&what);
            }
        }
        if let Some(recovery) = self.recovery() {
            recovery.replayed = recovery
                .replayed
                .saturating_add(u64::try_from(entries.len()).unwrap_or(u64::MAX));
            recovery.stage = Stage::Replay(position.saturating_add(1));
        }
    }

    fn extend_tree(&mut self, entries: &[Entry]) -> Result<(), String> {
        let leaves = entries.iter().map(Entry::leaf_hash).collect();
        let growth = self.tree.grow(leaves).map_err(|error| error.to_string())?;
        self.tree.apply(entries.iter(), growth);
        Ok(())
    }

    /// Where the tree in hand has the published size, it must have the published root.
    fn check_published_root_here(&self) -> Result<(), String> {
        match &self.published {
            Some(published)
                if published.size() == self.tree.size()
                    && published.root() != self.tree.frontier().root() =>
            {
                Err(format!(
                    "the tiles at size {} do not hash to the published root",
                    published.size().get()
                ))
            }
            _ => Ok(()),
        }
    }

    fn staged_blob_missing(&mut self, blob: &StagedBlob) {
        let what = format!(
            "staged blob {} is missing; it holds entries {} to {} that are in no tile yet: restore it from a copy",
            blob.name(),
            blob.first,
            blob.end().unwrap_or(u64::MAX)
        );
        let Some(recovery) = self.recovery() else {
            return;
        };
        let restarts = recovery.restarts.saturating_add(1);
        if restarts > MAX_RESTARTS {
            return self.stop(StopReason::Damaged(what));
        }
        // SPEC(design 2.5): "A staged blob that is missing means: refetch the head first."
        *recovery = Recovery {
            restarts,
            ..Recovery::default()
        };
        self.head = None;
        self.tree = Tree::new();
    }

    fn replay_complete(&mut self) {
        let Some(head) = self.head.as_ref().map(|committed| &committed.head) else {
            return;
        };
        if *self.tree.frontier() != head.frontier {
            return self.edge_is_wrong(
                "the tiles and the staged blobs do not hash to the root in the head",
            );
        }
        let damaged: Vec<String> = self
            .recovery()
            .iter()
            .flat_map(|recovery| recovery.repairs.iter().map(|blob| blob.name.clone()))
            .collect();
        if damaged.is_empty() {
            return self.check_older_published();
        }
        self.tell(Event::Warning(format!(
            "damaged or missing, and rebuilt, since the tiles below and the committed root show what they must be: {}",
            damaged.join(", ")
        )));
        self.set_stage(Stage::DiscardDamaged);
    }

    /// A published size below the tiled one was not passed by the replay: its tiles are read for it.
    fn check_older_published(&mut self) {
        let published = self.published.as_ref().map(Published::size);
        match published.filter(|size| size.get() > 0 && *size < self.tiled) {
            Some(size) => self.set_stage(Stage::CheckPublished(tile::tiles_of(size))),
            None => self.set_stage(Stage::ListStaged),
        }
    }

    /// What was rebuilt is not the committed tree: distrust the partial tiles once, then refuse.
    fn edge_is_wrong(&mut self, what: &str) {
        let tiled = self.tiled;
        let Some(recovery) = self.recovery() else {
            return;
        };
        if recovery.trust == Trust::PartialTiles && tiled.get() > 0 {
            recovery.trust = Trust::WhatIsBelow;
            recovery.replayed = 0;
            let rebuilt = below_names(tiled);
            recovery.stage = Stage::ReadEdge(rebuilt);
            self.tree = Tree::new();
        } else {
            let edge = edge_names(tiled).join(", ");
            self.stop(StopReason::Damaged(format!(
                "{what}. Read: {edge}. Restore the data directory from a copy; nothing was signed and nothing was changed"
            )));
        }
    }

    fn published_tiles_read(&mut self, tiles: &[TileId], blobs: &[Option<Bytes>]) {
        let Some(published) = &self.published else {
            return self.set_stage(Stage::ListStaged);
        };
        let mut read = HashMap::new();
        for (id, bytes) in tiles.iter().zip(blobs) {
            if let Some(tile) = bytes.as_ref().and_then(|bytes| Tile::parse(bytes).ok()) {
                read.insert(*id, tile);
            }
        }
        // A partial tile may have been discarded for a wider one; then the consistency proof before the next signature decides.
        if read.len() == tiles.len() {
            match proof::root_from_tiles(published.size(), &read) {
                Ok(root) if root == published.root() => {}
                _ => {
                    return self.stop(StopReason::Damaged(format!(
                        "the tiles of the published size {} do not hash to the published root: {}",
                        published.size().get(),
                        tiles
                            .iter()
                            .map(TileId::path)
                            .collect::<Vec<_>>()
                            .join(", ")
                    )));
                }
            }
        }
        self.set_stage(Stage::ListStaged);
    }

    /// Staged blobs that the claimed head does not name are orphans: their commits can no longer succeed.
    fn staged_listed(&mut self, names: Vec<String>) {
        let Some(head) = self.head.as_ref().map(|committed| &committed.head) else {
            return;
        };
        for name in names {
            if let Some(generation) = staged::generation_in_name(&name) {
                self.discards.add_orphan(generation, name);
            }
        }
        self.discards.release_orphans(head);
        self.set_stage(Stage::ListPartials(partial_folders(self.tiled.get())));
    }

    fn partials_listed(&mut self, mut folders: Vec<PartialFolder>, names: Vec<String>) {
        if let Some(folder) = folders.pop() {
            for name in names {
                self.discards.note_partial(folder.level, folder.index, name);
            }
        }
        self.set_stage(Stage::ListPartials(folders));
    }

    fn recovered(&mut self) {
        let replayed = self.recovery().map_or(0, |recovery| recovery.replayed);
        self.publication.last_asked = Some(self.now);
        self.publication.lacks_quorum = self
            .published
            .as_ref()
            .is_some_and(|published| published.check_quorum(&self.keys).is_err());
        self.phase = if self.config.asks_witnesses_first && self.keys.have_witnesses() {
            Phase::Guarding(Guard::default())
        } else {
            Phase::Running
        };
        self.tell(Event::Recovered {
            size: self.tree.size(),
            replayed,
        });
        if let Some(published) = &self.published {
            // The edge is the tree's own where nothing is unpublished; otherwise the driver has it with the next publication.
            let edge = (published.size() == self.tree.size()).then(|| self.tree.edge().clone());
            let (note, size, root) = (published.note().clone(), published.size(), published.root());
            self.tell(Event::Published(crate::operation::Publication {
                note,
                size,
                root,
                edge,
            }));
        }
    }
}

/// Where the partial tiles of one tile (of a level) or of one bundle (`None`) are.
#[derive(Debug)]
struct PartialFolder {
    level: Option<u8>,
    index: u64,
    prefix: String,
}

/// Whose partial tiles an earlier run may have left: those at the right edge, to go when they are full, and those that filled
/// last, which a crash may have kept from going.
fn partial_folders(size: u64) -> Vec<PartialFolder> {
    // Above the first level without a full tile there is nothing.
    let has_tiles = |level: &u8| {
        level
            .checked_sub(1)
            .is_none_or(|below| full_tiles(size, below) > 0)
    };
    let levels = (0..=u8::MAX).take_while(has_tiles).map(Some);
    let mut folders = Vec::new();
    for level in core::iter::once(None).chain(levels) {
        let edge = full_tiles(size, level.unwrap_or(0));
        for index in edge.checked_sub(1).into_iter().chain([edge]) {
            folders.extend(partials_prefix(level, index).map(|prefix| PartialFolder {
                level,
                index,
                prefix,
            }));
        }
    }
    folders
}

/// What keeps an edge from being built.
enum Gap {
    /// These blobs must be read.
    Need(Vec<String>),
    /// This is there and cannot be right.
    Damaged(String),
}

/// The partial tiles and the partial bundle of a size.
fn edge_names(size: TreeSize) -> Vec<String> {
    tile::tiles_of(size)
        .iter()
        .map(TileId::path)
        .chain(edge_bundle_id(size).map(|id| id.path()))
        .collect()
}

/// What the edge can be rebuilt from without believing a partial tile: the partial bundle, and the full tiles below each level.
fn below_names(size: TreeSize) -> Vec<String> {
    let tiles = tile::tiles_of(size)
        .into_iter()
        .flat_map(|id| children(id).map(|child| child.path()));
    tiles
        .chain(edge_bundle_id(size).map(|id| id.path()))
        .collect()
}

fn edge_bundle_id(size: TreeSize) -> Option<BundleId> {
    BundleId::at(full_tiles(size.get(), 0), size)
}

/// The full tiles one level down whose roots are the hashes of a tile.
fn children(id: TileId) -> impl Iterator<Item = TileId> {
    let first = id.index().saturating_mul(u64::from(TILE_WIDTH));
    let end = first.saturating_add(u64::from(id.width()));
    let below = id.level().checked_sub(1);
    below.into_iter().flat_map(move |level| {
        (first..end).filter_map(move |index| TileId::new(level, index, TILE_WIDTH).ok())
    })
}

type Blobs = HashMap<String, Option<Bytes>>;

fn build_edge(size: TreeSize, read: &Blobs, trust: Trust) -> Result<Edge, Gap> {
    let mut need = Vec::new();
    let mut edge = Edge {
        size: size.get(),
        ..Edge::default()
    };
    edge.bundle = edge_bundle(size, read, &mut need)?.unwrap_or_default();
    for id in tile::tiles_of(size) {
        edge.levels.resize_with(usize::from(id.level()), Vec::new);
        edge.levels
            .push(edge_level(id, read, trust, &edge.bundle, &mut need)?.unwrap_or_default());
    }
    if need.is_empty() {
        Ok(edge)
    } else {
        Err(Gap::Need(need))
    }
}

/// A blob that was read: `Some(None)` means that it is not there, `None` that it must be read first.
#[expect(
    clippy::option_option,
    reason = "not read yet and not there are two things, and callers use each at once"
)]
fn look_up<'a>(name: &str, read: &'a Blobs, need: &mut Vec<String>) -> Option<Option<&'a Bytes>> {
    let found = read.get(name);
    if found.is_none() {
        need.push(name.to_owned());
    }
    found.map(Option::as_ref)
}

/// The entries of the partial bundle; `None` while something must be read first.
fn edge_bundle(
    size: TreeSize,
    read: &Blobs,
    need: &mut Vec<String>,
) -> Result<Option<Vec<Bytes>>, Gap> {
    let Some(id) = edge_bundle_id(size) else {
        return Ok(Some(Vec::new()));
    };
    // The partial bundle may have been discarded for the full one, which begins with the same entries.
    for id in [id, id.full()] {
        let Some(found) = look_up(&id.path(), read, need) else {
            return Ok(None);
        };
        let Some(bytes) = found else { continue };
        let bundle = EntryBundle::parse(bytes, id.width())
            .map_err(|error| Gap::Damaged(format!("{}: {error}", id.path())))?;
        let width = usize::from(edge_bundle_id(size).map_or(0, |id| id.width()));
        return Ok(Some(
            bundle
                .entries()
                .iter()
                .take(width)
                .map(|entry| bytes.slice_ref(entry))
                .collect(),
        ));
    }
    Err(Gap::Damaged(format!(
        "{} is missing, and so is the full bundle: its entries are nowhere else",
        id.path()
    )))
}

/// The hashes of a partial tile; `None` while something must be read first.
fn edge_level(
    id: TileId,
    read: &Blobs,
    trust: Trust,
    bundle: &[Bytes],
    need: &mut Vec<String>,
) -> Result<Option<Vec<NodeHash>>, Gap> {
    if trust == Trust::PartialTiles {
        let Some(found) = look_up(&id.path(), read, need) else {
            return Ok(None);
        };
        // A partial tile that does not parse, or has another width, is rebuilt like one that is missing.
        let tile = found
            .and_then(|bytes| Tile::parse(bytes).ok())
            .filter(|tile| tile.width() == id.width());
        if let Some(tile) = tile {
            return Ok(Some(tile.hashes().to_vec()));
        }
    }
    if id.level() == 0 {
        return Ok(Some(
            bundle
                .iter()
                .map(|entry| NodeHash::from(hash_leaf(entry)))
                .collect(),
        ));
    }
    let mut hashes = Vec::with_capacity(usize::from(id.width()));
    for child in children(id) {
        let Some(found) = look_up(&child.path(), read, need) else {
            continue;
        };
        let bytes = found.ok_or_else(|| Gap::Damaged(format!("{} is missing", child.path())))?;
        let root = Tile::parse(bytes).ok().and_then(|tile| tile.root());
        hashes.push(
            root.ok_or_else(|| Gap::Damaged(format!("{} is not a full tile", child.path())))?,
        );
    }
    Ok((hashes.len() == usize::from(id.width())).then_some(hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_of_70000_is_that_of_the_specification() {
        // SPEC(tlog-tiles): "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of
        // width 112, one full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1"
        assert_eq!(
            edge_names(TreeSize::new(70_000)),
            [
                "tile/0/273.p/112",
                "tile/1/001.p/17",
                "tile/2/000.p/1",
                "tile/entries/273.p/112"
            ]
        );
        assert_eq!(edge_names(TreeSize::new(256)), ["tile/1/000.p/1"]);
        assert!(edge_names(TreeSize::new(0)).is_empty());
        assert_eq!(children(TileId::new(1, 1, 17).unwrap()).count(), 17);
        assert_eq!(
            children(TileId::new(2, 0, 1).unwrap()).collect::<Vec<_>>(),
            [TileId::new(1, 0, 256).unwrap()]
        );
    }
}

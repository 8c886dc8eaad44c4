//! Which records there are, by name: what lists are answered from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use counterfoil_store::BlobName;
use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::TreeSize;

use crate::names::{self, AnchorKind, AuthorityName, CheckpointHash, Named, Place, RecordName};

/// The checkpoints of one size, growing. Mostly there is one, so that a list takes the least memory.
type Checkpoints = Vec<Folder>;

/// What is about one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    checkpoint: CheckpointHash,
    /// Growing.
    names: Vec<RecordName>,
}

/// The names of all records: some 100 bytes each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    anchors: BTreeMap<OriginHash, BTreeMap<TreeSize, Checkpoints>>,
    forks: BTreeMap<OriginHash, BTreeMap<CheckpointHash, Halves>>,
}

/// Which of the two checkpoints of a fork are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Halves {
    anchored: bool,
    refused: bool,
}

impl Halves {
    fn half(&mut self, which: &str) -> &mut bool {
        match which {
            "anchored" => &mut self.anchored,
            _ => &mut self.refused,
        }
    }
}

/// Where one checkpoint of a fork is: `<origin hash>/forks/<SHA-256 of the refused one>/anchored` or `…/refused`.
pub(super) fn fork_name(log: OriginHash, refused: CheckpointHash, which: &str) -> BlobName {
    #[expect(
        clippy::expect_used,
        reason = "hexadecimal digits and words are a name"
    )]
    BlobName::new(&format!("{log}/forks/{refused}/{which}"))
        .expect("hexadecimal digits and words are a name")
}

/// What the path of a checkpoint of a fork says.
pub(super) fn parse_fork(path: &str) -> Option<(OriginHash, CheckpointHash, &str)> {
    let parts: Vec<&str> = path.split('/').collect();
    let [log, "forks", refused, which @ ("anchored" | "refused")] = parts[..] else {
        return None;
    };
    Some((log.parse().ok()?, refused.parse().ok()?, which))
}

impl Index {
    /// Takes the path of a blob. What is no record's is none of the index's business.
    pub(super) fn take(&mut self, path: &str) {
        if let Ok((place, named)) = names::parse(path) {
            let log = self.anchors.entry(place.origin).or_default();
            let checkpoints = log.entry(place.size).or_default();
            take_name(checkpoints, place.checkpoint, named);
        } else if let Some((log, refused, which)) = parse_fork(path) {
            let forks = self.forks.entry(log).or_default();
            *forks.entry(refused).or_default().half(which) = true;
        }
    }

    /// Whether the path of a blob was taken.
    pub(super) fn has(&self, path: &str) -> bool {
        match names::parse(path) {
            Ok((place, Named::Checkpoint)) => self.names(&place).is_some(),
            Ok((place, Named::Record(name))) => {
                let names = self.names(&place).unwrap_or_default();
                names.binary_search(&name).is_ok()
            }
            Err(_) => parse_fork(path).is_some_and(|(log, refused, which)| {
                let forks = self.forks.get(&log);
                let halves = forks.and_then(|forks| forks.get(&refused).copied());
                halves.is_some_and(|mut halves| *halves.half(which))
            }),
        }
    }

    /// The logs of which there are records or forks.
    pub fn logs(&self) -> BTreeSet<OriginHash> {
        self.anchors
            .keys()
            .chain(self.forks.keys())
            .copied()
            .collect()
    }

    /// The sizes of a log at which checkpoints were anchored, growing, all or those above one; none if the log is not known.
    pub fn sizes(
        &self,
        log: OriginHash,
        above: Option<TreeSize>,
    ) -> Option<impl DoubleEndedIterator<Item = TreeSize>> {
        let from = above.map_or(Bound::Unbounded, Bound::Excluded);
        let sizes = self.anchors.get(&log)?.range((from, Bound::Unbounded));
        Some(sizes.map(|(size, _)| *size))
    }

    /// The checkpoints of a size that were anchored.
    pub fn checkpoints(
        &self,
        log: OriginHash,
        size: TreeSize,
    ) -> Option<impl DoubleEndedIterator<Item = CheckpointHash>> {
        let folders = self.anchors.get(&log)?.get(&size)?.iter();
        Some(folders.map(|folder| folder.checkpoint))
    }

    /// The records about a checkpoint.
    pub fn records(&self, place: &Place) -> Option<impl DoubleEndedIterator<Item = &RecordName>> {
        Some(self.names(place)?.iter())
    }

    /// The names of the tokens over a checkpoint, of each authority in the order of their numbers.
    pub fn tokens(&self, place: &Place) -> Vec<RecordName> {
        let names = self.names(place).into_iter().flatten();
        names.filter(|name| name.is_token()).cloned().collect()
    }

    /// The names of the records of blocks of a chain that have a checkpoint, in the order of their numbers.
    pub fn blocks(&self, place: &Place, chain: &AuthorityName) -> Vec<RecordName> {
        let names = self.names(place).into_iter().flatten();
        names
            .filter(|name| name.is_block_of(chain))
            .cloned()
            .collect()
    }

    /// The names of the records of blocks, of whichever chain, that have a checkpoint.
    pub fn all_blocks(&self, place: &Place) -> Vec<RecordName> {
        let names = self.names(place).into_iter().flatten();
        names
            .filter(|name| name.kind == AnchorKind::Ethereum)
            .cloned()
            .collect()
    }

    /// Where blocks of a chain are recorded for the largest size of a log that has any, of all sizes or of those below one.
    pub fn newest_blocks(
        &self,
        log: OriginHash,
        chain: &AuthorityName,
        below: Option<TreeSize>,
    ) -> Vec<(Place, RecordName)> {
        let to = below.map_or(Bound::Unbounded, Bound::Excluded);
        let sizes = self.anchors.get(&log).into_iter();
        let sizes = sizes.flat_map(|sizes| sizes.range((Bound::Unbounded, to)).rev());
        let mut found = sizes.map(|(size, checkpoints)| {
            let named = checkpoints.iter().flat_map(|folder| {
                let place = Place {
                    origin: log,
                    size: *size,
                    checkpoint: folder.checkpoint,
                };
                let names = folder.names.iter().filter(|name| name.is_block_of(chain));
                names.map(move |name| (place, name.clone()))
            });
            named.collect::<Vec<_>>()
        });
        found.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// The names of the additions to a token, in the order of their numbers.
    pub fn added(&self, place: &Place, token: &RecordName) -> Vec<RecordName> {
        let names = self.names(place).into_iter().flatten();
        let of_token = |name: &&RecordName| name.revocation.is_some() && name.of_token() == *token;
        names.filter(of_token).cloned().collect()
    }

    /// The checkpoints of a log of more entries than this about which there is a record, the largest first.
    pub(super) fn anchored_above(&self, log: OriginHash, size: Option<TreeSize>) -> Vec<Place> {
        let from = size.map_or(Bound::Unbounded, Bound::Excluded);
        let logs = self.anchors.get(&log).into_iter();
        let sizes = logs.flat_map(|sizes| sizes.range((from, Bound::Unbounded)).rev());
        let places = sizes.flat_map(|(size, folders)| {
            let recorded = folders.iter().filter(|folder| !folder.names.is_empty());
            recorded.map(|folder| Place {
                origin: log,
                size: *size,
                checkpoint: folder.checkpoint,
            })
        });
        places.collect()
    }

    /// The newest folders of a log, at most so many, the largest size first.
    pub fn newest(&self, log: OriginHash, most: usize) -> Vec<Place> {
        let sizes = self.anchors.get(&log).into_iter().flatten().rev();
        let places = sizes.flat_map(|(size, checkpoints)| {
            checkpoints.iter().map(|folder| Place {
                origin: log,
                size: *size,
                checkpoint: folder.checkpoint,
            })
        });
        places.take(most).collect()
    }

    /// The refused checkpoints of forks of a log: of each at least one of the two checkpoints is there.
    pub fn forks(&self, log: OriginHash) -> BTreeSet<CheckpointHash> {
        let forks = self.forks.get(&log).into_iter();
        forks.flat_map(BTreeMap::keys).copied().collect()
    }

    /// Those of which the anchored checkpoint is not there.
    pub(super) fn half_forks(&self, log: OriginHash) -> Vec<CheckpointHash> {
        let forks = self.forks.get(&log).into_iter().flatten();
        let half = forks.filter(|(_, halves)| !halves.anchored);
        half.map(|(refused, _)| *refused).collect()
    }

    pub(super) fn next_token(&self, place: &Place, authority: &AuthorityName) -> u16 {
        let names = self.names(place).into_iter().flatten();
        let of_authority =
            names.filter(|name| name.kind == AnchorKind::Rfc3161 && name.authority == *authority);
        of_authority
            .map(|name| name.number)
            .max()
            .unwrap_or(0)
            .saturating_add(1)
    }

    pub(super) fn next_added(&self, place: &Place, token: &RecordName) -> u16 {
        let names = self.names(place).into_iter().flatten();
        let of_token = names.filter(|name| name.of_token() == *token);
        let last = of_token.filter_map(|name| name.revocation).max();
        last.unwrap_or(0).saturating_add(1)
    }

    fn names(&self, place: &Place) -> Option<&[RecordName]> {
        let folders = self.anchors.get(&place.origin)?.get(&place.size)?;
        let at = folders.binary_search_by_key(&place.checkpoint, |folder| folder.checkpoint);
        Some(&folders.get(at.ok()?)?.names)
    }
}

fn take_name(folders: &mut Checkpoints, checkpoint: CheckpointHash, named: Named) {
    let at = folders.binary_search_by_key(&checkpoint, |folder| folder.checkpoint);
    let at = at.unwrap_or_else(|free| {
        let folder = Folder {
            checkpoint,
            names: Vec::new(),
        };
        insert(folders, free, folder);
        free
    });
    if let (Some(folder), Named::Record(name)) = (folders.get_mut(at), named)
        && let Err(free) = folder.names.binary_search(&name)
    {
        insert(&mut folder.names, free, name);
    }
}

/// Without room for more: most never come.
fn insert<T>(list: &mut Vec<T>, at: usize, item: T) {
    list.reserve_exact(1);
    list.insert(at, item);
}

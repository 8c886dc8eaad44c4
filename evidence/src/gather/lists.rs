//! What anchors list.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::TreeSize;
use futures_util::future::join_all;

use super::{Anchor, Ask, Failed, FailedKind, MAX_SIZES, Sizes, Wanted};
use crate::names::{AnchorKind, AuthorityName, CheckpointHash, Place, RecordName, parse_size};

/// The records that an anchor lists for a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) place: Place,
    pub(super) names: Vec<RecordName>,
}

impl Listed {
    /// How many authorities there seem to be.
    pub(super) fn authorities(&self) -> usize {
        let names = self.names.iter();
        let authorities: BTreeSet<(AnchorKind, &AuthorityName)> =
            names.map(|name| (name.kind, &name.authority)).collect();
        authorities.len()
    }
}

/// The checkpoints of the first sizes that cover an entry. What was listed before something went wrong is good.
pub(super) async fn covering(anchor: &impl Anchor, wanted: Wanted) -> (Vec<Place>, Option<Failed>) {
    let Wanted { log, index, sizes } = wanted;
    let mut places = Vec::new();
    let listed = async {
        let published = match sizes {
            Sizes::UpTo(published) => published,
            Sizes::Only(size) => {
                places = checkpoints(anchor, log, size).await?;
                return Ok(());
            }
        };
        let path = format!("{log}/anchors?after={index}");
        let all = list(anchor, path, parse_size).await?;
        let covers = |size: &TreeSize| size.get() > index.get() && *size <= published;
        let sizes = all.into_iter().filter(covers).take(MAX_SIZES);
        let listed = sizes.map(|size| checkpoints(anchor, log, size));
        // At one time: an anchor that is slow is so for each answer.
        for listed in join_all(listed).await {
            places.extend(listed?);
        }
        Ok(())
    };
    let failed = listed.await.err();
    (places, failed)
}

/// The last few sizes, the largest first. Size 0 has no entry to ask for.
pub(super) async fn largest(
    anchor: &impl Anchor,
    log: OriginHash,
) -> Result<Vec<TreeSize>, Failed> {
    let path = format!("{log}/anchors?last={MAX_SIZES}");
    let mut sizes = list(anchor, path, parse_size).await?;
    sizes.retain(|size| size.get() > 0);
    sizes.sort_unstable_by_key(|size| Reverse(*size));
    sizes.truncate(MAX_SIZES);
    Ok(sizes)
}

/// The checkpoints of a size.
pub(super) async fn checkpoints(
    anchor: &impl Anchor,
    origin: OriginHash,
    size: TreeSize,
) -> Result<Vec<Place>, Failed> {
    let place = |line: &str| {
        let checkpoint = line.parse::<CheckpointHash>().ok()?;
        Some(Place {
            origin,
            size,
            checkpoint,
        })
    };
    list(anchor, format!("{origin}/anchors/{size}"), place).await
}

/// The records about a checkpoint.
pub(super) async fn records(anchor: &impl Anchor, place: Place) -> Result<Listed, Failed> {
    let name = |line: &str| match line {
        "checkpoint" => Some(None),
        // A kind that this version does not know is passed over.
        line => Some(line.parse::<RecordName>().ok()),
    };
    let names = list(anchor, place.to_string(), name).await?;
    let names = names.into_iter().flatten().collect();
    Ok(Listed { place, names })
}

/// The lines of a list; none if there is no such list.
async fn list<T>(
    anchor: &impl Anchor,
    path: String,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Failed> {
    let ask = Ask::List(path);
    let Some(bytes) = anchor.read(&ask, ask.limit()).await? else {
        return Ok(Vec::new());
    };
    let wrong = |line: &str| {
        let shown: String = line.chars().take(80).collect();
        Failed {
            kind: FailedKind::Unusable,
            what: format!("{}: not a line of this list: {shown:?}", ask.path()),
        }
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("(no UTF-8)"))?;
    let lines = text.lines();
    lines
        .map(|line| parse(line).ok_or_else(|| wrong(line)))
        .collect()
}

//! What anchors list.

use std::collections::BTreeSet;

use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::TreeSize;

use super::{
    Anchor, Ask, Failed, FailedKind, MAX_CHECKPOINTS, MAX_PLACES, MAX_SIZES, Sizes, Wanted,
};
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

/// The records about the first checkpoints that cover an entry. What was listed before something went wrong is good.
pub(super) async fn covering(
    anchor: &impl Anchor,
    wanted: Wanted,
) -> (Vec<Listed>, Option<Failed>) {
    let Wanted { log, index, sizes } = wanted;
    let mut listed = Vec::new();
    let looked = async {
        let published = match sizes {
            Sizes::UpTo(published) => published,
            Sizes::Only(size) => return of_size(anchor, log, size, &mut listed).await,
        };
        let path = format!("{log}/anchors?after={index}");
        let all = list(anchor, path, parse_size).await?;
        let covers = |size: &TreeSize| size.get() > index.get() && *size <= published;
        let sizes = all.into_iter().filter(covers).take(MAX_SIZES);
        for size in sizes {
            of_size(anchor, log, size, &mut listed).await?;
        }
        Ok(())
    };
    let failed = looked.await.err();
    (listed, failed)
}

/// The records about the checkpoints of the largest size that has any, of the last few. Size 0 has no entry to ask for.
pub(super) async fn largest(
    anchor: &impl Anchor,
    log: OriginHash,
) -> (Vec<Listed>, Option<Failed>) {
    let mut listed = Vec::new();
    let looked = async {
        let path = format!("{log}/anchors?last={MAX_SIZES}");
        let mut sizes = list(anchor, path, parse_size).await?;
        sizes.sort_unstable();
        let sizes = sizes.into_iter().rev().take(MAX_SIZES);
        for size in sizes.filter(|size| size.get() > 0) {
            of_size(anchor, log, size, &mut listed).await?;
            // While a round goes on there is a checkpoint without tokens.
            listed.retain(|one| !one.names.is_empty());
            if !listed.is_empty() {
                break;
            }
        }
        Ok(())
    };
    let failed = looked.await.err();
    (listed, failed)
}

async fn of_size(
    anchor: &impl Anchor,
    origin: OriginHash,
    size: TreeSize,
    listed: &mut Vec<Listed>,
) -> Result<(), Failed> {
    let hash = |line: &str| line.parse::<CheckpointHash>().ok();
    let room = MAX_CHECKPOINTS.min(MAX_PLACES.saturating_sub(listed.len()));
    if room == 0 {
        return Ok(());
    }
    let checkpoints = list(anchor, format!("{origin}/anchors/{size}"), hash).await?;
    for checkpoint in checkpoints.into_iter().take(room) {
        let place = Place {
            origin,
            size,
            checkpoint,
        };
        let name = |line: &str| match line {
            "checkpoint" => Some(None),
            // A kind that this version does not know is passed over.
            line => Some(line.parse::<RecordName>().ok()),
        };
        let names = list(anchor, place.to_string(), name).await?;
        let names: Vec<RecordName> = names.into_iter().flatten().collect();
        listed.push(Listed { place, names });
    }
    Ok(())
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

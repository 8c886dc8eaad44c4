//! Tiles and entry bundles: known by their path, else guessed from their bytes.

use counterfoil_tiles::hash::{NodeHash, hash_leaf};
use counterfoil_tiles::tile::{BundleId, EntryBundle, TILE_SIZE, TILE_WIDTH, Tile, TileId};

use super::Explanation;

/// Entries that are shown.
const SHOWN: usize = 4;

/// Explains what lies at a path that ends like one of a tile or bundle.
pub(super) fn by_path(path: &str, bytes: &[u8]) -> Option<Explanation> {
    let places = path.match_indices("tile/").map(|(place, _)| &path[place..]);
    let mut names = places.filter(|name| !name.is_empty());
    names.find_map(|name| match (BundleId::parse(name), TileId::parse(name)) {
        (Ok(id), _) => Some(bundle(bytes, id.width(), Some(id))),
        (_, Ok(id)) => Some(tile(bytes, Some(id))),
        _ => None,
    })
}

/// Explains bytes that are a bundle or a tile by their form.
pub(super) fn by_contents(bytes: &[u8]) -> Option<Explanation> {
    if let Some(width) = bundle_width(bytes) {
        return Some(bundle(bytes, width, None));
    }
    let is_tile = !bytes.is_empty() && bytes.len() <= TILE_SIZE && bytes.len().is_multiple_of(32);
    is_tile.then(|| tile(bytes, None))
}

/// The number of entries, if the bytes are a bundle.
fn bundle_width(bytes: &[u8]) -> Option<u16> {
    let mut rest = bytes;
    let mut width = 0;
    while let Some((length, after)) = rest.split_first_chunk() {
        rest = after.get(usize::from(u16::from_be_bytes(*length))..)?;
        width += 1;
        if width > TILE_WIDTH {
            return None;
        }
    }
    (rest.is_empty() && width > 0).then_some(width)
}

fn tile(bytes: &[u8], id: Option<TileId>) -> Explanation {
    let place = match id {
        Some(id) if id.level() == 0 => {
            let first = id.index().saturating_mul(u64::from(TILE_WIDTH));
            format!("the leaf hashes of the entries from {first}")
        }
        Some(id) => format!("hashes of level {}, tile {}", id.level(), id.index()),
        None => "hashes, by the look of it: nothing in it says of what".to_owned(),
    };
    let parsed = match Tile::parse(bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            return Explanation::new("tile", format!("a tile: {place}"))
                .check(false, error.to_string());
        }
    };
    let width = parsed.width();
    let mut explanation = Explanation::new("tile", format!("a tile of {width} hashes: {place}"));
    if let Some(id) = id {
        let what = format!("its path says {} hashes, its bytes {width}", id.width());
        explanation = explanation.check(id.width() == width, what);
    }
    for (name, hash) in [
        ("first hash", parsed.hashes().first()),
        ("last hash", parsed.hashes().last()),
    ] {
        explanation = explanation.fact(name, hash.map(NodeHash::to_string).unwrap_or_default());
    }
    if let Some(root) = parsed.root() {
        explanation = explanation.fact("root over it", root);
    }
    explanation.needs_trust("whether they are the hashes of the log: `counterfoil audit` checks them up to a signed root")
}

fn bundle(bytes: &[u8], width: u16, id: Option<BundleId>) -> Explanation {
    let first = id.map(|id| id.index().saturating_mul(u64::from(TILE_WIDTH)));
    let place = match first {
        Some(first) => format!("the entries from {first}"),
        None => "by the look of it: nothing in it says of which log or from where".to_owned(),
    };
    let parsed = match EntryBundle::parse(bytes, width) {
        Ok(parsed) => parsed,
        Err(error) => {
            return Explanation::new("bundle", format!("an entry bundle: {place}"))
                .check(false, error.to_string());
        }
    };
    let entries = parsed.entries();
    let mut explanation = Explanation::new(
        "bundle",
        format!("an entry bundle of {width} entries: {place}"),
    );
    for (number, entry) in entries.iter().enumerate().take(SHOWN) {
        let name = format!(
            "entry {}",
            first.unwrap_or_default().saturating_add(number as u64)
        );
        let value = format!(
            "{} (leaf hash {})",
            show(entry),
            hex::encode(hash_leaf(entry).as_bytes())
        );
        explanation = explanation.fact(name, value);
    }
    if entries.len() > SHOWN {
        explanation = explanation.fact("and", format!("{} more", entries.len() - SHOWN));
    }
    explanation.needs_trust("whether they are the entries of the log: `counterfoil audit` checks them up to a signed root")
}

/// An entry in a line: text as text, 32 bytes as the digest that they probably are, anything else as hexadecimal.
fn show(entry: &[u8]) -> String {
    const LONGEST: usize = 60;
    let text = std::str::from_utf8(entry)
        .ok()
        .filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
    let shown = match text {
        Some(text) => format!("{:?}", text.chars().take(LONGEST).collect::<String>()),
        None => hex::encode(entry.get(..LONGEST / 2 + 2).unwrap_or(entry)),
    };
    let more = match text {
        Some(text) => text.chars().count() > LONGEST,
        None => entry.len() > LONGEST / 2 + 2,
    };
    format!(
        "{} bytes {shown}{}",
        entry.len(),
        if more { "…" } else { "" }
    )
}

//! Names of tiles and bundles, and the paths they are served at.
//!
//! C2SP tlog-tiles, section "Merkle Tree": `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`.
//!
//! ```
//! use counterfoil_tiles::tile::{BundleId, TileId};
//!
//! assert_eq!(TileId::new(0, 1_234_067, 256)?.path(), "tile/0/x001/x234/067");
//! assert_eq!(TileId::parse("tile/1/000.p/17")?, TileId::new(1, 0, 17)?);
//! assert_eq!(BundleId::new(273, 112)?.path(), "tile/entries/273.p/112");
//! # Ok::<(), counterfoil_tiles::tile::IdError>(())
//! ```

use std::fmt::Write as _;

use super::TILE_WIDTH;

/// The highest level that a path can name.
///
/// SPEC(tlog-tiles): "`<L>` is the “level” of the tile, and MUST be a decimal ASCII integer between 0
/// and 63, with no additional leading zeroes."
pub const MAX_LEVEL: u8 = 63;

/// Why something does not name a tile or a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The level is above 63.
    #[error("the level of a tile is 0 to 63, found {0}")]
    Level(u8),
    /// The width is 0 or above 256.
    #[error("the width of a tile or bundle is 1 to 256, found {0}")]
    Width(u16),
    /// The path does not start with `tile/`, or with `tile/entries/` for a bundle.
    #[error("expected a path that starts with \"{0}\"")]
    Prefix(&'static str),
    /// The level in the path is not a decimal number from 0 to 63 without leading zeros.
    #[error("expected a level from 0 to 63 without leading zeros")]
    LevelText,
    /// The index in the path is not elements of three digits, all but the last after an `x`, as few as the index needs, and below 2^64.
    #[error(
        "expected an index as three-digit path elements, all but the last beginning with x, without a leading x000, and below 2^64"
    )]
    IndexText,
    /// The width in the path is not a decimal number from 1 to 255 without leading zeros.
    #[error("expected a partial width from 1 to 255 without leading zeros")]
    WidthText,
}

/// The name of a full (width 256) or partial tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

impl TileId {
    /// The tile number `index` of `level` (0 to 63), as it is when it has `width` hashes (1 to 256).
    pub const fn new(level: u8, index: u64, width: u16) -> Result<Self, IdError> {
        if level > MAX_LEVEL {
            return Err(IdError::Level(level));
        }
        if width == 0 || width > TILE_WIDTH {
            return Err(IdError::Width(width));
        }
        Ok(Self {
            level,
            index,
            width,
        })
    }

    /// Reads a path as [`TileId::path`] writes it, and no other.
    pub fn parse(path: &str) -> Result<Self, IdError> {
        let rest = path.strip_prefix("tile/").ok_or(IdError::Prefix("tile/"))?;
        let (level, rest) = rest.split_once('/').ok_or(IdError::LevelText)?;
        let level = decimal(level)
            .and_then(|level| u8::try_from(level).ok())
            .filter(|level| *level <= MAX_LEVEL)
            .ok_or(IdError::LevelText)?;
        let (index, width) = parse_index_and_width(rest)?;
        Self::new(level, index, width)
    }

    /// The path below the log's prefix, without a slash before it.
    pub fn path(&self) -> String {
        let mut path = format!("tile/{}/", self.level);
        write_index_and_width(&mut path, self.index, self.width);
        path
    }

    /// The level: its hashes are the roots of subtrees of 256^level entries.
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// The number of tiles to the left on this level.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The number of hashes: 256, or fewer for a partial tile.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether the tile has fewer than 256 hashes.
    pub const fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The full tile at this place.
    #[must_use]
    pub const fn full(&self) -> Self {
        Self {
            level: self.level,
            index: self.index,
            width: TILE_WIDTH,
        }
    }
}

/// The name of a full (width 256) or partial entry bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId {
    index: u64,
    width: u16,
}

impl BundleId {
    /// The bundle number `index`, as it is when it has `width` entries (1 to 256).
    pub const fn new(index: u64, width: u16) -> Result<Self, IdError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(IdError::Width(width));
        }
        Ok(Self { index, width })
    }

    /// Reads a path as [`BundleId::path`] writes it, and no other.
    pub fn parse(path: &str) -> Result<Self, IdError> {
        let rest = path
            .strip_prefix("tile/entries/")
            .ok_or(IdError::Prefix("tile/entries/"))?;
        let (index, width) = parse_index_and_width(rest)?;
        Self::new(index, width)
    }

    /// The path below the log's prefix, without a slash before it.
    pub fn path(&self) -> String {
        let mut path = String::from("tile/entries/");
        write_index_and_width(&mut path, self.index, self.width);
        path
    }

    /// The number of bundles to the left.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The number of entries: 256, or fewer for a partial bundle.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether the bundle has fewer than 256 entries.
    pub const fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The full bundle at this place.
    #[must_use]
    pub const fn full(&self) -> Self {
        Self {
            index: self.index,
            width: TILE_WIDTH,
        }
    }

    /// The tile of level 0 with the hashes of these entries.
    pub const fn leaf_tile(&self) -> TileId {
        TileId {
            level: 0,
            index: self.index,
            width: self.width,
        }
    }
}

fn write_index_and_width(path: &mut String, index: u64, width: u16) {
    let mut groups = [0_u64; 7]; // 2^64 has 20 digits
    let mut used: usize = 0;
    let mut rest = index;
    for group in &mut groups {
        *group = rest % 1000;
        rest /= 1000;
        used = used.saturating_add(1);
        if rest == 0 {
            break;
        }
    }
    for (place, group) in groups.iter().enumerate().take(used).rev() {
        // Writing to a String cannot fail.
        let _ = if place > 0 {
            write!(path, "x{group:03}/")
        } else {
            write!(path, "{group:03}")
        };
    }
    if width < TILE_WIDTH {
        let _ = write!(path, ".p/{width}");
    }
}

fn parse_index_and_width(text: &str) -> Result<(u64, u16), IdError> {
    // By the dot alone: a search for a character costs a quarter of one for a string, and this is on the path of every tile.
    let (index, width) = match text.split_once('.') {
        // SPEC(tlog-tiles): "`<W>` is the width of the tile, a decimal ASCII integer between 1 and 255, with no
        // additional leading zeroes."
        Some((index, partial)) => {
            let width = partial.strip_prefix("p/").ok_or(IdError::IndexText)?;
            let width = decimal(width)
                .and_then(|width| u16::try_from(width).ok())
                .filter(|width| (1..TILE_WIDTH).contains(width))
                .ok_or(IdError::WidthText)?;
            (index, width)
        }
        None => (text, TILE_WIDTH),
    };
    Ok((parse_index(index).ok_or(IdError::IndexText)?, width))
}

/// SPEC(tlog-tiles): "It MUST be a non-negative integer encoded into zero-padded 3-digit path elements. All but the last path
/// element MUST begin with an `x`."
fn parse_index(text: &str) -> Option<u64> {
    // Padding to three digits never gives a whole element of zeros in front of others.
    if text.starts_with("x000") {
        return None;
    }
    let (leading, last) = match text.rsplit_once('/') {
        Some((leading, last)) => (Some(leading), last),
        None => (None, text),
    };
    let mut index = 0_u64;
    for element in leading.into_iter().flat_map(|leading| leading.split('/')) {
        index = append_group(index, element.strip_prefix('x')?)?;
    }
    append_group(index, last)
}

fn append_group(index: u64, digits: &str) -> Option<u64> {
    if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    index.checked_mul(1000)?.checked_add(digits.parse().ok()?)
}

/// A decimal number of at most 20 digits, without sign or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0')))
        .then(|| text.parse().ok())
        .flatten()
}

//! Evidence: what shows offline that an entry existed no later than a time, and the records of anchors that it is made of.
//!
//! - [`format`](mod@format): evidence as a file.
//! - [`blocks`]: which blocks of Ethereum chains a verifier trusts.
//! - [`receipt`]: what a receipt shows, each check by name ([`counterfoil_checks`]).
//! - [`trust`]: what a verifier trusts, as a file.
//! - [`judge`](mod@judge): whether evidence shows a time, under that trust.
//! - [`matching`]: how many of those that vouch count, where an authority counts once and so does a key.
//! - [`gather`]: which anchored checkpoint covers an entry, and which records of it are worth giving out.
//! - [`record`], [`names`]: what an anchor keeps of a time-stamp, how it is written, and what it is called.
//! - [`moment`]: a time of day.
//! - [`time`]: times in words.
//!
//! Architecture invariant: nothing here opens a socket, reads a file or reads a clock, and no input makes it panic.

#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod blocks;
pub mod format;
pub mod gather;
mod json;
pub mod judge;
pub mod matching;
pub mod moment;
pub mod names;
pub mod receipt;
pub mod record;
pub mod time;
pub mod trust;

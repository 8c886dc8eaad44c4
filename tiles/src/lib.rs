//! The formats and the mathematics of transparency logs, without I/O, clock or randomness.
//!
//! One specification, one module; each module names the C2SP document or RFC it keeps and shows the format by an example.

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod checkpoint;
pub mod cosignature;
pub mod frontier;
pub mod hash;
pub mod key;
pub mod misbehaviour;
pub mod note;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod witness_wire;

mod text;

//! Evidence and trust as files: read, written and refused as docs/evidence.md says.

mod common;
mod format;
mod fuzz_body;
mod properties;
mod refusals;
mod schema;
mod trust;

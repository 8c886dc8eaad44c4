//! Evidence as a file: read, written and refused as docs/evidence.md says.

mod common;
mod format;
mod properties;
mod refusals;
mod schema;

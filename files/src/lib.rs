//! Files that only their owner may read, and files that appear whole or not at all. Tools and services have keys and passwords in the
//! one, and what they write in the other.
//!
//! Architecture invariant: nothing here knows what is in a file.

#![forbid(unsafe_code)]

mod private;
mod whole;

pub use private::{PrivateFileError, create_private, read_private};
pub use whole::{directory_of, replace, sync_directory_of};

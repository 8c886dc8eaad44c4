//! Noticing that the files were replaced or removed underneath.
//!
//! An operator who restores a backup over a running service, or deletes the `-wal` file to save space, leaves SQLite
//! writing happily into files that have no name any more: each acknowledged change would be lost at the next start.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::fs::stat;

use crate::{Trouble, TroubleKind};

#[derive(Debug)]
pub(super) struct Underneath {
    files: [(PathBuf, Option<Identity>); 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Underneath {
    /// Remembers the main file and its `-wal` file, both open by now.
    pub(super) fn remember(main: &Path) -> Self {
        let mut wal = main.as_os_str().to_owned();
        wal.push("-wal");
        Self {
            files: [main.to_owned(), PathBuf::from(wal)]
                .map(|path| (path.clone(), identity(&path))),
        }
    }

    /// Two `stat` calls, about a microsecond each.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        for (path, then) in &self.files {
            if then.is_none() || identity(path) != *then {
                return Err(Trouble::new(
                    TroubleKind::Damaged,
                    format!(
                        "{} was replaced or removed while it was in use",
                        path.display()
                    ),
                    "stop the service, decide which file is the right one, put it there with its -wal file, then start",
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Underneath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(main, _), _] = &self.files;
        write!(f, "{}", main.display())
    }
}

fn identity(path: &Path) -> Option<Identity> {
    // The types of the two fields differ between systems.
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "u64 on Linux, narrower elsewhere"
    )]
    stat(path).ok().map(|facts| Identity {
        device: facts.st_dev as u64,
        inode: facts.st_ino as u64,
    })
}

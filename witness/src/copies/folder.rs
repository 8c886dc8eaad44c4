//! Copies in a folder: the monitoring tree as files, which any web server can serve.
//!
//! An empty directory may be a new place, or one over which nothing is mounted, with all copies out of sight. So a place is set
//! up once ([`FolderCopies::set_up`]), which puts a mark there; where it is missing nothing is known about copies, and none
//! are written.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_tiles::note::MAX_NOTE_SIZE;

use super::CopySource;
use crate::OriginHash;

/// The name of a log's copy within its folder.
const FILE: &str = "checkpoint";

/// The file that marks a place.
const MARK: &str = "counterfoil-copies";

const MARK_TEXT: &str = "\
Here a witness keeps copies of the checkpoints that it has cosigned (counterfoil witness). This file shows that the place is
there: where it is missing, nothing is written, and the copies are not taken to be none. Do not put it anywhere by hand.
";

/// A folder with `<origin hash>/checkpoint` for each log, and the mark.
#[derive(Debug, Clone)]
pub struct FolderCopies {
    folder: PathBuf,
    place: String,
}

impl FolderCopies {
    /// The copies below a folder, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            place: folder.display().to_string(),
            folder,
        }
    }

    /// Makes a new place of the folder, which is made if it is not there, with copies of these checkpoints; false if it is one
    /// already, and then nothing is changed. Blocks.
    ///
    /// The mark comes last: where it is, everything is.
    pub fn set_up(
        &self,
        copies: impl IntoIterator<Item = (OriginHash, Bytes)>,
    ) -> io::Result<bool> {
        std::fs::create_dir_all(&self.folder)?;
        let mark = self.folder.join(MARK);
        if mark.try_exists()? {
            return Ok(false);
        }
        for (log, bytes) in copies {
            self.put(log, &bytes)?;
        }
        std::fs::write(mark, MARK_TEXT)?;
        Ok(true)
    }

    /// Replaces a log's copy: it shows the old bytes or the new ones, whenever it is read. Not flushed: what a power cut
    /// takes back is an older copy, and that is normal. Blocks.
    pub(super) fn write(&self, log: OriginHash, bytes: &[u8]) -> io::Result<()> {
        expect_mark(&self.folder)?;
        self.put(log, bytes)
    }

    fn put(&self, log: OriginHash, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(log.to_string());
        std::fs::create_dir_all(&folder)?;
        let temporary = folder.join(format!(".{FILE}-{}", std::process::id()));
        let write = || {
            let mut file = std::fs::File::create(&temporary)?;
            file.write_all(bytes)?;
            std::fs::rename(&temporary, folder.join(FILE))
        };
        write().inspect_err(|_| {
            drop(std::fs::remove_file(&temporary)); // best effort: the next write truncates it
        })
    }
}

#[async_trait]
impl CopySource for FolderCopies {
    fn place(&self) -> &str {
        &self.place
    }

    async fn fetch(&self, log: OriginHash) -> Result<Option<Bytes>, String> {
        let folder = self.folder.clone();
        blocking(
            move || match read(&folder.join(log.to_string()).join(FILE))? {
                Some(copy) => Ok(Some(copy)),
                None => expect_mark(&folder).map(|()| None),
            },
        )
        .await
    }

    async fn list(&self) -> Result<Option<Vec<OriginHash>>, String> {
        let folder = self.folder.clone();
        blocking(move || list(&folder).map(Some)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Fails where a folder is no place that was set up, or cannot be seen.
fn expect_mark(folder: &Path) -> io::Result<()> {
    if folder.join(MARK).try_exists()? {
        return Ok(());
    }
    let what = format!(
        "there is no {MARK} in it: it is not mounted, or was never set up; if it is new, `counterfoil witness add-copies` sets it up"
    );
    Err(io::Error::new(io::ErrorKind::NotFound, what))
}

fn read(path: &Path) -> io::Result<Option<Bytes>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // One byte more than a note has, so that a larger file is found to be none.
    let limit = u64::try_from(MAX_NOTE_SIZE)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes.into()))
}

fn list(folder: &Path) -> io::Result<Vec<OriginHash>> {
    expect_mark(folder)?;
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        // Other files than ours are not our business.
        logs.extend(
            name.to_str()
                .and_then(|name| name.parse::<OriginHash>().ok()),
        );
    }
    Ok(logs)
}

//! Which files a submission is of: the files named, and those in the directories named.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The extension of receipts.
///
/// SPEC(tlog-proof): "Proofs SHOULD be stored with file extension `.tlog-proof`."
pub(crate) const RECEIPT_EXTENSION: &str = "tlog-proof";

/// How names of evidence end.
const EVIDENCE_ENDING: &str = ".evidence.json";

/// The name of a journal that a submission keeps unless it is told another.
pub(crate) const JOURNAL_NAME: &str = ".counterfoil-submit.jsonl";

/// One file to submit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chosen {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its path below the argument that named it; a file named itself is known by its last component.
    pub(crate) relative: PathBuf,
}

/// Why files could not be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// A path cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A path is neither a file nor a directory.
    #[error("{} is neither a file nor a directory", path.display())]
    Special {
        /// The path.
        path: PathBuf,
    },
    /// Two files would have the same receipt.
    #[error("{} and {} would both have the receipt {}", first.display(), second.display(), receipt.display())]
    SameReceipt {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// The receipt.
        receipt: PathBuf,
    },
}

/// Lists the files that the arguments name, sorted by path and each once.
///
/// Directories are walked without following symbolic links; receipts, evidence and journals in them are no records and are left
/// out, unless an argument names them. A symbolic link that an argument names is followed.
pub(crate) fn list(arguments: &[PathBuf]) -> Result<Vec<Chosen>, ListError> {
    let mut files = Vec::new();
    for argument in arguments {
        let io = |error| ListError::Io {
            path: argument.clone(),
            error,
        };
        let metadata = fs::metadata(argument).map_err(io)?;
        if metadata.is_file() {
            let relative = argument
                .file_name()
                .map_or_else(|| argument.clone(), PathBuf::from);
            files.push(Chosen {
                path: argument.clone(),
                relative,
            });
        } else if metadata.is_dir() {
            walk(argument, &mut files)?;
        } else {
            return Err(ListError::Special {
                path: argument.clone(),
            });
        }
    }
    files.sort();
    files.dedup_by(|a, b| a.path == b.path);
    Ok(files)
}

fn walk(directory: &Path, files: &mut Vec<Chosen>) -> Result<(), ListError> {
    for item in WalkDir::new(directory).sort_by_file_name() {
        let item = item.map_err(|error| ListError::Io {
            path: error.path().unwrap_or(directory).to_owned(),
            error: error.into(),
        })?;
        if item.file_type().is_file() && !is_ours(item.path()) {
            let relative = item
                .path()
                .strip_prefix(directory)
                .unwrap_or(item.path())
                .to_owned();
            files.push(Chosen {
                path: item.into_path(),
                relative,
            });
        }
    }
    Ok(())
}

/// Whether a path is a receipt, evidence or a journal, by its name.
fn is_ours(path: &Path) -> bool {
    file_of_evidence(path).is_some()
        || path.extension() == Some(OsStr::new(RECEIPT_EXTENSION))
        || path.file_name() == Some(OsStr::new(JOURNAL_NAME))
}

/// Where the receipt of each file goes: beside it, or under `directory` by its relative path.
pub(crate) fn receipt_paths(
    files: &[Chosen],
    directory: Option<&Path>,
) -> Result<Vec<PathBuf>, ListError> {
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|file| {
            receipt_path(&directory.map_or_else(|| file.path.clone(), |to| to.join(&file.relative)))
        })
        .collect();
    let mut order: Vec<usize> = (0..paths.len()).collect();
    order.sort_by(|&a, &b| paths[a].cmp(&paths[b]));
    for pair in order.windows(2) {
        if let [first, second] = *pair
            && paths[first] == paths[second]
        {
            return Err(ListError::SameReceipt {
                first: files[first].path.clone(),
                second: files[second].path.clone(),
                receipt: paths[first].clone(),
            });
        }
    }
    Ok(paths)
}

/// `report.pdf` has the receipt `report.pdf.tlog-proof`.
pub(crate) fn receipt_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(RECEIPT_EXTENSION);
    PathBuf::from(name)
}

/// `report.pdf` has the evidence `report.pdf.evidence.json`.
pub(crate) fn evidence_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(EVIDENCE_ENDING);
    PathBuf::from(name)
}

/// The file that evidence is about, by its name; `None` if it is not named as evidence is.
pub(crate) fn file_of_evidence(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let file = name.strip_suffix(EVIDENCE_ENDING)?;
    (!file.is_empty()).then(|| path.with_file_name(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        directory
    }

    fn relative(files: &[Chosen]) -> Vec<&str> {
        files
            .iter()
            .map(|file| file.relative.to_str().unwrap())
            .collect()
    }

    #[test]
    fn a_directory_gives_its_files_without_receipts_and_journals() {
        let directory = tree(&[
            "b/two",
            "a",
            "b/two.tlog-proof",
            "c.tlog-proof",
            "a.evidence.json",
            ".hidden",
            "b/.counterfoil-submit.jsonl",
        ]);
        std::os::unix::fs::symlink("a", directory.path().join("link")).unwrap();
        let files = list(&[directory.path().to_owned()]).unwrap();
        assert_eq!(relative(&files), [".hidden", "a", "b/two"]);
    }

    #[test]
    fn a_file_named_is_taken_whatever_its_name_and_once() {
        let directory = tree(&["a", "c.tlog-proof"]);
        let (a, c) = (
            directory.path().join("a"),
            directory.path().join("c.tlog-proof"),
        );
        let files = list(&[c.clone(), a.clone(), a.clone(), c]).unwrap();
        assert_eq!(relative(&files), ["a", "c.tlog-proof"]);
    }

    #[test]
    fn what_is_absent_or_special_is_named() {
        let absent = PathBuf::from("/absent/file");
        assert!(
            matches!(list(std::slice::from_ref(&absent)), Err(ListError::Io { path, .. }) if path == absent)
        );
        let special = PathBuf::from("/dev/null");
        assert!(
            matches!(list(std::slice::from_ref(&special)), Err(ListError::Special { path }) if path == special)
        );
    }

    #[test]
    fn receipts_go_beside_the_files_or_under_a_directory() {
        let directory = tree(&["b/two", "a.txt"]);
        let files = list(&[directory.path().to_owned()]).unwrap();
        let beside = receipt_paths(&files, None).unwrap();
        assert_eq!(beside[1], directory.path().join("b/two.tlog-proof"));
        let under = receipt_paths(&files, Some(Path::new("/receipts"))).unwrap();
        assert_eq!(
            under,
            [
                Path::new("/receipts/a.txt.tlog-proof"),
                Path::new("/receipts/b/two.tlog-proof")
            ]
        );
    }

    #[test]
    fn two_files_with_one_receipt_are_refused() {
        let directory = tree(&["x/report", "y/report"]);
        let files = list(&[
            directory.path().join("x/report"),
            directory.path().join("y/report"),
        ])
        .unwrap();
        assert!(matches!(
            receipt_paths(&files, Some(Path::new("/receipts"))),
            Err(ListError::SameReceipt { .. })
        ));
        assert!(receipt_paths(&files, None).is_ok());
    }
}

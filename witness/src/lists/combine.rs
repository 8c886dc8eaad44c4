//! From the lines of several files to logs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use counterfoil_tiles::checkpoint::Origin;

use super::{Fault, ListError, Listed};
use crate::{Log, LogOptions, Logs, LogsError};

/// The logs of all files.
#[derive(Debug)]
pub struct Combined {
    /// The logs.
    pub logs: Logs,
    /// Lines that say something about a log that an earlier file decides on, and that was not taken: one sentence each.
    pub overruled: Vec<String>,
}

/// Why files do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CombineError {
    /// A file contradicts itself.
    #[error("{}: {error}", file.display())]
    List {
        /// The file.
        file: PathBuf,
        /// The line, and what is wrong.
        error: ListError,
    },
    /// A log cannot be witnessed.
    #[error("{}: line {line}: {error}", file.display())]
    Log {
        /// The file.
        file: PathBuf,
        /// The line that named the log first.
        line: usize,
        /// Why.
        error: LogsError,
    },
}

/// What one file says about one log.
struct Entry<'a> {
    file: &'a Path,
    number: usize,
    first: usize,
    rate: Option<(f64, usize)>,
    paused: bool,
    keys: Vec<&'a Listed>,
}

/// Puts the lines of files together: of each origin, what the first file says that names it.
pub fn combine(files: &[(PathBuf, Vec<Listed>)]) -> Result<Combined, CombineError> {
    let mut order: Vec<&Origin> = Vec::new();
    let mut entries: HashMap<&Origin, Entry<'_>> = HashMap::new();
    let mut overruled = Vec::new();
    for (number, (file, listed)) in files.iter().enumerate() {
        for one in listed {
            let entry = entries.entry(&one.origin).or_insert_with(|| {
                order.push(&one.origin);
                Entry {
                    file,
                    number,
                    first: one.line,
                    rate: None,
                    paused: false,
                    keys: Vec::new(),
                }
            });
            if entry.number == number {
                entry.take(one).map_err(|error| CombineError::List {
                    file: file.clone(),
                    error,
                })?;
            } else if !entry.keys.iter().any(|known| known.vkey == one.vkey) {
                overruled.push(format!(
                    "{}: line {}: this key of the log {} is not trusted, because {} names the log first and has other keys",
                    file.display(),
                    one.line,
                    one.origin,
                    entry.file.display()
                ));
            }
        }
    }
    let logs: Vec<Log> = order
        .into_iter()
        .filter_map(|origin| Some((origin, entries.get(origin)?)))
        .map(|(origin, entry)| entry.log(origin))
        .collect::<Result<_, _>>()?;
    // Each origin is there once.
    let logs = Logs::new(logs).map_err(|error| CombineError::Log {
        file: PathBuf::new(),
        line: 0,
        error,
    })?;
    Ok(Combined { logs, overruled })
}

impl<'a> Entry<'a> {
    /// Adds a line of the same file.
    fn take(&mut self, one: &'a Listed) -> Result<(), ListError> {
        match (one.options.rate, self.rate) {
            (Some(rate), Some((other, line))) if rate.to_bits() != other.to_bits() => {
                return Err(ListError {
                    line: one.line,
                    fault: Fault::Contradiction {
                        option: "the rate",
                        origin: one.origin.clone(),
                        other: line,
                    },
                });
            }
            (Some(rate), None) => self.rate = Some((rate, one.line)),
            _ => {}
        }
        // One word stops a log, wherever it stands.
        self.paused |= one.options.paused;
        self.keys.push(one);
        Ok(())
    }

    fn log(&self, origin: &Origin) -> Result<Log, CombineError> {
        let keys = self.keys.iter().map(|one| one.vkey.clone());
        let options = LogOptions {
            rate: self.rate.map(|(rate, _)| rate),
            paused: self.paused,
        };
        Log::new(origin.clone(), keys, options).map_err(|error| CombineError::Log {
            file: self.file.to_owned(),
            line: self.first,
            error,
        })
    }
}

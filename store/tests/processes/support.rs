//! Starting processes under test and talking to them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Set in a process under test.
pub(crate) const CHILD: &str = "COUNTERFOIL_STORE_CHILD";

/// Set, to the name of the case, in a process that may mount.
pub(crate) const IN_NAMESPACE: &str = "COUNTERFOIL_STORE_IN_NAMESPACE";

/// What a write came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Conflict,
    NotDone(String),
    Unknown(String),
    /// A read: the bytes, in hexadecimal, or `None`.
    Value(Option<String>),
    /// A read that failed.
    Unreadable(String),
}

impl Outcome {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.to_owned();
        Some(match word {
            "done" => Self::Done,
            "conflict" => Self::Conflict,
            "not-done" => Self::NotDone(rest),
            "unknown" => Self::Unknown(rest),
            "value" => Self::Value(Some(rest)),
            "nothing" => Self::Value(None),
            "unreadable" => Self::Unreadable(rest),
            _ => return None,
        })
    }

    /// Whether it is `NotDone` with a trouble of this kind.
    pub(crate) fn is_not_done(&self, kind: &str) -> bool {
        matches!(self, Self::NotDone(rest) if rest.starts_with(kind))
    }

    /// Whether it is `Unknown` with a trouble of this kind.
    pub(crate) fn is_unknown(&self, kind: &str) -> bool {
        matches!(self, Self::Unknown(rest) if rest.starts_with(kind))
    }
}

/// A process under test. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a process that has nothing open yet.
    pub(crate) fn start() -> Self {
        Self::start_by(Command::new(own_program()))
    }

    /// Starts one below `strace` with these options.
    pub(crate) fn start_traced<S: AsRef<OsStr>>(options: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new("strace");
        command
            .arg("-f")
            .arg("-qq")
            .args(options)
            .arg("--")
            .arg(own_program());
        Self::start_by(command)
    }

    fn start_by(mut command: Command) -> Self {
        command
            .env(CHILD, "1")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // A process that is made to fail says so on its standard error; that is no news.
        command.stderr(Stdio::null());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().unwrap());
        Self { child, to, from }
    }

    /// Sends a command (see [`crate::child`]). Whether the process still listened.
    pub(crate) fn send(&mut self, command: &str) -> bool {
        let Some(to) = &mut self.to else { return false };
        to.write_all(format!("{command}\n").as_bytes())
            .and_then(|()| to.flush())
            .is_ok()
    }

    /// The next answer, or `None` if the process has died.
    pub(crate) fn answer(&mut self) -> Option<Outcome> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(count) if count > 0 && line.ends_with('\n') => Some(crate::parse(line.trim_end())),
            _ => None,
        }
    }

    /// Sends a command and waits for its answer; `None` if the process has died.
    pub(crate) fn try_ask(&mut self, command: &str) -> Option<Outcome> {
        self.send(command);
        self.answer()
    }

    pub(crate) fn ask(&mut self, command: &str) -> Outcome {
        self.try_ask(command)
            .unwrap_or_else(|| panic!("the process died at {command:?}"))
    }

    #[track_caller]
    pub(crate) fn must(&mut self, command: &str) {
        let outcome = self.ask(command);
        assert_eq!(outcome, Outcome::Done, "{command}");
    }

    pub(crate) fn open_blobs(&mut self, folder: &Path) {
        self.must(&format!("open-blobs {}", folder.display()));
    }

    pub(crate) fn open_registers(&mut self, file: &Path) {
        self.must(&format!("open-registers {}", file.display()));
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end by itself.
    pub(crate) fn end(mut self) {
        drop(self.to.take());
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn own_program() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}

/// Fails if `variable` is 1, which says that nothing may be skipped.
pub(crate) fn may_skip(variable: &str, reason: &str) {
    let required = std::env::var(variable).is_ok_and(|value| value == "1");
    assert!(!required, "{variable}=1, but: {reason}");
}

/// `None` if `strace` can trace here, otherwise the reason to skip.
pub(crate) fn without_strace() -> Option<String> {
    let works = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .stderr(Stdio::null())
        .status();
    let reason = match works {
        Ok(status) if status.success() => return None,
        Ok(status) => format!("strace cannot trace here ({status})"),
        Err(error) => format!("strace cannot be started ({error})"),
    };
    may_skip("COUNTERFOIL_REQUIRE_STRACE", &reason);
    Some(reason)
}

/// Starts a future on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

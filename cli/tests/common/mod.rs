//! What the integration tests share: the binary, directories, vectors.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary compiles this module and uses a part of it"
)]

pub mod anchor;
pub mod process;
pub mod server;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The real binary, with an environment of its own.
pub struct Counterfoil {
    pub directory: tempfile::TempDir,
}

/// What a run came to.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Counterfoil {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A path in the temporary directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file below the temporary directory.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A command that runs in the temporary directory and remembers audits there.
    pub fn command<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_remove("COUNTERFOIL_TOKEN")
            .env_remove("COUNTERFOIL_POLICY")
            .env_remove("COUNTERFOIL_LOG_URL")
            .env_remove("RUST_LOG")
            .env("COUNTERFOIL_STATE_DIR", self.path("state"))
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run<I, S>(&self, arguments: I) -> Ran
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// Runs to the end with `input` on standard input.
    pub fn run_with_input<I, S>(&self, arguments: I, input: &[u8]) -> Ran
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that ends early closes its end, which is no fault of the test.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::of(&child.wait_with_output().unwrap())
    }
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Everything that was said, for messages of failed assertions.
    pub fn all(&self) -> String {
        format!(
            "exit {}\n{}\n--- standard error\n{}",
            self.code, self.stdout, self.stderr
        )
    }

    /// The result as JSON; the last line if there are several.
    pub fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }

    /// The outcome of a named check.
    pub fn check(&self, name: &str) -> String {
        let json = self.json();
        let checks = json["checks"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", self.all()));
        let check = checks.iter().find(|check| check["name"] == name);
        let check = check.unwrap_or_else(|| panic!("no check {name}: {}", self.all()));
        check["outcome"].as_str().unwrap().to_owned()
    }
}

/// One value per line of a JSON-lines file under the vectors folder.
pub fn json_lines(dir: &Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join(file)).unwrap();
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!rows.is_empty(), "{file} has no rows");
    rows
}

/// Copies a directory tree.
pub fn copy_tree(from: &Path, to: &Path) {
    for item in walkdir::WalkDir::new(from) {
        let item = item.unwrap();
        let target = to.join(item.path().strip_prefix(from).unwrap());
        if item.file_type().is_dir() {
            std::fs::create_dir_all(target).unwrap();
        } else {
            // Written anew rather than copied, so that read-only vectors give writable files.
            std::fs::write(target, std::fs::read(item.path()).unwrap()).unwrap();
        }
    }
}

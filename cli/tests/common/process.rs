//! A command of the binary that runs until it is told to end, and says as JSON when it is ready.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Counterfoil;
use super::server::exchange;

/// Killed when dropped.
pub struct Process {
    child: Child,
    /// What it said when it was ready.
    pub ready: Value,
    /// Where it is, without a slash at the end.
    pub url: String,
    /// Kept open: a process that cannot write ends.
    _stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it, and waits until it is ready.
    pub fn start<S: AsRef<OsStr>>(counterfoil: &Counterfoil, arguments: &[S]) -> Self {
        let mut command = counterfoil.command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let urls = [
            &ready["url"],
            &ready["urls"][0],
            &ready["logs"][0]["urls"][0],
        ];
        let url = urls.into_iter().find_map(Value::as_str).unwrap();
        let url = url.trim_end_matches('/').to_owned();
        Self {
            child,
            ready,
            url,
            _stdout: stdout,
        }
    }

    /// Status and body of a GET.
    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n");
        let (status, _, body) = exchange(&self.url, &head, b"");
        (status, body)
    }

    /// The body of a GET that succeeds, as text.
    pub fn text(&self, path: &str) -> String {
        let (status, body) = self.get(path);
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// PUTs or POSTs a body, and gives the status and what came.
    pub fn send(&self, line: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let length = body.len();
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n");
        let (status, _, body) = exchange(&self.url, &head, body);
        (status, body)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Asks it to end, and waits; gives the exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A real server process, and a proxy that meddles with what goes to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use super::Counterfoil;

/// A log that runs as a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    pub vkey: String,
}

impl Server {
    /// Makes a log in `log` below the temporary directory.
    pub fn init(counterfoil: &Counterfoil) {
        let ran = counterfoil.run(["log", "init", "log", "--origin", "test.example/log"]);
        assert_eq!(ran.code, 0, "{}", ran.all());
    }

    /// Runs the log in `log`, on a port that is free.
    pub fn start(counterfoil: &Counterfoil, flags: &[&str]) -> Self {
        let fixed = [
            "--json",
            "log",
            "run",
            "--config",
            "log",
            "--listen",
            "127.0.0.1:0",
        ];
        let quick = ["--log-checkpoint-interval", "50ms", "--log-filter", "warn"];
        let mut command = counterfoil.command(fixed.iter().chain(&quick).chain(flags));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let ready: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let log = &ready["logs"][0];
        Self {
            url: log["urls"][0].as_str().unwrap().to_owned(),
            vkey: log["vkeys"][0].as_str().unwrap().to_owned(),
            child,
        }
    }

    /// Makes a log and runs it.
    pub fn new(counterfoil: &Counterfoil) -> Self {
        Self::init(counterfoil);
        Self::start(counterfoil, &[])
    }

    /// Asks it to end, and waits; gives the exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal();
        self.child.wait().unwrap().code()
    }

    /// Asks it to end.
    pub fn signal(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// The body of a GET, with its status.
    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let (status, _, body) = exchange(
            &self.url,
            &format!("GET /{path} HTTP/1.1\r\nHost: {}\r\n", host(&self.url)),
            b"",
        );
        (status, body)
    }

    /// Entries in the published checkpoint.
    pub fn size(&self) -> u64 {
        let (status, note) = self.get("checkpoint");
        assert_eq!(status, 200);
        let note = String::from_utf8(note).unwrap();
        note.lines().nth(1).unwrap().parse().unwrap()
    }

    /// How often a leaf is in the log.
    pub fn count(&self, leaf_hash: &str) -> usize {
        let (status, body) = self.get(&format!("lookup/{leaf_hash}"));
        let text = String::from_utf8(body).unwrap();
        match status {
            200 => text.lines().count() - 1,
            404 => 0,
            other => panic!("{other}: {text}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().trim_end_matches('/')
}

/// Sends a request without its last line, and reads the whole answer: status, head, body.
pub fn exchange(url: &str, head: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(host(url)).unwrap();
    stream
        .write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
        .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

/// What a proxy does with a request.
#[derive(Debug, Clone)]
pub enum Meddle {
    /// Hands it on, and hands the answer back.
    Pass,
    /// Hands it on, and breaks the connection instead of answering.
    Swallow,
    /// Hands it on, and answers this status instead.
    Replace(u16),
    /// Answers this status without handing it on; with these header lines.
    Refuse(u16, &'static str),
    /// Breaks the connection without handing it on.
    Break,
}

/// A proxy before a log, for requests with a body; others pass.
pub struct Proxy {
    pub url: String,
    /// What to do with the next requests with a body; then they pass.
    pub plan: Arc<Mutex<Vec<Meddle>>>,
    /// The heads of the requests with a body that were handed on.
    pub passed: Arc<Mutex<Vec<String>>>,
    hanging: Arc<Hanging>,
}

/// Requests that are never answered.
#[derive(Default)]
struct Hanging {
    start: Mutex<Option<&'static str>>,
    connections: Mutex<Vec<TcpStream>>,
    changed: Condvar,
}

impl Proxy {
    pub fn new(upstream: &str, mut plan: Vec<Meddle>) -> Self {
        plan.reverse();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let proxy = Self {
            url,
            plan: Arc::new(Mutex::new(plan)),
            passed: Arc::default(),
            hanging: Arc::default(),
        };
        let (plan, passed) = (Arc::clone(&proxy.plan), Arc::clone(&proxy.passed));
        let hanging = Arc::clone(&proxy.hanging);
        let upstream = upstream.to_owned();
        // Ends with the test process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (plan, passed, upstream) =
                    (Arc::clone(&plan), Arc::clone(&passed), upstream.clone());
                let hanging = Arc::clone(&hanging);
                std::thread::spawn(move || {
                    // A client that goes away is no fault of the proxy.
                    let _ = relay(client, &upstream, &plan, &passed, &hanging);
                });
            }
        });
        proxy
    }

    /// From now on requests that start so are not answered.
    pub fn hang_on(&self, start: &'static str) {
        *self.hanging.start.lock().unwrap() = Some(start);
    }

    /// Returns when such a request has come.
    pub fn wait_until_it_hangs(&self) {
        let connections = self.hanging.connections.lock().unwrap();
        let none = |connections: &mut Vec<TcpStream>| connections.is_empty();
        drop(self.hanging.changed.wait_while(connections, none).unwrap());
    }
}

fn relay(
    client: TcpStream,
    upstream: &str,
    plan: &Mutex<Vec<Meddle>>,
    passed: &Mutex<Vec<String>>,
    hanging: &Hanging,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut client = client;
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if hanging
        .start
        .lock()
        .unwrap()
        .is_some_and(|start| head.starts_with(start))
    {
        hanging.connections.lock().unwrap().push(client);
        hanging.changed.notify_all();
        return Ok(());
    }
    let meddle = if length == 0 {
        Meddle::Pass
    } else {
        plan.lock().unwrap().pop().unwrap_or(Meddle::Pass)
    };
    let answer = |client: &mut TcpStream, status: u16, head: &str, body: &[u8]| {
        let fixed = format!(
            "HTTP/1.1 {status} X\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        client.write_all(fixed.as_bytes())?;
        client.write_all(body)
    };
    if let Meddle::Refuse(status, lines) = meddle {
        return answer(&mut client, status, lines, b"meddled with\n");
    }
    if let Meddle::Break = meddle {
        return Ok(());
    }
    let (status, answered, text) = exchange(upstream, &head, &body);
    if length > 0 {
        passed
            .lock()
            .unwrap()
            .push(head.lines().next().unwrap().to_owned());
    }
    match meddle {
        Meddle::Swallow => Ok(()),
        Meddle::Replace(status) => answer(&mut client, status, "", b"meddled with\n"),
        _ => {
            let is_kept = |line: &&str| {
                let line = line.to_ascii_lowercase();
                !line.starts_with("content-length") && !line.starts_with("connection")
            };
            let kept: Vec<&str> = answered.lines().skip(1).filter(is_kept).collect();
            let kept: String = kept.iter().flat_map(|line| [line, "\r\n"]).collect();
            answer(&mut client, status, &kept, &text)
        }
    }
}

/// Where a counterfoil's log has its data.
pub fn data(counterfoil: &Counterfoil) -> PathBuf {
    counterfoil.path("log/data")
}

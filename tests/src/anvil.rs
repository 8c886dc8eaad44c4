//! A development chain of a test's own: anvil, at the version of `tests/anvil/package.json`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What the program is called, by system and processor, as npm names them.
fn package() -> Option<&'static str> {
    Some(match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "anvil-linux-amd64",
        ("linux", "aarch64") => "anvil-linux-arm64",
        ("macos", "x86_64") => "anvil-darwin-amd64",
        ("macos", "aarch64") => "anvil-darwin-arm64",
        _ => return None,
    })
}

/// The program, where `scripts/npm.sh tests/anvil` has installed it.
///
/// `None` where it is not, after saying so.
///
/// # Panics
///
/// Where it is not, and `COUNTERFOIL_REQUIRE_ANVIL=1`.
pub fn program() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("anvil/node_modules/@foundry-rs");
    let program = package().map(|package| folder.join(package).join("bin/anvil"));
    if let Some(program) = program
        && program.is_file()
    {
        return Some(program);
    }
    assert!(
        std::env::var_os("COUNTERFOIL_REQUIRE_ANVIL").is_none_or(|value| value != "1"),
        "COUNTERFOIL_REQUIRE_ANVIL=1, but anvil is not installed: run scripts/npm.sh tests/anvil"
    );
    // On standard error and not through `println!`, which the test harness hides.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: a test on a real chain, since anvil is not installed (scripts/npm.sh tests/anvil)"
    );
    None
}

/// A chain that runs until this is dropped. Blocks are final two blocks later.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// The id of the chain.
    pub const CHAIN_ID: u64 = 31_337;

    /// The private key of its first account, which is rich.
    pub const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    /// Starts one on a free port. `None` where it is not installed.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let program = program()?;
        let mut child = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(["--slots-in-an-epoch", "1"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("anvil starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on 127.0.0.1:")?.parse().ok())
            .expect("anvil says where it listens");
        // It writes a line for each call, and nobody reads them.
        thread::spawn(move || lines.for_each(drop));
        Some(Self { child, port })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Calls a method, and gives its result.
    ///
    /// # Panics
    ///
    /// Where that is an error, or none comes.
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!(...)")]
    pub fn call(&self, method: &str, params: Value) -> Value {
        let mut answer = ask(self.port, method, &params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Makes so many blocks.
    pub fn mine(&self, blocks: u64) {
        self.call("anvil_mine", json!([format!("{blocks:#x}")]));
        self.catch_up();
    }

    /// Replaces so many of the last blocks by empty ones; the transactions in them are lost.
    pub fn reorganise(&self, depth: u64) {
        self.call("anvil_reorg", json!([depth, []]));
        self.catch_up();
    }

    /// It writes its history of fees some moments after the block, and until then contradicts itself.
    fn catch_up(&self) {
        loop {
            let head = self.call("eth_getBlockByNumber", json!(["latest", false]));
            let fees = self.call("eth_feeHistory", json!(["0x1", "latest", []]));
            if fees["oldestBlock"] == head["number"]
                && fees["baseFeePerGas"][0] == head["baseFeePerGas"]
                && fees["baseFeePerGas"][1].is_string()
            {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Calls a method of the chain at this port, and gives the whole answer.
///
/// # Panics
///
/// Where none comes.
pub fn ask(port: u16, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let body = body.to_string();
    let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("anvil takes connections");
    write!(
        connection,
        "POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("anvil reads");
    let mut answer = String::new();
    connection
        .read_to_string(&mut answer)
        .expect("anvil answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
    serde_json::from_str(body).expect("an answer in JSON")
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Neither fails but where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

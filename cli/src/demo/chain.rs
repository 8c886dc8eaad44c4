//! The chain of the tour, where anvil is installed: an Ethereum chain for development, which proves nothing.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Tour;
use super::anchors::{ANCHOR, CONFIG, EVIDENCE, FORGED, TRUST};
use super::tour::Server;
use super::witnesses::{ask, string};
use crate::exit::Failure;

/// What the anchor and the trust file call it.
const NAME: &str = "dev-chain";

/// What anvil's chains have for an id.
const CHAIN_ID: u64 = 31_337;

/// Where the anchor's transactions go: to an address of nobody.
const DESTINATION: &str = "0x00000000000000000000000000000000000a11ce";

const KEY: &str = "anchor/ethereum-key.json";
const PASSWORD: &str = "anchor/ethereum-password";
const FORGED_TRUST: &str = "forged-trust.toml";

/// The calldata of an anchor begin with them.
const SELECTOR: [u8; 4] = [0xee, 0xcd, 0xf9, 0x27];

/// A chain that runs.
pub(super) struct Chain {
    server: Server,
    url: String,
}

/// What is changed, by the key of its value and the place of the byte in it, and the check that catches it.
type Forgery = (&'static str, &'static str, PlaceIn, &'static str);

/// Where in a value a byte is changed.
type PlaceIn = fn(&[u8]) -> Option<usize>;

/// A block, as the chain shows it.
struct Block {
    number: u64,
    hash: String,
}

impl Chain {
    pub(super) fn stop(self) -> Result<(), Failure> {
        self.server.stop()
    }

    /// Calls a method.
    fn call(&self, method: &str, params: &Value) -> Result<Value, Failure> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (_, said) = ask(reqwest::Client::new().post(&self.url).json(&body))?;
        let mut said: Value = serde_json::from_str(&said).unwrap_or_default();
        if said["error"].is_null() {
            return Ok(said["result"].take());
        }
        let error = &said["error"];
        Err(Failure::could_not_tell(format!("{method}: {error}")))
    }

    /// The block of the anchor's last record.
    fn anchored(&self, anchor: &str) -> Result<Block, Failure> {
        let (_, said) = ask(reqwest::Client::new().get(format!("{anchor}status")))?;
        let said: Value = serde_json::from_str(&said).unwrap_or_default();
        let number = said.pointer("/ethereum/last_record/block");
        match number.and_then(Value::as_u64) {
            Some(number) => self.block(number),
            None => Err(Failure::could_not_tell(
                "the anchor has no record of a block",
            )),
        }
    }

    /// The block with this number.
    fn block(&self, number: u64) -> Result<Block, Failure> {
        let block = self.call(
            "eth_getBlockByNumber",
            &json!([format!("{number:#x}"), false]),
        )?;
        let hash = string(&block, "/hash");
        Ok(Block { number, hash })
    }
}

/// Where anvil is: what `COUNTERFOIL_ANVIL` says (`make demo` sets it), or in the path.
fn anvil() -> PathBuf {
    let given = std::env::var_os("COUNTERFOIL_ANVIL").filter(|path| !path.is_empty());
    given.map_or_else(|| PathBuf::from("anvil"), PathBuf::from)
}

impl Tour {
    /// Runs a chain, and has the anchor pay for transactions on it; none where anvil is not installed or does not run.
    pub(super) fn run_chain(&mut self) -> Result<Option<Chain>, Failure> {
        self.step("Run an Ethereum chain for development, with a block a second: what it holds proves nothing");
        let program = anvil();
        let mut command = Command::new(&program);
        command
            .args(["--host", "127.0.0.1", "--port", "0", "--block-time", "1"])
            .args(["--slots-in-an-epoch", "1"])
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            self.output.line(
                "     anvil is not installed: the tour goes on without a chain (`make demo` installs it with npm, or npm install -g @foundry-rs/anvil)",
            );
            return Ok(None);
        };
        let Some((server, port)) = listening(child) else {
            self.output.line(format!(
                "     anvil starts and does not listen, as where it is built for another system ({} --version tells more): the tour goes on without a chain",
                program.display()
            ));
            return Ok(None);
        };
        let url = format!("http://127.0.0.1:{port}/");
        self.output.line(format!(
            "   $ anvil --port {port} --block-time 1 --slots-in-an-epoch 1 &"
        ));
        let chain = Chain { server, url };
        self.pay_for_anchors(&chain)?;
        Ok(Some(chain))
    }

    /// Makes the anchor's key, gives its account some ether, and adds the chain to the anchor's configuration.
    fn pay_for_anchors(&mut self, chain: &Chain) -> Result<(), Failure> {
        self.write_password()?;
        let made = self.type_in(&["anchor", "key", KEY, "--password-file", PASSWORD])?;
        self.expect(&made, 0, "the anchor has an account of its own");
        let account = made.text.lines().next().unwrap_or_default().trim();
        chain.call("anvil_setBalance", &json!([account, "0xde0b6b3a7640000"]))?;
        self.output.line(format!(
            "     the chain gives {account} an ether; {CONFIG} gets:"
        ));
        let table = format!(
            "[ethereum]\nname = \"{NAME}\"\nchain_id = {CHAIN_ID}\nrpc = [\"{}\"]\ndestination = \"{DESTINATION}\"\n\
             keystore = \"ethereum-key.json\"\npassword_file = \"ethereum-password\"\nblock_time = \"1s\"\n",
            chain.url
        );
        for line in table.lines() {
            self.output.line(format!("     {line}"));
        }
        let file = self.home.join(CONFIG);
        let mut config = fs::read_to_string(&file).map_err(|error| self.cannot(&error))?;
        config.push('\n');
        config.push_str(&table);
        fs::write(file, config).map_err(|error| self.cannot(&error))?;
        let checked = self.type_in(&["anchor", "check", "--config", ANCHOR])?;
        self.expect(&checked, 0, "the chain says what a round would cost");
        Ok(())
    }

    fn write_password(&self) -> Result<(), Failure> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = fs::File::options();
        let made = options
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(self.home.join(PASSWORD));
        made.and_then(|mut file| file.write_all(b"a password of the tour\n"))
            .map_err(|error| self.cannot(&error))
    }

    /// Trusts the chain, and verifies with a node, which says that the block is of the chain and final: the trust file names none.
    pub(super) fn ask_chain(&mut self, chain: &Chain, record: &str) -> Result<(), Failure> {
        self.step("Verify it with a node of one's own, which says which block is final");
        self.output.line(format!(
            "     {TRUST} also trusts the chain, and names no block of it"
        ));
        self.add_to_trust(&format!(
            "\n[[ethereum]]\nname = \"{NAME}\"\nchain_id = {CHAIN_ID}\ndestination = \"{DESTINATION}\"\n"
        ))?;
        let verify = ["verify", EVIDENCE, record, "--trust", TRUST];
        let verified = self.type_in(&[&verify[..], &["--eth-rpc", &chain.url]].concat())?;
        self.expect(&verified, 0, "the file existed no later than that time");
        let is_trusted = verified.text.contains(", trusted by the node 127.0.0.1:");
        self.holds(is_trusted, "the block is trusted by the node's word");
        Ok(())
    }

    /// Trusts the block of the anchor's transaction, by the hash that the chain itself says.
    pub(super) fn trust_chain(&mut self, chain: &Chain, anchor: &str) -> Result<(), Failure> {
        let Block { number, hash } = chain.anchored(anchor)?;
        self.output.line(format!(
            "     {TRUST} now trusts block {number} of the chain, whose hash the chain itself says: {hash}"
        ));
        // A line of the chain's table, which is the last.
        self.add_to_trust(&format!("block_hashes = [\"{number} {hash}\"]\n"))
    }

    fn add_to_trust(&self, lines: &str) -> Result<(), Failure> {
        let mut trust = fs::File::options();
        let trust = trust.append(true).open(self.home.join(TRUST));
        trust
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .map_err(|error| self.cannot(&error))
    }

    /// Changes calldata, receipt and header in the evidence, and the hash in the trust file.
    pub(super) fn forge_block(&mut self, record: &str) -> Result<(), Failure> {
        let forgeries: [Forgery; 3] = [
            (
                "the calldata",
                "transaction",
                place_of_root,
                "transaction inclusion",
            ),
            // In the filter of logs, and in the hash of the parent.
            ("the receipt", "receipt", |_| Some(100), "receipt inclusion"),
            ("the header", "header", |_| Some(10), "block hash"),
        ];
        for (what, key, place, check) in forgeries {
            self.step(&format!("Change one byte of {what} in the evidence"));
            self.change_in_evidence(key, place)?;
            let forged = self.type_in(&["verify", FORGED, record, "--trust", TRUST])?;
            self.caught(&forged, what, &[format!("anchor {NAME}: {check}")]);
        }
        self.step("Change one digit of the block's hash in the trust file");
        let file = self.home.join(TRUST);
        let trust = fs::read_to_string(file).map_err(|error| self.cannot(&error))?;
        let start = trust.rfind(" 0x").map(|space| space + 3);
        let mut forged = trust.into_bytes();
        let digit = start.and_then(|start| forged.get_mut(start));
        let digit = digit.ok_or_else(|| nowhere("a block's hash", TRUST))?;
        *digit = if *digit == b'0' { b'1' } else { b'0' };
        fs::write(self.home.join(FORGED_TRUST), forged).map_err(|error| self.cannot(&error))?;
        let refused = self.type_in(&["verify", EVIDENCE, record, "--trust", FORGED_TRUST])?;
        self.caught(
            &refused,
            "the hash",
            &[format!("anchor {NAME}: block hash")],
        );
        Ok(())
    }

    /// Writes the evidence with a value in base64 changed.
    fn change_in_evidence(&self, key: &str, place: PlaceIn) -> Result<(), Failure> {
        let evidence = fs::read_to_string(self.home.join(EVIDENCE));
        let evidence = evidence.map_err(|error| self.cannot(&error))?;
        let forged = forged(&evidence, key, place)
            .ok_or_else(|| nowhere(&format!("the byte of `{key}`"), EVIDENCE))?;
        self.output.line(format!(
            "     {FORGED} is {EVIDENCE} with a byte of `{key}` changed"
        ));
        fs::write(self.home.join(FORGED), forged).map_err(|error| self.cannot(&error))
    }
}

/// Waits until anvil says where it listens; none if it ends without.
fn listening(mut child: Child) -> Option<(Server, u16)> {
    let lines = child.stdout.take().map(|said| BufReader::new(said).lines());
    let server = Server::of(child);
    let mut lines = lines.into_iter().flatten().map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix("Listening on 127.0.0.1:")?.parse().ok());
    // It writes a line for each call, and nobody reads them.
    std::thread::spawn(move || lines.for_each(drop));
    Some((server, port?))
}

/// Of a transaction, the first byte of the root that its calldata has.
fn place_of_root(transaction: &[u8]) -> Option<usize> {
    let mut places = transaction.windows(SELECTOR.len());
    let selector = places.position(|bytes| bytes == SELECTOR)?;
    Some(selector + SELECTOR.len())
}

/// Evidence with a byte changed of a value in base64 of its first block, if there is such a byte.
fn forged(evidence: &str, key: &str, place: PlaceIn) -> Option<String> {
    let block = evidence.find("\"kind\": \"ethereum\"")?;
    let start = format!("\"{key}\": \"");
    let begin = block + evidence.get(block..)?.find(&start)? + start.len();
    let end = begin + evidence.get(begin..)?.find('"')?;
    let mut bytes = STANDARD.decode(evidence.get(begin..end)?).ok()?;
    let place = place(&bytes)?;
    *bytes.get_mut(place)? ^= 1;
    let mut forged = evidence.to_owned();
    forged.replace_range(begin..end, &STANDARD.encode(bytes));
    Some(forged)
}

fn nowhere(what: &str, file: &str) -> Failure {
    Failure::could_not_tell(format!("{what}, which is to be changed, is not in {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_forged_but_the_byte_that_is_meant() {
        let evidence = |transaction: &[u8]| {
            let text = STANDARD.encode(transaction);
            format!("{{\"kind\": \"ethereum\", \"transaction\": \"{text}\"}}")
        };
        let good = evidence(&[&[7; 9][..], &SELECTOR, &[9; 32]].concat());
        let mut changed = [9; 32];
        changed[0] ^= 1;
        let changed = evidence(&[&[7; 9][..], &SELECTOR, &changed].concat());
        assert_eq!(forged(&good, "transaction", place_of_root), Some(changed));
        for (name, text, key) in [
            (
                "no calldata of an anchor",
                evidence(&[7; 50]),
                "transaction",
            ),
            (
                "nothing behind the selector",
                evidence(&SELECTOR),
                "transaction",
            ),
            ("no such value", good.clone(), "receipt"),
            (
                "no block",
                good.replace("ethereum", "rfc3161"),
                "transaction",
            ),
        ] {
            assert_eq!(forged(&text, key, place_of_root), None, "{name}");
        }
    }
}

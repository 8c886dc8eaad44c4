//! The witnesses of the tour: three, one of them behind a bastion, two of which must cosign what the log publishes.

use std::fs;
use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::tour::{Answer, Server};
use super::{LOG, ORIGIN, POLICY, RECEIPTS, Tour};
use crate::exit::Failure;

/// Directories of the witnesses, and what the policy calls them.
const NAMES: [&str; 3] = ["w1", "w2", "w3"];
const BASTION: &str = "bastion";
const BASTION_CERTIFICATE: &str = "bastion/server.pem";
const FORK: &str = "fork";

/// What is waited for comes within seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// All that cosigns.
pub(super) struct Witnesses {
    all: Vec<Witness>,
    bastion: Server,
    client: reqwest::Client,
    log_vkey: String,
}

struct Witness {
    name: &'static str,
    vkeys: Vec<String>,
    /// None while it is stopped.
    server: Option<Server>,
    /// Its submission and monitoring prefix for the public.
    url: String,
    /// How it is run, the second time at the address that it got the first time.
    arguments: Vec<String>,
}

impl Witnesses {
    /// Ends them all.
    pub(super) fn stop(self) -> Result<(), Failure> {
        for witness in self.all {
            witness.server.map_or(Ok(()), Server::stop)?;
        }
        self.bastion.stop()
    }

    /// Status and text of a GET.
    fn get(&self, url: &str) -> Result<(u16, String), Failure> {
        ask(self.client.get(url))
    }
}

/// Sends a request from the tour's own thread.
pub(super) fn ask(request: reqwest::RequestBuilder) -> Result<(u16, String), Failure> {
    let answer = async {
        let response = request.timeout(Duration::from_secs(10)).send().await?;
        let status = response.status().as_u16();
        Ok::<_, reqwest::Error>((status, response.text().await?))
    };
    tokio::runtime::Handle::current()
        .block_on(answer)
        .map_err(|error| Failure::could_not_tell(error.to_string()))
}

/// The vkeys that a command printed, one a line.
pub(super) fn vkeys(answer: &Answer) -> Vec<String> {
    let is_vkey = |line: &&str| line.matches('+').count() >= 2 && !line.contains(' ');
    answer
        .text
        .lines()
        .filter(is_vkey)
        .map(str::to_owned)
        .collect()
}

/// A text at a place of a server's answer.
pub(super) fn string(value: &Value, place: &str) -> String {
    value
        .pointer(place)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

impl Tour {
    /// Makes and runs the witnesses and the bastion, and has the log publish under two of the three.
    pub(super) fn make_witnesses(&mut self, log_vkey: &str) -> Result<Witnesses, Failure> {
        self.step("Make three witnesses, which others run, and let them cosign for the log");
        let mut made = Vec::new();
        for name in NAMES {
            let full = format!("demo.example/{name}");
            let answer = self.type_in(&["witness", "init", name, "--name", &full])?;
            self.expect(&answer, 0, "the witness is made");
            let added = self.type_in(&["witness", "add-log", "--config", name, log_vkey])?;
            self.expect(&added, 0, "it knows the log");
            made.push((name, vkeys(&answer)));
        }
        let (bastion, address) = self.make_bastion()?;
        self.step(
            "Run them; the third cannot be reached from outside, and connects to the bastion",
        );
        let mut witnesses = Vec::new();
        for (name, vkeys) in made {
            witnesses.push(self.run_witness(name, vkeys, &address)?);
        }
        let root =
            fs::read(self.home.join(BASTION_CERTIFICATE)).map_err(|error| self.cannot(&error))?;
        let root = reqwest::Certificate::from_pem(&root);
        let client =
            root.and_then(|root| reqwest::Client::builder().tls_certs_only([root]).build());
        let witnesses = Witnesses {
            all: witnesses,
            bastion,
            client: client.map_err(|error| Failure::could_not_tell(error.to_string()))?,
            log_vkey: log_vkey.to_owned(),
        };
        self.allow_backend(&witnesses)?;
        self.write_policy(&witnesses)?;
        Ok(witnesses)
    }

    /// The bastion, and where backends reach it.
    fn make_bastion(&mut self) -> Result<(Server, String), Failure> {
        self.step("Make and run a bastion, by which the third witness will be reached");
        let made = self.type_in(&["bastion", "init", BASTION, "--self-signed", "localhost"])?;
        self.expect(&made, 0, "the bastion is made");
        let arguments = [
            "bastion",
            "run",
            "--config",
            BASTION,
            "--listen",
            "127.0.0.1:0",
        ];
        let (server, ready) = self.serve(BASTION, &arguments)?;
        let address = string(&ready, "/addresses/0");
        let port = address.rsplit(':').next().unwrap_or_default();
        self.output
            .line(format!("     ready at https://localhost:{port}/"));
        let key = [
            "key",
            "generate",
            "--name",
            "demo.example/w3-bastion",
            "w3/bastion.key",
        ];
        let made = self.type_in(&key)?;
        self.expect(&made, 0, "the third witness has a key for the bastion");
        Ok((server, format!("localhost:{port}")))
    }

    fn run_witness(
        &mut self,
        name: &'static str,
        vkeys: Vec<String>,
        bastion: &str,
    ) -> Result<Witness, Failure> {
        let mut arguments: Vec<String> = ["witness", "run", "--config", name]
            .map(str::to_owned)
            .to_vec();
        if name == NAMES[2] {
            let flags = ["--bastion-address", bastion, "--bastion-key", "bastion.key"];
            arguments.extend(flags.map(str::to_owned));
            let ca = ["--bastion-ca", "../bastion/server.pem"];
            arguments.extend(ca.map(str::to_owned));
        }
        arguments.push("--listen".to_owned());
        let first: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (server, ready) = self.serve(name, &[&first[..], &["127.0.0.1:0"]].concat())?;
        let behind = string(&ready, "/bastions/0");
        let url = if behind.is_empty() {
            string(&ready, "/urls/0")
        } else {
            behind
        };
        self.output.line(format!("     {name} is at {url}"));
        arguments.push(string(&ready, "/addresses/0"));
        Ok(Witness {
            name,
            vkeys,
            server: Some(server),
            url,
            arguments,
        })
    }

    /// Puts the third witness into the bastion's list, and waits until it is reached.
    fn allow_backend(&mut self, witnesses: &Witnesses) -> Result<(), Failure> {
        let url = &witnesses.all[2].url;
        let hash = url
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let line = format!("{hash} {}\n", NAMES[2]);
        let list = self.home.join(BASTION).join("backends");
        let written = fs::File::options()
            .append(true)
            .open(list)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        written.map_err(|error| self.cannot(&error))?;
        let pid = witnesses.bastion.id();
        self.output.line(format!(
            "   $ echo {} >> bastion/backends; kill -HUP {pid}",
            line.trim()
        ));
        witnesses.bastion.signal(rustix::process::Signal::HUP);
        // These are what a bastion answers in the place of a backend.
        let absent = |status| matches!(status, 421 | 502 | 503 | 504);
        let reached = self.wait(|| Ok(!absent(witnesses.get(url)?.0)))?;
        self.holds(reached, "the third witness answers through the bastion");
        Ok(())
    }

    /// The policy: what the log publishes needs the cosignatures of two of the three.
    fn write_policy(&mut self, witnesses: &Witnesses) -> Result<(), Failure> {
        let mut lines = vec![format!("log {}", witnesses.log_vkey)];
        for Witness {
            name, vkeys, url, ..
        } in &witnesses.all
        {
            let keys: Vec<String> = (1..=vkeys.len())
                .map(|key| format!("{name}-{key}"))
                .collect();
            let witness = |(key, vkey): (&String, &String)| format!("witness {key} {vkey} {url}");
            lines.extend(keys.iter().zip(vkeys).map(witness));
            lines.push(format!("group {name} any {}", keys.join(" ")));
        }
        lines.push(format!("group two-of-three 2 {}", NAMES.join(" ")));
        lines.push("quorum two-of-three".to_owned());
        let text = lines.join("\n") + "\n";
        fs::write(self.home.join(POLICY), &text).map_err(|error| self.cannot(&error))?;
        self.output.line(format!(
            "     {POLICY}, for the log and for all who verify:"
        ));
        for line in &lines {
            self.output
                .line(format!("     {}", super::tour::shortened(line)));
        }
        Ok(())
    }

    /// Stops one witness, and two; starts them again.
    pub(super) fn lose_witnesses(
        &mut self,
        witnesses: &mut Witnesses,
        url: &str,
    ) -> Result<(), Failure> {
        self.step("Stop one witness: the other two are a quorum, and the log goes on");
        self.stop_witness(&mut witnesses.all[0])?;
        self.submit_minutes(1, url)?;

        self.step("Stop a second one: the log takes entries, publishes nothing, and says so");
        self.stop_witness(&mut witnesses.all[1])?;
        let file = self.minutes(2)?;
        let taken = self.type_in(&["submit", &file, "--no-receipts", "--log", url])?;
        self.expect(&taken, 0, "the entry is taken, and is durable");
        let status = format!("{url}status");
        self.output.line(format!("   $ curl {status}"));
        let mut said = Value::Null;
        let held = self.wait(|| {
            said = serde_json::from_str(&witnesses.get(&status)?.1).unwrap_or_default();
            Ok(said["state"] == "unpublished")
        })?;
        for key in ["state", "explanation", "size", "published_size"] {
            self.output.line(format!("     {key}: {}", said[key]));
        }
        for witness in said["witnesses"].as_array().into_iter().flatten() {
            self.output
                .line(format!("     {}: {}", witness["name"], witness["answer"]));
        }
        let held = held && said["published_size"].as_u64() < said["size"].as_u64();
        self.holds(
            held,
            "nothing is published without the quorum, and the status says so",
        );

        self.step("Start both again: the log publishes what it took, by itself");
        for number in [0, 1] {
            self.start_witness(&mut witnesses.all[number])?;
        }
        let published = self.wait(|| {
            let said: Value = serde_json::from_str(&witnesses.get(&status)?.1).unwrap_or_default();
            Ok(said["published_size"] == said["size"] && said["state"] == "running")
        })?;
        self.holds(published, "everything is published again");
        let receipt = format!("{RECEIPTS}/{file}.tlog-proof");
        let fetched = self.type_in(&["receipt", &file, "--log", url, "--output", &receipt])?;
        self.expect(&fetched, 0, "there is a receipt of the entry that waited");
        let verify = ["verify", &file, "--receipt", &receipt, "--policy", POLICY];
        let verified = self.type_in(&verify)?;
        self.expect(&verified, 0, "with the cosignatures of two of the three");
        Ok(())
    }

    fn stop_witness(&self, witness: &mut Witness) -> Result<(), Failure> {
        if let Some(server) = witness.server.take() {
            self.output
                .line(format!("   $ kill {} # {}", server.id(), witness.name));
            server.stop()?;
        }
        Ok(())
    }

    fn start_witness(&self, witness: &mut Witness) -> Result<(), Failure> {
        let arguments: Vec<&str> = witness.arguments.iter().map(String::as_str).collect();
        witness.server = Some(self.serve(witness.name, &arguments)?.0);
        Ok(())
    }

    /// A new file to log.
    fn minutes(&self, number: u32) -> Result<String, Failure> {
        let name = format!("minutes-{number}.txt");
        fs::write(
            self.home.join(&name),
            format!("Minutes of meeting {number}\n"),
        )
        .map_err(|error| self.cannot(&error))?;
        Ok(name)
    }

    /// Logs a new file, until it is published.
    fn submit_minutes(&mut self, number: u32, url: &str) -> Result<(), Failure> {
        let file = self.minutes(number)?;
        let submit = [
            "submit",
            &file,
            "--log",
            url,
            "--receipts",
            RECEIPTS,
            "--policy",
            POLICY,
        ];
        let submitted = self.type_in(&submit)?;
        self.expect(
            &submitted,
            0,
            "it is published, with the cosignatures of two",
        );
        Ok(())
    }

    /// A second log with the same key and another history, which reaches the size of the first.
    pub(super) fn fork(&mut self, witnesses: &Witnesses, url: &str) -> Result<(), Failure> {
        self.step("Log one more file, until all three witnesses have cosigned");
        self.submit_minutes(3, url)?;
        let origin_hash = hex::encode(Sha256::digest(ORIGIN));
        let (_, checkpoint) = witnesses.get(&format!("{url}checkpoint"))?;
        let size = checkpoint.lines().nth(1).unwrap_or_default().to_owned();
        let everywhere = self.wait(|| {
            let cosigned = |witness: &Witness| {
                let seen = witnesses.get(&format!("{}{origin_hash}/checkpoint", witness.url));
                matches!(seen, Ok((200, text)) if text.lines().nth(1) == Some(&size))
            };
            Ok(witnesses.all.iter().all(cosigned))
        })?;
        self.holds(everywhere, &format!("all three have cosigned size {size}"));

        let note = self.forge_history(witnesses, &size)?;
        self.step("Show its checkpoint to the witnesses");
        let request = format!("old {size}\n\n{note}");
        fs::write(self.home.join("forged-request"), &request)
            .map_err(|error| self.cannot(&error))?;
        for witness in &witnesses.all {
            let target = format!("{}add-checkpoint", witness.url);
            let trust = if target.starts_with("https:") {
                format!("--cacert {BASTION_CERTIFICATE} ")
            } else {
                String::new()
            };
            self.output.line(format!(
                "   $ curl {trust}--data-binary @forged-request {target}"
            ));
            let (status, said) = ask(witnesses.client.post(&target).body(request.clone()))?;
            self.output.line(format!("     {status}: {}", said.trim()));
            let refused = format!(
                "{} refuses it: it has cosigned another history",
                witness.name
            );
            self.holds(status == 422, &refused);
        }

        self.step("Fetch the proof that the log signed two histories, and verify it offline");
        let list = format!("{}{origin_hash}/evidence", witnesses.all[0].url);
        self.output.line(format!("   $ curl {list}"));
        let (_, ids) = witnesses.get(&list)?;
        let id = ids.lines().next().unwrap_or_default();
        self.output.line(format!("     {id}"));
        let file = format!("{list}/{id}");
        self.output
            .line(format!("   $ curl -o misbehaviour {file}"));
        let (status, evidence) = witnesses.get(&file)?;
        self.holds(status == 200, "the witness kept proof");
        fs::write(self.home.join("misbehaviour"), evidence).map_err(|error| self.cannot(&error))?;
        let verified = self.type_in(&["verify", "misbehaviour", "--vkey", &witnesses.log_vkey])?;
        self.expect(&verified, 0, "whoever has the log's key can verify it");
        Ok(())
    }

    /// The checkpoint of the other history, of as many entries.
    fn forge_history(&mut self, witnesses: &Witnesses, size: &str) -> Result<String, Failure> {
        self.step("Forge: a second log with the stolen key, and as many invented entries");
        let made = self.type_in(&["log", "init", FORK, "--origin", ORIGIN])?;
        self.expect(&made, 0, "the second log is made");
        self.output.line("   $ cp log/log.key fork/log.key");
        let fork = self.home.join(FORK);
        let policy = format!("log {}\nquorum none\n", witnesses.log_vkey);
        let invented = fork.join("invented");
        fs::copy(self.home.join(LOG).join("log.key"), fork.join("log.key"))
            .and_then(|_| fs::write(fork.join("policy"), policy))
            .and_then(|()| fs::create_dir(&invented))
            .map_err(|error| self.cannot(&error))?;
        for number in 1..=size.parse::<u32>().unwrap_or_default() {
            fs::write(
                invented.join(number.to_string()),
                format!("Invented {number}\n"),
            )
            .map_err(|error| self.cannot(&error))?;
        }
        let run = ["log", "run", "--config", FORK, "--listen", "127.0.0.1:0"];
        let (server, ready) = self.serve(FORK, &run)?;
        let url = string(&ready, "/logs/0/urls/0");
        let submitted =
            self.type_in(&["submit", "fork/invented", "--no-receipts", "--log", &url])?;
        self.expect(&submitted, 0, "the other history is there");
        let mut note = String::new();
        let reached = self.wait(|| {
            note = witnesses.get(&format!("{url}checkpoint"))?.1;
            Ok(note.lines().nth(1) == Some(size))
        })?;
        self.holds(
            reached,
            &format!("its signed checkpoint has size {size} as well"),
        );
        server.stop()?;
        Ok(note)
    }

    /// Whether something comes about in time; ends early when the user wants the tour to end.
    pub(super) fn wait(
        &self,
        mut holds: impl FnMut() -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            self.go_on()?;
            // A server that is busy starting is asked again.
            if holds().unwrap_or(false) {
                return Ok(true);
            }
            if Instant::now() > end {
                return Ok(false);
            }
            sleep(Duration::from_millis(100));
        }
    }
}

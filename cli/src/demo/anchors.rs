//! The anchor of the tour: time-stamping authorities for development, one of them OpenSSL's where that is installed, and evidence
//! that verifies, and does not once a byte has changed.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::chain::Chain;
use super::tour::{Answer, Byte, Server};
use super::witnesses::{ask, string};
use super::{POLICY, Tour};
use crate::exit::Failure;

pub(super) const ANCHOR: &str = "anchor";
pub(super) const CONFIG: &str = "anchor/anchor.toml";
pub(super) const TRUST: &str = "trust.toml";
pub(super) const EVIDENCE: &str = "record.evidence.json";
pub(super) const FORGED: &str = "forged.evidence.json";

/// The address that the anchor will have, kept for it: the log names it in its configuration, and runs before it.
pub(super) struct Place {
    kept: TcpListener,
    address: SocketAddr,
}

impl Place {
    pub(super) fn keep() -> Result<Self, Failure> {
        let kept = TcpListener::bind(("127.0.0.1", 0));
        let kept = kept.and_then(|kept| kept.local_addr().map(|address| Self { kept, address }));
        kept.map_err(|error| Failure::could_not_tell(format!("no address for the anchor: {error}")))
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Gives it to who listens there.
    fn give(self) -> String {
        drop(self.kept);
        self.address.to_string()
    }
}

/// The anchor and the authorities that it asks.
pub(super) struct Anchors {
    anchor: Server,
    pub(super) url: String,
    authorities: Vec<Authority>,
    /// None where anvil is not installed or does not run.
    chain: Option<Chain>,
}

/// A time-stamping authority.
struct Authority {
    /// What the anchor and the trust file call it.
    name: &'static str,
    /// Where it takes requests.
    url: String,
    root_pem: String,
    server: Server,
}

impl Authority {
    fn root_file(&self) -> String {
        format!("{}.pem", self.name)
    }
}

impl Anchors {
    /// Ends them all.
    pub(super) fn stop(self) -> Result<(), Failure> {
        self.anchor.stop()?;
        self.chain.into_iter().try_for_each(Chain::stop)?;
        self.authorities
            .into_iter()
            .try_for_each(|authority| authority.server.stop())
    }
}

impl Tour {
    /// Writes evidence of a record, verifies it, and forges it.
    pub(super) fn show_evidence(
        &mut self,
        anchors: &Anchors,
        log: &str,
        record: &str,
    ) -> Result<(), Failure> {
        self.step("Write evidence of a file: all that is needed to verify it offline, in years");
        let status = format!("{}status", anchors.url);
        let settled = self.wait(|| {
            let (_, said) = ask(reqwest::Client::new().get(&status))?;
            let said: Value = serde_json::from_str(&said).unwrap_or_default();
            Ok(said["unsettled_tokens"] == 0)
        })?;
        self.holds(
            settled,
            "the anchor has what says that no certificate was revoked when the tokens were made",
        );
        let written = self.type_in(&[
            "evidence",
            record,
            "--log",
            log,
            "--anchor",
            &anchors.url,
            "--policy",
            POLICY,
            "--output",
            EVIDENCE,
        ])?;
        self.expect(&written, 0, "there is evidence");
        self.write_trust(anchors)?;
        if let Some(chain) = &anchors.chain {
            self.ask_chain(chain, record)?;
        }

        self.step("Verify it, offline: by what the trust file says, and nothing else");
        if let Some(chain) = &anchors.chain {
            self.trust_chain(chain, &anchors.url)?;
        }
        let verified = self.type_in(&["verify", EVIDENCE, record, "--trust", TRUST])?;
        self.expect(&verified, 0, "the file existed no later than that time");
        self.forge_evidence(anchors, record)?;
        if anchors.chain.is_some() {
            self.forge_block(record)?;
        }
        self.write_verifier()
    }

    /// Has what the log has published stamped by an anchor, which is run then.
    pub(super) fn fix_in_time(&mut self, log: &str, place: Place) -> Result<Anchors, Failure> {
        let authorities = self.run_authorities()?;
        let count = authorities.len();
        self.step(&format!(
            "Make an anchor, which has {count} of {count} authorities stamp what the log has published"
        ));
        let Some((first, others)) = authorities.split_first() else {
            return Err(Failure::could_not_tell("there is no authority"));
        };
        let root = first.root_file();
        let made = self.type_in(&[
            "anchor",
            "init",
            ANCHOR,
            "--log",
            log,
            "--policy",
            POLICY,
            "--authority",
            first.name,
            "--authority-url",
            &first.url,
            "--root",
            &root,
        ])?;
        self.expect(&made, 0, "the anchor is made");
        self.add_authorities(others)?;
        let chain = self.run_chain()?;
        let mut now = vec!["anchor", "now", "--config", ANCHOR];
        let vouch = if chain.is_some() {
            self.step(
                "Anchor once: have them stamp the checkpoint, and wait until a final block has it",
            );
            now.extend(["--wait", "1m"]);
            "each of them vouches for the checkpoint, and a final block has it"
        } else {
            "each of them vouches for the checkpoint"
        };
        let anchored = self.type_in(&now)?;
        self.expect(&anchored, 0, vouch);

        self.step("Run the anchor: it serves what it keeps, and goes on by itself");
        let run = [
            "anchor",
            "run",
            "--config",
            ANCHOR,
            "--listen",
            &place.give(),
        ];
        let (anchor, ready) = self.serve(ANCHOR, &run)?;
        let url = string(&ready, "/urls/0");
        self.output.line(format!("     ready at {url}"));
        self.holds(!url.is_empty(), "it has read its records, and listens");
        Ok(Anchors {
            anchor,
            url,
            authorities,
            chain,
        })
    }

    /// The authorities, with the files of their roots.
    fn run_authorities(&mut self) -> Result<Vec<Authority>, Failure> {
        self.step("Run time-stamping authorities for development: what they stamp proves nothing");
        let mut authorities = vec![self.run_authority("dev", "tsa")?];
        if has_openssl() {
            authorities.push(self.run_authority("openssl", "openssl-tsa")?);
        } else {
            self.output.line(
                "     OpenSSL 3 is not installed: the tour goes on with one authority, where there would be a second one that shares no code with it",
            );
        }
        Ok(authorities)
    }

    fn run_authority(&self, name: &'static str, command: &str) -> Result<Authority, Failure> {
        let arguments = ["dev", command, "--listen", "127.0.0.1:0"];
        let (server, ready) = self.serve(command, &arguments)?;
        let authority = Authority {
            name,
            url: string(&ready, "/tsr"),
            root_pem: string(&ready, "/root_pem"),
            server,
        };
        let (file, url) = (authority.root_file(), string(&ready, "/url"));
        self.output
            .line(format!("   $ curl -o {file} {url}/root.pem"));
        fs::write(self.home.join(file), &authority.root_pem)
            .map_err(|error| self.cannot(&error))?;
        Ok(authority)
    }

    /// Adds authorities to the anchor's configuration, and has all of them vouch.
    fn add_authorities(&self, others: &[Authority]) -> Result<(), Failure> {
        if others.is_empty() {
            return Ok(());
        }
        let file = self.home.join(CONFIG);
        let made = fs::read_to_string(&file).map_err(|error| self.cannot(&error))?;
        let required = format!("required = {}", others.len() + 1);
        let mut config = made.replacen("# required = 1", &required, 1);
        self.output.line(format!("     {CONFIG} gets:"));
        self.output.line(format!("     {required}"));
        for authority in others {
            let lines = [
                "[[authority]]".to_owned(),
                format!("name = \"{}\"", authority.name),
                format!("url = \"{}\"", authority.url),
                format!("roots = [\"../{}\"]", authority.root_file()),
            ];
            for line in &lines {
                self.output.line(format!("     {line}"));
            }
            config.push('\n');
            config.push_str(&lines.join("\n"));
            config.push('\n');
        }
        fs::write(file, config).map_err(|error| self.cannot(&error))
    }

    /// What the verifier trusts: the policy, and the roots as they have them from the authorities.
    fn write_trust(&self, anchors: &Anchors) -> Result<(), Failure> {
        let authorities = &anchors.authorities;
        let all = authorities.len() + usize::from(anchors.chain.is_some());
        let policy =
            fs::read_to_string(self.home.join(POLICY)).map_err(|error| self.cannot(&error))?;
        let tables = authorities.iter().map(|authority| {
            let Authority { name, root_pem, .. } = authority;
            format!("\n[[tsa]]\nname = \"{name}\"\nroots = \"\"\"\n{root_pem}\"\"\"\n")
        });
        let trust = format!(
            "format = \"counterfoil/trust@v1\"\nmin_anchors = {}\npolicy = \"\"\"\n{policy}\"\"\"\n{}",
            all,
            tables.collect::<String>()
        );
        let names: Vec<&str> = authorities.iter().map(|authority| authority.name).collect();
        self.output.line(format!(
            "     {TRUST}, the verifier's own, trusts the log and the witnesses of {POLICY}, and the roots of {}",
            names.join(" and ")
        ));
        fs::write(self.home.join(TRUST), trust).map_err(|error| self.cannot(&error))
    }

    /// Changes one byte of a token, of the checkpoint and of the entry.
    fn forge_evidence(&mut self, anchors: &Anchors, record: &str) -> Result<(), Failure> {
        // Evidence has its tokens in no order that matters.
        let signatures = anchors.authorities.iter();
        let signatures =
            signatures.map(|authority| format!("anchor {}: signature", authority.name));
        let checkpoint = vec!["log signature".to_owned()];
        let forgeries = [
            ("a token", Byte::OfToken, signatures.collect()),
            ("the checkpoint", Byte::OfRoot, checkpoint),
        ];
        for (what, byte, checks) in forgeries {
            self.step(&format!("Change one byte of {what} in the evidence"));
            self.change_a_byte(byte, EVIDENCE, FORGED)?;
            let forged = self.type_in(&["verify", FORGED, record, "--trust", TRUST])?;
            self.caught(&forged, what, &checks);
        }
        self.step("Change one byte of the entry: of the file that the evidence is about");
        self.change_a_byte(Byte::Middle, record, "forged-file")?;
        let forged = self.type_in(&["verify", EVIDENCE, "forged-file", "--trust", TRUST])?;
        self.caught(&forged, "the entry", &["entry".to_owned()]);
        Ok(())
    }

    /// Writes the page that verifies in a browser, where this program has it.
    fn write_verifier(&mut self) -> Result<(), Failure> {
        if counterfoil_web::find(counterfoil_web::VERIFIER).is_none() {
            return Ok(());
        }
        self.step("Write the verifier for browsers: drop evidence, record and trust file onto it, and it says the same, offline");
        let written = self.type_in(&["verifier"])?;
        self.expect(&written, 0, "one file, which needs neither network nor log");
        Ok(())
    }

    /// Expects that one of these checks failed.
    pub(super) fn caught(&mut self, answer: &Answer, what: &str, checks: &[String]) {
        self.expect(answer, 1, &format!("the change of {what} is caught"));
        let failed = checks.iter().find(|check| answer.fails(check));
        let check = failed.cloned().unwrap_or_else(|| checks.join("` or `"));
        self.holds(failed.is_some(), &format!("by the check `{check}`"));
    }
}

/// Whether the OpenSSL that makes time-stamps is installed: 3 or newer.
fn has_openssl() -> bool {
    let said = Command::new("openssl")
        .arg("version")
        .stdin(Stdio::null())
        .output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    is_recent(&said.unwrap_or_default())
}

/// Whether this is what OpenSSL 3 or newer says of its version, and not a relative of it.
fn is_recent(said: &str) -> bool {
    let major = said
        .strip_prefix("OpenSSL ")
        .and_then(|version| version.split('.').next())
        .and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openssl_3_and_newer_is_asked() {
        assert!(is_recent(
            "OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)"
        ));
        assert!(is_recent("OpenSSL 10.1.0"));
        assert!(!is_recent("OpenSSL 1.1.1w  11 Sep 2023"));
        assert!(!is_recent("LibreSSL 3.9.2"));
        assert!(!is_recent(""));
    }
}

//! The command line: every command, its flags and its help.

use clap::{Parser, Subcommand};

#[cfg(feature = "anchor")]
use crate::anchor::AnchorCommand;
use crate::audit::AuditArgs;
#[cfg(feature = "bastion")]
use crate::bastion::BastionCommand;
use crate::conformance::ConformanceCommand;
#[cfg(feature = "demo")]
use crate::demo::DemoArgs;
#[cfg(feature = "dev")]
use crate::dev::DevCommand;
use crate::evidence::EvidenceArgs;
use crate::inspect::InspectArgs;
use crate::key::KeyCommand;
#[cfg(feature = "log")]
use crate::log::LogCommand;
use crate::output::{Chatter, Format, Output};
use crate::receipt::ReceiptArgs;
use crate::shell::{CompletionsArgs, ManArgs};
use crate::submit::SubmitArgs;
use crate::verifier::VerifierArgs;
use crate::verify::VerifyArgs;
#[cfg(feature = "witness")]
use crate::witness::WitnessCommand;

/// Prove, years later and without trusting the operator, that a record existed and has not changed
///
/// Counterfoil: the half of a receipt that the issuer keeps. A transparency log and the tools around it.
#[derive(Debug, Parser)]
#[command(
    name = "counterfoil",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = "\
Exit codes:
  0  done; for verify and audit: verified
  1  verification failed, or a log refused for good
  2  usage: an argument or a file that was named is not what it must be
  3  could not tell (network, disk, interruption): the same command may succeed later

Results go to standard output, everything else to standard error. NO_COLOR is honoured.")]
pub(crate) struct Cli {
    /// Write results as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing but results and errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Say more of what happens, on standard error; twice for even more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Where results go.
    pub(crate) fn output(&self) -> Output {
        let format = if self.json {
            Format::Json
        } else {
            Format::Text
        };
        let chatter = if self.quiet {
            Chatter::Quiet
        } else {
            Chatter::Normal
        };
        Output::new(format, chatter)
    }

    /// What is told of the course of things, in the syntax of `tracing`'s `EnvFilter`.
    pub(crate) fn log_filter(&self) -> &'static str {
        match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "info",
            (false, _) => "debug",
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show all of it: a log and its witnesses, receipts, an audit, an anchor and its evidence, and how forgeries are caught
    ///
    /// Makes a log and three witnesses, one of them behind a bastion, submits files, fetches and verifies their receipts,
    /// audits the log, forges a file, a receipt and a copy of the log, anchors the log with two time-stamping authorities for
    /// development (with one where OpenSSL is not installed), stops witnesses and starts them again, writes evidence of a file,
    /// verifies and forges it, writes the page that verifies it in a browser, and forges a second history. Every step is a command of this program, and is shown. Afterwards
    /// the log stays up, with its pages for a browser.
    #[cfg(feature = "demo")]
    #[command(after_help = "\
Examples:
  counterfoil demo
  counterfoil demo ~/contracts --keep /tmp/demo
  counterfoil demo --once")]
    Demo(DemoArgs),
    /// Make keys and show their public half
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make, run and mend logs
    #[cfg(feature = "log")]
    #[command(subcommand)]
    Log(LogCommand),
    /// Make and run witnesses, which cosign what logs publish
    #[cfg(feature = "witness")]
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Make and run anchors, which fix what logs publish in time
    #[cfg(feature = "anchor")]
    #[command(subcommand)]
    Anchor(AnchorCommand),
    /// Make and run bastions: servers that cannot be reached from outside are reached through one
    #[cfg(feature = "bastion")]
    #[command(subcommand)]
    Bastion(BastionCommand),
    /// Log files, and keep their receipts
    ///
    /// Each file becomes one entry: its SHA-256, or with --embed its contents. When the log has published the entries,
    /// a receipt (tlog-proof) of each is written beside the file. Interrupted at any moment, the same command goes on
    /// where it was, and logs nothing twice: a journal holds what was about to be sent, and what became of it.
    #[command(after_help = "\
Examples:
  counterfoil submit report.pdf --log https://log.example/
  counterfoil submit records/ --log https://log.example/ --receipts receipts/
  counterfoil submit note.txt --embed --log https://log.example/ --vkey 'log.example+…'
  date | counterfoil submit - --embed --no-receipts --log http://127.0.0.1:8080/")]
    Submit(Box<SubmitArgs>),
    /// Fetch the receipt of an entry
    #[command(after_help = "\
Examples:
  counterfoil receipt report.pdf --log https://log.example/
  counterfoil receipt --index 17 --log https://log.example/ --output 17.tlog-proof
  counterfoil receipt --index 17 --log /srv/mirror/log")]
    Receipt(ReceiptArgs),
    /// Fetch the evidence of entries: receipts, with what fixes them in time
    ///
    /// Evidence is one file that shows offline, years later, that an entry existed no later than a time, and has not changed
    /// since: the receipt under a checkpoint that anchors fixed in time, with their tokens, certificates and revocation data.
    /// The log gives it out; with --anchor it is put together here, from the log's tiles and the anchor's records.
    #[command(after_help = "\
Examples:
  counterfoil evidence report.pdf --log https://log.example/
  counterfoil evidence records/ --log https://log.example/ --policy policy.txt
  counterfoil evidence 17 --log https://log.example/ --output 17.evidence.json
  counterfoil evidence 17 --log /srv/mirror/log --anchor https://anchor.example/ -o 17.evidence.json
  counterfoil evidence trust --log https://log.example/ -o trust.toml

Exit codes: 0 written, 1 what came does not verify, 2 usage, 3 not yet anchored, or could not tell.")]
    Evidence(Box<EvidenceArgs>),
    /// Verify files with their receipts or their evidence, offline
    ///
    /// A receipt shows that a log holds the file's entry, unchanged; evidence shows the time, too, by which it existed. What
    /// is trusted comes from --policy or --vkey for a receipt, and from --trust for evidence, never from what is verified.
    /// The file is tried as contents and as digest, and the result names which of them the log holds. A file of proof that
    /// a log misbehaved, as witnesses keep them, needs no receipt.
    #[command(after_help = "\
Examples:
  counterfoil verify report.pdf --policy policy.txt
  counterfoil verify report.pdf --receipt old/report.tlog-proof --vkey 'log.example+…'
  counterfoil verify records/*.pdf --receipts receipts/ --policy policy.txt
  counterfoil verify --sha256 ba78…15ad --receipt report.tlog-proof --policy policy.txt
  counterfoil verify fork.misbehaviour.json --vkey 'log.example+…'
  counterfoil verify report.pdf.evidence.json report.pdf --trust trust.toml
  counterfoil verify report.pdf --trust trust.toml          with report.pdf.evidence.json beside it
  counterfoil verify records/ --trust trust.toml --at 2033-01-31T00:00:00Z

A trust file says which logs, witnesses and time-stamping authorities are trusted: docs/evidence.md.

Exit codes: 0 verified, 1 failed, 2 usage, 3 could not tell.")]
    Verify(VerifyArgs),
    /// Write the verifier for browsers: one file, which needs no network and no program of ours
    ///
    /// Whoever gets evidence or a receipt, and this file from somebody they trust, opens it in any browser, drops the record, its
    /// proof and their trust file onto it, and sees each check; nothing leaves the page. It is a second implementation, written
    /// from the specifications. Its SHA-256 is shown, for others to compare: the same build writes the same file, and each log
    /// serves the one it was built with at /verifier.html.
    #[command(after_help = "\
Examples:
  counterfoil verifier
  counterfoil verifier --output evidence/verifier.html
  counterfoil verifier --output - | sha256sum

Exit codes: 0 written, 2 usage, or this program was built without the web pages, 3 it could not be written.")]
    Verifier(VerifierArgs),
    /// Fetch a whole log and recheck every byte of it
    ///
    /// Recomputes the tree from the entries up to the signed root, and compares every bundle and tile on the way. What
    /// is damaged is named. An audit remembers what it verified: a later one that finds another history says so, and
    /// keeps both checkpoints as evidence. Interrupted, it goes on where it was.
    #[command(after_help = "\
Examples:
  counterfoil audit https://log.example/ --policy policy.txt
  counterfoil audit /srv/mirror/log --vkey 'log.example+…' --state audit.json --report report.json
  counterfoil audit https://log.example/ --policy policy.txt --new-only

Exit codes: 0 whole, 1 damaged, forked or shrunk, 2 usage, 3 could not tell.")]
    Audit(Box<AuditArgs>),
    /// Try the requirements of a specification on a service that runs, whoever wrote it
    #[command(subcommand)]
    Conformance(ConformanceCommand),
    /// Run what developers, demonstrations and tests need, and nobody else
    #[cfg(feature = "dev")]
    #[command(subcommand)]
    Dev(DevCommand),
    /// Explain an artefact in words: a checkpoint, key, receipt, evidence, time-stamp token, policy, trust file, tile…
    #[command(after_help = "\
Examples:
  counterfoil inspect report.pdf.tlog-proof report.pdf.evidence.json
  counterfoil inspect log/checkpoint log/tile/0/000 log/tile/entries/000.p/12
  curl -s https://log.example/checkpoint | counterfoil inspect -")]
    Inspect(InspectArgs),
    /// Write a completion script for a shell to standard output
    #[command(after_help = "\
Example:
  counterfoil completions bash > /etc/bash_completion.d/counterfoil")]
    Completions(CompletionsArgs),
    /// Write the manual pages into a directory
    Man(ManArgs),
}

impl Command {
    /// Whether the command decides itself what is told of the course of things: a server, by its configuration.
    pub(crate) fn keeps_its_own_log(&self) -> bool {
        match self {
            #[cfg(feature = "log")]
            Self::Log(LogCommand::Run(_)) => true,
            #[cfg(feature = "witness")]
            Self::Witness(WitnessCommand::Run(_)) => true,
            #[cfg(feature = "anchor")]
            Self::Anchor(AnchorCommand::Run(_)) => true,
            #[cfg(feature = "bastion")]
            Self::Bastion(BastionCommand::Run(_)) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        Cli::command().debug_assert();
    }
}

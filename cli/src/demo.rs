//! `counterfoil demo`: a log with its witnesses and an anchor, from nothing to caught forgeries, each step a command that a user
//! would type.
//!
//! The tour runs this very program, with the arguments that it shows: what is seen is what the commands do. A step that
//! does not come out as it should fails the tour.

mod anchors;
mod chain;
mod tour;
mod witnesses;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::submit::files::{self, receipt_path};
use anchors::{Anchors, EVIDENCE, TRUST};
use tour::{Byte, Server};
use witnesses::Witnesses;

/// Names in the directory of the tour.
const LOG: &str = "log";
const POLICY: &str = "log/policy";
const RECEIPTS: &str = "receipts";
const RECORDS: &str = "records";
const COPY: &str = "copy";

/// The origin of the log.
const ORIGIN: &str = "demo.example/log";

/// `counterfoil demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The directory of files to log [default: ./docs of this program's repository, else a few generated files]
    #[arg(value_name = "DIR")]
    files: Option<PathBuf>,
    /// Keep the log in this directory, which must not exist [default: a temporary one that is removed at the end]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// End after the tour instead of staying up: 0 only if every step came out as it should
    #[arg(long)]
    once: bool,
    /// The address of the log
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    listen: String,
}

/// A tour under way.
struct Tour {
    program: PathBuf,
    /// Everything the tour makes.
    home: PathBuf,
    steps: usize,
    failed: Vec<String>,
    /// The user wants it to end.
    told: Arc<AtomicBool>,
    output: Output,
}

/// Runs the tour. Told to end at any moment, it takes away what it has made, the server above all.
pub(crate) async fn run(args: DemoArgs, output: Output) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen();
    let told = Arc::new(AtomicBool::new(false));
    let (once, kept) = (args.once, args.keep.is_some());
    let walk = {
        let told = Arc::clone(&told);
        tokio::task::spawn_blocking(move || walk(&args, told, output))
    };
    tokio::pin!(walk);
    let walked = tokio::select! {
        walked = &mut walk => walked,
        () = interrupts.next() => {
            told.store(true, Ordering::Relaxed);
            walk.await
        }
    };
    let walked = walked.map_err(|error| Failure::could_not_tell(error.to_string()))??;
    let Walked {
        tour,
        mut cast,
        exit,
        temporary,
    } = walked;
    if !once && exit == Exit::Done {
        tour.stay(&mut cast, kept, &mut interrupts).await?;
    }
    cast.log.stop()?;
    cast.anchors.stop()?;
    cast.witnesses.stop()?;
    drop(temporary);
    Ok(exit)
}

/// The servers of the tour.
struct Cast {
    log: Server,
    url: String,
    witnesses: Witnesses,
    anchors: Anchors,
}

/// A tour that has come to its end, with everything still there.
struct Walked {
    tour: Tour,
    cast: Cast,
    exit: Exit,
    temporary: Option<tempfile::TempDir>,
}

fn walk(args: &DemoArgs, told: Arc<AtomicBool>, output: Output) -> Result<Walked, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::could_not_tell(format!("this program cannot be found: {error}"))
    })?;
    let (home, temporary) = home(args)?;
    let mut tour = Tour {
        program,
        home,
        steps: 0,
        failed: Vec::new(),
        told,
        output,
    };
    let records = tour.records(args)?;
    let cast = tour.walk(args, &records)?;
    let exit = tour.conclude(&cast.url);
    Ok(Walked {
        tour,
        cast,
        exit,
        temporary,
    })
}

/// The directory of everything that the tour makes.
fn home(args: &DemoArgs) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    let cannot =
        |error: io::Error| Failure::could_not_tell(format!("no directory for the demo: {error}"));
    if let Some(keep) = &args.keep {
        if keep.exists() {
            return Err(Failure::usage(format!(
                "{} exists: --keep takes a new directory",
                keep.display()
            ))
            .advice(format!(
                "to run the log in it again: counterfoil log run --config {}/log",
                keep.display()
            )));
        }
        fs::create_dir_all(keep).map_err(cannot)?;
        return Ok((fs::canonicalize(keep).map_err(cannot)?, None));
    }
    let temporary = tempfile::Builder::new()
        .prefix("counterfoil-demo-")
        .tempdir()
        .map_err(cannot)?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

impl Tour {
    /// The files to log, as a path from the tour's directory.
    fn records(&self, args: &DemoArgs) -> Result<PathBuf, Failure> {
        let is_ours =
            fs::read_to_string("Cargo.toml").is_ok_and(|text| text.contains("counterfoil-tiles"));
        let given = match &args.files {
            Some(directory) => Some(directory.as_path()),
            None if is_ours && Path::new("docs").is_dir() => Some(Path::new("docs")),
            None => None,
        };
        if let Some(directory) = given {
            return fs::canonicalize(directory).map_err(|error| {
                Failure::usage(format!("{} cannot be read: {error}", directory.display()))
            });
        }
        let directory = self.home.join(RECORDS);
        fs::create_dir_all(&directory).map_err(|error| self.cannot(&error))?;
        for month in 1..=12 {
            let (opening, closing) = (month * 1000, month * 1000 + 250);
            let text =
                format!("Ledger of month {month:02}\nopening {opening}\nclosing {closing}\n");
            fs::write(directory.join(format!("ledger-{month:02}.txt")), text)
                .map_err(|error| self.cannot(&error))?;
        }
        Ok(PathBuf::from(RECORDS))
    }

    fn cannot(&self, error: &io::Error) -> Failure {
        Failure::could_not_tell(format!("{}: {error}", self.home.display()))
    }

    /// The steps.
    fn walk(&mut self, args: &DemoArgs, records: &Path) -> Result<Cast, Failure> {
        let chosen = files::list(&[self.home.join(records)])?;
        let Some(record) = chosen.get(chosen.len() / 2) else {
            return Err(Failure::usage(format!(
                "{} holds no files to log",
                records.display()
            )));
        };
        let record_path = text(&records.join(&record.relative));
        let receipt = text(&receipt_path(&Path::new(RECEIPTS).join(&record.relative)));
        let records = text(records);
        self.output.line(format!("   $ cd {}", text(&self.home)));

        self.step("Make a log: a key, a configuration, no entries");
        let made = self.type_in(&["log", "init", LOG, "--origin", ORIGIN])?;
        self.expect(&made, 0, "the log is made");
        let Some(vkey) = witnesses::vkeys(&made).pop() else {
            return Err(Failure::could_not_tell("the log has no key"));
        };
        let mut witnesses = self.make_witnesses(&vkey)?;

        self.step("Run the log: what it publishes, two of the three witnesses have cosigned");
        let place = anchors::Place::keep()?;
        let (log, url) = self.run_log(&args.listen, &place.url())?;
        let url = url.as_str();

        self.step(&format!(
            "Log {} files: their SHA-256, not their contents; and keep a receipt of each",
            chosen.len()
        ));
        let submitted = self.type_in(&[
            "submit",
            &records,
            "--log",
            url,
            "--receipts",
            RECEIPTS,
            "--policy",
            POLICY,
        ])?;
        self.expect(
            &submitted,
            0,
            "every file is logged, durable, published and has its receipt",
        );

        self.step("Verify every file with its receipt, offline");
        let verified = self.type_in(&[
            "verify",
            &records,
            "--receipts",
            RECEIPTS,
            "--policy",
            POLICY,
        ])?;
        self.expect(&verified, 0, "each file is the one that was logged");

        self.step("Audit the log: fetch all of it, recompute the tree up to the signed root");
        let audited = self.type_in(&["audit", url, "--policy", POLICY, "--no-state"])?;
        self.expect(&audited, 0, "the log is exactly what it signed");

        self.step("Change one byte of a file: its receipt no longer verifies");
        self.change_a_byte(Byte::Middle, &record_path, "forged-file")?;
        let forged = self.type_in(&[
            "verify",
            "forged-file",
            "--receipt",
            &receipt,
            "--policy",
            POLICY,
        ])?;
        self.expect(&forged, 1, "the changed file is caught");

        self.step("Change one byte of a receipt");
        self.change_a_byte(Byte::OfRoot, &receipt, "forged.tlog-proof")?;
        let forged = self.type_in(&[
            "verify",
            &record_path,
            "--receipt",
            "forged.tlog-proof",
            "--policy",
            POLICY,
        ])?;
        self.expect(&forged, 1, "the changed receipt is caught");

        let anchors = self.fix_in_time(url, place)?;
        self.tamper_with_log()?;
        self.lose_witnesses(&mut witnesses, url)?;
        self.show_evidence(&anchors, url, &record_path)?;
        self.fork(&witnesses, url)?;
        Ok(Cast {
            log,
            url: url.to_owned(),
            witnesses,
            anchors,
        })
    }

    /// Runs the log; gives its URL.
    fn run_log(&mut self, listen: &str, anchor: &str) -> Result<(Server, String), Failure> {
        let (server, ready) = self.serve(
            LOG,
            &[
                "log",
                "run",
                "--config",
                LOG,
                "--listen",
                listen,
                "--log-witness-ca",
                "../bastion/server.pem",
                "--log-witness-deadline",
                "2s",
                "--log-anchors",
                anchor,
            ],
        )?;
        let url = ready["logs"][0]["urls"][0].as_str().unwrap_or_default();
        self.output.line(format!("     ready at {url}"));
        self.holds(
            !url.is_empty(),
            "it has recovered, published its empty tree under the quorum, and listens",
        );
        Ok((server, url.to_owned()))
    }

    fn tamper_with_log(&mut self) -> Result<(), Failure> {
        self.step("Copy the log as anybody may, and change one byte of an entry in the copy");
        let (data, copy) = (self.home.join(LOG).join("data"), self.home.join(COPY));
        fs::create_dir_all(&copy)
            .and_then(|()| fs::copy(data.join("checkpoint"), copy.join("checkpoint")))
            .map_err(|error| self.cannot(&error))?;
        self.copy(&data.join("tile"), &copy.join("tile"))?;
        self.output.line(format!(
            "     {LOG}/data/checkpoint and {LOG}/data/tile are copied into {COPY}"
        ));
        let whole = self.type_in(&["audit", COPY, "--policy", POLICY, "--no-state"])?;
        self.expect(&whole, 0, "the copy proves itself like the log");
        let bundles = files::list(&[copy.join("tile").join("entries")])?;
        let bundle = bundles
            .first()
            .and_then(|bundle| bundle.path.strip_prefix(&copy).ok());
        let bundle = bundle.map(text).unwrap_or_default();
        let in_copy = format!("{COPY}/{bundle}");
        self.change_a_byte(Byte::Last, &in_copy, &in_copy)?;
        let answer = self.type_in(&["audit", COPY, "--policy", POLICY, "--no-state"])?;
        self.expect(&answer, 1, "the changed entry is caught");
        if !answer.text.contains(&format!("{bundle}: ")) {
            self.failed
                .push(format!("step {}: the audit names {bundle}", self.steps));
        }
        Ok(())
    }

    /// Says how the tour went.
    fn conclude(&self, url: &str) -> Exit {
        let exit = if self.failed.is_empty() {
            Exit::Done
        } else {
            Exit::Failed
        };
        self.output.json(&serde_json::json!({
            "outcome": exit.word(),
            "steps": self.steps,
            "failed": self.failed,
            "url": url,
        }));
        if exit == Exit::Done {
            self.output.line(format!(
                "\nAll {} steps came out as they should.",
                self.steps
            ));
        } else {
            self.output.line("\nThe tour FAILED:");
            for what in &self.failed {
                self.output.line(format!("  - {what}"));
            }
        }
        exit
    }

    /// Stays up until the user has seen enough.
    async fn stay(
        &self,
        cast: &mut Cast,
        kept: bool,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let (url, anchor) = (&cast.url, &cast.anchors.url);
        let log = text(&self.home.join(LOG));
        let home = text(&self.home);
        let page = if counterfoil_web::FILES.is_empty() {
            "This program was built without the web pages: for them, run make web (it needs Node), and build it again.".to_owned()
        } else {
            format!(
                "Open {url} in a browser to look at the log, and to verify what is in {home}: drop {EVIDENCE}, its record and {TRUST}."
            )
        };
        self.output.line(format!(
            "
The log is up at {url}, and its anchor at {anchor}.
{page} Try:
  counterfoil submit FILE --log {url} --policy {log}/policy
  counterfoil verify FILE --policy {log}/policy
  curl {url}checkpoint
  curl {url}status
  curl {anchor}status
  echo -n hello | curl --data-binary @- {url}add
Ctrl-C ends it{}.",
            if kept { "" } else { " and removes it" }
        ));
        let _ = io::stdout().flush();
        tokio::select! {
            () = interrupts.next() => Ok(()),
            () = cast.log.ended() => Err(Failure::could_not_tell("the log ended by itself")),
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

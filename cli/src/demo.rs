//! `counterfoil demo`: a log from nothing to a caught forgery, each step a command that a user would type.
//!
//! The tour runs this very program, with the arguments that it shows: what is seen is what the commands do. A step that
//! does not come out as it should fails the tour.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::output::{Mark, Output};
use crate::submit::files::{self, receipt_path};

/// Lines of a command's answer that are shown.
const LINES_SHOWN: usize = 12;

/// Names in the directory of the tour.
const LOG: &str = "log";
const POLICY: &str = "log/policy";
const RECEIPTS: &str = "receipts";
const RECORDS: &str = "records";
const COPY: &str = "copy";

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

/// A server that ends with the tour.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It was told to stop, or the tour broke off: either way it must not outlive the tour.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Which byte is changed.
#[derive(Debug, Clone, Copy)]
enum Byte {
    Middle,
    /// Of a bundle, that is a byte of an entry and not of a length.
    Last,
}

/// What a command came to.
struct Answer {
    code: i32,
    text: String,
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
        mut server,
        exit,
        temporary,
    } = walked;
    if !once && exit == Exit::Done {
        tour.stay(&mut server, kept, &mut interrupts).await?;
    }
    Tour::stop(server)?;
    drop(temporary);
    Ok(exit)
}

/// A tour that has come to its end, with everything still there.
struct Walked {
    tour: Tour,
    server: Server,
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
    let server = tour.walk(args, &records)?;
    let exit = tour.conclude(&server.url);
    Ok(Walked {
        tour,
        server,
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
    fn walk(&mut self, args: &DemoArgs, records: &Path) -> Result<Server, Failure> {
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
        let made = self.type_in(&["log", "init", LOG, "--origin", "demo.example/log"])?;
        self.expect(&made, 0, "the log is made");

        self.step("Run it");
        let server = self.serve(&args.listen)?;
        let url = server.url.as_str();

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
        self.change_a_byte(Byte::Middle, &receipt, "forged.tlog-proof")?;
        let forged = self.type_in(&[
            "verify",
            &record_path,
            "--receipt",
            "forged.tlog-proof",
            "--policy",
            POLICY,
        ])?;
        self.expect(&forged, 1, "the changed receipt is caught");

        self.tamper_with_log()?;
        Ok(server)
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

    /// Announces a step.
    fn step(&mut self, what: &str) {
        self.steps += 1;
        self.output.line(format!(
            "\n{}",
            self.output.strong(&format!("{}. {what}", self.steps))
        ));
    }

    /// Shows a command, runs it, and shows what it says.
    fn type_in(&self, arguments: &[&str]) -> Result<Answer, Failure> {
        self.output
            .line(format!("   $ counterfoil {}", shell_words(arguments)));
        let result = self
            .command()
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| {
                Failure::could_not_tell(format!(
                    "{} does not start: {error}",
                    self.program.display()
                ))
            })?;
        // Ctrl-C reaches the command as well, and what it came to then says nothing.
        let Some(code) = result
            .status
            .code()
            .filter(|_| !self.told.load(Ordering::Relaxed))
        else {
            return Err(Failure::could_not_tell("the demo was interrupted"));
        };
        let mut text = String::from_utf8_lossy(&result.stdout).into_owned();
        text += &String::from_utf8_lossy(&result.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let (shown, hidden) = match lines.len().checked_sub(LINES_SHOWN) {
            // The last line is the one that matters.
            Some(more) if more > 1 => (LINES_SHOWN - 1, more),
            _ => (lines.len(), 0),
        };
        for line in &lines[..shown] {
            self.output.line(format!("     {line}"));
        }
        if hidden > 0 {
            self.output.line(format!("     … {hidden} more lines"));
            self.output.line(format!("     {}", lines[lines.len() - 1]));
        }
        Ok(Answer { code, text })
    }

    /// This program, in the directory of the tour. What is shown has no colours of its own, and nothing of the user's
    /// settings has a part in it.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.home)
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("COUNTERFOIL_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Compares a command's exit code with the one it should have.
    fn expect(&mut self, answer: &Answer, code: i32, what: &str) {
        let holds = answer.code == code;
        let mark = self
            .output
            .mark(if holds { Mark::Passed } else { Mark::Failed });
        let exit = answer.code;
        self.output.line(format!("   {mark}: {what} (exit {exit})"));
        if !holds {
            self.failed.push(format!(
                "step {}: {what}: expected exit {code}, got {exit}",
                self.steps
            ));
        }
    }

    /// Starts the server, and waits until it says that it is ready.
    fn serve(&mut self, listen: &str) -> Result<Server, Failure> {
        let arguments = ["log", "run", "--config", LOG, "--listen", listen];
        self.output
            .line(format!("   $ counterfoil {} &", shell_words(&arguments)));
        let broken =
            |error: io::Error| Failure::could_not_tell(format!("the log does not start: {error}"));
        let messages = fs::File::create(self.home.join("server.log")).map_err(broken)?;
        let mut child = self
            .command()
            .arg("--json")
            .args(arguments)
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(messages)
            .spawn()
            .map_err(broken)?;
        let ready = child.stdout.take().map(BufReader::new).map(|mut lines| {
            let mut line = String::new();
            lines.read_line(&mut line).map(|_| line)
        });
        let mut server = Server {
            child,
            url: String::new(),
        };
        let line = ready.transpose().map_err(broken)?.unwrap_or_default();
        let ready: Option<Value> = serde_json::from_str(&line).ok();
        let url = ready
            .as_ref()
            .and_then(|ready| ready["logs"][0]["urls"][0].as_str());
        let Some(url) = url else {
            let said = fs::read_to_string(self.home.join("server.log")).unwrap_or_default();
            return Err(Failure::could_not_tell(format!(
                "the log did not start; it said: {}{}",
                line.trim(),
                said.trim()
            )));
        };
        url.clone_into(&mut server.url);
        self.output.line(format!("     ready at {url}"));
        let mark = self.output.mark(Mark::Passed);
        self.output.line(format!(
            "   {mark}: it has recovered, published its empty tree, and listens"
        ));
        Ok(server)
    }

    /// Writes `from` with a byte changed to `to`, both as paths from the tour's directory.
    fn change_a_byte(&self, which: Byte, from: &str, to: &str) -> Result<(), Failure> {
        let mut bytes = fs::read(self.home.join(from)).map_err(|error| self.cannot(&error))?;
        let place = match which {
            Byte::Middle => bytes.len() / 2,
            Byte::Last => bytes.len().saturating_sub(1),
        };
        match bytes.get_mut(place) {
            // A letter for another, so that text stays text.
            Some(byte) => *byte = if *byte == b'x' { b'y' } else { b'x' },
            None => bytes.push(b'x'),
        }
        self.output
            .line(format!("     {to} is {from} with byte {place} changed"));
        fs::write(self.home.join(to), bytes).map_err(|error| self.cannot(&error))
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<(), Failure> {
        for item in walkdir::WalkDir::new(from) {
            let copied = item.map_err(io::Error::from).and_then(|item| {
                let target = to.join(item.path().strip_prefix(from).unwrap_or(item.path()));
                if item.file_type().is_dir() {
                    return fs::create_dir_all(target);
                }
                fs::create_dir_all(target.parent().unwrap_or(to))?;
                fs::write(target, fs::read(item.path())?)
            });
            copied.map_err(|error| self.cannot(&error))?;
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
        server: &mut Server,
        kept: bool,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let url = &server.url;
        let log = text(&self.home.join(LOG));
        self.output.line(format!(
            "
The log is up at {url}. Try:
  counterfoil submit FILE --log {url} --policy {log}/policy
  counterfoil verify FILE --policy {log}/policy
  curl {url}checkpoint
  curl {url}status
  echo -n hello | curl --data-binary @- {url}add
Ctrl-C ends it{}.",
            if kept { "" } else { " and removes it" }
        ));
        let _ = io::stdout().flush();
        tokio::select! {
            () = interrupts.next() => Ok(()),
            () = ended(&mut server.child) => Err(Failure::could_not_tell("the log ended by itself")),
        }
    }

    /// Tells the server to stop, and waits until it has answered what it took.
    fn stop(mut server: Server) -> Result<(), Failure> {
        if let Some(pid) = i32::try_from(server.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            // Ctrl-C reaches the whole group: the server may be gone already.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        server
            .child
            .wait()
            .map_err(|error| Failure::could_not_tell(format!("the log does not end: {error}")))?;
        Ok(())
    }
}

/// Returns when a process has ended.
async fn ended(child: &mut Child) {
    while let Ok(None) = child.try_wait() {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Arguments as they would be typed.
fn shell_words(arguments: &[&str]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let word = |argument: &&str| {
        if !argument.is_empty() && argument.chars().all(plain) {
            (*argument).to_owned()
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    };
    arguments.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let words = [
            "submit",
            "my file",
            "it's",
            "",
            "http://127.0.0.1:1/",
            "a+b=c",
        ];
        assert_eq!(
            shell_words(&words),
            r"submit 'my file' 'it'\''s' '' http://127.0.0.1:1/ a+b=c"
        );
    }
}

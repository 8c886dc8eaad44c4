//! What the steps of the tour are made of: commands that are typed, servers, and bytes that are changed.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::Tour;
use crate::exit::Failure;
use crate::output::Mark;

/// Lines of a command's answer that are shown.
const LINES_SHOWN: usize = 12;

/// How a command shows that a check failed.
const FAILED: &str = "FAILED: ";

/// Letters of a line that are shown.
const SHOWN_LETTERS: usize = 160;

/// A server that ends with the tour.
pub(super) struct Server(Child);

impl Server {
    /// Another program than this one.
    pub(super) fn of(child: Child) -> Self {
        Self(child)
    }

    /// Tells it to stop, and waits until it has answered what it took.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        // Ctrl-C reaches the whole group: the server may be gone already.
        self.signal(rustix::process::Signal::TERM);
        self.0
            .wait()
            .map_err(|error| Failure::could_not_tell(format!("a server does not end: {error}")))?;
        Ok(())
    }

    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.0.id()).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns when it has ended by itself.
    pub(super) async fn ended(&mut self) {
        while let Ok(None) = self.0.try_wait() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It was told to stop, or the tour broke off: either way it must not outlive the tour.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Which byte is changed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Byte {
    Middle,
    /// Of a bundle, that is a byte of an entry and not of a length.
    Last,
    /// Of a receipt, or of the receipt in evidence, one of the root hash in its checkpoint.
    OfRoot,
    /// Of the first token in evidence, one of its signature, with which it ends.
    OfToken,
}

/// What a command came to.
pub(super) struct Answer {
    pub(super) code: i32,
    pub(super) text: String,
}

impl Answer {
    /// Whether a check with this name is shown as failed.
    pub(super) fn fails(&self, check: &str) -> bool {
        let is_it = |line: &str| {
            let outcome = line.trim_start().strip_prefix(check);
            outcome.is_some_and(|rest| rest.trim_start().starts_with(FAILED))
        };
        self.text.lines().any(is_it)
    }
}

impl Tour {
    /// Announces a step.
    pub(super) fn step(&mut self, what: &str) {
        self.steps += 1;
        self.output.line(format!(
            "\n{}",
            self.output.strong(&format!("{}. {what}", self.steps))
        ));
    }

    /// Shows a command, runs it, and shows what it says.
    pub(super) fn type_in(&self, arguments: &[&str]) -> Result<Answer, Failure> {
        self.output.line(format!(
            "   $ counterfoil {}",
            shortened(&shell_words(arguments))
        ));
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
            return Err(interrupted());
        };
        let mut text = String::from_utf8_lossy(&result.stdout).into_owned();
        text += &String::from_utf8_lossy(&result.stderr);
        for line in shown(&text) {
            self.output.line(format!("     {line}"));
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
    pub(super) fn expect(&mut self, answer: &Answer, code: i32, what: &str) {
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

    /// Starts a server, and waits until it says that it is ready; gives what it says.
    pub(super) fn serve(&self, name: &str, arguments: &[&str]) -> Result<(Server, Value), Failure> {
        self.output
            .line(format!("   $ counterfoil {} &", shell_words(arguments)));
        let broken =
            |error: io::Error| Failure::could_not_tell(format!("{name} does not start: {error}"));
        let messages = self.home.join(format!("{name}.messages"));
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(&messages)
            .map_err(broken)?;
        let mut child = self
            .command()
            .arg("--json")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(broken)?;
        let ready = child.stdout.take().map(BufReader::new).map(|mut lines| {
            let mut line = String::new();
            lines.read_line(&mut line).map(|_| line)
        });
        let server = Server(child);
        let line = ready.transpose().map_err(broken)?.unwrap_or_default();
        match serde_json::from_str::<Value>(&line) {
            Ok(ready) if ready["event"] == "ready" => Ok((server, ready)),
            _ => {
                let said = fs::read_to_string(messages).unwrap_or_default();
                Err(Failure::could_not_tell(format!(
                    "{name} did not start; it said: {}{}",
                    line.trim(),
                    said.trim()
                )))
            }
        }
    }

    /// An error once the user wants the tour to end.
    pub(super) fn go_on(&self) -> Result<(), Failure> {
        if self.told.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        Ok(())
    }

    /// Notes that something holds that no command's exit code says.
    pub(super) fn holds(&mut self, holds: bool, what: &str) {
        let mark = if holds { Mark::Passed } else { Mark::Failed };
        self.output
            .line(format!("   {}: {what}", self.output.mark(mark)));
        if !holds {
            self.failed.push(format!("step {}: {what}", self.steps));
        }
    }

    /// Writes `from` with a byte changed to `to`, both as paths from the tour's directory.
    pub(super) fn change_a_byte(&self, which: Byte, from: &str, to: &str) -> Result<(), Failure> {
        let mut bytes = fs::read(self.home.join(from)).map_err(|error| self.cannot(&error))?;
        let place = match which {
            Byte::Middle => bytes.len() / 2,
            Byte::Last => bytes.len().saturating_sub(1),
            Byte::OfRoot => {
                let text = String::from_utf8_lossy(&bytes);
                let end = ["\n\n\u{2014}", "\\n\\n\u{2014}"].map(|end| text.find(end));
                end[0].or(end[1]).unwrap_or_default().saturating_sub(12)
            }
            Byte::OfToken => {
                let text = String::from_utf8_lossy(&bytes);
                let token = text.find("\"token\": \"").unwrap_or_default() + 10;
                let length = text.get(token..).and_then(|token| token.find('"'));
                (token + length.unwrap_or_default()).saturating_sub(12)
            }
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

    pub(super) fn copy(&self, from: &Path, to: &Path) -> Result<(), Failure> {
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
}

/// The lines of a command's answer that are shown: the first ones, and of the others those that say how it came out.
fn shown(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= LINES_SHOWN {
        return lines.into_iter().map(shortened).collect();
    }
    let (first, rest) = lines.split_at(LINES_SHOWN - 1);
    let (said, hidden): (Vec<&str>, Vec<&str>) = rest.iter().partition(|line| {
        let verdict = line.starts_with("Verified: ") || line.starts_with("NOT verified: ");
        verdict || line.contains(FAILED) || Some(*line) == lines.last()
    });
    let mut shown: Vec<String> = first.iter().copied().map(shortened).collect();
    shown.push(format!("… {} more lines", hidden.len()));
    shown.extend(said.into_iter().map(str::to_owned));
    shown
}

fn interrupted() -> Failure {
    Failure::could_not_tell("the demo was interrupted")
}

/// The beginning of a line: keys of ML-DSA-44 have 1,750 letters.
pub(super) fn shortened(line: &str) -> String {
    match line.char_indices().nth(SHOWN_LETTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Arguments as they would be typed.
pub(super) fn shell_words(arguments: &[&str]) -> String {
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

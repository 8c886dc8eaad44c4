//! A development Ethereum node of its own for a test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running anvil with blocks of its own; stopped when it is dropped.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// Starts one on a free port of the loopback interface, with these arguments.
    ///
    /// `None` where anvil is not installed, after saying so: `scripts/anvil` installs it.
    ///
    /// # Panics
    ///
    /// Where it is not installed and `COUNTERFOIL_REQUIRE_ANVIL=1`, and where it does not start.
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/anvil");
        let found = Command::new(script).arg("--installed").output();
        let found = found.expect("scripts/anvil runs");
        if !found.status.success() {
            let reason = String::from_utf8_lossy(&found.stderr);
            assert!(
                std::env::var_os("COUNTERFOIL_REQUIRE_ANVIL").is_none_or(|value| value != "1"),
                "COUNTERFOIL_REQUIRE_ANVIL=1, but: {reason}"
            );
            println!("skipped: {reason}");
            return None;
        }
        let program = String::from_utf8(found.stdout).expect("a path in UTF-8");
        let child = Command::new(program.trim_end())
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("anvil starts");
        let mut anvil = Self { child, port: 0 };
        let output = anvil.child.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.strip_prefix("Listening on ")?.rsplit_once(':')?;
            port.parse().ok()
        });
        anvil.port = port.expect("anvil says where it listens");
        // It would block, or end, if nobody read what it goes on to say.
        std::thread::spawn(move || lines.for_each(drop));
        Some(anvil)
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! What a client asks a log for: nothing before the checkpoint is verified, and nothing that the checkpoint does not
//! make necessary.

#![cfg(feature = "log")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::Counterfoil;
use common::server::{Server, data};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::tile::{all_bundles, all_tiles};

const ENTRIES: u64 = 300;

/// Serves the files of a directory and remembers what was asked for.
struct Files {
    url: String,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Files {
    fn serve(directory: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let files = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&files.asked);
        // Ends with the test process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(client.try_clone().unwrap()).lines();
                let head: Vec<String> = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else {
                    continue;
                };
                let path = path.trim_start_matches('/');
                asked.lock().unwrap().insert(path.to_owned());
                let (status, body) = match fs::read(directory.join(path)) {
                    Ok(body) => ("200 OK", body),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                // A client that goes away is no fault of the server.
                let _ = (&client).write_all(&[head.as_bytes(), &body].concat());
            }
        });
        files
    }

    fn asked(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// A log of [`ENTRIES`] entries that was stopped; gives its vkey.
fn stopped_log(counterfoil: &Counterfoil) -> String {
    let server = Server::new(counterfoil);
    for number in 0..ENTRIES {
        counterfoil.write(&format!("records/{number}"), format!("record {number}"));
    }
    let ran = counterfoil.run([
        "submit",
        "records",
        "--log",
        &server.url,
        "--vkey",
        &server.vkey,
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(server.size(), ENTRIES);
    let vkey = server.vkey.clone();
    assert_eq!(server.stop(), Some(0));
    vkey
}

fn alter_size(checkpoint: &Path) {
    let note = fs::read_to_string(checkpoint).unwrap();
    let altered = note.replacen(
        &format!("\n{ENTRIES}\n"),
        &format!("\n{}\n", ENTRIES + 1),
        1,
    );
    assert_ne!(altered, note);
    fs::remove_file(checkpoint).unwrap();
    fs::write(checkpoint, altered).unwrap();
}

// SPEC(tlog-tiles): "Clients MUST NOT fetch arbitrary partial tiles without verifying a checkpoint with a size that
// requires their existence"
#[test]
fn only_what_a_verified_checkpoint_requires_is_fetched() {
    let counterfoil = Counterfoil::new();
    let vkey = stopped_log(&counterfoil);
    let files = Files::serve(data(&counterfoil));
    let audit = || counterfoil.run(["audit", &files.url, "--vkey", &vkey, "--no-state"]);

    let ran = audit();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let size = TreeSize::new(ENTRIES);
    let needed: BTreeSet<String> = all_tiles(size)
        .map(|id| id.path())
        .chain(all_bundles(size).map(|id| id.path()))
        .chain(["checkpoint".to_owned()])
        .collect();
    assert_eq!(files.asked(), needed);

    alter_size(&data(&counterfoil).join("checkpoint"));
    let ran = audit();
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(files.asked(), BTreeSet::from(["checkpoint".to_owned()]));
}

//! `counterfoil bastion`: made, checked, run, told to read anew, and ended.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::Counterfoil;
use rustix::process::{Pid, Signal, kill_process};

const HASH: &str = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";

#[test]
fn a_bastion_from_its_making_to_its_end() {
    let counterfoil = Counterfoil::new();
    let init = ["bastion", "init", "bastion", "--self-signed", "localhost"];
    let made = counterfoil.run(init);
    assert_eq!(made.code, 0, "{}", made.all());
    assert_eq!(counterfoil.run(init).code, 2, "nothing is overwritten");
    let checked = counterfoil.run(["bastion", "check", "bastion"]);
    assert_eq!(checked.code, 0, "{}", checked.all());

    let list = counterfoil.path("bastion/backends");
    std::fs::write(&list, "nonsense\n").unwrap();
    let checked = counterfoil.run(["bastion", "check", "bastion"]);
    assert_eq!(checked.code, 2);
    assert!(
        checked.all().contains("backends:1: expected a key hash"),
        "{}",
        checked.all()
    );
    std::fs::write(&list, "").unwrap();

    let mut command = counterfoil.command([
        "--json",
        "bastion",
        "run",
        "--config",
        "bastion",
        "--listen",
        "127.0.0.1:0",
        "--status-listen",
        "127.0.0.1:0",
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let status = ready["status_addresses"][0].as_str().unwrap().to_owned();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    assert!(!metrics(&status).contains(HASH));

    std::fs::write(&list, format!("{HASH} one\n")).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    let expected = format!("backend_connected{{backend=\"{HASH}\",name=\"one\"}} 0\n");
    while !metrics(&status).contains(&expected) {
        assert!(Instant::now() < patience, "the list was not read anew");
    }

    kill_process(pid, Signal::TERM).unwrap();
    let ended = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(0), "{log}");
    assert!(log.contains("were read anew"), "{log}");
}

fn metrics(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

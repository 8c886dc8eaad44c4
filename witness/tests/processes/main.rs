//! Processes on one database that race for a log, and that are killed: the race of tlog-witness, N against N+K.
//!
//! This program is its own test runner. Started with `COUNTERFOIL_WITNESS_CHILD` set it is one of the processes: it works as
//! a witness on the database named there, sends it checkpoints, and prints each that was cosigned.

#[path = "../common/mod.rs"]
mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use common::race::{Step, assert_one_history, contend};
use common::{Signer, signers};
use counterfoil_store::HeadStore as _;
use counterfoil_store::memory::MemoryBlobStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_witness::record::register;
use counterfoil_witness::{Logs, Options, Recorded, Witness};

/// Set in a process of the race: the database, the size to reach, the branch and the seed, separated by newlines.
const CHILD: &str = "COUNTERFOIL_WITNESS_CHILD";

const PROCESSES: u64 = 6;
const LOGS: usize = 4;

fn main() -> ExitCode {
    if let Ok(role) = std::env::var(CHILD) {
        child(&role);
        return ExitCode::SUCCESS;
    }
    let cases: [(&str, fn()); 2] = [
        (
            "many_processes_make_one_history",
            many_processes_make_one_history,
        ),
        (
            "killed_processes_leave_one_history",
            killed_processes_leave_one_history,
        ),
    ];
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in cases {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    for (name, case) in cases {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())) {
            case(); // a panic ends this program with a failure
            println!("test {name} ... ok");
        }
    }
    ExitCode::SUCCESS
}

fn logs() -> Vec<Signer> {
    (0..LOGS)
        .map(|i| Signer::new(&format!("example.com/{i}")))
        .collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn child(role: &str) {
    let role: Vec<&str> = role.split('\n').collect();
    let number = |at: usize| role[at].parse::<u64>().unwrap();
    let task = (number(1), u8::try_from(number(2)).unwrap(), number(3));
    block_on(async {
        let heads = Arc::new(SqliteHeadStore::open(role[0]).await.unwrap());
        let signers_of_logs = logs();
        let known = Logs::new(signers_of_logs.iter().map(Signer::log)).unwrap();
        let blobs = Arc::new(MemoryBlobStore::new());
        let witness = Witness::new(signers(), known, heads, blobs, Options::default());
        contend(&witness, &signers_of_logs, task, |step| {
            let line = format!("{} {} {} {}\n", step.origin, step.old, step.size, step.root);
            // One write: what was answered is known, whenever this process dies.
            std::io::stdout().write_all(line.as_bytes()).unwrap();
        })
        .await;
    });
}

fn start(database: &Path, goal: u64, seed: u64, steps: Sender<Step>) -> Child {
    let branch = seed % 2;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(
            CHILD,
            format!("{}\n{goal}\n{branch}\n{seed}", database.display()),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let [origin, old, size, root] = line.split(' ').collect::<Vec<_>>()[..] else {
                return; // killed in the middle of a line
            };
            let step = Step {
                origin: origin.to_owned(),
                old: old.parse().unwrap(),
                size: size.parse().unwrap(),
                root: root.to_owned(),
            };
            steps.send(step).unwrap();
        }
    });
    child
}

/// That what is recorded at the end is the last that was cosigned, or goes beyond it.
fn assert_recorded(database: &Path, steps: &[Step]) {
    block_on(async {
        let heads = SqliteHeadStore::open(database).await.unwrap();
        for signer in logs() {
            let hash = signer.log().hash();
            let value = heads.fetch(&register(hash)).await.unwrap().unwrap();
            let recorded = Recorded::parse(&value, hash).unwrap();
            let of_log = steps
                .iter()
                .filter(|step| step.origin == signer.origin.as_str());
            let last = of_log.max_by_key(|step| step.size).unwrap();
            let size = recorded.checkpoint().size().get();
            assert!(
                size >= last.size,
                "{size} is recorded, {} was cosigned",
                last.size
            );
            let same_root = recorded.checkpoint().root().to_string() == last.root;
            assert!(size > last.size || same_root);
        }
    });
}

fn many_processes_make_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("registers.sqlite");
    let (sender, steps) = channel();
    let children: Vec<Child> = (0..PROCESSES)
        .map(|i| start(&database, 120, i, sender.clone()))
        .collect();
    drop(sender);
    let steps: Vec<Step> = steps.iter().collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_one_history(&steps, LOGS, Some(120));
    assert_recorded(&database, &steps);
}

fn killed_processes_leave_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("registers.sqlite");
    let (sender, heard) = channel();
    let mut children: Vec<Child> = (0..PROCESSES)
        .map(|i| start(&database, 600, i, sender.clone()))
        .collect();
    let (mut steps, mut killed) = (Vec::<Step>::new(), 0);
    // After a few steps one of them is killed, wherever it is, and another takes its place.
    for round in 0..20_u64 {
        steps.extend(heard.iter().take(5));
        let at = usize::try_from(round % PROCESSES).unwrap();
        killed += u64::from(children[at].try_wait().unwrap().is_none());
        children[at].kill().unwrap();
        children[at].wait().unwrap();
        children[at] = start(&database, 600, 100 + round, sender.clone());
    }
    drop(sender);
    steps.extend(heard.iter());
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(
        killed > 0,
        "all had ended before they were killed: give them more to do"
    );
    // Who was killed after the record and before the answer told nobody.
    assert_one_history(&steps, LOGS, None);
    assert_recorded(&database, &steps);
}

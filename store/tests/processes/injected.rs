//! System calls that fail, and processes that are killed at one, by `strace -e inject`.

use std::path::Path;

use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_store::{BlobName, BlobStore, HeadStore, RegisterName};

use crate::support::{Outcome, Process, block_on, without_strace};

/// A process below `strace`, and where that writes what it saw.
fn traced(folder: &Path, options: &[&str]) -> (Process, std::path::PathBuf) {
    let trace = folder.join("trace");
    let options = ["-y", "-o", trace.to_str().unwrap()]
        .into_iter()
        .chain(options.iter().copied());
    (Process::start_traced(options), trace)
}

fn blob_is_there(folder: &Path, name: &str) -> bool {
    let store = PosixBlobStore::open(folder).unwrap();
    block_on(store.get(&BlobName::new(name).unwrap()))
        .unwrap()
        .is_some()
}

/// The flush of the bytes fails: unknown, nothing under the name, that file never flushed again, and a new try is a new
/// file.
pub(crate) fn failed_flush_of_a_file() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    // One to three: the bytes, the folder and its parent of the first blob.
    let (mut process, trace) = traced(
        folder.path(),
        &["-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=4"],
    );
    process.open_blobs(&data);
    process.must("put staged/0 1 5000");
    let outcome = process.ask("put staged/a 1 5000");
    assert!(outcome.is_unknown("Io"), "{outcome:?}");
    assert!(!data.join("staged/a").exists());
    process.must("put staged/a 1 5000");
    process.must("put staged/b 1 5000");
    process.end();
    assert!(blob_is_there(&data, "staged/a"));
    let trace = std::fs::read_to_string(trace).unwrap();
    let failed = trace
        .lines()
        .find(|line| line.contains("INJECTED"))
        .expect("no fault was injected");
    let file = failed.split_once('<').unwrap().1.split_once('>').unwrap().0;
    assert!(file.contains("/~tmp/"), "{failed}");
    assert_eq!(
        trace.matches(&format!("<{file}>")).count(),
        1,
        "{file} was flushed again:\n{trace}"
    );
    None
}

/// The flush of a folder fails: unknown, and from then on the store refuses to write but can be read.
pub(crate) fn failed_flush_of_a_folder() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    for when in [2, 3, 5] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let inject = format!("inject=fsync:error=EIO:when={when}");
        let (mut process, trace) = traced(folder.path(), &["-e", "trace=fsync", "-e", &inject]);
        process.open_blobs(&data);
        let first = process.ask("put staged/0 1 5000");
        let outcome = if when == 5 {
            process.ask("put staged/a 1 5000")
        } else {
            first
        };
        assert!(outcome.is_unknown("Io"), "flush {when}: {outcome:?}");
        for command in [
            "put staged/a 1 5000",
            "put staged/b 1 5000",
            "put-many staged/ 20 10",
            "discard staged/0",
        ] {
            let outcome = process.ask(command);
            assert!(
                outcome.is_not_done("Poisoned"),
                "flush {when}: {command}: {outcome:?}"
            );
        }
        assert!(matches!(process.ask("get staged/0"), Outcome::Value(_)));
        process.end();
        let trace = std::fs::read_to_string(trace).unwrap();
        assert!(
            trace.lines().last().unwrap().contains("INJECTED"),
            "a flush after the failed one:\n{trace}"
        );
    }
    None
}

/// One flush for many: the first is for the bytes, the second for the folders.
pub(crate) fn failed_flush_of_many() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    for when in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let inject = format!("inject=syncfs:error=EIO:when={when}");
        let (mut process, trace) = traced(folder.path(), &["-e", "trace=syncfs", "-e", &inject]);
        process.open_blobs(&data);
        let outcome = process.ask("put-folders tile/ 12 100");
        if !std::fs::read_to_string(&trace).unwrap().contains("syncfs(") {
            return Some("the file system here is not one that syncfs is used on".to_owned());
        }
        assert!(outcome.is_unknown("Io"), "flush {when}: {outcome:?}");
        let again = process.ask("put-folders tile/ 12 100");
        if when == 1 {
            // Nothing had its final name yet, so a new try is a new set of files.
            assert_eq!(again, Outcome::Done);
        } else {
            assert!(again.is_not_done("Poisoned"), "{again:?}");
        }
    }
    None
}

/// The flush of a commit fails: unknown, then refused; a new process finds the old value or the new one.
pub(crate) fn failed_flush_of_a_register() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registers.sqlite");
    let mut process = Process::start();
    process.open_registers(&file);
    process.must("create head 0");
    // While this one has the file open, another that ends does not move the write-ahead log.
    let wal = format!("{}-wal", file.display());
    let (mut traced, trace) = traced(
        folder.path(),
        &[
            "-P",
            &wal,
            "-e",
            "trace=fsync",
            "-e",
            "inject=fsync:error=EIO:when=2",
        ],
    );
    traced.open_registers(&file);
    traced.must("replace head 0 1");
    let outcome = traced.ask("replace head 1 2");
    assert!(outcome.is_unknown("Io"), "{outcome:?}");
    for command in ["replace head 1 3", "replace head 2 3", "create other 0"] {
        let outcome = traced.ask(command);
        assert!(outcome.is_not_done("Poisoned"), "{command}: {outcome:?}");
    }
    traced.end();
    let trace = std::fs::read_to_string(trace).unwrap();
    assert!(trace.contains("INJECTED"), "{trace}");
    let Outcome::Value(Some(found)) = process.ask("fetch head") else {
        panic!("the register is gone")
    };
    assert!(
        found == hex::encode("1") || found == hex::encode("2"),
        "{found}"
    );
    None
}

/// The flush of a group fails: unknown for each of its changes, then refused; a new process finds the old values or the
/// new ones, never some of them.
pub(crate) fn failed_flush_of_a_group() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registers.sqlite");
    let mut process = Process::start();
    process.open_registers(&file);
    process.must("create-many log/ 40 0");
    let wal = format!("{}-wal", file.display());
    let inject = "inject=fsync:error=EIO:when=2";
    let (mut traced, trace) = traced(
        folder.path(),
        &["-P", &wal, "-e", "trace=fsync", "-e", inject],
    );
    traced.open_registers(&file);
    traced.must("replace-many log/ 40 0 1");
    let outcome = traced.ask("replace-many log/ 40 1 2");
    assert!(outcome.is_unknown("Io"), "{outcome:?}");
    for command in ["replace-many log/ 40 1 3", "replace-many log/ 40 2 3"] {
        let outcome = traced.ask(command);
        assert!(outcome.is_not_done("Poisoned"), "{command}: {outcome:?}");
    }
    traced.end();
    let trace = std::fs::read_to_string(trace).unwrap();
    assert_eq!(trace.matches("INJECTED").count(), 1, "{trace}");
    let found: Vec<Outcome> = (0..40)
        .map(|i| process.ask(&format!("fetch log/{i}")))
        .collect();
    let all = |value: &str| {
        let value = Outcome::Value(Some(hex::encode(value)));
        found.iter().all(|found| *found == value)
    };
    assert!(all("1") || all("2"), "{found:?}");
    None
}

/// What a process does while one of its system calls fails or kills it.
const SCRIPT: &[&str] = &[
    "put staged/a 1 5000",
    "put staged/a 1 5000",
    "put staged/b 1 5000",
    "put-many many/ 9 100",
    "put-folders folders/ 8 100",
    "discard staged/a",
    "create head 0",
    "replace head 0 1",
    "replace head 1 2",
    "create-many many/ 5 0",
    "replace-many many/ 5 0 1",
    "replace-many many/ 5 1 2",
];

/// The answers to [`SCRIPT`]; fewer if the process died. `None` if no fault was injected: the run was over before.
fn run_script(folder: &Path, inject: &str) -> Option<Vec<Outcome>> {
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    let call = inject.split_once('=').unwrap().1.split(':').next().unwrap();
    let (mut process, trace) = traced(folder, &["-e", &format!("trace={call}"), "-e", inject]);
    let opened = [
        format!("open-blobs {}", data.display()),
        format!("open-registers {}", data.join("registers.sqlite").display()),
    ]
    .iter()
    .all(|command| process.try_ask(command) == Some(Outcome::Done));
    let mut answers = Vec::new();
    if opened {
        answers.extend(SCRIPT.iter().map_while(|command| process.try_ask(command)));
    }
    process.end();
    let trace = std::fs::read_to_string(trace).unwrap();
    (trace.contains("INJECTED") || trace.contains("killed by SIGKILL")).then_some(answers)
}

/// That what was answered is true, as the next process finds it.
fn check_script(folder: &Path, answers: &[Outcome], context: &str) {
    let data = folder.join("data");
    let store = PosixBlobStore::open(&data).unwrap();
    let get = |name: &str| block_on(store.get(&BlobName::new(name).unwrap())).unwrap();
    let answer = |i: usize| answers.get(i);
    let done = |i: usize| answer(i) == Some(&Outcome::Done);
    let refused = |i: usize| matches!(answer(i), Some(Outcome::NotDone(_)));
    let conflict = answers
        .iter()
        .take(6)
        .any(|outcome| *outcome == Outcome::Conflict);
    assert!(
        !conflict,
        "{context}: a conflict without another writer: {answers:?}"
    );

    for name in block_on(store.list("")).unwrap() {
        let size = if name.as_str().starts_with("staged/") {
            5000
        } else {
            100
        };
        if !name.as_str().starts_with("registers") {
            let found = get(name.as_str()).unwrap();
            assert_eq!(
                found,
                vec![1; size],
                "{context}: {name} is not whole: {answers:?}"
            );
        }
    }
    let a = get("staged/a").is_some();
    assert!(
        !(a && refused(0) && refused(1)),
        "{context}: refused and there: {answers:?}"
    );
    assert!(
        !a || !done(5),
        "{context}: discarded and there: {answers:?}"
    );
    let discarded = answers.len() > 5 && !refused(5);
    assert!(
        a || discarded || answers.len() == 5 || !(done(0) || done(1)),
        "{context}: put and gone: {answers:?}"
    );
    let b = get("staged/b").is_some();
    assert!(b || !done(2), "{context}: put and gone: {answers:?}");
    assert!(
        !b || !refused(2),
        "{context}: refused and there: {answers:?}"
    );
    let count = |prefix| block_on(store.list(prefix)).unwrap().len();
    assert!(
        count("many/") == 9 || !done(3),
        "{context}: put and gone: {answers:?}"
    );
    assert!(
        count("folders/") == 8 || !done(4),
        "{context}: put and gone: {answers:?}"
    );
    let temporary = std::fs::read_dir(data.join("~tmp")).map_or(0, Iterator::count);
    assert!(
        temporary <= 1,
        "{context}: temporary folders of the dead are left"
    );

    let names = ["head", "many/0", "many/1", "many/2", "many/3", "many/4"];
    let values = block_on(async {
        let registers = SqliteHeadStore::open(data.join("registers.sqlite")).await;
        let registers = registers.unwrap_or_else(|error| panic!("{context}: {error}"));
        let mut values = Vec::new();
        for name in names {
            let value = registers.fetch(&RegisterName::new(name).unwrap()).await;
            values.push(value.unwrap());
        }
        values
    });
    for (name, value) in names.iter().zip(values) {
        let found: Option<usize> =
            value.map(|value| std::str::from_utf8(&value).unwrap().parse().unwrap());
        let first = if *name == "head" { 6 } else { 9 };
        for (value, i) in [(0, first), (1, first + 1), (2, first + 2)] {
            assert!(
                !done(i) || found >= Some(value),
                "{context}: {name} done and gone, {found:?}: {answers:?}"
            );
            let not_done = matches!(answer(i), Some(Outcome::NotDone(_) | Outcome::Conflict))
                || answers.len() < i;
            assert!(
                !not_done || found != Some(value),
                "{context}: {name} refused and there, {found:?}: {answers:?}"
            );
        }
    }
}

/// Runs the script with each of `calls` going wrong once, at each place where it is made.
fn at_every_call(calls: &[&str], faults: &[&str]) {
    for (call, fault) in calls
        .iter()
        .flat_map(|call| faults.iter().map(move |fault| (call, fault)))
    {
        let mut when = 1;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let inject = format!("inject={call}:{fault}:when={when}");
            let Some(answers) = run_script(folder.path(), &inject) else {
                break;
            };
            check_script(folder.path(), &answers, &inject);
            when += 1;
        }
        assert!(when > 1, "{call} is never called: take it off the list");
        println!("    {call}:{fault}: {} runs", when - 1);
    }
}

pub(crate) fn every_call_fails_once() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    // Not `write`: the runtime wakes itself by one, and would wait for ever.
    let calls = [
        "openat", "fsync", "syncfs", "linkat", "unlinkat", "mkdirat", "flock", "pwrite64", "unlink",
    ];
    at_every_call(&calls, &["error=EIO"]);
    at_every_call(
        &["fsync", "linkat", "mkdirat", "pwrite64"],
        &["error=ENOSPC"],
    );
    None
}

pub(crate) fn killed_at_every_call() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let calls = [
        "write", "fsync", "syncfs", "linkat", "unlinkat", "mkdirat", "pwrite64", "unlink",
    ];
    at_every_call(&calls, &["signal=KILL"]);
    None
}

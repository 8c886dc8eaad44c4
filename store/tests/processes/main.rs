//! Stores used by real processes: races, crashes, full and read-only disks, failing system calls.
//!
//! This program is its own test runner. Started with `COUNTERFOIL_STORE_CHILD` set it is a process under test
//! (see [`child`]).
//!
//! Some cases need more than a process:
//! - mounting a small file system (root, or user namespaces); without it they are skipped, and with
//!   `COUNTERFOIL_REQUIRE_MOUNT=1` they fail;
//! - `strace`; the same with `COUNTERFOIL_REQUIRE_STRACE=1`.

mod child;
mod crash;
mod disk;
mod flushes;
mod injected;
mod mounted;
mod power_cut;
mod races;
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use support::Outcome;

/// A case says why it was skipped, or nothing; it fails by a panic.
type Case = (&'static str, fn() -> Option<String>);

const CASES: &[Case] = &[
    ("races::one_winner_on_a_blob", races::one_winner_on_a_blob),
    ("races::same_bytes_all_win", races::same_bytes_all_win),
    (
        "races::one_winner_on_a_register",
        races::one_winner_on_a_register,
    ),
    ("races::a_counter", races::a_counter),
    (
        "races::opening_sweeps_only_the_dead",
        races::opening_sweeps_only_the_dead,
    ),
    ("crash::killed_while_putting", crash::killed_while_putting),
    (
        "crash::killed_while_replacing",
        crash::killed_while_replacing,
    ),
    ("flushes::lone_add_is_three", flushes::lone_add_is_three),
    ("flushes::a_group_is_one", flushes::a_group_is_one),
    (
        "flushes::new_folders_are_flushed",
        flushes::new_folders_are_flushed,
    ),
    (
        "flushes::same_bytes_are_flushed",
        flushes::same_bytes_are_flushed,
    ),
    ("flushes::many_blobs_are_few", flushes::many_blobs_are_few),
    (
        "injected::failed_flush_of_a_file",
        injected::failed_flush_of_a_file,
    ),
    (
        "injected::failed_flush_of_a_folder",
        injected::failed_flush_of_a_folder,
    ),
    (
        "injected::failed_flush_of_many",
        injected::failed_flush_of_many,
    ),
    (
        "injected::failed_flush_of_a_register",
        injected::failed_flush_of_a_register,
    ),
    (
        "injected::failed_flush_of_a_group",
        injected::failed_flush_of_a_group,
    ),
    (
        "injected::every_call_fails_once",
        injected::every_call_fails_once,
    ),
    (
        "injected::killed_at_every_call",
        injected::killed_at_every_call,
    ),
    ("mounted::power_cut", mounted::power_cut),
    ("mounted::full_tmpfs", mounted::full_tmpfs),
    ("mounted::full_ext4", mounted::full_ext4),
    ("mounted::read_only", mounted::read_only),
    (
        "mounted::read_only_by_the_kernel",
        mounted::read_only_by_the_kernel,
    ),
];

fn main() -> ExitCode {
    if std::env::var_os(support::CHILD).is_some() {
        child::run();
        return ExitCode::SUCCESS;
    }
    if let Ok(case) = std::env::var(support::IN_NAMESPACE) {
        mounted::run_in_namespace(&case);
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in CASES {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let filters = filters(&arguments);
    let (mut passed, mut skipped, mut failed) = (0, 0, 0);
    for (name, case) in CASES {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter)) {
            continue;
        }
        let started = std::time::Instant::now();
        match catch_unwind(AssertUnwindSafe(case)) {
            Ok(None) => {
                println!(
                    "test {name} ... ok ({:.1} s)",
                    started.elapsed().as_secs_f64()
                );
                passed += 1;
            }
            Ok(Some(reason)) => {
                println!("test {name} ... skipped: {reason}");
                skipped += 1;
            }
            Err(_) => {
                println!("test {name} ... FAILED");
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {skipped} skipped, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

/// The names asked for: what is no flag of the usual test runner, nor the value of one.
fn filters(arguments: &[String]) -> Vec<&str> {
    let takes_a_value = |flag: &str| {
        matches!(
            flag,
            "--test-threads" | "--skip" | "--format" | "--color" | "--logfile"
        )
    };
    let mut filters = Vec::new();
    let mut before = "";
    for argument in arguments {
        if !argument.starts_with('-') && !takes_a_value(before) {
            filters.push(argument.as_str());
        }
        before = argument;
    }
    filters
}

/// The outcome of a call, as a process under test prints it.
fn parse(line: &str) -> Outcome {
    Outcome::parse(line).unwrap_or_else(|| panic!("not an outcome: {line:?}"))
}

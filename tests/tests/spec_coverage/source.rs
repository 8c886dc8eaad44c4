//! Tests and Rust files of the workspace.

use std::path::{Path, PathBuf};

const TEST_ATTRIBUTES: [&str; 2] = ["#[test]", "#[tokio::test"];

/// The source of the test that `path::name` names, with its attributes and the comments above: a function with a test
/// attribute that is not ignored.
pub(crate) fn test_source(workspace: &Path, test: &str) -> Result<String, String> {
    let (path, name) = test.split_once("::").ok_or("no :: between path and name")?;
    let source = std::fs::read_to_string(workspace.join(path))
        .map_err(|error| format!("{path}: {error}"))?;
    find_test(&source, name)
}

fn find_test(text: &str, name: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| declares(line, name))
        .ok_or("no such function")?;
    let belongs =
        |line: &&&str| line.trim_start().starts_with("#[") || line.trim_start().starts_with("//");
    let above = lines[..at].iter().rev().take_while(belongs).count();
    let attributes = || lines[at - above..at].iter().map(|line| line.trim_start());
    if !attributes().any(|line| {
        TEST_ATTRIBUTES
            .iter()
            .any(|attribute| line.starts_with(attribute))
    }) {
        return Err("the function is not a test".into());
    }
    if attributes().any(|line| line.starts_with("#[ignore")) {
        return Err("the test is ignored".into());
    }
    // rustfmt puts the closing brace below the first letter of the declaration.
    let indent = lines[at].len() - lines[at].trim_start().len();
    let end = lines[at..].iter().position(|line| {
        line.len() > indent && line.split_at(indent) == (&lines[at][..indent], "}")
    });
    Ok(lines[at - above..=end.map_or(at, |length| at + length)].join("\n"))
}

fn declares(line: &str, name: &str) -> bool {
    line.trim_start()
        .split_once("fn ")
        .is_some_and(|(before, after)| {
            ["", "async "].contains(&before)
                && after
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('('))
        })
}

/// Every `.rs` file of the workspace, in order, without what is built or hidden.
pub(crate) fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("a directory that opens can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            out.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
    out
}

#[test]
fn tests_are_told_from_other_functions() {
    let text = "fn helper() {}\n\n#[test]\nfn shows() {}\n\n#[tokio::test(flavor = \"multi_thread\")]\n// why\nasync fn waits() {}\n\
                #[test]\n#[ignore]\nfn sleeps() {}\n    #[test]\n    fn holds(n in 0..9) {}\n// fn talked_about() {}\n";
    for name in ["shows", "waits", "holds"] {
        assert!(find_test(text, name).is_ok(), "{name}");
    }
    for name in ["helper", "sleeps", "absent", "show", "talked_about"] {
        assert!(find_test(text, name).is_err(), "{name}");
    }
}

#[test]
fn the_source_of_a_test_is_its_own() {
    let text = "// other\n\n// above\n#[test]\nfn one() {\n    if true {\n    }\n    // inside\n}\n\n// below\n#[test]\nfn two() {\n}\n";
    assert_eq!(
        find_test(text, "one").unwrap(),
        "// above\n#[test]\nfn one() {\n    if true {\n    }\n    // inside\n}"
    );
}

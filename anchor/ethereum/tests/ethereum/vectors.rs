//! Where the vectors are, and how they are read.

use std::path::PathBuf;

use counterfoil_tests::vectors_dir;
use serde_json::Value;

/// The folder of the vectors; none, where they are not there and need not be.
pub(crate) fn folder() -> Option<PathBuf> {
    Some(vectors_dir()?.join("ethereum"))
}

/// The rows of a file of JSON lines; none, where there are no vectors.
pub(crate) fn rows(file: &str) -> Vec<Value> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The bytes of a text of `0x` and hexadecimal digits.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    hex::decode(text.strip_prefix("0x").unwrap()).unwrap()
}

/// The bytes of a list of such texts; none for `null`.
pub(crate) fn list(value: &Value) -> Option<Vec<Vec<u8>>> {
    let values = value.as_array()?;
    Some(values.iter().map(bytes).collect())
}

/// A text.
pub(crate) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

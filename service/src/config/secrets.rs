//! Keys that may hold credentials: they are no arguments of a program, which others can read, and a file that has some is its owner's.

use std::path::Path;

use toml::{Table, Value};

use super::{ConfigError, Kind, Schema};

impl Kind {
    /// Whether a value may hold credentials: then it is not shown, and not given as an argument.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::Secrets)
    }

    /// Whether this value holds credentials, as far as one can tell.
    fn holds_credentials(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Url, Value::String(text)) => url_holds_credentials(text),
            (Self::Secret | Self::Secrets, Value::String(text)) => has_more_than_a_place(text),
            (Self::Secrets, Value::Array(items)) => {
                items.iter().any(|item| self.holds_credentials(item))
            }
            _ => false,
        }
    }

    /// Whether this may not be given as an argument.
    pub(super) fn is_no_argument(self, text: &str) -> bool {
        self.is_secret() || self == Self::Url && url_holds_credentials(text)
    }
}

/// Whether a URL has a user, a password or a query, where credentials stand. A path is none: it is shown.
pub fn url_holds_credentials(text: &str) -> bool {
    text.contains(['@', '?'])
}

impl Schema {
    /// Refuses a file of this mode that holds credentials and that others than its owner may read or write.
    pub(super) fn check_mode(
        &self,
        table: &Table,
        path: &Path,
        mode: u32,
    ) -> Result<(), ConfigError> {
        let mode = mode & 0o7777;
        if mode & 0o077 != 0
            && let Some(key) = self.credentials(table)
        {
            return Err(ConfigError::Open {
                path: path.to_owned(),
                mode,
                variable: self.variable(&key),
                key,
            });
        }
        Ok(())
    }

    /// The first key whose value holds credentials.
    fn credentials(&self, table: &Table) -> Option<String> {
        let key = self.all().find(|key| {
            let name = key.section.name();
            let tables: Vec<&Table> = match table.get(name) {
                _ if name.is_empty() => vec![table],
                Some(Value::Table(inner)) => vec![inner],
                Some(Value::Array(items)) => items.iter().filter_map(Value::as_table).collect(),
                _ => Vec::new(),
            };
            let mut values = tables.iter().filter_map(|table| table.get(key.name));
            values.any(|value| key.kind.holds_credentials(value))
        })?;
        Some(key.path())
    }

    /// The environment variable of a key.
    pub(super) fn variable(&self, path: &str) -> String {
        let name = path.replace('.', "__").to_ascii_uppercase();
        format!("{}{name}", self.variables)
    }
}

/// A URL has more than a scheme, a host and a port; what is no URL may be anything.
fn has_more_than_a_place(text: &str) -> bool {
    let place = text.split_once("://").map(|(_, rest)| rest);
    place.is_none_or(|rest| {
        rest.trim_end_matches('/')
            .contains(['/', '\\', '?', '#', '@'])
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::super::{Override, Section, Settings};
    use super::*;
    use crate::keys;

    const CHAIN: Section = Section::table("chain");
    const SCHEMA: Schema = Schema {
        variables: "COUNTERFOIL_TEST__",
        introduction: "",
        sections: &[Section::TOP, CHAIN],
        keys: &[&keys! {
            Section::TOP => {
                "name" Kind::Text, optional "\"a\"", "A name.";
                "url" Kind::Url, optional "\"https://a.example/\"", "A place.";
            }
            CHAIN => {
                "rpc" Kind::Secrets, optional "[]", "Where it is.";
                "signer" Kind::Secret, optional "\"\"", "Who signs.";
            }
        }],
    };

    #[derive(Debug, serde::Deserialize)]
    struct Test {
        #[serde(default)]
        chain: Chain,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Chain {
        rpc: Vec<String>,
        signer: String,
    }

    impl Settings for Test {
        const SCHEMA: &'static Schema = &SCHEMA;
        fn check(&self) -> Result<(), ConfigError> {
            Ok(())
        }
        fn paths(&mut self) -> Vec<&mut PathBuf> {
            Vec::new()
        }
    }

    #[test]
    fn a_file_with_credentials_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("test.toml");
        let load = |text: &str, mode: u32| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            Test::load(&file, &[])
        };
        for (text, is_secret) in [
            ("name = \"https://a.example/k\"", false),
            ("chain.rpc = []", false),
            ("url = \"https://a.example/k\"", false),
            ("url = \"https://u:k@a.example/\"", true),
            ("url = \"https://k@a.example\"", true),
            ("url = \"https://a.example/?k\"", true),
            (
                "chain.rpc = [\"https://a.example\", \"http://127.0.0.1:8545/\"]",
                false,
            ),
            (
                "chain.rpc = [\"https://a.example\", \"https://a.example/k\"]",
                true,
            ),
            ("chain.signer = \"https://a.example/?k\"", true),
            ("chain.signer = \"https://k@a.example/\"", true),
            ("chain.signer = \"https://a.example/#k\"", true),
            ("chain.signer = 'https://a.example\\k'", true),
            ("chain.signer = \"k\"", true),
        ] {
            assert!(load(text, 0o600).is_ok(), "{text}");
            for mode in [0o644, 0o640, 0o602, 0o660] {
                let loaded = load(text, mode);
                assert_eq!(loaded.is_err(), is_secret, "{text} {mode:o}");
            }
        }
        let error = load("chain.signer = \"s3cret\"", 0o640).unwrap_err();
        let error = error.to_string();
        let expected = "test.toml has mode 0640 and holds credentials (chain.signer): others than its owner can read or write them; \
                        chmod 600 it, or give them by COUNTERFOIL_TEST__CHAIN__SIGNER";
        assert!(error.ends_with(expected), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn credentials_are_no_arguments_and_are_shown_nowhere() {
        let flag = Override::flag("chain.signer", "s3cret");
        let assignment = Override::assignment("chain.rpc=s3cret").unwrap();
        let name = "COUNTERFOIL_TEST__CHAIN__SIGNER".to_owned();
        let variables = SCHEMA.from_environment([(name, "s3cret".to_owned())]);
        for (one, place) in [(flag, "--chain-signer"), (assignment, "chain.rpc")] {
            assert!(!format!("{one:?}").contains("s3cret"), "{one:?}");
            let error = Test::parse("", &[one]).unwrap_err().to_string();
            let expected = format!(
                "{place}: it may hold credentials, and others can read what a program is called with: set it in the file, or by \
                 COUNTERFOIL_TEST__CHAIN__{}",
                if place.ends_with("rpc") {
                    "RPC"
                } else {
                    "SIGNER"
                }
            );
            assert_eq!(error, expected);
        }
        assert!(!format!("{variables:?}").contains("s3cret"));
        let test = Test::parse("", &variables).unwrap();
        assert_eq!(test.chain.signer, "s3cret");
        assert!(test.chain.rpc.is_empty());
        // A URL is an argument where it holds none.
        assert!(Test::parse("", &[Override::flag("url", "https://a.example/k")]).is_ok());
        for url in ["https://u:s3cret@a.example", "https://a.example/?s3cret"] {
            let flag = Test::parse("", &[Override::flag("url", url)]);
            let error = flag.unwrap_err().to_string();
            assert!(
                error.starts_with("--url: it may hold credentials"),
                "{error}"
            );
            assert!(error.ends_with("COUNTERFOIL_TEST__URL"), "{error}");
            let name = "COUNTERFOIL_TEST__URL".to_owned();
            let variables = SCHEMA.from_environment([(name, url.to_owned())]);
            assert!(Test::parse("", &variables).is_ok());
        }
        // Other values are arguments, and are not in a program's own log either.
        let name = Override::flag("name", "s3cret");
        assert!(!format!("{name:?}").contains("s3cret"));
        assert!(Test::parse("", &[name]).is_ok());
    }

    #[test]
    fn what_is_no_toml_or_has_another_shape_is_named_without_its_text() {
        for (text, expected) in [
            (
                "name = \"a\"\n[chain]\nsigner = \"https://a.example/s3cret",
                "not TOML: line 3, column 35: ",
            ),
            (
                "chain.rpc = [\"é\", \"s3cret\" \"s3cret\"]",
                "not TOML: line 1, column 28: ",
            ),
            ("chain.signer = s3cret", "not TOML: line 1, column 16: "),
            (
                "[[chain]]\nsigner = \"s3cret\"",
                "chain: expected a table [chain], got array",
            ),
            (
                "chain = \"s3cret\"",
                "chain: expected a table [chain], got string",
            ),
            (
                "chain.rpc = \"s3cret\"",
                "chain.rpc: expected a list of strings, got something else",
            ),
            (
                "url = [\"s3cret\"]",
                "url: expected a string, got something else",
            ),
        ] {
            let error = Test::parse(text, &[]).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}

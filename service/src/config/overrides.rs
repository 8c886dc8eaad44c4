//! Values that environment variables and flags lay over the file.
//!
//! A path is `key`, `tls.key`, `log.key` (the only log) or `log.2.key` (the third, as in the file). In a variable the
//! dots are two underscores: `COUNTERFOIL_LOG__TLS__CERTIFICATE`, `COUNTERFOIL_LOG__LOG__ORIGIN`.

use std::fmt;

use toml::{Table, Value};

use super::nearest::nearest;
use super::{ConfigError, Key, Schema, Section};

/// One value that a variable or a flag gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Override {
    /// The variable or flag, for error messages.
    source: String,
    kind: Given,
    path: String,
    value: String,
}

/// How a value was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// By an environment variable.
    Variable,
    /// By an argument, which others can read.
    Argument,
}

impl Override {
    /// A flag: a dotted path (with `-` or `_` in names) and its value.
    pub fn flag(path: &str, value: &str) -> Self {
        Self {
            source: format!("--{}", path.replace(['_', '.'], "-")),
            kind: Given::Argument,
            path: path.replace('-', "_"),
            value: value.to_owned(),
        }
    }

    /// A flag given as `path=value`.
    pub fn assignment(text: &str) -> Result<Self, ConfigError> {
        let (path, value) = text.split_once('=').ok_or_else(|| ConfigError::Value {
            place: "--set".to_owned(),
            expected: "key=value".to_owned(),
            got: "no =".to_owned(),
        })?;
        Ok(Self {
            source: path.to_owned(),
            kind: Given::Argument,
            path: path.replace('-', "_"),
            value: value.to_owned(),
        })
    }

    /// Puts the value into the table.
    pub(super) fn apply(&self, schema: &Schema, table: &mut Table) -> Result<(), ConfigError> {
        let (section, number, key) = self.locate(schema)?;
        if self.kind == Given::Argument && key.kind.is_no_argument(&self.value) {
            return Err(self.conflict(format!(
                "it may hold credentials, and others can read what a program is called with: set it in the file, or by {}",
                schema.variable(&key.path())
            )));
        }
        let value = key
            .kind
            .read(&self.value)
            .ok_or_else(|| ConfigError::Value {
                place: self.source.clone(),
                expected: key.kind.expected(),
                got: format!("{:?}", self.value),
            })?;
        let target = match section {
            Section::TOP => table,
            section if section.is_list() => self.element(table, section, number)?,
            section => self.table(
                table
                    .entry(section.name())
                    .or_insert_with(|| Value::Table(Table::new())),
            )?,
        };
        target.insert(key.name.to_owned(), value);
        Ok(())
    }

    fn locate(
        &self,
        schema: &Schema,
    ) -> Result<(Section, Option<usize>, &'static Key), ConfigError> {
        let parts: Vec<&str> = self.path.split('.').collect();
        let (section, number, name) = match parts.as_slice() {
            [name] => ("", None, *name),
            [section, name] => (*section, None, *name),
            [section, number, name] => (*section, number.parse().ok(), *name),
            _ => ("", None, ""),
        };
        let found = schema
            .section(section)
            .filter(|candidate| parts.len() < 3 || (candidate.is_list() && number.is_some()))
            .and_then(|section| Some((section, number, schema.find(section, name)?)));
        found.ok_or_else(|| {
            let paths: Vec<String> = schema.all().map(Key::path).collect();
            ConfigError::UnknownKey {
                place: self.source.clone(),
                nearest: nearest(&self.path, paths.iter().map(String::as_str)).to_owned(),
            }
        })
    }

    /// The table of a list that is meant: the numbered one or the next, or the only one.
    fn element<'a>(
        &self,
        table: &'a mut Table,
        section: Section,
        number: Option<usize>,
    ) -> Result<&'a mut Table, ConfigError> {
        let name = section.name();
        let list = table
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(items) = list else {
            return Err(self.conflict(format!("{name} in the file is not a list of tables")));
        };
        let count = items.len();
        let number = match number {
            None if count > 1 => {
                let reason = format!("there are {count} [[{name}]]: say which, as {name}.0.KEY");
                return Err(self.conflict(reason));
            }
            None => 0,
            Some(number) if number > count => {
                let reason =
                    format!("there are only {count} [[{name}]], so the next is {name}.{count}");
                return Err(self.conflict(reason));
            }
            Some(number) => number,
        };
        if number == count {
            items.push(Value::Table(Table::new()));
        }
        match items.get_mut(number) {
            Some(item) => self.table(item),
            None => Err(self.conflict(format!("there is no {name}.{number}"))),
        }
    }

    fn table<'a>(&self, value: &'a mut Value) -> Result<&'a mut Table, ConfigError> {
        match value {
            Value::Table(table) => Ok(table),
            _ => Err(self.conflict("the file has another kind of value in its place".to_owned())),
        }
    }

    fn conflict(&self, reason: String) -> ConfigError {
        ConfigError::Conflict {
            place: self.source.clone(),
            reason,
        }
    }
}

/// Without its value, which may hold credentials.
impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Override({})", self.source)
    }
}

impl Schema {
    /// The overrides among environment variables, in the order of their names.
    pub fn from_environment(
        &self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Vec<Override> {
        let mut found: Vec<Override> = variables
            .into_iter()
            .filter_map(|(name, value)| {
                let path = name.strip_prefix(self.variables)?;
                Some(Override {
                    path: path.to_ascii_lowercase().replace("__", "."),
                    source: name,
                    kind: Given::Variable,
                    value,
                })
            })
            .collect();
        found.sort_by(|a, b| a.source.cmp(&b.source));
        found
    }
}

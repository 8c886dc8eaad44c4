//! Keys: the path of each, what it takes, its default and its help; and whether a table has only such keys.

use toml::{Table, Value};

use super::duration;
use super::nearest::nearest;
use super::{ConfigError, Schema};

/// One key of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub section: Section,
    /// Its name in the section.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The default as TOML, or an example where there is none (`required` or off).
    pub value: &'static str,
    /// Whether the section is useless without it.
    pub required: bool,
    /// What it is for, in a sentence.
    pub help: &'static str,
}

/// A table of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    name: &'static str,
    is_list: bool,
}

impl Section {
    /// The top of the file.
    pub const TOP: Self = Self::table("");

    /// `[name]`
    pub const fn table(name: &'static str) -> Self {
        Self {
            name,
            is_list: false,
        }
    }

    /// `[[name]]`
    pub const fn list(name: &'static str) -> Self {
        Self {
            name,
            is_list: true,
        }
    }

    /// Name of the table; empty for the top.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Whether there can be many such tables.
    pub const fn is_list(self) -> bool {
        self.is_list
    }
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A URL, which may hold credentials: one that does is treated as a secret is.
    Url,
    /// A string that may hold credentials: errors do not show it.
    Secret,
    /// A list of strings; in a variable or a flag, separated by commas.
    Texts,
    /// ... that may hold credentials.
    Secrets,
    /// A whole number that is not negative.
    Whole,
    /// A number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A duration.
    Duration,
}

impl Kind {
    /// In words.
    pub fn expected(self) -> String {
        match self {
            Self::Text | Self::Url | Self::Secret => "a string".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Texts | Self::Secrets => "a list of strings".to_owned(),
            Self::Whole => "a whole number, 0 or more".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Duration => duration::EXPECTED.to_owned(),
        }
    }

    fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text | Self::Url | Self::Secret, Value::String(_))
            | (Self::Number, Value::Integer(_) | Value::Float(_))
            | (Self::Switch, Value::Boolean(_)) => true,
            (Self::OneOf(words), Value::String(word)) => words.contains(&word.as_str()),
            (Self::Texts | Self::Secrets, Value::Array(items)) => items.iter().all(Value::is_str),
            (Self::Whole, Value::Integer(number)) => *number >= 0,
            (Self::Duration, Value::String(text)) => duration::parse(text).is_some(),
            _ => false,
        }
    }

    /// The value that the text of a variable or a flag stands for.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Text | Self::Url | Self::Secret | Self::OneOf(_) | Self::Duration => {
                Value::String(text.to_owned())
            }
            Self::Texts | Self::Secrets if text.is_empty() => Value::Array(Vec::new()),
            Self::Texts | Self::Secrets => Value::Array(text.split(',').map(Value::from).collect()),
            Self::Whole => Value::Integer(text.parse().ok()?),
            Self::Number => Value::Float(text.parse().ok()?),
            Self::Switch => Value::Boolean(text.parse().ok()?),
        };
        self.takes(&value).then_some(value)
    }
}

/// Keys in the order of the file, as an array of [`Key`]: `SECTION => { "name" kind, required|optional "value", "help"; }`.
#[macro_export]
macro_rules! keys {
    ($($section:expr => { $($name:literal $kind:expr, $need:ident $value:expr, $help:expr;)* })*) => {
        [$($($crate::config::Key {
            section: $section,
            name: $name,
            kind: $kind,
            value: $value,
            required: $crate::keys!(@$need),
            help: $help,
        },)*)*]
    };
    (@required) => { true };
    (@optional) => { false };
}

impl Key {
    /// The dotted path, as a flag or an error message names it: `max_requests`, `tls.key`, `log.origin`.
    pub fn path(&self) -> String {
        match self.section {
            Section::TOP => self.name.to_owned(),
            section => format!("{}.{}", section.name(), self.name),
        }
    }
}

impl Schema {
    /// Every key.
    pub fn all(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().copied().flatten()
    }

    /// The keys of a section.
    pub(super) fn of(&self, section: Section) -> impl Iterator<Item = &'static Key> + use<> {
        self.all().filter(move |key| key.section == section)
    }

    pub(super) fn find(&self, section: Section, name: &str) -> Option<&'static Key> {
        self.of(section).find(|key| key.name == name)
    }

    pub(super) fn section(&self, name: &str) -> Option<Section> {
        let mut sections = self.sections.iter().copied();
        sections.find(|section| section.name() == name)
    }

    /// Checks that each key of `table` exists and has a value of its kind.
    pub(super) fn check(&self, table: &Table) -> Result<(), ConfigError> {
        for (name, value) in table {
            let table = self.section(name).filter(|_| !name.is_empty());
            let Some(section) = table else {
                self.check_key(Section::TOP, "", name, value)?;
                continue;
            };
            match value {
                Value::Table(inner) if !section.is_list() => {
                    self.check_section(section, name, inner)?;
                }
                Value::Array(items) if section.is_list() => {
                    for (number, item) in items.iter().enumerate() {
                        let place = format!("{name}[{number}]");
                        let Value::Table(inner) = item else {
                            return Err(wrong_section(section, place, item));
                        };
                        self.check_section(section, &place, inner)?;
                    }
                }
                other => return Err(wrong_section(section, name.clone(), other)),
            }
        }
        Ok(())
    }

    fn check_section(
        &self,
        section: Section,
        place: &str,
        table: &Table,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            self.check_key(section, place, name, value)?;
        }
        let missing = self
            .of(section)
            .find(|key| key.required && !table.contains_key(key.name));
        match missing {
            Some(key) => Err(ConfigError::Missing {
                place: format!("{place}.{}", key.name),
                expected: key.help.to_owned(),
            }),
            None => Ok(()),
        }
    }

    fn check_key(
        &self,
        section: Section,
        place: &str,
        name: &str,
        value: &Value,
    ) -> Result<(), ConfigError> {
        let place = if place.is_empty() {
            name.to_owned()
        } else {
            format!("{place}.{name}")
        };
        let Some(key) = self.find(section, name) else {
            return Err(ConfigError::UnknownKey {
                place,
                nearest: nearest(name, self.names(section)).to_owned(),
            });
        };
        if key.kind.takes(value) {
            return Ok(());
        }
        let got = match key.kind {
            Kind::Url | Kind::Secret | Kind::Secrets => "something else, which is not shown".into(),
            _ => value.to_string(),
        };
        Err(ConfigError::value(place, key.kind.expected(), got))
    }

    /// The names that may stand in a section; at the top, those of the tables too.
    fn names(&self, section: Section) -> impl Iterator<Item = &'static str> + use<> {
        let tables = self
            .sections
            .iter()
            .map(|section| section.name())
            .filter(move |name| section == Section::TOP && !name.is_empty());
        self.of(section).map(|key| key.name).chain(tables)
    }
}

fn wrong_section(section: Section, place: String, got: &Value) -> ConfigError {
    let name = section.name();
    let expected = if section.is_list() {
        format!("tables [[{name}]]")
    } else {
        format!("a table [{name}]")
    };
    // Without its text: there may be credentials in it.
    ConfigError::value(place, expected, got.type_str())
}

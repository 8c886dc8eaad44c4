//! Every key, once: its path, what it takes, its default and its help.

use toml::{Table, Value};

use super::ConfigError;
use super::duration;
use super::nearest::nearest;

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
pub enum Section {
    /// The top of the file.
    Server,
    /// `[tls]`
    Tls,
    /// `[[token]]`
    Token,
    /// `[[client]]`
    Client,
    /// `[[log]]`
    Log,
}

impl Section {
    /// All of them, in the order of the file.
    pub const ALL: [Self; 5] = [
        Self::Server,
        Self::Tls,
        Self::Token,
        Self::Client,
        Self::Log,
    ];

    /// Name of the table; empty for the top.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "",
            Self::Tls => "tls",
            Self::Token => "token",
            Self::Client => "client",
            Self::Log => "log",
        }
    }

    /// Whether there can be many such tables.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Token | Self::Client | Self::Log)
    }

    fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|section| !name.is_empty() && section.name() == name)
    }
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A list of strings; in a variable or a flag, separated by commas.
    Texts,
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
            Self::Text => "a string".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Texts => "a list of strings".to_owned(),
            Self::Whole => "a whole number, 0 or more".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Duration => duration::EXPECTED.to_owned(),
        }
    }

    fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text, Value::String(_))
            | (Self::Number, Value::Integer(_) | Value::Float(_))
            | (Self::Switch, Value::Boolean(_)) => true,
            (Self::OneOf(words), Value::String(word)) => words.contains(&word.as_str()),
            (Self::Texts, Value::Array(items)) => items.iter().all(Value::is_str),
            (Self::Whole, Value::Integer(number)) => *number >= 0,
            (Self::Duration, Value::String(text)) => duration::parse(text).is_some(),
            _ => false,
        }
    }

    /// The value that the text of a variable or a flag stands for.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Text | Self::OneOf(_) | Self::Duration => Value::String(text.to_owned()),
            Self::Texts if text.is_empty() => Value::Array(Vec::new()),
            Self::Texts => Value::Array(text.split(',').map(Value::from).collect()),
            Self::Whole => Value::Integer(text.parse().ok()?),
            Self::Number => Value::Float(text.parse().ok()?),
            Self::Switch => Value::Boolean(text.parse().ok()?),
        };
        self.takes(&value).then_some(value)
    }
}

macro_rules! keys {
    ($($section:ident { $($name:literal $kind:expr, $need:ident $value:literal, $help:literal;)* })*) => {
        /// Every key, in the order of the file.
        pub const KEYS: &[Key] = &[$($(Key {
            section: Section::$section,
            name: $name,
            kind: $kind,
            value: $value,
            required: keys!(@$need),
            help: $help,
        },)*)*];
    };
    (@required) => { true };
    (@optional) => { false };
}

keys! {
    Server {
        "listen" Kind::Texts, optional "[\"127.0.0.1:8080\"]",
            "Addresses to listen on, each IP:PORT.";
        "request_deadline" Kind::Duration, optional "\"30s\"",
            "How long a request may take before it is answered 503.";
        "head_deadline" Kind::Duration, optional "\"30s\"",
            "How long the head of a request may take, and how long a connection may idle.";
        "body_deadline" Kind::Duration, optional "\"10s\"",
            "How long the body of a request may take before it is answered 408.";
        "shutdown_deadline" Kind::Duration, optional "\"30s\"",
            "How long requests that were taken may still take once the server is told to stop.";
        "max_connections" Kind::Whole, optional "10000",
            "Connections at once; one more is answered 503 and closed.";
        "max_requests" Kind::Whole, optional "16384",
            "Requests at once on all connections; one more is answered 503.";
        "max_body_bytes" Kind::Whole, optional "268435456",
            "Memory for request bodies; what would exceed it is answered 503.";
        "log_format" Kind::OneOf(&["auto", "text", "json"]), optional "\"auto\"",
            "Format of the server's own log; auto is text on a terminal and JSON otherwise.";
        "log_filter" Kind::Text, optional "\"info\"",
            "What goes into the server's own log, for example \"warn,counterfoil_log_server=debug\"; access=debug adds a line for each request.";
    }
    Tls {
        "certificate" Kind::Text, required "\"server.pem\"",
            "The server's certificate chain (PEM), its own certificate first.";
        "key" Kind::Text, required "\"server.key\"",
            "The server's private key (PEM).";
        "client_ca" Kind::Text, optional "\"clients.pem\"",
            "Who shows a client certificate issued under one of these (PEM) may write.";
    }
    Token {
        "name" Kind::Text, required "\"billing\"",
            "Whose token it is; shown in logs and metrics.";
        "sha256" Kind::Text, required "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            "SHA-256 of the token: printf %s \"$TOKEN\" | sha256sum. Make the token of 128 random bits or more.";
        "logs" Kind::Texts, optional "[\"*\"]",
            "Origins of the logs it is for.";
        "rate" Kind::Number, optional "1000",
            "Entries per second; without it there is no limit.";
        "burst" Kind::Number, optional "10000",
            "Entries that may come at once beyond the rate; without it, one second's worth.";
    }
    Client {
        "name" Kind::Text, required "\"billing.example.org\"",
            "A DNS name of the client certificate. With no [[client]] at all, any certificate under client_ca will do.";
        "logs" Kind::Texts, optional "[\"*\"]",
            "Origins of the logs it is for.";
        "rate" Kind::Number, optional "1000",
            "Entries per second; without it there is no limit.";
        "burst" Kind::Number, optional "10000",
            "Entries that may come at once beyond the rate; without it, one second's worth.";
    }
    Log {
        "origin" Kind::Text, required "\"log.example.org/records\"",
            "Origin line of the checkpoints: the log's URL without scheme and without a slash at the end. Never change it.";
        "prefix" Kind::Text, optional "\"/\"",
            "Path under which the log is served.";
        "data" Kind::Text, required "\"data\"",
            "Data directory.";
        "keys" Kind::Texts, required "[\"log.key\"]",
            "Files of the private keys, the Ed25519 key first (counterfoil key generate).";
        "read" Kind::OneOf(&["public", "token"]), optional "\"public\"",
            "Who may fetch entry bundles and lookups: anybody, or those who show a token or client certificate for the log.";
        "anyone_may_write" Kind::Switch, optional "false",
            "Take entries from anybody who can reach the server, without credentials.";
        "checkpoint_interval" Kind::Duration, optional "\"1s\"",
            "Time between checkpoints while the log grows.";
        "checkpoint_history" Kind::Duration, optional "\"1h\"",
            "How long older checkpoints are kept for receipts.";
        "deduplicate" Kind::Switch, optional "false",
            "Answer an entry that is in the log already with its index instead of logging it again.";
        "lookup" Kind::Switch, optional "true",
            "Keep the index that finds entries by their leaf hash.";
        "max_entry_bytes" Kind::Whole, optional "65535",
            "Longest entry; an entry bundle cannot hold one of more than 65535 bytes.";
        "max_batch_bytes" Kind::Whole, optional "8388608",
            "Longest body of a batch.";
        "max_batch_entries" Kind::Whole, optional "65536",
            "Most entries of a batch.";
        "max_queue_entries" Kind::Whole, optional "262144",
            "Entries that may wait to be made durable; one more is answered 503.";
        "max_queue_bytes" Kind::Whole, optional "67108864",
            "Bytes that may wait to be made durable; more is answered 503.";
        "cache_bytes" Kind::Whole, optional "67108864",
            "Memory for tiles and entry bundles.";
    }
}

impl Key {
    /// The dotted path, as a flag or an error message names it: `max_requests`, `tls.key`, `log.origin`.
    pub fn path(&self) -> String {
        match self.section {
            Section::Server => self.name.to_owned(),
            section => format!("{}.{}", section.name(), self.name),
        }
    }

    pub(super) fn find(section: Section, name: &str) -> Option<&'static Self> {
        KEYS.iter()
            .find(|key| key.section == section && key.name == name)
    }
}

/// Checks that each key of `table` exists and has a value of its kind.
pub(super) fn check(table: &Table) -> Result<(), ConfigError> {
    for (name, value) in table {
        let Some(section) = Section::by_name(name) else {
            check_key(Section::Server, "", name, value)?;
            continue;
        };
        match value {
            Value::Table(inner) if !section.is_list() => check_section(section, name, inner)?,
            Value::Array(items) if section.is_list() => {
                for (number, item) in items.iter().enumerate() {
                    let place = format!("{name}[{number}]");
                    let Value::Table(inner) = item else {
                        return Err(wrong_section(section, place, item));
                    };
                    check_section(section, &place, inner)?;
                }
            }
            other => return Err(wrong_section(section, name.clone(), other)),
        }
    }
    Ok(())
}

fn check_section(section: Section, place: &str, table: &Table) -> Result<(), ConfigError> {
    for (name, value) in table {
        check_key(section, place, name, value)?;
    }
    let missing = KEYS
        .iter()
        .find(|key| key.section == section && key.required && !table.contains_key(key.name));
    match missing {
        Some(key) => Err(ConfigError::Missing {
            place: format!("{place}.{}", key.name),
            expected: key.help.to_owned(),
        }),
        None => Ok(()),
    }
}

fn check_key(section: Section, place: &str, name: &str, value: &Value) -> Result<(), ConfigError> {
    let place = if place.is_empty() {
        name.to_owned()
    } else {
        format!("{place}.{name}")
    };
    let Some(key) = Key::find(section, name) else {
        return Err(ConfigError::UnknownKey {
            place,
            nearest: nearest(name, names(section)).to_owned(),
        });
    };
    if key.kind.takes(value) {
        return Ok(());
    }
    Err(ConfigError::Value {
        place,
        expected: key.kind.expected(),
        got: value.to_string(),
    })
}

/// The names that may stand in a section; at the top, those of the tables too.
fn names(section: Section) -> impl Iterator<Item = &'static str> {
    let tables = Section::ALL
        .into_iter()
        .map(Section::name)
        .filter(move |name| section == Section::Server && !name.is_empty());
    KEYS.iter()
        .filter(move |key| key.section == section)
        .map(|key| key.name)
        .chain(tables)
}

fn wrong_section(section: Section, place: String, got: &Value) -> ConfigError {
    let name = section.name();
    let expected = if section.is_list() {
        format!("tables [[{name}]]")
    } else {
        format!("a table [{name}]")
    };
    ConfigError::Value {
        place,
        expected,
        got: got.to_string(),
    }
}

//! The TOML of a trust file: TOML 1.1, read strictly, with the place of whatever is wrong.
//!
//! The crate `toml` reads the text; what it leaves open is decided here. A trust file has strings, integers of 64 bits, arrays and tables,
//! and no dates and no fractions. A key, its `=` and its value are on one line, which `toml` forgets within braces. What readers of TOML
//! are known to differ about is refused, because a file that says one thing to one verifier and another to the next is worse than none:
//! see [`ends_askew`].

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::{TrustError, part};
use crate::json::shown;

/// How deep arrays and tables nest. Those of a trust file nest 3 deep; with more, readers of TOML stop at limits of their own.
const MAX_DEPTH: usize = 16;

/// Reads a text.
pub(super) fn read(bytes: &[u8]) -> Result<Table<'_>, TrustError> {
    let text = str::from_utf8(bytes)
        .map_err(|error| TrustError::Toml(format!("byte {} is not UTF-8", error.valid_up_to())))?;
    let entries = DeTable::parse(text)
        .map_err(|error| TrustError::Toml(error.to_string().trim_end().to_owned()))?
        .into_inner();
    check_table(text, &entries, MAX_DEPTH)?;
    if ends_askew(text) {
        let wrong =
            "expected text before the closing \"\"\" after a \\ that joins lines, got a quote";
        return Err(TrustError::Toml(wrong.to_owned()));
    }
    Ok(Table {
        path: String::new(),
        entries,
    })
}

fn check_table(text: &str, entries: &DeTable<'_>, depth: usize) -> Result<(), TrustError> {
    for (key, value) in entries {
        // The table of a header begins before its key, so that there is nothing between.
        let between = text.get(key.span().end..value.span().start);
        if between.is_some_and(|between| between.contains('\n')) {
            let wrong = format!(
                "expected {} = and its value on one line",
                shown(key.get_ref())
            );
            return Err(TrustError::Toml(wrong));
        }
        check_value(text, value.get_ref(), depth)?;
    }
    Ok(())
}

fn check_value(text: &str, value: &DeValue<'_>, depth: usize) -> Result<(), TrustError> {
    let wrong = |got| {
        Err(TrustError::Toml(format!(
            "expected strings, integers of 64 bits, arrays and tables, got {got}"
        )))
    };
    match value {
        DeValue::Table(_) | DeValue::Array(_) if depth == 0 => wrong("them in each other too deep"),
        DeValue::Table(entries) => check_table(text, entries, depth - 1),
        DeValue::Array(values) => values
            .iter()
            .try_for_each(|value| check_value(text, value.get_ref(), depth - 1)),
        DeValue::Integer(_) if number(value).is_none() => wrong("an integer of more than 64 bits"),
        DeValue::Float(_) => wrong("a number with a fraction or an exponent"),
        DeValue::Datetime(_) => wrong("a date or a time"),
        _ => Ok(()),
    }
}

/// Whether a string over many lines may end in a quote right after lines that a `\` joins, as in `\`, a line's end, `""""`: the fourth
/// quote is of the string by the specification, and is lost by some readers. Looked for everywhere, also in comments.
fn ends_askew(text: &str) -> bool {
    text.match_indices("\"\"\"\"").any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let joined = before.trim_end_matches([' ', '\t', '\r', '\n']);
        joined.ends_with('\\')
            && before
                .get(joined.len()..)
                .is_some_and(|space| space.contains('\n'))
    })
}

fn number(value: &DeValue<'_>) -> Option<i64> {
    let DeValue::Integer(integer) = value else {
        return None;
    };
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A table of which each key is taken out once; what then is left is not known.
pub(super) struct Table<'a> {
    /// Empty for the whole file.
    path: String,
    entries: DeTable<'a>,
}

impl<'a> Table<'a> {
    /// The value of a key, if it is there.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(DeValue<'a>, &str) -> Result<T, TrustError>,
    ) -> Result<Option<T>, TrustError> {
        let Some(value) = self.entries.remove(key) else {
            return Ok(None);
        };
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        };
        read(value.into_inner(), &path).map(Some)
    }

    /// The value of a key that must be there.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(DeValue<'a>, &str) -> Result<T, TrustError>,
    ) -> Result<T, TrustError> {
        self.optional(key, read)?
            .ok_or_else(|| part(self.name(), format!("the key {key}"), "none"))
    }

    /// Demands that no key is left.
    pub(super) fn end(self) -> Result<(), TrustError> {
        let left = self.entries.keys().map(Spanned::get_ref).min();
        left.map_or(Ok(()), |key| {
            Err(part(self.name(), "no other keys", shown(key)))
        })
    }

    fn name(&self) -> &str {
        match self.path.as_str() {
            "" => "trust file",
            table => table,
        }
    }
}

pub(super) fn text(value: DeValue<'_>, path: &str) -> Result<String, TrustError> {
    match value {
        DeValue::String(text) => Ok(text.into_owned()),
        other => Err(part(path, "a string", kind(&other))),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "as what reads values of other types"
)]
pub(super) fn integer(value: DeValue<'_>, path: &str) -> Result<u64, TrustError> {
    number(&value)
        .and_then(|number| u64::try_from(number).ok())
        .ok_or_else(|| part(path, "an integer without sign", kind(&value)))
}

pub(super) fn texts(value: DeValue<'_>, path: &str) -> Result<Vec<String>, TrustError> {
    let values = array(value, path)?.into_iter().enumerate();
    let read =
        |(at, value): (usize, Spanned<_>)| text(value.into_inner(), &format!("{path}[{at}]"));
    values.map(read).collect()
}

pub(super) fn tables<'a>(value: DeValue<'a>, path: &str) -> Result<Vec<Table<'a>>, TrustError> {
    let values = array(value, path)?.into_iter().enumerate();
    let read = |(at, value): (usize, Spanned<_>)| {
        let path = format!("{path}[{at}]");
        match value.into_inner() {
            DeValue::Table(entries) => Ok(Table { path, entries }),
            other => Err(part(path, "a table", kind(&other))),
        }
    };
    values.map(read).collect()
}

fn array<'a>(value: DeValue<'a>, path: &str) -> Result<DeArray<'a>, TrustError> {
    match value {
        DeValue::Array(values) => Ok(values),
        other => Err(part(path, "an array", kind(&other))),
    }
}

/// What an error says that there is.
fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => shown(text),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
        other => number(other).map_or_else(|| "a number".to_owned(), |number| number.to_string()),
    }
}

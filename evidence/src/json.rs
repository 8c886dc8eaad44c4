//! JSON as evidence is written in it: read strictly, with the place of whatever is wrong.
//!
//! `serde_json` reads the text; what it leaves open is decided here. A key stands once in an object, nothing nests deeper than
//! [`MAX_DEPTH`], and there are at most [`MAX_VALUES`] values, so that memory is bounded by a multiple of the text.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// How deep arrays and objects nest. The format's own nest 5 deep; the rest is for kinds of anchors that are not known yet.
pub const MAX_DEPTH: usize = 32;

/// The most values in one text, of any type. As many anchors as there may be, each with all that it may hold, have 60,000.
pub const MAX_VALUES: usize = 100_000;

/// A JSON value; an object's keys are in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Reads a text: one value, and nothing but white space around it.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let mut left = MAX_VALUES;
        let place = Place {
            path: &Path::Root,
            depth: 0,
            left: &mut left,
        };
        let value = place.deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// Writes it over many lines, indented by two spaces, with a newline at the end.
    pub(crate) fn write(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// What an error says that there is.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::String(value) => shown(value),
            Self::Array(_) => "an array".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        }
    }
}

/// What stands in a text as an object: `serde` would also take an array of its values.
pub(crate) struct AsObject<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AsObject<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(entries))
            }
        }

        from.deserialize_map(Entries(PhantomData)).map(Self)
    }
}

impl<T: Serialize> Serialize for AsObject<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

/// A string as an error shows it: quoted, and where it is long, its start.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Number(value) => value.serialize(to),
            Self::String(value) => to.serialize_str(value),
            Self::Array(values) => to.collect_seq(values),
            Self::Object(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// The way to a value, as in `anchors[1].token`.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("evidence"),
            Self::Key(Self::Root, key) => write!(f, "{}", key.escape_debug()),
            Self::Key(object, key) => write!(f, "{object}.{}", key.escape_debug()),
            Self::Index(array, index) => write!(f, "{array}[{index}]"),
        }
    }
}

/// Where the next value is, and how much there may still be.
struct Place<'a> {
    path: &'a Path<'a>,
    depth: usize,
    left: &'a mut usize,
}

impl Place<'_> {
    fn nested<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.depth < MAX_DEPTH {
            Ok(self.depth + 1)
        } else {
            Err(E::custom(format!(
                "{}: expected arrays and objects in each other to a depth of at most {MAX_DEPTH}, got more",
                self.path
            )))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(D::Error::custom(format!(
                "{}: expected at most {MAX_VALUES} values, got more",
                self.path
            )));
        };
        *self.left = left;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = serde_json::Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom(format!("{}: expected a finite number", self.path)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let depth = self.nested()?;
        let mut values = Vec::new();
        loop {
            let path = Path::Index(self.path, values.len());
            let place = Place {
                path: &path,
                depth,
                left: self.left,
            };
            match from.next_element_seed(place)? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let depth = self.nested()?;
        let mut entries = Vec::new();
        let mut keys = BTreeSet::new();
        while let Some(key) = from.next_key::<String>()? {
            let path = Path::Key(self.path, &key);
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format!(
                    "{path}: expected the key once, got it again"
                )));
            }
            let value = from.next_value_seed(Place {
                path: &path,
                depth,
                left: self.left,
            })?;
            entries.push((key, value));
        }
        Ok(Value::Object(entries))
    }
}

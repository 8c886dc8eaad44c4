//! Lists whose items have a name and a shape by their place.

use crate::rlp::{Item, RlpError};

/// What a field must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A byte string of this length.
    Fixed(usize),
    /// A byte string of this length, or an empty one.
    FixedOrEmpty(usize),
    /// A number of at most so many bytes, without leading zeros.
    Number(usize),
    /// Any byte string.
    Bytes,
    /// Any list.
    List,
}

/// A field, by its place in a table.
pub(crate) struct Field {
    /// Its name in the specification.
    pub(crate) name: &'static str,
    /// What it must be.
    pub(crate) shape: Shape,
}

/// A row of such a table.
pub(crate) const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape }
}

/// A field is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {error}")]
pub struct FieldError {
    /// Which.
    pub name: &'static str,
    /// Why.
    pub error: RlpError,
}

/// Whether the items have the shapes of the table, as far as either goes.
pub(crate) fn check(table: &[Field], items: &[Item<'_>]) -> Result<(), FieldError> {
    for (field, item) in table.iter().zip(items) {
        let error = match field.shape {
            Shape::Fixed(expected) => sized(item, expected).err(),
            Shape::FixedOrEmpty(expected) => match item.bytes() {
                Ok([]) => None,
                _ => sized(item, expected).err(),
            },
            Shape::Number(most) => item.number(most).err(),
            Shape::Bytes => item.bytes().err(),
            Shape::List if item.is_list() => None,
            Shape::List => item.items(0).err(),
        };
        if let Some(error) = error {
            let name = field.name;
            return Err(FieldError { name, error });
        }
    }
    Ok(())
}

fn sized(item: &Item<'_>, expected: usize) -> Result<(), RlpError> {
    let found = item.bytes()?.len();
    if found == expected {
        Ok(())
    } else {
        Err(RlpError::Size { expected, found })
    }
}

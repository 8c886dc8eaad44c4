//! Distinguished names.

use core::fmt;

use crate::ber::{self, EncodingError, Reader, SEQUENCE, SET, UTF8_STRING};
use crate::oid::Oid;
use crate::text;

/// A distinguished name.
#[derive(Clone)]
pub struct Name {
    der: Vec<u8>,
    /// Attributes in order, each with its relative name's number; what is text is folded (RFC 5280 section 7.1).
    folded: Vec<(usize, Oid, Vec<u8>)>,
    shown: String,
}

impl Name {
    pub(crate) fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<Self, EncodingError> {
        let element = reader.expect(SEQUENCE, what)?;
        let mut names = element.reader(what);
        let (mut folded, mut shown, mut number) = (Vec::new(), Vec::new(), 0);
        while !names.is_empty() {
            let mut relative = names.enter(SET, what)?;
            let mut values = Vec::new();
            while !relative.is_empty() {
                let mut attribute = relative.enter(SEQUENCE, what)?;
                let oid = attribute.oid(what)?;
                let value = attribute.next()?;
                attribute.end()?;
                let text = directory_string(&value);
                values.push(format!(
                    "{}={}",
                    short(oid.as_str()),
                    text.as_deref()
                        .map_or_else(|| format!("#{}", text::bytes(value.content)), text::value)
                ));
                let value = text.map_or_else(|| value.raw.to_vec(), |text| fold(&text));
                folded.push((number, oid, value));
            }
            number = folded.len();
            shown.extend((!values.is_empty()).then(|| values.join("+")));
        }
        Ok(Self {
            der: element.raw.to_vec(),
            folded,
            shown: text::whole(&shown.join(", ")),
        })
    }

    /// As it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der || self.folded == other.folded
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The text of a directory string.
fn directory_string(value: &ber::Element<'_>) -> Option<String> {
    const PRINTABLE: u8 = 0x13;
    const TELETEX: u8 = 0x14;
    const IA5: u8 = 0x16;
    const BMP: u8 = 0x1e;
    match value.identifier {
        UTF8_STRING | PRINTABLE | IA5 => {
            core::str::from_utf8(value.content).ok().map(str::to_owned)
        }
        TELETEX => Some(value.content.iter().copied().map(char::from).collect()),
        BMP => {
            let units = value.content.chunks(2);
            let units = units.map(|unit| {
                unit.iter()
                    .fold(0, |all, octet| all << 8 | u16::from(*octet))
            });
            String::from_utf16(&units.collect::<Vec<u16>>()).ok()
        }
        _ => None,
    }
}

/// Case and runs of white space do not matter.
fn fold(text: &str) -> Vec<u8> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase().into_bytes()
}

fn short(oid: &str) -> &str {
    match oid {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.97" => "organizationIdentifier",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "0.9.2342.19200300.100.1.25" => "DC",
        other => other,
    }
}

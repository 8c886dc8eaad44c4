//! What is changed: values of JSON, lines, bytes of DER, any bytes; each change has a name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Bytes to be changed: at which place, how many go, and which come.
pub(crate) type Splice = (usize, usize, Vec<u8>);

/// Numbers that follow from a seed (`SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than this, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// A change of some bytes.
pub(crate) fn splice(text: &[u8], random: &mut Random) -> Splice {
    let at = random.below(text.len());
    match random.below(8) {
        0 => (at, 1, Vec::new()),
        1 => (at, 0, vec![random.byte()]),
        2 => (at, random.below(40).min(text.len() - at), Vec::new()),
        3 => (at, text.len() - at, Vec::new()),
        4 => (
            at,
            0,
            text[at..(at + 1 + random.below(20)).min(text.len())].to_vec(),
        ),
        5 => (at, 1, vec![b"0A+/=\" \n\t\\{}[],:-\x80"[random.below(18)]]),
        6 => (at, 1, vec![text[at] ^ 0x20]),
        _ => (at, 1, vec![text[at] ^ (1 << random.below(8))]),
    }
}

/// The text with these bytes changed.
pub(crate) fn spliced(text: &[u8], (at, gone, come): &Splice) -> Vec<u8> {
    [&text[..*at], come, &text[at + gone..]].concat()
}

/// A text with each value in it, and each key, changed in each way.
pub(crate) fn of_values(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let value: Value = serde_json::from_slice(text).expect("evidence is JSON");
    let mut pointers = Vec::new();
    collect(&value, String::new(), &mut pointers);
    let mut edited = Vec::new();
    for pointer in pointers {
        let found = value.pointer(&pointer).expect("the pointer was collected");
        for (name, other) in changes(found) {
            let mut whole = value.clone();
            *whole.pointer_mut(&pointer).expect("it is there") = other;
            edited.push((
                format!("{pointer}: {name}"),
                serde_json::to_vec_pretty(&whole).unwrap(),
            ));
        }
        edited.extend(key_changes(&value, &pointer));
    }
    edited
}

fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, inside) in entries {
                collect(inside, format!("{pointer}/{key}"), pointers);
            }
        }
        // Of many alike, the first two.
        Value::Array(values) => {
            for (index, inside) in values.iter().enumerate().take(2) {
                collect(inside, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(pointer);
}

fn changes(value: &Value) -> Vec<(&'static str, Value)> {
    let mut changes = vec![
        ("null", Value::Null),
        ("true", json!(true)),
        ("zero", json!(0)),
        ("an empty string", json!("")),
        ("a string", json!("é\u{0}\u{301}\"'\\\u{202e}x")),
        ("an empty array", json!([])),
        ("an array", json!([[value.clone()]])),
        ("an empty object", json!({})),
        ("an object", json!({"kind": value.clone()})),
    ];
    match value {
        Value::String(text) => changes.extend(string_changes(text)),
        Value::Array(values) => {
            let reversed: Vec<_> = values.iter().rev().cloned().collect();
            let again: Vec<_> = values.iter().chain(values).cloned().collect();
            let many: Vec<_> = values
                .iter()
                .cycle()
                .take(129 * values.len().min(1))
                .cloned()
                .collect();
            changes.extend([
                ("reversed", json!(reversed)),
                ("twice", json!(again)),
                ("many", json!(many)),
                (
                    "without the first",
                    json!(values.get(1..).unwrap_or_default()),
                ),
            ]);
        }
        Value::Number(_) => changes.extend([
            ("negative", json!(-1)),
            ("a fraction", json!(1.5)),
            ("a whole number with a fraction", json!(1_800_000_000_000.0)),
            ("too large", json!(9_007_199_254_740_992_u64)),
            ("largest", json!(u64::MAX)),
            ("least", json!(i64::MIN)),
            ("very large", json!(1e300)),
            ("very small", json!(1.25e-9)),
            ("small", json!(0.001_5)),
            ("1e16", json!(1e16)),
        ]),
        Value::Object(entries) => {
            let mut more = entries.clone();
            more.insert("not\u{301} known\n'".to_owned(), json!(1));
            changes.push(("a key more", Value::Object(more)));
            let mut renewed = entries.clone();
            renewed.insert("renewal".to_owned(), json!({}));
            changes.push(("renewed", Value::Object(renewed)));
        }
        _ => {}
    }
    changes
}

fn string_changes(text: &str) -> Vec<(&'static str, Value)> {
    let mut first = text.chars();
    let replaced = match first.next() {
        Some('A') => 'B',
        _ => 'A',
    };
    let rest = first.as_str();
    vec![
        (
            "another first character",
            json!(format!("{replaced}{rest}")),
        ),
        ("without the first character", json!(rest)),
        (
            "without the last character",
            json!(text.get(..text.len().saturating_sub(1)).unwrap_or(text)),
        ),
        ("a space behind", json!(format!("{text} "))),
        ("a newline behind", json!(format!("{text}\n"))),
        ("= behind", json!(format!("{text}="))),
        ("upper case", json!(text.to_uppercase())),
        ("twice", json!(format!("{text}{text}"))),
        ("a byte order mark before", json!(format!("\u{feff}{text}"))),
        ("another kind", json!("ethereum-2")),
        ("another hash", json!("00".repeat(32))),
        ("a short word", json!("ocsp")),
        ("long", json!("x".repeat(3_000))),
    ]
}

/// A value removed, its key twice, its key spelled with an escape, or its object's keys in another order.
fn key_changes(value: &Value, pointer: &str) -> Vec<(String, Vec<u8>)> {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return Vec::new();
    };
    let change = |name: &str, edit: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut whole = value.clone();
        let object = whole.pointer_mut(parent)?.as_object_mut()?;
        edit(object);
        let text = serde_json::to_string_pretty(&whole).unwrap();
        let escape = |c| ['\\'.to_string(), format!("u{:04x}", u32::from(c))];
        let escaped: String = key.chars().flat_map(escape).collect();
        let text = text
            .replace("\"@again\"", &format!("\"{key}\""))
            .replace("\"@escaped\"", &format!("\"{escaped}\""));
        Some((format!("{pointer}: {name}"), text.into_bytes()))
    };
    let inside = value.pointer(pointer).cloned().unwrap_or_default();
    [
        change("removed", &|object| {
            object.remove(key);
        }),
        change("twice", &|object| {
            object.insert("@again".to_owned(), inside.clone());
        }),
        change("twice, once with escapes", &|object| {
            object.insert("@escaped".to_owned(), json!(1));
        }),
        change("key with escapes", &|object| {
            if let Some(inside) = object.remove(key) {
                object.insert("@escaped".to_owned(), inside);
            }
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A text with each of its lines changed in each way.
pub(crate) fn of_lines(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut edited = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim_end_matches('\n');
        let with = |replacement: String| -> String {
            let mut lines: Vec<&str> = lines.clone();
            lines[at] = &replacement;
            lines.concat()
        };
        let middle = bare
            .char_indices()
            .nth(bare.chars().count() / 2)
            .map_or(0, |(place, _)| place);
        let (start, end) = bare.split_at(middle);
        let changes = [
            ("removed", String::new()),
            ("twice", format!("{line}{line}")),
            ("without newline", bare.to_owned()),
            ("a carriage return", format!("{bare}\r\n")),
            ("a space behind", format!("{bare} \n")),
            ("a space before", format!(" {bare}\n")),
            ("two spaces", format!("{}\n", bare.replace(' ', "  "))),
            (
                "a tab for each space",
                format!("{}\n", bare.replace(' ', "\t")),
            ),
            ("an empty line behind", format!("{line}\n")),
            ("an empty line before", format!("\n{line}")),
            (
                "a zero before",
                format!("{}\n", bare.replacen(' ', " 0", 1)),
            ),
            ("only a zero", "0\n".to_owned()),
            ("18446744073709551615", "18446744073709551615\n".to_owned()),
            (
                "18446744073709551616",
                "index 18446744073709551616\n".to_owned(),
            ),
            (
                "without the last character",
                format!(
                    "{}\n",
                    bare.get(..bare.len().saturating_sub(1)).unwrap_or(bare)
                ),
            ),
            ("padding more", format!("{bare}=\n")),
            (
                "one letter changed",
                format!(
                    "{start}{}{}\n",
                    if end.starts_with('A') { 'B' } else { 'A' },
                    end.get(1..).unwrap_or("")
                ),
            ),
            ("a letter more", format!("{start}A{end}\n")),
            ("a no-break space", format!("{start}\u{a0}{end}\n")),
            ("a control character", format!("{start}\u{1f}{end}\n")),
            ("DEL", format!("{start}\u{7f}{end}\n")),
            ("a plus", format!("{start}+{end}\n")),
            ("a comment", format!("# {line}")),
            ("upper case", format!("{}\n", bare.to_uppercase())),
            ("none in it", format!("{bare} none\n")),
        ];
        edited.extend(
            changes.map(|(name, change)| (format!("line {}: {name}", at + 1), with(change))),
        );
        if let Some(next) = lines.get(at + 1) {
            let mut swapped = lines.clone();
            swapped[at] = next;
            swapped[at + 1] = line;
            edited.push((
                format!("line {}: swapped with the next", at + 1),
                swapped.concat(),
            ));
        }
    }
    edited
}

/// What anchors hold in binary.
const BINARY: [&str; 8] = [
    "/token",
    "/data",
    "/certificates/",
    "/header",
    "/transaction",
    "/transaction_proof/",
    "/receipt_proof/",
    "/anchors/0/receipt",
];

/// Evidence with a byte changed in the token, a certificate, revocation data, the header, the transaction, the receipt or a node of an anchor.
pub(crate) fn of_der(value: &Value, count: usize, random: &mut Random) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    collect(value, String::new(), &mut pointers);
    let within = |pointer: &&String| {
        let is_of = |what: &&str| match what.strip_suffix('/') {
            Some(_) => pointer.contains(*what),
            None => pointer.ends_with(*what),
        };
        pointer.starts_with("/anchors/") && BINARY.iter().any(is_of)
    };
    let places: Vec<&String> = pointers.iter().filter(within).collect();
    let is_token = |place: &&&String| place.ends_with("/token");
    let tokens: Vec<&&String> = places.iter().filter(is_token).collect();
    let mut edited = Vec::new();
    for _ in 0..if places.is_empty() { 0 } else { count } {
        // The token, if there is one, half of the time.
        let pointer = if !tokens.is_empty() && random.below(2) == 0 {
            tokens[random.below(tokens.len())]
        } else {
            &places[random.below(places.len())]
        };
        let Some(der) = value
            .pointer(pointer)
            .and_then(Value::as_str)
            .and_then(|text| STANDARD.decode(text).ok())
        else {
            continue;
        };
        let change = if random.below(4) == 0 {
            splice(&der, random)
        } else {
            let at = random.below(der.len());
            (at, 1, vec![der[at] ^ (1 << random.below(8))])
        };
        let mut whole = value.clone();
        *whole.pointer_mut(pointer).expect("it is there") =
            STANDARD.encode(spliced(&der, &change)).into();
        edited.push((format!("{pointer}: DER at {}", change.0), whole));
    }
    edited
}

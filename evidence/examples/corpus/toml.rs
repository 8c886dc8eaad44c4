//! Trust files as TOML has them: each of its spellings, right and wrong, and a small file with pieces of TOML put in anywhere.

use crate::edits::Random;
use crate::fixture::policy;

/// What stands in a small trust file, in the places that the rows of [`REPLACED`] name.
fn small() -> String {
    format!(
        "format = \"counterfoil/trust@v1\"\nmin_anchors = 1\npolicy = \"\"\"\n{}\"\"\"\n\n[[ethereum]]\nname = \"a\"\nchain_id = 1\nblock_hashes = []\n",
        policy()
    )
}

const FORMAT: &str = "format = \"counterfoil/trust@v1\"";
const CHAIN: &str = "[[ethereum]]\nname = \"a\"\nchain_id = 1\nblock_hashes = []\n";

/// What is replaced by what.
const REPLACED: &[(&str, &str, &str)] = &[
    ("as it is", "", ""),
    (
        "a literal string",
        FORMAT,
        "format = 'counterfoil/trust@v1'",
    ),
    (
        "a string of lines",
        FORMAT,
        "format = \"\"\"\ncounterfoil/trust@v1\"\"\"",
    ),
    (
        "a literal string of lines",
        FORMAT,
        "format = '''\ncounterfoil/trust@v1'''",
    ),
    (
        "a CRLF at its start",
        FORMAT,
        "format = '''\r\ncounterfoil/trust@v1'''",
    ),
    (
        "lines joined",
        FORMAT,
        "format = \"\"\"counterfoil\\\n   /trust@v1\"\"\"",
    ),
    (
        "lines joined, with spaces",
        FORMAT,
        "format = \"\"\"counterfoil\\  \n \n\t/trust@v1\"\"\"",
    ),
    (
        "lines joined at the end",
        FORMAT,
        "format = \"\"\"counterfoil/trust@v1\\\n\"\"\"",
    ),
    (
        "a quote behind joined lines",
        FORMAT,
        "format = \"\"\"counterfoil/trust@v1\\\n\"\"\"\"",
    ),
    (
        "two quotes behind joined lines",
        FORMAT,
        "format = \"\"\"counterfoil/trust@v1\\ \r\n\t\"\"\"\"\"",
    ),
    (
        "the same in a comment",
        FORMAT,
        "format = 'counterfoil/trust@v1' # \\\n# \"\"\"\"",
    ),
    (
        "four quotes",
        FORMAT,
        "format = \"\"\"counterfoil/trust@v1\"\"\"\"",
    ),
    (
        "spaces joined to nothing",
        FORMAT,
        "format = \"\"\"counterfoil\\  /trust@v1\"\"\"",
    ),
    (
        "an escape \\e",
        FORMAT,
        "format = \"\\ecounterfoil/trust@v1\"",
    ),
    (
        "an escape \\x",
        FORMAT,
        "format = \"\\x63ounterfoil/trust@v1\"",
    ),
    (
        "an escape \\u",
        FORMAT,
        "format = \"\\u0063ounterfoil/trust@v1\"",
    ),
    (
        "an escape \\U",
        FORMAT,
        "format = \"\\U00000063ounterfoil/trust@v1\"",
    ),
    ("a surrogate", FORMAT, "format = \"\\uD800\""),
    ("too large a character", FORMAT, "format = \"\\U00110000\""),
    ("an escape of nothing", FORMAT, "format = \"\\a\""),
    (
        "an escaped slash",
        FORMAT,
        "format = \"counterfoil\\/trust@v1\"",
    ),
    ("no quotes", FORMAT, "format = counterfoil"),
    (
        "a key in quotes",
        FORMAT,
        "\"format\" = \"counterfoil/trust@v1\"",
    ),
    (
        "a key with an escape",
        FORMAT,
        "\"\\u0066ormat\" = \"counterfoil/trust@v1\"",
    ),
    (
        "a literal key",
        FORMAT,
        "'format' = \"counterfoil/trust@v1\"",
    ),
    (
        "a key that is twice there, spelled otherwise",
        FORMAT,
        "'format' = 'counterfoil/trust@v1'\nformat = 'counterfoil/trust@v1'",
    ),
    ("a key of other letters", FORMAT, "formät = 1"),
    (
        "a dotted key",
        FORMAT,
        "format.x = \"counterfoil/trust@v1\"",
    ),
    (
        "spaces",
        FORMAT,
        "\t format\t=  \"counterfoil/trust@v1\" \t",
    ),
    ("no spaces", FORMAT, "format=\"counterfoil/trust@v1\""),
    (
        "a line between key and value",
        FORMAT,
        "format =\n\"counterfoil/trust@v1\"",
    ),
    ("two on one line", "\nmin_anchors", " min_anchors"),
    (
        "a comment behind",
        "min_anchors = 1",
        "min_anchors = 1# one",
    ),
    (
        "a control character in a comment",
        "min_anchors = 1",
        "min_anchors = 1 # \u{1}",
    ),
    (
        "a carriage return in a comment",
        "min_anchors = 1",
        "min_anchors = 1 # a\rb",
    ),
    (
        "a form feed for a space",
        "min_anchors = 1",
        "min_anchors =\u{c}1",
    ),
    (
        "a space that does not break",
        "min_anchors = 1",
        "min_anchors =\u{a0}1",
    ),
    (
        "a carriage return alone",
        "min_anchors = 1\n",
        "min_anchors = 1\r",
    ),
    (
        "a byte order mark in the middle",
        "min_anchors",
        "\u{feff}min_anchors",
    ),
    ("+1", "min_anchors = 1", "min_anchors = +1"),
    ("-0", "min_anchors = 1", "min_anchors = -0"),
    ("01", "min_anchors = 1", "min_anchors = 01"),
    ("1_", "min_anchors = 1", "min_anchors = 1_"),
    ("0_1", "min_anchors = 1", "min_anchors = 0_1"),
    ("0b1", "min_anchors = 1", "min_anchors = 0b1"),
    ("0o1", "min_anchors = 1", "min_anchors = 0o1"),
    ("0X1", "min_anchors = 1", "min_anchors = 0X1"),
    ("+0x1", "min_anchors = 1", "min_anchors = +0x1"),
    (
        "2^63-1",
        "min_anchors = 1",
        "min_anchors = 9_223_372_036_854_775_807",
    ),
    (
        "2^63",
        "min_anchors = 1",
        "min_anchors = 9223372036854775808",
    ),
    (
        "-2^63",
        "min_anchors = 1",
        "min_anchors = -9223372036854775808",
    ),
    (
        "-2^63-1",
        "min_anchors = 1",
        "min_anchors = -9223372036854775809",
    ),
    (
        "2^64 in hexadecimal",
        "min_anchors = 1",
        "min_anchors = 0x1_0000_0000_0000_0000",
    ),
    (
        "a very large integer",
        "min_anchors = 1",
        "min_anchors = 1234567890123456789012345678901234567890123456789012345678901234567890",
    ),
    ("a fraction", "min_anchors = 1", "min_anchors = 1.5"),
    ("an exponent", "min_anchors = 1", "min_anchors = 1e0"),
    (
        "too large an exponent",
        "min_anchors = 1",
        "min_anchors = 1e999",
    ),
    ("infinite", "min_anchors = 1", "min_anchors = inf"),
    ("not a number", "min_anchors = 1", "min_anchors = nan"),
    ("true", "min_anchors = 1", "min_anchors = true"),
    ("True", "min_anchors = 1", "min_anchors = True"),
    ("a date", "min_anchors = 1", "min_anchors = 2027-01-15"),
    (
        "a date that is none",
        "min_anchors = 1",
        "min_anchors = 2027-02-30",
    ),
    ("a time", "min_anchors = 1", "min_anchors = 07:32"),
    ("a leap second", "min_anchors = 1", "min_anchors = 23:59:60"),
    (
        "a date and time",
        "min_anchors = 1",
        "min_anchors = 2027-01-15 08:00Z",
    ),
    (
        "a date where there may be anything",
        "block_hashes = []",
        "block_hashes = [2027-01-15]",
    ),
    (
        "an array for a number",
        "min_anchors = 1",
        "min_anchors = [1]",
    ),
    (
        "a table for a number",
        "min_anchors = 1",
        "min_anchors = {}",
    ),
    (
        "an array over lines",
        "block_hashes = []",
        "block_hashes = [ # none\n\n]",
    ),
    (
        "a comma at the end",
        "block_hashes = []",
        "block_hashes = [\"x\",\n]",
    ),
    ("a comma alone", "block_hashes = []", "block_hashes = [,]"),
    (
        "arrays in each other",
        "block_hashes = []",
        "block_hashes = [[[[]]]]",
    ),
    ("a header in quotes", "[[ethereum]]", "[[\"ethereum\"]]"),
    (
        "spaces in a header",
        "[[ethereum]]",
        "[[ ethereum\t]] # one",
    ),
    ("a space between brackets", "[[ethereum]]", "[ [ethereum]]"),
    (
        "a header twice",
        CHAIN,
        "[[ethereum]]\nname = \"a\"\nchain_id = 1\n[[ethereum]]\nname = \"b\"\nchain_id = 2\n",
    ),
    (
        "a table beside an array of tables",
        CHAIN,
        "[[ethereum]]\nname = \"a\"\nchain_id = 1\n[ethereum]\nname = \"b\"\nchain_id = 2\n",
    ),
    (
        "a table within",
        CHAIN,
        "[[ethereum]]\nname = \"a\"\nchain_id = 1\n[ethereum.x]\n",
    ),
    (
        "tables in braces",
        CHAIN,
        "ethereum = [{name = \"a\", chain_id = 1, block_hashes = []}]\n",
    ),
    (
        "tables in braces, over lines",
        CHAIN,
        "ethereum = [\n  {\n    name = \"a\", # a\n    chain_id = 1,\n  },\n]\n",
    ),
    (
        "a line before = in braces",
        CHAIN,
        "ethereum = [{name\n= \"a\", chain_id = 1}]\n",
    ),
    (
        "a line behind = in braces",
        CHAIN,
        "ethereum = [{name = \"a\", chain_id =\n1}]\n",
    ),
    (
        "a comment behind = in braces",
        CHAIN,
        "ethereum = [{name = \"a\", chain_id = # one\n1}]\n",
    ),
    (
        "tables in braces, and a header",
        CHAIN,
        "ethereum = [{name = \"a\", chain_id = 1}]\n[[ethereum]]\nname = \"b\"\nchain_id = 2\n",
    ),
    (
        "tables in braces with dotted keys",
        CHAIN,
        "ethereum = [{name = \"a\", chain_id.x = 1}]\n",
    ),
    ("tables as arrays", CHAIN, "ethereum = [[\"a\", 1]]\n"),
    (
        "tables as whole arrays",
        CHAIN,
        "ethereum = [[\"a\", 1, \"0xa7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7\", []]]\n",
    ),
    (
        "a table for tables",
        CHAIN,
        "ethereum = {name = \"a\", chain_id = 1}\n",
    ),
    (
        "a table of tables",
        CHAIN,
        "[ethereum.0]\nname = \"a\"\nchain_id = 1\n",
    ),
    ("a string for tables", CHAIN, "ethereum = \"a\"\n"),
    (
        "a demand as a table",
        CHAIN,
        "[[tsa]]\nname = \"t\"\nroots = \"\"\nrevocation = {required = {}}\n",
    ),
    (
        "a demand as a dotted key",
        CHAIN,
        "[[tsa]]\nname = \"t\"\nroots = \"\"\nrevocation.required = {}\n",
    ),
    (
        "a demand in upper case",
        CHAIN,
        "[[tsa]]\nname = \"t\"\nroots = \"\"\nrevocation = \"Required\"\n",
    ),
    (
        "an unknown key, and another",
        CHAIN,
        "[[ethereum]]\nname = \"a\"\nchain_id = 1\nz = 1\ny = 1\né = 1\n",
    ),
    (
        "unknown keys of many letters",
        "min_anchors = 1",
        "\"\u{1f600}\" = 1\n\"\u{ffff}\" = 2",
    ),
];

/// Pieces of TOML.
const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "=",
    ".",
    ",",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "#",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\"\"\"\"",
    "\\",
    "\\\n",
    "\\ \t\n ",
    "\\n",
    "\\e",
    "\\x41",
    "\\u0041",
    "\u{feff}",
    "\0",
    "\u{7f}",
    "\u{85}",
    "a",
    "0",
    "1",
    "_",
    "-",
    "+",
    "e",
    "0x",
    "inf",
    "true",
    "2027-01-15",
    "07:32:00",
    "# c\n",
    "a = 1\n",
    "[a]\n",
    "[[tsa]]\n",
    "[[ethereum]]\n",
    "name",
    "{a = 1}",
    "é",
];

/// All of them.
pub(crate) fn files(random: &mut Random) -> Vec<(String, Vec<u8>)> {
    let small = small();
    let replaced = REPLACED.iter().map(|(name, from, to)| {
        let text = if from.is_empty() {
            small.clone()
        } else {
            small.replacen(from, to, 1)
        };
        ((*name).to_owned(), text.into_bytes())
    });
    let mut files: Vec<_> = replaced.collect();
    for dots in [100, 10_000] {
        let deep = format!("{small}{}x = 1\n", "a.".repeat(dots));
        files.push((format!("{dots} dots"), deep.into_bytes()));
        let deep = format!("{small}x = {}\n", "[".repeat(dots));
        files.push((format!("{dots} brackets"), deep.into_bytes()));
    }
    files.push((
        "not UTF-8".to_owned(),
        [small.as_bytes(), b"# \xff\n"].concat(),
    ));
    for number in 0..3_000 {
        let mut text = small.clone();
        for _ in 0..=random.below(2) {
            // Where the policy stands, all is text.
            let places: Vec<usize> = text
                .char_indices()
                .map(|(at, _)| at)
                .filter(|at| *at < 60 || *at + 110 > text.len())
                .collect();
            let at = places[random.below(places.len())];
            let gone = text[at..].chars().next().map_or(0, char::len_utf8) * random.below(2);
            text.replace_range(at..at + gone, PIECES[random.below(PIECES.len())]);
        }
        files.push((format!("pieces: {number}"), text.into_bytes()));
    }
    files
}

//! What is changed in trust files.

/// What is replaced by what, wherever it stands.
const REPLACED: &[(&str, &str, &str)] = &[
    (
        "another format",
        "counterfoil/trust@v1",
        "counterfoil/trust@v2",
    ),
    ("no format", "format = ", "# format = "),
    ("min_anchors 0", "min_anchors = 1", "min_anchors = 0"),
    (
        "min_anchors negative",
        "min_anchors = 1",
        "min_anchors = -1",
    ),
    ("min_anchors 3", "min_anchors = 1", "min_anchors = 3"),
    (
        "min_anchors a string",
        "min_anchors = 1",
        "min_anchors = \"1\"",
    ),
    (
        "min_anchors a fraction",
        "min_anchors = 1",
        "min_anchors = 1.0",
    ),
    (
        "min_anchors in hexadecimal",
        "min_anchors = 1",
        "min_anchors = 0x1",
    ),
    (
        "min_anchors huge",
        "min_anchors = 1",
        "min_anchors = 99999999999999999999",
    ),
    (
        "min_anchors twice",
        "min_anchors = 1",
        "min_anchors = 1\nmin_anchors = 1",
    ),
    ("no min_anchors", "min_anchors = 1\n", ""),
    (
        "an unknown key",
        "min_anchors = 1",
        "min_anchors = 1\nmore = 1",
    ),
    ("no policy", "policy = ", "no_policy = "),
    ("no authorities", "[[tsa]]", "[[tsb]]"),
    ("one table", "[[tsa]]", "[tsa]"),
    ("quorum none", "quorum both", "quorum none"),
    ("an undefined quorum", "quorum both", "quorum x"),
    ("another name", "name = \"one\"", "name = \"two-3\""),
    (
        "a name of two hyphens",
        "name = \"one\"",
        "name = \"o--ne\"",
    ),
    ("a name in upper case", "name = \"one\"", "name = \"One\""),
    ("an empty name", "name = \"one\"", "name = \"\""),
    ("no name", "name = \"one\"\n", ""),
    (
        "roots that are text",
        "roots = \"\"\"",
        "roots = \"text\"\nx = \"\"\"",
    ),
    ("another label", "CERTIFICATE-----", "PUBLIC KEY-----"),
    (
        "a label that few know",
        "CERTIFICATE-----",
        "TRUSTED CERTIFICATE-----",
    ),
    (
        "a key after it",
        "-----END CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n-----BEGIN X-----\nMAA=\n-----END X-----\n",
    ),
    (
        "indented",
        "-----BEGIN CERTIFICATE-----",
        "  -----BEGIN CERTIFICATE-----",
    ),
    (
        "its end indented",
        "-----END CERTIFICATE-----",
        " -----END CERTIFICATE-----",
    ),
    (
        "behind a byte order mark",
        "-----BEGIN CERTIFICATE-----",
        "\u{feff}-----BEGIN CERTIFICATE-----",
    ),
    (
        "two in a line",
        "-----END CERTIFICATE-----",
        "-----END CERTIFICATE----------BEGIN CERTIFICATE-----",
    ),
    ("no log", "\nlog ", "\n# log "),
    ("no end", "-----END CERTIFICATE-----", ""),
    ("no beginning", "-----BEGIN CERTIFICATE-----", ""),
    (
        "text before",
        "-----BEGIN CERTIFICATE-----",
        "A root:\n-----BEGIN CERTIFICATE-----",
    ),
    (
        "not base64",
        "-----BEGIN CERTIFICATE-----\nMI",
        "-----BEGIN CERTIFICATE-----\nM!",
    ),
    (
        "not DER",
        "-----BEGIN CERTIFICATE-----\nMI",
        "-----BEGIN CERTIFICATE-----\nMA",
    ),
    ("a comment", "[[tsa]]", "# a comment\n[[tsa]] # here"),
    ("carriage returns", "\n", "\r\n"),
    ("a byte order mark", "format =", "\u{feff}format ="),
    ("an empty key", "min_anchors = 1", "\"\" = 1"),
    ("__proto__", "min_anchors = 1", "__proto__ = 1"),
];

/// What is added to the last authority.
const APPENDED: &[(&str, &str)] = &[
    ("revocation required", "revocation = \"required\"\n"),
    ("revocation optional", "revocation = \"optional\"\n"),
    ("revocation published", "revocation = \"published\"\n"),
    ("revocation never", "revocation = \"never\"\n"),
    ("any policies", "policies = []\n"),
    ("another policy", "policies = [\"1.2.3.4\"]\n"),
    ("no object identifier", "policies = [\"1.2.3.04\"]\n"),
    ("no object identifier 2", "policies = [\"1.40.3\"]\n"),
    ("no object identifier 3", "policies = [\"3.1\"]\n"),
    ("no object identifier 4", "policies = [\"1\"]\n"),
    (
        "an object identifier",
        "policies = [\"2.999.123456789012345678901234567890\"]\n",
    ),
    ("policies of another type", "policies = [1]\n"),
    ("policies as a string", "policies = \"1.2.3\"\n"),
    ("no more certificates", "certificates = \"\"\n"),
    ("certificates that are text", "certificates = \"text\"\n"),
    ("certificates of another type", "certificates = []\n"),
    ("an unknown key of it", "url = \"http://x\"\n"),
];

/// What is replaced in the table of a chain.
const OF_CHAIN: &[(&str, &str, &str)] = &[
    ("chain 0", "chain_id = 31337", "chain_id = 0"),
    ("a negative chain", "chain_id = 31337", "chain_id = -1"),
    (
        "a chain as a string",
        "chain_id = 31337",
        "chain_id = \"31337\"",
    ),
    (
        "a chain as a fraction",
        "chain_id = 31337",
        "chain_id = 31337.0",
    ),
    (
        "the last chain",
        "chain_id = 31337",
        "chain_id = 9007199254740991",
    ),
    (
        "a chain too large",
        "chain_id = 31337",
        "chain_id = 9007199254740992",
    ),
    (
        "the largest chain",
        "chain_id = 31337",
        "chain_id = 9223372036854775807",
    ),
    ("another chain", "chain_id = 31337", "chain_id = 1"),
    ("no chain", "chain_id = 31337\n", ""),
    (
        "a chain of the authority's name",
        "name = \"chain\"",
        "name = \"one\"",
    ),
    (
        "a chain's name in upper case",
        "name = \"chain\"",
        "name = \"Chain\"",
    ),
    (
        "a chain's name that is too long",
        "name = \"chain\"",
        "name = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
    ),
    ("a chain without a name", "name = \"chain\"\n", ""),
    ("one chain's table", "[[ethereum]]", "[ethereum]"),
    (
        "a number with a zero before",
        "[\"23000000 ",
        "[\"023000000 ",
    ),
    ("a number with a sign", "[\"23000000 ", "[\"+23000000 "),
    ("the largest number", "[\"23000000 ", "[\"9007199254740991 "),
    ("a number too large", "[\"23000000 ", "[\"9007199254740992 "),
    ("two numbers", "[\"23000000 ", "[\"1 23000000 "),
    ("another block", "[\"23000000 0x", "[\"23000000 0xff"),
    ("no prefix", "[\"23000000 0x", "[\"23000000 "),
    ("an upper-case prefix", "[\"23000000 0x", "[\"23000000 0X"),
    ("a form feed", "[\"23000000 0x", "[\"23000000\\f0x"),
    (
        "one hash, two numbers",
        "block_hashes = [",
        "block_hashes = [\"1 HASH\", \"2 HASH\", ",
    ),
    (
        "one number, two hashes",
        "block_hashes = [",
        "block_hashes = [\"23000000 HASH\", ",
    ),
    (
        "a block again",
        "block_hashes = [",
        "block_hashes = [\"HASH\", \"HASH\", \"7 HASH\", \"7 HASH\", ",
    ),
    (
        "hashes of another type",
        "block_hashes = [",
        "block_hashes = [1, ",
    ),
    (
        "an empty hash",
        "block_hashes = [",
        "block_hashes = [\"\", ",
    ),
    (
        "a long line",
        "block_hashes = [",
        "block_hashes = [\"LONG\", ",
    ),
    (
        "hashes as a string",
        "block_hashes = [",
        "block_hashes = \"x\"\nx = [",
    ),
    (
        "a destination",
        "chain_id = 31337",
        "chain_id = 31337\ndestination = \"0xa7A7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7\"",
    ),
    (
        "another destination",
        "chain_id = 31337",
        "chain_id = 31337\ndestination = \"0xa8a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7\"",
    ),
    (
        "a short destination",
        "chain_id = 31337",
        "chain_id = 31337\ndestination = \"0xa7\"",
    ),
    (
        "an empty destination",
        "chain_id = 31337",
        "chain_id = 31337\ndestination = \"\"",
    ),
    (
        "a destination of another type",
        "chain_id = 31337",
        "chain_id = 31337\ndestination = 1",
    ),
    (
        "an unknown key of a chain",
        "chain_id = 31337",
        "chain_id = 31337\nrpc = \"http://x\"",
    ),
];

/// A block that none of the evidence is in.
const HASH: &str = "0xabababababababababababababababababababababababababababababababab";

/// Trust files that name much, or the same twice: that they are read or not is all that is asked.
pub(crate) fn crowded() -> Vec<(String, String)> {
    let table = |name: &str, id: usize, hashes: &str| {
        format!("\n[[ethereum]]\nname = \"{name}\"\nchain_id = {id}\nblock_hashes = [{hashes}]\n")
    };
    let file = |needed: usize, tables: &[String]| {
        crate::fixture::trust(needed, &crate::fixture::policy(), tables)
    };
    let many = |count: usize| {
        let tables = (1..=count).map(|id| table(&format!("c{id}"), id, ""));
        tables.collect::<Vec<_>>()
    };
    let blocks = |count: usize| {
        let blocks = (0..count).map(|block| format!("\"0x{block:064x}\",\n"));
        blocks.collect::<String>()
    };
    let rows = [
        ("no table", file(1, &[])),
        ("64 chains", file(64, &many(64))),
        ("65 needed", file(65, &many(64))),
        ("65 chains", file(1, &many(65))),
        (
            "a chain twice",
            file(1, &[table("a", 1, ""), table("b", 1, "")]),
        ),
        (
            "a name twice",
            file(1, &[table("a", 1, ""), table("a", 2, "")]),
        ),
        ("32768 blocks", file(1, &[table("a", 1, &blocks(32_768))])),
        ("32769 blocks", file(1, &[table("a", 1, &blocks(32_769))])),
    ];
    rows.map(|(name, text)| (name.to_owned(), text)).to_vec()
}

/// A list of blocks.
pub(crate) fn list() -> String {
    format!(
        "# Blocks.\n7 {HASH} # seven\n0x{}\n\nchain 1\n\t 9 \t0x{}\n",
        "cd".repeat(32),
        "EF".repeat(32)
    )
}

/// Lists that name much, or contradict themselves.
pub(crate) fn lists() -> Vec<(String, String)> {
    let blocks = |count: usize| {
        let blocks = (0..count).map(|block| format!("0x{block:064x}\n"));
        blocks.collect::<String>()
    };
    let rows = [
        ("nothing", String::new()),
        ("only a comment", "#".to_owned()),
        ("without a newline", HASH.to_owned()),
        ("a carriage return at the end", format!("{HASH}\r")),
        ("two carriage returns", format!("{HASH}\r\r\n")),
        (
            "two hashes of a number",
            format!("7 {HASH}\n7 0x{}\n", "00".repeat(32)),
        ),
        ("two numbers of a hash", format!("7 {HASH}\n8 {HASH}\n")),
        (
            "two numbers in two chains",
            format!("7 {HASH}\nchain 1\n8 {HASH}\n"),
        ),
        ("a number later", format!("{HASH}\n8 {HASH}\n{HASH}\n")),
        ("chain 0", "chain 0\n".to_owned()),
        ("chain 01", "chain 01\n".to_owned()),
        ("chain mainnet", "chain mainnet\n".to_owned()),
        ("chain without a number", "chain\n".to_owned()),
        ("chain with two", "chain 1 2\n".to_owned()),
        ("the last chain", "chain 9007199254740991\n".to_owned()),
        ("a chain too large", "chain 9007199254740992\n".to_owned()),
        ("32768 blocks", blocks(32_768)),
        ("32769 blocks", blocks(32_769)),
        (
            "32768 blocks of two chains",
            format!("{}chain 1\n{HASH}", blocks(32_767)),
        ),
        (
            "32769 blocks of two chains",
            format!("{}chain 1\n{HASH}", blocks(32_768)),
        ),
        (
            "the same in two chains",
            format!("{}chain 1\n{}", blocks(16_384), blocks(16_384)),
        ),
        ("a long line", "x".repeat(5_000)),
    ];
    rows.map(|(name, text)| (name.to_owned(), text)).to_vec()
}

/// A trust file, changed in each way.
pub(crate) fn of_trust(text: &str) -> Vec<(String, String)> {
    let long = "x".repeat(5_000);
    let replaced = REPLACED.iter().chain(OF_CHAIN);
    let replaced = replaced.map(|(name, from, to)| {
        let to = to.replace("HASH", HASH).replace("LONG", &long);
        (*name, text.replace(from, &to))
    });
    // What is not there cannot be replaced.
    let replaced = replaced.filter(|(_, changed)| changed != text);
    let appended = APPENDED
        .iter()
        .map(|(name, line)| (*name, format!("{text}{line}")));
    let named = |(name, text): (&str, String)| (name.to_owned(), text);
    replaced.chain(appended).map(named).collect()
}

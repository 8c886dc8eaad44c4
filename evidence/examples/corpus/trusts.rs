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

/// A trust file, changed in each way.
pub(crate) fn of_trust(text: &str) -> Vec<(String, String)> {
    let replaced = REPLACED
        .iter()
        .map(|(name, from, to)| (*name, text.replace(from, to)));
    let appended = APPENDED
        .iter()
        .map(|(name, line)| (*name, format!("{text}{line}")));
    let named = |(name, text): (&str, String)| (name.to_owned(), text);
    replaced.chain(appended).map(named).collect()
}

//! Every key of the anchor's configuration, once.

use counterfoil_service::config::{Key, Kind, SHARE_KEYS, Schema, Section, front_keys};
use counterfoil_service::keys;

use super::ethereum::{self, ETHEREUM};

/// `[tls]`
pub const TLS: Section = Section::table("tls");
/// `[[log]]`
pub const LOG: Section = Section::list("log");
/// `[[authority]]`
pub const AUTHORITY: Section = Section::list("authority");

/// Every key.
pub const SCHEMA: Schema = Schema {
    variables: "COUNTERFOIL_ANCHOR__",
    introduction: "\
# Configuration of a Counterfoil anchor. A line that begins with \"# key =\" shows the default
# (operator, https_roots, [tls], certificates, policies and [ethereum], which are off, an example). Each key is also an environment
# variable, COUNTERFOIL_ANCHOR__KEY or COUNTERFOIL_ANCHOR__SECTION__KEY, and a flag. Unknown keys are errors.
# Relative paths are relative to this file.
",
    sections: &[Section::TOP, TLS, LOG, AUTHORITY, ETHEREUM],
    keys: &[KEYS, &FRONT, &SHARE_KEYS, TABLES, ethereum::KEYS],
};

const FRONT: [Key; 10] = front_keys(
    "What goes into the anchor's own log, for example \"warn,counterfoil_anchor=debug\"; access=debug adds a line for each request.",
);

const KEYS: &[Key] = &keys! {
    Section::TOP => {
        "data" Kind::Text, required "\"data\"",
            "Data directory: every checkpoint that was anchored, and every token. Nothing in it is ever changed; back it up.";
        "operator" Kind::Text, optional "\"Example Trust Company\"",
            "Who runs this anchor; shown on its page.";
        "interval" Kind::Duration, optional "\"1h\"",
            "How often each log is looked at; if its tree has changed, it is anchored.";
        "jitter" Kind::Duration, optional "\"5m\"",
            "How much later than at a multiple of the interval a look may begin, so that many anchors do not ask at once.";
        "max_age" Kind::Duration, optional "\"7d\"",
            "A log that does not change is anchored again when its last anchor is so old; \"0s\" is never.";
        "required" Kind::Whole, optional "1",
            "How many of the authorities must vouch for a tree. All are asked; the others may come later.";
        "retry_first" Kind::Duration, optional "\"10s\"",
            "The longest wait after the first failure of a log or an authority; it doubles with each further one.";
        "retry_longest" Kind::Duration, optional "\"10m\"",
            "No wait after failures is longer.";
        "log_deadline" Kind::Duration, optional "\"30s\"",
            "How long a request to a log may take.";
        "authority_deadline" Kind::Duration, optional "\"30s\"",
            "How long a request to an authority, or for revocation data, may take.";
        "clock_tolerance" Kind::Duration, optional "\"1m\"",
            "How far an authority's clock and this machine's may be apart; tokens that are further off do not count.";
        "https_roots" Kind::Text, optional "\"internal-ca.pem\"",
            "Root certificates of HTTPS that are trusted besides the system's (PEM). They say nothing about tokens.";
    }
};

const TABLES: &[Key] = &keys! {
    TLS => {
        "certificate" Kind::Text, required "\"server.pem\"",
            "The server's certificate chain (PEM), its own certificate first.";
        "key" Kind::Text, required "\"server.key\"",
            "The server's private key (PEM).";
        "client_ca" Kind::Text, optional "\"clients.pem\"",
            "Who shows a client certificate must have one issued under one of these (PEM).";
    }
    LOG => {
        "url" Kind::Url, required "\"https://log.example.org/\"",
            "The URL prefix of a log (C2SP tlog-tiles). A user and a password in it are shown nowhere; then this file is its owner's alone.";
        "policy" Kind::Text, required "\"log.policy\"",
            "File of its policy (C2SP tlog-policy): only checkpoints under its quorum are anchored.";
        "known_forks" Kind::Texts, optional "[\"3f1c…\"]",
            "SHA-256 of the refused checkpoints of forks (see /<origin hash>/forks) that were dealt with: the log is anchored on in spite of them.";
        "lost_checkpoints" Kind::Texts, optional "[\"3f1c…\"]",
            "SHA-256 of anchored checkpoints that are lost for good: what the log signs need not begin with them any more.";
    }
    AUTHORITY => {
        "name" Kind::Text, required "\"freetsa\"",
            "What records call a time-stamping authority, of a-z, 0-9 and -; it stays for ever.";
        "url" Kind::Url, required "\"https://freetsa.org/tsr\"",
            "Where it takes requests (RFC 3161 over HTTP). A user, a password and a query in it are shown nowhere; then this file is its owner's alone.";
        "roots" Kind::Texts, required "[\"freetsa-root.pem\"]",
            "Files of the root certificates that its tokens must lead to (PEM).";
        "certificates" Kind::Texts, optional "[\"freetsa-tsa.pem\"]",
            "Files of further certificates that lead there, where its tokens do not carry them (PEM).";
        "policies" Kind::Texts, optional "[\"1.3.6.1.4.1.13762.3\"]",
            "The policies (OIDs) under which its tokens may be made; any if this is not set.";
    }
};

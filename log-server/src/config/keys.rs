//! Every key of the log server's configuration, once.

use counterfoil_service::config::{Key, Kind, SHARE_KEYS, Schema, Section, front_keys};
use counterfoil_service::keys;

/// `[tls]`
pub const TLS: Section = Section::table("tls");
/// `[[token]]`
pub const TOKEN: Section = Section::list("token");
/// `[[client]]`
pub const CLIENT: Section = Section::list("client");
/// `[[log]]`
pub const LOG: Section = Section::list("log");

/// Every key.
pub const SCHEMA: Schema = Schema {
    variables: "COUNTERFOIL_LOG__",
    introduction: "\
# Configuration of a Counterfoil log server. A line that begins with \"# key =\" shows the default
# (in [tls], [[token]] and [[client]], which are off, an example). Each key is also an environment variable,
# COUNTERFOIL_LOG__KEY or COUNTERFOIL_LOG__SECTION__KEY, and a flag. Unknown keys are errors.
# Relative paths are relative to this file.
",
    sections: &[Section::TOP, TLS, TOKEN, CLIENT, LOG],
    keys: &[&FRONT, &SHARE_KEYS, KEYS],
};

const FRONT: [Key; 10] = front_keys(
    "What goes into the server's own log, for example \"warn,counterfoil_log_server=debug\"; access=debug adds a line for each request.",
);

const KEYS: &[Key] = &keys! {
    TLS => {
        "certificate" Kind::Text, required "\"server.pem\"",
            "The server's certificate chain (PEM), its own certificate first.";
        "key" Kind::Text, required "\"server.key\"",
            "The server's private key (PEM).";
        "client_ca" Kind::Text, optional "\"clients.pem\"",
            "Who shows a client certificate issued under one of these (PEM) may write.";
    }
    TOKEN => {
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
    CLIENT => {
        "name" Kind::Text, required "\"billing.example.org\"",
            "A DNS name of the client certificate. With no [[client]] at all, any certificate under client_ca will do.";
        "logs" Kind::Texts, optional "[\"*\"]",
            "Origins of the logs it is for.";
        "rate" Kind::Number, optional "1000",
            "Entries per second; without it there is no limit.";
        "burst" Kind::Number, optional "10000",
            "Entries that may come at once beyond the rate; without it, one second's worth.";
    }
    LOG => {
        "origin" Kind::Text, required "\"log.example.org/records\"",
            "Origin line of the checkpoints: the log's URL without scheme and without a slash at the end. Never change it.";
        "prefix" Kind::Text, optional "\"/\"",
            "Path under which the log is served.";
        "data" Kind::Text, required "\"data\"",
            "Data directory.";
        "keys" Kind::Texts, required "[\"log.key\"]",
            "Files of the private keys, the Ed25519 key first (counterfoil key generate).";
        "policy" Kind::Text, optional "\"\"",
            "Trust policy (https://c2sp.org/tlog-policy): a `log` line for each key, the witnesses with their URLs, and the quorum without which nothing is published.";
        "monitoring" Kind::Texts, optional "[]",
            "NAME=URL: the monitoring prefix of a witness of the policy, where it is not the submission prefix.";
        "witness_ca" Kind::Text, optional "\"\"",
            "Root certificates (PEM) under which witnesses are believed, besides the system's.";
        "witness_deadline" Kind::Duration, optional "\"10s\"",
            "How long a checkpoint waits for its quorum before it gives way to a larger one.";
        "refresh_interval" Kind::Duration, optional "\"10m\"",
            "How often a log that does not grow renews its cosignatures, so that their age shows that it is alive.";
        "anchors" Kind::Texts, optional "[]",
            "URLs of anchors that fix this log's checkpoints in time (counterfoil anchor): /evidence gives out their records, /status shows the newest.";
        "start_unguarded" Kind::Switch, optional "false",
            "Go on from this data whatever the witnesses say of it. Only if you know that it is the newest: a log that goes on from an older copy signs a second history.";
        "read" Kind::OneOf(&["public", "token"]), optional "\"public\"",
            "Who may fetch entry bundles, lookups and evidence: anybody, or those who show a token or client certificate for the log.";
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
        "pages" Kind::Switch, optional "true",
            "Serve the web pages: to verify, and to look at the log. They are the same for everybody, and hold nothing of the log.";
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
};

//! Every key of the witness's configuration, once.

use counterfoil_service::config::{Key, Kind, Schema, Section, front_keys};
use counterfoil_service::keys;

/// `[tls]`
pub const TLS: Section = Section::table("tls");
/// `[[bastion]]`
pub const BASTION: Section = Section::list("bastion");

/// Every key.
pub const SCHEMA: Schema = Schema {
    variables: "COUNTERFOIL_WITNESS__",
    introduction: "\
# Configuration of a Counterfoil witness. A line that begins with \"# key =\" shows the default
# (url, operator, contact, copies, [tls] and [[bastion]], which are off, an example). Each key is also an environment
# variable, COUNTERFOIL_WITNESS__KEY or COUNTERFOIL_WITNESS__SECTION__KEY, and a flag. Unknown keys are errors.
# Relative paths are relative to this file.
",
    sections: &[Section::TOP, TLS, BASTION],
    keys: &[KEYS, &FRONT, TABLES],
};

const FRONT: [Key; 10] = front_keys(
    "What goes into the witness's own log, for example \"warn,counterfoil_witness=debug\"; access=debug adds a line for each request.",
);

const KEYS: &[Key] = &keys! {
    Section::TOP => {
        "data" Kind::Text, required "\"data\"",
            "Data directory: what was cosigned, and evidence. Never restore it from a backup without reading docs/witness.md.";
        "keys" Kind::Texts, required "[\"witness.key\"]",
            "Files of the private keys; each signs every checkpoint (counterfoil key generate --algorithm ed25519-cosignature or ml-dsa-44).";
        "logs" Kind::Texts, required "[\"logs\"]",
            "Files that list the logs: a vkey a line, a tlog-policy, or a list of the witness network. The earlier file decides.";
        "watch_interval" Kind::Duration, optional "\"2s\"",
            "How often those files are looked at for changes; \"0s\" is only on SIGHUP.";
        "submission_prefix" Kind::Text, optional "\"/\"",
            "Path under which logs submit checkpoints.";
        "monitoring_prefix" Kind::Text, optional "\"/\"",
            "Path under which the latest checkpoints and evidence are served.";
        "url" Kind::Text, optional "\"https://witness.example.org/\"",
            "Where the public reaches this witness; shown on its page.";
        "operator" Kind::Text, optional "\"Example Trust Company\"",
            "Who runs this witness; shown on its page.";
        "contact" Kind::Text, optional "\"witness@example.org\"",
            "How to reach them; shown on its page.";
        "log_rate" Kind::Number, optional "1000",
            "Checkpoints a second that are cosigned for a log whose list names no rate; more is answered 429.";
        "client_rate" Kind::Number, optional "100",
            "Requests a second that an address may send without being cosigned; more is answered 429.";
        "client_burst" Kind::Number, optional "1000",
            "Such requests that may come at once beyond the rate.";
        "copies" Kind::Texts, optional "[\"/mnt/elsewhere/witness\"]",
            "Second places of the latest checkpoints, against old backups: directories that are written, or URLs that are read.";
        "copies_required" Kind::Switch, optional "false",
            "Sign nothing for a log while one of its copies cannot be read.";
        "halt_on_misbehaviour" Kind::Switch, optional "false",
            "Stop cosigning for a log that is proved to have signed two histories. (C2SP tlog-witness goes on with the first one.)";
        "cached_logs" Kind::Whole, optional "4096",
            "Logs whose latest checkpoints are held in memory.";
    }
};

const TABLES: &[Key] = &keys! {
    TLS => {
        "certificate" Kind::Text, required "\"server.pem\"",
            "The server's certificate chain (PEM), its own certificate first. Read again on SIGHUP.";
        "key" Kind::Text, required "\"server.key\"",
            "The server's private key (PEM).";
        "client_ca" Kind::Text, optional "\"clients.pem\"",
            "Who shows a client certificate must have one issued under one of these (PEM).";
    }
    BASTION => {
        "address" Kind::Text, required "\"bastion.example.org\"",
            "A bastion (C2SP https-bastion) by which this witness is reached: HOST or HOST:PORT.";
        "key" Kind::Text, required "\"bastion.key\"",
            "File of the private Ed25519 key by which the bastion knows this witness.";
        "ca" Kind::Text, optional "\"bastion-ca.pem\"",
            "Certificates that the bastion's must descend from (PEM), instead of those the system trusts.";
    }
};

//! `counterfoil witness init`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use counterfoil_service::config::Settings;
use counterfoil_tiles::key::{Algorithm, KeyName, Vkey};
use counterfoil_witness::config::Config;
use counterfoil_witness::data;
use serde_json::json;
use zeroize::Zeroizing;

use super::{CONFIG_NAME, data_failure};
use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::Output;

/// Files in the directory of a witness.
const ED25519_NAME: &str = "witness.key";
const MLDSA_NAME: &str = "witness-mldsa.key";
const LOGS_NAME: &str = "logs";
const DATA_NAME: &str = "data";

const LOGS_TEXT: &str = "\
# The logs that this witness cosigns, a vkey a line; options may follow:
#   rate=N         at most N checkpoints a second, instead of log_rate
#   paused         nothing is cosigned for the log until this is taken away
#   origin=TEXT    its origin, where that is not the key's name; the last on the line
# Several keys of one origin are one log: either suffices, for rotation. `counterfoil witness add-log` appends here.
";

/// `counterfoil witness init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The directory of the witness; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The name of the witness, as a URL without scheme and without a slash at the end; it can never change
    #[arg(long, value_name = "NAME")]
    name: KeyName,
    /// Make only this key; logs that know one algorithm alone can use the witness in any case if it has both
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Where the public will reach the witness
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The address that the configuration will have
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// The algorithms of witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Ed25519 (cosignature/v1)
    #[value(name = "ed25519")]
    Ed25519,
    /// ML-DSA-44, safe against quantum computers; signs subtrees too
    #[value(name = "ml-dsa-44")]
    MlDsa44,
}

impl InitArgs {
    fn algorithms(&self) -> Vec<(Algorithm, &'static str)> {
        let ed25519 = (Algorithm::CosignatureV1, ED25519_NAME);
        let mldsa = (Algorithm::MlDsa44, MLDSA_NAME);
        match self.only {
            None => vec![ed25519, mldsa],
            Some(Only::Ed25519) => vec![ed25519],
            Some(Only::MlDsa44) => vec![mldsa],
        }
    }

    fn config_text(&self) -> String {
        let quote = |text: &str| toml::Value::from(text).to_string();
        let keys: Vec<String> = self
            .algorithms()
            .iter()
            .map(|(_, name)| quote(name))
            .collect();
        let (keys, data) = (format!("[{}]", keys.join(", ")), quote(DATA_NAME));
        let logs = format!("[{}]", quote(LOGS_NAME));
        let listen = format!("[{}]", quote(&self.listen.to_string()));
        let url = self.url.as_deref().map(quote);
        let mut values = vec![
            ("data", data.as_str()),
            ("keys", &keys),
            ("logs", &logs),
            ("listen", &listen),
        ];
        values.extend(url.as_deref().map(|url| ("url", url)));
        Config::SCHEMA.file(&values)
    }
}

/// Makes the directory.
pub(super) fn run(args: &InitArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.config_text();
    // What the witness would refuse is refused before anything is made.
    Config::parse(&config, &[]).map_err(|error| Failure::usage(error.to_string()))?;
    let directory = &args.directory;
    let cannot = |what: &Path, error: io::Error| {
        Failure::usage(format!("{} cannot be made: {error}", what.display()))
    };
    std::fs::create_dir_all(directory).map_err(|error| cannot(directory, error))?;
    for name in [CONFIG_NAME, ED25519_NAME, MLDSA_NAME, LOGS_NAME, DATA_NAME] {
        let path = directory.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!("{} exists, and nothing is overwritten", path.display()))
                .advice("give another directory; a witness that was made before is run with `counterfoil witness run --config DIR`"));
        }
    }
    let mut vkeys = Vec::new();
    for (algorithm, name) in args.algorithms() {
        let key = key::generate(args.name.clone(), algorithm)?;
        let text = Zeroizing::new(format!("{}\n", *key.encode()));
        counterfoil_files::create_private(&directory.join(name), &text)?;
        vkeys.push(key.vkey().clone());
    }
    crate::on_network(async {
        let made = data::create(&directory.join(DATA_NAME)).await;
        made.map_err(|error| data_failure(&error))?;
        Ok(Exit::Done)
    })?;
    // The configuration comes last: where it is, all else is.
    for (name, text) in [(LOGS_NAME, LOGS_TEXT), (CONFIG_NAME, &config)] {
        let file = directory.join(name);
        counterfoil_files::replace(&file, text.as_bytes()).map_err(|error| cannot(&file, error))?;
    }
    tell(args, &vkeys, output);
    Ok(Exit::Done)
}

fn tell(args: &InitArgs, vkeys: &[Vkey], output: Output) {
    let directory = args.directory.display();
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "name": args.name.as_str(),
        "vkeys": vkeys.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "config": args.directory.join(CONFIG_NAME),
        "logs": args.directory.join(LOGS_NAME),
    }));
    for vkey in vkeys {
        output.line(vkey);
    }
    output.note(format!(
        "The witness {} is made in {directory}. Above are its vkeys, which logs and verifiers put into their policies:

{}
The private keys are in {directory}: keep a copy of them offline. Whoever has one can sign as this witness.

Next (the first two before it serves anybody; the directory is a second place for what it signs, named in `copies`):
  counterfoil witness add-copies --config {directory} /mnt/elsewhere/witness
  counterfoil witness add-log --config {directory} VKEY
  counterfoil witness run --config {directory}",
        args.name,
        policy_lines(args, vkeys),
    ));
}

/// The lines of a tlog-policy that name this witness.
fn policy_lines(args: &InitArgs, vkeys: &[Vkey]) -> String {
    let url = args
        .url
        .as_deref()
        .map_or_else(String::new, |url| format!(" {url}"));
    let own = short_name(&args.name);
    if let [vkey] = vkeys {
        return format!("  witness {own} {vkey}{url}\n");
    }
    let names = vkeys.iter().map(|vkey| match vkey.algorithm() {
        Algorithm::MlDsa44 => format!("{own}-mldsa"),
        _ => format!("{own}-ed25519"),
    });
    let names: Vec<String> = names.collect();
    let lines = names.iter().zip(vkeys);
    let lines: Vec<String> = lines
        .map(|(name, vkey)| format!("  witness {name} {vkey}{url}\n"))
        .collect();
    format!("{}  group {own} any {}\n", lines.concat(), names.join(" "))
}

/// What a policy may call the witness: the end of its name, so that the lines of several go into one policy.
fn short_name(name: &KeyName) -> String {
    let end = name.as_str().rsplit('/').next().unwrap_or_default();
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "-._".contains(*letter);
    let short: String = end.chars().filter(plain).collect();
    match &*short {
        // A policy's word for no quorum.
        "" | "none" => "witness".to_owned(),
        _ => short,
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::policy::Policy;

    use super::*;

    fn args(only: Option<Only>) -> InitArgs {
        InitArgs {
            directory: PathBuf::from("x"),
            name: KeyName::new("witness.example/it's#1").unwrap(),
            only,
            url: Some("https://witness.example/".to_owned()),
            listen: "127.0.0.1:0".parse().unwrap(),
        }
    }

    #[test]
    fn the_configuration_that_is_written_is_one() {
        let config = Config::parse(&args(None).config_text(), &[]).unwrap();
        assert_eq!(
            config.keys,
            [Path::new(ED25519_NAME), Path::new(MLDSA_NAME)]
        );
        assert_eq!(config.logs, [Path::new(LOGS_NAME)]);
        assert_eq!(config.data, Path::new(DATA_NAME));
        assert_eq!(config.url.as_deref(), Some("https://witness.example/"));
        let one = Config::parse(&args(Some(Only::MlDsa44)).config_text(), &[]).unwrap();
        assert_eq!(one.keys, [Path::new(MLDSA_NAME)]);
    }

    #[test]
    fn the_policy_lines_are_some() {
        for only in [None, Some(Only::Ed25519), Some(Only::MlDsa44)] {
            let args = args(only);
            let algorithms = args.algorithms();
            let keys = algorithms
                .iter()
                .map(|(algorithm, _)| key::generate(args.name.clone(), *algorithm));
            let vkeys: Vec<Vkey> = keys.map(|key| key.unwrap().vkey().clone()).collect();
            let text = format!("{}quorum its1\n", policy_lines(&args, &vkeys));
            let policy = Policy::parse(text.as_bytes()).unwrap();
            assert_eq!(policy.witnesses().len(), vkeys.len());
            assert!(policy.satisfied_by(|witness| *witness.vkey() == vkeys[0]));
        }
    }

    #[test]
    fn the_list_that_is_written_lists_nothing() {
        let listed = counterfoil_witness::lists::parse(LOGS_TEXT.as_bytes()).unwrap();
        assert_eq!(listed, []);
    }
}

//! `counterfoil log init`.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_log_server::config::Config;
use counterfoil_log_server::data;
use counterfoil_service::config::Settings;
use counterfoil_tiles::key::{Algorithm, KeyName, Vkey};
use serde_json::json;
use zeroize::Zeroizing;

use super::CONFIG_NAME;
use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::Output;

/// Files in the directory of a log.
const KEY_NAME: &str = "log.key";
const MLDSA_KEY_NAME: &str = "log-mldsa.key";
const POLICY_NAME: &str = "policy";
const DATA_NAME: &str = "data";

/// `counterfoil log init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The directory of the log; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The origin of the log: its URL without scheme and without a slash at the end; it can never change
    #[arg(long, value_name = "ORIGIN")]
    origin: KeyName,
    /// Sign with ML-DSA-44 as well, which is safe against quantum computers; each checkpoint grows by 3,300 bytes
    #[arg(long)]
    ml_dsa_44: bool,
    /// The address that the configuration will have
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// Makes the directory.
pub(super) fn run(args: &InitArgs, output: Output) -> Result<Exit, Failure> {
    let mut algorithms = vec![(Algorithm::Ed25519, KEY_NAME)];
    if args.ml_dsa_44 {
        algorithms.push((Algorithm::MlDsa44, MLDSA_KEY_NAME));
    }
    let names: Vec<&str> = algorithms.iter().map(|(_, name)| *name).collect();
    let config = config_text(args, &names);
    // An origin that the server would refuse is refused before anything is made.
    Config::parse(&config, &[]).map_err(|error| Failure::usage(error.to_string()))?;
    let directory = &args.directory;
    let cannot = |what: &Path, error: io::Error| {
        Failure::usage(format!("{} cannot be made: {error}", what.display()))
    };
    fs::create_dir_all(directory).map_err(|error| cannot(directory, error))?;
    for name in [
        CONFIG_NAME,
        KEY_NAME,
        MLDSA_KEY_NAME,
        POLICY_NAME,
        DATA_NAME,
    ] {
        let path = directory.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!("{} exists, and nothing is overwritten", path.display()))
                .advice("give another directory; a log that was made before is run with `counterfoil log run --config DIR`"));
        }
    }
    let mut vkeys = Vec::new();
    for (algorithm, name) in &algorithms {
        let key = key::generate(args.origin.clone(), *algorithm)?;
        counterfoil_files::create_private(
            &directory.join(name),
            &Zeroizing::new(format!("{}\n", *key.encode())),
        )?;
        vkeys.push(key.vkey().clone());
    }
    crate::on_network(async {
        data::create(&directory.join(DATA_NAME))
            .await
            .map_err(|error| Failure::could_not_tell(error.to_string()))?;
        Ok(Exit::Done)
    })?;
    let policy = directory.join(POLICY_NAME);
    counterfoil_files::replace(&policy, policy_text(&vkeys).as_bytes())
        .map_err(|error| cannot(&policy, error))?;
    // The configuration comes last: where it is, all else is.
    let file = directory.join(CONFIG_NAME);
    counterfoil_files::replace(&file, config.as_bytes()).map_err(|error| cannot(&file, error))?;
    tell(args, &vkeys, output);
    Ok(Exit::Done)
}

/// The trust policy to hand to verifiers.
fn policy_text(vkeys: &[Vkey]) -> String {
    let mut text = String::from(
        "# Trust policy (https://c2sp.org/tlog-policy) of those who verify what this log holds. Hand it to them on a way\n\
         # that they trust; --policy takes it. A checkpoint needs the signature of one of the log lines.\n\
         # The log keeps it as well: with witnesses and a quorum here, it publishes nothing that the quorum has not cosigned:\n\
         #   witness A <vkey> <URL>     (what `counterfoil witness init` prints, and where the witness is)\n\
         #   group Q 2 A B C\n\
         #   quorum Q\n",
    );
    text.extend(
        vkeys
            .iter()
            .flat_map(|vkey| ["log ".to_owned(), vkey.to_string(), "\n".to_owned()]),
    );
    text + "quorum none\n"
}

fn config_text(args: &InitArgs, keys: &[&str]) -> String {
    let quote = |text: &str| toml::Value::from(text).to_string();
    let origin = quote(args.origin.as_str());
    let listen = format!("[{}]", quote(&args.listen.to_string()));
    let keys: Vec<String> = keys.iter().map(|name| quote(name)).collect();
    Config::SCHEMA.file(&[
        ("listen", &listen),
        ("log.origin", &origin),
        ("log.data", &quote(DATA_NAME)),
        ("log.keys", &format!("[{}]", keys.join(", "))),
        ("log.policy", &quote(POLICY_NAME)),
    ])
}

fn tell(args: &InitArgs, vkeys: &[Vkey], output: Output) {
    let directory = args.directory.display();
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "origin": args.origin.as_str(),
        "vkeys": vkeys.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "config": args.directory.join(CONFIG_NAME),
        "policy": args.directory.join(POLICY_NAME),
    }));
    for vkey in vkeys {
        output.line(vkey);
    }
    output.note(format!(
        "The log {} is made in {directory}. Above is its vkey, by which others verify what it signs;
{directory}/{POLICY_NAME} holds it as a trust policy. The private key is in {directory}/{KEY_NAME}: keep a copy of
it offline. Whoever has it can sign as this log; without it the log cannot go on.

Next:
  counterfoil log run --config {directory}
  counterfoil submit FILE --log http://{}/ --policy {directory}/{POLICY_NAME}",
        args.origin, args.listen
    ));
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::policy::Policy;

    use super::*;

    #[test]
    fn the_configuration_that_is_written_is_one() {
        let args = InitArgs {
            directory: PathBuf::from("x"),
            origin: KeyName::new("log.example.org/it's#1").unwrap(),
            ml_dsa_44: false,
            listen: "127.0.0.1:0".parse().unwrap(),
        };
        let config = Config::parse(&config_text(&args, &[KEY_NAME, MLDSA_KEY_NAME]), &[]).unwrap();
        assert_eq!(config.front.listen, [args.listen]);
        assert_eq!(config.logs[0].origin, "log.example.org/it's#1");
        assert_eq!(
            config.logs[0].keys,
            [Path::new(KEY_NAME), Path::new(MLDSA_KEY_NAME)]
        );
        assert_eq!(config.logs[0].data, Path::new(DATA_NAME));
        assert_eq!(
            config.logs[0].policy.as_deref(),
            Some(Path::new(POLICY_NAME))
        );
    }

    #[test]
    fn the_policy_that_is_written_is_one() {
        let key =
            key::generate(KeyName::new("log.example.org").unwrap(), Algorithm::Ed25519).unwrap();
        let policy =
            Policy::parse(policy_text(std::slice::from_ref(key.vkey())).as_bytes()).unwrap();
        assert_eq!(policy.logs()[0].key().vkey(), key.vkey());
    }
}

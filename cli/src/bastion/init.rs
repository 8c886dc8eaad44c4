//! `counterfoil bastion init`.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_bastion::server::Config;
use counterfoil_service::config::Settings;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use serde_json::json;
use zeroize::Zeroizing;

use super::CONFIG_NAME;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Files in the directory of a bastion.
const BACKENDS_NAME: &str = "backends";
const CERTIFICATE_NAME: &str = "server.pem";
const KEY_NAME: &str = "server.key";

/// `counterfoil bastion init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The directory of the bastion; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Make a certificate for this host name or IP address, which clients and backends must be told to trust
    #[arg(long, value_name = "HOST")]
    self_signed: Option<String>,
    /// The address that the configuration will have
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
}

/// Makes the directory.
pub(super) fn run(args: &InitArgs, output: Output) -> Result<Exit, Failure> {
    let made = args.self_signed.as_deref().map(self_signed).transpose()?;
    let directory = &args.directory;
    let cannot = |what: &Path, error: io::Error| {
        Failure::usage(format!("{} cannot be made: {error}", what.display()))
    };
    fs::create_dir_all(directory).map_err(|error| cannot(directory, error))?;
    let mut names = vec![CONFIG_NAME, BACKENDS_NAME];
    if made.is_some() {
        names.extend([CERTIFICATE_NAME, KEY_NAME]);
    }
    for name in names {
        let path = directory.join(name);
        if path.symlink_metadata().is_ok() {
            let exists = format!("{} exists, and nothing is overwritten", path.display());
            return Err(Failure::usage(exists).advice(
                "give another directory; a bastion that was made before is run with `counterfoil bastion run --config DIR`",
            ));
        }
    }
    if let Some((certificate, key)) = &made {
        counterfoil_files::create_private(&directory.join(KEY_NAME), key)?;
        let path = directory.join(CERTIFICATE_NAME);
        counterfoil_files::replace(&path, certificate.as_bytes())
            .map_err(|error| cannot(&path, error))?;
    }
    // The configuration comes last: where it is, all else is.
    for (name, text) in [
        (BACKENDS_NAME, BACKENDS.to_owned()),
        (CONFIG_NAME, config_text(args.listen)),
    ] {
        let path = directory.join(name);
        counterfoil_files::replace(&path, text.as_bytes()).map_err(|error| cannot(&path, error))?;
    }
    tell(args, output);
    Ok(Exit::Done)
}

const BACKENDS: &str = "\
# The backends that this bastion serves, one a line: the key hash (SHA-256 of the backend's Ed25519 public key, in lowercase
# hexadecimal), and a name for your metrics if you like. A backend that is refused names its key hash in its own log.
# After a change: kill -HUP the bastion.
";

fn config_text(listen: SocketAddr) -> String {
    let quote = |text: &str| toml::Value::from(text).to_string();
    Config::SCHEMA.file(&[
        ("listen", &format!("[{}]", quote(&listen.to_string()))),
        ("backends", &format!("[{}]", quote(BACKENDS_NAME))),
        ("tls.certificate", &quote(CERTIFICATE_NAME)),
        ("tls.key", &quote(KEY_NAME)),
    ])
}

/// A certificate for a host, and its key, both PEM.
fn self_signed(host: &str) -> Result<(String, Zeroizing<String>), Failure> {
    let cannot = |error: rcgen::Error| {
        Failure::usage(format!("no certificate can be made for {host:?}: {error}"))
    };
    let mut params = CertificateParams::new(vec![host.to_owned()]).map_err(cannot)?;
    params.distinguished_name.push(DnType::CommonName, host);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(cannot)?;
    let certificate = params.self_signed(&key).map_err(cannot)?;
    Ok((certificate.pem(), Zeroizing::new(key.serialize_pem())))
}

fn tell(args: &InitArgs, output: Output) {
    let directory = args.directory.display();
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "config": args.directory.join(CONFIG_NAME),
        "backends": args.directory.join(BACKENDS_NAME),
        "certificate": args.directory.join(CERTIFICATE_NAME),
    }));
    let certificate = match &args.self_signed {
        Some(host) => format!(
            "Its certificate for {host} is {directory}/{CERTIFICATE_NAME}, which nobody trusts yet: backends take it as `ca`."
        ),
        None => format!(
            "Put its certificate chain into {directory}/{CERTIFICATE_NAME} and the key into {directory}/{KEY_NAME}."
        ),
    };
    output.note(format!(
        "The bastion is made in {directory}. {certificate}

Next:
  echo KEY HASH NAME >> {directory}/{BACKENDS_NAME}
  counterfoil bastion check {directory}
  counterfoil bastion run --config {directory}"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_that_is_written_is_one() {
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = Config::parse(&config_text(listen), &[]).unwrap();
        assert_eq!(config.front.listen, [listen]);
        assert_eq!(config.backends, [Path::new(BACKENDS_NAME)]);
        assert_eq!(config.front.tls.unwrap().key, Path::new(KEY_NAME));
    }
}

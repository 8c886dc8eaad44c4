//! `counterfoil anchor init`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_anchor::config::Config;
use counterfoil_anchor::data;
use counterfoil_service::config::{Settings, url_holds_credentials};
use serde_json::json;

use super::{CONFIG_NAME, data_failure};
use crate::exit::{Exit, Failure};
use crate::output::Output;

const DATA_NAME: &str = "data";

/// `counterfoil anchor init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The directory of the anchor; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The URL prefix of the first log
    #[arg(long, value_name = "URL", requires = "policy")]
    log: Option<String>,
    /// The file of its policy, which the configuration will name
    #[arg(long, value_name = "FILE", requires = "log")]
    policy: Option<PathBuf>,
    /// What the records call the first time-stamping authority
    #[arg(long, value_name = "NAME", requires_all = ["authority_url", "root"])]
    authority: Option<String>,
    /// Where it takes requests
    #[arg(long, value_name = "URL", requires = "authority")]
    authority_url: Option<String>,
    /// The file of its root certificate (PEM), which the configuration will name
    #[arg(long, value_name = "FILE", requires = "authority")]
    root: Option<PathBuf>,
    /// The address that the configuration will have
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
}

impl InitArgs {
    fn config_text(&self) -> Result<String, Failure> {
        let quote = |text: &str| toml::Value::from(text).to_string();
        // The configuration's own paths are relative to it.
        let file = |path: &PathBuf| {
            let absolute = std::path::absolute(path).ok();
            let text = absolute.as_deref().and_then(Path::to_str).map(quote);
            text.ok_or_else(|| Failure::usage(format!("{} is no path in UTF-8", path.display())))
        };
        let urls = [
            ("--log", &self.log),
            ("--authority-url", &self.authority_url),
        ];
        for (flag, url) in urls {
            if url.as_deref().is_some_and(url_holds_credentials) {
                return Err(Failure::usage(format!(
                    "{flag}: the URL may hold credentials, and others can read what a program is called with"
                ))
                .advice("make the anchor without it, and write the table into its configuration"));
            }
        }
        let mut values = vec![
            ("data", quote(DATA_NAME)),
            ("listen", format!("[{}]", quote(&self.listen.to_string()))),
        ];
        if let (Some(url), Some(policy)) = (&self.log, &self.policy) {
            values.push(("log.url", quote(url)));
            values.push(("log.policy", file(policy)?));
        }
        if let (Some(name), Some(url), Some(root)) =
            (&self.authority, &self.authority_url, &self.root)
        {
            values.push(("authority.name", quote(name)));
            values.push(("authority.url", quote(url)));
            values.push(("authority.roots", format!("[{}]", file(root)?)));
        }
        let values: Vec<(&str, &str)> = values
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        Ok(Config::SCHEMA.file(&values))
    }

    /// Whether the configuration is one with which an anchor runs.
    fn is_whole(&self) -> bool {
        self.log.is_some() && self.authority.is_some()
    }
}

/// Makes the directory.
pub(super) fn run(args: &InitArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.config_text()?;
    if args.is_whole() {
        // What the anchor would refuse is refused before anything is made.
        Config::parse(&config, &[]).map_err(|error| Failure::usage(error.to_string()))?;
    }
    let directory = &args.directory;
    let cannot = |what: &Path, error: io::Error| {
        Failure::usage(format!("{} cannot be made: {error}", what.display()))
    };
    std::fs::create_dir_all(directory).map_err(|error| cannot(directory, error))?;
    for name in [CONFIG_NAME, DATA_NAME] {
        let path = directory.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!("{} exists, and nothing is overwritten", path.display()))
                .advice("give another directory; an anchor that was made before is run with `counterfoil anchor run --config DIR`"));
        }
    }
    crate::on_network(async {
        let made = data::create(&directory.join(DATA_NAME)).await;
        made.map_err(|error| data_failure(&error))?;
        Ok(Exit::Done)
    })?;
    // The configuration comes last: where it is, all else is.
    let file = directory.join(CONFIG_NAME);
    counterfoil_files::replace(&file, config.as_bytes()).map_err(|error| cannot(&file, error))?;
    tell(args, &file, output);
    Ok(Exit::Done)
}

fn tell(args: &InitArgs, config: &Path, output: Output) {
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "config": config,
        "whole": args.is_whole(),
    }));
    output.line(config.display());
    let directory = args.directory.display();
    let tables = match (&args.log, &args.authority) {
        (Some(_), Some(_)) => String::new(),
        (None, Some(_)) => "  give it a [[log]] in that file\n".to_owned(),
        (Some(_), None) => "  give it an [[authority]] in that file\n".to_owned(),
        (None, None) => "  give it a [[log]] and an [[authority]] in that file\n".to_owned(),
    };
    output.note(format!(
        "The anchor is made in {directory}; above is its configuration. One authority is a beginning: with two of three that
must vouch (`required = 2`), one may fail, or lie.

Next:
{tables}  counterfoil anchor check --config {directory}
  counterfoil anchor run --config {directory}"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_that_is_written_is_one() {
        let args = InitArgs {
            directory: PathBuf::from("x"),
            log: Some("https://log.example.org/it's#1".replace('#', "")),
            policy: Some(PathBuf::from("log.policy")),
            authority: Some("tsa".to_owned()),
            authority_url: Some("https://tsa.example.org/".to_owned()),
            root: Some(PathBuf::from("/roots/tsa.pem")),
            listen: "127.0.0.1:0".parse().unwrap(),
        };
        let config = Config::parse(&args.config_text().unwrap(), &[]).unwrap();
        assert_eq!(config.front.listen, [args.listen]);
        assert_eq!(config.logs[0].url.secret(), "https://log.example.org/it's1");
        assert!(config.logs[0].policy.is_absolute());
        assert_eq!(config.authorities[0].name, "tsa");
        assert_eq!(config.authorities[0].roots, [Path::new("/roots/tsa.pem")]);
        assert_eq!(config.data, Path::new(DATA_NAME));
    }

    #[test]
    fn credentials_are_no_arguments() {
        let args = |log: &str, authority: &str| InitArgs {
            directory: PathBuf::from("x"),
            log: Some(log.to_owned()),
            policy: Some(PathBuf::from("log.policy")),
            authority: Some("tsa".to_owned()),
            authority_url: Some(authority.to_owned()),
            root: Some(PathBuf::from("/roots/tsa.pem")),
            listen: "127.0.0.1:0".parse().unwrap(),
        };
        let plain = "https://a.example/k";
        assert!(args(plain, plain).config_text().is_ok());
        for url in ["https://u:s3cret@a.example/", "https://a.example/?s3cret"] {
            for args in [args(url, plain), args(plain, url)] {
                let refused = format!("{:?}", args.config_text().unwrap_err());
                assert!(refused.contains("may hold credentials"), "{refused}");
                assert!(!refused.contains("s3cret"), "{refused}");
            }
        }
    }
}

//! A flag for every key of the configuration, made from the list of keys itself. Those that may hold credentials are refused as flags,
//! and by `--set`, since others can read what a program is called with.
//!
//! `--request-deadline` is the key `request_deadline`, `--tls-key` is `key` in `[tls]`, `--log-data` is `data` in the only
//! `[[log]]`. Where a file has several tables of a kind, `--set log.1.data=…` says which is meant.

use std::fmt;
use std::marker::PhantomData;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use counterfoil_service::config::{Key, Kind, Override, Section, Settings};

/// The values that flags lay over the configuration, in the order of the keys; those of `--set` last.
pub(crate) struct ConfigFlags<S> {
    overrides: Vec<Override>,
    settings: PhantomData<fn() -> S>,
}

impl<S> ConfigFlags<S> {
    /// The overrides.
    pub(crate) fn overrides(&self) -> &[Override] {
        &self.overrides
    }
}

impl<S> Clone for ConfigFlags<S> {
    fn clone(&self) -> Self {
        Self {
            overrides: self.overrides.clone(),
            settings: PhantomData,
        }
    }
}

impl<S> fmt::Debug for ConfigFlags<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConfigFlags").field(&self.overrides).finish()
    }
}

const SET: &str = "set";

impl<S: Settings> Args for ConfigFlags<S> {
    fn augment_args(command: Command) -> Command {
        let command = S::SCHEMA
            .all()
            .fold(command, |command, key| command.arg(flag(key)));
        command.arg(
            Arg::new(SET)
                .long(SET)
                .value_name("PATH=VALUE")
                .action(ArgAction::Append)
                .help("Any key by its path, where a table is there several times: --set log.1.lookup=false")
                .help_heading("Configuration"),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Settings> FromArgMatches for ConfigFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut overrides = Vec::new();
        for key in S::SCHEMA.all() {
            let path = key.path();
            if let Some(value) = matches.get_one::<String>(&path) {
                overrides.push(Override::flag(&path, value));
            }
        }
        for assignment in matches.get_many::<String>(SET).into_iter().flatten() {
            let one = Override::assignment(assignment).map_err(|error| {
                clap::Error::raw(clap::error::ErrorKind::InvalidValue, format!("{error}\n"))
            })?;
            overrides.push(one);
        }
        Ok(Self {
            overrides,
            settings: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(key: &Key) -> Arg {
    let path = key.path();
    let name = path.replace(['.', '_'], "-");
    let heading = match key.section {
        Section::TOP => "Configuration".to_owned(),
        section if section.is_list() => format!("Configuration: [[{}]]", section.name()),
        section => format!("Configuration: [{}]", section.name()),
    };
    let value_name = match key.kind {
        Kind::Text | Kind::Secret => "TEXT".to_owned(),
        Kind::Url => "URL".to_owned(),
        Kind::OneOf(words) => words.join("|"),
        Kind::Texts | Kind::Secrets => "TEXT,…".to_owned(),
        Kind::Whole | Kind::Number => "N".to_owned(),
        Kind::Switch => "true|false".to_owned(),
        Kind::Duration => "DURATION".to_owned(),
    };
    // Help is for people: `-h` stays short, `--help` and the manual have every key.
    Arg::new(path)
        .long(name)
        .value_name(value_name)
        .help(key.help)
        .help_heading(heading)
        .hide_short_help(true)
        // It is refused, with the reason.
        .hide(key.kind.is_secret())
}

#[cfg(all(test, feature = "log"))]
mod tests {
    use counterfoil_log_server::config::Config;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<ConfigFlags<Config>, clap::Error> {
        let command =
            ConfigFlags::<Config>::augment_args(Command::new("test").no_binary_name(true));
        ConfigFlags::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    #[test]
    fn every_key_is_a_flag() {
        for key in Config::SCHEMA.all() {
            let path = key.path();
            let name = format!("--{}", path.replace(['.', '_'], "-"));
            let flags = parse(&[&name, "value"]).unwrap();
            assert_eq!(
                flags.overrides(),
                [Override::flag(&path, "value")],
                "{name}"
            );
        }
    }

    #[test]
    fn any_table_can_be_set_by_its_path() {
        let flags = parse(&[
            "--listen",
            "a",
            "--set",
            "log.1.data=x",
            "--set",
            "log.0.data=y",
        ])
        .unwrap();
        let expected = [
            Override::flag("listen", "a"),
            Override::assignment("log.1.data=x").unwrap(),
            Override::assignment("log.0.data=y").unwrap(),
        ];
        assert_eq!(flags.overrides(), expected);
        assert!(parse(&["--set", "log.1.data"]).is_err());
    }
}

//! Credentials in the URLs of logs and authorities: they are sent to those alone, and shown nowhere.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use common::policy_text;
use common::tsa::FakeTsa;
use counterfoil_anchor::config::{AuthorityConfig, Config};
use counterfoil_anchor::judge::Judge;
use counterfoil_anchor::run::{RunError, plan};
use counterfoil_service::config::{ConfigError, Override, Settings as _};

const LOG: &str = "https://n4me:s3cret@log.example/";
const AUTHORITY: &str = "https://tsa.example/tsr?key=s3cret";

fn text(log: &str, authority: &str, more: &str) -> String {
    format!(
        "data = \"data\"\n[[log]]\nurl = {log:?}\npolicy = \"log.policy\"\n\
         [[authority]]\nname = \"tsa\"\nurl = {authority:?}\nroots = [\"root.pem\"]\n{more}"
    )
}

fn is_hidden(shown: &str) {
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(!shown.contains("n4me"), "{shown}");
}

#[test]
fn a_file_that_has_some_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("anchor.toml");
    let plain = "https://a.example/path";
    for (log, authority, key) in [
        (LOG, plain, Some("log.url")),
        (plain, AUTHORITY, Some("authority.url")),
        (plain, plain, None),
    ] {
        fs::write(&file, text(log, authority, "")).unwrap();
        for (mode, is_open) in [(0o600, false), (0o644, true)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let loaded = Config::load(&file, &[]);
            match key.filter(|_| is_open) {
                None => assert!(loaded.is_ok(), "{key:?} {mode:o}"),
                Some(expected) => match loaded.unwrap_err() {
                    ConfigError::Open { key, .. } => assert_eq!(key, expected),
                    other => panic!("{other}"),
                },
            }
        }
    }
}

#[test]
fn a_flag_has_none_and_a_variable_may() {
    let plain = "https://a.example/";
    let given = |one| Config::parse(&text(plain, plain, ""), &[one]);
    for key in ["log.url", "authority.url"] {
        let flag = given(Override::flag(key, "https://b.example/"));
        assert!(flag.is_ok(), "{key}");
        let error = given(Override::flag(key, LOG)).unwrap_err().to_string();
        assert!(error.contains("it may hold credentials"), "{error}");
        is_hidden(&error);
        let name = format!(
            "COUNTERFOIL_ANCHOR__{}",
            key.to_uppercase().replace('.', "__")
        );
        let variables = Config::SCHEMA.from_environment([(name, LOG.to_owned())]);
        assert!(Config::parse(&text(plain, plain, ""), &variables).is_ok());
    }
}

#[test]
fn what_is_wrong_with_a_url_is_said_without_them() {
    let good = "https://a.example/";
    for wrong in [
        "ftp://n4me:s3cret@a.example/",
        "https://n4me:s3cret@:1/",
        "n4me:s3cret@a.example",
        "https://n4me:s3cret@a.example/#",
    ] {
        for text in [text(wrong, good, ""), text(good, wrong, "")] {
            let error = Config::parse(&text, &[]).unwrap_err().to_string();
            assert!(error.contains("expected an http or https URL"), "{error}");
            is_hidden(&error);
        }
    }
}

#[tokio::test]
async fn neither_plans_nor_what_is_wrong_with_them_show_any() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchor.toml");
    fs::write(folder.path().join("log.policy"), policy_text(2)).unwrap();
    let judge = FakeTsa::start("tsa").await.judge();
    let make =
        |_: &AuthorityConfig| -> Result<Arc<dyn Judge>, Box<dyn std::error::Error + Send + Sync>> {
            Ok(Arc::clone(&judge))
        };
    let config = |log: &str, more: &str| {
        fs::write(&file, text(log, AUTHORITY, more)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let config = Config::load(&file, &[]).unwrap();
        is_hidden(&format!("{config:?}"));
        config
    };
    let planned = plan(&config(LOG, ""), &make).unwrap();
    is_hidden(&format!("{planned:?}"));
    assert_eq!(
        planned.authorities[0].public_url(),
        "https://tsa.example/tsr"
    );
    let other = "[[log]]\nurl = \"https://n4me:s3cret@other.example/\"\npolicy = \"log.policy\"\n";
    let error = plan(&config(LOG, other), &make).err().unwrap();
    assert!(matches!(error, RunError::SameLog { .. }), "{error}");
    let shown = error.to_string();
    assert!(
        shown.contains("https://log.example/ and https://other.example/"),
        "{shown}"
    );
    is_hidden(&format!("{shown} {error:?}"));
    let error = plan(&config("https://log.example/?s3cret", ""), &make);
    let error = error.err().unwrap();
    assert!(matches!(error, RunError::Log { .. }), "{error}");
    is_hidden(&format!("{error} {error:?}"));
}

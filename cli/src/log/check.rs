//! `counterfoil log check`: would the log start, and is everything that it published whole?

use std::cmp::Ordering;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use counterfoil_checks::Checks;
use counterfoil_log_server::config::{Config, LogConfig};
use counterfoil_log_server::data;
use counterfoil_log_server::engine::Examination;
use counterfoil_log_server::quorum_config;
use counterfoil_log_server::run::load_keys;
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use serde_json::json;

use super::run::{failure, refused};
use crate::audit::{self, AuditArgs, Report};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::place::Place;
use crate::service::{load, load_key};
use crate::token::TokenArgs;
use crate::trust::TrustArgs;

/// `counterfoil log check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration file, or the directory that `log init` made
    #[arg(value_name = "FILE|DIR", env = "COUNTERFOIL_CONFIG")]
    config: PathBuf,
}

/// Checks every log of the configuration.
pub(super) fn run(args: &CheckArgs, output: Output) -> Result<Exit, Failure> {
    let config = load::<Config>(&args.config, &[])?;
    crate::on_network(async {
        let mut exit = Exit::Done;
        for log in &config.logs {
            exit = exit.and(check(log, output).await?);
        }
        Ok(exit)
    })
}

async fn check(log: &LogConfig, output: Output) -> Result<Exit, Failure> {
    let keys = load_keys(log, &load_key).map_err(|error| failure(&error))?;
    let vkeys: Vec<Vkey> = keys.iter().map(|key| key.vkey().clone()).collect();
    let examination = data::check(log, keys)
        .await
        .map_err(|error| refused(log, &error))?;
    let mut checks = Checks::default();
    check_start(&examination, &mut checks);
    let witnesses = check_policy(log, &vkeys, &mut checks);
    let report = match examination.published {
        Some(published) => {
            let report = audit(log, vkeys, output).await;
            check_copy(report.as_ref().ok(), published, &mut checks);
            if let Some(policy) = witnesses {
                check_quorum(log, &policy, &mut checks);
            }
            Some(report)
        }
        None => None,
    };
    output.line(output.strong(&log.origin));
    output.checks(&checks);
    for warning in &examination.warnings {
        output.line(format!("  - a start would mend: {warning}"));
    }
    let mut exit = Exit::of(&checks);
    let report = match report {
        Some(Ok(report)) => {
            exit = exit.and(report.exit());
            report.print_text(output);
            Some(report)
        }
        Some(Err(early)) => {
            exit = exit.and(early.exit);
            Output::error(&early);
            None
        }
        None => None,
    };
    output.json(&json!({
        "outcome": exit.word(),
        "origin": log.origin,
        "checks": checks,
        "size": examination.size,
        "published": examination.published,
        "staged_entries": examination.replayed,
        "warnings": examination.warnings,
        "audit": report,
    }));
    Ok(exit)
}

/// What recovery without writing says.
fn check_start(examination: &Examination, checks: &mut Checks) {
    if let Some(refusal) = &examination.refusal {
        checks.failed("start", format!("the log would refuse to start: {refusal}"));
    } else if let Some(size) = examination.size {
        let staged = examination.replayed;
        checks.passed(
            "start",
            format!("the log would start with {size} entries, {staged} of them not in tiles yet"),
        );
    } else {
        checks.not_checked("start", examination.failures.join("; "));
    }
    match (examination.published, examination.size) {
        (Some(published), _) => checks.passed(
            "register",
            format!("the published checkpoint is of {published} entries"),
        ),
        (None, Some(_)) => checks.passed("register", "nothing is published yet"),
        (None, None) => checks.not_checked("register", "it could not be read"),
    }
}

/// The policy that the log would publish under, if it has one.
fn check_policy(log: &LogConfig, vkeys: &[Vkey], checks: &mut Checks) -> Option<Arc<Policy>> {
    match quorum_config::load(log, vkeys) {
        Ok(None) => None,
        Ok(Some(quorum)) => {
            let policy = quorum.settings.policy;
            let count = policy.witnesses().len();
            let mut words = format!("the policy is one for this log and has {count} witnesses");
            for warning in quorum.warnings {
                words += "; ";
                words += &warning;
            }
            checks.passed("policy", words);
            Some(policy)
        }
        Err(error) => {
            checks.failed("policy", format!("the log would refuse to start: {error}"));
            None
        }
    }
}

/// The file `checkpoint` has the policy's quorum. After a change of the policy it has that of the one before, until the
/// witnesses have cosigned it under the new one.
fn check_quorum(log: &LogConfig, policy: &Policy, checks: &mut Checks) {
    let verified = fs::read(log.data.join("checkpoint"))
        .map_err(|error| error.to_string())
        .and_then(|bytes| Note::parse(&bytes).map_err(|error| error.to_string()))
        .and_then(|note| policy.verify(note).map_err(|error| error.to_string()));
    match verified {
        Ok(witnessed) => checks.passed(
            "quorum",
            format!(
                "the file `checkpoint` satisfies the policy with {} cosignatures",
                witnessed.cosignatures().len()
            ),
        ),
        Err(reason) => checks.not_checked(
            "quorum",
            format!(
                "the file `checkpoint` does not satisfy the policy: {reason}. If the policy was changed, the log asks its \
                 witnesses once it runs"
            ),
        ),
    }
}

/// The file `checkpoint` is a copy of the register: it may be behind after a crash, never ahead.
fn check_copy(report: Option<&Report>, published: u64, checks: &mut Checks) {
    let Some(size) = report.and_then(Report::size) else {
        return checks.not_checked("copy", "the file `checkpoint` could not be read");
    };
    match size.cmp(&published) {
        Ordering::Equal => checks.passed("copy", "the file `checkpoint` is the published one"),
        Ordering::Less => checks.passed(
            "copy",
            format!("the file `checkpoint` is of {size} entries, behind the published {published}, as a crash leaves it; a start writes it anew"),
        ),
        Ordering::Greater => checks.failed(
            "copy",
            format!("the file `checkpoint` is of {size} entries, ahead of the published {published}"),
        ),
    }
}

/// Audits the directory against the log's own keys.
async fn audit(log: &LogConfig, vkeys: Vec<Vkey>, output: Output) -> Result<Report, Failure> {
    let args = AuditArgs {
        place: Place::Directory(log.data.clone()),
        trust: TrustArgs::of_keys(vkeys),
        token: TokenArgs::default(),
        state: None,
        no_state: true,
        new_only: false,
        restart: false,
        jobs: None,
        report: None,
    };
    audit::audit(&args, output).await
}

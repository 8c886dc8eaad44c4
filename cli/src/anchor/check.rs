//! `counterfoil anchor check`: would the anchor run, is what it keeps readable, and do its logs and authorities answer?

use clap::Args;
use counterfoil_anchor::config::Config;
use counterfoil_anchor::data;
use counterfoil_anchor::follow::LookError;
use counterfoil_anchor::moment;
use counterfoil_anchor::records::Records;
use counterfoil_anchor::run::plan;
use counterfoil_anchor::tsa::Tsa;
use counterfoil_anchor::worker::LogPlan;
use counterfoil_checks::Checks;
use futures_util::future::join_all;
use serde_json::json;

use super::{MAKE, data_failure, failure};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::DirectoryArgs;

/// `counterfoil anchor check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    directory: DirectoryArgs<Config>,
    /// Ask nobody: check the configuration, the files that it names, and the records
    #[arg(long)]
    offline: bool,
}

/// Checks everything that an anchor would run with.
pub(super) async fn run(args: CheckArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.directory.load()?;
    let plan = plan(&config, MAKE).map_err(|error| failure(&error))?;
    let mut checks = Checks::default();
    checks.passed("configuration", described(&config));
    let data = data::read(&config.data).await;
    let data = data.map_err(|error| data_failure(&error))?;
    let (blobs, heads) = (data.blobs.clone() as _, data.heads.clone() as _);
    let records = Records::open(blobs, heads).await;
    let records = records.map_err(|error| Failure::could_not_tell(error.to_string()))?;
    check_records(&records, &plan.logs, &mut checks).await;
    if !args.offline {
        let looks = plan.logs.iter().map(|log| look(&records, log));
        for (log, looked) in plan.logs.iter().zip(join_all(looks).await) {
            let origin = log.followed.origin();
            match looked {
                Ok(words) => checks.passed("log", format!("{origin}: {words}")),
                Err((true, words)) => checks.not_checked("log", format!("{origin}: {words}")),
                Err((false, words)) => checks.failed("log", format!("{origin}: {words}")),
            }
        }
        let asked = plan.authorities.iter().map(ask);
        for (tsa, asked) in plan.authorities.iter().zip(join_all(asked).await) {
            let name = tsa.name();
            match asked {
                Ok(words) => checks.passed("authority", format!("{name}: {words}")),
                Err((true, words)) => checks.not_checked("authority", format!("{name}: {words}")),
                Err((false, words)) => checks.failed("authority", format!("{name}: {words}")),
            }
        }
    }
    output.checks(&checks);
    let exit = Exit::of(&checks);
    output.json(&json!({"outcome": exit.word(), "checks": checks}));
    Ok(exit)
}

fn described(config: &Config) -> String {
    format!(
        "good: {} logs, {} authorities, of which {} must vouch",
        config.logs.len(),
        config.authorities.len(),
        config.required
    )
}

/// The newest round of every log can be read.
async fn check_records(records: &Records, logs: &[LogPlan], checks: &mut Checks) {
    let mut unreadable = Vec::new();
    for log in logs {
        if let Err(error) = records.state(log.followed.hash()).await {
            unreadable.push(format!("{}: {error}", log.followed.origin()));
        }
    }
    if unreadable.is_empty() {
        let known = records.with_index(|index| index.logs().len());
        checks.passed("records", format!("whole; of {known} logs"));
    } else {
        checks.failed("records", unreadable.join("; "));
    }
}

/// What was found, or whether that may pass and what is wrong.
type Found = Result<String, (bool, String)>;

/// Looks at a log as the anchor would.
async fn look(records: &Records, log: &LogPlan) -> Found {
    let anchored = records.state(log.followed.hash()).await;
    let anchored = anchored.map_err(|error| (true, error.to_string()))?;
    match log.followed.look(anchored.as_ref()).await {
        Ok(witnessed) => {
            let size = witnessed.checkpoint().size();
            let cosignatures = witnessed.cosignatures().len();
            let anchored = match anchored {
                Some(state) => format!(
                    "extends the {} that were anchored",
                    state.checkpoint().size()
                ),
                None => "nothing was anchored yet".to_owned(),
            };
            Ok(format!(
                "{size} entries under a good checkpoint with {cosignatures} cosignatures; {anchored}"
            ))
        }
        Err(error) => {
            let no_answer = matches!(error, LookError::NoAnswer { .. } | LookError::Status { .. });
            Err((no_answer, error.to_string()))
        }
    }
}

/// Asks an authority for a token as the anchor would, over bytes that nobody has use for.
async fn ask(tsa: &Tsa) -> Found {
    let data: [u8; 32] = rand::random();
    let asked = moment::now();
    match tsa.stamp(&data, moment::now).await {
        Ok(token) => {
            let places = tsa.judge().sources(&token.chain).len();
            let off = token.gen_time.millis().abs_diff(asked.millis());
            Ok(format!(
                "a good token; its clock is {}.{:03} s from ours, {} certificates, {places} places with revocation data",
                off / 1_000,
                off % 1_000,
                token.chain.len()
            ))
        }
        Err(error) => Err((error.misbehaviour.is_passing(), error.to_string())),
    }
}

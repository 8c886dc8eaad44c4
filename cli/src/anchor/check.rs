//! `counterfoil anchor check`: would the anchor run, is what it keeps readable, and do its logs and authorities answer?

use std::fmt::Write as _;

use clap::Args;
use counterfoil_anchor::config::Config;
use counterfoil_anchor::data;
use counterfoil_anchor::ethereum::view::EndpointView;
use counterfoil_anchor::ethereum::{Plan as ChainPlan, Probed};
use counterfoil_anchor::follow::LookError;
use counterfoil_anchor::judge::GoodToken;
use counterfoil_anchor::moment;
use counterfoil_anchor::names::Blobs as _;
use counterfoil_anchor::records::{BindingError, Examination, Records};
use counterfoil_anchor::run::plan;
use counterfoil_anchor::tsa::Tsa;
use counterfoil_anchor::worker::LogPlan;
use counterfoil_checks::Checks;
use counterfoil_tiles::hash::NodeHash;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{chain, data_failure, failure, judges};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::DirectoryArgs;

/// How many damaged records are shown one by one; with `--json`, all are.
const SHOWN: usize = 20;

/// `counterfoil anchor check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    directory: DirectoryArgs<Config>,
    /// Ask nobody: check the configuration, the files that it names, and everything that is kept
    #[arg(long)]
    offline: bool,
}

/// Checks everything that an anchor would run with.
pub(super) async fn run(args: CheckArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.directory.load()?;
    let judges = judges();
    let plan = plan(&config, judges.make).map_err(|error| failure(&error))?;
    let mut checks = Checks::default();
    checks.passed("configuration", described(&config));
    let data = data::read(&config.data).await;
    let data = data.map_err(|error| data_failure(&error))?;
    let (blobs, heads) = (data.blobs.clone() as _, data.heads.clone() as _);
    let records = Records::open(blobs, heads, judges.records).await;
    let records = records.map_err(|error| Failure::could_not_tell(error.to_string()))?;
    check_registers(&records, &plan.logs, &mut checks).await;
    let examination = check_records(&records, &plan.authorities, &mut checks).await?;
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
        check_authorities(&records, &plan.authorities, &mut checks).await;
    }
    if let Some(chain) = &plan.ethereum
        && !args.offline
    {
        check_chain(chain, &mut checks).await;
    }
    output.checks(&checks);
    let exit = Exit::of(&checks);
    output.json(&json!({
        "outcome": exit.word(),
        "checks": checks,
        "records": records_json(&examination),
    }));
    Ok(exit)
}

/// Whether a round could be sent now, and how each endpoint is.
async fn check_chain(plan: &ChainPlan, checks: &mut Checks) {
    let name = &plan.name;
    let root = NodeHash::from_bytes(rand::random());
    match plan.probe(root).await {
        Probed::Good(words) => checks.passed("chain", format!("{name}: {words}")),
        Probed::Held(words) => {
            checks.passed("chain", format!("{name}: held back at present: {words}"));
        }
        Probed::NoAnswer(words) => checks.not_checked("chain", format!("{name}: {words}")),
        Probed::Wrong(words) => checks.failed("chain", format!("{name}: {words}")),
    }
    for endpoint in plan.chain.endpoints() {
        let words = chain::endpoint(&EndpointView::from(&endpoint));
        match endpoint.trouble {
            None => checks.passed("endpoint", words),
            Some(_) => checks.not_checked("endpoint", words),
        }
    }
}

fn described(config: &Config) -> String {
    let chain = match &config.ethereum {
        Some(chain) => format!("; the chain {} ({})", chain.name, chain.chain_id),
        None => String::new(),
    };
    format!(
        "good: {} logs, {} authorities, of which {} must vouch{chain}",
        config.logs.len(),
        config.authorities.len(),
        config.required
    )
}

/// The newest round of every log can be read, and is that of its records.
async fn check_registers(records: &Records, logs: &[LogPlan], checks: &mut Checks) {
    for log in logs {
        let (hash, origin) = (log.followed.hash(), log.followed.origin());
        match register(records, log).await {
            Ok(words) => checks.passed("register", format!("{origin}: {words}")),
            Err(words) => checks.failed("register", format!("{origin}: {words}")),
        }
        let open = records.open_forks(hash, &log.acknowledged);
        let open: Vec<String> = open.iter().map(ToString::to_string).collect();
        if !open.is_empty() {
            checks.failed(
                "fork",
                format!(
                    "{origin} signed two histories, and is anchored no more until known_forks names {}",
                    open.join(", ")
                ),
            );
        }
    }
}

async fn register(records: &Records, log: &LogPlan) -> Result<String, String> {
    let hash = log.followed.hash();
    let state = records
        .state(hash)
        .await
        .map_err(|error| error.to_string())?;
    let binding = records
        .binding(hash, &log.acknowledged, moment::now())
        .await;
    let Some(binding) = binding.map_err(|error| error.to_string())? else {
        return Ok("nothing was anchored yet".to_owned());
    };
    let place = binding.place();
    let Some(state) = state.filter(|state| state.place() == place) else {
        return Ok(format!(
            "it was lost or is from an older backup, and the anchor goes by the records, of {} entries",
            place.size
        ));
    };
    let name = state.place().checkpoint();
    match records.read(&name).await {
        Ok(Some(_)) => Ok(format!(
            "the newest round is about {} entries",
            state.checkpoint().size()
        )),
        Ok(None) => Err(format!(
            "{name}, with which its newest round began, is not there: restore it from a backup"
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads all that is kept, and judges it.
async fn check_records(
    records: &Records,
    authorities: &[Tsa],
    checks: &mut Checks,
) -> Result<Examination, Failure> {
    let mut refused = 0_u64;
    let examination = records.examine(|_, name, token| {
        let own = authorities.iter().find(|tsa| *tsa.name() == name.authority);
        if own.is_some_and(|tsa| tsa.judge().kept(token).is_err()) {
            refused += 1;
        }
    });
    let examination = examination.await;
    let found = examination.map_err(|error| Failure::could_not_tell(error.to_string()))?;
    let mut words = format!(
        "{} checkpoints, {} tokens, {} additions of revocation data and {} blocks are whole",
        found.checkpoints, found.tokens, found.revocations, found.blocks
    );
    if refused > 0 {
        let _ = write!(
            words,
            "; {refused} of the tokens do not count under the roots and policies that are configured now"
        );
    }
    if !found.foreign.is_empty() {
        let _ = write!(words, "; {} files are no records", found.foreign.len());
    }
    if found.is_whole() {
        checks.passed("records", words);
        return Ok(found);
    }
    checks.failed(
        "records",
        format!(
            "{} are damaged and {} are missing: restore them from a backup; {words}",
            found.damaged.len(),
            found.missing.len()
        ),
    );
    for (name, damage) in found.damaged.iter().take(SHOWN) {
        checks.failed("record", format!("{name}: {damage}"));
    }
    for name in found.missing.iter().take(SHOWN) {
        checks.failed("record", format!("{name}: it is missing"));
    }
    Ok(found)
}

fn records_json(found: &Examination) -> Value {
    let damaged = found
        .damaged
        .iter()
        .map(|(name, damage)| json!({"path": name.to_string(), "reason": damage.to_string()}));
    let missing = found.missing.iter().map(ToString::to_string);
    let foreign = found.foreign.iter().map(ToString::to_string);
    json!({
        "checkpoints": found.checkpoints,
        "tokens": found.tokens,
        "revocations": found.revocations,
        "blocks": found.blocks,
        "damaged": damaged.collect::<Vec<_>>(),
        "missing": missing.collect::<Vec<_>>(),
        "foreign": foreign.collect::<Vec<_>>(),
    })
}

/// What was found, or whether that may pass and what is wrong.
type Found = Result<String, (bool, String)>;

/// Looks at a log as the anchor would.
async fn look(records: &Records, log: &LogPlan) -> Found {
    let anchored = records
        .binding(log.followed.hash(), &log.acknowledged, moment::now())
        .await;
    let anchored = anchored.map_err(|error| match error {
        BindingError::Lost { .. } => (false, error.to_string()),
        BindingError::Records(_) => (true, error.to_string()),
    })?;
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

/// Asks each authority, and compares whose keys vouch.
async fn check_authorities(records: &Records, authorities: &[Tsa], checks: &mut Checks) {
    let asked = authorities.iter().map(|tsa| ask(records, tsa));
    let mut known: Vec<(&Tsa, Vec<[u8; 32]>)> = Vec::new();
    for (tsa, asked) in authorities.iter().zip(join_all(asked).await) {
        let name = tsa.name();
        let (token, words) = match asked {
            Ok(good) => good,
            Err((true, words)) => {
                checks.not_checked("authority", format!("{name}: {words}"));
                continue;
            }
            Err((false, words)) => {
                checks.failed("authority", format!("{name}: {words}"));
                continue;
            }
        };
        let shares = |keys: &Vec<[u8; 32]>| token.keys.iter().any(|key| keys.contains(key));
        match known.iter().find(|(_, keys)| shares(keys)) {
            None => checks.passed("authority", format!("{name}: {words}")),
            Some((other, _)) => checks.failed(
                "authority",
                format!(
                    "{name}: its chain has a key in common with that of {}: whoever has it can vouch for both",
                    other.name()
                ),
            ),
        }
        known.push((tsa, token.keys));
    }
}

/// Asks an authority for a token as the anchor would, over bytes that nobody has use for.
async fn ask(records: &Records, tsa: &Tsa) -> Result<(GoodToken, String), (bool, String)> {
    let data: [u8; 32] = rand::random();
    let asked = moment::now();
    match tsa.stamp(&data, moment::now).await {
        Ok(token) => {
            let places = records.judge().sources(&token.chain).len();
            let off = token.gen_time.millis().abs_diff(asked.millis());
            let words = format!(
                "a good token; its clock is {}.{:03} s from ours, {} certificates, {places} places with revocation data",
                off / 1_000,
                off % 1_000,
                token.chain.len()
            );
            Ok((token, words))
        }
        Err(error) => Err((error.misbehaviour.is_passing(), error.to_string())),
    }
}

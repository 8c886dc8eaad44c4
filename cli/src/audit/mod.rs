//! `counterfoil audit`: fetch a whole log and recheck every byte of it.
//!
//! [`mod@unit`] and [`tree`] decide, and do no I/O; [`crew`] reads; [`state`] remembers; this module makes the checks out
//! of them and reports.

mod crew;
mod finding;
mod report;
mod resource;
mod run;
mod state;
mod tree;
mod unit;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use counterfoil_checks::Checks;
use counterfoil_evidence::receipt::describe_unsigned;
use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Quorum;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::place::{LogReader, Place};
use crate::token::TokenArgs;
use crate::trust::{Trust, TrustArgs};

pub(crate) use report::Report;
pub(crate) use resource::{Found, Resource, tile_hashes};
pub(crate) use state::StateError;

use run::{Audited, Ended};
use state::{Remembered, SavedTree, State, Verified};

/// `counterfoil audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The log: its URL prefix (http, https or file), or a directory with `checkpoint` and `tile/`
    #[arg(value_name = "URL|DIR")]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) token: TokenArgs,
    /// Where the audit remembers what it verified [default: below `$XDG_STATE_HOME/counterfoil`, by log]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Remember nothing, and demand no consistency with earlier audits
    #[arg(long, conflicts_with_all = ["state", "new_only", "restart"])]
    pub(crate) no_state: bool,
    /// Check only what was added since the last audit; files that an earlier audit checked are not read again
    #[arg(long)]
    pub(crate) new_only: bool,
    /// Start over instead of going on where an interrupted audit stopped
    #[arg(long)]
    pub(crate) restart: bool,
    /// Threads that read and hash [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Also write the report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// Runs `counterfoil audit`.
pub(crate) async fn run(args: AuditArgs, output: Output) -> Result<Exit, Failure> {
    let report = audit(&args, output).await?;
    report.print(output);
    if let Some(path) = &args.report {
        let mut json = serde_json::to_vec_pretty(&report).map_err(|error| {
            Failure::could_not_tell(format!("the report cannot be written: {error}"))
        })?;
        json.push(b'\n');
        counterfoil_files::replace(path, &json).map_err(|error| {
            Failure::could_not_tell(format!(
                "the report {} cannot be written: {error}",
                path.display()
            ))
        })?;
    }
    Ok(report.exit())
}

/// Audits a log.
pub(crate) async fn audit(args: &AuditArgs, output: Output) -> Result<Report, Failure> {
    let started = Instant::now();
    let trust = args.trust.require()?;
    let token = args.token.load()?;
    let reader = LogReader::open(&args.place, token.as_ref())?;
    let bytes = reader.checkpoint().await?;
    let mut report = Report::new(&args.place);
    let Some(signed) = check_checkpoint(&bytes, &trust, &mut report.checks) else {
        report.not_reached("the checkpoint is not one to audit against");
        return Ok(report);
    };
    report.of(signed.checkpoint());
    let state_path = state_path(args, &trust, &signed);
    if !args.no_state && state_path.is_none() {
        Output::warn(
            "no place to remember this audit: set --state FILE or HOME; consistency with earlier audits is not checked",
        );
    }
    let mut state = load_state(state_path.as_deref(), &signed)?;
    let remembered = remembered(&state)?;
    if let Some(before) = &remembered
        && let Some(break_) = Break::between(before, &signed)
    {
        break_.report(before, &signed, state_path.as_deref(), &mut report);
        report.not_reached("the log contradicts what it showed before");
        return Ok(report);
    }
    if args.restart {
        state.unfinished = None;
    }
    let audit = run::Audit {
        place: &args.place,
        token: token.as_ref(),
        reader: &reader,
        signed: &signed,
        remembered: remembered.as_ref(),
        new_only: args.new_only,
        jobs: args
            .jobs
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN),
        state_path: state_path.as_deref(),
    };
    let audited = audit.run(&mut state, output).await?;
    conclude(
        &audited,
        remembered.as_ref(),
        &signed,
        state_path.as_deref(),
        &mut report,
    );
    match audited.ended {
        // What was reached is in the state: the next audit goes on from there.
        Ended::Interrupted | Ended::GaveUp => {}
        Ended::Complete | Ended::Forked => {
            state.unfinished = None;
            if report.exit() == Exit::Done {
                state.verified = verified(&signed, &audited);
            }
        }
    }
    save_or_warn(&state, state_path.as_deref());
    report.seconds = started.elapsed().as_secs_f64();
    report.conclude();
    Ok(report)
}

/// Checks signature and quorum; `None` if there is nothing to audit against.
fn check_checkpoint(bytes: &[u8], trust: &Trust, checks: &mut Checks) -> Option<SignedCheckpoint> {
    let note = match Note::parse(bytes) {
        Ok(note) => note,
        Err(error) => {
            checks.failed("checkpoint", format!("it is not a signed note: {error}"));
            return None;
        }
    };
    let signed = match trust.signed(note) {
        Ok(signed) => signed,
        Err(error) => {
            checks.failed("checkpoint", describe_unsigned(&error, trust.keys()));
            return None;
        }
    };
    let names: Vec<String> = signed
        .log_signatures()
        .iter()
        .map(|by| format!("{}+{} ({})", by.name, by.key_id, by.algorithm))
        .collect();
    checks.passed("checkpoint", format!("signed by {}", names.join(", ")));
    match trust.policy().witnessed(signed.clone()) {
        Ok(_) if trust.policy().quorum() == Quorum::None => {
            checks.passed("quorum", "the policy asks for no witness");
        }
        Ok(witnessed) => {
            checks.passed(
                "quorum",
                format!(
                    "{} witnesses of the policy cosigned",
                    witnessed.cosignatures().len()
                ),
            );
        }
        Err(error) => checks.failed("quorum", error.to_string()),
    }
    Some(signed)
}

fn state_path(args: &AuditArgs, trust: &Trust, signed: &SignedCheckpoint) -> Option<PathBuf> {
    if args.no_state {
        return None;
    }
    let origin = signed.checkpoint().origin();
    let of_log = trust.keys().iter().filter(|key| key.origin() == origin);
    let vkeys: Vec<String> = of_log.map(|key| key.vkey().to_string()).collect();
    args.state
        .clone()
        .or_else(|| state::default_path(origin, vkeys.iter().map(String::as_str)))
}

fn load_state(path: Option<&Path>, signed: &SignedCheckpoint) -> Result<State, Failure> {
    let Some(path) = path else {
        return Ok(State::default());
    };
    let directory = counterfoil_files::directory_of(path);
    std::fs::create_dir_all(directory).map_err(|error| {
        Failure::usage(format!(
            "the directory of the state, {}, cannot be made: {error}",
            directory.display()
        ))
    })?;
    Ok(State::load(path, signed.checkpoint().origin())?)
}

fn remembered(state: &State) -> Result<Option<Remembered>, Failure> {
    // Loading has parsed it once, so that this cannot fail.
    state.remembered().map_err(Failure::usage)
}

fn save_or_warn(state: &State, path: Option<&Path>) {
    if let Some(path) = path
        && let Err(error) = state.save(path)
    {
        Output::warn(format!("this audit will not be remembered: {error}"));
    }
}

fn verified(signed: &SignedCheckpoint, audited: &Audited) -> Option<Verified> {
    Some(Verified {
        note: signed.note().to_string(),
        at: unix_now(),
        tree: SavedTree::new(&audited.tree)?,
    })
}

/// Seconds since the Epoch.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A contradiction between what a log signed before and what it signs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// The tree is smaller than before.
    Shrunk,
    /// The same size, or a size before it, has another root.
    Forked,
}

impl Break {
    /// What two signed checkpoints show by themselves.
    fn between(before: &Remembered, now: &SignedCheckpoint) -> Option<Self> {
        let (old, new) = (&before.checkpoint, now.checkpoint());
        if new.size() < old.size() {
            Some(Self::Shrunk)
        } else if new.size() == old.size() && new.root() != old.root() {
            Some(Self::Forked)
        } else {
            None
        }
    }

    fn report(
        self,
        before: &Remembered,
        now: &SignedCheckpoint,
        state_path: Option<&Path>,
        report: &mut Report,
    ) {
        let (old, new) = (&before.checkpoint, now.checkpoint());
        let what = match self {
            Self::Shrunk => format!(
                "shrunk: the log showed {} entries before and shows {} now; it was rolled back, or this is an old copy",
                old.size(),
                new.size()
            ),
            Self::Forked => format!(
                "forked: of the first {} entries the log signed the root {} before, and now shows a tree in which they have another; it shows different histories",
                old.size(),
                old.root()
            ),
        };
        report.checks.failed("consistency", what);
        if let Some(path) = state_path {
            match keep_evidence(path, before, now) {
                Ok(files) => report.evidence = files,
                Err(error) => report.evidence_error = Some(error.to_string()),
            }
        }
    }
}

/// Writes both checkpoints beside the state, and gives their paths.
fn keep_evidence(
    state: &Path,
    before: &Remembered,
    now: &SignedCheckpoint,
) -> std::io::Result<Vec<PathBuf>> {
    let directory = state.with_extension("evidence");
    std::fs::create_dir_all(&directory)?;
    let pairs = [
        (&before.checkpoint, &before.note),
        (now.checkpoint(), now.note()),
    ];
    pairs
        .into_iter()
        .map(|(checkpoint, note)| {
            let root = hex::encode(&checkpoint.root().as_bytes()[..8]);
            let path = directory.join(format!("{}-{root}.checkpoint", checkpoint.size()));
            counterfoil_files::replace(&path, note.as_bytes())?;
            Ok(path)
        })
        .collect()
}

/// Makes the checks of what the audit came to.
fn conclude(
    audited: &Audited,
    remembered: Option<&Remembered>,
    signed: &SignedCheckpoint,
    state_path: Option<&Path>,
    report: &mut Report,
) {
    report.take(audited);
    let unreached = match audited.ended {
        Ended::Complete => None,
        Ended::Interrupted => {
            Some("the audit was interrupted; the same command goes on where it stopped")
        }
        Ended::GaveUp => {
            Some("too much could not be read; the same command goes on where it stopped")
        }
        Ended::Forked => Some("the log contradicts what it showed before"),
    };
    report.check_findings(audited, unreached);
    let checks = &mut report.checks;
    let checkpoint = signed.checkpoint();
    match audited.root {
        Some(root) if root == *checkpoint.root() => {
            checks.passed(
                "root",
                format!("the tree recomputed from the entries has the signed root {root}"),
            );
        }
        Some(root) => checks.failed(
            "root",
            format!(
                "the tree recomputed from the entries has the root {root}, the log signed {}",
                checkpoint.root()
            ),
        ),
        None => checks.not_checked(
            "root",
            unreached.unwrap_or("not everything below it could be read"),
        ),
    }
    match (remembered, audited.consistent) {
        (None, _) if state_path.is_none() => {
            checks.passed(
                "consistency",
                "nothing is compared with: this audit has no memory",
            );
        }
        (None, _) => checks.passed(
            "consistency",
            "no earlier audit of this log is remembered; later ones compare with this one",
        ),
        (Some(before), Some(true)) => checks.passed(
            "consistency",
            format!(
                "the first {} entries are those of the checkpoint verified before",
                before.checkpoint.size()
            ),
        ),
        (Some(before), Some(false)) => Break::Forked.report(before, signed, state_path, report),
        (Some(_), None) => checks.not_checked(
            "consistency",
            unreached.unwrap_or("not everything below the earlier checkpoint could be read"),
        ),
    }
}

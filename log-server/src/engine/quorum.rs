//! The engine's side of its witnesses: proofs for them from the store, what their answers mean to the sequencer, and what is
//! shown of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_sequencer::{Outcome, Whom};
use counterfoil_store::{BlobName, BlobStore};
use counterfoil_tiles::checkpoint::{Checkpoint, LogKey, SignedCheckpoint};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::{Policy, add_cosignatures};
use counterfoil_tiles::proof::{ProofPlan, root_from_tiles};
use counterfoil_tiles::tile::{Tile, TileId, tiles_of};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::shared::seconds;
use crate::log::WitnessStatus;
use crate::witnesses::guard::{Decision, Testimony, judge, testimonies};
use crate::witnesses::{
    self, Ask, Late, Options, Proofs, Round, Transport, WitnessName, Witnesses, WitnessesError,
};

/// Late cosignatures that wait to be taken: one of each witness is the rule.
const LATE: usize = 64;

/// How long a witness that claims more than the log, while the others make a quorum, is left alone after it was judged.
const JUDGE_AGAIN: Duration = Duration::from_mins(1);

/// How long a checkpoint without a quorum waits for the judgement on those that claim more than the log.
const JUDGE_FIRST: Duration = Duration::from_secs(1);

/// The witnesses of a log.
#[derive(Clone)]
pub struct WitnessSettings {
    /// Whose cosignatures a checkpoint needs, and where those witnesses are.
    pub policy: Arc<Policy>,
    /// Monitoring prefixes of witnesses where they are not the submission prefix, by the witness's name in the policy.
    pub monitoring: Vec<(WitnessName, String)>,
    /// How requests reach them.
    pub transport: Arc<dyn Transport>,
    /// The time of day.
    pub clock: witnesses::Clock,
    /// How long a checkpoint waits for its quorum before it gives way to a larger one.
    pub deadline: Duration,
    /// How often an idle log asks for newer cosignatures.
    pub refresh_interval: Duration,
    /// Whether what the witnesses say can keep the log from going on.
    pub guard: WitnessGuard,
}

/// Whether the witnesses are asked before a log goes on, and whether what they say stops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WitnessGuard {
    /// They are, and it does.
    On,
    /// The operator has said that this data is the newest, whatever the witnesses say: it is only logged.
    Off,
}

impl std::fmt::Debug for WitnessSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WitnessSettings").finish_non_exhaustive()
    }
}

/// A judgement beside publication: a witness that claims more and is slow to show it delays no checkpoint. At most one is under
/// way; what it finds, the next request for cosignatures answers.
#[derive(Default)]
struct Judging {
    began: Option<Instant>,
    task: JoinSet<Option<Outcome>>,
}

/// The witnesses of a running log.
pub(crate) struct Quorum {
    witnesses: Witnesses,
    log: Vec<LogKey>,
    blobs: Arc<dyn BlobStore>,
    guard: WitnessGuard,
    /// When the witnesses were asked first, before the log goes on.
    first_asked: OnceLock<Instant>,
    /// The judgement on witnesses that claim more than a running log.
    judging: tokio::sync::Mutex<Judging>,
    /// The checkpoint that the witnesses were shown last.
    shown: Mutex<Option<Note>>,
}

impl Quorum {
    /// The witnesses, and what comes late from them.
    pub(crate) fn new(
        settings: &WitnessSettings,
        log: &[Vkey],
        blobs: Arc<dyn BlobStore>,
    ) -> Result<(Self, mpsc::Receiver<Late>), WitnessesError> {
        let log: Vec<LogKey> = log.iter().cloned().map(LogKey::new).collect();
        let (late, came_late) = mpsc::channel(LATE);
        let options = Options {
            // A round that ends before its checkpoint gives way leaves time for a second one.
            round_deadline: settings.deadline / 2,
            request_deadline: settings.deadline,
            monitoring: settings.monitoring.clone(),
            clock: settings.clock.clone(),
        };
        let witnesses = Witnesses::new(
            Arc::clone(&settings.policy),
            log.clone(),
            Arc::clone(&settings.transport),
            options,
            late,
        )?;
        let quorum = Self {
            witnesses,
            log,
            blobs,
            guard: settings.guard,
            first_asked: OnceLock::new(),
            judging: tokio::sync::Mutex::default(),
            shown: Mutex::default(),
        };
        Ok((quorum, came_late))
    }

    /// Gathers cosignatures for a checkpoint that the log has signed.
    pub(crate) async fn cosign(self: &Arc<Self>, note: &Bytes, whom: Whom) -> Outcome {
        let signed = match self.verify(note) {
            Ok(signed) => signed,
            Err(reason) => return Outcome::NotDone(reason),
        };
        if let Some(Ok(Some(contradicted))) = self.judging.lock().await.task.try_join_next() {
            return contradicted;
        }
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(signed.note().clone());
        let ask = match whom {
            Whom::Lacking => {
                self.witnesses.remember(&signed);
                Ask::Missing
            }
            Whom::All => Ask::All,
        };
        let round = self.witnesses.cosign(&signed, self.proofs(), ask).await;
        if let Some(contradicted) = self.judge_beside(signed.checkpoint(), &round).await {
            return contradicted;
        }
        let without_quorum = whom == Whom::Lacking && !round.quorum;
        match round.cosigned(signed.note(), self.witnesses.policy()) {
            Ok(_) if without_quorum && round.cosignatures.is_empty() => {
                Outcome::NotDone(round.trouble())
            }
            Ok(note) => Outcome::Cosigned(Bytes::copy_from_slice(note.as_bytes())),
            Err(error) => Outcome::NotDone(error.to_string()),
        }
    }

    /// Shows the witnesses what is published, and judges whether the log goes on from its head.
    pub(crate) async fn ask_first(
        &self,
        published: Option<&Bytes>,
        head: TreeSize,
        root: NodeHash,
    ) -> Outcome {
        let signed = match published.map(|note| self.verify(note)).transpose() {
            Ok(signed) => signed,
            Err(reason) => return Outcome::NotDone(reason),
        };
        // The log signs nothing before it goes on, so what a witness has cosigned since then is the newest that it knows.
        let since = *self.first_asked.get_or_init(Instant::now);
        let probe = async {
            let signed = signed.as_ref()?;
            Some(self.witnesses.probe(signed, self.proofs(), since).await)
        };
        let (round, seen) = tokio::join!(probe, self.witnesses.latest());
        let checkpoint = signed.as_ref().map(SignedCheckpoint::checkpoint);
        let testimonies = testimonies(round.as_ref(), seen);
        match self.judge(head, root, checkpoint, &testimonies).await {
            Decision::Go => Outcome::Done,
            Decision::GoWithAlarm { alarms } => {
                for alarm in alarms {
                    tracing::error!(origin = %self.origin(), "{alarm}");
                }
                Outcome::Done
            }
            Decision::Wait { for_whom } => Outcome::NotDone(format!(
                "the log waits for witnesses before it goes on from size {head}: {}",
                for_whom.join("; ")
            )),
            Decision::Refuse { why, what_to_do } => self
                .contradicted(&why, &what_to_do)
                .unwrap_or(Outcome::Done),
        }
    }

    /// What the witnesses show and have answered, against the log's own tree up to a size.
    async fn judge(
        &self,
        head: TreeSize,
        root: NodeHash,
        published: Option<&Checkpoint>,
        testimonies: &[Testimony],
    ) -> Decision {
        let shown = testimonies.iter().filter_map(|testimony| {
            let latest = testimony.latest.as_ref().ok()?.as_ref()?;
            Some(latest.checkpoint().size())
        });
        let sizes = shown.chain(published.map(Checkpoint::size));
        let mut roots = HashMap::from([(head, Ok(root))]);
        for size in sizes {
            if size < head && !roots.contains_key(&size) {
                roots.insert(size, StoredProofs(Arc::clone(&self.blobs)).root(size).await);
            }
        }
        let root_at = |size: TreeSize| {
            let root = roots.get(&size).cloned();
            root.unwrap_or_else(|| Err("it is larger than the tree".into()))
        };
        judge(
            self.witnesses.policy(),
            head,
            root_at,
            published,
            testimonies,
        )
    }

    fn contradicted(&self, why: &str, what_to_do: &str) -> Option<Outcome> {
        match self.guard {
            WitnessGuard::On => Some(Outcome::Contradicted(format!(
                "{why}. What to do: {what_to_do}"
            ))),
            WitnessGuard::Off => {
                tracing::error!(origin = %self.origin(), "{why}. The log goes on, because it was started unguarded");
                None
            }
        }
    }

    /// Judges the witnesses that claim more than the log, where there are some: gives what is found at once, which is waited for
    /// where there is no quorum to publish with.
    async fn judge_beside(self: &Arc<Self>, shown: &Checkpoint, round: &Round) -> Option<Outcome> {
        // SPEC(design 2, startup guard): "The same test applies to a 409 while running."
        if round.ahead().next().is_none() && !self.claimed_late(shown.size()) {
            return None;
        }
        let mut judging = self.judging.lock().await;
        // A lying witness costs a look at what all of them show once in a while, not in each round.
        let is_time = !round.quorum
            || judging
                .began
                .is_none_or(|began| began.elapsed() >= JUDGE_AGAIN);
        if judging.task.is_empty() && is_time {
            judging.began = Some(Instant::now());
            let (quorum, round, shown) = (Arc::clone(self), round.clone(), shown.clone());
            judging
                .task
                .spawn(async move { quorum.judge_running(shown, &round).await });
        }
        if round.quorum {
            return None;
        }
        let judged = timeout(JUDGE_FIRST, judging.task.join_next()).await;
        judged.ok()??.ok()?
    }

    /// Whether a witness has named a larger size after its round was over: a quorum of faster ones ends a round.
    fn claimed_late(&self, size: TreeSize) -> bool {
        let witnesses = self.witnesses.status().into_iter();
        let mut last = witnesses.filter_map(|witness| Some(witness.last?.outcome));
        last.any(|outcome| {
            matches!(outcome, witnesses::Outcome::Ahead { size: claimed } if claimed > size)
        })
    }

    /// What the witnesses show, against the log as it stands when they have shown it: it signs on meanwhile, and what they show
    /// of that is its own.
    async fn judge_running(&self, shown: Checkpoint, round: &Round) -> Option<Outcome> {
        let seen = self.witnesses.latest().await;
        let newest = {
            let newest = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let newest = newest
                .as_ref()
                .and_then(|note| Checkpoint::parse(note.text()).ok());
            newest
                .filter(|newest| newest.size() > shown.size())
                .unwrap_or(shown)
        };
        let (head, root) = (newest.size(), *newest.root());
        match self
            .judge(head, root, None, &testimonies(Some(round), seen))
            .await
        {
            Decision::Refuse { why, what_to_do } => self.contradicted(&why, &what_to_do),
            Decision::Go | Decision::GoWithAlarm { .. } | Decision::Wait { .. } => None,
        }
    }

    fn origin(&self) -> &str {
        self.log.first().map_or("", |key| key.origin().as_str())
    }

    /// The checkpoint in hand, or the published one, with cosignatures that came late.
    pub(crate) fn with_late(&self, late: &Late, published: Option<&Bytes>) -> Option<Bytes> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let published = published.and_then(|note| Note::parse(note).ok());
        let mut notes = shown.iter().cloned().chain(published);
        let note = notes.find(|note| is_of(note, late))?;
        let lines: &[SignatureLine] = &late.lines;
        let note = add_cosignatures(&note, lines, self.witnesses.policy()).ok()?;
        Some(Bytes::copy_from_slice(note.as_bytes()))
    }

    /// What each witness answers.
    pub(crate) fn status(&self) -> Vec<WitnessStatus> {
        let services = self.witnesses.status().into_iter();
        services
            .flat_map(|service| {
                let answer = match &service.last {
                    Some(last) => last.outcome.to_string(),
                    None => "was not asked yet".to_owned(),
                };
                let last = service.last.as_ref();
                let cosigns = last.is_some_and(|last| last.outcome == witnesses::Outcome::Cosigned);
                let since = last.map_or(0, |last| seconds(last.when));
                let cosigned = service.cosigned.as_ref();
                let (size, at) = (
                    cosigned.map(|last| last.size.get()),
                    cosigned.map(|last| seconds(last.when)),
                );
                service
                    .witnesses
                    .into_iter()
                    .map(move |name| WitnessStatus {
                        name: name.to_string(),
                        answer: answer.clone(),
                        cosigns,
                        cosigned_size: size,
                        cosigned_at: at,
                        since,
                    })
            })
            .collect()
    }

    /// Ends what is under way.
    pub(crate) async fn close(&self) {
        self.judging.lock().await.task.shutdown().await;
        self.witnesses.close().await;
    }

    fn verify(&self, note: &Bytes) -> Result<SignedCheckpoint, String> {
        let note = Note::parse(note).map_err(|error| error.to_string())?;
        SignedCheckpoint::verify(note, &self.log).map_err(|error| error.to_string())
    }

    fn proofs(&self) -> Arc<dyn Proofs> {
        Arc::new(StoredProofs(Arc::clone(&self.blobs)))
    }
}

fn is_of(note: &Note, late: &Late) -> bool {
    Checkpoint::parse(note.text())
        .is_ok_and(|checkpoint| checkpoint.size() == late.size && *checkpoint.root() == late.root)
}

/// Consistency proofs from the tiles of a size that is stored and not published yet. The witnesses verify them.
struct StoredProofs(Arc<dyn BlobStore>);

#[async_trait]
impl Proofs for StoredProofs {
    async fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<Vec<NodeHash>, String> {
        let plan = ProofPlan::consistency(old, new).map_err(|error| error.to_string())?;
        let tiles = plan.tiles(new).map_err(|error| error.to_string())?;
        let tiles = self.tiles(tiles).await?;
        plan.resolve(new, &tiles).map_err(|error| error.to_string())
    }
}

impl StoredProofs {
    /// The root of a size, from its tiles.
    async fn root(&self, size: TreeSize) -> Result<NodeHash, String> {
        let tiles = self.tiles(tiles_of(size)).await?;
        root_from_tiles(size, &tiles).map_err(|error| error.to_string())
    }

    async fn tiles(&self, ids: Vec<TileId>) -> Result<HashMap<TileId, Tile>, String> {
        let mut tiles = HashMap::with_capacity(ids.len());
        for id in ids {
            tiles.insert(id, self.tile(id).await?);
        }
        Ok(tiles)
    }

    /// A tile, or as much of the full one, which takes the place of a partial one.
    async fn tile(&self, id: TileId) -> Result<Tile, String> {
        for path in [id.path(), id.full().path()] {
            let name = BlobName::new(&path).map_err(|error| error.to_string())?;
            let bytes = self.0.get(&name).await.map_err(|error| error.to_string())?;
            if let Some(bytes) = bytes {
                let tile = Tile::parse(&bytes).map_err(|error| format!("{path}: {error}"))?;
                return tile
                    .prefix(id.width())
                    .ok_or_else(|| format!("{path} has fewer than {} hashes", id.width()));
            }
        }
        Err(format!("{} is missing", id.path()))
    }
}

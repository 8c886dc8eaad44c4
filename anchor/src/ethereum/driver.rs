//! Driving a sender: offers it rounds, does what it asks for, and tells what it tells.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_ethereum::{BlockHash, keccak256};
use counterfoil_ethereum_sender::{Anchored, Event, Offered, Outcome, Request, Sender, Timestamp};
use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::NodeHash;
use tokio::sync::watch;

use super::due::{self, Candidate, Recorded};
use super::slots::Slots;
use super::status::{Block, Lost, Status};
use super::{Ethereum, events, keep};
use crate::follow::Followed;
use crate::moment::Moment;
use crate::names::{Place, RecordName};
use crate::record::BlockRecord;
use crate::records::{Acknowledged, BindingError, Index, KeepError};
use crate::worker::{listed, unbroken};

/// The longest that the driver sleeps: a clock that was set is noticed by then.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How long after records could not be read they are read again.
const RECORDS_PAUSE: Duration = Duration::from_secs(10);

/// How long doing it once may take until a transaction is sent.
const ONCE_DEADLINE: Duration = Duration::from_mins(2);

/// The work while it goes on.
struct Course {
    sender: Sender,
    slots: Slots,
    /// What the register says of earlier rounds is taken into account.
    is_resumed: bool,
    /// A round is wanted even where no tree has changed.
    is_wanted: bool,
    /// The last round that was paid for and offered again, which was told.
    known: Option<NodeHash>,
    /// Blocks that left the chain: what they have does not count.
    undone: BTreeSet<BlockHash>,
    /// Logs whose records could not be read: they are left out of rounds, since they may have been anchored.
    unread: BTreeSet<OriginHash>,
    /// When the records are read again, while not all are read.
    unread_until: Option<Moment>,
}

impl Ethereum {
    /// Works until it is told to stop. What is under way then ends, or its outcome is found out at the next start.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut course = self.begin();
        loop {
            let now = self.clock.now();
            self.go_on(&mut course, now).await;
            if *stop.borrow() {
                return;
            }
            if self.operate(&mut course).await {
                continue;
            }
            let wake = course.wake_at(now);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.wanted.notified() => {
                    course.is_wanted = true;
                    course.slots.reopen(self.clock.now());
                }
                () = tokio::time::sleep(wake.since(now).min(LONGEST_SLEEP)) => {}
            }
        }
    }

    /// Records what has become final, and sends what is due, without a service; then shows where things stand. With `wait` it
    /// goes on until what was sent is recorded, or cannot be.
    pub async fn once(&self, wait: Option<Duration>) -> Status {
        let began = self.clock.now();
        let mut course = self.begin();
        let mut offered = false;
        loop {
            let now = self.clock.now();
            course.sender.tick(stamp(now));
            self.read_what_is_due(&mut course, now).await;
            self.show(&mut course, now);
            let before = course.sender.status();
            if before.is_loaded && before.on_its_way.is_none() && !offered {
                self.offer(&mut course, now).await;
                offered = true;
                self.show(&mut course, now);
            }
            if self.operate(&mut course).await {
                continue;
            }
            let status = course.sender.status();
            let rests = status.trouble.is_none();
            let ended = status.on_its_way.is_none() && status.waiting.is_none() && offered;
            let deadline = wait.unwrap_or(if rests { Duration::ZERO } else { ONCE_DEADLINE });
            if status.stopped.is_some()
                || rests && (ended || status.hold.is_some())
                || now.since(began) >= deadline
            {
                return self.status();
            }
            let second = Duration::from_secs(1);
            let wake = course.wake().unwrap_or(now.after(second));
            tokio::time::sleep(wake.since(now).min(second)).await;
        }
    }

    fn begin(&self) -> Course {
        let now = self.clock.now();
        Course {
            sender: Sender::new(self.plan.sender.clone(), stamp(now)),
            slots: Slots::new(self.plan.every, self.plan.lag, now),
            is_resumed: false,
            is_wanted: false,
            known: None,
            undone: self.plan.sender.known_undone.iter().copied().collect(),
            unread: BTreeSet::new(),
            unread_until: Some(now),
        }
    }

    /// Takes account of the time: offers what is due.
    async fn go_on(&self, course: &mut Course, now: Moment) {
        course.sender.tick(stamp(now));
        self.read_what_is_due(course, now).await;
        // What was recorded just now is not new.
        self.show(course, now);
        let status = course.sender.status();
        if status.is_loaded && !course.is_resumed {
            course.is_resumed = true;
            let ended = [
                status.last_record.map(|record| record.at),
                status.last_failure.map(|failure| failure.at),
                status.on_its_way.as_ref().map(|round| round.since),
            ];
            if let Some(last) = ended.into_iter().flatten().max() {
                course.slots.took(Moment::from_millis(last.as_millis()));
            }
        }
        // A round that was sent cannot give way: what is due is chosen once it has ended.
        let may_offer = status.is_loaded && status.on_its_way.is_none() && status.stopped.is_none();
        if course.slots.look(now, may_offer) {
            self.offer(course, now).await;
        }
        self.show(course, now);
    }

    /// Offers what is due.
    async fn offer(&self, course: &mut Course, now: Moment) {
        course.slots.pause(now);
        let candidates = self.candidates(course, now).await;
        let is_damaged = |candidate: &&Candidate| candidate.recorded == Recorded::Damaged;
        let damaged = candidates.iter().filter(is_damaged);
        let damaged: Vec<Place> = damaged.map(Candidate::place).collect();
        let terms = due::Terms {
            now,
            max_age: if course.is_wanted {
                Some(Duration::ZERO)
            } else {
                self.plan.max_age
            },
        };
        let offer = match due::offer(candidates, terms) {
            Ok(Some(offer)) => offer,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(chain = %self.plan.name, %error, "no round can be made");
                return;
            }
        };
        let (root, logs) = (offer.root, offer.members.len());
        let waiting = course.sender.status().waiting;
        let waits = waiting.is_some_and(|(waiting, _)| waiting == root);
        let offered = course.sender.offer(offer);
        if offered == Offered::Known && !waits {
            // Nothing comes of it: neither the slot nor an operator's wish is used up.
            if course.known.replace(root) != Some(root) {
                events::log_known(&self.plan.name, root, &damaged);
            }
            return;
        }
        course.slots.took(now);
        course.is_wanted = false;
        match offered {
            Offered::Taken => {
                tracing::info!(chain = %self.plan.name, %root, logs, "a round waits to be sent");
            }
            Offered::Known => {
                tracing::debug!(chain = %self.plan.name, %root, "this very round waits already");
            }
            Offered::Refused => {
                tracing::error!(chain = %self.plan.name, %root, logs, "the round was refused, which is a mistake in this program");
            }
        }
    }

    /// The newest round of each log that can be read now.
    async fn candidates(&self, course: &Course, now: Moment) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (log, acknowledged) in &self.logs {
            if course.unread.contains(&log.hash()) {
                continue;
            }
            match self.candidate(log, acknowledged, &course.undone, now).await {
                Ok(candidate) => candidates.extend(candidate),
                Err(error) => tracing::error!(
                    origin = %log.origin(), chain = %self.plan.name, %error,
                    "the records of this log cannot be read, and it is left out of the round; the others are not"
                ),
            }
        }
        candidates
    }

    /// A log's newest round; none if there is none that the policy admits, or if the log forked and the operator has not dealt with
    /// that: which of its histories will be the log's is not known.
    async fn candidate(
        &self,
        log: &Followed,
        acknowledged: &Acknowledged,
        undone: &BTreeSet<BlockHash>,
        now: Moment,
    ) -> Result<Option<Candidate>, BindingError> {
        let forks = self.records.open_forks(log.hash(), acknowledged);
        if !forks.is_empty() {
            tracing::debug!(
                origin = %log.origin(), chain = %self.plan.name,
                "the log signed two histories, and is left out of rounds until known_forks names {}", listed(&forks)
            );
            return Ok(None);
        }
        let bound = self.records.binding(log.hash(), acknowledged, now).await?;
        let Some(state) = bound else {
            return Ok(None);
        };
        // What an earlier policy admitted is not under this one.
        if log.verify(state.note().clone()).is_err() {
            return Ok(None);
        }
        let place = state.place();
        Ok(Some(Candidate {
            origin: log.origin().clone(),
            newest: self.newest_of(log.hash()),
            recorded: self.recorded(&place, undone).await?,
            state,
        }))
    }

    /// Whether a block of the chain has a checkpoint.
    async fn recorded(
        &self,
        place: &Place,
        undone: &BTreeSet<BlockHash>,
    ) -> Result<Recorded, KeepError> {
        let mut found = Recorded::None;
        let names = |index: &Index| index.blocks(place, &self.plan.name);
        for name in self.records.with_index(names) {
            match self.block(place, &name).await? {
                Some(record) if self.is_ours(&record, undone) => return Ok(Recorded::Whole),
                Some(_) => {}
                None => found = Recorded::Damaged,
            }
        }
        Ok(found)
    }

    /// A record; none if it is damaged. An error may pass.
    async fn block(
        &self,
        place: &Place,
        name: &RecordName,
    ) -> Result<Option<BlockRecord>, KeepError> {
        match self.records.block(place, name).await {
            Ok((record, _)) => Ok(Some(record)),
            Err(error) if error.may_pass() => Err(error),
            Err(error) => {
                tracing::error!(%place, record = %name, %error, "a record cannot be read; it does not count");
                Ok(None)
            }
        }
    }

    fn newest_of(&self, log: OriginHash) -> Option<Block> {
        let shown = self.shown();
        let of_log = shown.logs.iter().find(|known| known.hash == log);
        of_log.and_then(|known| known.newest)
    }

    /// Reads which blocks have something of the logs, if it is time, or a block has left the chain, or come back.
    async fn read_what_is_due(&self, course: &mut Course, now: Moment) {
        let undone = course.sender.status().undone.into_iter();
        let undone = undone.map(|(undone, _)| undone.block.hash);
        // The operator knows of some longer than the register, which may be lost.
        let known = self.plan.sender.known_undone.iter().copied();
        let undone = undone.chain(known).collect();
        // Where the clock was set back nobody waits until it shows the old time again.
        let latest = now.after(RECORDS_PAUSE);
        course.unread_until = course.unread_until.map(|until| until.min(latest));
        let is_due = course.unread_until.is_some_and(|until| now >= until);
        if is_due || course.undone != undone {
            course.undone = undone;
            self.read_newest(course, now).await;
        }
    }

    /// Reads which blocks have something of the logs.
    async fn read_newest(&self, course: &mut Course, now: Moment) {
        let mut trouble = None;
        course.unread.clear();
        for (place, (log, _)) in self.logs.iter().enumerate() {
            match self.newest_recorded(log.hash(), &course.undone).await {
                Ok(newest) => {
                    if let Some(shown) = self.shown().logs.get_mut(place) {
                        shown.newest = newest;
                    }
                }
                Err(error) => {
                    tracing::error!(
                        origin = %log.origin(), chain = %self.plan.name, %error,
                        "the records of this log cannot be read, and it is left out of rounds; they are read again in {} s",
                        RECORDS_PAUSE.as_secs()
                    );
                    trouble = Some(format!("{}: {error}", log.origin()));
                    course.unread.insert(log.hash());
                }
            }
        }
        course.unread_until = trouble.is_some().then(|| now.after(RECORDS_PAUSE));
        self.shown().unread = trouble;
    }

    /// The newest block that has something of a log, in the records: of the largest size that has one which counts.
    async fn newest_recorded(
        &self,
        log: OriginHash,
        undone: &BTreeSet<BlockHash>,
    ) -> Result<Option<Block>, KeepError> {
        let mut below = None;
        loop {
            let names = |index: &Index| index.newest_blocks(log, &self.plan.name, below);
            let names = self.records.with_index(names);
            let Some((place, _)) = names.first() else {
                return Ok(None);
            };
            below = Some(place.size);
            let mut newest: Option<Block> = None;
            for (place, name) in names {
                let record = self.block(&place, &name).await?;
                let Some(record) = record.filter(|record| self.is_ours(record, undone)) else {
                    continue;
                };
                let block = Block::of(place, &record.block.header, &record.block.transaction);
                newest = newest.into_iter().chain(block).max_by_key(|one| one.time);
            }
            if newest.is_some() {
                return Ok(newest);
            }
        }
    }

    /// Whether a record is of this chain: its name may have been another chain's, and its block may have left this one.
    fn is_ours(&self, record: &BlockRecord, undone: &BTreeSet<BlockHash>) -> bool {
        let block = BlockHash::from_bytes(keccak256(&record.block.header));
        record.block.chain_id == self.plan.sender.identity.chain_id && !undone.contains(&block)
    }

    /// Does what the sender asks for. False if it asks for nothing.
    async fn operate(&self, course: &mut Course) -> bool {
        let Some(operation) = course.sender.poll() else {
            return false;
        };
        let outcome = self.carry_out(operation.request).await;
        course.sender.tick(stamp(self.clock.now()));
        course.sender.complete(operation.id, outcome);
        true
    }

    async fn carry_out(&self, request: Request) -> Outcome {
        match request {
            Request::FetchState => self.records.sent().await,
            Request::ReplaceState { old, new } => {
                self.records.replace_sent(old.as_ref(), new).await
            }
            Request::StoreRecord(anchored) => self.store(&anchored).await,
            Request::Chain(request) => Outcome::Chain(self.plan.ask(request).await),
        }
    }

    async fn store(&self, anchored: &Anchored) -> Outcome {
        let (chain, chain_id) = (&self.plan.name, self.plan.sender.identity.chain_id);
        let now = self.clock.now();
        let kept = unbroken(keep::keep(&self.records, chain, chain_id, anchored, now)).await;
        match kept {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(trouble)) => trouble.outcome(),
            Err(broke) => Outcome::Unknown(broke.to_string()),
        }
    }

    /// Tells what happened, and shows where things stand.
    fn show(&self, course: &mut Course, now: Moment) {
        let was_low = self.shown().is_low();
        let is_kept = |place: &Place| {
            let names = |index: &Index| index.blocks(place, &self.plan.name);
            !self.records.with_index(names).is_empty()
        };
        while let Some(event) = course.sender.poll_event() {
            let mut shown = self.shown();
            let lost = match &event {
                Event::Recorded(anchored) => shown.recorded(anchored, is_kept),
                _ => None,
            };
            let word = if let Some(lost) = lost {
                events::log_lost(&self.plan.name, lost);
                Some(events::LOST)
            } else {
                events::log(&self.plan.name, &event);
                events::word(&event)
            };
            if let Some(word) = word {
                *shown.events.entry(word).or_default() += 1;
            }
        }
        let mut shown = self.shown();
        let next = course.slots.wake_at(now);
        (shown.next, shown.sender) = (Some(next), Some(course.sender.status()));
        if shown.is_low() && !was_low {
            tracing::warn!(
                chain = %self.plan.name, account = %shown.account,
                "the balance lasts for less than {} days at the present spending: send the account some",
                shown.alarm_days
            );
        }
    }
}

impl Course {
    /// When it is to be gone on with, if nothing else happens before, and no round is to be offered.
    fn wake(&self) -> Option<Moment> {
        let sender = self.sender.next_wakeup();
        let sender = sender.map(|at| Moment::from_millis(at.as_millis()));
        [sender, self.unread_until].into_iter().flatten().min()
    }

    /// When it is to be gone on with, if nothing else happens before.
    fn wake_at(&self, now: Moment) -> Moment {
        let slots = self.slots.wake_at(now);
        self.wake().map_or(slots, |wake| wake.min(slots))
    }
}

impl Status {
    /// A round is recorded, but for checkpoints that were lost. Gives it if they all were: then nothing is recorded.
    fn recorded(&mut self, anchored: &Anchored, is_kept: impl Fn(&Place) -> bool) -> Option<&Lost> {
        let (captured, places) = (&anchored.captured, anchored.offer.members.iter());
        let (kept, lost): (Vec<Place>, Vec<Place>) = places.map(keep::place).partition(is_kept);
        self.lost = kept.is_empty().then_some(Lost {
            block: anchored.inclusion.block,
            transaction: anchored.transaction,
            checkpoints: lost,
        });
        for place in kept {
            let block = Block::of(place, &captured.header, &captured.transaction);
            let log = self.logs.iter_mut().find(|log| log.hash == place.origin);
            if let (Some(log), Some(block)) = (log, block) {
                log.newest = Some(block);
            }
        }
        self.lost.as_ref()
    }
}

fn stamp(now: Moment) -> Timestamp {
    Timestamp::from_millis(now.millis())
}

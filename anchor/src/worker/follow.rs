//! Carrying out the schedule of one log.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_tiles::checkpoint::WitnessedCheckpoint;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::round::{Counted, RoundData, authorities, when};
use super::stamp::{Anchored, LookTrouble, StampTrouble};
use super::status::Newest;
use super::{Desk, Inner, LogPlan, seed, unbroken};
use crate::moment::Moment;
use crate::public_url::public_url;
use crate::records::KeepError;
use crate::schedule::{
    Authority, Decision, Fetched, Operation, Progress, Resumed, RoundId, Schedule, Tree,
};
use crate::state::State;

/// The longest that the worker sleeps: a machine that was suspended, or a clock that was set, is noticed by then.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How long after records could not be read they are read again.
const RECORDS_PAUSE: Duration = Duration::from_secs(10);

/// What came of an operation.
enum Ended {
    Looked(Result<WitnessedCheckpoint, LookTrouble>),
    Stamped {
        round: RoundId,
        authority: Authority,
        result: Result<Anchored, StampTrouble>,
    },
}

/// A log while it is followed.
struct Course<'a> {
    inner: &'a Arc<Inner>,
    plan: &'a LogPlan,
    desk: &'a Desk,
    log: usize,
    schedule: Schedule,
    /// The newest round.
    round: Option<(RoundId, Arc<RoundData>)>,
    running: JoinSet<Ended>,
}

impl Inner {
    /// Follows a log until it is told to stop.
    pub(super) async fn follow(self: Arc<Self>, log: usize, mut stop: watch::Receiver<bool>) {
        let (Some(plan), Some(desk)) = (self.plan.logs.get(log), self.desks.get(log)) else {
            return;
        };
        let mut course = loop {
            match Course::start(&self, plan, desk, log).await {
                Ok(course) => break course,
                Err(error) => {
                    tracing::error!(
                        origin = %plan.followed.origin(), %error,
                        "the records of this log cannot be read, and nothing of it is anchored; they are read again in {} s",
                        RECORDS_PAUSE.as_secs()
                    );
                    desk.status().unread = Some(error.to_string());
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(RECORDS_PAUSE) => {}
            }
        };
        loop {
            course.begin_operations();
            let now = self.plan.clock.now();
            let wake = course.schedule.wake_at(now);
            let sleep = wake.map_or(LONGEST_SLEEP, |at| at.since(now).min(LONGEST_SLEEP));
            let mut recounts = false;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = desk.wanted.notified() => course.schedule.want(),
                () = desk.recount.notified() => recounts = true,
                () = tokio::time::sleep(sleep) => {}
                Some(ended) = course.running.join_next() => course.take(ended),
            }
            if recounts {
                course.recount().await;
            }
        }
        while let Some(ended) = course.running.join_next().await {
            course.take(ended);
        }
    }
}

impl<'a> Course<'a> {
    async fn start(
        inner: &'a Arc<Inner>,
        plan: &'a LogPlan,
        desk: &'a Desk,
        log: usize,
    ) -> Result<Self, KeepError> {
        let records = &inner.records;
        let state = records.state(plan.followed.hash()).await?;
        let mut resumed = None;
        let mut round = None;
        let id = RoundId::RESUMED;
        if let Some(state) = state {
            let tokens = records.resume(&state).await?;
            // What an earlier policy admitted is not under this one.
            if plan.followed.verify(state.note().clone()).is_ok() {
                let place = state.place();
                let tree = Tree {
                    size: state.checkpoint().size(),
                    root: *state.checkpoint().root(),
                };
                let mut vouching = Vec::new();
                for (name, record) in tokens {
                    vouching.extend(inner.vouching(&place, &name, record).await);
                }
                let data = RoundData::resumed(state, vouching);
                // Who does not count is asked again.
                let counted = inner.counted(&data);
                let counted = counted.iter().map(|one| (one.authority, one.by)).collect();
                resumed = Some(Resumed { tree, counted });
                round = Some((id, Arc::new(data)));
            }
        }
        let newest = inner.newest(plan).await;
        {
            let mut status = desk.status();
            status.shows(newest);
            status.unread = None;
        }
        let course = Self {
            inner,
            plan,
            desk,
            log,
            schedule: Schedule::new(plan.options, seed(plan.followed.origin().as_str()), resumed),
            round,
            running: JoinSet::new(),
        };
        Ok(course)
    }

    fn begin_operations(&mut self) {
        let now = self.inner.plan.clock.now();
        while let Some(operation) = self.schedule.poll(now) {
            let (inner, log) = (Arc::clone(self.inner), self.log);
            match operation {
                Operation::Fetch => {
                    self.running.spawn(async move {
                        let looked = unbroken(async {
                            match (inner.plan.logs.get(log), inner.desks.get(log)) {
                                (Some(plan), Some(desk)) => inner.look(plan, desk).await,
                                _ => unreachable!("a course is of a log of the plan"),
                            }
                        });
                        Ended::Looked(looked.await.unwrap_or_else(|broke| Err(broke.into())))
                    });
                }
                Operation::Stamp { round, authority } => {
                    let Some((_, data)) = self.round.as_ref().filter(|(id, _)| *id == round) else {
                        continue;
                    };
                    let data = Arc::clone(data);
                    self.running.spawn(async move {
                        let stamped = unbroken(async {
                            match inner.plan.logs.get(log) {
                                Some(plan) => inner.stamp(plan, &data, authority).await,
                                None => unreachable!("a course is of a log of the plan"),
                            }
                        });
                        Ended::Stamped {
                            round,
                            authority,
                            result: stamped.await.unwrap_or_else(|broke| Err(broke.into())),
                        }
                    });
                }
            }
        }
        self.show();
    }

    fn take(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let now = self.inner.plan.clock.now();
        match ended {
            Ok(Ended::Looked(looked)) => self.looked(now, looked),
            Ok(Ended::Stamped {
                round,
                authority,
                result,
            }) => self.stamped(now, round, authority, result),
            // Nobody cancels one, and one that breaks says so by its end.
            Err(error) => {
                tracing::error!(origin = %self.plan.followed.origin(), %error, "an operation vanished");
            }
        }
        self.show();
    }

    fn looked(&mut self, now: Moment, looked: Result<WitnessedCheckpoint, LookTrouble>) {
        let origin = self.plan.followed.origin();
        let witnessed = match looked {
            Ok(witnessed) => witnessed,
            Err(trouble) => {
                let new = self.desk.status().looked(now, Err(&trouble));
                let url = public_url(self.plan.followed.url());
                if trouble.is_passing() && matches!(trouble, LookTrouble::Log(_)) {
                    if new {
                        tracing::warn!(%origin, %url, "nothing can be anchored: {trouble}");
                    }
                } else {
                    tracing::error!(%origin, %url, "{trouble}");
                }
                let fetched = if trouble.is_passing() {
                    Fetched::Failed
                } else if trouble.is_fork() {
                    Fetched::Forked
                } else {
                    Fetched::Refused
                };
                self.schedule.fetched(now, fetched);
                return;
            }
        };
        let checkpoint = witnessed.checkpoint();
        let size = checkpoint.size();
        if self.desk.status().looked(now, Ok(size)) {
            tracing::info!(%origin, %size, "the log can be anchored again");
        }
        let tree = Tree {
            size,
            root: *checkpoint.root(),
        };
        match self.schedule.fetched(now, Fetched::Tree(tree)) {
            Decision::Begin(id) => {
                tracing::info!(%origin, %size, "a round begins");
                self.round = Some((id, Arc::new(RoundData::new(&witnessed))));
            }
            Decision::GoOn(_) | Decision::Nothing => {}
        }
    }

    fn stamped(
        &mut self,
        now: Moment,
        round: RoundId,
        authority: Authority,
        result: Result<Anchored, StampTrouble>,
    ) {
        let current = self.round.as_ref().filter(|(id, _)| *id == round);
        let counted = current.map(|(_, data)| self.inner.counted(data));
        let result = match &counted {
            Some(counted) => self.inner.counts(counted, authority, result),
            // The round gave way: it counts for nothing, and is kept.
            None => result,
        };
        self.tell(now, authority, &result);
        if let Err(trouble) = &result {
            let retry_after = match trouble {
                StampTrouble::Authority(error) => error.retry_after,
                StampTrouble::Keep(_) | StampTrouble::Broke(_) => None,
            };
            self.schedule.failed(now, round, authority, retry_after);
        }
        if let Some(counted) = counted {
            self.count(now, round, &counted);
        }
    }

    /// Tells what came of asking an authority.
    fn tell(&self, now: Moment, authority: Authority, result: &Result<Anchored, StampTrouble>) {
        let origin = self.plan.followed.origin();
        let told = match result {
            Ok(_) => Ok(()),
            Err(trouble) => Err((trouble.word(), trouble.to_string())),
        };
        let mut status = self.desk.status();
        let Some(seat) = status.authorities.get_mut(authority.index()) else {
            return;
        };
        let new = seat.answered(now, told);
        let name = seat.name.clone();
        drop(status);
        match result {
            Ok(anchored) => {
                let Anchored {
                    place, gen_time, ..
                } = anchored;
                let (size, back) = (place.size, if new { ", and counts again" } else { "" });
                tracing::info!(%origin, authority = %name, %size, %gen_time, "anchored{back}");
            }
            Err(trouble) if new => tracing::warn!(
                %origin, authority = %name,
                "no token counted ({trouble}); the authority is asked again, and the others are not kept from counting"
            ),
            Err(_) => {}
        }
    }

    /// Says who counts in a round.
    fn count(&mut self, now: Moment, round: RoundId, counted: &[Counted]) {
        let progress = self.schedule.counted(now, round, &authorities(counted));
        let (origin, required) = (self.plan.followed.origin(), self.plan.options.required());
        match progress {
            Progress::Late | Progress::Same => {}
            Progress::Done => {
                let state = self.round.as_ref().and_then(|(_, data)| data.begun.get());
                let Some(place) = state.map(State::place) else {
                    return;
                };
                let time = when(counted, required).unwrap_or(now);
                let mut status = self.desk.status();
                status.rounds += 1;
                status.shows(Some(Newest { place, time }));
                tracing::info!(
                    %origin, size = %place.size,
                    "the round is done: {required} of {} authorities vouch for this tree", self.inner.plan.authorities.len()
                );
            }
            Progress::Undone => tracing::error!(
                %origin,
                "the round is not done any more: {required} authorities are required, and {} count; the others are asked again",
                counted.len()
            ),
        }
    }

    /// Says again who counts, for a token has fallen, or counts again; and which anchor is the newest.
    async fn recount(&mut self) {
        let now = self.inner.plan.clock.now();
        if let Some((id, data)) = &self.round {
            let (id, counted) = (*id, self.inner.counted(data));
            self.count(now, id, &counted);
        }
        let newest = self.inner.newest(self.plan).await;
        self.desk.status().shows(newest);
        self.show();
    }

    /// Shows where the schedule is.
    fn show(&self) {
        let mut status = self.desk.status();
        for (index, authority) in status.authorities.iter_mut().enumerate() {
            authority.standing = self.schedule.standing(Authority::new(index));
        }
        status.next = self.schedule.next_look(self.inner.plan.clock.now());
    }
}

//! Carrying out the schedule of one log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_tiles::checkpoint::WitnessedCheckpoint;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::newest::{Counting, independent, when};
use super::stamp::{Anchored, LookTrouble, RoundData, StampTrouble};
use super::status::Newest;
use super::{Desk, Inner, LogPlan, seed, unbroken};
use crate::moment::Moment;
use crate::names::Place;
use crate::public_url::public_url;
use crate::records::KeepError;
use crate::schedule::{
    Authority, Decision, Fetched, Operation, Progress, Resumed, RoundId, Schedule, Stamped, Tree,
};

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
    /// The times of its tokens.
    times: HashMap<Authority, Moment>,
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
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = desk.wanted.notified() => course.schedule.want(),
                () = tokio::time::sleep(sleep) => {}
                Some(ended) = course.running.join_next() => course.take(ended),
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
        let mut times = HashMap::new();
        let id = RoundId::RESUMED;
        if let Some(state) = state {
            let tokens = records.resume(&state).await?;
            // What an earlier policy admitted is not under this one.
            if plan.followed.verify(state.note().clone()).is_ok() {
                let place = state.place();
                let mut counted: HashMap<Authority, Counting> = HashMap::new();
                for (name, record) in &tokens {
                    if let Some(one) = inner.counting(&place, name, record).await {
                        counted.insert(one.authority, one);
                    }
                }
                // Who does not count is asked again.
                let counted = independent(counted.into_values().collect());
                times = counted
                    .iter()
                    .map(|one| (one.authority, one.token.gen_time))
                    .collect();
                resumed = Some(Resumed {
                    tree: Tree {
                        size: state.checkpoint().size(),
                        root: *state.checkpoint().root(),
                    },
                    counted: counted
                        .iter()
                        .map(|one| (one.authority, one.received))
                        .collect(),
                });
                let data = RoundData::resumed(state, inner.claims(&counted));
                round = Some((id, Arc::new(data)));
            }
        }
        let newest = inner.newest(plan).await;
        {
            let mut status = desk.status();
            (status.newest, status.unread) = (newest, None);
        }
        let course = Self {
            inner,
            plan,
            desk,
            log,
            schedule: Schedule::new(plan.options, seed(plan.followed.origin().as_str()), resumed),
            round,
            times,
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
                            let plan = inner.plan.logs.get(log);
                            let tsa = inner.plan.authorities.get(authority.index());
                            match (plan, tsa) {
                                (Some(plan), Some(tsa)) => inner.stamp(plan, &data, tsa).await,
                                _ => unreachable!("a schedule speaks of the plan's authorities"),
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
            }) => self.stamped(now, round, authority, &result),
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
                self.times.clear();
            }
            Decision::GoOn(_) | Decision::Nothing => {}
        }
    }

    fn stamped(
        &mut self,
        now: Moment,
        round: RoundId,
        authority: Authority,
        result: &Result<Anchored, StampTrouble>,
    ) {
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
        let stamped = match result {
            Ok(anchored) => {
                let Anchored {
                    place, gen_time, ..
                } = anchored;
                let (size, back) = (place.size, if new { ", and counts again" } else { "" });
                tracing::info!(%origin, authority = %name, %size, %gen_time, "anchored{back}");
                Stamped::Counted
            }
            Err(trouble) => {
                if new {
                    tracing::warn!(
                        %origin, authority = %name,
                        "no token counted ({trouble}); the authority is asked again, and the others are not kept from counting"
                    );
                }
                let retry_after = match trouble {
                    StampTrouble::Authority(error) => error.retry_after,
                    StampTrouble::Keep(_) | StampTrouble::Broke(_) => None,
                };
                Stamped::Failed { retry_after }
            }
        };
        let progress = self.schedule.stamped(now, round, authority, stamped);
        if let (Ok(anchored), Progress::Same | Progress::Done) = (result, progress) {
            self.times.insert(authority, anchored.gen_time);
            if progress == Progress::Done {
                self.done(now, anchored.place);
            }
        }
    }

    fn done(&self, now: Moment, place: Place) {
        let required = self.plan.options.required();
        let time = when(self.times.values().copied(), required).unwrap_or(now);
        let mut status = self.desk.status();
        status.rounds += 1;
        status.newest = Some(Newest { place, time });
        tracing::info!(
            origin = %self.plan.followed.origin(), size = %place.size,
            "the round is done: {required} of {} authorities vouch for this tree", self.inner.plan.authorities.len()
        );
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

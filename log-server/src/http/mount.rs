//! One log under its prefix: what requests for it are answered from.

use std::num::NonZero;
use std::sync::Arc;

use counterfoil_evidence::format::MAX_EVIDENCE_SIZE;
use counterfoil_service::config::ClientShare;
use counterfoil_service::lent::Lender;
use counterfoil_service::room::Room;
use counterfoil_service::source::Source;
use tokio::sync::Semaphore;

use super::fields::Fields;
use super::pages::Pages;
use super::problem::Problem;
use super::squeeze::Squeezed;
use crate::anchors::{Anchors, AnchorsError};
use crate::auth::{Access, Anonymous, Auth, Peer};
use crate::config::{Config, LogConfig, ReadMode};
use crate::log::Log;
use crate::metrics::{Counted, Requests};

/// Memory for all evidence that is being read.
const ROOM: usize = 256 << 20;

/// What of it one client may have: the largest file.
const SHARE: usize = MAX_EVIDENCE_SIZE;

/// Requests for evidence of one client that are answered, or wait for that, at once: half of what waits for one log.
pub(super) const AT_ONCE: usize = 16;

/// One log under its prefix.
pub(crate) struct Mount {
    /// Without the slash at its end, so that `/` is empty.
    pub(super) prefix: String,
    pub(super) log: Arc<dyn Log>,
    pub(super) auth: Arc<Auth>,
    anonymous: Anonymous,
    pub(super) read: ReadMode,
    pub(super) max_entry_bytes: usize,
    pub(super) max_batch_bytes: usize,
    pub(super) max_batch_entries: usize,
    pub(super) requests: Arc<Requests>,
    pub(super) squeezed: Squeezed,
    /// None where the configuration names none.
    pub(super) anchors: Option<Arc<Anchors>>,
    /// None where the configuration switches them off.
    pub(super) pages: Option<Arc<Pages>>,
    pub(super) evidence_room: Lender<Source>,
    /// Requests, not bytes.
    pub(super) evidence_requests: Room<Source>,
}

/// What evidence may take of a server, for all its logs together.
pub(super) struct EvidenceRoom {
    /// Threads that judge what anchors show.
    judging: Arc<Semaphore>,
    /// Memory of answers that are being read.
    answers: Lender<Source>,
    requests: Room<Source>,
}

impl EvidenceRoom {
    /// Half of the processors, so that the others stay for what is asked for often.
    pub(super) fn new(share: ClientShare) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            judging: Arc::new(Semaphore::new(processors.div_ceil(2))),
            answers: Lender::new(Room::new(ROOM, share.of(ROOM, SHARE))),
            requests: Room::new(usize::MAX, share.of(usize::MAX, AT_ONCE)),
        }
    }
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = self.log.origin();
        f.debug_struct("Mount")
            .field("origin", &origin)
            .finish_non_exhaustive()
    }
}

impl Mount {
    pub(super) fn new(
        config: &Config,
        log_config: &LogConfig,
        log: Arc<dyn Log>,
        auth: Arc<Auth>,
        pages: &Arc<Pages>,
        room: &EvidenceRoom,
    ) -> Result<Self, AnchorsError> {
        let anchors = match log_config.anchors.as_slice() {
            [] => None,
            urls => {
                let deadline = config.front.request_deadline;
                let anchors = Anchors::new(&log_config.origin, urls, deadline, &room.judging)?;
                Some(Arc::new(anchors))
            }
        };
        let anonymous = if log_config.anyone_may_write {
            Anonymous::Anybody
        } else if config.has_credentials_for(&log_config.origin) {
            Anonymous::Nobody
        } else {
            Anonymous::Loopback
        };
        Ok(Self {
            prefix: log_config.prefix.trim_end_matches('/').to_owned(),
            log,
            auth,
            anonymous,
            read: log_config.read,
            max_entry_bytes: log_config.max_entry_bytes,
            max_batch_bytes: log_config.max_batch_bytes,
            max_batch_entries: log_config.max_batch_entries,
            requests: Arc::default(),
            squeezed: Squeezed::default(),
            anchors,
            pages: log_config.pages.then(|| Arc::clone(pages)),
            evidence_room: room.answers.clone(),
            evidence_requests: room.requests.clone(),
        })
    }

    /// What its metrics are of.
    pub(super) fn counted(&self) -> Counted {
        Counted {
            log: Arc::clone(&self.log),
            requests: Arc::clone(&self.requests),
            anchors: self.anchors.clone(),
        }
    }

    pub(super) fn access(&self) -> Access<'_> {
        Access {
            log: self.log.origin(),
            anonymous: self.anonymous,
        }
    }

    /// Whether a request may read what can hold contents.
    pub(super) fn check_read(&self, peer: Peer, fields: &Fields<'_>) -> Result<(), Problem> {
        match self.read {
            ReadMode::Public => Ok(()),
            ReadMode::Token => self.auth.read(self.access(), peer, fields),
        }
    }

    /// The path below the prefix, with its first slash.
    pub(super) fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(self.prefix.as_str())? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn behind_a_proxy_one_address_may_have_all() {
        let room = |share| EvidenceRoom::new(share).requests;
        let (part, all) = (room(ClientShare::Part), room(ClientShare::All));
        assert!(part.try_take(&Source::UNKNOWN, AT_ONCE).is_ok());
        assert!(part.try_take(&Source::UNKNOWN, AT_ONCE + 1).is_err());
        assert!(all.try_take(&Source::UNKNOWN, AT_ONCE + 1).is_ok());
    }

    #[tokio::test]
    async fn of_the_memory_for_answers_as_well() {
        let lend = |share| {
            let bytes = Bytes::from(vec![0; SHARE + 1]);
            EvidenceRoom::new(share)
                .answers
                .lend(&Source::UNKNOWN, bytes)
        };
        assert!(lend(ClientShare::Part).is_err());
        assert!(lend(ClientShare::All).is_ok());
    }
}

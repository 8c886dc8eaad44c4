//! A chain: endpoints that are asked in order, the account's signer, and what is final.

use core::num::NonZeroU64;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use counterfoil_ethereum::{Address, TransactionHash};
use counterfoil_ethereum_sender::chain::{
    Anchor, Block, Captured, ChainOutcome, ChainRequest, Identity, Sent, Whereabouts,
};
use counterfoil_service::client::{CallError, Client, ClientOptions};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::account::{self, Standing, standing};
use crate::agree::{self, Agreed, Hearing, Name, Word};
use crate::block::{self, SeenHeader, header_at, newest};
use crate::capture::judge;
use crate::endpoint::Endpoint;
use crate::failover::{Asked, EndpointStatus, Roster};
use crate::fault::{Failures, Fault};
use crate::head::Head;
use crate::nonce;
use crate::observe::{Memory, Proven, Said, is_still, observation, place, prove, receipt, stands};
use crate::send::{is_refusal, send};
use crate::session::Session;
use crate::signer::Signer;

/// The most endpoints. A few are for failing over; more would only make a request last longer where none answers.
pub const MAX_ENDPOINTS: usize = 16;

/// Whether blocks can be recomputed is tried so far below the newest, of which not all that stands behind an endpoint has the receipts yet.
const SETTLED: u64 = 2;

/// Which blocks are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// Those that the chain says are: the tag `finalized`.
    Tag,
    /// Those so many below the head, on chains without the tag.
    Confirmations(NonZeroU64),
}

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the chain is reached, in the order of preference.
    pub endpoints: Vec<Endpoint>,
    /// Which chain it is.
    pub chain_id: u64,
    /// Which blocks are final.
    pub finality: Finality,
    /// An endpoint whose newest block is older, or so much of the future (or five minutes), is of no use. None: whatever its age.
    pub max_head_age: Option<Duration>,
    /// Nor is one whose newest block is older by so much than that of another endpoint.
    pub max_lag: Duration,
    /// How long a call may take; a request at one endpoint takes several, and at most six times as long.
    pub timeout: Duration,
    /// Root certificates (PEM) that are trusted besides the system's; may be empty.
    pub roots: Vec<u8>,
}

impl Settings {
    /// With the chain's own tag, newest blocks of the last five minutes that are no minute behind another's, ten seconds a call, and the
    /// system's roots.
    pub fn new(endpoints: Vec<Endpoint>, chain_id: u64) -> Self {
        Self {
            endpoints,
            chain_id,
            finality: Finality::Tag,
            max_head_age: Some(Duration::from_mins(5)),
            max_lag: Duration::from_mins(1),
            timeout: Duration::from_secs(10),
            roots: Vec::new(),
        }
    }
}

/// There is no chain with these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// None, or too many endpoints.
    #[error("expected 1 to {MAX_ENDPOINTS} endpoints, found {0}")]
    Endpoints(usize),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] CallError),
}

/// Carries out what a sender asks of its chain.
#[derive(Debug)]
pub struct Chain {
    settings: Settings,
    signer: Signer,
    client: Client,
    roster: Mutex<Roster>,
    memory: Mutex<Memory>,
    agreed: Mutex<Agreed>,
}

impl Chain {
    /// A chain; nothing is asked yet.
    pub fn new(settings: Settings, signer: Signer) -> Result<Self, ChainError> {
        let count = settings.endpoints.len();
        if count == 0 || count > MAX_ENDPOINTS {
            return Err(ChainError::Endpoints(count));
        }
        let client = Client::new(&ClientOptions {
            connect_deadline: settings
                .timeout
                .min(ClientOptions::default().connect_deadline),
            roots: settings.roots.clone(),
            ..ClientOptions::default()
        })?;
        Ok(Self {
            roster: Mutex::new(Roster::new(count)),
            memory: Mutex::default(),
            agreed: Mutex::default(),
            settings,
            signer,
            client,
        })
    }

    /// The account whose key signs.
    pub fn account(&self) -> Address {
        self.signer.account()
    }

    /// How each endpoint does, in the configured order.
    pub fn endpoints_status(&self) -> Vec<EndpointStatus> {
        let names = self.settings.endpoints.iter().map(ToString::to_string);
        locked(&self.roster).status(names, Instant::now())
    }

    /// Carries out a request, at the first endpoint that is of use; a round ends in no block that another one contradicts. Dropping the
    /// future gives it up: of sending, nobody then knows.
    pub async fn carry_out(&self, request: ChainRequest) -> ChainOutcome {
        if let ChainRequest::Sign(unsigned) = request {
            let signed = self
                .signer
                .sign(&unsigned, &self.client, self.settings.timeout);
            return match signed.await {
                Ok(bytes) => ChainOutcome::Signed(bytes),
                Err(error) => ChainOutcome::NotDone(error.to_string()),
            };
        }
        if matches!(
            request,
            ChainRequest::ReadAccount(_) | ChainRequest::Observe { .. }
        ) {
            self.look_around().await;
        }
        let mut failures = Failures::default();
        let places = locked(&self.roster).order(Instant::now());
        for place in places {
            let Some(endpoint) = self.settings.endpoints.get(place) else {
                continue;
            };
            let asked = self.ask(place, endpoint, &request).await;
            self.tell(place, Asked::Request, asked.as_ref().err());
            match asked {
                Ok(outcome) => {
                    let outcome = failures.over(outcome);
                    self.offer_to_others(place, &request, &outcome).await;
                    return self.unless_contradicted(place, outcome).await;
                }
                Err(fault) => failures.add(endpoint, &fault),
            }
        }
        failures.outcome()
    }

    /// Remembers what came of asking an endpoint.
    fn tell(&self, place: usize, asked: Asked, fault: Option<&Fault>) {
        let (mut roster, wall) = (locked(&self.roster), SystemTime::now());
        match fault {
            None => roster.answered(place, asked, wall),
            Some(fault) => roster.failed(place, fault.to_string(), Instant::now(), wall),
        }
    }

    /// Looks at the newest blocks of all endpoints, if it is time. Each is judged when all are seen.
    async fn look_around(&self) {
        let places = locked(&self.roster).looks(Instant::now());
        let looks = places.into_iter().map(|place| async move {
            let looked = self.look_at(place).await;
            if let Ok(Some(head)) = &looked {
                locked(&self.roster).saw(place, *head);
            }
            (place, looked)
        });
        for (place, looked) in join_all(looks).await {
            let fault = match looked {
                Ok(Some(head)) => self.follows(place, head).err(),
                Ok(None) => None,
                Err(fault) => Some(fault),
            };
            self.tell(place, Asked::Look, fault.as_ref());
        }
    }

    /// Begins a request at the endpoint of this place; none, if there is no such endpoint.
    async fn session(&self, place: usize) -> Result<Option<Session<'_>>, Fault> {
        match self.settings.endpoints.get(place) {
            Some(endpoint) => Ok(Some(self.begin(endpoint).await?)),
            None => Ok(None),
        }
    }

    /// Begins a request at an endpoint, which must be of this chain.
    async fn begin<'a>(&'a self, endpoint: &'a Endpoint) -> Result<Session<'a>, Fault> {
        let session = Session::begin(&self.client, endpoint, self.settings.timeout);
        session.check_chain(self.settings.chain_id).await?;
        Ok(session)
    }

    /// The newest block of an endpoint; none, if there is no such endpoint.
    async fn look_at(&self, place: usize) -> Result<Option<Head>, Fault> {
        let Some(session) = self.session(place).await? else {
            return Ok(None);
        };
        let head = newest(&session).await?;
        Ok(Some(Head::new(&head, SystemTime::now())))
    }

    /// Offers a transaction that one endpoint took to the others as well, since that one may keep it to itself. What they say of it decides
    /// nothing, and that one does not take it is nothing against it.
    async fn offer_to_others(&self, place: usize, request: &ChainRequest, outcome: &ChainOutcome) {
        let (
            ChainRequest::Send { hash, bytes },
            ChainOutcome::Sent(Sent::Accepted | Sent::AlreadyKnown),
        ) = (request, outcome)
        else {
            return;
        };
        let mut others = locked(&self.roster).good(Instant::now());
        others.retain(|other| *other != place);
        let offers = others.into_iter().map(|other| async move {
            let offered = self.offer(other, *hash, bytes).await;
            (other, offered)
        });
        for (other, offered) in join_all(offers).await {
            if let Err(fault) = offered
                && !is_refusal(&fault)
            {
                self.tell(other, Asked::Look, Some(&fault));
            }
        }
    }

    async fn offer(&self, place: usize, hash: TransactionHash, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(session) = self.session(place).await? {
            send(&session, hash, bytes).await?;
        }
        Ok(())
    }

    /// The outcome, unless it is about to end a round in a block that another endpoint contradicts. Who did not show the block before is
    /// asked, but for those that are set aside. Of whom it is that lies nothing is known: nobody is set aside for it.
    async fn unless_contradicted(&self, place: usize, outcome: ChainOutcome) -> ChainOutcome {
        if let ChainOutcome::Observed(observation) = &outcome
            && agree::has_left(observation)
        {
            locked(&self.agreed).forget();
        }
        let Some(end) = agree::end_of(&outcome) else {
            return outcome;
        };
        let mut agreeing = locked(&self.agreed).about(end.block);
        if !agreeing.contains(&place) {
            agreeing.insert(0, place);
        }
        let mut others = locked(&self.roster).good(Instant::now());
        others.retain(|other| !agreeing.contains(other));
        let agreeing = agreeing.into_iter().filter_map(|place| self.name(place));
        let mut hearing = Hearing::new(end, agreeing.collect());
        let asked = others.into_iter().map(|other| async move {
            let word = self.word(other, end.block.number).await;
            (other, word)
        });
        for (other, word) in join_all(asked).await {
            match (self.name(other), word) {
                (Some(name), Ok(Some(word))) => hearing.heard(name, &word),
                (_, Err(fault)) => self.tell(other, Asked::Look, Some(&fault)),
                (_, Ok(None)) | (None, _) => {}
            }
        }
        locked(&self.agreed).keep(end.block, hearing.agreeing());
        hearing.objection().map_or(outcome, ChainOutcome::NotDone)
    }

    /// What another endpoint shows at a number; a fault, if it has no say; none, if there is no such endpoint.
    async fn word(&self, place: usize, number: u64) -> Result<Option<Word>, Fault> {
        let Some(session) = self.session(place).await? else {
            return Ok(None);
        };
        let word = agree::ask(&session, number).await?;
        if let Word::Lacks(newest) = &word {
            self.follows(place, Head::new(newest, SystemTime::now()))?;
        }
        Ok(Some(word))
    }

    fn name(&self, place: usize) -> Option<Name> {
        let endpoint = self.settings.endpoints.get(place)?.to_string();
        Some(Name { endpoint, place })
    }

    /// The endpoint with this newest block follows the chain.
    fn follows(&self, place: usize, head: Head) -> Result<(), Fault> {
        let others = locked(&self.roster).saw(place, head);
        head.check(others, self.settings.max_head_age, self.settings.max_lag)
    }

    /// Whether a transaction in a block like those before this one could be recorded; if not, why.
    async fn is_recordable(
        &self,
        session: &Session<'_>,
        place: usize,
        head: &SeenHeader,
    ) -> Result<Result<(), String>, Fault> {
        if !locked(&self.roster).is_unread(place, Instant::now()) {
            return Ok(Ok(()));
        }
        let number = head.header.number.saturating_sub(SETTLED);
        let block = block::whole(session, number).await?;
        match block::receipts(session, &block).await {
            Ok(_) => {
                locked(&self.roster).read(place, Instant::now());
                Ok(Ok(()))
            }
            Err(Fault::Unknown(why)) => Ok(Err(format!(
                "it would be paid for, and could not be recorded: {why}"
            ))),
            Err(fault) => Err(fault),
        }
    }

    /// One endpoint's answer.
    async fn ask(
        &self,
        place: usize,
        endpoint: &Endpoint,
        request: &ChainRequest,
    ) -> Result<ChainOutcome, Fault> {
        let Settings {
            chain_id, finality, ..
        } = self.settings;
        let account = self.account();
        let session = self.begin(endpoint).await?;
        Ok(match request {
            ChainRequest::ReadAccount(call) => {
                let standing = standing(&session, finality, account).await?;
                self.follows(place, Head::new(&standing.head, SystemTime::now()))?;
                let recordable = self.is_recordable(&session, place, &standing.head).await?;
                let mut read = account::read(&session, standing, account, call).await?;
                if let Err(why) = recordable {
                    read.gas = Err(why);
                }
                ChainOutcome::Account(read)
            }
            ChainRequest::Send { hash, bytes } => {
                let head = newest(&session).await?;
                self.follows(place, Head::new(&head, SystemTime::now()))?;
                ChainOutcome::Sent(send(&session, *hash, bytes).await?)
            }
            ChainRequest::Observe {
                attempts,
                nonce,
                anchored,
            } => {
                let standing = standing(&session, finality, account).await?;
                self.follows(place, Head::new(&standing.head, SystemTime::now()))?;
                self.observe(&session, standing, attempts, *nonce, anchored)
                    .await?
            }
            ChainRequest::FindNonce {
                nonce,
                after,
                until,
                taker,
                not,
            } => {
                let identity = Identity { chain_id, account };
                let found = nonce::find(&session, identity, *nonce, *after, *until, *taker);
                let (transaction, anchor) = found.await?;
                if not.contains(&transaction) {
                    return Err(Fault::Contradiction(format!(
                        "it does not find the transaction {transaction}, which is in its block {}",
                        anchor.block.number
                    )));
                }
                ChainOutcome::NonceUsed {
                    transaction,
                    anchor,
                }
            }
            ChainRequest::Capture { block, transaction } => {
                ChainOutcome::Captured(self.capture(&session, *block, *transaction).await?)
            }
            // It needs no endpoint.
            ChainRequest::Sign(_) => ChainOutcome::NotDone("an endpoint does not sign".to_owned()),
        })
    }

    async fn observe(
        &self,
        session: &Session<'_>,
        standing: Standing,
        attempts: &[TransactionHash],
        nonce: u64,
        anchored: &[Anchor],
    ) -> Result<ChainOutcome, Fault> {
        let mut stand = Vec::new();
        for anchor in anchored {
            stand.push(stands(session, *anchor, &standing).await?);
        }
        let whereabouts = self.places(session, attempts, standing.nonce > nonce);
        let observation = observation(&standing, whereabouts.await?, stand);
        Ok(ChainOutcome::Observed(observation))
    }

    /// Where the transactions of a nonce are. The newest is most often the one that is in the pool or in a block, and is looked for
    /// first; the others only if the nonce is used, and only in blocks, until one is found.
    async fn places(
        &self,
        session: &Session<'_>,
        attempts: &[TransactionHash],
        nonce_is_used: bool,
    ) -> Result<Vec<Whereabouts>, Fault> {
        let mut places = vec![Whereabouts::Absent; attempts.len()];
        let newest = attempts.last();
        for (transaction, found) in attempts.iter().zip(&mut places).rev() {
            let said = if Some(transaction) == newest {
                place(session, *transaction).await?
            } else if nonce_is_used {
                receipt(session, *transaction).await?
            } else {
                break;
            };
            *found = match said {
                Said::Absent => Whereabouts::Absent,
                Said::Pending => Whereabouts::Pending,
                Said::In(block) => {
                    let proven = self.proven(session, *transaction, block).await?;
                    Whereabouts::Included(proven.inclusion)
                }
            };
            if matches!(found, Whereabouts::Included(_)) {
                break;
            }
        }
        Ok(places)
    }

    async fn capture(
        &self,
        session: &Session<'_>,
        block: Block,
        transaction: TransactionHash,
    ) -> Result<Captured, Fault> {
        let Proven { captured, .. } = self.proven(session, transaction, block).await?;
        judge(&captured, block, self.settings.chain_id)?;
        Ok(captured)
    }

    /// What proves that a transaction is in a block, which is the endpoint's at its number now.
    async fn proven(
        &self,
        session: &Session<'_>,
        transaction: TransactionHash,
        block: Block,
    ) -> Result<Proven, Fault> {
        let known = locked(&self.memory).find(transaction, block);
        if let Some(proven) = known {
            is_still(header_at(session, block.number).await?.block(), block)?;
            return Ok(proven);
        }
        let proven = prove(session, transaction, block).await?;
        locked(&self.memory).keep(proven.clone());
        Ok(proven)
    }
}

/// A value that is left whole wherever a holder stops.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

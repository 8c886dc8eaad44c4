//! The text of the register.

use core::fmt::Write as _;
use core::str::FromStr;

use bytes::Bytes;
use counterfoil_ethereum::{Address, TransactionHash};
use counterfoil_tiles::hash::{NodeHash, TreeSize};

use super::{
    Attempt, Ended, Ending, Flight, LastFailure, MAX_ATTEMPTS, MAX_ENDED, MAX_KEPT, MAX_MEMBERS,
    MAX_SPENT, MAX_UNDONE, Spent, State, Undone, call,
};
use crate::chain::{Block, Identity};
use crate::offer::{Member, Offer};
use crate::operation::Failure;
use crate::time::Timestamp;
use crate::transaction::{SignedError, Unsigned};
use crate::wei::{Gas, Wei};

/// The format and its version.
const FORMAT_LINE: &str = "counterfoil/ethereum/1";

/// A register's value is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The first line is another.
    #[error(
        "expected the line `{FORMAT_LINE}`; a newer version of this program may have written it"
    )]
    Format,
    /// A line is not what must stand there.
    #[error("line {line}: expected {expected}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What must stand there.
        expected: &'static str,
    },
    /// A transaction is not what the line says.
    #[error("line {line}: {error}")]
    Attempt {
        /// Its number, from 1.
        line: usize,
        /// Why.
        error: SignedError,
    },
    /// The lines contradict each other, or have another spelling.
    #[error("it contradicts itself: {0}")]
    Inconsistent(&'static str),
}

impl State {
    /// The value of the register.
    pub fn encode(&self) -> Bytes {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text.into()
    }

    fn write(&self, text: &mut String) -> core::fmt::Result {
        let Identity { chain_id, account } = self.identity;
        writeln!(text, "{FORMAT_LINE}")?;
        writeln!(text, "generation {}", self.generation)?;
        writeln!(text, "chain {chain_id}")?;
        writeln!(text, "account {account}")?;
        writeln!(text, "next-nonce {}", self.next_nonce)?;
        for Spent { at, cost } in &self.spent {
            writeln!(text, "spent {} {}", at.as_millis(), cost.get())?;
        }
        for root in &self.ended {
            writeln!(text, "ended {}", hex::encode(root.as_bytes()))?;
        }
        for undone in &self.undone {
            let Undone {
                at,
                block: Block { number, hash },
                transaction,
            } = undone;
            let at = at.as_millis();
            writeln!(text, "undone {at} {number} {hash} {transaction}")?;
        }
        if let Some(LastFailure { at, root, failure }) = &self.last_failure {
            write!(
                text,
                "failure {} {} ",
                at.as_millis(),
                hex::encode(root.as_bytes())
            )?;
            match failure {
                Failure::NonceTaken { nonce, transaction } => {
                    writeln!(text, "nonce-taken {nonce} {transaction}")?;
                }
                Failure::Reverted { transaction } => writeln!(text, "reverted {transaction}")?,
                Failure::Paid { nonce, transaction } => {
                    writeln!(text, "paid {nonce} {transaction}")?;
                }
                Failure::Untimely {
                    transaction,
                    block: Block { number, hash },
                    time,
                    signed,
                } => {
                    let (time, signed) = (time.as_millis(), signed.as_millis());
                    writeln!(
                        text,
                        "untimely {transaction} {number} {hash} {time} {signed}"
                    )?;
                }
            }
        }
        self.rounds.iter().try_for_each(|round| round.write(text))
    }

    /// Reads the value of the register.
    pub fn parse(bytes: &[u8]) -> Result<Self, StateError> {
        let text = str::from_utf8(bytes).map_err(|_| StateError::Format)?;
        let mut lines = Lines::new(text);
        if lines.next("") != Some(FORMAT_LINE) {
            return Err(StateError::Format);
        }
        let mut state = Self {
            generation: lines.one("generation ", "the generation")?,
            identity: Identity {
                chain_id: lines.one("chain ", "the chain id")?,
                account: lines.one("account ", "the account")?,
            },
            next_nonce: lines.one("next-nonce ", "the next nonce")?,
            spent: lines.all("spent ", MAX_SPENT, spent)?,
            ended: lines.all("ended ", MAX_ENDED, |fields, _| {
                fields.root("the root of a round that ended")
            })?,
            undone: lines.all("undone ", MAX_UNDONE, undone)?,
            last_failure: lines.all("failure ", 1, last_failure)?.pop(),
            rounds: Vec::new(),
        };
        while let Some(round) = Flight::parse(&mut lines, state.identity.chain_id)? {
            state.add(round)?;
        }
        state.check_open()?;
        if state.encode() != bytes {
            return Err(StateError::Inconsistent(
                "a line too many, or a fact in another spelling",
            ));
        }
        Ok(state)
    }

    /// Adds a round that fits behind the others.
    fn add(&mut self, round: Flight) -> Result<(), StateError> {
        let wrong = |what| Err(StateError::Inconsistent(what));
        if self.rounds.len() > MAX_KEPT {
            return wrong("more rounds than are kept");
        }
        let last = self.rounds.last();
        if last.is_some_and(|last| last.nonce >= round.nonce) {
            return wrong("the rounds are not in the order of their nonces");
        }
        if round.ended.is_some() && round.taker.is_some() {
            return wrong("a round has ended, and its nonce is another's");
        }
        if round.ended.is_some() && round.nonce >= self.next_nonce {
            return wrong("the nonce of a round that ended is not used up");
        }
        self.rounds.push(round);
        Ok(())
    }

    /// The rounds on their way fit those that ended.
    fn check_open(&self) -> Result<(), StateError> {
        let wrong = |what| Err(StateError::Inconsistent(what));
        let mut is_last = true;
        for round in self.rounds.iter().rev() {
            if round.ended.is_some() {
                is_last = false;
                continue;
            }
            if is_last && round.nonce < self.next_nonce {
                return wrong("the round's nonce is used up");
            }
            if self.ended.contains(&round.offer.root) && self.twin(round).is_none() {
                return wrong("the round has ended already");
            }
        }
        Ok(())
    }
}

impl Flight {
    fn write(&self, text: &mut String) -> core::fmt::Result {
        let Self {
            offer,
            nonce,
            unused_in,
            attempts,
            taker,
            ended,
        } = self;
        let to = attempts.first().map(|attempt| attempt.unsigned.call.to);
        let to = to.unwrap_or(Address::from_bytes([0; 20]));
        let root = hex::encode(offer.root.as_bytes());
        writeln!(text, "round {root} {nonce} {unused_in} {to}")?;
        for member in &offer.members {
            let Member { origin, size, .. } = member;
            let checkpoint = hex::encode(member.checkpoint);
            let leaf = hex::encode(member.leaf.as_bytes());
            writeln!(text, "member {origin} {} {checkpoint} {leaf}", size.get())?;
        }
        for attempt in attempts {
            let (at, signed) = (attempt.at.as_millis(), hex::encode(&attempt.signed));
            let Unsigned {
                max_fee,
                max_priority_fee,
                gas_limit,
                ..
            } = attempt.unsigned;
            let (most, tip, gas) = (max_fee.get(), max_priority_fee.get(), gas_limit.get());
            writeln!(text, "attempt {at} {most} {tip} {gas} {signed}")?;
        }
        if let Some(taker) = taker {
            writeln!(text, "taker {taker}")?;
        }
        let Some(ended) = ended else {
            return Ok(());
        };
        let Ended {
            at,
            ending,
            block: Block { number, hash },
            time,
            transaction,
            cost,
        } = ended;
        let ending = match ending {
            Ending::Recorded => "recorded",
            Ending::Reverted => "reverted",
            Ending::Untimely => "untimely",
            Ending::Taken => "taken",
        };
        let (at, time, cost) = (at.as_millis(), time.as_millis(), cost.get());
        writeln!(
            text,
            "final {at} {ending} {number} {hash} {time} {transaction} {cost}"
        )
    }

    fn parse(lines: &mut Lines<'_>, chain_id: u64) -> Result<Option<Self>, StateError> {
        let round = |fields: &mut Fields<'_>, _| {
            let root = fields.root("the root of the round")?;
            let nonce = fields.one("its nonce")?;
            let unused_in = fields.one("a block in which the nonce is unused")?;
            Ok((
                root,
                nonce,
                unused_in,
                fields.one::<Address>("where it goes")?,
            ))
        };
        let Some((root, nonce, unused_in, to)) = lines.all("round ", 1, round)?.pop() else {
            return Ok(None);
        };
        let members = lines.all("member ", MAX_MEMBERS, member)?;
        let attempts = lines.all("attempt ", MAX_ATTEMPTS, |fields, line| {
            let at = Timestamp::from_millis(fields.one("the time of an attempt")?);
            let unsigned = Unsigned {
                chain_id,
                nonce,
                max_fee: Wei::new(fields.one("its fee")?),
                max_priority_fee: Wei::new(fields.one("its priority fee")?),
                gas_limit: Gas::new(fields.one("its gas limit")?),
                call: call(root, to),
            };
            let signed = fields.bytes("its bytes")?;
            let hash = unsigned.hash_signed(&signed);
            let hash = hash.map_err(|error| StateError::Attempt { line, error })?;
            Ok(Attempt {
                at,
                unsigned,
                signed,
                hash,
            })
        })?;
        if members.is_empty() || attempts.is_empty() {
            return Err(StateError::Inconsistent(
                "a round without checkpoints or transactions",
            ));
        }
        Ok(Some(Self {
            offer: Offer { root, members },
            nonce,
            unused_in,
            attempts,
            taker: lines.all("taker ", 1, taker)?.pop(),
            ended: lines.all("final ", 1, ended)?.pop(),
        }))
    }
}

fn spent(fields: &mut Fields<'_>, _: usize) -> Result<Spent, StateError> {
    Ok(Spent {
        at: Timestamp::from_millis(fields.one("when a round ended")?),
        cost: Wei::new(fields.one("what it cost")?),
    })
}

fn taker(fields: &mut Fields<'_>, _: usize) -> Result<TransactionHash, StateError> {
    fields.one("the transaction that had the nonce")
}

fn ended(fields: &mut Fields<'_>, _: usize) -> Result<Ended, StateError> {
    let at = Timestamp::from_millis(fields.one("when a round ended")?);
    let ending = match fields.word() {
        Some("recorded") => Ending::Recorded,
        Some("reverted") => Ending::Reverted,
        Some("untimely") => Ending::Untimely,
        Some("taken") => Ending::Taken,
        _ => return Err(fields.expected("`recorded`, `reverted`, `untimely` or `taken`")),
    };
    Ok(Ended {
        at,
        ending,
        block: fields.block()?,
        time: Timestamp::from_millis(fields.one("the time of its block")?),
        transaction: fields.one("its transaction")?,
        cost: Wei::new(fields.one("what it cost")?),
    })
}

fn undone(fields: &mut Fields<'_>, _: usize) -> Result<Undone, StateError> {
    Ok(Undone {
        at: Timestamp::from_millis(fields.one("when a block was seen to be undone")?),
        block: fields.block()?,
        transaction: fields.one("its transaction")?,
    })
}

fn last_failure(fields: &mut Fields<'_>, _: usize) -> Result<LastFailure, StateError> {
    let at = Timestamp::from_millis(fields.one("the time of a failure")?);
    let root = fields.root("the root that failed")?;
    let failure = match fields.word() {
        Some("nonce-taken") => Failure::NonceTaken {
            nonce: fields.one("the nonce that was taken")?,
            transaction: fields.one("the transaction that took it")?,
        },
        Some("reverted") => Failure::Reverted {
            transaction: fields.one::<TransactionHash>("the transaction that failed")?,
        },
        Some("untimely") => Failure::Untimely {
            transaction: fields.one("the transaction")?,
            block: fields.block()?,
            time: Timestamp::from_millis(fields.one("the time of its block")?),
            signed: Timestamp::from_millis(fields.one("when it was signed")?),
        },
        Some("paid") => Failure::Paid {
            nonce: fields.one("the nonce under which it was paid for")?,
            transaction: fields.one("the transaction that was paid for")?,
        },
        _ => return Err(fields.expected("`nonce-taken`, `reverted`, `paid` or `untimely`")),
    };
    Ok(LastFailure { at, root, failure })
}

fn member(fields: &mut Fields<'_>, _: usize) -> Result<Member, StateError> {
    Ok(Member {
        origin: fields.one("the hash of an origin")?,
        size: TreeSize::new(fields.one("a tree's size")?),
        checkpoint: fields.array("the hash of a signed checkpoint")?,
        leaf: fields.root("its leaf hash")?,
    })
}

/// What is left of a text, line by line.
struct Lines<'a> {
    rest: core::iter::Peekable<core::str::Lines<'a>>,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let rest = text.lines().peekable();
        Self { rest, line: 0 }
    }

    /// What follows this in the next line, if it begins so.
    fn next(&mut self, name: &str) -> Option<&'a str> {
        let rest = self.rest.peek()?.strip_prefix(name)?;
        self.rest.next();
        self.line = self.line.saturating_add(1);
        Some(rest)
    }

    /// The one value of the line that must be here.
    fn one<T: FromStr>(&mut self, name: &str, expected: &'static str) -> Result<T, StateError> {
        let value = self.next(name).and_then(|text| text.parse().ok());
        value.ok_or(StateError::Line {
            line: self.line.saturating_add(1),
            expected,
        })
    }

    /// All lines here that begin so, at most so many.
    fn all<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&mut Fields<'a>, usize) -> Result<T, StateError>,
    ) -> Result<Vec<T>, StateError> {
        let mut all = Vec::new();
        while let Some(rest) = self.next(name) {
            let mut fields = Fields {
                rest: rest.split(' '),
                line: self.line,
            };
            if all.len() == most {
                return Err(fields.expected("fewer lines of this kind"));
            }
            all.push(read(&mut fields, self.line)?);
        }
        Ok(all)
    }
}

/// What is left of a line, word by word.
struct Fields<'a> {
    rest: core::str::Split<'a, char>,
    line: usize,
}

impl<'a> Fields<'a> {
    fn word(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    fn expected(&self, expected: &'static str) -> StateError {
        let line = self.line;
        StateError::Line { line, expected }
    }

    fn one<T: FromStr>(&mut self, expected: &'static str) -> Result<T, StateError> {
        let value = self.word().and_then(|word| word.parse().ok());
        value.ok_or_else(|| self.expected(expected))
    }

    fn bytes(&mut self, expected: &'static str) -> Result<Vec<u8>, StateError> {
        let bytes = self.word().and_then(|word| hex::decode(word).ok());
        bytes.ok_or_else(|| self.expected(expected))
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], StateError> {
        let bytes = self.bytes(expected)?;
        bytes.try_into().map_err(|_| self.expected(expected))
    }

    fn block(&mut self) -> Result<Block, StateError> {
        Ok(Block {
            number: self.one("the number of a block")?,
            hash: self.one("its hash")?,
        })
    }

    fn root(&mut self, expected: &'static str) -> Result<NodeHash, StateError> {
        self.array(expected).map(NodeHash::from_bytes)
    }
}

#[cfg(test)]
mod tests;

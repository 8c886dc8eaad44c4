//! What a transaction may cost: fees from the chain, under the operator's ceilings.
//!
//! - **The fee** leaves room for the base fee to double (it grows by at most an eighth a block, so six blocks), as far as the ceiling,
//!   the day's budget and the balance allow; at the least it pays the present base fee and the priority fee, or nothing is sent.
//! - **The priority fee** is paid whole, whatever the base fee is, and what others pay is the endpoint's word: it has a ceiling of its
//!   own, and no more than that is offered.
//! - **The nonce** is taken once every transaction before it is final: otherwise one of them could be undone, and this one would
//!   wait for another in its place.
//! - **A replacement** raises both fees by an eighth or more. Nodes ask for a tenth of both (geth's `pricebump`). Its gas is estimated
//!   anew: the first estimate may have been wrong, or is by now.
//! - **The budget**: what the rounds of the last 24 hours cost, and the most that this one may cost, are together below the ceiling.
//!   Transactions of one nonce exclude each other, so that only the dearest counts. Where several rounds are on their way again, since their
//!   blocks left the chain, the most that each may cost counts.

use crate::chain::Account;
use crate::state::{MAX_ATTEMPTS, State};
use crate::time::Timestamp;
use crate::transaction::{Call, Unsigned};
use crate::wei::{Gas, Wei};

/// What the operator is ready to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// The most by gas.
    pub max_fee: Wei,
    /// The most of it that goes to the block's proposer.
    pub max_priority_fee: Wei,
    /// The most in any 24 hours.
    pub max_cost_per_day: Wei,
    /// The most gas of one transaction.
    pub max_gas: Gas,
}

/// Why nothing is sent, or a transaction that is stuck is not replaced, though the chain answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// The chain asks for more than the ceiling.
    #[error(
        "the chain asks for {} gwei by gas, which is above `max_fee_gwei` = {}: waiting until it asks for less",
        needed.gwei(), ceiling.gwei()
    )]
    Fee {
        /// What it asks for.
        needed: Wei,
        /// The ceiling.
        ceiling: Wei,
    },
    /// A replacement would have to offer the proposer more than the ceiling.
    #[error(
        "a transaction that takes the place of the one on its way has to offer a priority fee of {} gwei, which is above `max_priority_fee_gwei` = {}: the one on its way stays",
        needed.gwei(), ceiling.gwei()
    )]
    PriorityFee {
        /// What it has to offer.
        needed: Wei,
        /// The ceiling.
        ceiling: Wei,
    },
    /// The day's budget is used up.
    #[error(
        "a transaction may cost {} gwei, and of `max_cost_per_day_gwei` = {}, {} are spent: waiting until what was spent is a day old",
        needed.gwei(), ceiling.gwei(), spent.gwei()
    )]
    Budget {
        /// The least that it may cost.
        needed: Wei,
        /// What the rounds of the last 24 hours cost.
        spent: Wei,
        /// The ceiling.
        ceiling: Wei,
    },
    /// As many rounds as can be remembered were sent within a day.
    #[error(
        "{} rounds were sent within a day, which is the most: choose a longer interval",
        crate::state::MAX_SPENT
    )]
    TooManyRounds,
    /// Something else used the account, and may be undone: a nonce above would then wait for ever.
    #[error(
        "transactions of this account are in blocks that are not final, and they are not this anchor's: something else uses the anchor's key, which must be the anchor's alone; waiting until they are final"
    )]
    NotFinal,
    /// The account is empty.
    #[error(
        "the account has {} ether, and a transaction may cost {}: send it some",
        balance.ether(), needed.ether()
    )]
    Balance {
        /// What it has.
        balance: Wei,
        /// The least that the transaction may cost.
        needed: Wei,
    },
    /// The call takes too much gas.
    #[error(
        "the call would take {needed}, and the most is {ceiling}: look at `destination` and `mode`"
    )]
    Gas {
        /// What it takes.
        needed: Gas,
        /// The most.
        ceiling: Gas,
    },
    /// The call would fail.
    #[error("a round is not sent, since it would fail: {0}")]
    WouldFail(String),
    /// It was replaced often enough.
    #[error(
        "the transaction was replaced {MAX_ATTEMPTS} times, which is the most; it stays in the network"
    )]
    Attempts,
}

/// What a transaction costs at this base fee, if it is included.
pub(crate) fn expected(unsigned: &Unsigned, base_fee: Wei) -> Wei {
    let fee = base_fee.plus(unsigned.max_priority_fee);
    fee.min(unsigned.max_fee).of_gas(gas_expected(unsigned))
}

/// What it was estimated to take.
fn gas_expected(unsigned: &Unsigned) -> Gas {
    let (floor, limit) = (unsigned.call.floor(), unsigned.gas_limit);
    if limit == floor {
        floor
    } else {
        // The limit is the estimate and a quarter.
        floor.max(Gas::new(limit.get().saturating_mul(4) / 5))
    }
}

/// The first transaction of a round.
pub(crate) fn first(
    chain_id: u64,
    call: Call,
    account: &Account,
    state: &State,
    ceilings: &Ceilings,
    now: Timestamp,
) -> Result<Unsigned, Hold> {
    if state.is_full(now) {
        return Err(Hold::TooManyRounds);
    }
    if account.finalized_nonce != account.nonce {
        return Err(Hold::NotFinal);
    }
    let gas_limit = gas_limit(&call, account, ceilings)?;
    let priority_fee = account.priority_fee.min(ceilings.max_priority_fee);
    let needed = account.base_fee.plus(priority_fee);
    let wanted = account.base_fee.times(2).plus(priority_fee);
    let spent = state.spent_since_a_day(now);
    let max_fee = afford(needed, wanted, gas_limit, account.balance, spent, ceilings)?;
    Ok(Unsigned {
        chain_id,
        nonce: account.nonce,
        max_priority_fee: priority_fee,
        max_fee,
        gas_limit,
        call,
    })
}

/// What the call is given.
fn gas_limit(call: &Call, account: &Account, ceilings: &Ceilings) -> Result<Gas, Hold> {
    let estimate = account.gas.clone().map_err(Hold::WouldFail)?;
    let floor = call.floor();
    // To a plain address a call takes the floor exactly. What a contract takes may grow until the block that has it.
    let needed = if estimate <= floor {
        floor
    } else {
        Gas::new(estimate.get().saturating_add(estimate.get() / 4))
    };
    let ceiling = ceilings.max_gas;
    if needed > ceiling {
        return Err(Hold::Gas { needed, ceiling });
    }
    Ok(needed)
}

/// A transaction in place of one that is stuck.
pub(crate) fn replacement(
    stuck: &Unsigned,
    attempts: usize,
    account: &Account,
    state: &State,
    ceilings: &Ceilings,
    now: Timestamp,
) -> Result<Unsigned, Hold> {
    if attempts >= MAX_ATTEMPTS {
        return Err(Hold::Attempts);
    }
    let gas_limit = gas_limit(&stuck.call, account, ceilings)?;
    let ceiling = ceilings.max_priority_fee;
    let priority_fee = raised(stuck.max_priority_fee).max(account.priority_fee.min(ceiling));
    if priority_fee > ceiling {
        return Err(Hold::PriorityFee {
            needed: priority_fee,
            ceiling,
        });
    }
    let present = account.base_fee.plus(priority_fee);
    let needed = raised(stuck.max_fee).max(present);
    let wanted = account.base_fee.times(2).plus(priority_fee).max(needed);
    let spent = state
        .spent_since_a_day(now)
        .plus(state.others_may_cost(stuck.nonce));
    let max_fee = afford(needed, wanted, gas_limit, account.balance, spent, ceilings)?;
    Ok(Unsigned {
        max_priority_fee: priority_fee,
        max_fee,
        gas_limit,
        ..*stuck
    })
}

/// The fee that is wanted, or as much of it as may be paid; at least what is needed.
fn afford(
    needed: Wei,
    wanted: Wei,
    gas: Gas,
    balance: Wei,
    spent: Wei,
    ceilings: &Ceilings,
) -> Result<Wei, Hold> {
    if needed > ceilings.max_fee {
        return Err(Hold::Fee {
            needed,
            ceiling: ceilings.max_fee,
        });
    }
    let left = ceilings.max_cost_per_day.minus(spent);
    let least = needed.of_gas(gas);
    if least > left {
        return Err(Hold::Budget {
            needed: least,
            spent,
            ceiling: ceilings.max_cost_per_day,
        });
    }
    if least > balance {
        return Err(Hold::Balance {
            balance,
            needed: least,
        });
    }
    let by_gas = |money: Wei| Wei::new(money.get().checked_div(gas.get().into()).unwrap_or(0));
    let most = wanted.min(ceilings.max_fee);
    Ok(most.min(by_gas(left)).min(by_gas(balance)))
}

/// An eighth more, rounded up, and at least one wei more.
fn raised(fee: Wei) -> Wei {
    fee.plus(Wei::new(fee.get().div_ceil(8).max(1)))
}

#[cfg(test)]
mod tests;

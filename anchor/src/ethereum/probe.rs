//! Asking a chain whether a round could be sent now, without sending one.

use counterfoil_ethereum::Calldata;
use counterfoil_ethereum_sender::Call;
use counterfoil_ethereum_sender::chain::{ChainOutcome, ChainRequest};
use counterfoil_tiles::hash::NodeHash;

use super::Plan;

/// What a chain says of a round that is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It could be sent, in these words.
    Good(String),
    /// It would be held back now, and may not be later.
    Held(String),
    /// It could not be asked.
    NoAnswer(String),
    /// The configuration or the account must change first.
    Wrong(String),
}

impl Plan {
    /// Asks as a round with this root would; it is sent nowhere.
    pub async fn probe(&self, root: NodeHash) -> Probed {
        let call = Call {
            to: self.sender.destination,
            calldata: Calldata { root },
        };
        let account = match self.ask(ChainRequest::ReadAccount(call)).await {
            ChainOutcome::Account(account) => account,
            ChainOutcome::NotDone(why) => return Probed::NoAnswer(why),
            ChainOutcome::WrongChain { found, endpoint } => {
                return Probed::Wrong(format!(
                    "{endpoint} is of chain {found}, and the configuration says {}",
                    self.sender.identity.chain_id
                ));
            }
            other => return Probed::NoAnswer(format!("an answer to something else: {other:?}")),
        };
        let (ceilings, payer) = (&self.sender.ceilings, self.sender.identity.account);
        let gas = match account.gas {
            Ok(gas) if gas <= ceilings.max_gas => gas,
            Ok(gas) => {
                return Probed::Wrong(format!(
                    "a round would take {gas}, and `max_gas` is {}: look at `destination` and `mode`",
                    ceilings.max_gas.get()
                ));
            }
            Err(why) => {
                return Probed::Wrong(format!("a round would fail: {why}"));
            }
        };
        let priority_fee = account.priority_fee.min(ceilings.max_priority_fee);
        let fee = account.base_fee.plus(priority_fee);
        let (cost, balance) = (fee.of_gas(gas), account.balance);
        let words = format!(
            "block {} of chain {}, final up to {}; a round takes {gas} at {} gwei ({} of it a priority fee; others pay {}, and at most `max_priority_fee_gwei` = {} is offered), {} gwei in all; {payer} has {} ether",
            account.head.number,
            self.sender.identity.chain_id,
            account.finalized.number,
            fee.gwei(),
            priority_fee.gwei(),
            account.priority_fee.gwei(),
            ceilings.max_priority_fee.gwei(),
            cost.gwei(),
            balance.ether()
        );
        if cost > balance {
            return Probed::Wrong(format!("{words}, which is too little: send it some"));
        }
        if cost > ceilings.max_cost_per_day {
            let ceiling = ceilings.max_cost_per_day.gwei();
            return Probed::Held(format!("{words}; `max_cost_per_day_gwei` is {ceiling}"));
        }
        if fee > ceilings.max_fee {
            let ceiling = ceilings.max_fee.gwei();
            return Probed::Held(format!("{words}; `max_fee_gwei` is {ceiling}"));
        }
        Probed::Good(words)
    }
}

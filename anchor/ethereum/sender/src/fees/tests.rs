use counterfoil_ethereum::{Address, BlockHash};
use counterfoil_tiles::hash::NodeHash;

use super::*;
use crate::chain::{Block, Identity};
use crate::state::{Spent, call};

const DAY: u64 = 86_400_000;

fn gwei(gwei: u64) -> Wei {
    Wei::from_gwei(gwei)
}

fn account(base_fee: u64, priority_fee: u64) -> Account {
    let block = |number| Block {
        number,
        hash: BlockHash::from_bytes([1; 32]),
    };
    Account {
        head: block(10),
        finalized: block(5),
        nonce: 3,
        finalized_nonce: 3,
        pending_nonce: 3,
        balance: Wei::new(10_u128.pow(18)),
        base_fee: gwei(base_fee),
        priority_fee: gwei(priority_fee),
        gas: Ok(Gas::new(22_440)),
    }
}

fn ceilings() -> Ceilings {
    Ceilings {
        max_fee: gwei(50),
        max_priority_fee: gwei(3),
        max_cost_per_day: gwei(22_440 * 100),
        max_gas: Gas::new(100_000),
    }
}

fn state(spent: Wei) -> State {
    let identity = Identity {
        chain_id: 1,
        account: Address::from_bytes([2; 20]),
    };
    let mut state = State::new(identity);
    state.spent.push(Spent {
        at: Timestamp::from_millis(DAY),
        cost: spent,
    });
    state
}

fn price(account: &Account, spent: Wei, ceilings: &Ceilings) -> Result<Unsigned, Hold> {
    let call = call(
        NodeHash::from_bytes([0xab; 32]),
        Address::from_bytes([9; 20]),
    );
    let now = Timestamp::from_millis(DAY + 1);
    first(1, call, account, &state(spent), ceilings, now)
}

#[test]
fn the_fee_leaves_room_for_the_base_fee_to_double() {
    let unsigned = price(&account(10, 1), Wei::ZERO, &ceilings()).unwrap();
    assert_eq!(unsigned.max_fee, gwei(21));
    assert_eq!(unsigned.max_priority_fee, gwei(1));
    assert_eq!((unsigned.nonce, unsigned.gas_limit.get()), (3, 22_440));
    assert_eq!(expected(&unsigned, gwei(10)), gwei(22_440 * 11));
    assert_eq!(expected(&unsigned, gwei(40)), gwei(22_440 * 21));
}

#[test]
fn ceilings_bound_the_fee_and_hold_back_what_needs_more() {
    let fee = |base: u64| price(&account(base, 1), Wei::ZERO, &ceilings()).map(|u| u.max_fee);
    assert_eq!(fee(30), Ok(gwei(50)), "not 61");
    assert_eq!(fee(49), Ok(gwei(50)));
    let (needed, ceiling) = (gwei(51), gwei(50));
    assert_eq!(fee(50), Err(Hold::Fee { needed, ceiling }));
}

#[test]
fn the_days_budget_bounds_the_fee_and_then_holds_back() {
    let spent = |gas_prices: u64| gwei(22_440 * gas_prices);
    let fee = |prices: u64| price(&account(10, 1), spent(prices), &ceilings()).map(|u| u.max_fee);
    assert_eq!(fee(79), Ok(gwei(21)));
    assert_eq!(fee(80), Ok(gwei(20)));
    assert_eq!(fee(89), Ok(gwei(11)));
    assert!(matches!(fee(90), Err(Hold::Budget { .. })));
}

#[test]
fn what_was_spent_counts_for_a_day_and_from_the_future_too() {
    let state = state(gwei(7));
    let at = |millis| state.spent_since_a_day(Timestamp::from_millis(millis));
    assert_eq!(at(0), gwei(7));
    assert_eq!(at(2 * DAY - 1), gwei(7));
    assert_eq!(at(2 * DAY), Wei::ZERO);
}

#[test]
fn an_account_that_cannot_pay_holds_back() {
    let mut poor = account(10, 1);
    poor.balance = gwei(22_440 * 12);
    assert_eq!(
        price(&poor, Wei::ZERO, &ceilings()).map(|u| u.max_fee),
        Ok(gwei(12))
    );
    poor.balance = gwei(22_440 * 11).minus(Wei::new(1));
    let held = price(&poor, Wei::ZERO, &ceilings());
    assert!(matches!(held, Err(Hold::Balance { .. })), "{held:?}");
}

#[test]
fn a_contract_gets_a_quarter_more_gas_and_not_above_the_ceiling() {
    let mut contract = account(10, 1);
    contract.gas = Ok(Gas::new(48_000));
    let unsigned = price(&contract, Wei::ZERO, &ceilings()).unwrap();
    assert_eq!(unsigned.gas_limit, Gas::new(60_000));
    assert_eq!(expected(&unsigned, gwei(10)), gwei(48_000 * 11));
    contract.gas = Ok(Gas::new(80_000));
    let held = price(&contract, Wei::ZERO, &ceilings());
    assert_eq!(
        held.map(|u| u.gas_limit),
        Ok(Gas::new(100_000)),
        "rounded down"
    );
    contract.gas = Ok(Gas::new(80_001));
    let held = price(&contract, Wei::ZERO, &ceilings());
    assert!(matches!(held, Err(Hold::Gas { .. })), "{held:?}");
    contract.gas = Err("execution reverted".to_owned());
    let held = price(&contract, Wei::ZERO, &ceilings());
    assert!(matches!(held, Err(Hold::WouldFail(_))), "{held:?}");
}

#[test]
fn as_many_rounds_as_are_remembered_hold_back() {
    let mut full = state(Wei::ZERO);
    let one = full.spent[0];
    full.spent = vec![one; crate::state::MAX_SPENT];
    let call = call(NodeHash::from_bytes([1; 32]), Address::from_bytes([9; 20]));
    let now = |millis| Timestamp::from_millis(millis);
    let price = |at| first(1, call, &account(10, 1), &full, &ceilings(), at);
    assert_eq!(price(now(DAY + 1)), Err(Hold::TooManyRounds));
    assert!(price(now(2 * DAY)).is_ok());
}

#[test]
fn a_nonce_above_what_may_be_undone_is_not_taken() {
    let mut foreign = account(10, 1);
    foreign.finalized_nonce = 2;
    let held = price(&foreign, Wei::ZERO, &ceilings());
    assert_eq!(held, Err(Hold::NotFinal));
}

fn replace(stuck: &Unsigned, attempts: usize, account: &Account) -> Result<Unsigned, Hold> {
    let now = Timestamp::from_millis(DAY + 1);
    replacement(
        stuck,
        attempts,
        account,
        &state(Wei::ZERO),
        &ceilings(),
        now,
    )
}

#[test]
fn a_replacement_raises_both_fees_by_an_eighth_at_least() {
    let stuck = price(&account(10, 1), Wei::ZERO, &ceilings()).unwrap();
    let next = replace(&stuck, 1, &account(5, 0)).unwrap();
    assert_eq!(next.max_fee, Wei::new(23_625_000_000));
    assert_eq!(next.max_priority_fee, Wei::new(1_125_000_000));
    assert_eq!((next.nonce, next.call), (stuck.nonce, stuck.call));
    let spike = replace(&stuck, 1, &account(20, 2)).unwrap();
    assert_eq!(spike.max_fee, gwei(42));
    assert_eq!(spike.max_priority_fee, gwei(2));
    for (fee, more) in [(0, 1), (1, 2), (7, 8), (8, 9), (9, 11), (16, 18)] {
        assert_eq!(raised(Wei::new(fee)), Wei::new(more));
    }
}

#[test]
fn a_replacement_that_cannot_raise_enough_is_held_back() {
    let mut stuck = price(&account(10, 1), Wei::ZERO, &ceilings()).unwrap();
    stuck.max_fee = gwei(45);
    let held = replace(&stuck, 1, &account(10, 1));
    assert!(matches!(held, Err(Hold::Fee { .. })), "{held:?}");
    stuck.max_fee = gwei(44);
    assert!(replace(&stuck, 1, &account(10, 1)).is_ok());
    let held = replace(&stuck, MAX_ATTEMPTS, &account(10, 1));
    assert_eq!(held, Err(Hold::Attempts));
}

#[test]
fn no_more_than_the_ceiling_is_offered_to_a_proposer_whatever_the_endpoint_says() {
    let unsigned = price(&account(10, 1_000), Wei::ZERO, &ceilings()).unwrap();
    assert_eq!(unsigned.max_priority_fee, gwei(3));
    assert_eq!(unsigned.max_fee, gwei(23));
    // A replacement has to offer more than the one in whose place it comes.
    let held = replace(&unsigned, 1, &account(10, 1_000));
    let (needed, ceiling) = (Wei::new(3_375_000_000), gwei(3));
    assert_eq!(held, Err(Hold::PriorityFee { needed, ceiling }));
    let small = price(&account(10, 1), Wei::ZERO, &ceilings()).unwrap();
    let next = replace(&small, 1, &account(10, 1_000)).unwrap();
    assert_eq!(next.max_priority_fee, gwei(3));
}

#[test]
fn the_gas_of_a_replacement_is_estimated_anew() {
    let stuck = price(&account(10, 1), Wei::ZERO, &ceilings()).unwrap();
    let mut contract = account(10, 1);
    contract.gas = Ok(Gas::new(48_000));
    let next = replace(&stuck, 1, &contract).unwrap();
    assert_eq!(next.gas_limit, Gas::new(60_000));
    let back = replace(&next, 2, &account(10, 1)).unwrap();
    assert_eq!(back.gas_limit, Gas::new(22_440));
    contract.gas = Ok(Gas::new(80_001));
    let held = replace(&stuck, 1, &contract);
    assert!(matches!(held, Err(Hold::Gas { .. })), "{held:?}");
    contract.gas = Err("execution reverted".to_owned());
    let held = replace(&stuck, 1, &contract);
    assert!(matches!(held, Err(Hold::WouldFail(_))), "{held:?}");
}

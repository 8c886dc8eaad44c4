use counterfoil_ethereum::BlockHash;

use super::super::MAX_KEPT_MEMBERS;
use super::*;

fn hash(byte: u8) -> TransactionHash {
    TransactionHash::from_bytes([byte; 32])
}

fn root(byte: u8) -> NodeHash {
    NodeHash::from_bytes([byte; 32])
}

fn attempt(max_fee: u64) -> Attempt {
    attempt_of(5, 42, max_fee)
}

fn attempt_of(number: u8, nonce: u64, max_fee: u64) -> Attempt {
    let unsigned = Unsigned {
        chain_id: 1,
        nonce,
        max_fee: Wei::from_gwei(max_fee),
        max_priority_fee: Wei::from_gwei(1),
        gas_limit: Gas::new(22_440),
        call: call(root(number), Address::from_bytes([9; 20])),
    };
    let signed = unsigned.encode_signed(1, &[3; 32], &[4; 32]);
    Attempt {
        at: Timestamp::from_millis(11),
        unsigned,
        hash: unsigned.hash_signed(&signed).unwrap(),
        signed,
    }
}

fn state() -> State {
    let origin = "ab".repeat(32).parse().unwrap();
    let member = |size| Member {
        origin,
        size: TreeSize::new(size),
        checkpoint: [6; 32],
        leaf: root(7),
    };
    State {
        generation: 17,
        identity: Identity {
            chain_id: 1,
            account: Address::from_bytes([2; 20]),
        },
        next_nonce: 42,
        spent: [(1, 2), (3, u128::MAX)]
            .map(|(at, cost)| Spent {
                at: Timestamp::from_millis(at),
                cost: Wei::new(cost),
            })
            .to_vec(),
        ended: vec![root(3), root(4)],
        undone: vec![Undone {
            at: Timestamp::from_millis(7),
            block: block(80),
            transaction: hash(9),
        }],
        last_failure: Some(LastFailure {
            at: Timestamp::from_millis(9),
            root: root(2),
            failure: Failure::NonceTaken {
                nonce: 41,
                transaction: hash(1),
            },
        }),
        rounds: vec![
            Flight {
                offer: Offer {
                    root: root(4),
                    members: vec![member(3)],
                },
                nonce: 41,
                unused_in: 90,
                attempts: vec![attempt_of(4, 41, 10)],
                taker: None,
                ended: Some(ended(Ending::Recorded)),
            },
            Flight {
                offer: Offer {
                    root: root(5),
                    members: vec![member(1), member(2)],
                },
                nonce: 42,
                unused_in: 90,
                attempts: vec![attempt(20), attempt(30)],
                taker: None,
                ended: None,
            },
        ],
    }
}

fn block(number: u64) -> Block {
    Block {
        number,
        hash: BlockHash::from_bytes([7; 32]),
    }
}

fn ended(ending: Ending) -> Ended {
    Ended {
        at: Timestamp::from_millis(3),
        ending,
        block: block(100),
        time: Timestamp::from_millis(2),
        transaction: hash(8),
        cost: Wei::new(u128::MAX),
    }
}

#[test]
fn a_state_survives_a_round_trip() {
    let mut reverted = state();
    reverted.last_failure = Some(LastFailure {
        failure: Failure::Reverted {
            transaction: hash(1),
        },
        ..reverted.last_failure.clone().unwrap()
    });
    reverted.rounds[0].ended = Some(ended(Ending::Reverted));
    let mut untimely = state();
    untimely.last_failure = Some(LastFailure {
        failure: Failure::Untimely {
            transaction: hash(1),
            block: block(100),
            time: Timestamp::from_millis(5),
            signed: Timestamp::from_millis(6),
        },
        ..untimely.last_failure.clone().unwrap()
    });
    untimely.rounds[0].ended = Some(ended(Ending::Untimely));
    let mut paid = state();
    paid.last_failure = Some(LastFailure {
        failure: Failure::Paid {
            nonce: 41,
            transaction: hash(1),
        },
        ..paid.last_failure.clone().unwrap()
    });
    let mut taken = state();
    taken.rounds[0].ended = Some(ended(Ending::Taken));
    let mut reopened = state();
    (reopened.rounds[0].ended, reopened.rounds[1].ended) = (None, Some(ended(Ending::Recorded)));
    reopened.rounds[0].taker = Some(hash(8));
    (reopened.next_nonce, reopened.ended) = (43, vec![root(5)]);
    let mut idle = state();
    idle.rounds.pop();
    let empty = State::new(state().identity);
    for state in [
        state(),
        reverted,
        untimely,
        paid,
        taken,
        reopened,
        idle,
        empty,
    ] {
        assert_eq!(State::parse(&state.encode()), Ok(state));
    }
}

#[test]
fn a_state_is_the_text_that_its_documentation_shows() {
    let empty = State::new(state().identity);
    let text = format!(
        "counterfoil/ethereum/1\ngeneration 0\nchain 1\naccount 0x{}\nnext-nonce 0\n",
        "02".repeat(20)
    );
    assert_eq!(empty.encode(), text.as_bytes());
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let bytes = state().encode();
    // What is left at the end of these lines is a whole state.
    let text = str::from_utf8(&bytes).unwrap();
    let whole = |end: usize| {
        let rest = &text[end..];
        let begins = |names: &[&str]| names.iter().any(|name| rest.starts_with(name));
        let round = text[..end].rsplit("\nround ").next().unwrap();
        begins(&["spent ", "ended ", "undone ", "failure ", "round "])
            || rest.starts_with("attempt ") && round.contains("\nattempt ")
    };
    let mut states = 0;
    for end in 0..bytes.len() {
        let parsed = State::parse(&bytes[..end]);
        assert_eq!(parsed.is_ok(), whole(end), "cut at {end}");
        states += usize::from(parsed.is_ok());
    }
    assert_eq!(states, 9);
    for more in ["\n", " ", "x", "generation 17\n", "ended 00\n"] {
        let longer = format!("{text}{more}");
        assert!(State::parse(longer.as_bytes()).is_err(), "{more:?}");
    }
}

#[test]
fn what_is_no_state_is_refused() {
    let bytes = state().encode();
    let good = str::from_utf8(&bytes).unwrap();
    let rows = [
        ("another version", "ethereum/1", "ethereum/2"),
        ("a leading zero", "generation 17", "generation 017"),
        ("a sign", "generation 17", "generation +17"),
        ("upper case", "0xabab", "0xABAB"),
        ("a nonce that is used up", "next-nonce 42", "next-nonce 43"),
        (
            "a nonce that is not used up",
            "next-nonce 42",
            "next-nonce 41",
        ),
        ("a round that ends in no way", " recorded ", " lost "),
        (
            "another fee than the signed one",
            "20000000000 1000000000",
            "20000000001 1000000000",
        ),
        ("another nonce than the signed one", " 42 90 ", " 43 90 "),
        (
            "another chain than the signed one",
            "chain 1\n",
            "chain 2\n",
        ),
        ("no members", "member ", "remember "),
        ("a failure of no kind", "nonce-taken", "nonce-took"),
        ("a space too many", "spent 1 ", "spent 1  "),
    ];
    for (name, from, to) in rows {
        let upper = name == "upper case";
        let (from, to) = if upper {
            ("member ab", "member AB")
        } else {
            (from, to)
        };
        assert!(good.contains(from), "{name}");
        let text = good.replacen(from, to, 1);
        assert!(State::parse(text.as_bytes()).is_err(), "{name}");
    }
    let mut taken = state();
    taken.rounds[0].taker = Some(hash(8));
    assert!(
        State::parse(&taken.encode()).is_err(),
        "a taker, and an end"
    );
    let mut ended = state();
    ended.ended.push(root(5));
    let error = State::parse(&ended.encode()).unwrap_err();
    assert!(matches!(error, StateError::Inconsistent(_)), "{error}");
}

#[test]
fn the_largest_state_fits_the_store() {
    let mut largest = state();
    largest.spent = vec![largest.spent[1]; MAX_SPENT];
    largest.ended = vec![root(3); MAX_ENDED];
    largest.undone = vec![largest.undone[0]; MAX_UNDONE];
    largest.next_nonce = 1_042;
    let member = largest.rounds[1].offer.members[0];
    largest.rounds.clear();
    for (nonce, members) in (1_026..).zip([[128; MAX_KEPT].as_slice(), &[MAX_MEMBERS]].concat()) {
        let attempt = attempt_of(5, nonce, 20);
        largest.rounds.push(Flight {
            offer: Offer {
                root: root(5),
                members: vec![member; members],
            },
            nonce,
            unused_in: u64::MAX,
            attempts: vec![attempt; MAX_ATTEMPTS],
            taker: None,
            ended: (nonce < 1_042).then(|| ended(Ending::Recorded)),
        });
    }
    let members = largest.rounds.iter().map(|round| round.offer.members.len());
    assert_eq!(members.sum::<usize>(), MAX_KEPT_MEMBERS + MAX_MEMBERS);
    let bytes = largest.encode();
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    assert_eq!(State::parse(&bytes), Ok(largest));
}

#[test]
fn the_last_round_is_kept_whatever_the_number_of_its_checkpoints() {
    let mut state = state();
    let offer = &mut state.rounds[1].offer;
    offer.members = vec![offer.members[0]; MAX_KEPT_MEMBERS + 1];
    state.end(Timestamp::from_millis(4), ended(Ending::Recorded));
    let kept: Vec<u64> = state.rounds.iter().map(|round| round.nonce).collect();
    assert_eq!(kept, [42]);
}

//! What each check says of a record, one thing wrong at a time.

use counterfoil_ethereum::CheckName::{
    BlockHash as Hash, Calldata as Data, Chain, Checkpoint, Destination, Header as Head,
    Receipt as ReceiptCheck, ReceiptInclusion, Status, Time, Transaction as TransactionCheck,
    TransactionInclusion,
};
use counterfoil_ethereum::rlp::{encode_bytes, encode_integer, encode_list};
use counterfoil_ethereum::{
    BlockHash, Calldata, CheckName, Judgement, MAX_HEADER_FIELDS, Outcome, Question, Record, verify,
};
use counterfoil_tiles::hash::hash_leaf;

use crate::bodies::anchored::{Anchored, Plan};

const ALL: [CheckName; 12] = [
    Head,
    Hash,
    TransactionCheck,
    TransactionInclusion,
    ReceiptCheck,
    ReceiptInclusion,
    Status,
    Chain,
    Destination,
    Data,
    Checkpoint,
    Time,
];

/// Each check passed, but for these.
fn but(judgement: &Judgement, failed: &[CheckName], not_checked: &[CheckName]) {
    let names: Vec<CheckName> = judgement.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ALL);
    for check in judgement.checks.iter() {
        let expected = if failed.contains(&check.name) {
            Outcome::Failed
        } else if not_checked.contains(&check.name) {
            Outcome::NotChecked
        } else {
            Outcome::Passed
        };
        assert_eq!(check.outcome, expected, "{}: {}", check.name, check.reason);
        assert!(!check.reason.is_empty());
    }
}

fn anchored(plan: &Plan) -> Anchored {
    plan.anchored().unwrap()
}

fn judge(plan: &Plan) -> Judgement {
    let anchored = anchored(plan);
    verify(&anchored.question(&anchored.record))
}

fn reason(judgement: &Judgement, name: CheckName) -> &str {
    let found = judgement.checks.iter().find(|check| check.name == name);
    &found.unwrap().reason
}

#[test]
fn a_good_record_passes_every_check() {
    let judgement = judge(&Plan::default());
    but(&judgement, &[], &[]);
    assert!(judgement.is_good());
    assert_eq!(judgement.header.unwrap().timestamp, 1_760_000_000);
}

#[test]
fn every_known_type_of_transaction_will_do() {
    for kind in 0..=4 {
        let plan = Plan {
            kind,
            receipt_kind: kind,
            ..Plan::default()
        };
        let judgement = judge(&plan);
        but(&judgement, &[], &[]);
        assert!(judgement.is_good(), "{kind}");
    }
}

#[test]
fn what_is_not_given_is_not_checked() {
    let anchored = anchored(&Plan::default());
    let full = anchored.question(&anchored.record);
    let ask = |question: &Question<'_>, not_checked: &[CheckName], good: bool| {
        let judgement = verify(question);
        but(&judgement, &[], not_checked);
        assert_eq!(judgement.is_good(), good, "{not_checked:?}");
    };
    ask(
        &Question {
            block_hash: None,
            ..full
        },
        &[Hash],
        false,
    );
    ask(
        &Question {
            checkpoint: None,
            ..full
        },
        &[Checkpoint],
        false,
    );
    ask(
        &Question {
            destination: None,
            ..full
        },
        &[Destination],
        true,
    );
    ask(&Question { at: None, ..full }, &[Time], true);
    ask(
        &Question {
            chain_id: None,
            ..full
        },
        &[],
        true,
    );
}

#[test]
fn what_is_given_and_differs_fails() {
    let anchored = anchored(&Plan::default());
    let full = anchored.question(&anchored.record);
    let ask = |question: &Question<'_>, failed: CheckName| {
        let judgement = verify(question);
        but(&judgement, &[failed], &[]);
        assert!(!judgement.is_good());
        assert_eq!(
            judgement.first_failure().map(|check| check.name),
            Some(failed)
        );
    };
    let other_block = Some(BlockHash::from_bytes([1; 32]));
    ask(
        &Question {
            block_hash: other_block,
            ..full
        },
        Hash,
    );
    ask(
        &Question {
            checkpoint: Some(b"another checkpoint"),
            ..full
        },
        Checkpoint,
    );
    let other_address = Some(
        "0x00000000000000000000000000000000000000a7"
            .parse()
            .unwrap(),
    );
    ask(
        &Question {
            destination: other_address,
            ..full
        },
        Destination,
    );
    ask(
        &Question {
            chain_id: Some(1),
            ..full
        },
        Chain,
    );
    ask(
        &Question {
            at: Some(1_760_000_000 - 301),
            ..full
        },
        Time,
    );
    let at = Some(1_760_000_000 - 300);
    but(&verify(&Question { at, ..full }), &[], &[]);
}

#[test]
fn the_transaction_must_be_an_anchor_on_its_chain() {
    let failed = |plan: Plan, failed: &[CheckName], not_checked: &[CheckName]| {
        let judgement = judge(&plan);
        but(&judgement, failed, not_checked);
        assert!(!judgement.is_good());
    };
    let to = |to: &[u8]| Plan {
        to: to.to_vec(),
        ..Plan::default()
    };
    failed(to(&[0xa8; 20]), &[Destination], &[]);
    failed(to(&[]), &[Destination], &[]);
    failed(
        Plan {
            chain_id: 1,
            ..Plan::default()
        },
        &[Chain],
        &[],
    );
    let root = hash_leaf(b"another root").into();
    let data = |data: &[u8]| Plan {
        data: Some(data.to_vec()),
        ..Plan::default()
    };
    failed(data(&Calldata { root }.encode()), &[Checkpoint], &[]);
    let good = Calldata { root: *good_root() }.encode();
    but(&judge(&data(&good)), &[], &[]);
    for wrong in [&good[..35], &[&good[..], &[0]].concat(), &good[4..], &[]] {
        failed(data(wrong), &[Data], &[Checkpoint]);
    }
    let mut selector = good;
    selector[0] ^= 1;
    failed(data(&selector), &[Data], &[Checkpoint]);
}

/// The root of the round in every plan.
fn good_root() -> &'static counterfoil_tiles::hash::NodeHash {
    static ROOT: std::sync::OnceLock<counterfoil_tiles::hash::NodeHash> =
        std::sync::OnceLock::new();
    ROOT.get_or_init(|| {
        let anchored = anchored(&Plan::default());
        let transaction = counterfoil_ethereum::Transaction::parse(&anchored.record.transaction);
        Calldata::parse(transaction.unwrap().call.unwrap().data)
            .unwrap()
            .root
    })
}

#[test]
fn the_receipt_must_say_that_it_succeeded() {
    let status = |status: &[u8], kind: u8| Plan {
        status: status.to_vec(),
        kind,
        receipt_kind: kind,
        ..Plan::default()
    };
    for kind in 0..=4 {
        let judgement = judge(&status(&[], kind));
        but(&judgement, &[Status], &[]);
        assert!(reason(&judgement, Status).contains("status 0"));
    }
    let old = judge(&status(&[7; 32], 0));
    but(&old, &[Status], &[]);
    assert!(reason(&old, Status).contains("before Byzantium"));
    but(&judge(&status(&[7; 32], 2)), &[ReceiptCheck], &[Status]);
    but(&judge(&status(&[2], 2)), &[ReceiptCheck], &[Status]);
}

#[test]
fn the_receipt_must_be_of_the_type_of_the_transaction() {
    let plan = Plan {
        receipt_kind: 1,
        ..Plan::default()
    };
    but(&judge(&plan), &[ReceiptCheck], &[]);
}

#[test]
fn of_an_unknown_type_what_it_carries_is_not_checked() {
    let plan = Plan {
        kind: 5,
        receipt_kind: 5,
        ..Plan::default()
    };
    let judgement = judge(&plan);
    but(
        &judgement,
        &[],
        &[Status, Chain, Destination, Data, Checkpoint],
    );
    assert!(!judgement.is_good());
    assert!(reason(&judgement, Data).contains("type 0x05"));
}

#[test]
fn fields_of_later_forks_are_hashed_as_they_are() {
    let room = MAX_HEADER_FIELDS - 21;
    let list = encode_list(&[encode_bytes(&[7; 32]), encode_list::<Vec<u8>>(&[])]);
    for later_fields in [
        vec![encode_bytes(&[7; 32])],
        vec![encode_bytes(&[7; 32]), encode_integer(12_000_000)],
        vec![list],
        vec![encode_bytes(&[]); room],
    ] {
        let plan = Plan {
            later_fields,
            ..Plan::default()
        };
        let good = anchored(&plan);
        let judgement = verify(&good.question(&good.record));
        but(&judgement, &[], &[]);
        // Another value of such a field is another block.
        let without = anchored(&Plan::default());
        assert_ne!(good.block_hash, without.block_hash);
    }
    let later_fields = vec![encode_bytes(&[]); room + 1];
    assert!(
        Plan {
            later_fields,
            ..Plan::default()
        }
        .anchored()
        .is_err()
    );
}

#[test]
fn what_cannot_be_read_leaves_the_rest_unchecked() {
    let good = anchored(&Plan::default());
    let judge = |record: &Record| verify(&good.question(record));
    let header = Record {
        header: b"no header".to_vec(),
        ..good.record.clone()
    };
    but(
        &judge(&header),
        &[Head],
        &[Hash, TransactionInclusion, ReceiptInclusion, Time],
    );
    let transaction = Record {
        transaction: vec![0x80],
        ..good.record.clone()
    };
    but(
        &judge(&transaction),
        &[TransactionCheck, TransactionInclusion],
        &[ReceiptCheck, Chain, Destination, Data, Checkpoint],
    );
    let receipt = Record {
        receipt: vec![0x80],
        ..good.record.clone()
    };
    but(
        &judge(&receipt),
        &[ReceiptCheck, ReceiptInclusion],
        &[Status],
    );
}

#[test]
fn a_legacy_transaction_for_any_chain_leaves_the_chain_unchecked() {
    // v = 27: the fields of a legacy transaction, of which the seventh is v.
    let good = anchored(&Plan {
        kind: 0,
        receipt_kind: 0,
        ..Plan::default()
    });
    let item = counterfoil_ethereum::rlp::Item::parse(&good.record.transaction).unwrap();
    let mut fields: Vec<Vec<u8>> = item
        .items(9)
        .unwrap()
        .iter()
        .map(|field| field.encoding().to_vec())
        .collect();
    fields[6] = encode_integer(27);
    let record = Record {
        transaction: encode_list(&fields),
        ..good.record.clone()
    };
    but(
        &verify(&good.question(&record)),
        &[TransactionInclusion],
        &[Chain],
    );
}

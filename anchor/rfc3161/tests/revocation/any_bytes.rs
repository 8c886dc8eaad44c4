//! Bytes that anybody could send.

use counterfoil_rfc3161::{RevocationKind, RevocationStatus, revocation_status};
use proptest::prelude::*;

use crate::crl::{Crl, entry, reason};
use crate::der::context;
use crate::ocsp::{Answer, by_key, good, id, revoked, single};
use crate::parties::{DAY_AFTER, GEN_TIME, SERIAL, World};

/// Data of each kind that count, and what is signed of each.
fn samples(world: &World) -> Vec<(RevocationKind, Vec<u8>, Vec<u8>)> {
    let list = Crl::of(&world.ca);
    let listed = list.clone().with(entry(SERIAL, DAY_AFTER, &[reason(4)]));
    let own = Answer::of(&world.ca, single(&id(&world.ca), &good(), DAY_AFTER, &[]));
    let delegated = Answer {
        responder: by_key(&world.responder),
        certificates: vec![world.delegate.der().to_vec()],
        ..Answer::of(
            &world.ca,
            single(&id(&world.ca), &revoked(DAY_AFTER, Some(4)), DAY_AFTER, &[]),
        )
    };
    vec![
        (RevocationKind::Crl, list.signed(&world.ca), list.tbs()),
        (RevocationKind::Crl, listed.signed(&world.ca), listed.tbs()),
        (RevocationKind::Ocsp, own.signed(&world.ca), own.tbs()),
        (
            RevocationKind::Ocsp,
            delegated.signed(&world.responder),
            delegated.tbs(),
        ),
    ]
}

fn is_nothing(status: &RevocationStatus) -> bool {
    matches!(
        status,
        RevocationStatus::Nothing(_) | RevocationStatus::AboutOthers(_)
    )
}

#[test]
fn no_byte_of_what_is_signed_can_be_changed() {
    let world = World::new();
    for (kind, data, tbs) in samples(&world) {
        let before = world.status(kind, &data);
        assert!(!is_nothing(&before), "{kind}: {before:?}");
        let start = data
            .windows(tbs.len())
            .position(|part| part == tbs)
            .unwrap();
        for at in start..start + tbs.len() {
            for bit in 0..8 {
                let mut changed = data.clone();
                changed[at] ^= 1 << bit;
                let status = revocation_status(&world.chain, 0, kind, &changed, GEN_TIME);
                assert!(is_nothing(&status), "{kind}: bit {bit} at {at}: {status:?}");
            }
        }
        // Outside of it a change is refused, or changes nothing that is said.
        for at in 0..data.len() {
            let mut changed = data.clone();
            changed[at] ^= 1 << (at % 8);
            let status = world.status(kind, &changed);
            assert!(
                is_nothing(&status) || status == before,
                "{kind} at {at}: {status:?}"
            );
        }
    }
}

#[test]
fn data_cut_short_say_nothing() {
    let world = World::new();
    for (kind, data, _) in samples(&world) {
        for length in 0..data.len() {
            let status = revocation_status(&world.chain, 0, kind, &data[..length], GEN_TIME);
            assert!(is_nothing(&status), "{kind} at {length}: {status:?}");
        }
    }
}

#[test]
fn data_of_one_kind_are_not_data_of_the_other() {
    let world = World::new();
    for (kind, data, _) in samples(&world) {
        let other = match kind {
            RevocationKind::Crl => RevocationKind::Ocsp,
            RevocationKind::Ocsp => RevocationKind::Crl,
        };
        let status = world.status(other, &data);
        assert!(is_nothing(&status), "{kind}: {status:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_say_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let world = World::new();
        for kind in [RevocationKind::Crl, RevocationKind::Ocsp] {
            prop_assert!(is_nothing(&world.status(kind, &bytes)));
        }
    }

    /// What is signed is read to its end: anything in the place of a part of it.
    #[test]
    fn any_signed_part_is_read_without_a_panic(
        part in proptest::collection::vec(any::<u8>(), 0..64),
        number in 0_u8..4,
    ) {
        let world = World::new();
        let list = Crl::of(&world.ca).with(part.clone());
        world.status(RevocationKind::Crl, &list.signed(&world.ca));
        let list = Crl::of(&world.ca).with(context(number, &part));
        world.status(RevocationKind::Crl, &list.signed(&world.ca));
        let answer = Answer::of(&world.ca, part);
        world.status(RevocationKind::Ocsp, &answer.signed(&world.ca));
    }
}

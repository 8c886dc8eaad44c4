//! Whom a token leads to: what is wrong with certificates counts only where somebody who is trusted stands behind them, and of
//! several paths the best one counts, in whatever order their certificates come.

use counterfoil_rfc3161::{
    Certificate, CheckName, Covers, Judgement, Nonce, Oid, Outcome, Question, RevocationData,
    RevocationKind, Timestamp,
};

use crate::der::{bits, element, integer, name, oid, sequence, time};
use crate::world::{
    DATA, ED25519, GEN_SECONDS, POLICY, Party, World, assert_good, certificate, extension, key,
    recorded, sign, troubles,
};

const NOT_CHECKED: [(CheckName, Outcome); 2] = [
    (CheckName::Path, Outcome::NotChecked),
    (CheckName::BasicConstraints, Outcome::NotChecked),
];

type Row = (&'static str, fn(&mut World));

/// Judges a token of one world by the root of another.
fn judged_by_another(change: fn(&mut World)) -> Judgement {
    let mut world = World::new();
    change(&mut world);
    let token = world.token(|_| (), |_| ());
    world.root.name = "Another";
    world.root.key = key();
    world.root.extensions = Party::authority("Another", 1).extensions;
    (world.root.from, world.root.to) = ("20200101000000Z", "20300101000000Z");
    world.judge(&token)
}

#[test]
fn what_is_wrong_below_an_untrusted_root_is_not_checked() {
    let rows: [Row; 6] = [
        ("an expired issuer", |world| {
            world.issuer.to = "20210101000000Z";
        }),
        ("an expired signer", |world| {
            world.signer.to = "20210101000000Z";
        }),
        ("an issuer that is no authority", |world| {
            drop(world.issuer.extensions.remove(0));
        }),
        ("name constraints", |world| {
            let constraints = extension("2.5.29.30", true, &[0x30, 0]);
            world.issuer.extensions.push(constraints);
        }),
        ("an unknown critical extension of the signer", |world| {
            let unknown = extension("1.2.3", true, &[5, 0]);
            world.signer.extensions.push(unknown);
        }),
        ("an issuer's key that is not known", |world| {
            let key = [sequence(&[oid("1.2.3.4")]), bits(&[1, 2, 3])];
            world.issuer.spki = Some(sequence(&key));
        }),
    ];
    for (what, change) in rows {
        let judgement = judged_by_another(change);
        assert_eq!(troubles(&judgement), NOT_CHECKED, "{what}: {judgement:#?}");
    }
}

/// A certificate that goes by the issuer's name, with a key of a kind that nobody knows.
fn stray(world: &World) -> Vec<u8> {
    let spki = sequence(&[sequence(&[oid("1.2.3.4")]), bits(&[1, 2, 3])]);
    let stray = Party {
        spki: Some(spki),
        ..Party::authority("Issuer", 99)
    };
    stray.by(&world.root)
}

#[test]
fn a_stray_certificate_changes_nothing() {
    let world = World::new();
    for place in [0, 1, 2] {
        let token = world.token(
            |_| (),
            |parts| parts.certificates.insert(place, stray(&world)),
        );
        assert_good(&world.judge(&token), "beside the issuer's");
    }
    let alone = world.token(|_| (), |parts| parts.certificates[1] = stray(&world));
    assert_eq!(troubles(&world.judge(&alone)), NOT_CHECKED);
}

/// A certificate with other dates, which the issuer's signature does not cover.
#[test]
fn a_certificate_that_nobody_signed_shows_nothing() {
    let world = World::new();
    let mut issuer = world.issuer_der();
    let dates = b"20300101000000Z";
    let at = issuer.windows(dates.len()).position(|part| part == dates);
    issuer[at.unwrap() + 2] = b'2';
    let token = world.token(|_| (), |parts| parts.certificates[1] = issuer.clone());
    let judgement = world.judge(&token);
    assert_eq!(troubles(&judgement), NOT_CHECKED, "{judgement:#?}");
    // With the true one beside it, it does no harm.
    let token = world.token(|_| (), |parts| parts.certificates.insert(1, issuer.clone()));
    assert_good(&world.judge(&token), "beside the true one");
}

/// The list of an authority: no reason stands for none revoked.
fn list(issuer: &Party, revoked: Option<(u16, u8)>) -> Vec<u8> {
    let algorithm = || sequence(&[oid(ED25519)]);
    let mut parts = vec![
        integer(1),
        algorithm(),
        name(issuer.name),
        time("20240602000000Z"),
    ];
    if let Some((serial, reason)) = revoked {
        let reason = extension("2.5.29.21", false, &element(0x0a, &[reason]));
        let entry = [
            integer(serial),
            time("20240501000000Z"),
            sequence(&[reason]),
        ];
        parts.push(sequence(&[sequence(&entry)]));
    }
    let tbs = sequence(&parts);
    let signature = bits(&sign(&issuer.key, &tbs));
    sequence(&[tbs, algorithm(), signature])
}

/// The issuer cross-signed by two roots that are both trusted, its certificates in both orders.
fn cross_signed(lists: fn(&World, &Party) -> Vec<Vec<u8>>) -> [Judgement; 2] {
    let mut world = World::new();
    let other = Party::authority("Other Root", 7);
    let first = world.issuer_der();
    world.issuer.serial = 22;
    let second = world.issuer.by(&other);
    world.issuer.serial = 2;
    let roots = [&world.root_der(), &other.by(&other)].map(|der| certificate(der));
    let lists = lists(&world, &other);
    let data: Vec<RevocationData<'_>> = lists
        .iter()
        .map(|data| RevocationData {
            kind: RevocationKind::Crl,
            data,
        })
        .collect();
    [[&first, &second], [&second, &first]].map(|issuers| {
        let issuers: Vec<Vec<u8>> = issuers.map(Clone::clone).to_vec();
        let token = world.token(
            |_| (),
            |parts| drop(parts.certificates.splice(1.., issuers)),
        );
        judge(&token, &roots, &data)
    })
}

fn judge(token: &[u8], roots: &[Certificate], revocation: &[RevocationData<'_>]) -> Judgement {
    recorded(&Question {
        token,
        covers: Covers::Data(DATA),
        nonce: Some(&Nonce::new(&[77])),
        policies: &[POLICY.parse::<Oid>().unwrap()],
        roots,
        extra: &[],
        revocation,
        at: Some(Timestamp::from_seconds(GEN_SECONDS)),
    })
}

#[test]
fn of_several_paths_the_best_one_counts_in_any_order() {
    const KEY_COMPROMISE: u8 = 1;
    const PRIVILEGE_WITHDRAWN: u8 = 9;
    type Lists = fn(&World, &Party) -> Vec<Vec<u8>>;
    let rows: [(&str, Lists, Outcome, &str); 4] = [
        (
            "nothing is known of one of the issuer's certificates",
            |world, other| vec![list(&world.issuer, None), list(other, None)],
            Outcome::Passed,
            "CN=Other Root",
        ),
        (
            "one of them was revoked",
            |world, other| {
                let revoked = list(&world.root, Some((2, PRIVILEGE_WITHDRAWN)));
                vec![list(&world.issuer, None), revoked, list(other, None)]
            },
            Outcome::Passed,
            "CN=Other Root",
        ),
        (
            "one was revoked because its key, which is that of both, was stolen",
            |world, other| {
                let revoked = list(&world.root, Some((2, KEY_COMPROMISE)));
                vec![list(&world.issuer, None), revoked, list(other, None)]
            },
            Outcome::Failed,
            "CN=",
        ),
        (
            "both were revoked",
            |world, other| {
                let revoked = [(&world.root, 2), (other, 22)]
                    .map(|(by, serial)| list(by, Some((serial, PRIVILEGE_WITHDRAWN))));
                [vec![list(&world.issuer, None)], revoked.to_vec()].concat()
            },
            Outcome::Failed,
            "CN=",
        ),
    ];
    for (what, lists, outcome, root) in rows {
        let [one, other] = cross_signed(lists);
        assert_eq!(one.checks, other.checks, "{what}");
        assert_eq!(one.chain, other.chain, "{what}");
        assert_eq!(
            one.outcome(CheckName::Revocation),
            outcome,
            "{what}: {one:#?}"
        );
        assert_eq!(one.outcome(CheckName::Path), Outcome::Passed, "{what}");
        let found = one.chain.last().map(|root| root.subject().to_string());
        assert!(found.is_some_and(|found| found.contains(root)), "{what}");
    }
}

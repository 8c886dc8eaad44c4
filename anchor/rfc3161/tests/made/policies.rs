//! Certificate policies (RFC 5280 section 6.1), where any is acceptable: what counts is whether one holds where one is demanded.

use counterfoil_rfc3161::{CheckName, Judgement, Outcome};

use crate::der::{element, oid, sequence};
use crate::world::{World, assert_good, extension, troubles};

const ANY: &str = "2.5.29.32.0";
const ONE: &str = "1.2.3.1";
const TWO: &str = "1.2.3.2";

/// `certificatePolicies`.
fn policies(policies: &[&str]) -> Vec<u8> {
    let information = |policy: &&str| sequence(&[oid(policy)]);
    let information: Vec<_> = policies.iter().map(information).collect();
    extension("2.5.29.32", false, &sequence(&information))
}

/// `policyMappings` with one.
fn mapping(issuers: &str, subjects: &str) -> Vec<u8> {
    let mapping = sequence(&[oid(issuers), oid(subjects)]);
    extension("2.5.29.33", true, &sequence(&[mapping]))
}

/// `policyConstraints` with the number of certificates after which a policy is demanded.
fn explicit(skip: u8) -> Vec<u8> {
    extension("2.5.29.36", true, &sequence(&[element(0x80, &[skip])]))
}

/// A policy is demanded at once, and mappings are inhibited after so many certificates.
fn explicit_and_no_mapping(skip: u8) -> Vec<u8> {
    let skips = [element(0x80, &[0]), element(0x81, &[skip])];
    extension("2.5.29.36", true, &sequence(&skips))
}

/// `inhibitAnyPolicy`.
fn no_any(skip: u8) -> Vec<u8> {
    extension("2.5.29.54", true, &element(0x02, &[skip]))
}

/// What is in the certificates of the issuer and the signer beside the usual.
type Row = (&'static str, Vec<Vec<u8>>, Vec<Vec<u8>>);

fn judged(row: &Row) -> Judgement {
    let mut world = World::new();
    world.issuer.extensions.extend(row.1.clone());
    world.signer.extensions.extend(row.2.clone());
    let token = world.token(|_| (), |_| ());
    world.judge(&token)
}

#[test]
fn a_path_holds_where_a_demanded_policy_does() {
    for row in [
        ("nothing is demanded", vec![], vec![]),
        (
            "none holds, and none is demanded",
            vec![policies(&[ONE])],
            vec![policies(&[TWO])],
        ),
        (
            "the same",
            vec![policies(&[ONE]), explicit(0)],
            vec![policies(&[ONE])],
        ),
        (
            "one of two",
            vec![policies(&[ONE, TWO]), explicit(0)],
            vec![policies(&[TWO])],
        ),
        (
            "any above",
            vec![policies(&[ANY]), explicit(0)],
            vec![policies(&[ONE])],
        ),
        (
            "any below",
            vec![policies(&[ONE]), explicit(0)],
            vec![policies(&[ANY])],
        ),
        (
            "a mapped one",
            vec![policies(&[ONE]), explicit(0), mapping(ONE, TWO)],
            vec![policies(&[TWO])],
        ),
        (
            "one mapped from any",
            vec![policies(&[ANY]), explicit(0), mapping(ONE, TWO)],
            vec![policies(&[TWO])],
        ),
        (
            "any is inhibited after the signer",
            vec![policies(&[ONE]), explicit(0), no_any(1)],
            vec![policies(&[ANY])],
        ),
        ("demanded below the signer", vec![explicit(2)], vec![]),
        (
            "the signer demands for those below",
            vec![],
            vec![explicit(1)],
        ),
    ] {
        assert_good(&judged(&row), row.0);
    }
}

#[test]
fn a_path_fails_where_a_demanded_policy_does_not_hold() {
    let none = "demands an explicit policy, and none holds from the root to CN=Signer";
    for (row, reason) in [
        (
            ("no policies at all", vec![explicit(0)], vec![]),
            "none holds",
        ),
        (
            (
                "none of the signer",
                vec![policies(&[ONE]), explicit(0)],
                vec![],
            ),
            none,
        ),
        (
            (
                "none of the issuer",
                vec![explicit(0)],
                vec![policies(&[ONE])],
            ),
            none,
        ),
        (
            (
                "another",
                vec![policies(&[ONE]), explicit(0)],
                vec![policies(&[TWO])],
            ),
            none,
        ),
        (("at the end of the path", vec![explicit(1)], vec![]), none),
        (("by the signer itself", vec![], vec![explicit(0)]), none),
        (
            (
                "the one that is mapped away",
                vec![policies(&[ONE]), explicit(0), mapping(ONE, TWO)],
                vec![policies(&[ONE])],
            ),
            none,
        ),
        (
            (
                "any is inhibited",
                vec![policies(&[ONE]), explicit(0), no_any(0)],
                vec![policies(&[ANY])],
            ),
            none,
        ),
        (
            (
                "anyPolicy is mapped",
                vec![policies(&[ANY]), mapping(ANY, ONE)],
                vec![policies(&[ONE])],
            ),
            "CN=Issuer maps anyPolicy",
        ),
        (
            (
                "anyPolicy is mapped to",
                vec![policies(&[ONE]), mapping(ONE, ANY)],
                vec![policies(&[ONE])],
            ),
            "CN=Issuer maps anyPolicy",
        ),
    ] {
        let judgement = judged(&row);
        let expected = [
            (CheckName::Path, Outcome::Failed),
            (CheckName::BasicConstraints, Outcome::NotChecked),
        ];
        assert_eq!(troubles(&judgement), expected, "{}", row.0);
        let said = &judgement.first_failure().unwrap().reason;
        assert!(said.contains(reason), "{}: {said}", row.0);
    }
}

/// With an authority between the root and the issuer, which has these extensions.
fn judged_below(upper: &[Vec<u8>], issuer: &[Vec<u8>], signer: &[Vec<u8>]) -> Judgement {
    let mut world = World::new();
    let mut above = World::new().issuer;
    above.name = "Upper";
    above.extensions.extend_from_slice(upper);
    world.issuer.extensions.extend_from_slice(issuer);
    world.signer.extensions.extend_from_slice(signer);
    let certificates = [world.issuer.by(&above), above.by(&world.root)];
    let token = world.token(
        |_| (),
        |parts| drop(parts.certificates.splice(1.., certificates)),
    );
    world.judge(&token)
}

#[test]
fn an_authority_may_inhibit_mappings_and_any_policy_of_those_below() {
    let (one, two, any) = (policies(&[ONE]), policies(&[TWO]), policies(&[ANY]));
    let mapped = [one.clone(), mapping(ONE, TWO)];
    for (what, upper, issuer, is_good) in [
        (
            "mappings at once",
            explicit_and_no_mapping(0),
            &mapped[..],
            false,
        ),
        (
            "mappings below the next",
            explicit_and_no_mapping(1),
            &mapped,
            true,
        ),
    ] {
        let judgement = judged_below(&[one.clone(), upper], issuer, std::slice::from_ref(&two));
        assert_eq!(judgement.is_good(), is_good, "{what}: {judgement:#?}");
    }
    for (what, skip, is_good) in [("any at once", 0, false), ("any below the next", 1, true)] {
        let upper = [one.clone(), explicit(0), no_any(skip)];
        let judgement = judged_below(
            &upper,
            std::slice::from_ref(&any),
            std::slice::from_ref(&one),
        );
        assert_eq!(judgement.is_good(), is_good, "{what}: {judgement:#?}");
    }
    for (what, skip, is_good) in [("demanded at the signer", 2, false), ("below", 3, true)] {
        let judgement = judged_below(&[explicit(skip)], &[], &[]);
        assert_eq!(judgement.is_good(), is_good, "{what}: {judgement:#?}");
    }
}

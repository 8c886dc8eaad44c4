//! How certificates stand by all that is given about their revocation.

use counterfoil_rfc3161::{
    CheckName, Covers, Judgement, Outcome, Question, RevocationData, RevocationKind, Standing,
};

use crate::der::{bits, context, element, integer, name, oid, sequence, time};
use crate::world::{DATA, ED25519, Party, World, certificate, extension, recorded, sign};

const BEFORE: &str = "20240601000000Z";
const AFTER: &str = "20240602000000Z";
/// When lists are made, after the token.
const FIRST: &str = "20240603000000Z";
const SECOND: &str = "20240610000000Z";
const THIRD: &str = "20240617000000Z";

const SUPERSEDED: u8 = 4;
const COMPROMISED: u8 = 1;
const HOLD: u8 = 6;

/// `CRLDistributionPoints` of one `DistributionPoint`.
fn point(names: &[Vec<u8>]) -> Vec<u8> {
    let full = context(0, &context(0, &names.concat()));
    extension("2.5.29.31", false, &sequence(&[sequence(&[full])]))
}

fn url(text: &str) -> Vec<u8> {
    element(0x86, text.as_bytes())
}

/// A signer whose certificate names a place over HTTP.
fn world() -> World {
    let mut world = World::new();
    let place = point(&[url("http://ca.example/crl")]);
    world.signer.extensions.push(place);
    world
}

/// A list of the issuer: the signer's certificate on it, by a date and a reason, or not.
fn list(issuer: &Party, this_update: &str, signer: Option<(&str, u8)>) -> Vec<u8> {
    let algorithm = sequence(&[oid(ED25519)]);
    let mut parts = vec![
        integer(1),
        algorithm.clone(),
        name(issuer.name),
        time(this_update),
    ];
    parts.extend(signer.map(|(at, reason)| {
        let reason = extension("2.5.29.21", false, &element(0x0a, &[reason]));
        sequence(&[sequence(&[integer(3), time(at), sequence(&[reason])])])
    }));
    let tbs = sequence(&parts);
    let signature = bits(&sign(&issuer.key, &tbs));
    sequence(&[tbs, algorithm, signature])
}

fn judged(world: &World, lists: &[Vec<u8>]) -> Judgement {
    let token = world.token(|_| (), |_| ());
    let revocation: Vec<_> = lists
        .iter()
        .map(|data| RevocationData {
            kind: RevocationKind::Crl,
            data,
        })
        .collect();
    recorded(&Question {
        token: &token,
        covers: Covers::Data(DATA),
        nonce: None,
        policies: &[],
        roots: &[certificate(&world.root_der())],
        extra: &[],
        revocation: &revocation,
        at: None,
    })
}

/// What the check came to, and its words.
fn check(judgement: &Judgement) -> (Outcome, String) {
    let mut checks = judgement.checks.iter();
    let check = checks.find(|check| check.name == CheckName::Revocation);
    let check = check.unwrap();
    (check.outcome, check.reason.clone())
}

type Said<'a> = (&'a str, Option<(&'a str, u8)>);

#[test]
fn a_hold_ends_when_newer_data_say_so() {
    use Outcome::{Failed, Passed};
    let world = world();
    let held = Some((AFTER, HOLD));
    let within = Some((BEFORE, HOLD));
    let rows: [(&str, &[Said<'_>], Outcome, &str); 9] = [
        ("held", &[(FIRST, held)], Failed, "certificateHold"),
        (
            "held, then released",
            &[(FIRST, held), (SECOND, None)],
            Passed,
            "CN=Signer was not revoked",
        ),
        (
            "good, then held",
            &[(FIRST, None), (SECOND, held)],
            Failed,
            "certificateHold",
        ),
        (
            "held, and good of the same moment",
            &[(FIRST, held), (FIRST, None)],
            Failed,
            "certificateHold",
        ),
        (
            "held, released and held again",
            &[(FIRST, held), (SECOND, None), (THIRD, held)],
            Failed,
            "certificateHold",
        ),
        (
            "held twice, then released",
            &[(FIRST, held), (SECOND, held), (THIRD, None)],
            Passed,
            "CN=Signer was not revoked",
        ),
        (
            "held, then revoked in good order",
            &[(FIRST, held), (SECOND, Some((AFTER, SUPERSEDED)))],
            Passed,
            "after the token was made: superseded",
        ),
        (
            "held, then revoked for good",
            &[(FIRST, held), (SECOND, Some((AFTER, COMPROMISED)))],
            Failed,
            "keyCompromise",
        ),
        (
            "held when the token was made, then released",
            &[(FIRST, within), (SECOND, None)],
            Failed,
            "certificateHold",
        ),
    ];
    for (row, said, outcome, words) in rows {
        let made = said
            .iter()
            .map(|(at, signer)| list(&world.issuer, at, *signer));
        let mut lists: Vec<_> = made.collect();
        for _ in 0..2 {
            let (found, reason) = check(&judged(&world, &lists));
            assert_eq!(found, outcome, "{row}: {reason}");
            assert!(reason.contains(words), "{row}: {reason}");
            lists.reverse();
        }
    }
}

#[test]
fn a_certificate_that_names_places_that_are_not_fetched_does_not_count_as_naming_none() {
    let ldap = || url("ldap://ca.example/cn=ca?x");
    let access = |location| {
        let access = sequence(&[sequence(&[oid("1.3.6.1.5.5.7.48.1"), location])]);
        extension("1.3.6.1.5.5.7.1.1", false, &access)
    };
    let relative = context(0, &context(1, &[]));
    let by_another = context(2, &context(4, &name("Another")));
    let of_point = |part| extension("2.5.29.31", false, &sequence(&[sequence(&[part])]));
    let rows = [
        (point(&[ldap()]), "\"ldap://ca.example/cn=ca?x\""),
        (access(ldap()), "\"ldap://ca.example/cn=ca?x\""),
        (
            point(&[url("http://a b/\u{202e}")]),
            "\"http://a b/\\E2\\80\\AE\"",
        ),
        (
            point(&[context(4, &name("List, 1")), ldap()]),
            "the directory name CN=List\\, 1, \"ldap:",
        ),
        (point(&[element(0x82, b"ca.example")]), "a name of kind 2"),
        (of_point(relative), "a name relative to that of its issuer"),
        (of_point(by_another), "the name of another issuer of lists"),
    ];
    for (named, place) in rows {
        let mut world = World::new();
        world.signer.extensions.push(named);
        let (outcome, reason) = check(&judged(&world, &[]));
        assert_eq!(outcome, Outcome::NotChecked);
        let words = format!("CN=Signer: it names no place over HTTP, only {place}");
        assert!(reason.starts_with(&words), "{reason}");
        let end = "which is not fetched; nothing was captured";
        assert!(reason.ends_with(end), "{reason}");
        // What was captured in another way counts all the same.
        let list = list(&world.issuer, FIRST, None);
        assert_eq!(check(&judged(&world, &[list])).0, Outcome::Passed);
    }
    // A place that is fetched beside it is what matters.
    let mut world = World::new();
    let both = point(&[ldap(), url("HTTPS://ca.example/crl")]);
    world.signer.extensions.push(both);
    let (_, reason) = check(&judged(&world, &[]));
    assert_eq!(reason, "CN=Signer: nothing was captured");
    let standings = judged(&World::new(), &[]).revocation;
    assert_eq!(standings, [Standing::Unpublished, Standing::Unpublished]);
}

#[test]
fn what_is_about_others_does_not_hide_what_is_about_the_certificate() {
    let world = world();
    let others = vec![list(&world.root, FIRST, None); 8];
    let (outcome, reason) = check(&judged(&world, &others));
    assert_eq!(outcome, Outcome::NotChecked);
    let words = "CN=Signer: nothing that was captured is about it";
    assert_eq!(reason, words);
    let stranger = Party::authority("Issuer", 2);
    let with_namesake = [others, vec![list(&stranger, FIRST, None)]].concat();
    let (_, reason) = check(&judged(&world, &with_namesake));
    let words = "nothing that was captured about it counts (CRL: the signature does not verify)";
    assert!(reason.ends_with(words), "{reason}");
}

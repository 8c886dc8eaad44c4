//! CRLs (RFC 5280 sections 5 and 6.3).

use counterfoil_rfc3161::{RevocationKind, RevocationReason, RevocationStatus, Timestamp};

use crate::der::{
    algorithm, context, element, enumerated, extension, integer, primitive, sequence, time,
};
use crate::parties::{
    AT, BEFORE, CRL_URL, DAY_AFTER, EXPIRED, EXPIRY, GEN_TIME, Party, SERIAL, WEEK_AFTER, World,
    assert_about_others, assert_nothing, key_identifier,
};

/// A list before it is signed.
#[derive(Clone)]
pub(crate) struct Crl {
    pub(crate) version: Option<u8>,
    pub(crate) inner_algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) this_update: Vec<u8>,
    pub(crate) next_update: Vec<u8>,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl Crl {
    /// The authority's list of the day after genTime, with another certificate on it.
    pub(crate) fn of(issuer: &Party) -> Self {
        Self {
            version: Some(1),
            inner_algorithm: algorithm(),
            issuer: issuer.name.clone(),
            this_update: time(DAY_AFTER),
            next_update: time(WEEK_AFTER),
            entries: vec![entry(&[0x07], BEFORE, &[reason(1)])],
            extensions: vec![
                key_identifier(),
                extension("2.5.29.20", false, &integer(&[9])),
            ],
        }
    }

    pub(crate) fn at(mut self, this_update: &str) -> Self {
        self.this_update = time(this_update);
        self.next_update = Vec::new();
        self
    }

    pub(crate) fn with(mut self, entry: Vec<u8>) -> Self {
        self.entries.push(entry);
        self
    }

    pub(crate) fn extended(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub(crate) fn tbs(&self) -> Vec<u8> {
        let version = self.version.map(|version| integer(&[version]));
        let list = |parts: &[Vec<u8>]| match parts {
            [] => Vec::new(),
            parts => element(0x30, &parts.concat()),
        };
        let extensions = match list(&self.extensions) {
            none if none.is_empty() => none,
            some => context(0, &some),
        };
        sequence(&[
            &version.unwrap_or_default(),
            &self.inner_algorithm,
            &self.issuer,
            &self.this_update,
            &self.next_update,
            &list(&self.entries),
            &extensions,
        ])
    }

    pub(crate) fn signed(&self, by: &Party) -> Vec<u8> {
        let tbs = self.tbs();
        sequence(&[&tbs, &by.sign(&tbs)])
    }
}

pub(crate) fn entry(serial: &[u8], at: &str, extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = match extensions {
        [] => Vec::new(),
        some => element(0x30, &some.concat()),
    };
    sequence(&[&integer(serial), &time(at), &extensions])
}

pub(crate) fn reason(code: u8) -> Vec<u8> {
    extension("2.5.29.21", false, &enumerated(code))
}

fn invalidity(date: &str) -> Vec<u8> {
    extension("2.5.29.24", false, &time(date))
}

pub(crate) fn revoked(at: &str, extensions: &[Vec<u8>]) -> Vec<u8> {
    entry(SERIAL, at, extensions)
}

/// `IssuingDistributionPoint`, critical.
pub(crate) fn scope(parts: &[Vec<u8>]) -> Vec<u8> {
    extension("2.5.29.28", true, &element(0x30, &parts.concat()))
}

pub(crate) fn flag(number: u8) -> Vec<u8> {
    primitive(number, &[0xff])
}

pub(crate) fn point(url: &str) -> Vec<u8> {
    context(0, &context(0, &primitive(6, url.as_bytes())))
}

const DAY: i64 = 86_400;

fn day(days: i64) -> Timestamp {
    Timestamp::from_seconds(GEN_TIME.seconds() + days * DAY)
}

pub(crate) fn status(world: &World, crl: &Crl) -> RevocationStatus {
    world.status(RevocationKind::Crl, &crl.signed(&world.ca))
}

#[test]
fn a_list_that_is_not_older_than_the_token_and_has_not_the_certificate_says_good() {
    let world = World::new();
    let crl = Crl::of(&world.ca);
    let empty = Crl {
        entries: Vec::new(),
        ..crl.clone()
    };
    let version_1 = Crl {
        version: None,
        extensions: Vec::new(),
        entries: vec![entry(&[0x07], BEFORE, &[])],
        ..crl.clone()
    };
    let utc = Crl {
        this_update: element(0x17, b"260102000000Z"),
        ..crl.clone()
    };
    for (row, crl) in [
        ("an entry for another", crl.clone()),
        ("no entry", empty),
        ("version 1", version_1),
        ("UTCTime", utc),
        ("of the second of genTime", crl.clone().at(AT)),
        (
            "in the last second of the certificate",
            crl.clone().at(EXPIRY),
        ),
        ("for users alone", crl.clone().extended(scope(&[flag(1)]))),
        (
            "at the point that the certificate names",
            crl.clone().extended(scope(&[point(CRL_URL)])),
        ),
        (
            "an unknown extension that is not critical",
            crl.clone().extended(extension("1.2.3", false, &[])),
        ),
        (
            "expired, and remembered",
            crl.clone()
                .at(EXPIRED)
                .extended(extension("2.5.29.60", false, &time(EXPIRY))),
        ),
    ] {
        assert_eq!(status(&world, &crl), RevocationStatus::Good, "{row}");
    }
}

#[test]
fn an_older_list_says_when_the_next_one_comes() {
    let world = World::new();
    let old = Crl {
        this_update: time("20251231235959Z"),
        ..Crl::of(&world.ca)
    };
    let next = Some(day(7));
    assert_eq!(status(&world, &old), RevocationStatus::TooOld { next });
    let next = None;
    let old = Crl::of(&world.ca).at(BEFORE);
    assert_eq!(status(&world, &old), RevocationStatus::TooOld { next });
    // A hold may have ended since.
    let held = old.clone().with(revoked(BEFORE, &[reason(6)]));
    assert_eq!(status(&world, &held), RevocationStatus::TooOld { next });
    // What is announced is not yet so.
    let announced = old.with(revoked(DAY_AFTER, &[reason(4)]));
    assert_eq!(
        status(&world, &announced),
        RevocationStatus::TooOld { next }
    );
}

#[test]
fn four_reasons_leave_older_tokens_standing_and_no_other() {
    // SPEC(rfc3161): "[Paraphrased] Where the reason of a revocation is unspecified, affiliationChanged, superseded or cessationOfOperation, tokens from before it stay valid."
    // SPEC(rfc3161): "[Paraphrased] Where a revocation has no reason, no token that was made with the key is valid."
    // SPEC(rfc3161): "[Paraphrased] Where the key was compromised, no token that was made with it can be trusted any more."
    let world = World::new();
    let rows: [(Option<u8>, RevocationReason, bool); 12] = [
        (None, RevocationReason::NotGiven, false),
        (Some(0), RevocationReason::Unspecified, true),
        (Some(1), RevocationReason::KeyCompromise, false),
        (Some(2), RevocationReason::CaCompromise, false),
        (Some(3), RevocationReason::AffiliationChanged, true),
        (Some(4), RevocationReason::Superseded, true),
        (Some(5), RevocationReason::CessationOfOperation, true),
        (Some(6), RevocationReason::CertificateHold, false),
        (Some(7), RevocationReason::Other(7), false),
        (Some(9), RevocationReason::PrivilegeWithdrawn, false),
        (Some(10), RevocationReason::AaCompromise, false),
        (Some(11), RevocationReason::Other(11), false),
    ];
    for (code, reason_given, stands) in rows {
        let extensions: Vec<Vec<u8>> = code.into_iter().map(reason).collect();
        let list = |at| {
            Crl::of(&world.ca)
                .at(WEEK_AFTER)
                .with(revoked(at, &extensions))
        };
        let reason = reason_given;
        let at = day(1);
        let expected = match reason {
            _ if stands => RevocationStatus::RevokedLater { at, reason },
            RevocationReason::CertificateHold => RevocationStatus::OnHold { at, next: None },
            _ => RevocationStatus::Revoked { at, reason },
        };
        assert_eq!(
            status(&world, &list(DAY_AFTER)),
            expected,
            "{code:?}, later"
        );
        for (at, days) in [(AT, 0), (BEFORE, -1)] {
            let at_or_before = RevocationStatus::Revoked {
                at: day(days),
                reason,
            };
            assert_eq!(status(&world, &list(at)), at_or_before, "{code:?} at {at}");
        }
    }
}

#[test]
fn a_revocation_is_known_from_older_lists_and_after_expiry_too() {
    let world = World::new();
    let reason_given = RevocationReason::Superseded;
    let before = RevocationStatus::Revoked {
        at: day(-1),
        reason: reason_given,
    };
    let crl = Crl::of(&world.ca).with(revoked(BEFORE, &[reason(4)]));
    assert_eq!(status(&world, &crl.clone().at(BEFORE)), before);
    assert_eq!(status(&world, &crl.clone().at(EXPIRED)), before);
    let partial = crl.extended(scope(&[primitive(3, &[0x01, 0x40])]));
    assert_eq!(status(&world, &partial), before);
}

#[test]
fn the_date_since_which_a_certificate_is_invalid_counts_if_it_is_earlier() {
    let world = World::new();
    let list = |since| {
        Crl::of(&world.ca)
            .at(WEEK_AFTER)
            .with(revoked(DAY_AFTER, &[reason(5), invalidity(since)]))
    };
    let reason = RevocationReason::CessationOfOperation;
    let at = day(0);
    assert_eq!(
        status(&world, &list(AT)),
        RevocationStatus::Revoked { at, reason }
    );
    let at = day(1);
    let later = RevocationStatus::RevokedLater { at, reason };
    assert_eq!(status(&world, &list(WEEK_AFTER)), later);
}

/// What is on hold is released, or revoked: until then nothing is decided for a token from before. For one from within it is.
#[test]
fn a_hold_from_after_the_token_decides_nothing_yet() {
    let world = World::new();
    let held = |at, extensions: &[Vec<u8>]| {
        let extensions = [&[reason(6)], extensions].concat();
        Crl::of(&world.ca).with(revoked(at, &extensions))
    };
    let on_hold = RevocationStatus::OnHold {
        at: day(1),
        next: Some(day(7)),
    };
    assert_eq!(status(&world, &held(DAY_AFTER, &[])), on_hold);
    // Since when a key is suspected is withdrawn with the hold.
    let suspected = held(DAY_AFTER, &[invalidity(BEFORE)]);
    assert_eq!(status(&world, &suspected), on_hold);
    let reason = RevocationReason::CertificateHold;
    for (at, days) in [(AT, 0), (BEFORE, -1)] {
        let at_genesis = RevocationStatus::Revoked {
            at: day(days),
            reason,
        };
        assert_eq!(status(&world, &held(at, &[])), at_genesis, "{at}");
    }
}

#[test]
fn of_two_entries_for_one_certificate_the_worse_counts() {
    let world = World::new();
    let superseded = revoked(DAY_AFTER, &[reason(4)]);
    let later = revoked(WEEK_AFTER, &[reason(4)]);
    let held = revoked(DAY_AFTER, &[reason(6)]);
    let compromised = revoked(WEEK_AFTER, &[reason(1)]);
    let before = revoked(BEFORE, &[reason(4)]);
    let of = |reason, days| RevocationStatus::Revoked {
        at: day(days),
        reason,
    };
    let rows: [(&str, [&Vec<u8>; 2], RevocationStatus); 5] = [
        (
            "a reason that reaches back",
            [&superseded, &compromised],
            of(RevocationReason::KeyCompromise, 7),
        ),
        (
            "from before the token",
            [&compromised, &before],
            of(RevocationReason::Superseded, -1),
        ),
        (
            "a hold",
            [&superseded, &held],
            RevocationStatus::OnHold {
                at: day(1),
                next: None,
            },
        ),
        (
            "a hold, and for good",
            [&held, &compromised],
            of(RevocationReason::KeyCompromise, 7),
        ),
        (
            "the earlier",
            [&later, &superseded],
            RevocationStatus::RevokedLater {
                at: day(1),
                reason: RevocationReason::Superseded,
            },
        ),
    ];
    for (row, [one, other], expected) in rows {
        for [one, other] in [[one, other], [other, one]] {
            let list = Crl::of(&world.ca)
                .at(WEEK_AFTER)
                .with(one.clone())
                .with(other.clone());
            assert_eq!(status(&world, &list), expected, "{row}");
        }
    }
}

#[test]
fn a_list_of_some_reasons_does_not_exclude_the_others() {
    let world = World::new();
    let some = |code| {
        Crl::of(&world.ca)
            .extended(scope(&[primitive(3, &[0x01, 0x40])]))
            .with(revoked(DAY_AFTER, &[reason(code)]))
    };
    // That it was superseded leaves the token standing, and that its key was compromised may be on another list.
    assert_nothing(
        &status(&world, &some(4)),
        "some reasons alone",
        "superseded",
    );
    let (at, reason) = (day(1), RevocationReason::KeyCompromise);
    assert_eq!(
        status(&world, &some(1)),
        RevocationStatus::Revoked { at, reason }
    );
}

#[test]
fn lists_about_an_authority_are_those_of_the_root() {
    let world = World::new();
    let about_ca = |crl: &Crl| {
        let data = crl.signed(&world.root);
        world.status_of(1, RevocationKind::Crl, &data)
    };
    let crl = Crl::of(&world.root);
    assert_eq!(about_ca(&crl), RevocationStatus::Good);
    let authorities = crl.clone().extended(scope(&[flag(2)]));
    assert_eq!(about_ca(&authorities), RevocationStatus::Good);
    let users = crl.clone().extended(scope(&[flag(1)]));
    assert_about_others(&about_ca(&users), "users alone", "users alone");
    let revoked = crl.with(entry(&[0x11], AT, &[reason(5)]));
    let (at, reason) = (day(0), RevocationReason::CessationOfOperation);
    assert_eq!(about_ca(&revoked), RevocationStatus::Revoked { at, reason });
}

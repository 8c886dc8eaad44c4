//! Real tokens: authorities for development in this process, which do what a test tells them to.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::worker::{Disk, Running, Terms, answers, worker};
use common::{Log, Tree};
use counterfoil_anchor::config::AuthorityConfig;
use counterfoil_anchor::judge::rfc3161;
use counterfoil_anchor::moment;
use counterfoil_anchor::record::RevocationKind;
use counterfoil_anchor::tsa::{Misbehaviour, Tsa, TsaOptions};
use counterfoil_anchor::worker::status::LogStatus;
use counterfoil_dev_tsa::{Behaviour, DevTsa, Options as DevOptions, Reason};
use counterfoil_service::client::{Client, ClientOptions};
use tempfile::TempDir;

const DATA: &[u8] = b"a signed checkpoint";
const LONG: Duration = Duration::from_secs(20);

/// An authority, and its table of a configuration.
struct Authority {
    dev: DevTsa,
    directory: TempDir,
    config: AuthorityConfig,
}

impl Authority {
    async fn start(name: &str) -> Self {
        let options = DevOptions {
            name: name.to_owned(),
            ..DevOptions::default()
        };
        Self::with(name, options).await
    }

    async fn with(name: &str, options: DevOptions) -> Self {
        let dev = DevTsa::start(options).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root.pem");
        std::fs::write(&root, dev.root_pem()).unwrap();
        let config = AuthorityConfig {
            name: name.to_owned(),
            url: dev.tsr_url().into(),
            roots: vec![root],
            certificates: Vec::new(),
            policies: vec![dev.policy()],
        };
        Self {
            dev,
            directory,
            config,
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn tsa(&self, deadline: Duration) -> Tsa {
        let options = TsaOptions {
            deadline,
            ..TsaOptions::default()
        };
        Tsa::new(
            self.config.name.parse().unwrap(),
            self.config.url.secret().parse().unwrap(),
            rfc3161::make(&self.config).unwrap(),
            Client::new(&ClientOptions::default()).unwrap(),
            options,
        )
    }
}

#[tokio::test]
async fn a_good_token_counts_whatever_the_keys() {
    for algorithm in ["p256", "p384", "ed25519", "rsa2048", "rsa2048-pss"] {
        let options = DevOptions {
            algorithm: algorithm.parse().unwrap(),
            ..DevOptions::default()
        };
        let authority = Authority::with("tsa", options).await;
        let before = moment::now();
        let token = authority.tsa(LONG).stamp(DATA, moment::now).await;
        let token = token.unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        let after = moment::now();
        assert!((before..=after).contains(&token.gen_time), "{algorithm}");
        assert!(token.earliest <= token.gen_time && token.gen_time <= token.latest);
        let chain = [
            authority.dev.signer(),
            authority.dev.intermediate(),
            authority.dev.root(),
        ];
        assert_eq!(token.chain, chain, "{algorithm}");
    }
}

#[tokio::test]
async fn each_behaviour_is_named() {
    use Misbehaviour as M;
    let short = Duration::from_millis(300);
    let rows: [(&str, Duration, M, &str); 19] = [
        ("slow", short, M::Slow, "no whole answer within 0.3 s"),
        ("down", LONG, M::Broken, ""),
        ("unavailable", LONG, M::Status, "503"),
        ("rejects", LONG, M::Rejects, "systemFailure"),
        ("html", LONG, M::NotAResponse, "got text/html"),
        ("wrong-nonce", LONG, M::WrongNonce, "nonce: expected"),
        // It is right but for its number.
        ("stale", LONG, M::WrongNonce, "nonce: expected"),
        ("other-data", LONG, M::OtherData, "imprint: it covers other"),
        ("wrong-policy", LONG, M::WrongPolicy, "policy: expected"),
        ("bad-signature", LONG, M::BadSignature, "signature: "),
        ("untrusted", LONG, M::Untrusted, "path: "),
        ("past", LONG, M::Stale, "before it was asked for"),
        ("past=120", LONG, M::Stale, "before it was asked for"),
        ("future", LONG, M::Future, "after it came"),
        ("huge", LONG, M::TooLong, "more than 266240 bytes"),
        ("no-certificates", LONG, M::Untrusted, "certificate"),
        ("expired", LONG, M::BadCertificate, "path: "),
        (
            "eku-not-critical",
            LONG,
            M::BadCertificate,
            "extended key usage: ",
        ),
        (
            "eku-not-sole",
            LONG,
            M::BadCertificate,
            "extended key usage: ",
        ),
    ];
    let authority = Authority::start("tsa").await;
    // What a cache would answer from.
    authority.tsa(LONG).stamp(DATA, moment::now).await.unwrap();
    for (behaviour, deadline, misbehaviour, reason) in rows {
        authority.dev.behave(behaviour.parse().unwrap());
        let stamped = authority.tsa(deadline).stamp(DATA, moment::now).await;
        let error = stamped.unwrap_err();
        assert_eq!(error.misbehaviour, misbehaviour, "{behaviour}: {error}");
        assert!(error.reason.contains(reason), "{behaviour}: {error}");
    }
    // Revocation is told by what is fetched, and the rest of the behaviours are about that.
    let rest = ["honest", "revoked", "issuer-revoked", "no-revocation-data"];
    for name in Behaviour::NAMES {
        let tried = rows
            .iter()
            .any(|(row, ..)| row.split('=').next() == Some(name));
        assert!(tried || rest.contains(&name), "{name} is not tried");
    }
    let tsa = authority.tsa(LONG);
    authority.dev.stop().await;
    let error = tsa.stamp(DATA, moment::now).await.unwrap_err();
    assert_eq!(error.misbehaviour, M::Down, "{error}");
}

#[tokio::test]
async fn certificates_that_tokens_lack_come_from_the_configuration() {
    let mut authority = Authority::start("tsa").await;
    authority.dev.behave(Behaviour::NoCertificates);
    let pem = |der: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    let text = pem(authority.dev.signer()) + &pem(authority.dev.intermediate());
    authority.config.certificates = vec![authority.file("more.pem", &text)];
    let token = authority.tsa(LONG).stamp(DATA, moment::now).await.unwrap();
    assert_eq!(token.chain.len(), 3);
}

#[tokio::test]
async fn files_that_are_not_what_they_should_be_are_named() {
    let mut authority = Authority::start("tsa").await;
    let half = &authority.dev.root_pem()[..200];
    let rows = [
        ("empty.pem", "", "no `BEGIN CERTIFICATE` block"),
        (
            "key.pem",
            "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
            "expected a certificate in PEM as block 1, got \"-----BEGIN PRIVATE KEY-----\"",
        ),
        ("half.pem", half, "as block 1, got"),
        (
            "other.pem",
            "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
            "as block 1, got ",
        ),
    ];
    for (name, text, expected) in rows {
        authority.config.roots = vec![authority.file(name, text)];
        let error = rfc3161::make(&authority.config).unwrap_err().to_string();
        assert!(error.contains(name), "{name}: {error}");
        assert!(error.contains(expected), "{name}: {error}");
    }
    let root = authority.file("root.pem", &authority.dev.root_pem());
    authority.config.roots = vec![root.clone(); 32];
    assert!(rfc3161::make(&authority.config).is_ok());
    authority.config.roots = vec![root; 33];
    let error = rfc3161::make(&authority.config).unwrap_err().to_string();
    let most = "roots: expected at most 32 certificates in all files, got 33";
    assert_eq!(error, most);
    authority.config.roots = vec![Path::new("/nowhere/root.pem").to_owned()];
    let error = rfc3161::make(&authority.config).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/root.pem: "), "{error}");
}

/// A log, two authorities of which one must vouch, and what outlives a process.
struct World {
    disk: Disk,
    log: Log,
    authorities: [Authority; 2],
}

impl World {
    async fn new(first: DevOptions) -> Self {
        Self {
            disk: Disk::default(),
            log: Log::start(Tree::new(7)).await,
            authorities: [
                Authority::with("first", first).await,
                Authority::start("second").await,
            ],
        }
    }

    async fn run(&self) -> Running {
        let terms = Terms {
            deadline: Duration::from_secs(5),
            judge: std::sync::Arc::new(rfc3161::Rfc3161RecordJudge),
            ..Terms::default()
        };
        let tsas = self.authorities.iter();
        let tsas = tsas.map(|one| one.tsa(terms.deadline)).collect();
        Running::start(worker(&self.disk, &self.log, tsas, &terms).await)
    }
}

#[tokio::test]
async fn one_that_misbehaves_is_counted_and_keeps_no_other_from_counting() {
    let world = World::new(DevOptions::default()).await;
    let rows = [
        ("down", "broken"),
        ("html", "not-a-response"),
        ("wrong-nonce", "wrong-nonce"),
        ("other-data", "other-data"),
        ("wrong-policy", "wrong-policy"),
        ("bad-signature", "bad-signature"),
        ("untrusted", "untrusted"),
        ("expired", "bad-certificate"),
        ("past", "stale"),
        ("future", "future"),
        ("huge", "too-long"),
        ("revoked", "revoked"),
        ("revoked=superseded", "revoked"),
        ("issuer-revoked=ca-compromise", "revoked"),
    ];
    let running = world.run().await;
    let (bad, good) = (0, 1);
    let mut size = 7;
    running
        .until("anchored", |status| answers(status, bad, "counted") == 1)
        .await;
    for (behaviour, word) in rows {
        world.authorities[bad]
            .dev
            .behave(behaviour.parse().unwrap());
        size += 1;
        world.log.serve(&Tree::new(size), &[1, 2]);
        let before = running.worker.status().remove(0);
        running.worker.want();
        let status = running
            .until(behaviour, |status| {
                answers(status, bad, word) > answers(&before, bad, word)
                    && answers(status, good, "counted") > answers(&before, good, "counted")
                    && status
                        .newest
                        .as_ref()
                        .is_some_and(|newest| newest.place.size.get() == size)
            })
            .await;
        let trouble = status.authorities[bad].trouble.as_ref().unwrap();
        assert_eq!(trouble.word, word, "{behaviour}");
        assert_eq!(answers(&status, bad, "counted"), 1, "{behaviour}");
    }
    world.authorities[bad].dev.behave(Behaviour::Honest);
    running
        .until("counted again", |status| {
            answers(status, bad, "counted") == 2
        })
        .await;
    running.end().await;
}

#[tokio::test]
async fn what_speaks_for_the_time_of_a_token_is_added_to_it() {
    let world = World::new(DevOptions::default()).await;
    let running = world.run().await;
    let both = |status: &LogStatus| (0..2).all(|one| answers(status, one, "counted") == 1);
    let status = running.until("anchored", both).await;
    let place = status.newest.unwrap().place;
    running
        .until("settled", |_| running.worker.pending() == 0)
        .await;
    for name in ["rfc3161-first", "rfc3161-second"] {
        let name = name.parse().unwrap();
        let records = running.worker.records();
        let (record, _) = records.token(&place, &name).await.unwrap();
        let mut kept = record.revocation;
        for added in records.with_index(|index| index.added(&place, &name)) {
            kept.extend(records.added(&place, &added).await.unwrap().0.revocation);
        }
        let ocsp = kept
            .iter()
            .filter(|one| one.kind == RevocationKind::Ocsp)
            .count();
        assert!(ocsp >= 2, "{name}: {} pieces", kept.len());
        assert_eq!(record.certificates.len(), 3);
    }
    running.end().await;
}

#[tokio::test]
async fn a_list_that_comes_later_settles_what_was_stamped_before() {
    let first = DevOptions {
        crl_interval: Duration::from_secs(1),
        // Its answers are too old for every token of this test.
        ocsp_interval: Duration::from_hours(1),
        ..DevOptions::default()
    };
    let world = World::new(first).await;
    let running = world.run().await;
    let status = running
        .until("anchored", |status| answers(status, 0, "counted") == 1)
        .await;
    let place = status.newest.unwrap().place;
    let name = "rfc3161-first".parse().unwrap();
    let records = running.worker.records();
    running
        .until("settled", |_| {
            records.with_index(|index| !index.added(&place, &name).is_empty())
        })
        .await;
    let added = records.with_index(|index| index.added(&place, &name));
    let record = records.added(&place, &added[0]).await.unwrap();
    assert!(
        record
            .0
            .revocation
            .iter()
            .all(|one| one.kind == RevocationKind::Crl)
    );
    running.end().await;
}

#[tokio::test]
async fn a_token_that_is_revoked_after_it_counted_is_told() {
    let world = World::new(DevOptions::default()).await;
    world.authorities[0].dev.behave(Behaviour::NoRevocationData);
    let running = world.run().await;
    running
        .until("anchored", |status| answers(status, 0, "counted") == 1)
        .await;
    running
        .until("pending", |_| running.worker.pending() > 0)
        .await;
    running.end().await;
    // Whoever stole the key may have made the token.
    let revoked = Behaviour::Revoked(Some(Reason::KeyCompromise));
    world.authorities[0].dev.behave(revoked);
    let running = world.run().await;
    running
        .until("revoked", |_| !running.worker.revoked().is_empty())
        .await;
    running.end().await;
}

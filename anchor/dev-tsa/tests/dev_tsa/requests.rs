//! Requests that are not to be granted, and what of a request comes back.

use counterfoil_dev_tsa::{Clock, Options};
use yasna::models::ObjectIdentifier;
use yasna::{DERWriterSeq, Tag};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Openssl, QUERY, post, start};

/// A request with a digest of `length` bytes by the algorithm, and what `rest` writes.
fn request(
    version: u64,
    algorithm: &[u64],
    length: usize,
    rest: impl FnOnce(&mut DERWriterSeq<'_>),
) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u64(version);
            writer.next().write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    let algorithm = ObjectIdentifier::from_slice(algorithm);
                    writer.next().write_oid(&algorithm);
                });
                writer.next().write_bytes(&vec![7; length]);
            });
            rest(writer);
        });
    })
}

const SHA1: &[u64] = &[1, 3, 14, 3, 2, 26];
const SHA256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];
const SHA512: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 3];

#[tokio::test]
async fn what_cannot_be_granted_is_rejected_by_name() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(Options::default()).await;
    let nothing = |_: &mut DERWriterSeq<'_>| {};
    let mut trailing = request(1, SHA256, 32, nothing);
    trailing.push(0);
    for (what, request, failure) in [
        (
            "nothing",
            Vec::new(),
            "the data submitted has the wrong format",
        ),
        (
            "a byte after the end",
            trailing,
            "the data submitted has the wrong format",
        ),
        (
            "a digest too short",
            request(1, SHA256, 31, nothing),
            "the data submitted has the wrong format",
        ),
        (
            "a digest of another length",
            request(1, SHA512, 32, nothing),
            "the data submitted has the wrong format",
        ),
        (
            "version 2",
            request(2, SHA256, 32, nothing),
            "transaction not permitted or supported",
        ),
        (
            "SHA-1",
            request(1, SHA1, 20, nothing),
            "unrecognized or unsupported algorithm identifier",
        ),
        (
            "another policy",
            request(1, SHA256, 32, |writer| {
                writer
                    .next()
                    .write_oid(&ObjectIdentifier::from_slice(&[1, 2, 3]));
            }),
            "the requested TSA policy is not supported by the TSA",
        ),
        (
            "an extension",
            request(1, SHA256, 32, |writer| {
                writer
                    .next()
                    .write_tagged_implicit(Tag::context(0), |writer| {
                        writer.write_sequence(|writer| {
                            writer.next().write_sequence(|writer| {
                                writer
                                    .next()
                                    .write_oid(&ObjectIdentifier::from_slice(&[1, 2, 3]));
                                writer.next().write_bytes(b"");
                            });
                        });
                    });
            }),
            "the requested extension is not supported by the TSA",
        ),
    ] {
        let response = post(&tsa.tsr_url(), QUERY, request).await;
        assert_eq!(response.status, 200, "{what}");
        openssl.write("response.tsr", response.body);
        let text = openssl.text();
        assert!(text.contains("Status: Rejected."), "{what}: {text}");
        assert!(text.contains(failure), "{what}, expected {failure}: {text}");
    }
}

#[tokio::test]
async fn other_content_types_and_long_bodies_are_refused() {
    let tsa = start(Options::default()).await;
    let good = request(1, SHA256, 32, |_| {});
    for content_type in [
        "application/octet-stream",
        "application/timestamp-reply",
        "",
    ] {
        let response = post(&tsa.tsr_url(), content_type, good.clone()).await;
        assert_eq!(response.status, 415, "{content_type}");
    }
    let response = post(&tsa.tsr_url(), QUERY, vec![0; (64 << 10) + 1]).await;
    assert_eq!(response.status, 413);
    assert_eq!(post(&tsa.tsr_url(), QUERY, good).await.status, 200);
}

#[tokio::test]
async fn tokens_have_the_digest_the_nonce_and_the_certificates_asked_for() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(Options::default()).await;
    openssl.write_chain(&tsa);
    for digest in ["-sha256", "-sha384", "-sha512"] {
        openssl.ask(&tsa, "data", &format!("{digest} -cert")).await;
        let said = openssl.verify("-queryfile request.tsq");
        assert!(said.success, "{digest}: {}", said.text);
        assert!(
            openssl
                .text()
                .contains(&format!("Hash Algorithm: {}\n", &digest[1..]))
        );
    }
    openssl.ask(&tsa, "data", "-cert -no_nonce").await;
    assert!(openssl.text().contains("Nonce: unspecified"));
    assert!(openssl.verify("-data data").success);
    assert_eq!(openssl.certificates().matches("Subject:").count(), 2);
    openssl.ask(&tsa, "data", "").await;
    assert!(!openssl.certificates().contains("Subject:"));
}

#[tokio::test]
async fn tokens_of_the_past_verify_as_of_then() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    // 2009-02-13 23:31:30; fractions of a second are told to the millisecond.
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_234_567_890_120_456_789);
    let tsa = start(Options {
        clock: Clock::standing_at(then),
        ..Options::default()
    })
    .await;
    openssl.write_chain(&tsa);
    openssl.stamp(&tsa, "data").await;
    assert!(
        openssl
            .text()
            .contains("Time stamp: Feb 13 23:31:30.12 2009 GMT"),
        "{}",
        openssl.text()
    );
    let said = openssl.verify("-queryfile request.tsq -attime 1234567890");
    assert!(said.success, "{}", said.text);
    let said = openssl.verify("-queryfile request.tsq");
    assert!(
        !said.success && said.text.contains("expired"),
        "{}",
        said.text
    );

    openssl.write("token.der", tsa.stamp(b"data").unwrap());
    openssl
        .must("ts -verify -token_in -in token.der -data data -CAfile root.pem -attime 1234567890");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let tsa = start(Options::default()).await;
    let mut stream = tokio::net::TcpStream::connect(tsa.address()).await.unwrap();
    let head = "POST /tsr HTTP/1.1\r\nhost: x\r\ncontent-type: application/timestamp-query\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
}

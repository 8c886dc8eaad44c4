//! add-checkpoint and sign-subtree: each status of tlog-witness, with its content type and body.

use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::cosignature::verify_subtree;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::proof::Subtree;
use counterfoil_tiles::witness_wire::{parse_cosignatures, parse_size, verify_cosignatures};

use crate::history::{Signer, Tree, request, subtree_request, with_bad_signature};
use crate::service::{Home, checkpoint_path, header};

#[tokio::test]
async fn a_checkpoint_that_extends_the_latest_is_cosigned_by_every_key() {
    let log = Signer::new("example.com/log");
    let service = Home::new(&[&log]).await;
    let service = service.start("", "").await;
    let tree = Tree::new(20);
    for (old, size) in [(0, 7), (7, 7), (7, 20)] {
        let asked = log.update(&tree, old, size);
        let answer = service.post("/add-checkpoint", asked.to_string()).await;
        // SPEC(tlog-witness): "If all the checks above pass, the witness MUST update its record of the latest cosigned
        // checkpoint and respond with a "200 Success" HTTP status code."
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
        let body = answer.bytes().await.unwrap();
        let signed = SignedCheckpoint::verify(asked.note().clone(), log.log().keys()).unwrap();
        let good = verify_cosignatures(&body, &signed, &service.ring).unwrap();
        // SPEC(tlog-witness): "The signatures MUST be [cosignatures][] from the witness key(s) on the checkpoint."
        // SPEC(tlog-witness): "If the cosignature format supports subtrees, the cosignature returned by the witness
        // MUST be for the entire tree in the submitted checkpoint, i.e. start MUST be zero and end MUST be the
        // checkpoint size."
        // SPEC(tlog-witness): "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero."
        assert_eq!(good.len(), 2, "Ed25519 and ML-DSA-44");

        // SPEC(tlog-witness): "The response body MUST be a [checkpoint][] for the log identified by the origin, and it
        // MUST include the cosignature(s) from the witness's key(s) that were returned from add-checkpoint and the
        // cosignature from the log key(s) that the witness verified."
        let latest = service.get(&checkpoint_path(&log)).await;
        assert_eq!(header(&latest, "content-type"), "text/plain; charset=utf-8");
        let latest = Note::parse(&latest.bytes().await.unwrap()).unwrap();
        assert_eq!(latest.text(), asked.note().text());
        let lines = [
            asked.note().signatures().to_vec(),
            parse_cosignatures(&body).unwrap(),
        ];
        assert_eq!(latest.signatures(), lines.concat());
    }
    service.end().await;
}

/// The statuses that a confused client recovers by.
#[tokio::test]
async fn what_is_not_cosigned_says_why() {
    let (log, unknown) = (
        Signer::new("example.com/log"),
        Signer::new("example.com/other"),
    );
    let home = Home::new(&[&log]).await;
    let service = home.start("", "").await;
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 0, 1));
    assert_eq!(service.add(&log.update(&tree, 0, 7)).await, 200);
    let update = |old, size| log.update(&tree, old, size).to_string();
    let note = |size| log.sign(size, tree.root(size));
    let junk = vec![NodeHash::from_bytes([9; 32])];
    let rows: Vec<(&str, String, u16, &str)> = vec![
        ("no body", String::new(), 400, "malformed: "),
        (
            "old with a leading zero",
            update(7, 20).replacen("old 7", "old 07", 1),
            400,
            "malformed: ",
        ),
        // SPEC(tlog-witness): "Otherwise, the witness MUST respond with a "400 Bad Request" HTTP status code."
        (
            "old above the checkpoint's size",
            request(9, Vec::new(), note(8)).to_string(),
            400,
            "malformed: ",
        ),
        // SPEC(tlog-witness): "If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found"
        // HTTP status code."
        (
            "an unknown origin",
            unknown.update(&tree, 0, 7).to_string(),
            404,
            "unknown-log: ",
        ),
        (
            "a bad signature",
            request(7, tree.consistency(7, 20), with_bad_signature(&note(20))).to_string(),
            403,
            "not-signed-by-the-log: ",
        ),
        // SPEC(tlog-witness): "If it doesn't match, the witness MUST respond with a "409 Conflict" HTTP status code."
        ("old of 0", update(0, 20), 409, "7\n"),
        ("old of another size", update(8, 20), 409, "7\n"),
        // SPEC(tlog-witness): "If the proof is not empty when the old size is zero, or if a Merkle Consistency Proof
        // doesn't verify, the witness MUST respond with a "422 Unprocessable Entity" HTTP status code."
        (
            "junk for a proof",
            request(7, junk.clone(), note(20)).to_string(),
            422,
            "inconsistent: ",
        ),
        // SPEC(tlog-witness): "If they don't match, the witness MUST respond with a "422 Unprocessable Entity" HTTP
        // status code."
        (
            "the same size with another root",
            request(7, Vec::new(), log.sign(7, fork.root(7))).to_string(),
            422,
            "inconsistent: ",
        ),
    ];
    for (mutation, body, status, begins) in rows {
        let answer = service.post("/add-checkpoint", body).await;
        assert_eq!(answer.status(), status, "{mutation}");
        let content = header(&answer, "content-type");
        let text = answer.text().await.unwrap();
        assert!(text.starts_with(begins), "{mutation}: {text}");
        if status == 409 {
            // SPEC(tlog-witness): "The response MUST have a `Content-Type` of `text/x.tlog.size`."
            assert_eq!(content, "text/x.tlog.size", "{mutation}");
            assert_eq!(parse_size(text.as_bytes()), Ok(TreeSize::new(7)));
        } else {
            assert_eq!(content, "text/plain; charset=utf-8", "{mutation}");
        }
    }
    let other = Signer::new("example.com/empty");
    home.list(&[&log, &other]);
    service.lists.reload().await.unwrap();
    // SPEC(tlog-witness): "Otherwise, the witness MUST respond with a "422 Unprocessable Entity" HTTP status code."
    let not_empty = request(0, Vec::new(), other.sign(0, tree.root(7)));
    assert_eq!(
        service.add(&not_empty).await,
        422,
        "size 0 that is not empty"
    );
    let proof = request(0, junk, other.sign(7, tree.root(7)));
    assert_eq!(service.add(&proof).await, 422, "a proof from size 0");
    assert_eq!(
        service.add(&log.update(&tree, 7, 20)).await,
        200,
        "and nothing of it stops the log"
    );
    service.end().await;
}

#[tokio::test]
async fn subtrees_of_what_was_cosigned_are_signed() {
    let log = Signer::new("example.com/log");
    let service = Home::new(&[&log]).await;
    let service = service.start("", "").await;
    let tree = Tree::new(14);
    assert_eq!(service.add(&log.update(&tree, 0, 14)).await, 200);
    let latest = Note::parse(service.text(&checkpoint_path(&log)).await.as_bytes()).unwrap();

    let (hash, proof) = (tree.hash(8, 13), tree.subtree_consistency(8, 13, 14));
    let asked = subtree_request((8, 13), hash, proof.clone(), latest.clone());
    let answer = service.post("/sign-subtree", asked.to_string()).await;
    // SPEC(tlog-witness): "If the request is valid, the consistency proof verifies, and the checkpoint is validly
    // signed by the witness, the witness MUST respond with a "200 Success" HTTP status code."
    // SPEC(tlog-witness): "The response body MUST be a sequence of one or more [note][] signature lines for the
    // subtree, each starting with the `—` character (U+2014) and ending with a newline character (U+000A)."
    assert_eq!(answer.status(), 200);
    let lines = parse_cosignatures(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(lines.len(), 1, "ML-DSA-44 alone signs subtrees");
    let key = service
        .ring
        .find(lines[0].name(), lines[0].key_id())
        .unwrap();
    let subtree = Subtree::new(8, 13).unwrap();
    let time = verify_subtree(key, &log.origin, subtree, &hash, lines[0].signature()).unwrap();
    // SPEC(tlog-witness): "If the cosignature format supports timestamps, the timestamp MUST be zero."
    assert_eq!(time.seconds(), 0);

    let unsigned = log.sign(14, tree.root(14));
    let unknown = Signer::new("example.com/other").sign(14, tree.root(14));
    let rows = [
        // SPEC(tlog-witness): "If the request is invalid according to the rules above, the witness MUST respond with a
        // "400 Bad Request" HTTP status code."
        (
            "a range that is no subtree",
            asked.to_string().replacen("8 13", "7 13", 1),
            400,
        ),
        // SPEC(tlog-witness): "The consistency proof lines MUST encode a Subtree Consistency Proof from the subtree to
        // the checkpoint according to [draft-ietf-plants-merkle-tree-certs-03][], Section 4.4."
        // SPEC(tlog-witness): "If the Merkle Consistency Proof doesn't verify, the witness MUST respond with a "422
        // Unprocessable Entity" HTTP status code."
        (
            "another hash",
            subtree_request((8, 13), tree.hash(0, 5), proof.clone(), latest).to_string(),
            422,
        ),
        // SPEC(tlog-witness): "If the witness can't verify the checkpoint, it MUST respond with a "403 Forbidden" HTTP
        // status code."
        (
            "no cosignature of ours",
            subtree_request((8, 13), hash, proof.clone(), unsigned).to_string(),
            403,
        ),
        // SPEC(tlog-witness): "If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found"
        // HTTP status code."
        (
            "an unknown origin",
            subtree_request((8, 13), hash, proof, unknown).to_string(),
            404,
        ),
    ];
    for (mutation, body, status) in rows {
        assert_eq!(
            service.post("/sign-subtree", body).await.status(),
            status,
            "{mutation}"
        );
    }
    service.end().await;
}

#[tokio::test]
async fn methods_encodings_and_prefixes() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let prefixes = "submission_prefix = \"/submit/w1\"\nmonitoring_prefix = \"/monitor\"\n";
    let service = home.start(prefixes, "").await;
    let asked = log.update(&Tree::new(3), 0, 3).to_string();
    assert_eq!(
        service
            .post("/add-checkpoint", asked.clone())
            .await
            .status(),
        404
    );
    let encoded = service
        .client
        .post(service.url("/submit/w1/add-checkpoint"));
    let encoded = encoded
        .header("content-encoding", "gzip")
        .body(asked.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(encoded.status(), 415);
    assert_eq!(
        service
            .post("/submit/w1/add-checkpoint", asked)
            .await
            .status(),
        200
    );
    let path = format!("/monitor{}", checkpoint_path(&log));
    assert_eq!(service.get(&path).await.status(), 200);
    assert_eq!(service.get(&checkpoint_path(&log)).await.status(), 404);

    // SPEC(tlog-witness): "The request MUST be an HTTP POST."
    for call in ["/submit/w1/add-checkpoint", "/submit/w1/sign-subtree"] {
        let got = service.get(call).await;
        let allow = header(&got, "allow");
        assert_eq!(
            (got.status().as_u16(), allow.as_str()),
            (405, "POST, OPTIONS")
        );
    }
    // SPEC(tlog-witness): "The request MUST be an HTTP GET."
    let posted = service.post(&path, "").await;
    assert_eq!(
        (posted.status().as_u16(), header(&posted, "allow").as_str()),
        (405, "GET, HEAD, OPTIONS")
    );
    let options = service
        .client
        .request(reqwest::Method::OPTIONS, service.url(&path));
    assert_eq!(options.send().await.unwrap().status(), 204);

    let head = service
        .client
        .head(service.url(&path))
        .send()
        .await
        .unwrap();
    let whole = service.get(&path).await;
    assert_eq!(
        header(&head, "content-length"),
        header(&whole, "content-length")
    );
    assert_eq!(
        header(&whole, "access-control-allow-origin"),
        "*",
        "anybody's page may read"
    );
    assert_eq!(header(&whole, "cache-control"), "no-cache");
    service.end().await;
}

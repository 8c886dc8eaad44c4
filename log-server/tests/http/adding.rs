//! Adding entries: answers, failures, overload.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_log_server::log::AddError;
use serde_json::{Value, json};

use crate::raw::Raw;
use crate::server::{header, one};

#[tokio::test]
async fn an_add_is_answered_with_the_bare_index() {
    let server = one("", "").await;
    for index in 0..3 {
        let answer = server.add(format!("entry {index}")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.text().await.unwrap(), index.to_string());
    }
    let longest = server.add(vec![7; 65_535]).await;
    assert_eq!(longest.text().await.unwrap(), "3");
    let odd = server.add(vec![0]).await;
    assert_eq!(odd.text().await.unwrap(), "4");
    let json = server
        .request("POST", "/add")
        .header("accept", "application/json")
        .body("x");
    let json = json.send().await.unwrap();
    assert_eq!(header(&json, "content-type"), "application/json");
    assert_eq!(json.json::<Value>().await.unwrap(), json!({"index": 5}));
    assert_eq!(server.log().state().entries[1], "entry 1");
    assert_eq!(server.log().state().entries[3].len(), 65_535);
    server.end().await;
}

#[tokio::test]
async fn a_batch_is_answered_with_its_runs() {
    let server = one("", "").await;
    let batch = || {
        server
            .request("POST", "/add-batch")
            .body(b"\0\x01a\0\x02bc\0\x01d".to_vec())
    };
    let text = batch().send().await.unwrap();
    assert_eq!(header(&text, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(text.text().await.unwrap(), "0 3\n");
    let json = batch()
        .header("accept", "application/json")
        .send()
        .await
        .unwrap();
    assert_eq!(
        json.json::<Value>().await.unwrap(),
        json!({"runs": [{"first": 3, "count": 3}]})
    );
    assert_eq!(
        server.log().state().entries,
        ["a", "bc", "d", "a", "bc", "d"]
    );

    let most: Vec<u8> = [0, 1, b'x'].repeat(65_536);
    let most = server
        .request("POST", "/add-batch")
        .body(most)
        .send()
        .await
        .unwrap();
    assert_eq!(most.text().await.unwrap(), "6 65536\n");
    let longest: Vec<u8> = [vec![0x7f, 0xfe], vec![1; 0x7ffe]].concat().repeat(256);
    assert_eq!(longest.len(), 8 << 20);
    let longest = server
        .request("POST", "/add-batch")
        .body(longest)
        .send()
        .await
        .unwrap();
    assert_eq!(longest.text().await.unwrap(), "65542 256\n");
    server.end().await;
}

#[tokio::test]
async fn an_add_that_waits_is_answered_with_its_receipt() {
    let server = one("", "").await;
    server.log().publish(0);
    let wait = |accept| {
        let request = server
            .request("POST", "/add?wait=receipt")
            .header("accept", accept);
        tokio::spawn(request.body("x").send())
    };
    let text = wait("*/*");
    server.log().arrival().await;
    let json = wait("application/json");
    server.log().arrival().await;
    server.log().publish(2);
    let (text, json) = (text.await.unwrap().unwrap(), json.await.unwrap().unwrap());
    assert_eq!(text.text().await.unwrap(), "receipt of 0 in 2\n");
    let json = json.json::<Value>().await.unwrap();
    assert_eq!(json, json!({"index": 1, "receipt": "receipt of 1 in 2\n"}));
    server.end().await;
}

/// The entry is logged; the caller must learn its index and not send it again.
#[tokio::test]
async fn an_add_that_waits_in_vain_is_answered_with_its_index() {
    let server = one("request_deadline = \"100ms\"\n", "").await;
    server.log().publish(0);
    let request = server
        .request("POST", "/add?wait=receipt")
        .header("accept", "application/json");
    let answer = request.body("x").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(header(&answer, "link"), "<receipt/0>; rel=\"related\"");
    assert_eq!(header(&answer, "retry-after"), "1");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "urn:counterfoil:problem:not-published");
    assert_eq!(problem["index"], 0);
    assert_eq!(server.log().state().entries.len(), 1);
    server.end().await;
}

#[tokio::test]
async fn each_failure_of_the_log_has_its_own_kind() {
    let server = one("", "").await;
    let reason: Arc<str> = Arc::from("disk full");
    let seconds = Duration::from_secs;
    let rows = [
        (
            AddError::Overloaded {
                queued: 9,
                retry_after: Duration::from_millis(1_500),
            },
            "overloaded: the log's queue is full (9 entries wait); nothing was logged\n",
            "2",
        ),
        (
            AddError::NotDurable {
                reason: Arc::clone(&reason),
                retry_after: seconds(5),
            },
            "not-durable: the entries could not be made durable, nothing was logged: disk full\n",
            "5",
        ),
        (
            AddError::OutcomeUnknown {
                reason: Arc::clone(&reason),
                retry_after: seconds(7),
            },
            "outcome-unknown: whether the entries were logged is not known: disk full\n",
            "7",
        ),
        (
            AddError::ReadOnly {
                reason,
                retry_after: seconds(60),
            },
            "read-only: the log takes no entries now, nothing was logged: disk full\n",
            "60",
        ),
    ];
    for (error, text, retry_after) in rows {
        server.log().state().add_error = Some(error);
        for path in ["/add", "/add-batch"] {
            let answer = server
                .request("POST", path)
                .body(b"\0\x01a".to_vec())
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 503, "{text}");
            assert_eq!(header(&answer, "retry-after"), retry_after, "{text}");
            assert_eq!(answer.text().await.unwrap(), text);
        }
    }
    server.end().await;
}

/// Handed in, the entry may still be logged: a deadline is not a failure.
#[tokio::test]
async fn an_add_past_its_deadline_has_an_unknown_outcome() {
    let server = one("request_deadline = \"100ms\"\n", "").await;
    server.log().shut();
    let answer = server.add("x").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(header(&answer, "retry-after"), "1");
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .starts_with("outcome-unknown: ")
    );
    server.end().await;
}

#[tokio::test]
async fn a_full_server_answers_at_once() {
    let server = one("max_requests = 2\n", "").await;
    server.log().shut();
    let first = tokio::spawn(server.request("POST", "/add").body("a").send());
    let second = tokio::spawn(server.request("POST", "/add").body("b").send());
    server.log().arrival().await;
    server.log().arrival().await;
    // Both places are taken until the gate opens, which it does only after these were answered.
    for (method, path) in [("POST", "/add"), ("GET", "/checkpoint"), ("GET", "/status")] {
        let refused = server.request(method, path).body("c").send().await.unwrap();
        assert_eq!(refused.status(), 503, "{path}");
        assert_eq!(header(&refused, "retry-after"), "1");
        let text = refused.text().await.unwrap();
        assert_eq!(text, "overloaded: the server is at its limit of requests\n");
    }
    server.log().open();
    for answer in [first, second] {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(
        server.add("d").await.status(),
        200,
        "the places are free again"
    );
    server.end().await;
}

#[tokio::test]
async fn bodies_have_their_memory() {
    let limits = "max_entry_bytes = 1000\nmax_batch_bytes = 1002\nmax_queue_bytes = 1002";
    let server = one("max_body_bytes = 1500\n", limits).await;
    let head = "POST /add HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n";
    let mut slow = Raw::connect(server.address).await;
    slow.send(head).await;
    assert_eq!(slow.answer().await.status, 100, "its memory is charged now");
    let refused = server.add(vec![1; 501]).await;
    assert_eq!(refused.status(), 503);
    let text = refused.text().await.unwrap();
    assert_eq!(
        text,
        "overloaded: the server is at its limit of memory for request bodies\n"
    );
    assert_eq!(server.add(vec![1; 500]).await.status(), 200, "what is left");
    slow.send(vec![2; 1000]).await;
    assert_eq!(slow.answer().await.status, 200);
    assert_eq!(
        server.add(vec![3; 1000]).await.status(),
        200,
        "the memory is free again"
    );
    server.end().await;
}

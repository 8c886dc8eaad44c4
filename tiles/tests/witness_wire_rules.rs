//! The rules of the witness protocol's bodies, one by one.

mod formats;

use counterfoil_tiles::checkpoint::{LogKey, SignedCheckpoint};
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::KeyRing;
use counterfoil_tiles::note::NoteError;
use counterfoil_tiles::proof::Subtree;
use counterfoil_tiles::witness_wire::{
    AddCheckpointRequest, MAX_CONSISTENCY_PROOF, MAX_REQUEST_SIZE, SIZE_CONTENT_TYPE,
    SignSubtreeRequest, WireError, encode_cosignatures, encode_size, parse_cosignatures,
    parse_size, verify_cosignatures,
};
use formats::{checkpoint, cosigned, log_key, note, pq_witness, ring_of, signed, witness};

fn hashes(count: usize) -> Vec<NodeHash> {
    vec![NodeHash::from_bytes([1; 32]); count]
}

const HASH_LINE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";

fn add_checkpoint() -> AddCheckpointRequest {
    let checkpoint = checkpoint(13);
    AddCheckpointRequest::new(
        TreeSize::new(7),
        hashes(2),
        note(&checkpoint, vec![signed(&checkpoint)]),
    )
    .unwrap()
}

// SPEC(tlog-witness): "The request body MUST be a sequence of an old size line, zero or more consistency proof lines, and an
// empty line, followed by a [checkpoint][]."
// SPEC(tlog-witness): "Each line MUST terminate in a newline character (U+000A)."
#[test]
fn add_checkpoint_requests() {
    let request = add_checkpoint();
    let text = request.to_string();
    assert_eq!(
        text,
        format!("old 7\n{HASH_LINE}{HASH_LINE}\n{}", request.note())
    );
    assert_eq!(
        AddCheckpointRequest::parse(text.as_bytes()).unwrap(),
        request
    );
    assert_eq!(
        (
            request.old_size().get(),
            request.proof().len(),
            request.checkpoint().size().get()
        ),
        (7, 2, 13)
    );

    let note = request.note();
    for (row, bad) in [
        ("empty", String::new()),
        ("no old size line", format!("{HASH_LINE}\n{note}")),
        ("no empty line", format!("old 7\n{HASH_LINE}{note}")),
        ("two empty lines", format!("old 7\n\n\n{note}")),
        ("no checkpoint", format!("old 7\n{HASH_LINE}\n")),
        ("no newline at the end", text.trim_end().to_owned()),
        ("empty line at the end", format!("{text}\n")),
        ("CR LF", text.replace('\n', "\r\n")),
        ("space after a hash", text.replacen("=\n", "= \n", 1)),
        ("hash without padding", text.replacen("=\n", "\n", 1)),
        (
            "checkpoint is no checkpoint",
            text.replacen("\n13\n", "\nx\n", 1),
        ),
    ] {
        assert!(
            AddCheckpointRequest::parse(bad.as_bytes()).is_err(),
            "{row}"
        );
    }
}

// SPEC(tlog-witness): "The old size line MUST consist of the string `old`, a single space (0x20), and the tree size of the
// previous checkpoint encoded as an ASCII decimal with no leading zeroes (unless the size is zero, in which case the encoding
// MUST be `0`)."
#[test]
fn the_old_size_line() {
    let text = add_checkpoint().to_string();
    let with =
        |line: &str| AddCheckpointRequest::parse(text.replacen("old 7\n", line, 1).as_bytes());
    for (line, size) in [("old 0\n", 0), ("old 18446744073709551615\n", u64::MAX)] {
        assert_eq!(with(line).unwrap().old_size().get(), size);
    }
    for bad in [
        "old\n", "old \n", "old 07\n", "old 00\n", "old  7\n", "old 7 \n", "Old 7\n", "old +7\n",
        "old -7\n", "7\n",
    ] {
        assert!(matches!(with(bad), Err(WireError::Line(_))), "{bad:?}");
    }
}

// SPEC(tlog-witness): "Each consistency proof line MUST encode a single hash in base64."
// SPEC(tlog-witness): "The client MUST NOT send more than 63 consistency proof lines."
#[test]
fn consistency_proofs_have_at_most_63_lines() {
    let text = add_checkpoint().to_string();
    let with = |count: usize| {
        let lines = HASH_LINE.repeat(count);
        AddCheckpointRequest::parse(text.replacen(&HASH_LINE.repeat(2), &lines, 1).as_bytes())
    };
    for count in [0, 1, MAX_CONSISTENCY_PROOF] {
        assert_eq!(with(count).unwrap().proof().len(), count);
    }
    assert_eq!(MAX_CONSISTENCY_PROOF, 63);
    assert_eq!(with(64), Err(WireError::TooManyHashes));
    let note = add_checkpoint().note().clone();
    assert_eq!(
        AddCheckpointRequest::new(TreeSize::new(7), hashes(64), note.clone()),
        Err(WireError::TooManyHashes)
    );
    let subtree = Subtree::new(8, 13).unwrap();
    let over = SignSubtreeRequest::new(subtree, hashes(1)[0], hashes(64), note);
    assert_eq!(over, Err(WireError::TooManyHashes));
    let two_in_a_line = |text: &str| text.replacen(HASH_LINE, &HASH_LINE.trim_end().repeat(2), 1);
    assert!(AddCheckpointRequest::parse(two_in_a_line(&text).as_bytes()).is_err());

    let text = sign_subtree().to_string();
    let over = text.replacen(HASH_LINE, &HASH_LINE.repeat(63), 1);
    assert_eq!(
        SignSubtreeRequest::parse(over.as_bytes()),
        Err(WireError::TooManyHashes)
    );
    assert!(SignSubtreeRequest::parse(two_in_a_line(&text).as_bytes()).is_err());
}

#[test]
fn requests_have_a_limit() {
    let large = vec![b'x'; MAX_REQUEST_SIZE + 1];
    let error = WireError::TooLarge {
        limit: MAX_REQUEST_SIZE,
        found: MAX_REQUEST_SIZE + 1,
    };
    assert_eq!(AddCheckpointRequest::parse(&large), Err(error.clone()));
    assert_eq!(SignSubtreeRequest::parse(&large), Err(error));
    assert_eq!(
        AddCheckpointRequest::parse(b"old \xff\n"),
        Err(WireError::NotUtf8 { at: 4 })
    );
}

fn sign_subtree() -> SignSubtreeRequest {
    let checkpoint = checkpoint(14);
    let note = note(&checkpoint, vec![cosigned(&pq_witness(1), &checkpoint, 5)]);
    SignSubtreeRequest::new(
        Subtree::new(8, 13).unwrap(),
        NodeHash::from_bytes([2; 32]),
        hashes(2),
        note,
    )
    .unwrap()
}

// SPEC(tlog-witness): "The request body MUST be a sequence of a subtree range line, a subtree hash line, zero or more
// consistency proof lines, and an empty line, followed by a reference [checkpoint][]."
// SPEC(tlog-witness): "The subtree hash line MUST be the Merkle Tree hash of the subtree encoded in base64."
// SPEC(tlog-witness): "Each line MUST terminate in a newline character (U+000A)."
#[test]
fn sign_subtree_requests() {
    let request = sign_subtree();
    let text = request.to_string();
    let hash = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
    assert_eq!(
        text,
        format!(
            "subtree 8 13\n{hash}{HASH_LINE}{HASH_LINE}\n{}",
            request.note()
        )
    );
    assert_eq!(SignSubtreeRequest::parse(text.as_bytes()).unwrap(), request);
    assert_eq!(
        (request.subtree().start(), request.subtree().end()),
        (8, 13)
    );
    assert_eq!(
        (
            request.hash().as_bytes(),
            request.proof().len(),
            request.checkpoint().size().get()
        ),
        (&[2; 32], 2, 14)
    );
    for (row, bad) in [
        (
            "no hash line",
            text.replacen(hash, "", 1).replace(HASH_LINE, ""),
        ),
        ("hash without padding", text.replacen("gI=", "gI", 1)),
        ("no range line", text.replacen("subtree 8 13\n", "", 1)),
        ("no empty line", text.replacen("\n\n", "\n", 1)),
        ("no newline at the end", text.trim_end().to_owned()),
        ("empty line at the end", format!("{text}\n")),
        ("CR LF", text.replace('\n', "\r\n")),
    ] {
        assert!(SignSubtreeRequest::parse(bad.as_bytes()).is_err(), "{row}");
    }
}

// SPEC(tlog-witness): "The subtree range line MUST consist of the string `subtree`, a single space (0x20), the subtree start
// encoded as an ASCII decimal with no leading zeroes (unless start is zero, in which case the encoding MUST be `0`), a single
// space (0x20), and the subtree end encoded as an ASCII decimal with no leading zeroes."
// SPEC(tlog-witness): "The half-open interval `[start, end)` MUST be a valid subtree per
// [draft-ietf-plants-merkle-tree-certs-03][], Section 4.1, and end MUST be less than or equal to the checkpoint size."
#[test]
fn the_subtree_range_line() {
    let text = sign_subtree().to_string();
    let with =
        |line: &str| SignSubtreeRequest::parse(text.replacen("subtree 8 13\n", line, 1).as_bytes());
    for good in [
        "subtree 0 14\n",
        "subtree 12 14\n",
        "subtree 13 14\n",
        "subtree 5 5\n",
    ] {
        assert!(with(good).is_ok(), "{good:?}");
    }
    for bad in [
        "subtree 8\n",
        "subtree 8 13 \n",
        "subtree 08 13\n",
        "subtree 8 013\n",
        "subtree  8 13\n",
        "subtree 8  13\n",
        "subtree 8,13\n",
        "subtree -8 13\n",
        "Subtree 8 13\n",
        "subtree 8 13 14\n",
    ] {
        assert!(matches!(with(bad), Err(WireError::Line(_))), "{bad:?}");
    }
    for no_subtree in ["subtree 7 9\n", "subtree 4 13\n", "subtree 13 8\n"] {
        assert!(
            matches!(with(no_subtree), Err(WireError::Subtree(_))),
            "{no_subtree:?}"
        );
    }
    assert_eq!(
        with("subtree 8 15\n"),
        Err(WireError::BeyondCheckpoint { end: 15, size: 14 })
    );
}

// SPEC(tlog-witness): "The response body MUST be a sequence of one or more [note][] signature lines, each starting with the `—`
// character (U+2014) and ending with a newline character (U+000A)."
#[test]
fn cosignature_responses() {
    let checkpoint = checkpoint(13);
    let lines = vec![
        cosigned(&witness(1), &checkpoint, 5),
        cosigned(&pq_witness(1), &checkpoint, 5),
    ];
    let body = encode_cosignatures(&lines);
    assert!(
        body.split_terminator('\n')
            .all(|line| line.starts_with("— "))
            && body.ends_with('\n')
    );
    assert_eq!(parse_cosignatures(body.as_bytes()).unwrap(), lines);
    for (row, bad) in [
        ("empty", String::new()),
        ("no newline at the end", body.trim_end().into()),
        ("empty line at the end", format!("{body}\n")),
        ("empty line at the start", format!("\n{body}")),
        ("a whole note", note(&checkpoint, lines.clone()).to_string()),
    ] {
        assert!(parse_cosignatures(bad.as_bytes()).is_err(), "{row}");
    }
}

// SPEC(tlog-witness): "The client MUST ignore any cosignatures from unknown keys."
// SPEC(tlog-witness): "The signatures MUST be [cosignatures][] from the witness key(s) on the checkpoint."
// SPEC(tlog-witness): "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero."
#[test]
fn a_client_takes_good_cosignatures_of_known_witnesses() {
    let checkpoint = checkpoint(13);
    let log = LogKey::new(log_key().vkey().clone());
    let signed =
        SignedCheckpoint::verify(note(&checkpoint, vec![signed(&checkpoint)]), [&log]).unwrap();
    let (ed, pq, stranger) = (witness(1), pq_witness(1), witness(9));
    let known = ring_of([&ed, &pq]);
    let (by_ed, by_pq) = (cosigned(&ed, &checkpoint, 5), cosigned(&pq, &checkpoint, 6));
    let by_stranger = cosigned(&stranger, &formats::checkpoint(14), 5);

    let verify = |lines: &[_], ring: &KeyRing| {
        verify_cosignatures(encode_cosignatures(lines).as_bytes(), &signed, ring)
    };
    let good = verify(&[by_stranger.clone(), by_ed.clone(), by_pq.clone()], &known).unwrap();
    assert_eq!(
        good.iter().map(|(line, _)| line).collect::<Vec<_>>(),
        [&by_ed, &by_pq]
    );
    assert_eq!(good[1].1.timestamp.map(Timestamp::seconds), Some(6));
    assert_eq!(verify(&[by_stranger], &known), Ok(Vec::new()));

    let bad = cosigned(&ed, &formats::checkpoint(14), 5);
    let result = verify(&[by_pq, bad], &known);
    assert!(
        matches!(result, Err(WireError::Note(NoteError::BadSignature { .. }))),
        "{result:?}"
    );
    for key in [&ed, &pq] {
        assert_eq!(
            verify(&[cosigned(key, &checkpoint, 0)], &known),
            Err(WireError::NoTimestamp)
        );
    }
    // The log's own signature is no cosignature.
    let by_log = formats::signed(&checkpoint);
    assert_eq!(
        verify(&[by_log], &ring_of([&log_key()])),
        Err(WireError::NoTimestamp)
    );
}

// SPEC(tlog-witness): "The response body MUST consist of the tree size of the latest cosigned checkpoint in decimal, followed by
// a newline (U+000A)."
// SPEC(tlog-witness): "The response MUST have a `Content-Type` of `text/x.tlog.size`."
#[test]
fn conflict_responses() {
    assert_eq!(SIZE_CONTENT_TYPE, "text/x.tlog.size");
    for size in [0, 7, u64::MAX] {
        let body = encode_size(TreeSize::new(size));
        assert_eq!(body, format!("{size}\n"));
        assert_eq!(parse_size(body.as_bytes()).unwrap().get(), size);
    }
    for bad in [
        "",
        "\n",
        "7",
        "07\n",
        "7\n\n",
        " 7\n",
        "7 \n",
        "-7\n",
        "7\r\n",
        "18446744073709551616\n",
    ] {
        assert!(parse_size(bad.as_bytes()).is_err(), "{bad:?}");
    }
}

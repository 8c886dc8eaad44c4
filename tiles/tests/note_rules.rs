//! The rules of signed notes and verifier keys, one by one.

mod formats;

use counterfoil_tiles::key::{
    Algorithm, KeyError, KeyId, KeyName, KeyRing, PrivateKey, PublicKey, Seed, Vkey,
};
use counterfoil_tiles::note::{
    MAX_NOTE_SIZE, MAX_SIGNATURES, Note, NoteError, SignatureLine, parse_signature_lines,
};
use formats::{checkpoint, log_key, note, ring_of, signed, signing_key};

const GOOD: &str = "text\n\n— a AAAAAAA=\n";

fn line(name: &str, key_id: [u8; 4], signature: &[u8]) -> SignatureLine {
    SignatureLine::new(
        KeyName::new(name).unwrap(),
        KeyId::from_bytes(key_id),
        signature.to_vec(),
    )
    .unwrap()
}

// SPEC(signed-note): "A signed note consists of a text ending in newline (U+000A), followed by a blank line (only a newline),
// followed by one or more signature lines of this form: em dash (U+2014), space (U+0020), key name, space, base64-encoded
// signature, newline."
// SPEC(signed-note): "Signatures are the base64 encoding of 4+n bytes."
#[test]
fn what_is_no_note_is_refused() {
    assert_eq!(Note::parse(GOOD.as_bytes()).unwrap().text(), "text\n");
    let rows: [(&str, &[u8]); 24] = [
        ("empty", b""),
        ("text only", b"text\n"),
        ("text and empty line", b"text\n\n"),
        ("no text at all", "\n— a AAAAAAA=\n".as_bytes()),
        ("empty line missing", "text\n— a AAAAAAA=\n".as_bytes()),
        ("final newline missing", "text\n\n— a AAAAAAA=".as_bytes()),
        ("extra final newline", "text\n\n— a AAAAAAA=\n\n".as_bytes()),
        (
            "line after the signatures",
            "text\n\n— a AAAAAAA=\nmore\n".as_bytes(),
        ),
        (
            "empty line between signatures",
            "text\n\n— a AAAAAAA=\n\n— a AAAAAAA=\nx\n".as_bytes(),
        ),
        ("hyphen for em dash", b"text\n\n- a AAAAAAA=\n"),
        ("en dash for em dash", "text\n\n– a AAAAAAA=\n".as_bytes()),
        (
            "no space after the dash",
            "text\n\n—a AAAAAAA=\n".as_bytes(),
        ),
        (
            "two spaces after the dash",
            "text\n\n—  a AAAAAAA=\n".as_bytes(),
        ),
        ("no space after the name", "text\n\n— a\n".as_bytes()),
        (
            "space at the end of the line",
            "text\n\n— a AAAAAAA= \n".as_bytes(),
        ),
        ("base64 without padding", "text\n\n— a AAAAAAA\n".as_bytes()),
        (
            "base64 with loose bits",
            "text\n\n— a AAAAAAB=\n".as_bytes(),
        ),
        (
            "base64 in the URL alphabet",
            "text\n\n— a AAAAA__=\n".as_bytes(),
        ),
        ("key ID only", "text\n\n— a AAAAAA==\n".as_bytes()),
        ("three bytes of key ID", "text\n\n— a AAAA\n".as_bytes()),
        ("CR LF", "text\r\n\r\n— a AAAAAAA=\r\n".as_bytes()),
        ("tab in the text", "te\txt\n\n— a AAAAAAA=\n".as_bytes()),
        ("NUL in the text", "te\0xt\n\n— a AAAAAAA=\n".as_bytes()),
        (
            "overlong UTF-8",
            b"te\xc0\x80xt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        ),
    ];
    for (row, bytes) in rows {
        assert!(Note::parse(bytes).is_err(), "{row}");
    }
}

// SPEC(signed-note): "Signed notes MUST be valid UTF-8 and MUST NOT contain any ASCII control characters (those below
// U+0020) other than newline."
#[test]
fn notes_are_utf8_without_control_characters() {
    for byte in (0..b' ').filter(|byte| *byte != b'\n') {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[1] = byte;
        assert_eq!(
            Note::parse(&bytes),
            Err(NoteError::ControlCharacter { byte, at: 1 })
        );
        assert!(
            Note::new(
                str::from_utf8(&bytes[..5]).unwrap(),
                vec![line("a", [0; 4], b"s")]
            )
            .is_err()
        );
    }
    let mut bytes = GOOD.as_bytes().to_vec();
    bytes[2] = 0xff;
    assert_eq!(Note::parse(&bytes), Err(NoteError::NotUtf8 { at: 2 }));
    // DEL and the control characters above ASCII are not below U+0020.
    Note::parse("te\u{7f}\u{85}xt\n\n— a AAAAAAA=\n".as_bytes()).unwrap();
}

// SPEC(signed-note): "The note text MAY contain empty lines; the text is separated from the signatures by the last empty
// line in the note."
// SPEC(signed-note): "The note text includes the final newline but not the separating blank line."
#[test]
fn the_last_empty_line_ends_the_text() {
    let whole = "one\n\n— b AAAAAAA=\n\ntwo\n\n\n— a AAAAAAA=\n";
    let note = Note::parse(whole.as_bytes()).unwrap();
    assert_eq!(note.text(), "one\n\n— b AAAAAAA=\n\ntwo\n\n");
    assert_eq!(note.signatures().len(), 1);
    assert_eq!(note.as_str(), whole);
}

// SPEC(signed-note): "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B) characters."
#[test]
fn key_names_have_no_spaces_and_no_plus() {
    for name in [
        "a",
        "example.com/foo",
        "quasimodo.example/salvatore",
        "é",
        "\u{200b}",
        "=",
        "—",
    ] {
        assert_eq!(KeyName::new(name).unwrap().as_str(), name);
    }
    assert_eq!(KeyName::new(""), Err(KeyError::EmptyName));
    let spaces = "\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
    for bad in spaces.chars().chain(['+', '\0', '\u{1f}']) {
        let name = format!("a{bad}b");
        assert_eq!(
            KeyName::new(&*name),
            Err(KeyError::NameCharacter {
                name: name.clone(),
                found: bad
            })
        );
        assert!(
            Note::parse(format!("text\n\n— {name} AAAAAAA=\n").as_bytes()).is_err(),
            "{bad:?}"
        );
    }
}

// SPEC(signed-note): "Verifiers SHOULD apply a maximum limit to the number of signatures in a note (or, equivalently, to
// the overall size of a note), but MUST accept at least up to 16 signatures."
#[test]
fn sixteen_signatures_are_accepted_and_there_is_a_limit() {
    let checkpoint = checkpoint(7);
    let with = |count: usize| {
        let mut lines: Vec<_> = (1..count)
            .map(|n| line(&format!("other{n}"), [0; 4], &[7; 2428]))
            .collect();
        lines.push(signed(&checkpoint));
        Note::new(&checkpoint.to_string(), lines)
    };
    for count in [1, 16, MAX_SIGNATURES] {
        let note = with(count).unwrap();
        assert_eq!(Note::parse(note.as_bytes()).unwrap(), note);
        assert_eq!(note.verify(&ring_of([&log_key()])).unwrap().len(), 1);
    }
    assert_eq!(with(MAX_SIGNATURES + 1), Err(NoteError::TooManySignatures));
    let text = format!(
        "{}\n{}",
        checkpoint,
        "— a AAAAAAA=\n".repeat(MAX_SIGNATURES + 1)
    );
    assert_eq!(
        Note::parse(text.as_bytes()),
        Err(NoteError::TooManySignatures)
    );
    let large = "x".repeat(MAX_NOTE_SIZE);
    assert_eq!(Note::parse(large.as_bytes()), Err(NoteError::Shape));
    let larger = large + "x";
    assert_eq!(
        Note::parse(larger.as_bytes()),
        Err(NoteError::TooLarge {
            found: MAX_NOTE_SIZE + 1
        })
    );
}

// SPEC(signed-note): "Verifiers MUST ignore signatures from unknown keys, even if they share a name or ID (but not both)
// with a known key."
// SPEC(tlog-checkpoint): "According to the note specification, clients MUST ignore unknown signatures."
#[test]
fn signatures_of_unknown_keys_are_ignored() {
    let checkpoint = checkpoint(7);
    let good = signed(&checkpoint);
    let mut other_id = good.key_id().to_bytes();
    other_id[0] ^= 1;
    let ring = ring_of([&log_key()]);
    for junk in [
        line("other.example", good.key_id().to_bytes(), b"junk"),
        line(formats::ORIGIN, other_id, b"junk"),
        line("other.example", [0; 4], good.signature()),
    ] {
        for lines in [
            vec![junk.clone(), good.clone()],
            vec![good.clone(), junk.clone()],
        ] {
            assert_eq!(note(&checkpoint, lines).verify(&ring).unwrap().len(), 1);
        }
        assert_eq!(
            note(&checkpoint, vec![junk]).verify(&ring),
            Err(NoteError::NoKnownSignature)
        );
    }
}

// SPEC(signed-note): "If the key name and ID match a known key, verifiers MUST verify the signature. If a signature from a
// known key fails to verify, clients SHOULD reject the whole note."
#[test]
fn a_bad_signature_of_a_known_key_spoils_the_note() {
    let checkpoint = checkpoint(7);
    let (good, ring) = (signed(&checkpoint), ring_of([&log_key()]));
    let mut bytes = good.signature().to_vec();
    bytes[5] ^= 1;
    let bad = line(formats::ORIGIN, good.key_id().to_bytes(), &bytes);
    let error = NoteError::BadSignature {
        name: good.name().clone(),
        key_id: good.key_id(),
    };
    for lines in [
        vec![bad.clone()],
        vec![good.clone(), bad.clone()],
        vec![bad, good.clone()],
    ] {
        assert_eq!(note(&checkpoint, lines).verify(&ring), Err(error.clone()));
    }
    let short = line(
        formats::ORIGIN,
        good.key_id().to_bytes(),
        &good.signature()[..63],
    );
    assert_eq!(note(&checkpoint, vec![short]).verify(&ring), Err(error));
    assert_eq!(
        note(&checkpoint, vec![good.clone(), good])
            .verify(&ring)
            .unwrap()
            .len(),
        1
    );
}

// SPEC(signed-note): "If no signature from a known key verifies successfully, clients MUST reject the note."
// SPEC(signed-note): "The text MUST be ignored unless the note is signed by a trusted key and the signature has been
// verified."
#[test]
fn a_note_without_a_known_signature_is_rejected() {
    let checkpoint = checkpoint(7);
    let note = note(&checkpoint, vec![signed(&checkpoint)]);
    assert_eq!(
        note.verify(&KeyRing::default()),
        Err(NoteError::NoKnownSignature)
    );
    let other = signing_key(formats::ORIGIN, Algorithm::Ed25519, 2);
    assert_eq!(
        note.verify(&ring_of([&other])),
        Err(NoteError::NoKnownSignature)
    );
}

// SPEC(signed-note): "The same public key SHOULD NOT be reused for different signature types, but if it is, a different key
// ID MUST be used for each signature type."
#[test]
fn one_key_has_another_id_for_each_type() {
    let plain = signing_key("a", Algorithm::Ed25519, 9);
    let cosigner = signing_key("a", Algorithm::CosignatureV1, 9);
    assert_eq!(plain.vkey().public_key(), cosigner.vkey().public_key());
    assert_ne!(plain.id(), cosigner.id());
}

// SPEC(signed-note): "The key name and ID MUST match those used in the signatures."
#[test]
fn verifier_keys_whose_id_is_another_are_refused() {
    let text = log_key().vkey().to_string();
    let key: Vkey = text.parse().unwrap();
    assert_eq!(
        (key.name().as_str(), key.algorithm(), key.to_string()),
        (formats::ORIGIN, Algorithm::Ed25519, text.clone())
    );
    let mut id = key.id().to_bytes();
    id[3] ^= 1;
    let found = KeyId::from_bytes(id);
    let other = text.replace(&key.id().to_string(), &found.to_string());
    assert_eq!(
        other.parse::<Vkey>(),
        Err(KeyError::IdMismatch {
            computed: key.id(),
            found
        })
    );
    let renamed = text.replace("one", "two");
    assert!(matches!(
        renamed.parse::<Vkey>(),
        Err(KeyError::IdMismatch { .. })
    ));
}

#[test]
fn what_is_no_verifier_key_is_refused() {
    let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    text.parse::<Vkey>().unwrap();
    for (row, bad) in [
        ("empty", String::new()),
        ("name only", "example.com/foo".into()),
        ("no key", text[..24].into()),
        ("empty key", format!("{}+", &text[..24])),
        ("empty name", text[15..].into()),
        ("uppercase ID", text.replace("530d903a", "530D903A")),
        ("short ID", text.replace("530d903a", "530d903")),
        ("long ID", text.replace("530d903a", "0530d903a")),
        ("signed ID", text.replace("530d903a", "+530d903")),
        (
            "key without padding character",
            text[..text.len() - 1].into(),
        ),
        ("newline at the end", format!("{text}\n")),
        ("space at the start", format!(" {text}")),
        (
            "key of 31 bytes",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Uw=".into(),
        ),
        (
            "no point of the curve",
            "a+00000000+AQIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        ),
        (
            "small order",
            "a+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        ),
    ] {
        assert!(bad.parse::<Vkey>().is_err(), "{row}");
    }
    let ecdsa = "a+00000000+AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(ecdsa.parse::<Vkey>(), Err(KeyError::UnknownAlgorithm(2)));
}

#[test]
fn a_ring_refuses_two_keys_that_one_line_could_mean() {
    // Found by search: the key IDs of these two seeds under this name are the same.
    let [first, second] = [132_909_u32, 138_377].map(|number| {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let name = KeyName::new("collision.example").unwrap();
        let key = PrivateKey::new(name, Algorithm::Ed25519, Seed::new(seed)).unwrap();
        key.vkey().clone()
    });
    assert_eq!((first.name(), first.id()), (second.name(), second.id()));
    assert_ne!(first, second);
    let ambiguous = KeyError::Ambiguous(first.name().clone(), first.id());
    assert_eq!(KeyRing::new([first.clone(), second]), Err(ambiguous));

    let ring = KeyRing::new([first.clone(), first.clone()]).unwrap();
    assert_eq!(ring.iter().count(), 1, "the same key twice is one key");
    assert_eq!(ring.find(first.name(), first.id()), Some(&first));
    assert_eq!(
        ring.find(&KeyName::new("other.example").unwrap(), first.id()),
        None
    );
    assert_eq!(ring.find(first.name(), KeyId::from_bytes([0; 4])), None);
}

#[test]
fn private_keys_are_read_back_and_never_shown() {
    for algorithm in [
        Algorithm::Ed25519,
        Algorithm::CosignatureV1,
        Algorithm::MlDsa44,
    ] {
        let key = PrivateKey::new(
            KeyName::new("log.example").unwrap(),
            algorithm,
            Seed::new([0xab; 32]),
        )
        .unwrap();
        let text = key.encode();
        let again: PrivateKey = text.parse().unwrap();
        assert_eq!(*again.encode(), *text);
        assert_eq!(again.vkey(), key.vkey());
        let secret = "q6ur"; // four bytes of the seed in base64, at each place of three
        let signing_key = again.into_signing_key();
        for shown in [
            format!("{key:?}"),
            format!("{signing_key:?}"),
            format!("{:?}", Seed::new([0xab; 32])),
        ] {
            assert!(
                !shown.contains(secret) && !shown.contains("171") && !shown.contains("abab"),
                "{shown}"
            );
        }
    }
}

#[test]
fn errors_about_private_keys_do_not_quote_them() {
    // The base64 of this seed has plus signs, so its parts can come to stand where a name or an ID is expected.
    let seed = "+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/8=";
    for (row, text) in [
        ("no name", format!("PRIVATE+KEY+c74f20a3+AQ{seed}")),
        ("no ID", format!("PRIVATE+KEY+log.example+AQ{seed}")),
        ("neither", format!("PRIVATE+KEY+AQ{seed}")),
        (
            "spaces",
            format!("PRIVATE+KEY+log example A{seed}+c74f20a3+AQ{seed}"),
        ),
        (
            "as a vkey",
            format!("PRIVATE+KEY+log.example+c74f20a3+AQ{seed}"),
        ),
    ] {
        let errors = [
            format!("{:?}", text.parse::<PrivateKey>().unwrap_err()),
            text.parse::<PrivateKey>().unwrap_err().to_string(),
            format!("{:?}", text.parse::<Vkey>().unwrap_err()),
            text.parse::<Vkey>().unwrap_err().to_string(),
        ];
        for error in errors {
            assert!(
                !error.contains("/+/") && !error.contains("AQ+"),
                "{row}: {error}"
            );
        }
    }
}

/// `golang.org/x/mod/sumdb/note` generated this pair.
#[test]
fn private_keys_of_golang_org_x_mod() {
    let text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let key: PrivateKey = text.parse().unwrap();
    assert_eq!(*key.encode(), text);
    assert_eq!(
        key.vkey().to_string(),
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    );
    for (row, bad) in [
        ("public prefix", text.replace("PRIVATE+KEY+", "")),
        ("other name", text.replace("Peter", "Paul")),
        ("other ID", text.replace("c74f20a3", "c74f20a4")),
        ("seed cut short", text[..text.len() - 4].into()),
        ("unknown type", text.replace("+AYEK", "+AoEK")),
        ("newline", format!("{text}\n")),
    ] {
        assert!(bad.parse::<PrivateKey>().is_err(), "{row}");
    }
}

#[test]
fn signature_lines_by_themselves() {
    let two = "— a AAAAAAA=\n— b AAAAAAA=\n";
    assert_eq!(parse_signature_lines(two).unwrap().len(), 2);
    for bad in [
        "",
        "\n",
        "— a AAAAAAA=",
        "— a AAAAAAA=\n\n",
        "text\n\n— a AAAAAAA=\n",
    ] {
        assert!(parse_signature_lines(bad).is_err(), "{bad:?}");
    }
    assert!(
        SignatureLine::new(
            KeyName::new("a").unwrap(),
            KeyId::from_bytes([0; 4]),
            Vec::new()
        )
        .is_err()
    );
}

#[test]
fn notes_are_put_together_only_if_they_can_be_read() {
    for (row, text, lines) in [
        (
            "no newline at the end",
            "text",
            vec![line("a", [0; 4], b"s")],
        ),
        ("empty text", "", vec![line("a", [0; 4], b"s")]),
        ("no signature", "text\n", vec![]),
    ] {
        assert!(Note::new(text, lines).is_err(), "{row}");
    }
    assert!(PublicKey::load(Algorithm::MlDsa44, &[0; 1311]).is_err());
}

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// Small enough for tests.
const SMALL: Cost = Cost {
    n: 1 << 4,
    r: 8,
    p: 1,
};

/// The test vectors of "Web3 Secret Storage Definition", and the secret in both.
const SECRET: &str = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
const PBKDF2: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;
const SCRYPT: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},"ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt","kdfparams":{"dklen":32,"n":262144,"r":1,"p":8,"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},"mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn write_text(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_vectors_of_the_definition_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("pbkdf2", PBKDF2), ("scrypt", SCRYPT)] {
        let path = folder.path().join(name);
        write_text(&path, text);
        let key = read(&path, &password("testpassword")).unwrap();
        assert_eq!(hex::encode(key.to_bytes()), SECRET, "{name}");
        let wrong = read(&path, &password("testpasswore")).unwrap_err();
        assert!(matches!(wrong, KeystoreError::Password { .. }), "{wrong}");
    }
}

#[test]
fn the_address_of_a_key_is_the_known_one() {
    // The first account of every development chain.
    let secret = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let key = SigningKey::from_slice(&hex::decode(secret).unwrap()).unwrap();
    let address = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    assert_eq!(address_of(&key).to_string(), address);
}

#[test]
fn a_new_key_is_read_back_and_its_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    write(&path, &password("secret"), &key, SMALL).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(read(&path, &password("secret")).unwrap(), key);
    assert!(
        !fs::read_to_string(&path)
            .unwrap()
            .contains(&"07".repeat(16))
    );
    // Never over another, and each has randomness of its own.
    let again = write(&path, &password("secret"), &key, SMALL).unwrap_err();
    assert!(matches!(
        again,
        KeystoreError::File(PrivateFileError::Exists { .. })
    ));
    let other = folder.path().join("other");
    write(&other, &password("secret"), &key, SMALL).unwrap();
    let json = |path: &Path| -> Keystore {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let (one, other) = (json(&path), json(&other));
    assert_ne!(one.crypto.ciphertext, other.crypto.ciphertext);
    assert_ne!(one.crypto.cipherparams.iv, other.crypto.cipherparams.iv);
    assert_ne!(one.id, other.id);
    assert_eq!(one.id.len(), 36);
    assert_eq!(&one.id[14..15], "4");
}

#[test]
fn created_keys_are_as_hard_to_guess_as_geths() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let address = create(&path, &password("secret")).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#""n":262144,"r":8,"p":1"#), "{text}");
    let key = read(&path, &password("secret")).unwrap();
    assert_eq!(address_of(&key), address);
}

#[test]
fn others_may_not_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    write_text(&path, PBKDF2);
    for mode in [0o640, 0o604, 0o660, 0o644, 0o601] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = read(&path, &password("testpassword")).unwrap_err();
        let is_open = matches!(&error, KeystoreError::File(PrivateFileError::Open { mode: found, .. }) if *found == mode);
        assert!(is_open, "{mode:o}: {error}");
        let advice = format!("chmod 600 {}", path.display());
        assert!(error.to_string().contains(&advice), "{error}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(read(&path, &password("testpassword")).is_ok());
    let folder = read(folder.path(), &password("testpassword")).unwrap_err();
    assert!(
        folder.to_string().contains("not a regular file") || folder.to_string().contains("mode")
    );
}

#[test]
fn what_is_no_keystore_is_refused_before_it_costs_anything() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        ("no JSON", "", "}", "is no keystore"),
        (
            "another version",
            r#""version":3"#,
            r#""version":1"#,
            "expected version 3, found 1",
        ),
        (
            "another cipher",
            "aes-128-ctr",
            "aes-128-cbc",
            "expected the cipher aes-128-ctr",
        ),
        (
            "another kdf",
            r#""kdf":"scrypt""#,
            r#""kdf":"argon2""#,
            "is no keystore",
        ),
        (
            "a short key",
            r#""dklen":32"#,
            r#""dklen":16"#,
            "expected a dklen of 32",
        ),
        (
            "a salt of other digits",
            "ab0c78",
            "xb0c78",
            "the salt is no hexadecimal",
        ),
        ("a short iv", "83dbcc02", "83dbcc", "as the iv"),
        (
            "a long ciphertext",
            "d172bf74",
            "d172bf7474",
            "as the ciphertext",
        ),
        (
            "an n that is no power of two",
            r#""n":262144"#,
            r#""n":262143"#,
            "a power of two",
        ),
        ("an n of 0", r#""n":262144"#, r#""n":0"#, "a power of two"),
        (
            "2 TiB of memory",
            r#""n":262144"#,
            r#""n":17179869184"#,
            "found n = 17179869184",
        ),
        (
            "more than 2^64 bytes",
            r#""n":262144"#,
            r#""n":9223372036854775808"#,
            "found n =",
        ),
        ("hours", r#""p":8"#, r#""p":1000000"#, "p = 1000000"),
        (
            "an r of 0",
            r#""r":1"#,
            r#""r":0"#,
            "found n = 262144, r = 0",
        ),
        (
            "a p of 0",
            r#""p":8"#,
            r#""p":0"#,
            "found n = 262144, r = 1, p = 0",
        ),
        (
            "16 GiB beside little n",
            r#""n":262144,"r":1,"p":8"#,
            r#""n":2,"r":8388607,"p":16"#,
            "found n = 2, r = 8388607, p = 16",
        ),
        (
            "minutes within the memory",
            r#""n":262144,"r":1,"p":8"#,
            r#""n":1048576,"r":7,"p":16"#,
            "found n = 1048576, r = 7, p = 16",
        ),
    ];
    for (name, old, new, expected) in rows {
        let path = folder.path().join(name);
        let text = if old.is_empty() {
            format!("{SCRYPT}{new}")
        } else {
            SCRYPT.replace(old, new)
        };
        assert_ne!(text, SCRYPT, "{name}");
        write_text(&path, &text);
        let error = read(&path, &password("testpassword"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn pbkdf2_with_other_values_and_another_account_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, old, new, expected) in [
        ("no rounds", r#""c":262144"#, r#""c":0"#, "found 0"),
        (
            "hours of rounds",
            r#""c":262144"#,
            r#""c":4000000000"#,
            "found 4000000000",
        ),
        (
            "another prf",
            "hmac-sha256",
            "hmac-sha512",
            "expected the prf hmac-sha256",
        ),
        (
            "another account",
            r#""version":3"#,
            r#""version":3,"address":"00""#,
            "names the account",
        ),
        (
            "another mac",
            "517ead92",
            "517ead93",
            "the password is not the one",
        ),
    ] {
        let path = folder.path().join(name);
        let text = PBKDF2.replace(old, new);
        assert_ne!(text, PBKDF2, "{name}");
        write_text(&path, &text);
        let error = read(&path, &password("testpassword"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn a_file_that_is_longer_than_any_keystore_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    write_text(&path, &" ".repeat(20_000));
    let error = read(&path, &password("testpassword"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 16384 bytes"), "{error}");
}

//! Private keys in the forms that other software reads.

use counterfoil_tiles::key::{Algorithm, KeyName, PrivateKey, Seed};

fn key(algorithm: Algorithm, seed: [u8; 32]) -> PrivateKey {
    PrivateKey::new(
        KeyName::new("name.example").unwrap(),
        algorithm,
        Seed::new(seed),
    )
    .unwrap()
}

/// The example of RFC 8410, section 10.3.
#[test]
fn ed25519_keys_as_pkcs8() {
    let der = "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
    let der = hex::decode(der).unwrap();
    let seed: [u8; 32] = der[16..].try_into().unwrap();
    for algorithm in [Algorithm::Ed25519, Algorithm::CosignatureV1] {
        assert_eq!(*key(algorithm, seed).to_pkcs8().unwrap(), der);
    }
    assert_eq!(key(Algorithm::MlDsa44, seed).to_pkcs8(), None);

    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref();
    let vkey = key(Algorithm::Ed25519, seed).vkey().clone();
    assert_eq!(public, vkey.public_key().as_bytes());
}

use counterfoil_ethereum::Calldata;
use counterfoil_ethereum_sender::{Call, Gas, Wei};

use super::*;

fn unsigned() -> Unsigned {
    Unsigned {
        chain_id: 31_337,
        nonce: 7,
        max_priority_fee: Wei::from_gwei(1),
        max_fee: Wei::from_gwei(30),
        gas_limit: Gas::new(22_440),
        call: Call {
            to: Address::from_bytes([9; 20]),
            calldata: Calldata {
                root: counterfoil_tiles::hash::NodeHash::from_bytes([0xab; 32]),
            },
        },
    }
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

#[test]
fn what_is_signed_here_is_accepted() {
    let key = key(7);
    let signed = sign_here(&key, &unsigned()).unwrap();
    let account = keystore::address_of(&key);
    assert_eq!(check(&unsigned(), &signed, account), Ok(()));
    // Deterministic: the same bytes after a crash, whatever the register remembers.
    assert_eq!(sign_here(&key, &unsigned()).unwrap(), signed);
}

#[test]
fn another_account_another_field_and_no_signature_are_refused() {
    let account = keystore::address_of(&key(7));
    let of_another = sign_here(&key(8), &unsigned()).unwrap();
    let error = check(&unsigned(), &of_another, account);
    let found = keystore::address_of(&key(8));
    let expected = account;
    assert_eq!(error, Err(SignerError::Account { expected, found }));
    let mut other = unsigned();
    other.nonce = 8;
    let changed = sign_here(&key(7), &other).unwrap();
    let error = check(&unsigned(), &changed, account);
    assert_eq!(
        error,
        Err(SignerError::Changed(SignedError::Changed("nonce")))
    );
    for (name, r, s) in [
        ("zeros", [0; 32], [0; 32]),
        ("an r above the order", [0xff; 32], [1; 32]),
    ] {
        let none = unsigned().encode_signed(0, &r, &s);
        let error = check(&unsigned(), &none, account);
        assert!(
            matches!(error, Err(SignerError::Signature(_))),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn the_upper_half_is_refused() {
    let key = key(7);
    let unsigned = unsigned();
    let hash = keccak256(&unsigned.encode());
    let (signature, parity) = key.sign_prehash_recoverable(&hash).unwrap();
    let (r, s) = signature.split_scalars();
    // -s with the other parity is a signature of the same key, which nodes refuse since Homestead.
    let high = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    let (r, s) = high.split_bytes();
    let parity = u64::from(!parity.is_y_odd());
    let signed = unsigned.encode_signed(parity, &r, &s);
    let error = check(&unsigned, &signed, keystore::address_of(&key));
    assert!(matches!(error, Err(SignerError::Signature(_))), "{error:?}");
}

#[test]
fn no_secret_is_shown() {
    let signer = Signer::Keystore(LocalKey(key(7)));
    let shown = format!("{signer:?}");
    assert_eq!(shown, format!("Signer::Keystore({})", signer.account()));
    assert!(!shown.contains("0707"));
    let endpoint = "https://user:s3cret@signer.example/s3cret".parse().unwrap();
    let remote = format!("{:?}", Signer::remote(endpoint, signer.account()));
    assert!(!remote.contains("s3cret"), "{remote}");
}

//! Encrypted key files: Web3 Secret Storage, version 3, as geth and others keep them.
//!
//! ```json
//! {"version": 3, "id": "<UUID>", "address": "<hex>",
//!  "crypto": {"cipher": "aes-128-ctr", "cipherparams": {"iv": "<hex>"}, "ciphertext": "<hex>",
//!             "kdf": "scrypt", "kdfparams": {"dklen": 32, "n": 262144, "r": 8, "p": 1, "salt": "<hex>"}, "mac": "<hex>"}}
//! ```
//!
//! The key that is derived from the password has 32 bytes: the first 16 encrypt the private key, and Keccak-256 over the others and the
//! ciphertext is the `mac`, by which a wrong password is noticed. `pbkdf2` (HMAC-SHA-256) is read, too.

use core::num::NonZeroU32;
use std::path::{Path, PathBuf};

use aws_lc_rs::cipher::{AES_128, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, pbkdf2, rand};
use counterfoil_ethereum::{Address, keccak256};
use k256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::password::Password;
use counterfoil_files::PrivateFileError;

/// The longest file that is read as a keystore: they have about 500 bytes.
const MAX_BYTES: usize = 16_384;

/// The version of the format.
const VERSION: u64 = 3;

/// The cipher.
const CIPHER: &str = "aes-128-ctr";

/// The key from the password, in bytes.
const DERIVED: usize = 32;

/// What scrypt may take: 1 GiB. What geth writes takes 256 MiB.
const MAX_SCRYPT_BYTES: u64 = 1 << 30;

/// The most work of scrypt, n * r * p: some seconds. What geth writes has an eighth of it.
const MAX_SCRYPT_WORK: u64 = 1 << 24;

/// The most rounds of PBKDF2: some seconds. What is written elsewhere has 262,144.
const MAX_ROUNDS: u32 = 10_000_000;

/// What new keystores take: 256 MiB and about a second, as geth's.
const NEW: Cost = Cost {
    n: 1 << 18,
    r: 8,
    p: 1,
};

/// What scrypt takes.
#[derive(Clone, Copy)]
struct Cost {
    n: u64,
    r: u32,
    p: u32,
}

/// Why a keystore gives no key, or was not made.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The file is of no use.
    #[error("the keystore {0}")]
    File(#[from] PrivateFileError),
    /// It is none.
    #[error("{} is no keystore of version 3 (Web3 Secret Storage): {error}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
    /// Its values are none that a keystore has.
    #[error("the keystore {}: {why}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The password is another.
    #[error("the keystore {}: the password is not the one that it was encrypted with, or the file is damaged", path.display())]
    Password {
        /// The file.
        path: PathBuf,
    },
    /// No randomness, or the like.
    #[error("the cryptographic library failed while {0}")]
    Library(&'static str),
}

#[derive(Debug, Serialize, Deserialize)]
struct Keystore {
    version: u64,
    id: String,
    #[serde(default)]
    address: Option<String>,
    // Some old ones write it large.
    #[serde(alias = "Crypto")]
    crypto: Crypto,
}

#[derive(Debug, Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    #[serde(flatten)]
    kdf: Kdf,
    mac: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kdf", content = "kdfparams", rename_all = "lowercase")]
enum Kdf {
    Scrypt(Scrypt),
    Pbkdf2(Pbkdf2),
}

#[derive(Debug, Serialize, Deserialize)]
struct Scrypt {
    dklen: u32,
    n: u64,
    r: u32,
    p: u32,
    salt: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Pbkdf2 {
    dklen: u32,
    c: u32,
    prf: String,
    salt: String,
}

/// Makes a new private key and keeps it in a new file of mode 0600. Gives the address of its account. Takes a second, and 256 MiB.
pub fn create(path: &Path, password: &Password) -> Result<Address, KeystoreError> {
    let key = loop {
        let secret = random::<32>()?;
        // All but some in 2^128 are private keys.
        if let Ok(key) = SigningKey::from_slice(&*secret) {
            break key;
        }
    };
    write(path, password, &key, NEW)?;
    Ok(address_of(&key))
}

/// Reads a private key from a file that only its owner may read. Takes a second, and as much memory as the file says.
pub(crate) fn read(path: &Path, password: &Password) -> Result<SigningKey, KeystoreError> {
    let text = counterfoil_files::read_private(path, MAX_BYTES)?;
    let keystore: Keystore = serde_json::from_str(&text).map_err(|error| KeystoreError::Json {
        path: path.to_owned(),
        error,
    })?;
    let wrong = |why: String| KeystoreError::Value {
        path: path.to_owned(),
        why,
    };
    let Keystore {
        version,
        address,
        crypto,
        ..
    } = keystore;
    if version != VERSION {
        return Err(wrong(format!(
            "expected version {VERSION}, found {version}"
        )));
    }
    if crypto.cipher != CIPHER {
        return Err(wrong(format!(
            "expected the cipher {CIPHER}, found {:?}",
            crypto.cipher
        )));
    }
    let ciphertext = bytes::<32>("ciphertext", &crypto.ciphertext).map_err(wrong)?;
    let iv = bytes::<16>("iv", &crypto.cipherparams.iv).map_err(wrong)?;
    let mac = bytes::<32>("mac", &crypto.mac).map_err(wrong)?;
    let derived = derive(&crypto.kdf, password).map_err(wrong)?;
    if constant_time::verify_slices_are_equal(&mac_of(&derived, &ciphertext), &mac).is_err() {
        return Err(KeystoreError::Password {
            path: path.to_owned(),
        });
    }
    let secret = encrypt(&derived, iv, &ciphertext)?;
    let key = SigningKey::from_slice(&*secret);
    let key = key.map_err(|_| wrong("what is encrypted in it is no private key".to_owned()))?;
    let found = hex::encode(address_of(&key).as_bytes());
    match address {
        Some(named) if named.trim_start_matches("0x").to_lowercase() != found => Err(wrong(
            format!("it names the account {named:?}, and its key is that of 0x{found}"),
        )),
        _ => Ok(key),
    }
}

/// The address of a key's account: the end of Keccak-256 of the public key's two coordinates.
pub(crate) fn address_of(key: &SigningKey) -> Address {
    let point = key.verifying_key().to_encoded_point(false);
    // The first byte says that both coordinates follow.
    let hash = keccak256(point.as_bytes().get(1..).unwrap_or_default());
    let mut address = [0; 20];
    address.copy_from_slice(hash.get(12..).unwrap_or(&[0; 20]));
    Address::from_bytes(address)
}

fn write(
    path: &Path,
    password: &Password,
    key: &SigningKey,
    cost: Cost,
) -> Result<(), KeystoreError> {
    let wrong = |why: String| KeystoreError::Value {
        path: path.to_owned(),
        why,
    };
    let Cost { n, r, p } = cost;
    let kdf = Kdf::Scrypt(Scrypt {
        dklen: 32,
        n,
        r,
        p,
        salt: hex::encode(*random::<32>()?),
    });
    let derived = derive(&kdf, password).map_err(wrong)?;
    let iv = *random::<16>()?;
    let secret = Zeroizing::new(<[u8; 32]>::from(key.to_bytes()));
    let ciphertext = encrypt(&derived, iv, &secret)?;
    let keystore = Keystore {
        version: VERSION,
        id: uuid(*random::<16>()?),
        address: Some(hex::encode(address_of(key).as_bytes())),
        crypto: Crypto {
            cipher: CIPHER.to_owned(),
            cipherparams: CipherParams {
                iv: hex::encode(iv),
            },
            ciphertext: hex::encode(*ciphertext),
            kdf,
            mac: hex::encode(mac_of(&derived, &ciphertext)),
        },
    };
    let text = serde_json::to_string(&keystore).map_err(|error| KeystoreError::Json {
        path: path.to_owned(),
        error,
    })?;
    Ok(counterfoil_files::create_private(path, &text)?)
}

/// The key that encrypts, and the one of the mac.
type Derived = Zeroizing<[u8; DERIVED]>;

fn derive(kdf: &Kdf, password: &Password) -> Result<Derived, String> {
    let mut derived = Zeroizing::new([0; DERIVED]);
    let (dklen, salt) = match kdf {
        Kdf::Scrypt(Scrypt { dklen, salt, .. }) | Kdf::Pbkdf2(Pbkdf2 { dklen, salt, .. }) => {
            (*dklen, salt)
        }
    };
    if usize::try_from(dklen) != Ok(DERIVED) {
        return Err(format!("expected a dklen of {DERIVED}, found {dklen}"));
    }
    let salt = hex::decode(salt).map_err(|error| format!("the salt is no hexadecimal: {error}"))?;
    match kdf {
        Kdf::Scrypt(Scrypt { n, r, p, .. }) => {
            let (wide_r, wide_p) = (u64::from(*r), u64::from(*p));
            let memory = (n.saturating_add(wide_p))
                .saturating_mul(wide_r)
                .saturating_mul(128);
            let work = n.saturating_mul(wide_r).saturating_mul(wide_p);
            let is_bounded = memory <= MAX_SCRYPT_BYTES && (1..=MAX_SCRYPT_WORK).contains(&work);
            if !n.is_power_of_two() || !is_bounded {
                return Err(format!(
                    "expected an n for scrypt that is a power of two, (n + p) * r * 128 of at most {MAX_SCRYPT_BYTES}, and n * r * p of 1 to {MAX_SCRYPT_WORK}; found n = {n}, r = {r}, p = {p}"
                ));
            }
            let log_n = u8::try_from(n.trailing_zeros()).unwrap_or(u8::MAX);
            let params = scrypt::Params::new(log_n, *r, *p).map_err(|error| error.to_string())?;
            scrypt::scrypt(password.as_bytes(), &salt, &params, &mut *derived)
                .map_err(|error| error.to_string())?;
        }
        Kdf::Pbkdf2(Pbkdf2 { c, prf, .. }) => {
            if prf != "hmac-sha256" {
                return Err(format!("expected the prf hmac-sha256, found {prf:?}"));
            }
            let rounds = NonZeroU32::new(*c).filter(|rounds| rounds.get() <= MAX_ROUNDS);
            let rounds =
                rounds.ok_or_else(|| format!("expected 1 to {MAX_ROUNDS} rounds, found {c}"))?;
            pbkdf2::derive(
                pbkdf2::PBKDF2_HMAC_SHA256,
                rounds,
                &salt,
                password.as_bytes(),
                &mut *derived,
            );
        }
    }
    Ok(derived)
}

/// AES-128 in counter mode, which decrypts what it encrypts.
fn encrypt(
    derived: &Derived,
    iv: [u8; 16],
    text: &[u8; 32],
) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let failed = |_| KeystoreError::Library("encrypting");
    let (key, _) = derived.split_at(16);
    let key = UnboundCipherKey::new(&AES_128, key).map_err(failed)?;
    let key = DecryptingKey::ctr(key).map_err(failed)?;
    let mut text = Zeroizing::new(*text);
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    key.decrypt(&mut *text, context).map_err(failed)?;
    Ok(text)
}

fn mac_of(derived: &Derived, ciphertext: &[u8; 32]) -> [u8; 32] {
    let (_, key) = derived.split_at(16);
    let both = Zeroizing::new([key, &ciphertext[..]].concat());
    keccak256(&both)
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeystoreError> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(&mut *bytes).map_err(|_| KeystoreError::Library("drawing random bytes"))?;
    Ok(bytes)
}

/// A random UUID (RFC 9562, version 4).
fn uuid(random: [u8; 16]) -> String {
    let number = u128::from_be_bytes(random) & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
    let digits = format!("{number:032x}");
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

fn bytes<const N: usize>(name: &str, digits: &str) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|error| format!("expected {N} bytes in hexadecimal as the {name}: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

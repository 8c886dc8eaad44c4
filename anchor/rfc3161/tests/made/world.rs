//! A root, an issuer and a signer, and the tokens they make: all right but for what a test changes.

use aws_lc_rs::digest::{self, SHA256, SHA512};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use counterfoil_rfc3161::{
    Certificate, Check, CheckName, Covers, Judgement, Nonce, Oid, Outcome, Question, Timestamp,
    verify,
};

use crate::corpus;
use crate::der::{
    bits, boolean, context, element, integer, name, octets, oid, sequence, set, time,
};

pub(crate) const DATA: &[u8] = b"log.example/1\n3\nroot\n";
pub(crate) const POLICY: &str = "2.25.1";
/// When the tokens are made: 2024-06-01.
pub(crate) const GEN_TIME: &str = "20240601120000Z";
pub(crate) const GEN_SECONDS: i64 = 1_717_243_200;

pub(crate) const SHA_1: &str = "1.3.14.3.2.26";
pub(crate) const SHA_256: &str = "2.16.840.1.101.3.4.2.1";
const SHA_512: &str = "2.16.840.1.101.3.4.2.3";
/// Its signatures are the same each time, and so are the certificates.
pub(crate) const ED25519: &str = "1.3.101.112";
pub(crate) const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
pub(crate) const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
pub(crate) const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.12";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&SHA256, bytes).as_ref().to_vec()
}

fn sha512(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&SHA512, bytes).as_ref().to_vec()
}

pub(crate) fn sha1(bytes: &[u8]) -> Vec<u8> {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().to_vec()
}

/// Somebody with a key and a certificate.
pub(crate) struct Party {
    pub(crate) key: Ed25519KeyPair,
    pub(crate) name: &'static str,
    pub(crate) serial: u16,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    /// `Extension`s; none makes a certificate of version 1.
    pub(crate) extensions: Vec<Vec<u8>>,
    /// What follows their list.
    pub(crate) behind_extensions: Vec<u8>,
    /// `SubjectPublicKeyInfo`, where it is not the key's own.
    pub(crate) spki: Option<Vec<u8>>,
}

pub(crate) fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::generate().unwrap()
}

pub(crate) fn sign(key: &Ed25519KeyPair, message: &[u8]) -> Vec<u8> {
    key.sign(message).as_ref().to_vec()
}

/// An extension.
pub(crate) fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(boolean(true));
    }
    parts.push(octets(value));
    sequence(&parts)
}

pub(crate) fn basic_constraints(path_length: Option<u16>) -> Vec<u8> {
    let mut parts = vec![boolean(true)];
    parts.extend(path_length.map(integer));
    extension("2.5.29.19", true, &sequence(&parts))
}

/// The bits as they stand in the first octet.
pub(crate) fn key_usage(bits: u8) -> Vec<u8> {
    extension("2.5.29.15", true, &element(0x03, &[0, bits]))
}

pub(crate) const DIGITAL_SIGNATURE: u8 = 0x80;
pub(crate) const KEY_ENCIPHERMENT: u8 = 0x20;
pub(crate) const KEY_CERT_SIGN: u8 = 0x04;
pub(crate) const CRL_SIGN: u8 = 0x02;

pub(crate) const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
pub(crate) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";

pub(crate) fn extended_key_usage(critical: bool, purposes: &[&str]) -> Vec<u8> {
    let purposes: Vec<_> = purposes.iter().map(|purpose| oid(purpose)).collect();
    extension("2.5.29.37", critical, &sequence(&purposes))
}

impl Party {
    pub(crate) fn authority(name: &'static str, serial: u16) -> Self {
        Self {
            key: key(),
            name,
            serial,
            from: "20200101000000Z",
            to: "20300101000000Z",
            extensions: vec![basic_constraints(None), key_usage(KEY_CERT_SIGN | CRL_SIGN)],
            behind_extensions: Vec::new(),
            spki: None,
        }
    }

    pub(crate) fn signer() -> Self {
        Self {
            extensions: vec![
                key_usage(DIGITAL_SIGNATURE),
                extended_key_usage(true, &[TIME_STAMPING]),
            ],
            ..Self::authority("Signer", 3)
        }
    }

    /// Its certificate, issued by another.
    pub(crate) fn by(&self, issuer: &Self) -> Vec<u8> {
        let algorithm = || sequence(&[oid(ED25519)]);
        let own = || sequence(&[algorithm(), bits(self.key.public_key().as_ref())]);
        let mut parts = vec![
            integer(self.serial),
            algorithm(),
            name(issuer.name),
            sequence(&[time(self.from), time(self.to)]),
            name(self.name),
            self.spki.clone().unwrap_or_else(own),
        ];
        if !self.extensions.is_empty() {
            parts.insert(0, context(0, &integer(2)));
            let list = sequence(&self.extensions);
            let list = [list.as_slice(), &self.behind_extensions].concat();
            parts.push(context(3, &list));
        }
        let tbs = sequence(&parts);
        let signature = bits(&sign(&issuer.key, &tbs));
        sequence(&[tbs, algorithm(), signature])
    }
}

/// `TSTInfo`, as a test changes it.
pub(crate) struct Info {
    pub(crate) version: u16,
    pub(crate) imprint: (&'static str, Vec<u8>),
    pub(crate) policy: &'static str,
    pub(crate) time: &'static str,
    /// `Accuracy`, whole.
    pub(crate) accuracy: Option<Vec<u8>>,
    pub(crate) nonce: Option<u16>,
    /// A `GeneralName`.
    pub(crate) tsa: Option<Vec<u8>>,
    pub(crate) extensions: Option<Vec<u8>>,
}

/// What surrounds it.
pub(crate) struct Parts {
    /// Of the signed data.
    pub(crate) version: u16,
    pub(crate) content_type: &'static str,
    /// `Attribute`s: the content type, the message digest, and `ESSCertIDv2`.
    pub(crate) attributes: Vec<Vec<u8>>,
    pub(crate) digest_algorithm: &'static str,
    /// None at all, which differs from an empty list.
    pub(crate) without_attributes: bool,
    pub(crate) certificates: Vec<Vec<u8>>,
    /// `SignerIdentifier`, where it is not issuer and serial number.
    pub(crate) signer_id: Option<Vec<u8>>,
    /// How often the same `SignerInfo` comes.
    pub(crate) signers: usize,
    /// Flips one bit of the signature.
    pub(crate) spoil_signature: bool,
    /// Changed after the signature is made.
    pub(crate) after_signing: fn(&mut Vec<Vec<u8>>),
}

pub(crate) struct World {
    pub(crate) root: Party,
    pub(crate) issuer: Party,
    pub(crate) signer: Party,
}

pub(crate) fn attribute(id: &str, values: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[oid(id), set(values)])
}

/// `IssuerSerial`.
pub(crate) fn issuer_serial(issuer: &str, serial: u16) -> Vec<u8> {
    let names = sequence(&[context(4, &name(issuer))]);
    sequence(&[names, integer(serial)])
}

/// The attribute with `ESSCertID`.
pub(crate) fn ess_v1(hash: &[u8], issuer_serial: Option<Vec<u8>>) -> Vec<u8> {
    let mut id = vec![octets(hash)];
    id.extend(issuer_serial);
    let value = sequence(&[sequence(&[sequence(&id)])]);
    attribute(SIGNING_CERTIFICATE, &[value])
}

/// The attribute with `ESSCertIDv2`.
pub(crate) fn ess_v2(
    algorithm: Option<&str>,
    hash: &[u8],
    issuer_serial: Option<Vec<u8>>,
) -> Vec<u8> {
    let mut id: Vec<_> = algorithm
        .map(|id| sequence(&[oid(id)]))
        .into_iter()
        .collect();
    id.push(octets(hash));
    id.extend(issuer_serial);
    let value = sequence(&[sequence(&[sequence(&id)])]);
    attribute(SIGNING_CERTIFICATE_V2, &[value])
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            root: Party::authority("Root", 1),
            issuer: Party::authority("Issuer", 2),
            signer: Party::signer(),
        }
    }

    pub(crate) fn root_der(&self) -> Vec<u8> {
        self.root.by(&self.root)
    }

    pub(crate) fn issuer_der(&self) -> Vec<u8> {
        self.issuer.by(&self.root)
    }

    pub(crate) fn signer_der(&self) -> Vec<u8> {
        self.signer.by(&self.issuer)
    }

    /// A token, good but for what is changed.
    pub(crate) fn token(
        &self,
        change_info: impl FnOnce(&mut Info),
        change: impl FnOnce(&mut Parts),
    ) -> Vec<u8> {
        let mut info = Info {
            version: 1,
            imprint: (SHA_256, sha256(DATA)),
            policy: POLICY,
            time: GEN_TIME,
            accuracy: Some(sequence(&[integer(1)])),
            nonce: Some(77),
            tsa: None,
            extensions: None,
        };
        change_info(&mut info);
        let info = info.der();
        let signer = self.signer_der();
        let mut parts = Parts {
            version: 3,
            content_type: TST_INFO,
            attributes: vec![
                attribute(CONTENT_TYPE, &[oid(TST_INFO)]),
                attribute(MESSAGE_DIGEST, &[octets(&sha512(&info))]),
                ess_v2(
                    None,
                    &sha256(&signer),
                    Some(issuer_serial(self.issuer.name, self.signer.serial)),
                ),
            ],
            digest_algorithm: SHA_512,
            without_attributes: false,
            certificates: vec![signer, self.issuer_der()],
            signer_id: None,
            signers: 1,
            spoil_signature: false,
            after_signing: |_| {},
        };
        change(&mut parts);
        self.assemble(&info, parts)
    }

    fn assemble(&self, info: &[u8], mut parts: Parts) -> Vec<u8> {
        let mut signature = sign(&self.signer.key, &set(&parts.attributes));
        if parts.spoil_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        (parts.after_signing)(&mut parts.attributes);
        let digest = || sequence(&[oid(parts.digest_algorithm)]);
        let mut signer_info = vec![
            integer(1),
            parts.signer_id.clone().unwrap_or_else(|| {
                sequence(&[name(self.issuer.name), integer(self.signer.serial)])
            }),
            digest(),
        ];
        if !parts.without_attributes {
            signer_info.push(context(0, &parts.attributes.concat()));
        }
        signer_info.extend([sequence(&[oid(ED25519)]), octets(&signature)]);
        let signer_infos = vec![sequence(&signer_info); parts.signers];
        let content = sequence(&[oid(parts.content_type), context(0, &octets(info))]);
        let signed_data = sequence(&[
            integer(parts.version),
            set(&[digest()]),
            content,
            context(0, &parts.certificates.concat()),
            set(&signer_infos),
        ]);
        sequence(&[oid("1.2.840.113549.1.7.2"), context(0, &signed_data)])
    }

    /// Judges a token as whoever asked for it would.
    pub(crate) fn judge(&self, token: &[u8]) -> Judgement {
        self.judge_with(token, &[])
    }

    pub(crate) fn judge_with(&self, token: &[u8], extra: &[Certificate]) -> Judgement {
        self.ask(token, extra, recorded)
    }

    /// The same, where there are many much alike.
    pub(crate) fn judge_unrecorded(&self, token: &[u8]) -> Judgement {
        self.ask(token, &[], verify)
    }

    fn ask(
        &self,
        token: &[u8],
        extra: &[Certificate],
        judge: fn(&Question<'_>) -> Judgement,
    ) -> Judgement {
        judge(&Question {
            token,
            covers: Covers::Data(DATA),
            nonce: Some(&Nonce::new(&[77])),
            policies: &[POLICY.parse::<Oid>().unwrap()],
            roots: &[certificate(&self.root_der())],
            extra,
            revocation: &[],
            at: Some(Timestamp::from_seconds(GEN_SECONDS)),
        })
    }
}

impl Info {
    pub(crate) fn der(&self) -> Vec<u8> {
        let (algorithm, digest) = &self.imprint;
        let mut parts = vec![
            integer(self.version),
            oid(self.policy),
            sequence(&[sequence(&[oid(algorithm)]), octets(digest)]),
            integer(9),
            time(self.time),
        ];
        parts.extend(self.accuracy.clone());
        parts.extend(self.nonce.map(integer));
        parts.extend(self.tsa.as_ref().map(|name| context(0, name)));
        parts.extend(self.extensions.as_ref().map(|value| context(1, value)));
        sequence(&parts)
    }
}

/// Judges a token, and keeps what came of it for others to compare.
pub(crate) fn recorded(question: &Question<'_>) -> Judgement {
    let judgement = verify(question);
    corpus::record_judgement(question, &judgement);
    judgement
}

pub(crate) fn certificate(der: &[u8]) -> Certificate {
    Certificate::parse(der).unwrap()
}

/// The checks that did not pass.
pub(crate) fn troubles(judgement: &Judgement) -> Vec<(CheckName, Outcome)> {
    let troubled = judgement
        .checks
        .iter()
        .filter(|check| check.outcome != Outcome::Passed)
        // Of revocation nothing is given here.
        .filter(|check| check.name != CheckName::Revocation);
    troubled.map(|check| (check.name, check.outcome)).collect()
}

/// Everything passed.
pub(crate) fn assert_good(judgement: &Judgement, what: &str) {
    assert_eq!(troubles(judgement), [], "{what}: {judgement:#?}");
    assert!(judgement.is_good(), "{what}");
}

/// One check failed, for this reason, and all others passed.
pub(crate) fn assert_fails(judgement: &Judgement, name: CheckName, reason: &str, what: &str) {
    assert_is_alone(judgement, name, Outcome::Failed, reason, what);
}

/// One check came to something else than the others, which passed.
pub(crate) fn assert_is_alone(
    judgement: &Judgement,
    name: CheckName,
    verdict: Outcome,
    reason: &str,
    what: &str,
) {
    assert_eq!(
        troubles(judgement),
        [(name, verdict)],
        "{what}: {judgement:#?}"
    );
    let check = |check: &&Check| check.name == name;
    let found = &judgement.checks.iter().find(check).unwrap().reason;
    assert!(found.contains(reason), "{what}: {found}");
    assert!(!judgement.is_good(), "{what}");
}

//! What the tests of both ends need: certificates, keys, and a network that can fail.

#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod proxy;

use std::sync::Arc;
use std::time::Duration;

use counterfoil_bastion::backend::{BackendKey, Roots, Timing};
use counterfoil_tiles::key::{Algorithm, KeyName, PrivateKey, Seed};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Nothing in these tests takes nearly as long; it is there so that a defect fails a test instead of hanging it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What a future comes to; panics after [`PATIENCE`].
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it takes too long")
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A private key of an algorithm, told from others by a number.
pub(crate) fn private_key(algorithm: Algorithm, number: u8) -> PrivateKey {
    let name = KeyName::new("backend.example").unwrap();
    PrivateKey::new(name, algorithm, Seed::new([number; 32])).unwrap()
}

/// A backend's key, told from others by a number.
pub(crate) fn backend_key(number: u8) -> BackendKey {
    BackendKey::new(&private_key(Algorithm::Ed25519, number)).unwrap()
}

/// Times for tests that wait for their end: nothing is asserted of them but their order.
pub(crate) fn quick() -> Timing {
    Timing {
        connect: Duration::from_secs(30),
        ping_interval: Duration::from_millis(50),
        ping_timeout: Duration::from_secs(1),
        first_wait: Duration::from_millis(10),
        longest_wait: Duration::from_millis(100),
        stable: Duration::from_mins(1),
        shutdown: Duration::from_secs(30),
    }
}

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server's certificate and key.
    pub(crate) fn server(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// Signs a certificate.
    pub(crate) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> rcgen::Certificate {
        params.signed_by(key, &self.0).unwrap()
    }

    /// The same for rustls.
    pub(crate) fn server_der(
        &self,
        names: &[&str],
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let (certificate, key) = self.server(names);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (vec![certificate.der().clone()], key)
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn store(&self) -> Arc<RootCertStore> {
        let mut store = RootCertStore::empty();
        store.add(self.0.der().clone()).unwrap();
        Arc::new(store)
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::Only(self.store())
    }
}

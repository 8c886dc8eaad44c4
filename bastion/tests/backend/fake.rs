//! A bastion that does what a test tells it to.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use counterfoil_bastion::ALPN;
use h2::client::SendRequest;
use hyper::Request;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::verify_tls13_signature;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::common::{Authority, provider, soon};

/// Whom it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taste {
    Everybody,
    Nobody,
}

pub(crate) struct FakeBastion {
    listener: TcpListener,
    backlog: std::net::TcpListener,
    acceptor: TlsAcceptor,
}

const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
pub(crate) const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// How it speaks TLS, where not as a bastion does.
#[derive(Clone, Copy)]
pub(crate) struct Manner<'a> {
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    pub(crate) protocols: &'a [&'a [u8]],
    pub(crate) names: &'a [&'a str],
    pub(crate) taste: Taste,
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Self {
            versions: TLS13,
            protocols: const { &[ALPN] },
            names: &["localhost"],
            taste: Taste::Everybody,
        }
    }
}

impl FakeBastion {
    pub(crate) fn new(authority: &Authority) -> Self {
        Self::with(authority, Manner::default())
    }

    pub(crate) fn with(authority: &Authority, manner: Manner<'_>) -> Self {
        let (chain, key) = authority.server_der(manner.names);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(manner.versions)
            .unwrap()
            .with_client_cert_verifier(Arc::new(Verifier(manner.taste)))
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = manner.protocols.iter().map(|name| name.to_vec()).collect();
        let backlog = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        backlog.set_nonblocking(true).unwrap();
        Self {
            listener: TcpListener::from_std(backlog.try_clone().unwrap()).unwrap(),
            backlog,
            acceptor: Arc::new(config).into(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The next connection, after its handshake.
    pub(crate) async fn handshake(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let (stream, _) = soon(self.listener.accept()).await?;
        soon(self.acceptor.accept(stream)).await
    }

    /// The next connection, on which requests can be sent.
    pub(crate) async fn accept(&self) -> Connection {
        Connection::over(self.handshake().await.unwrap()).await
    }

    /// Whether another connection waits to be accepted.
    pub(crate) fn is_knocked_at(&self) -> bool {
        self.backlog.accept().is_ok()
    }
}

/// A connection of a backend, taken by the fake.
pub(crate) struct Connection {
    send: SendRequest<Bytes>,
    pub(crate) driver: JoinHandle<Result<(), h2::Error>>,
}

impl Connection {
    pub(crate) async fn over(stream: TlsStream<TcpStream>) -> Self {
        let (send, connection) = soon(h2::client::handshake(stream)).await.unwrap();
        Self {
            send,
            driver: tokio::spawn(connection),
        }
    }

    /// Begins a request, whose response can be awaited.
    pub(crate) async fn begin(
        &self,
        request: Request<()>,
        body: &'static str,
    ) -> h2::client::ResponseFuture {
        let mut send = soon(self.send.clone().ready()).await.unwrap();
        let (response, mut stream) = send.send_request(request, body.is_empty()).unwrap();
        if !body.is_empty() {
            stream.send_data(Bytes::from(body), true).unwrap();
        }
        response
    }

    /// Whether the backend takes requests still.
    pub(crate) async fn is_open(&self) -> bool {
        tokio::task::yield_now().await;
        self.send.clone().ready().await.is_ok()
    }

    /// Sends a request; returns status and body.
    pub(crate) async fn ask(&self, request: Request<()>, body: &'static str) -> (u16, String) {
        whole(self.begin(request, body).await).await
    }
}

/// Status and body of a response.
pub(crate) async fn whole(response: h2::client::ResponseFuture) -> (u16, String) {
    let response = soon(response).await.unwrap();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut whole = Vec::new();
    while let Some(data) = soon(body.data()).await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        whole.extend_from_slice(&data);
    }
    (status, String::from_utf8(whole).unwrap())
}

#[derive(Debug)]
struct Verifier(Taste);

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.0 {
            Taste::Everybody => Ok(ClientCertVerified::assertion()),
            Taste::Nobody => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

//! `counterfoil dev`: what developers, demonstrations and tests need, and nobody else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use counterfoil_dev_tsa::{
    Algorithm, Behaviour, Clock, DevTsa, OpensslError, OpensslOptions, OpensslTsa, Options,
    StartError,
};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::output::Output;

/// `counterfoil dev`.
#[derive(Debug, Subcommand)]
pub(crate) enum DevCommand {
    /// DEVELOPMENT ONLY: run a time-stamping authority whose time-stamps prove nothing
    ///
    /// DEVELOPMENT ONLY. It has a root, an intermediate, CRLs and OCSP of its own, all with keys that lie open on this
    /// machine, and it misbehaves on demand: --behaviour says how at first, and `PUT /behaviour` changes it while it runs.
    /// Give its root (`GET /root.pem`) to nothing but a test or a demonstration. It runs until SIGTERM or Ctrl-C.
    #[command(after_help = "\
Examples:
  counterfoil dev tsa
  counterfoil dev tsa --dir tsa --listen 127.0.0.1:3161 --behaviour wrong-nonce
  curl -X PUT --data revoked=key-compromise http://127.0.0.1:3161/behaviour

Behaviours:
  honest
  slow[=SECONDS]             a right answer, late (30 s)
  down                       the connection is closed without an answer
  unavailable                HTTP status 503
  rejects                    PKIStatus rejection
  html                       a page of HTML, with status 200
  wrong-nonce                the nonce is not the request's
  stale                      an earlier answer for the same digest, or one as old
  other-data                 the digest is another's
  wrong-policy               the policy is not the one asked for
  bad-signature              the signature is wrong by a bit
  untrusted                  the same names under another root
  past[=SECONDS]             genTime is long ago (a day)
  future[=SECONDS]           genTime is ahead (a day)
  huge[=BYTES]               100 MB
  no-certificates            the token has none, though they were asked for
  expired                    certificates that expired long ago
  eku-not-critical           the extended key usage is not critical
  eku-not-sole               the extended key usage is not time-stamping alone
  revoked[=REASON]           the authority's certificate is revoked from now on
  issuer-revoked[=REASON]    the certificate of its issuer is
  no-revocation-data         no CRL and no OCSP
Reasons: unspecified, key-compromise, ca-compromise, affiliation-changed, superseded,
cessation-of-operation, certificate-hold, privilege-withdrawn, aa-compromise; without one none is given.")]
    Tsa(TsaArgs),
    /// DEVELOPMENT ONLY: serve OpenSSL as a time-stamping authority whose time-stamps prove nothing
    ///
    /// DEVELOPMENT ONLY. OpenSSL (3, in PATH) makes the keys, the certificates, the tokens, the CRLs and the OCSP answers;
    /// this is the HTTP that `openssl ts` lacks, so that there is an authority that shares nothing with `counterfoil dev tsa`.
    /// It runs until SIGTERM or Ctrl-C.
    #[command(after_help = "\
Examples:
  counterfoil dev openssl-tsa
  counterfoil dev openssl-tsa --dir openssl-tsa --listen 127.0.0.1:3162")]
    OpensslTsa(OpensslTsaArgs),
}

/// `counterfoil dev tsa`.
#[derive(Debug, Args)]
pub(crate) struct TsaArgs {
    /// Where its keys and certificates are kept, and made at first; without it they go away with it
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where it listens
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:3161")]
    listen: SocketAddr,
    /// The URL under which its certificates say that it is reached, if not by the address where it listens
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Part of the names in its certificates, to tell authorities apart
    #[arg(long, default_value = "dev")]
    name: String,
    /// The kind of its keys: p256, p384, p521, ed25519, rsa2048, rsa2048-pss, rsa3072 or rsa4096
    #[arg(long, default_value = "p256")]
    algorithm: Algorithm,
    /// How it behaves at first
    #[arg(long, default_value = "honest")]
    behaviour: Behaviour,
    /// How often it issues lists of revoked certificates
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    crl_interval: u64,
    /// How often it makes OCSP answers; 0 for each request
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    ocsp_interval: u64,
}

/// `counterfoil dev openssl-tsa`.
#[derive(Debug, Args)]
pub(crate) struct OpensslTsaArgs {
    /// Where its keys and certificates are kept, and made at first; without it they go away with it
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where it listens
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:3162")]
    listen: SocketAddr,
    /// The URL under which its certificates say that it is reached, if not by the address where it listens
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Part of the names in its certificates, to tell authorities apart
    #[arg(long, default_value = "openssl")]
    name: String,
}

/// Runs `counterfoil dev`.
pub(crate) async fn run(command: DevCommand, output: Output) -> Result<Exit, Failure> {
    match command {
        DevCommand::Tsa(args) => run_tsa(args, output).await,
        DevCommand::OpensslTsa(args) => run_openssl_tsa(args, output).await,
    }
}

async fn run_tsa(args: TsaArgs, output: Output) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen();
    let options = Options {
        directory: args.dir,
        listen: args.listen,
        public_url: args.public_url.map(without_slash),
        name: args.name,
        algorithm: args.algorithm,
        clock: Clock::system(),
        behaviour: args.behaviour,
        crl_interval: Duration::from_secs(args.crl_interval),
        ocsp_interval: Duration::from_secs(args.ocsp_interval),
    };
    let tsa = DevTsa::start(options)
        .await
        .map_err(|error| failure(&error))?;
    let url = tsa.url();
    output.line(format!(
        "DEVELOPMENT ONLY: this time-stamping authority proves nothing. POST {url}/tsr\n\
         its root is {url}/root.pem, its policy {}; it behaves: {}",
        tsa.policy(),
        tsa.behaviour()
    ));
    output.json(&json!({
        "event": "ready",
        "development_only": true,
        "url": url,
        "tsr": tsa.tsr_url(),
        "root_pem": tsa.root_pem(),
        "policy": tsa.policy(),
        "behaviour": tsa.behaviour().to_string(),
    }));
    interrupts.next().await;
    tsa.stop().await;
    Ok(Exit::Done)
}

async fn run_openssl_tsa(args: OpensslTsaArgs, output: Output) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen();
    let options = OpensslOptions {
        directory: args.dir,
        listen: args.listen,
        public_url: args.public_url.map(without_slash),
        name: args.name,
    };
    let tsa = OpensslTsa::start(options).await.map_err(|error| {
        let failure = Failure::usage(error.to_string());
        match error {
            OpensslError::Listen { .. } => failure.advice(ANOTHER_ADDRESS),
            _ => failure,
        }
    })?;
    let url = tsa.url();
    output.line(format!(
        "DEVELOPMENT ONLY: this time-stamping authority of OpenSSL's proves nothing. POST {url}/tsr\n\
         its root is {url}/root.pem, its policy {}",
        tsa.policy(),
    ));
    output.json(&json!({
        "event": "ready",
        "development_only": true,
        "url": url,
        "tsr": tsa.tsr_url(),
        "root_pem": tsa.root_pem(),
        "policy": tsa.policy(),
    }));
    interrupts.next().await;
    tsa.stop().await;
    Ok(Exit::Done)
}

#[expect(clippy::needless_pass_by_value, reason = "for Option::map")]
fn without_slash(url: String) -> String {
    url.trim_end_matches('/').to_owned()
}

const ANOTHER_ADDRESS: &str = "another process may listen there: --listen gives another address";

fn failure(error: &StartError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        StartError::Listen { .. } => failure.advice(ANOTHER_ADDRESS),
        StartError::Temporary(_) => {
            Failure::could_not_tell(error.to_string()).advice("give a directory with --dir")
        }
        StartError::Hierarchy(_) | StartError::Cut(_) => failure,
    }
}

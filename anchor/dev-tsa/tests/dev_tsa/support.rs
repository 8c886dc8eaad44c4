//! OpenSSL as the other opinion, and requests over HTTP.

use std::path::PathBuf;
use std::process::Command;

use counterfoil_dev_tsa::{DevTsa, Options};
use tempfile::TempDir;

/// A directory in which OpenSSL works.
pub(crate) struct Openssl {
    directory: TempDir,
}

/// What OpenSSL said.
pub(crate) struct Said {
    pub(crate) success: bool,
    /// Both outputs.
    pub(crate) text: String,
}

impl Openssl {
    /// None, said loudly, where there is no OpenSSL; an error where tests must not be left out.
    pub(crate) fn find() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_ok() {
            return Some(Self {
                directory: tempfile::tempdir().unwrap(),
            });
        }
        assert!(
            std::env::var_os("COUNTERFOIL_REQUIRE_VECTORS").is_none_or(|value| value != "1"),
            "COUNTERFOIL_REQUIRE_VECTORS=1, and there is no openssl to verify with"
        );
        eprintln!("SKIPPED: no openssl in PATH, so nobody else verified the development TSA");
        None
    }

    /// Runs it with these words, in its directory.
    pub(crate) fn run(&self, command: &str) -> Said {
        let output = Command::new("openssl")
            .args(command.split_whitespace())
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
        Said {
            success: output.status.success(),
            text,
        }
    }

    /// Runs it, and demands success.
    pub(crate) fn must(&self, command: &str) -> String {
        let said = self.run(command);
        assert!(said.success, "openssl {command}: {}", said.text);
        said.text
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Writes root.pem, intermediate.pem and tsa.pem.
    pub(crate) fn write_chain(&self, tsa: &DevTsa) {
        self.write("root.pem", tsa.root_pem());
        for (name, der) in [("intermediate", tsa.intermediate()), ("tsa", tsa.signer())] {
            self.write(&format!("{name}.cer"), der);
            let (from, to) = (format!("{name}.cer"), format!("{name}.pem"));
            self.must(&format!("x509 -inform DER -in {from} -out {to}"));
        }
    }

    /// Makes a request for `data` with a nonce, sends it, and writes data, request.tsq and, if it is one, response.tsr.
    pub(crate) async fn stamp(&self, tsa: &DevTsa, data: &str) -> Response {
        self.ask(tsa, data, "-cert").await
    }

    /// The same with this in the request.
    pub(crate) async fn ask(&self, tsa: &DevTsa, data: &str, more: &str) -> Response {
        self.ask_at(&tsa.tsr_url(), data, more).await
    }

    /// The same of whichever authority.
    pub(crate) async fn ask_at(&self, url: &str, data: &str, more: &str) -> Response {
        self.write("data", data);
        self.must(&format!(
            "ts -query -data data -sha256 -out request.tsq {more}"
        ));
        let response = post(url, QUERY, self.read("request.tsq")).await;
        if response.content_type == "application/timestamp-reply" {
            self.write("response.tsr", &response.body);
        }
        response
    }

    /// What OpenSSL says to response.tsr, under root.pem and with these arguments.
    pub(crate) fn verify(&self, more: &str) -> Said {
        self.run(&format!(
            "ts -verify -in response.tsr -CAfile root.pem {more}"
        ))
    }

    /// response.tsr in words.
    pub(crate) fn text(&self) -> String {
        self.must("ts -reply -in response.tsr -text")
    }

    /// The certificates of response.tsr, in words, and in PEM to token.pem.
    pub(crate) fn certificates(&self) -> String {
        self.must("ts -reply -in response.tsr -token_out -out token.der");
        self.must("pkcs7 -inform DER -in token.der -print_certs -out token.pem");
        self.must("pkcs7 -inform DER -in token.der -print_certs -text -noout")
    }
}

pub(crate) async fn start(options: Options) -> DevTsa {
    DevTsa::start(options).await.unwrap()
}

pub(crate) const QUERY: &str = "application/timestamp-query";

/// An answer over HTTP.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) async fn post(url: &str, content_type: &str, body: Vec<u8>) -> Response {
    let request = client().post(url).header("content-type", content_type);
    answered(request.body(body).send().await.unwrap()).await
}

pub(crate) async fn put(url: &str, body: &str) -> Response {
    answered(
        client()
            .put(url)
            .body(body.to_owned())
            .send()
            .await
            .unwrap(),
    )
    .await
}

pub(crate) async fn get(url: &str) -> Response {
    answered(client().get(url).send().await.unwrap()).await
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn answered(response: reqwest::Response) -> Response {
    let content_type = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    Response {
        status: response.status().as_u16(),
        content_type,
        body: response.bytes().await.unwrap().to_vec(),
    }
}

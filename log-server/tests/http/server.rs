//! A server of a test: on a port of its own, stopped and awaited at the end.

use std::net::SocketAddr;
use std::sync::Arc;

use counterfoil_log_server::config::Config;
use counterfoil_log_server::log::Log;
use counterfoil_log_server::serve::Server;
use counterfoil_service::config::Settings;
use reqwest::{Client, Method, RequestBuilder, Response};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fake::FakeLog;

/// SHA-256 of `secret`.
pub(crate) const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) logs: Vec<Arc<FakeLog>>,
    pub(crate) client: Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// A `[[log]]` table.
pub(crate) fn log(origin: &str, prefix: &str, more: &str) -> String {
    format!(
        "[[log]]\norigin = \"{origin}\"\nprefix = \"{prefix}\"\ndata = \"-\"\nkeys = [\"-\"]\n{more}\n"
    )
}

/// A server with one log at `/` and these lines at the top of the file and in the log.
pub(crate) async fn one(top: &str, more: &str) -> TestServer {
    start(&format!("{top}\n{}", log("log.example", "/", more))).await
}

/// A server with this configuration, on a free port.
pub(crate) async fn start(config: &str) -> TestServer {
    let config = Config::parse(&format!("listen = [\"127.0.0.1:0\"]\n{config}"), &[]).unwrap();
    let logs: Vec<Arc<FakeLog>> = config
        .logs
        .iter()
        .map(|log| FakeLog::new(&log.origin))
        .collect();
    let given = config.logs.iter().zip(&logs);
    let given = given
        .map(|(config, log)| (config.prefix.clone(), Arc::clone(log) as Arc<dyn Log>))
        .collect();
    let server = Server::bind(&config, given).await.unwrap();
    let address = server.addresses()[0];
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let client = Client::builder().no_proxy().no_gzip().build().unwrap();
    TestServer {
        address,
        logs,
        client,
        stop: Some(stop),
        task,
    }
}

impl TestServer {
    pub(crate) fn log(&self) -> &Arc<FakeLog> {
        &self.logs[0]
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(
            Method::from_bytes(method.as_bytes()).unwrap(),
            self.url(path),
        )
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().await.unwrap()
    }

    pub(crate) async fn add(&self, entry: impl Into<reqwest::Body>) -> Response {
        self.request("POST", "/add")
            .body(entry)
            .send()
            .await
            .unwrap()
    }

    /// Tells the server to stop, without waiting.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(self) {
        self.task.await.unwrap();
    }

    /// Stops the server and waits.
    pub(crate) async fn end(mut self) {
        self.stop();
        self.stopped().await;
    }
}

/// A header of a response as text; empty if it is not there.
pub(crate) fn header(response: &Response, name: &str) -> String {
    response
        .headers()
        .get(name)
        .map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

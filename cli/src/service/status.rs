//! What the commands share that look at one service: which it is, and how it says it is.

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use clap::Args;
use counterfoil_service::config::FrontConfig;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::address::scheme;
use super::{Service, load};
use crate::client::{Form, LogClient, MAX_JSON_BYTES};
use crate::exit::Failure;

/// Where the configuration is, for commands that change nothing in it.
#[derive(Debug, Args)]
pub(crate) struct DirectoryArgs<S: Service> {
    #[arg(
        long,
        value_name = "FILE|DIR",
        env = "COUNTERFOIL_CONFIG",
        default_value = ".",
        help = format!("The configuration file, or the directory that `{} init` made", S::NAME)
    )]
    config: PathBuf,
    #[arg(skip)]
    service: PhantomData<fn() -> S>,
}

impl<S: Service> DirectoryArgs<S> {
    /// Loads the configuration.
    pub(crate) fn load(&self) -> Result<S, Failure> {
        load(&self.config, &[])
    }
}

/// Which running service is asked.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs<S: Service> {
    #[command(flatten)]
    directory: DirectoryArgs<S>,
    #[arg(
        long,
        value_name = "URL",
        help = format!("The root of the {}'s server, instead of the address in the configuration", S::NAME)
    )]
    url: Option<Url>,
}

impl<S: Service> StatusArgs<S> {
    /// Asks the service how it is: what this program knows of its answer, and all of it.
    pub(crate) async fn ask<T: DeserializeOwned>(
        self,
        whose: &str,
        front: impl FnOnce(&S) -> &FrontConfig,
    ) -> Result<(T, Value), Failure> {
        let url = match self.url {
            Some(url) => url,
            None => own_url(front(&self.directory.load()?))?,
        };
        let client = LogClient::new(&url, None)?;
        let answer = client
            .get_once("status", Form::Json, MAX_JSON_BYTES)
            .await?;
        let not_one = |error: serde_json::Error| {
            Failure::could_not_tell(format!(
                "{url} answers something else than {whose} status: {error}"
            ))
        };
        let known = serde_json::from_slice(&answer).map_err(not_one)?;
        let all = serde_json::from_slice(&answer).map_err(not_one)?;
        Ok((known, all))
    }
}

/// Where the service of a configuration is reached from its own machine.
fn own_url(front: &FrontConfig) -> Result<Url, Failure> {
    let address = front.listen.first();
    let mut address =
        *address.ok_or_else(|| Failure::usage("the configuration listens nowhere"))?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let text = format!("{}://{address}/", scheme(front));
    Url::parse(&text).map_err(|error| Failure::usage(format!("{text}: {error}")))
}

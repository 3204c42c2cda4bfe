//! How the cast reaches the simulated Azure: through its proxy, trusting its certificate authority and no other.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy, redirect::Policy};
use time::OffsetDateTime;

use crate::clock::WorldClock;

/// No exchange of the cast takes longer than this.
const WHOLE_EXCHANGE: Duration = Duration::from_secs(120);

/// The way to the simulated Azure. Cloning is cheap enough for the few clients that are made of it.
#[derive(Debug, Clone)]
pub struct Network {
    proxy_url: String,
    authority: Certificate,
    /// Whose time tokens are kept by; the machine's without one.
    clock: Option<WorldClock>,
}

impl Network {
    /// Reads the certificate of the authority and remembers the proxy.
    ///
    /// # Errors
    ///
    /// The certificate cannot be read or is none.
    pub fn new(proxy_url: &str, authority: &Path) -> anyhow::Result<Self> {
        let pem = std::fs::read(authority).with_context(|| {
            format!("could not read the sandbox's certificate at {}", authority.display())
        })?;
        let authority = Certificate::from_pem(&pem).context("the sandbox's certificate is not a PEM file")?;
        Ok(Self { proxy_url: proxy_url.to_owned(), authority, clock: None })
    }

    /// The same way, in the time of a local world, whose clock may be moved.
    #[must_use]
    pub fn in_time_of(self, clock: WorldClock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// The time, by which tokens are kept.
    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.as_ref().map_or_else(OffsetDateTime::now_utc, WorldClock::now)
    }

    /// A client for programs: it keeps no cookies and follows no redirects.
    ///
    /// # Errors
    ///
    /// The client cannot be built from these settings.
    pub fn client(&self) -> anyhow::Result<Client> {
        Ok(self.builder()?.build()?)
    }

    /// A client for a person: it keeps cookies. Redirects are left to the [`Browser`](super::Browser).
    ///
    /// # Errors
    ///
    /// The client cannot be built from these settings.
    pub fn browsing_client(&self) -> anyhow::Result<Client> {
        Ok(self.builder()?.cookie_store(true).build()?)
    }

    /// Naming a proxy here also keeps the client from reading the environment's. Plain HTTP stays on this machine, and
    /// so does what has no name of Azure's.
    fn builder(&self) -> anyhow::Result<ClientBuilder> {
        let proxy = Proxy::https(&self.proxy_url).context("the sandbox's proxy has no usable address")?;
        Ok(Client::builder()
            .proxy(proxy.no_proxy(NoProxy::from_string("127.0.0.1")))
            .tls_certs_only([self.authority.clone()])
            .redirect(Policy::none())
            .timeout(WHOLE_EXCHANGE))
    }
}

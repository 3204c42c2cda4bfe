//! How every client reaches Azure: one connection pool, one proxy, one set of trusted authorities, one time limit.
//!
//! In production all of it comes from the process environment: `HTTPS_PROXY` and `NO_PROXY` are read by reqwest, and
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` by rustls-native-certs, through which rustls-platform-verifier finds its roots
//! on Linux. Tests cannot change the environment of their process, so the same can be said in [`TransportOptions`].

use std::{future::Future, time::Duration};

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER},
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use url::Url;

/// Longer bodies than this are not Azure's: the longest we ask for is one page of disks.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

/// Azure's operation URLs carry signatures: two of them make a header block of 8 KB, half of hyper's limit for HTTP/2.
const LONGEST_HEADERS: u32 = 128 * 1024;

/// The longest that a service may ask to be left alone: a day. What asks for more is no answer of Azure's, and a time
/// that long after now may be none at all.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Which proxy the requests go through.
#[derive(Debug, Clone, Default)]
pub enum ProxyChoice {
    /// What `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    FromEnvironment,
    /// This proxy, by CONNECT, for `https` only; plain `http` (the managed identity endpoint) goes straight.
    Through(Url),
    /// None, whatever the environment says.
    Direct,
}

/// How to reach Azure. The default is what production uses.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// The proxy.
    pub proxy: ProxyChoice,
    /// Certificates in PEM that are trusted besides the system's roots.
    pub extra_root_certificates: Option<String>,
    /// The longest that a public call may take, all its exchanges together. 20 seconds.
    pub time_limit: Duration,
    /// The longest that opening a connection may take. 5 seconds.
    pub connect_time_limit: Duration,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            proxy: ProxyChoice::FromEnvironment,
            extra_root_certificates: None,
            time_limit: Duration::from_secs(20),
            connect_time_limit: Duration::from_secs(5),
        }
    }
}

/// The transport cannot be built from its options.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP transport cannot be set up")]
pub struct TransportError(#[source] reqwest::Error);

/// A way to Azure. Cloning is cheap, and clones share their connections.
#[derive(Debug, Clone)]
pub struct Transport {
    http: reqwest::Client,
    time_limit: Duration,
    through_proxy: bool,
}

/// There was no answer, or one that only says that the service is not well.
///
/// The same call may succeed later.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    /// Nothing came back within the time limit.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection could not be made or broke.
    #[error("the connection failed")]
    Connection(#[source] reqwest::Error),
    /// The same, seen through the Azure SDK.
    #[error("the connection failed")]
    Sdk(#[source] azure_core::Error),
    /// The service says that it cannot serve: a 5xx, a 408, or a code of its own with that meaning.
    #[error("the service answered {status}{}", .code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Status {
        /// The HTTP status.
        status: u16,
        /// The service's own code, if it gave one.
        code: Option<String>,
        /// How long the service asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The body was longer than any that we ask for.
    #[error("the answer is longer than {LONGEST_BODY} bytes")]
    TooLong,
}

impl Outage {
    /// How long the service asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::TimedOut(_) | Self::Connection(_) | Self::Sdk(_) | Self::TooLong => None,
        }
    }
}

/// A whole reply, whatever its status.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(|name| self.header(name))
    }

    /// When it was sent, by the sender's clock.
    pub(crate) fn date(&self) -> Option<OffsetDateTime> {
        http_date(self.header(DATE.as_str())?)
    }

    /// The outage that a reply of this status stands for, if it stands for one.
    pub(crate) fn outage(&self, code: Option<String>) -> Option<Outage> {
        is_outage(self.status.as_u16()).then(|| Outage::Status {
            status: self.status.as_u16(),
            code,
            retry_after: self.retry_after(),
        })
    }
}

/// An error and everything that caused it, outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn std::error::Error + 'static)| error.source())
}

/// Whether a status says that the service, and not the request, is at fault.
pub(crate) fn is_outage(status: u16) -> bool {
    status >= 500 || status == 408
}

/// Reads `Retry-After` in its two forms (RFC 9110, 10.2.3), and the milliseconds that some Azure services send.
///
/// A date is compared with the reply's own `Date`, so that our clock does not come into it. A day at the most.
pub(crate) fn retry_after<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    asked_to_wait(header).map(|wait| wait.min(LONGEST_RETRY_AFTER))
}

fn asked_to_wait<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    for name in ["retry-after-ms", "x-ms-retry-after-ms"] {
        if let Some(milliseconds) = header(name).and_then(|text| text.trim().parse().ok()) {
            return Some(Duration::from_millis(milliseconds));
        }
    }
    let text = header(RETRY_AFTER.as_str())?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = http_date(text)?;
    let now = http_date(header(DATE.as_str())?)?;
    Some(Duration::try_from(at - now).unwrap_or(Duration::ZERO))
}

/// The date form that servers send is RFC 2822's with the zone written `GMT`, which RFC 2822 parsers know as obsolete.
fn http_date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text.trim(), &Rfc2822).ok()
}

impl Transport {
    /// The transport of production: proxy and certificate authorities as the environment says.
    ///
    /// # Errors
    /// The system's root certificates, or the proxy's address in the environment, cannot be used.
    pub fn from_environment() -> Result<Self, TransportError> {
        Self::new(TransportOptions::default())
    }

    /// A transport with these options.
    ///
    /// # Errors
    /// The certificates or the proxy's address cannot be used.
    pub fn new(options: TransportOptions) -> Result<Self, TransportError> {
        let through_proxy = match options.proxy {
            // Only decides how a vault's absence is told from an outage: see key_vault's `absence` module.
            ProxyChoice::FromEnvironment => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
                .iter()
                .any(|name| std::env::var_os(name).is_some()),
            ProxyChoice::Through(_) => true,
            ProxyChoice::Direct => false,
        };
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(options.connect_time_limit)
            .timeout(options.time_limit)
            .http2_max_header_list_size(LONGEST_HEADERS)
            // A Functions instance is frozen between bursts, and Azure's front ends close idle connections meanwhile.
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("latchkey/", env!("CARGO_PKG_VERSION")));
        builder = match options.proxy {
            ProxyChoice::FromEnvironment => builder,
            ProxyChoice::Through(url) => builder.proxy(reqwest::Proxy::https(url).map_err(TransportError)?),
            ProxyChoice::Direct => builder.no_proxy(),
        };
        if let Some(pem) = options.extra_root_certificates {
            let certificates =
                reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(TransportError)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder.build().map_err(TransportError)?;
        Ok(Self { http, time_limit: options.time_limit, through_proxy })
    }

    /// Whether requests to Azure go through a proxy, which then resolves names in our place.
    pub(crate) fn goes_through_proxy(&self) -> bool {
        self.through_proxy
    }

    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request and reads the whole reply. A reply of any status is `Ok`.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Reply, Outage> {
        let mut response = request.send().await.map_err(|error| self.outage(error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.outage(error))? {
            if body.len() + chunk.len() > LONGEST_BODY {
                return Err(Outage::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status: response.status(), headers: response.headers().clone(), body })
    }

    fn outage(&self, error: reqwest::Error) -> Outage {
        if error.is_timeout() {
            return Outage::TimedOut(self.time_limit);
        }
        // Operation URLs are signed: whoever holds one can read the operation.
        Outage::Connection(error.without_url())
    }

    /// Runs all exchanges of one public call under the one time limit.
    pub(crate) async fn within_time_limit<T, E: From<Outage>>(
        &self,
        exchanges: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match tokio::time::timeout(self.time_limit, exchanges).await {
            Ok(result) => result,
            Err(_elapsed) => Err(E::from(Outage::TimedOut(self.time_limit))),
        }
    }

    /// Options for the SDK's clients: our connections, and none of the SDK's retries.
    ///
    /// Its default policy goes on for a minute, and would sleep through a `Retry-After` of any length.
    pub(crate) fn sdk_options(&self) -> azure_core::http::ClientOptions {
        azure_core::http::ClientOptions {
            retry: azure_core::http::RetryOptions::none(),
            transport: Some(azure_core::http::Transport::new(std::sync::Arc::new(self.http.clone()))),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_every_form_that_azure_sends() {
        let check = |headers: &[(&str, &str)], expected: Option<u64>| {
            let found =
                retry_after(|name| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value));
            assert_eq!(found, expected.map(Duration::from_millis), "{headers:?}");
        };
        check(&[], None);
        check(&[("retry-after", "17")], Some(17_000));
        check(&[("retry-after", " 0 ")], Some(0));
        check(&[("retry-after", "soon")], None);
        check(&[("retry-after", "-5")], None);
        check(&[("x-ms-retry-after-ms", "250"), ("retry-after", "1")], Some(250));
        let day = Some(86_400_000);
        check(&[("retry-after", "86401")], day);
        check(&[("retry-after", "18446744073709551615")], day);
        check(&[("retry-after-ms", "18446744073709551615")], day);
        let now = ("date", "Wed, 21 Oct 2026 07:28:00 GMT");
        check(&[now, ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")], Some(30_000));
        check(&[now, ("retry-after", "Wed, 21 Oct 2026 07:27:00 GMT")], Some(0));
        check(&[("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")], None);
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        let options = TransportOptions {
            extra_root_certificates: Some(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(),
            ),
            ..TransportOptions::default()
        };
        assert!(Transport::new(options).is_err());
    }
}

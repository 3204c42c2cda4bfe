//! Tells a vault that does not exist from a network that does not work.
//!
//! A deleted vault loses its name: the failure looks like any other failure to connect. Texts of resolvers and
//! proxies differ everywhere, so nothing is read out of them. Instead, when a vault cannot be reached, a host that is
//! always there is tried in the same way: if that one answers, the fault is the vault's.

use std::error::Error as StdError;

use azure_ids::VaultHost;
use reqwest::Method;

use crate::{Outage, Transport, transport::causes};

/// Every token comes from this host: if it cannot be reached, nothing here works anyway.
const ALWAYS_THERE: &str = "login.microsoftonline.com";

/// Whether a failure to connect means that there is no vault of this name.
pub(super) async fn is_absent(transport: &Transport, host: &VaultHost, outage: &Outage) -> bool {
    if !is_failure_to_connect(outage) {
        return false;
    }
    if transport.goes_through_proxy() {
        // The proxy resolves names and says "no" to the tunnel; another tunnel through it shows that it lives.
        // A proxy that forbids vaults looks the same, and to the reader it is the same: no such vault can be reached.
        // So does a vault that `NO_PROXY` takes past the proxy and whose private endpoint is down. The name is not
        // looked up here: behind a proxy the answer would mean nothing, and the question would leave the machine.
        return answers(transport, ALWAYS_THERE).await;
    }
    !has_address(host.as_str()).await && has_address(ALWAYS_THERE).await
}

/// Connecting failed before TLS: no address, no route, no tunnel. A bad certificate is an outage, never an absence.
fn is_failure_to_connect(outage: &Outage) -> bool {
    let Outage::Connection(error) = outage else { return false };
    error.is_connect() && !error.is_timeout() && !causes(error).any(is_tls)
}

/// rustls reports its errors as I/O errors of this kind, and nothing else in connecting does.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData)
}

async fn has_address(host: &str) -> bool {
    tokio::net::lookup_host((host, 443)).await.is_ok_and(|mut addresses| addresses.next().is_some())
}

async fn answers(transport: &Transport, host: &str) -> bool {
    transport.send(transport.request(Method::HEAD, &format!("https://{host}/"))).await.is_ok()
}

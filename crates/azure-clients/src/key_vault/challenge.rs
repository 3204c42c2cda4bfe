//! The challenge of a vault: what it says about itself to somebody without a token.

use std::net::IpAddr;

use azure_ids::{KeyUrl, Region, TenantId, VaultHost};
use reqwest::Method;
use url::Url;

use super::{API_VERSION, KeyVaultError, KeyVaultRefusal, absence, error};
use crate::{Transport, transport::Reply};

/// The hosts that a vault of the public cloud may send us to for a token.
const LOGIN_HOSTS: [&str; 2] = ["login.microsoftonline.com", "login.windows.net"];

/// What a vault says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The tenant whose tokens the vault trusts.
    pub tenant: TenantId,
    /// Where the vault is (`x-ms-keyvault-region`), if it says so.
    pub region: Option<Region>,
    /// The address under which the vault sees us (`x-ms-keyvault-network-info`): what a customer whose vault is behind
    /// a firewall has to let in.
    pub our_address: Option<IpAddr>,
}

/// Asks for the key without a token.
pub(super) async fn ask(transport: &Transport, key: &KeyUrl) -> Result<Challenge, KeyVaultError> {
    match transport.send(transport.request(Method::GET, &address(key))).await {
        Ok(reply) => read(&reply, key.host()),
        Err(outage) if absence::is_absent(transport, key.host(), &outage).await => {
            Err(KeyVaultError::Refused(KeyVaultRefusal::NoSuchVault))
        }
        Err(outage) => Err(KeyVaultError::Unavailable(outage)),
    }
}

/// Where the latest version of a key is. With a trailing slash: the description of the API knows it by an empty one.
pub(super) fn address(key: &KeyUrl) -> String {
    format!("{}/keys/{}/?api-version={API_VERSION}", key.host().base_url(), key.name())
}

fn read(reply: &Reply, host: &VaultHost) -> Result<Challenge, KeyVaultError> {
    match reply.status.as_u16() {
        401 => {}
        // A vault that only answers its private network does not challenge; its refusal says why.
        403 | 408 | 429 | 500.. => {
            return Err(error::read(reply.status.as_u16(), |name| reply.header(name), &reply.body));
        }
        _ => return Err(untrusted("the host does not ask for a token")),
    }
    let headers = reply.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
    Ok(Challenge {
        tenant: tenant(headers, host).map_err(untrusted)?,
        region: reply.header("x-ms-keyvault-region").and_then(|region| region.parse().ok()),
        our_address: reply.header("x-ms-keyvault-network-info").and_then(our_address),
    })
}

fn untrusted(why: &'static str) -> KeyVaultError {
    KeyVaultError::Refused(KeyVaultRefusal::UntrustedChallenge(why))
}

/// The tenant that a `WWW-Authenticate` header names, if it is one that a vault on this host may send.
fn tenant<'a>(headers: impl Iterator<Item = &'a str>, host: &VaultHost) -> Result<TenantId, &'static str> {
    let mut bearers = headers.filter_map(bearer);
    let parameters = bearers.next().ok_or("no Bearer challenge")?;
    if bearers.next().is_some() {
        return Err("more than one Bearer challenge");
    }
    let resource = parameter(parameters, "resource").or_else(|| {
        parameter(parameters, "scope").map(|scope| scope.strip_suffix("/.default").unwrap_or(scope))
    });
    let expected =
        if host.is_managed_hsm() { "https://managedhsm.azure.net" } else { "https://vault.azure.net" };
    if resource != Some(expected) {
        return Err("the challenge is for another service than Key Vault");
    }
    let authorization = parameter(parameters, "authorization").ok_or("the challenge names no authority")?;
    let authorization: Url = authorization.parse().map_err(|_| "the authority is not a URL")?;
    let is_login_host = authorization.host_str().is_some_and(|host| LOGIN_HOSTS.contains(&host));
    let is_plain = authorization.scheme() == "https"
        && authorization.port().is_none()
        && authorization.username().is_empty()
        && authorization.password().is_none();
    if !(is_login_host && is_plain) {
        return Err("the authority is not Microsoft's");
    }
    let mut path = authorization.path().trim_matches('/').split('/');
    path.next().unwrap_or_default().parse().map_err(|_| "the authority names no tenant id")
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, parameters) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(parameters)
}

/// The value of a parameter. Neither URLs nor ids hold quotes or commas, so that no escaping needs to be known.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(',').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// `conn_type=Ipv4;addr=203.0.113.5;act_addr_fam=InterNetwork;`
fn our_address(info: &str) -> Option<IpAddr> {
    info.split(';').find_map(|part| part.trim().strip_prefix("addr=")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";

    fn on(host: &str, header: &str) -> Result<TenantId, &'static str> {
        tenant([header].into_iter(), &host.parse().unwrap())
    }

    #[test]
    fn the_tenant_of_a_genuine_challenge_is_read() {
        let check =
            |host, header: &str| assert_eq!(on(host, header), Ok(TENANT.parse().unwrap()), "{header}");
        let (vault, hsm) = ("contoso.vault.azure.net", "contoso.managedhsm.azure.net");
        check(
            vault,
            &format!(
                r#"Bearer authorization="https://login.windows.net/{TENANT}", resource="https://vault.azure.net""#
            ),
        );
        check(
            vault,
            &format!(
                r#"bearer resource="https://vault.azure.net",authorization="https://login.microsoftonline.com/{TENANT}/""#
            ),
        );
        check(
            vault,
            &format!(
                r#"Bearer authorization=https://login.microsoftonline.com/{TENANT}, scope="https://vault.azure.net/.default""#
            ),
        );
        check(
            hsm,
            &format!(
                r#"Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="https://managedhsm.azure.net""#
            ),
        );
    }

    #[test]
    fn a_challenge_that_leads_elsewhere_is_refused() {
        let refused = |header: &str| assert!(on("contoso.vault.azure.net", header).is_err(), "{header}");
        for authority in [
            format!("http://login.microsoftonline.com/{TENANT}"),
            format!("https://login.microsoftonline.com:8443/{TENANT}"),
            format!("https://login.microsoftonline.com@evil.example/{TENANT}"),
            format!("https://login.microsoftonline.com.evil.example/{TENANT}"),
            format!("https://evil.example/{TENANT}"),
            format!("https://login.microsoftonline.us/{TENANT}"),
            "https://login.microsoftonline.com/common".into(),
            "https://login.microsoftonline.com/".into(),
            TENANT.into(),
        ] {
            refused(&format!(r#"Bearer authorization="{authority}", resource="https://vault.azure.net""#));
        }
        for resource in [
            "https://management.azure.com",
            "https://managedhsm.azure.net",
            "https://vault.azure.net.evil.example",
            "",
        ] {
            refused(&format!(
                r#"Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="{resource}""#
            ));
        }
        refused("");
        refused("Bearer");
        refused(&format!(
            r#"Basic authorization="https://login.microsoftonline.com/{TENANT}", resource="https://vault.azure.net""#
        ));
    }

    #[test]
    fn two_challenges_are_none() {
        let one = format!(
            r#"Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="https://vault.azure.net""#
        );
        let host = "contoso.vault.azure.net".parse().unwrap();
        assert!(tenant([one.as_str(), one.as_str()].into_iter(), &host).is_err());
        assert!(tenant(["PoP x=\"y\"", one.as_str()].into_iter(), &host).is_ok());
    }

    #[test]
    fn our_own_address_is_found() {
        assert_eq!(
            our_address("conn_type=Ipv4;addr=20.120.118.5;act_addr_fam=InterNetwork;"),
            Some("20.120.118.5".parse().unwrap())
        );
        assert_eq!(our_address("conn_type=Ipv4;"), None);
    }
}

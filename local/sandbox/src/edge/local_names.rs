//! The same services under names of this machine, for clients that are to reach them without the proxy.
//!
//! Inside, everything has Azure's names; what a request under a local name says is translated on its way in, and its
//! answer on the way out. So the two sets of names never mix, the state knows only one of them, and tokens, whose texts
//! nobody may change, say what they always say. RFC 6761 gives every name under `localhost` to the loopback.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri, header};

use crate::names::hosts::host_and_port;

/// Azure's name, and the local one. Names below the last two are names of vaults and of HSMs.
const NAMES: [(&str, &str); 6] = [
    ("login.microsoftonline.com", "login.localhost"),
    ("graph.microsoft.com", "graph.localhost"),
    ("management.azure.com", "management.localhost"),
    ("marketplaceapi.microsoft.com", "marketplaceapi.localhost"),
    ("vault.azure.net", "vault.localhost"),
    ("managedhsm.azure.net", "managedhsm.localhost"),
];

/// The local names in the certificate.
pub(super) const IN_CERTIFICATE: [&str; 6] = [
    "login.localhost",
    "graph.localhost",
    "management.localhost",
    "marketplaceapi.localhost",
    "*.vault.localhost",
    "*.managedhsm.localhost",
];

/// Where the services are on this machine, without a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalNames {
    port: u16,
}

impl LocalNames {
    pub(super) fn at(port: u16) -> Self {
        Self { port }
    }

    /// The port of all of them.
    pub fn port(self) -> u16 {
        self.port
    }

    /// Entra: what stands for `https://login.microsoftonline.com`.
    pub fn login_url(self) -> String {
        self.url("login")
    }

    /// Graph: what stands for `https://graph.microsoft.com`.
    pub fn graph_url(self) -> String {
        self.url("graph")
    }

    /// Resource Manager: what stands for `https://management.azure.com`.
    pub fn management_url(self) -> String {
        self.url("management")
    }

    /// What follows a vault's name: what stands for `.vault.azure.net`.
    pub fn vault_suffix(self) -> String {
        format!(".vault.localhost:{}", self.port)
    }

    fn url(self, service: &str) -> String {
        format!("https://{service}.localhost:{}", self.port)
    }

    /// Azure's name for the host that a request names, if that is a local one.
    pub(super) fn azures_name(self, authority: &str) -> Option<String> {
        let (host, port) = host_and_port(authority)?;
        let host = host.to_ascii_lowercase();
        NAMES.iter().filter(|_| port == self.port).find_map(|(azures, local)| {
            let before = host.strip_suffix(local)?;
            let is_vault =
                before.ends_with('.') && ["vault.localhost", "managedhsm.localhost"].contains(local);
            (is_vault || before.is_empty()).then(|| format!("{before}{azures}"))
        })
    }

    /// A request as it would stand under Azure's names.
    pub(super) fn request_inwards(self, uri: &Uri, headers: &mut HeaderMap, body: &Bytes) -> (Uri, Bytes) {
        headers.remove(header::CONTENT_LENGTH);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        // What was an address stays one: a name takes the place of a name.
        (
            self.inwards(path).parse().unwrap_or_else(|_| uri.clone()),
            self.body(body, |text| self.inwards(text)),
        )
    }

    /// An answer as it stands under local names.
    pub(super) fn answer_outwards(self, headers: &mut HeaderMap, body: &Bytes) -> Bytes {
        headers.remove(header::CONTENT_LENGTH);
        for value in headers.values_mut() {
            let translated = value.to_str().ok().map(|text| self.outwards(text));
            if let Some(Ok(translated)) = translated.map(|text| HeaderValue::from_str(&text)) {
                *value = translated;
            }
        }
        self.body(body, |text| self.outwards(text))
    }

    fn body(self, body: &Bytes, translate: impl Fn(&str) -> String) -> Bytes {
        std::str::from_utf8(body).map_or_else(|_| body.clone(), |text| translate(text).into())
    }

    fn inwards(self, text: &str) -> String {
        NAMES.iter().fold(text.to_owned(), |text, (azures, local)| {
            // Forms and queries write the colon as an escape.
            [":", "%3A", "%3a"]
                .iter()
                .fold(text, |text, colon| text.replace(&format!("{local}{colon}{}", self.port), azures))
        })
    }

    fn outwards(self, text: &str) -> String {
        NAMES.iter().fold(text.to_owned(), |text, (azures, local)| {
            let here = format!("{local}:{}", self.port);
            // Key Vault writes the port in its links to further pages.
            text.replace(&format!("{azures}:443"), &here).replace(azures, &here)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_names_at_the_right_port_stand_for_azures() {
        let names = LocalNames::at(8443);
        for (authority, expected) in [
            ("login.localhost:8443", Some("login.microsoftonline.com")),
            ("MANAGEMENT.localhost:8443", Some("management.azure.com")),
            ("contoso.vault.localhost:8443", Some("contoso.vault.azure.net")),
            ("contoso.managedhsm.localhost:8443", Some("contoso.managedhsm.azure.net")),
            ("login.localhost:8444", None),
            ("login.localhost", None),
            ("evil-login.localhost:8443", None),
            ("x.login.localhost:8443", None),
            ("localhost:8443", None),
            ("login.microsoftonline.com", None),
        ] {
            assert_eq!(names.azures_name(authority).as_deref(), expected, "{authority}");
        }
    }

    #[test]
    fn what_goes_out_comes_in_again_as_it_was() {
        let names = LocalNames::at(8443);
        for (inside, outside) in [
            ("https://contoso.vault.azure.net/keys/k", "https://contoso.vault.localhost:8443/keys/k"),
            (
                r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#,
                r#"Bearer authorization="https://login.localhost:8443/t", resource="https://vault.localhost:8443""#,
            ),
            ("nothing of ours: https://sts.windows.net/", "nothing of ours: https://sts.windows.net/"),
        ] {
            assert_eq!(names.outwards(inside), outside);
            assert_eq!(names.inwards(outside), inside);
        }
        let link = "https://contoso.vault.azure.net:443/keys?$skiptoken=x";
        assert_eq!(names.outwards(link), "https://contoso.vault.localhost:8443/keys?$skiptoken=x");
        assert_eq!(
            names.inwards("scope=https%3A%2F%2Fvault.localhost%3A8443%2F.default"),
            "scope=https%3A%2F%2Fvault.azure.net%2F.default"
        );
    }
}

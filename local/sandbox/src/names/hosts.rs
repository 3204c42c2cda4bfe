//! The names that the sandbox answers to, and nothing besides.

use crate::names::vaults::HSM_SUFFIX;

/// The names in the certificate, and the only ones that its authority may vouch for.
pub(crate) const ALL_NAMES: [&str; 6] = [
    "login.microsoftonline.com",
    "graph.microsoft.com",
    "management.azure.com",
    "marketplaceapi.microsoft.com",
    "*.vault.azure.net",
    "*.managedhsm.azure.net",
];

/// The vault that a request is for: the first label of its host name, in lower case; of an HSM, the second too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VaultName(pub(crate) String);

/// A service, as its host name chooses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Service {
    Login,
    Graph,
    ResourceManager,
    Marketplace,
    KeyVault(VaultName),
}

impl Service {
    /// The service behind a host name without port. None for every name that is not the sandbox's.
    pub(crate) fn at(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        match host.as_str() {
            "login.microsoftonline.com" => Some(Self::Login),
            "graph.microsoft.com" => Some(Self::Graph),
            "management.azure.com" => Some(Self::ResourceManager),
            "marketplaceapi.microsoft.com" => Some(Self::Marketplace),
            _ => vault(&host).map(Self::KeyVault),
        }
    }
}

/// A vault's name: one label of letters, digits and hyphens (Microsoft Learn, naming rules: 3 to 24 characters).
fn vault(host: &str) -> Option<VaultName> {
    let (label, suffix) = match host.strip_suffix(".vault.azure.net") {
        Some(label) => (label, ""),
        None => (host.strip_suffix(".managedhsm.azure.net")?, HSM_SUFFIX),
    };
    let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    ((3..=24).contains(&label.len()) && plain).then(|| VaultName(format!("{label}{suffix}")))
}

/// Splits an authority into host and port. A missing port is that of https.
pub(crate) fn host_and_port(authority: &str) -> Option<(&str, u16)> {
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, 443)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_azures_own_names_have_a_service_behind_them() {
        let vault = |name: &str| Some(Service::KeyVault(VaultName(name.to_owned())));
        for (host, expected) in [
            ("login.microsoftonline.com", Some(Service::Login)),
            ("LOGIN.microsoftonline.com", Some(Service::Login)),
            ("Contoso-Keys.vault.azure.net", vault("contoso-keys")),
            ("Contoso.managedhsm.azure.net", vault("contoso.managedhsm")),
            ("managedhsm.azure.net", None),
            ("contoso.managedhsm.vault.azure.net", None),
            ("a.b.vault.azure.net", None),
            ("vault.azure.net", None),
            ("contoso.vault.azure.net.example.org", None),
            ("example.org", None),
            ("127.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(Service::at(host), expected, "{host}");
        }
    }
}

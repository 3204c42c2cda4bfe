//! The URL of a key in a customer's vault, parsed by a strict grammar and rebuilt.
//!
//! A customer hands us this text and we then call the host in it: whatever is not exactly a Key Vault or Managed HSM
//! key in the Azure public cloud is refused before anything is sent anywhere.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const VAULT_SUFFIX: &str = ".vault.azure.net";
const HSM_SUFFIX: &str = ".managedhsm.azure.net";

/// `https://{vault}.vault.azure.net/keys/{name}[/{version}]`, or the same under `managedhsm.azure.net`.
///
/// Always rebuilt from its parts: lower-case host, no port, no query, no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyUrl {
    host: VaultHost,
    name: KeyName,
    version: Option<KeyVersion>,
}

/// The host of a vault or of a managed HSM: one label and Azure's suffix, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultHost(String);

/// The name of a key: 1 to 127 letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// The version of a key: 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyVersion(String);

/// Why a text is not the URL of a key that we would call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyUrlError {
    /// Longer than any real key URL can be.
    #[error("a key URL has at most 300 characters")]
    TooLong,
    /// Something other than printable ASCII: look-alike letters, blanks, line breaks.
    #[error("a key URL holds plain ASCII letters and no blanks")]
    NotPlainText,
    /// Not `https://`.
    #[error("a key URL begins with https://")]
    NotHttps,
    /// The host is not `{name}.vault.azure.net` or `{name}.managedhsm.azure.net`.
    #[error(
        "the host must be NAME.vault.azure.net or NAME.managedhsm.azure.net, without user name or port other than 443"
    )]
    NotAVault,
    /// The path is not `/keys/{name}` or `/keys/{name}/{version}`.
    #[error("the path must be /keys/NAME or /keys/NAME/VERSION, nothing else")]
    NotAKey,
}

impl FromStr for KeyUrl {
    type Err = KeyUrlError;

    /// A hand-written grammar instead of a general URL parser: the WHATWG rules mend many odd inputs (backslashes,
    /// tabs, percent-encoded hosts), and an input that needs mending is not one that we want.
    fn from_str(text: &str) -> Result<Self, KeyUrlError> {
        if text.len() > 300 {
            return Err(KeyUrlError::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(KeyUrlError::NotPlainText);
        }
        let scheme_len = "https://".len();
        match text.get(..scheme_len) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https://") => {}
            _ => return Err(KeyUrlError::NotHttps),
        }
        let (authority, path) = text[scheme_len..].split_once('/').ok_or(KeyUrlError::NotAKey)?;
        // Azure itself writes ":443" into some key identifiers.
        let host = authority.strip_suffix(":443").unwrap_or(authority).parse()?;
        // Azure's clients write a trailing slash for "the latest version".
        let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        match segments[..] {
            ["keys", name] => Ok(Self { host, name: name.parse()?, version: None }),
            ["keys", name, version] => {
                Ok(Self { host, name: name.parse()?, version: Some(version.parse()?) })
            }
            _ => Err(KeyUrlError::NotAKey),
        }
    }
}

impl FromStr for VaultHost {
    type Err = KeyUrlError;

    fn from_str(text: &str) -> Result<Self, KeyUrlError> {
        let host = text.to_ascii_lowercase();
        let name = host.strip_suffix(VAULT_SUFFIX).or_else(|| host.strip_suffix(HSM_SUFFIX));
        // Vault names: 3 to 24 letters, digits and single dashes, beginning with a letter (Microsoft.KeyVault naming rules).
        let valid = name.is_some_and(|name| {
            (3..=24).contains(&name.len())
                && name.starts_with(|c: char| c.is_ascii_lowercase())
                && !name.ends_with('-')
                && !name.contains("--")
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
        if valid { Ok(Self(host)) } else { Err(KeyUrlError::NotAVault) }
    }
}

impl FromStr for KeyName {
    type Err = KeyUrlError;

    fn from_str(text: &str) -> Result<Self, KeyUrlError> {
        let valid =
            (1..=127).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if valid { Ok(Self(text.to_owned())) } else { Err(KeyUrlError::NotAKey) }
    }
}

impl FromStr for KeyVersion {
    type Err = KeyUrlError;

    fn from_str(text: &str) -> Result<Self, KeyUrlError> {
        let valid = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if valid { Ok(Self(text.to_ascii_lowercase())) } else { Err(KeyUrlError::NotAKey) }
    }
}

impl KeyUrl {
    /// The vault that holds the key.
    #[must_use]
    pub fn host(&self) -> &VaultHost {
        &self.host
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.0
    }

    /// The key's version, when the URL names one.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_ref().map(|version| version.0.as_str())
    }

    /// The same key without a version: what identifies the customer's key over all its rotations.
    #[must_use]
    pub fn without_version(&self) -> Self {
        Self { version: None, ..self.clone() }
    }

    /// Whether both name the same key of the same vault, whatever the version. Key names compare without case.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.host == other.host && self.name.0.eq_ignore_ascii_case(&other.name.0)
    }
}

impl VaultHost {
    /// The host name, lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The vault's own name: the first label.
    #[must_use]
    pub fn vault_name(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// Whether this is a managed HSM, which has its own token audience and its own roles.
    #[must_use]
    pub fn is_managed_hsm(&self) -> bool {
        self.0.ends_with(HSM_SUFFIX)
    }

    /// The vault's base URL, such as `https://contoso.vault.azure.net`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("https://{}", self.0)
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/keys/{}", self.host.0, self.name.0)?;
        match &self.version {
            Some(version) => write!(f, "/{}", version.0),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for KeyUrl {
    type Error = KeyUrlError;

    fn try_from(text: String) -> Result<Self, KeyUrlError> {
        text.parse()
    }
}

impl From<KeyUrl> for String {
    fn from(url: KeyUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_url_is_rebuilt_from_its_parts() {
        let check =
            |text: &str, rebuilt: &str| assert_eq!(text.parse::<KeyUrl>().unwrap().to_string(), rebuilt);
        check("https://contoso.vault.azure.net/keys/disks", "https://contoso.vault.azure.net/keys/disks");
        check("https://contoso.vault.azure.net/keys/disks/", "https://contoso.vault.azure.net/keys/disks");
        check("HTTPS://Contoso.Vault.Azure.Net:443/keys/Disks", "https://contoso.vault.azure.net/keys/Disks");
        check(
            "https://hsm-1.managedhsm.azure.net/keys/k/D3781AFA0B4848AB9AEE9EDF0848F28C",
            "https://hsm-1.managedhsm.azure.net/keys/k/d3781afa0b4848ab9aee9edf0848f28c",
        );
    }

    #[test]
    fn hostile_key_urls_are_refused() {
        let check = |text: &str, error| assert_eq!(text.parse::<KeyUrl>(), Err(error), "{text}");
        use KeyUrlError::{NotAKey, NotAVault, NotHttps, NotPlainText, TooLong};
        check("", NotHttps);
        check("http://contoso.vault.azure.net/keys/k", NotHttps);
        check("//contoso.vault.azure.net/keys/k", NotHttps);
        check("file:///etc/passwd", NotHttps);
        check("https://contoso.vault.azure.net.evil.example/keys/k", NotAVault);
        check("https://contoso.vault.azure.net@evil.example/keys/k", NotAVault);
        check("https://user@contoso.vault.azure.net/keys/k", NotAVault);
        check("https://contoso.vault.azure.net:8443/keys/k", NotAVault);
        check("https://evil.example/keys/k?x=.vault.azure.net/keys/k", NotAVault);
        check("https://evil.example#.vault.azure.net/keys/k", NotAVault);
        check("https://evil.example\\.vault.azure.net/keys/k", NotAVault);
        check("https://a.b.vault.azure.net/keys/k", NotAVault);
        check("https://.vault.azure.net/keys/k", NotAVault);
        check("https://127.0.0.1/keys/k", NotAVault);
        check("https://169.254.169.254/keys/k", NotAVault);
        check("https://[::1]/keys/k", NotAVault);
        check("https://xn--vault-6pa.vault.azure.net/keys/k", NotAVault);
        check("https://contoso.vault.azure.net%2eevil.example/keys/k", NotAVault);
        check("https://contoso.vault.azure.cn/keys/k", NotAVault);
        check("https://contoso.vault.azure.net/secrets/k", NotAKey);
        check("https://contoso.vault.azure.net/keys/", NotAKey);
        check("https://contoso.vault.azure.net/keys/../secrets/k", NotAKey);
        check("https://contoso.vault.azure.net/keys/k/../../secrets/s", NotAKey);
        check("https://contoso.vault.azure.net/keys/k/not-a-version", NotAKey);
        check("https://contoso.vault.azure.net/keys/k?api-version=7.4", NotAKey);
        check("https://contoso.vault.azure.net/keys/k%2f..", NotAKey);
        check("https://contoso.vault.azure.net//keys/k", NotAKey);
        check("https://contoso.vault.azure.net/keys/k\r\nHost: evil.example", NotPlainText);
        check("https://c\u{043e}ntoso.vault.azure.net/keys/k", NotPlainText);
        check(" https://contoso.vault.azure.net/keys/k", NotPlainText);
        check(&format!("https://contoso.vault.azure.net/keys/{}", "k".repeat(300)), TooLong);
    }

    #[test]
    fn versions_of_one_key_are_the_same_key() {
        let key: KeyUrl = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
        let version: KeyUrl =
            "https://contoso.vault.azure.net/keys/DISKS/d3781afa0b4848ab9aee9edf0848f28c".parse().unwrap();
        assert!(key.is_same_key(&version) && key != version);
        assert_eq!(version.version(), Some("d3781afa0b4848ab9aee9edf0848f28c"));
    }

    proptest! {
        #[test]
        fn whatever_parses_names_a_host_of_azure(text in "(https?://)?[a-z.:/@#?\\\\-]{0,30}(\\.vault\\.azure\\.net)?[a-z.:/@-]{0,20}(/keys/[a-z/]{0,9})?") {
            if let Ok(key) = text.parse::<KeyUrl>() {
                let host = url::Url::parse(&key.to_string()).unwrap().host_str().unwrap().to_owned();
                prop_assert!(host.ends_with(".vault.azure.net") || host.ends_with(".managedhsm.azure.net"));
                prop_assert_eq!(key.to_string().parse::<KeyUrl>(), Ok(key));
            }
        }
    }
}

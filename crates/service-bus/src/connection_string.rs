//! Reads the connection strings of the Azure portal and of Microsoft's emulator.

use std::{fmt, str::FromStr};

use azure_core::credentials::Secret;

/// The port of the emulator when the connection string names none (Microsoft Learn, "Test locally by using the Azure
/// Service Bus emulator").
const EMULATOR_PORT: u16 = 5672;

/// A connection string, taken apart. Its `Debug` output shows no secret.
///
/// ```
/// use service_bus::ConnectionString;
///
/// let emulator: ConnectionString = "Endpoint=sb://127.0.0.1:7000;SharedAccessKeyName=Root;SharedAccessKey=a-key;\
///     UseDevelopmentEmulator=true;".parse()?;
/// assert!(emulator.use_development_emulator);
/// assert_eq!(emulator.port, Some(7000));
/// assert!(!format!("{emulator:?}").contains("a-key"));
/// # Ok::<(), service_bus::ConnectionStringError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConnectionString {
    /// The namespace's host, for instance `contoso.servicebus.windows.net`.
    pub host: String,
    /// The port, when the endpoint names one.
    pub port: Option<u16>,
    /// How to prove who we are.
    pub(crate) key: SharedAccess,
    /// The one entity that the string is for, if it is for one.
    pub entity_path: Option<String>,
    /// Whether the other side is a local emulator: plain TCP instead of TLS.
    pub use_development_emulator: bool,
}

/// What a connection string proves our identity with.
#[derive(Clone)]
pub(crate) enum SharedAccess {
    /// A key to sign tokens with.
    Key { name: String, key: Secret },
    /// A token that somebody else signed.
    Signature(Secret),
}

impl fmt::Debug for SharedAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { name, .. } => {
                formatter.debug_struct("Key").field("name", name).finish_non_exhaustive()
            }
            Self::Signature(_) => formatter.write_str("Signature(..)"),
        }
    }
}

/// Why a connection string cannot be used. Never repeats a value of the string, as it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionStringError {
    /// A part has no equals sign.
    #[error("part {position} of the connection string is not of the form Name=Value")]
    NotAPair {
        /// Which part, counted from one.
        position: usize,
    },
    /// A name appears twice.
    #[error("the connection string names {name} more than once")]
    Repeated {
        /// The name.
        name: &'static str,
    },
    /// A part that is needed is missing.
    #[error("the connection string lacks {name}")]
    Missing {
        /// The name.
        name: &'static str,
    },
    /// A part has a value that it cannot have.
    #[error("the connection string's {name} is not {expected}")]
    Invalid {
        /// The name.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// Both a key and a signature: only one can be meant.
    #[error("the connection string has both SharedAccessKey and SharedAccessSignature")]
    Ambiguous,
}

impl ConnectionString {
    /// The port to connect to: the one named, or the usual one.
    pub(crate) fn port_or(&self, tls_port: u16) -> u16 {
        self.port.unwrap_or(if self.use_development_emulator { EMULATOR_PORT } else { tls_port })
    }
}

#[derive(Default)]
struct Parts {
    endpoint: Option<String>,
    key_name: Option<String>,
    key: Option<String>,
    signature: Option<String>,
    entity_path: Option<String>,
    emulator: Option<String>,
}

impl Parts {
    fn read(text: &str) -> Result<Self, ConnectionStringError> {
        let mut parts = Self::default();
        for (index, part) in text.split(';').map(str::trim).enumerate().filter(|(_, part)| !part.is_empty()) {
            let position = index + 1;
            let (name, value) = part.split_once('=').ok_or(ConnectionStringError::NotAPair { position })?;
            let (name, slot) = match name.trim().to_ascii_lowercase().as_str() {
                "endpoint" => ("Endpoint", &mut parts.endpoint),
                "sharedaccesskeyname" => ("SharedAccessKeyName", &mut parts.key_name),
                "sharedaccesskey" => ("SharedAccessKey", &mut parts.key),
                "sharedaccesssignature" => ("SharedAccessSignature", &mut parts.signature),
                "entitypath" => ("EntityPath", &mut parts.entity_path),
                "usedevelopmentemulator" => ("UseDevelopmentEmulator", &mut parts.emulator),
                // Strings of older tools carry settings such as TransportType; Microsoft's SDKs ignore them too.
                _ => continue,
            };
            if slot.replace(value.trim().to_owned()).is_some() {
                return Err(ConnectionStringError::Repeated { name });
            }
        }
        Ok(parts)
    }

    fn shared_access(&mut self) -> Result<SharedAccess, ConnectionStringError> {
        let present = |part: Option<String>| part.filter(|value| !value.is_empty());
        match (present(self.key.take()), present(self.signature.take())) {
            (Some(_), Some(_)) => Err(ConnectionStringError::Ambiguous),
            (None, Some(signature)) => Ok(SharedAccess::Signature(signature.into())),
            (None, None) => Err(ConnectionStringError::Missing { name: "SharedAccessKey" }),
            (Some(key), None) => match present(self.key_name.take()) {
                Some(name) => Ok(SharedAccess::Key { name, key: key.into() }),
                None => Err(ConnectionStringError::Missing { name: "SharedAccessKeyName" }),
            },
        }
    }
}

impl FromStr for ConnectionString {
    type Err = ConnectionStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Parts::read(text)?;
        let endpoint = parts.endpoint.take().ok_or(ConnectionStringError::Missing { name: "Endpoint" })?;
        let (host, port) = host_and_port(&endpoint)?;
        let use_development_emulator =
            match parts.emulator.take().map(|value| value.to_ascii_lowercase()).as_deref() {
                None | Some("false") => false,
                Some("true") => true,
                Some(_) => {
                    return Err(ConnectionStringError::Invalid {
                        name: "UseDevelopmentEmulator",
                        expected: "true or false",
                    });
                }
            };
        let key = parts.shared_access()?;
        let entity_path = parts.entity_path.take().filter(|path| !path.is_empty());
        Ok(Self { host, port, key, entity_path, use_development_emulator })
    }
}

fn host_and_port(endpoint: &str) -> Result<(String, Option<u16>), ConnectionStringError> {
    let invalid =
        || ConnectionStringError::Invalid { name: "Endpoint", expected: "of the form sb://host[:port]" };
    let url = url::Url::parse(endpoint).map_err(|_| invalid())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
    let names_only_a_host =
        matches!(url.path(), "" | "/") && url.username().is_empty() && url.query().is_none();
    if !matches!(url.scheme(), "sb" | "amqps" | "amqp") || !names_only_a_host {
        return Err(invalid());
    }
    Ok((host.to_owned(), url.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "SharedAccessKeyName=Root;SharedAccessKey=abc=";

    /// Host, port, emulator, entity path.
    type Expected<'a> = (&'a str, Option<u16>, bool, Option<&'a str>);

    fn check(text: &str, expected: Result<Expected<'_>, ConnectionStringError>) {
        let read = text
            .parse::<ConnectionString>()
            .map(|read| (read.host, read.port, read.use_development_emulator, read.entity_path));
        let expected = expected
            .map(|(host, port, emulator, path)| (host.to_owned(), port, emulator, path.map(str::to_owned)));
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn connection_strings_that_can_be_used() {
        let ns = "contoso.servicebus.windows.net";
        check(&format!("Endpoint=sb://{ns}/;{KEY}"), Ok((ns, None, false, None)));
        check(&format!("Endpoint=sb://{ns}/;{KEY};EntityPath=q1"), Ok((ns, None, false, Some("q1"))));
        check(&format!(" endpoint = sb://{ns} ; {KEY} ; "), Ok((ns, None, false, None)));
        check(&format!("Endpoint=sb://{ns};{KEY};TransportType=Amqp"), Ok((ns, None, false, None)));
        check(&format!("Endpoint=sb://{ns};{KEY};UseDevelopmentEmulator=false"), Ok((ns, None, false, None)));
        check(
            &format!("Endpoint=sb://localhost;{KEY};UseDevelopmentEmulator=true;"),
            Ok(("localhost", None, true, None)),
        );
        check(
            &format!("Endpoint=sb://127.0.0.1:7000;{KEY};UseDevelopmentEmulator=True"),
            Ok(("127.0.0.1", Some(7000), true, None)),
        );
        check(&format!("Endpoint=sb://[::1]:7000/;{KEY}"), Ok(("[::1]", Some(7000), false, None)));
        check(
            &format!(
                "Endpoint=sb://{ns}/;SharedAccessSignature=SharedAccessSignature sr=a&sig=b&se=1&skn=Root"
            ),
            Ok((ns, None, false, None)),
        );
    }

    #[test]
    fn connection_strings_that_cannot_be_used() {
        use ConnectionStringError::{Ambiguous, Invalid, Missing, NotAPair, Repeated};
        let endpoint = || Invalid { name: "Endpoint", expected: "of the form sb://host[:port]" };
        check("", Err(Missing { name: "Endpoint" }));
        check("sb://contoso.servicebus.windows.net", Err(NotAPair { position: 1 }));
        check(&format!("Endpoint=sb://a;{KEY};oops"), Err(NotAPair { position: 4 }));
        check(KEY, Err(Missing { name: "Endpoint" }));
        check(&format!("Endpoint=contoso;{KEY}"), Err(endpoint()));
        check(&format!("Endpoint=https://contoso.net;{KEY}"), Err(endpoint()));
        check(&format!("Endpoint=sb://a/queue;{KEY}"), Err(endpoint()));
        check(&format!("Endpoint=sb://a:99999;{KEY}"), Err(endpoint()));
        check(&format!("Endpoint=sb://a;Endpoint=sb://b;{KEY}"), Err(Repeated { name: "Endpoint" }));
        check("Endpoint=sb://a", Err(Missing { name: "SharedAccessKey" }));
        check("Endpoint=sb://a;SharedAccessKeyName=Root", Err(Missing { name: "SharedAccessKey" }));
        check("Endpoint=sb://a;SharedAccessKey=x", Err(Missing { name: "SharedAccessKeyName" }));
        check(&format!("Endpoint=sb://a;{KEY};SharedAccessSignature=x"), Err(Ambiguous));
        check(
            &format!("Endpoint=sb://a;{KEY};UseDevelopmentEmulator=yes"),
            Err(Invalid { name: "UseDevelopmentEmulator", expected: "true or false" }),
        );
    }

    #[test]
    fn the_port_is_the_named_one_or_the_usual_one() {
        let port = |text: &str| text.parse::<ConnectionString>().unwrap().port_or(5671);
        assert_eq!(port(&format!("Endpoint=sb://a;{KEY}")), 5671);
        assert_eq!(port(&format!("Endpoint=sb://a;{KEY};UseDevelopmentEmulator=true")), 5672);
        assert_eq!(port(&format!("Endpoint=sb://a:9;{KEY};UseDevelopmentEmulator=true")), 9);
    }

    #[test]
    fn a_key_keeps_its_equals_signs_and_is_never_printed() {
        let read: ConnectionString = format!("Endpoint=sb://a;{KEY}").parse().unwrap();
        let SharedAccess::Key { name, key } = &read.key else { panic!("a key is expected") };
        assert_eq!((name.as_str(), key.secret()), ("Root", "abc="));
        assert!(!format!("{read:?}").contains("abc"), "{read:?}");
    }
}

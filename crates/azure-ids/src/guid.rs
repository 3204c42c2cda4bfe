//! The GUIDs of Entra and ARM, one type each, so that a tenant is never taken for a subscription.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not a GUID in the form `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, or it is all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a GUID such as 00001111-aaaa-2222-bbbb-3333cccc4444")]
pub struct GuidError;

/// Braces, `urn:uuid:` and undashed forms are refused: Azure never sends them, and one spelling compares safely.
fn parse(text: &str) -> Result<Uuid, GuidError> {
    if text.len() != 36 {
        return Err(GuidError);
    }
    match Uuid::try_parse(text) {
        Ok(id) if !id.is_nil() => Ok(id),
        _ => Err(GuidError),
    }
}

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The plain GUID.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = GuidError;

            fn from_str(text: &str) -> Result<Self, GuidError> {
                parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = GuidError;

            fn try_from(text: String) -> Result<Self, GuidError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }
    };
}

guid! {
    /// A Microsoft Entra tenant (a directory). Aliases such as `common` and domain names are refused.
    TenantId
}
guid! {
    /// An application (client) id: the same in every tenant that has a service principal of it.
    ApplicationId
}
guid! {
    /// The object id of a principal in one tenant, for instance of a service principal.
    ObjectId
}
guid! {
    /// An Azure subscription.
    SubscriptionId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dashed_form_of_a_real_guid_is_an_id() {
        let good = "0a1b2c3d-1111-2222-3333-444455556666";
        assert_eq!(good.parse::<TenantId>().unwrap().to_string(), good);
        assert_eq!(good.to_uppercase().parse::<TenantId>().unwrap().to_string(), good);
        for bad in [
            "",
            "common",
            "contoso.onmicrosoft.com",
            "00000000-0000-0000-0000-000000000000",
            "0a1b2c3d111122223333444455556666",
            "{0a1b2c3d-1111-2222-3333-444455556666}",
            "0a1b2c3d-1111-2222-3333-44445555666g",
            "0a1b2c3d-1111-2222-3333-444455556666/",
        ] {
            assert_eq!(bad.parse::<TenantId>(), Err(GuidError), "{bad}");
        }
    }
}

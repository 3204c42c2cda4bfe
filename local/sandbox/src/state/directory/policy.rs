//! What an organisation's administrators can forbid.

use serde::{Deserialize, Serialize};

/// One policy that a tenant may have. The names are those of the control API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Policy {
    /// Conditional Access blocks workload identities.
    ConditionalAccess,
    /// Cross-tenant access: nobody of another tenant comes in.
    InboundAccess,
    /// Cross-tenant access: nobody of this tenant goes out.
    OutboundAccess,
    /// Consent settings: an administrator has to approve.
    AdministratorConsent,
    /// Consent settings: an administrator has to approve, because the application is taken to be risky.
    RiskyApplication,
}

impl Policy {
    pub(crate) const ALL: [Self; 5] = [
        Self::ConditionalAccess,
        Self::InboundAccess,
        Self::OutboundAccess,
        Self::AdministratorConsent,
        Self::RiskyApplication,
    ];

    /// As the control API writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ConditionalAccess => "conditionalAccess",
            Self::InboundAccess => "inboundAccess",
            Self::OutboundAccess => "outboundAccess",
            Self::AdministratorConsent => "administratorConsent",
            Self::RiskyApplication => "riskyApplication",
        }
    }

    /// What comes of it, for people.
    pub(crate) fn effect(self) -> &'static str {
        match self {
            Self::ConditionalAccess => "Conditional Access blocks workload identities (AADSTS53003)",
            Self::InboundAccess => "applications of other tenants get no tokens here (AADSTS500213)",
            Self::OutboundAccess => {
                "this tenant's applications get no tokens in other tenants (AADSTS500212)"
            }
            Self::AdministratorConsent => {
                "an administrator has to approve applications on the consent page (AADSTS90094)"
            }
            Self::RiskyApplication => {
                "applications are taken to be risky until an administrator approves them (AADSTS900941)"
            }
        }
    }
}

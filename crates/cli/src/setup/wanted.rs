//! What the set-up is to end with.

use azure_ids::ArmId;
use uuid::Uuid;

/// How an application is found: by its ID, or by its name where no ID is known yet.
#[derive(Debug, Clone)]
pub struct Named {
    /// The display name, for one that is made.
    pub name: String,
    /// The application (client) ID of one that is there.
    pub id: Option<Uuid>,
}

/// What the set-up is to end with.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The vendor's tenant.
    pub tenant: Uuid,
    /// The vendor's subscription, once there is something in it.
    pub subscription: Option<Uuid>,
    /// The multi-tenant application that customers approve.
    pub application: Named,
    /// The application that the vendor's own people sign in to. `None`: none.
    pub sign_in: Option<Named>,
    /// Where browsers reach the function app, without a slash at the end. `None` while that is not known.
    pub public_url: Option<String>,
    /// The managed identity of the function app. `None` while that is not known.
    pub identity: Option<ArmId>,
    /// The resource group of the disks.
    pub disks_group: Option<ArmId>,
    /// The region of the disks.
    pub region: Option<String>,
    /// Whether groups, identity and roles are made. Otherwise a deployment made them, and they are only looked at.
    pub make_resources: bool,
}

impl Wanted {
    /// An address of the function app.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<String> {
        self.public_url.as_ref().map(|url| format!("{}{path}", url.trim_end_matches('/')))
    }
}

impl Wanted {
    /// The resource group of the identity.
    pub(super) fn identity_group(&self) -> Option<ArmId> {
        let id = self.identity.as_ref()?;
        let (subscription, group) = (id.segment("subscriptions")?, id.segment("resourceGroups")?);
        format!("/subscriptions/{subscription}/resourceGroups/{group}").parse().ok()
    }
}

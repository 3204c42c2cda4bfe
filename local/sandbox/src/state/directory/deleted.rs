//! One object that was deleted and can still be restored.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::objects::{Application, ServicePrincipal};

/// One deleted object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deleted {
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    pub(crate) object: DeletedObject,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DeletedObject {
    Application(Application),
    ServicePrincipal(ServicePrincipal),
}

impl DeletedObject {
    pub(crate) fn tenant(&self) -> Uuid {
        match self {
            Self::Application(application) => application.tenant,
            Self::ServicePrincipal(principal) => principal.tenant,
        }
    }
}

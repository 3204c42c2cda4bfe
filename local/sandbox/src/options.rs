//! What a sandbox is started with, and what it tells about the two tenants it is born with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder in which the whole state survives a restart, private keys and secrets included. Made if it is
    /// missing, and closed to other users (mode 0700). `None` keeps the state in memory only.
    pub state: Option<PathBuf>,
    /// Folder for what lives only as long as this run: the certificate of the short-lived authority.
    /// Made if it is missing, and closed to other users (mode 0700).
    pub run_folder: PathBuf,
    /// How long changes take to spread, and how operations are paced.
    pub lags: Lags,
    /// Whether to keep every exchange for [`Sandbox::har`](crate::Sandbox::har).
    pub har: bool,
    /// How many milliseconds the sandbox's time is ahead of the machine's clock. Whoever keeps a copy of this moves it,
    /// forward only, and calls [`Sandbox::catch_up`](crate::Sandbox::catch_up) before and after. `None`: the clock is the
    /// sandbox's own, moved by its control API.
    pub ahead_milliseconds: Option<Arc<AtomicI64>>,
}

/// How slowly the simulated cloud lets changes take effect.
///
/// The default has no delay except that long-running operations answer one poll with "in progress", because a
/// client that never sees that answer has never been tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lags {
    /// From the creation of a service principal until the token endpoint knows it (AADSTS7000229 before).
    pub service_principal: Duration,
    /// From the writing of a federated credential until the token endpoint knows it (AADSTS70021 before).
    pub federated_credential: Duration,
    /// From the creation of a directory object until Graph can read it back (404 before).
    pub directory_object: Duration,
    /// From a role assignment, or its removal, until the data plane obeys it.
    pub role_assignment: Duration,
    /// From a new version of a key until a disk encryption set with automatic rotation takes it up.
    pub key_rotation: Duration,
    /// From a change of a set's key until its disks are wrapped with the new one; the old one is shown meanwhile.
    pub disk_rewrap: Duration,
    /// From the loss of a key (disabled, deleted, closed to the disk service) until the machines stop whose disks are
    /// under it. Azure's documentation says about an hour.
    pub key_loss: Duration,
    /// From the activation of a marketplace subscription until its status shows it.
    pub activation: Duration,
    /// From an operation on a marketplace subscription until reading the subscription shows it; the operation says so
    /// at once. Microsoft's emulator has 2 seconds "to better simulate the behaviour of the marketplace".
    pub subscription: Duration,
    /// How many polls of a long-running operation answer "in progress".
    pub operation_polls: u32,
    /// The `Retry-After` of accepted and running operations, in seconds; `None` for Azure's own.
    pub retry_after_seconds: Option<u32>,
}

impl Default for Lags {
    fn default() -> Self {
        Self {
            service_principal: Duration::ZERO,
            federated_credential: Duration::ZERO,
            directory_object: Duration::ZERO,
            role_assignment: Duration::ZERO,
            key_rotation: Duration::ZERO,
            disk_rewrap: Duration::ZERO,
            key_loss: Duration::ZERO,
            activation: Duration::ZERO,
            subscription: Duration::ZERO,
            operation_polls: 1,
            retry_after_seconds: None,
        }
    }
}

/// The two organisations that a new sandbox is born with.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Who sells: the home of the multi-tenant application, the managed identity and the disks.
    pub vendor: SeedTenant,
    /// Who buys, and holds the key.
    pub customer: SeedTenant,
}

/// One seeded organisation.
#[derive(Debug, Clone)]
pub struct SeedTenant {
    /// The directory's id.
    pub tenant_id: Uuid,
    /// The directory's verified domain, for people to read.
    pub domain: String,
    /// The one subscription that trusts this directory.
    pub subscription_id: Uuid,
    /// An application that is Owner of the subscription and may write the directory.
    pub administrator: Automation,
    /// Object id of the person who may consent for the organisation.
    pub administrator_user: Uuid,
    /// Object id of a person who may not.
    pub ordinary_user: Uuid,
    /// The region everything is meant to be made in, in ARM's short spelling, such as `westeurope`.
    pub region: String,
}

/// One person of an organisation, who signs in without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedUser {
    /// The object id, by which a page that asks who somebody is knows this person.
    pub object_id: Uuid,
    /// The sign-in name, such as `administrator@contoso.onmicrosoft.com`.
    pub user_principal_name: String,
    /// Whether this person may write the directory and consent for the organisation.
    pub administrator: bool,
}

/// An application with a secret. Its secret never shows in `Debug` output.
#[derive(Clone, Serialize, Deserialize)]
pub struct Automation {
    /// The application (client) id.
    pub client_id: Uuid,
    /// The client secret, made when the sandbox was seeded.
    pub client_secret: String,
}

impl std::fmt::Debug for Automation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Automation").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

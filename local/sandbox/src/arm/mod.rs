//! Azure Resource Manager: one gateway in front of the few resource providers that the story needs.
//!
//! The gateway checks what it checks for every provider (token, `api-version`, subscription, role), then hands
//! over. Resources are kept under their lower-cased id and shown in the spelling they were made with.

pub(crate) mod access;
mod api_version;
mod body;
mod deployments;
pub(crate) mod disk_encryption_sets;
mod dispatch;
mod error;
mod identities;
mod inventory;
mod limits;
mod operations;
mod outcomes;
pub(crate) mod overview;
pub(crate) mod path;
mod regions;
mod request;
mod resource;
mod resource_groups;
pub(crate) mod role_assignments;
mod role_definitions;
pub(crate) mod roles;
mod stamp;
mod stores;
mod subscriptions;
mod tenancy;
pub(crate) mod vaults;
pub(crate) mod virtual_machines;

use axum::Router;
use axum::extract::{Request, State as RouterState};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::directory::Tenant;
use crate::tracked::Tracked;
use crate::world::SharedWorld;

use self::deployments::Deployment;
use self::disk_encryption_sets::DiskEncryptionSet;
use self::error::ArmError;
use self::identities::Identity;
pub(crate) use self::limits::Counters;
pub use self::limits::{Bucket, Limits, Windows};
use self::operations::Operation;
use self::resource_groups::ResourceGroup;
use self::role_assignments::RoleAssignment;
use self::stores::disk::Disk;
pub use self::stores::disk::DiskState;
use self::stores::snapshot::Snapshot;
use self::vaults::Vault;
use self::virtual_machines::VirtualMachine;

/// Every resource, by its id in lower case.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ArmState {
    pub(crate) resource_groups: Tracked<String, ResourceGroup>,
    pub(crate) identities: Tracked<String, Identity>,
    pub(crate) vaults: Tracked<String, Vault>,
    pub(crate) role_assignments: Tracked<String, RoleAssignment>,
    pub(crate) disk_encryption_sets: Tracked<String, DiskEncryptionSet>,
    pub(crate) disks: Tracked<String, Disk>,
    #[serde(default)]
    pub(crate) snapshots: Tracked<String, Snapshot>,
    #[serde(default)]
    pub(crate) virtual_machines: Tracked<String, VirtualMachine>,
    #[serde(default)]
    pub(crate) deployments: Tracked<String, Deployment>,
    /// By operation id: those that run, which every look at a resource goes through.
    pub(crate) operations: Tracked<String, Operation>,
    #[serde(default)]
    pub(crate) ended_operations: Tracked<String, Operation>,
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Whether a set whose key cannot be used is refused at once or fails in its operation.
    pub(crate) key_refusals_come_late: bool,
    /// Whether the addresses of operations are as long as Azure's have become.
    #[serde(default)]
    pub(crate) long_operation_urls: bool,
    /// Whether this region's Ultra and Premium SSD v2 disks cannot use sets with a user-assigned identity.
    #[serde(default)]
    pub(crate) direct_drive_is_refused: bool,
}

impl ArmState {
    /// Called once, when a new state is seeded: each tenant's administrator owns its subscription, as a program and as
    /// a person. The program may also use the keys of every vault in it, since Owner alone says nothing about what
    /// vaults hold; the person has to give themselves that role.
    pub(crate) fn seeded(tenants: &[&Tenant]) -> Self {
        let mut state = Self::default();
        for tenant in tenants {
            let (program, person) = (tenant.administrator_principal, tenant.administrator_user);
            for (principal, kind, role) in [
                (program, "ServicePrincipal", roles::OWNER),
                (program, "ServicePrincipal", roles::KEY_VAULT_ADMINISTRATOR),
                (person, "User", roles::OWNER),
            ] {
                let assignment = RoleAssignment::seeded(tenant, (principal, kind), role);
                state.role_assignments.insert(path::key(&assignment.id), assignment);
            }
        }
        state
    }

    /// Makes a tenant's administrators, the application and the person, owners of one of its subscriptions, as
    /// [`seeded`](Self::seeded) does.
    pub(crate) fn own(&mut self, tenant: &Tenant, subscription: Uuid, now: OffsetDateTime) {
        let principals =
            [(tenant.administrator_principal, "ServicePrincipal"), (tenant.administrator_user, "User")];
        for role in [roles::OWNER, roles::KEY_VAULT_ADMINISTRATOR] {
            for (principal, kind) in principals {
                let scope = format!("/subscriptions/{subscription}");
                self.grant(RoleAssignment::granted(scope, role, principal, kind, now));
            }
        }
    }

    /// Adds a role assignment.
    pub(crate) fn grant(&mut self, assignment: RoleAssignment) {
        self.role_assignments.insert(path::key(&assignment.id), assignment);
    }

    /// The group, or the refusal that its absence earns.
    fn group(&self, subscription: &str, group: &str) -> Result<&ResourceGroup, ArmError> {
        self.resource_groups
            .get(&path::key(&format!("/subscriptions/{subscription}/resourceGroups/{group}")))
            .ok_or_else(|| ArmError::group_not_found(group))
    }
}

/// Whether this is the name of one of Azure's regions, in ARM's short spelling.
pub(crate) fn is_region(name: &str) -> bool {
    regions::check(Some(name), "").is_ok()
}

/// Everything under `https://management.azure.com`.
///
/// One handler takes all paths apart itself, because ARM compares paths without case and axum's router does not.
pub(crate) fn router(world: SharedWorld) -> Router {
    Router::new().fallback(answer).with_state(world)
}

async fn answer(RouterState(world): RouterState<SharedWorld>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (asked, now) = (parts.headers.clone(), world.clock.now());
    let answered = match request::read_body(body).await {
        // Checking a key means RSA, which is too slow for a thread that serves other connections.
        Ok(body) => tokio::task::spawn_blocking(move || dispatch::answer(&world, &parts, body))
            .await
            .unwrap_or_else(|_| request::internal_error()),
        Err(refusal) => request::refuse(&refusal),
    };
    stamp::stamped(answered, &asked, now)
}

impl crate::Sandbox {
    /// Decides how a disk encryption set whose key cannot be used fails: by default its PUT answers 400; set to
    /// `true`, the PUT is accepted and its operation ends as `Failed`. Both have been reported of the real service.
    pub fn let_key_refusals_come_late(&self, late: bool) {
        self.world.change(|state| state.arm.key_refusals_come_late = late);
    }

    /// Makes the addresses of operations as long as Azure's are since 2025: about 4 KB each, two of them in one answer.
    pub fn let_operation_urls_be_long(&self, long: bool) {
        self.world.change(|state| state.arm.long_operation_urls = long);
    }

    /// Lets Ultra and Premium SSD v2 disks refuse sets with a user-assigned identity, as they did before 2025 and as some
    /// regions still do.
    pub fn let_direct_drive_be_refused(&self, refused: bool) {
        self.world.change(|state| state.arm.direct_drive_is_refused = refused);
    }
}

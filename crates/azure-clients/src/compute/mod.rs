//! Disk encryption sets, disks and the power of virtual machines, by Azure Resource Manager.
//!
//! Microsoft publishes no Rust crate for it. Bodies and statuses are those of the DiskRP specification
//! (Azure/azure-rest-api-specs, `Microsoft.Compute/DiskRP`).

mod disk;
mod disk_encryption_set;
mod error;
mod machine;
mod named_ids;
mod operation;
mod permissions;
mod provisioning_state;
mod snapshot;

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_ids::{ArmId, SubscriptionId};
use reqwest::{Method, StatusCode, header::CONTENT_LENGTH};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

pub use disk::{Disk, DiskEncryption, EncryptionType};
pub use disk_encryption_set::{
    ActiveKey, DiskEncryptionSet, DiskEncryptionSetChange, KeyHasNoVersion, NewDiskEncryptionSet,
};
pub use error::{ArmError, ArmFault, ArmRefusal};
pub use machine::{Machine, PowerState};
pub use named_ids::{GALLERY_VERSIONS, IMAGES, SCALE_SETS};
pub use operation::{Accepted, NotAnOperationUrl, OperationState, OperationUrl};
pub use permissions::{Permission, Permissions};
pub use provisioning_state::ProvisioningState;
pub use snapshot::Snapshot;

use crate::{Transport, entra::classify, transport::Reply};

/// The newest version of DiskRP with published examples. It knows `federatedClientId`, which versions before 2022
/// lack.
pub const DISK_API_VERSION: &str = "2025-01-02";

/// `Microsoft.Compute` has another series of versions for virtual machines.
const MACHINE_API_VERSION: &str = "2024-07-01";

/// Resource Manager's own list of what is in a group.
const RESOURCES_API_VERSION: &str = "2024-03-01";

const HOST: &str = "https://management.azure.com";
const SCOPE: &str = "https://management.azure.com/.default";

const SETS: &str = "Microsoft.Compute/diskEncryptionSets";
const DISKS: &str = "Microsoft.Compute/disks";
const SNAPSHOTS: &str = "Microsoft.Compute/snapshots";
const MACHINES: &str = "Microsoft.Compute/virtualMachines";

/// A listing with more pages than this goes round in circles.
const MOST_PAGES: usize = 200;

/// Calls ARM about disks and their encryption sets.
#[derive(Clone)]
pub struct Compute {
    transport: Transport,
    credential: Arc<dyn TokenCredential>,
    api_version: String,
}

impl std::fmt::Debug for Compute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compute").field("api_version", &self.api_version).finish_non_exhaustive()
    }
}

impl Compute {
    /// A client that calls as this identity, usually [`WorkloadIdentity::managed_identity`].
    ///
    /// [`WorkloadIdentity::managed_identity`]: crate::WorkloadIdentity::managed_identity
    #[must_use]
    pub fn new(transport: &Transport, credential: Arc<dyn TokenCredential>) -> Self {
        Self { transport: transport.clone(), credential, api_version: DISK_API_VERSION.to_owned() }
    }

    /// The same client with another version of the API, for clouds that lag behind.
    #[must_use]
    pub fn with_api_version(self, api_version: impl Into<String>) -> Self {
        Self { api_version: api_version.into(), ..self }
    }

    /// Reads a disk encryption set.
    ///
    /// # Errors
    /// [`ArmRefusal::NotFound`] if there is none of this id.
    pub async fn disk_encryption_set(&self, id: &ArmId) -> Result<DiskEncryptionSet, ArmError> {
        self.get(id, SETS).await
    }

    /// Creates a disk encryption set, or replaces all of it.
    ///
    /// Read the set first: putting a stored key URL over one that the service has rotated rolls it back.
    ///
    /// # Errors
    /// [`ArmRefusal::KeyVaultAccessForbidden`] or [`ArmRefusal::KeyUnusable`] when the service tried the key and failed:
    /// for a user-assigned identity it tries at once.
    pub async fn put_disk_encryption_set(
        &self,
        id: &ArmId,
        set: &NewDiskEncryptionSet,
    ) -> Result<Accepted<DiskEncryptionSet>, ArmError> {
        self.change(Method::PUT, id, SETS, set).await
    }

    /// Changes single fields of a disk encryption set.
    ///
    /// # Errors
    /// As [`put_disk_encryption_set`](Self::put_disk_encryption_set).
    pub async fn patch_disk_encryption_set(
        &self,
        id: &ArmId,
        change: &DiskEncryptionSetChange,
    ) -> Result<Accepted<DiskEncryptionSet>, ArmError> {
        self.change(Method::PATCH, id, SETS, change).await
    }

    /// Asks once how an operation goes.
    ///
    /// # Errors
    /// The question failed. An operation that failed is [`OperationState::Failed`], not an error.
    pub async fn operation(&self, url: &OperationUrl) -> Result<OperationState, ArmError> {
        self.transport
            .within_time_limit(async {
                operation::read(&self.send(Method::GET, url.as_str(), None::<&()>).await?)
            })
            .await
    }

    /// Reads a disk.
    ///
    /// # Errors
    /// [`ArmRefusal::NotFound`] if there is none of this id.
    pub async fn disk(&self, id: &ArmId) -> Result<Disk, ArmError> {
        self.get(id, DISKS).await
    }

    /// Encrypts a disk under a set with the customer's key. The disk must be unattached, or its machine deallocated.
    ///
    /// # Errors
    /// [`ArmRefusal::Conflict`] or [`ArmRefusal::BadRequest`] for a disk that cannot be changed now.
    pub async fn patch_disk_encryption(&self, disk: &ArmId, set: &ArmId) -> Result<Accepted<Disk>, ArmError> {
        check_type(set, SETS)?;
        let encryption = json!({ "type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": set });
        self.change(Method::PATCH, disk, DISKS, &json!({ "properties": { "encryption": encryption } })).await
    }

    /// Changes a disk back to a platform-managed key. The disk must be unattached, or its machine deallocated; and Azure
    /// needs the customer's key for it.
    ///
    /// # Errors
    /// [`ArmRefusal::Conflict`] or [`ArmRefusal::BadRequest`] for a disk that cannot be changed now.
    pub async fn return_disk_to_platform_key(&self, disk: &ArmId) -> Result<Accepted<Disk>, ArmError> {
        // A set that is named beside it is refused (InvalidParameter).
        let encryption = json!({ "type": EncryptionType::PlatformKey.as_str() });
        self.change(Method::PATCH, disk, DISKS, &json!({ "properties": { "encryption": encryption } })).await
    }

    /// Deletes a disk encryption set. One that is not there is deleted.
    ///
    /// # Errors
    /// [`ArmRefusal::Conflict`] or [`ArmRefusal::BadRequest`] while something uses it.
    pub async fn delete_disk_encryption_set(&self, id: &ArmId) -> Result<Accepted<()>, ArmError> {
        check_type(id, SETS)?;
        let url = self.url(id.as_str());
        self.transport
            .within_time_limit(async { Accepted::read(&self.send(Method::DELETE, &url, None::<&()>).await?) })
            .await
    }

    /// The disks and snapshots that use a set, wherever in its subscription they are. Images and scale sets are not
    /// among them.
    ///
    /// # Errors
    /// [`ArmRefusal::NotFound`] if there is no such set.
    pub async fn associated_resources(&self, set: &ArmId) -> Result<Vec<ArmId>, ArmError> {
        check_type(set, SETS)?;
        self.all(self.url(&format!("{set}/associatedResources"))).await
    }

    /// The ids of everything in a resource group.
    ///
    /// # Errors
    /// [`ArmRefusal::NotFound`] if there is no such group; [`ArmRefusal::BadId`] for a name that no group can have.
    pub async fn resources(
        &self,
        subscription: SubscriptionId,
        resource_group: &str,
    ) -> Result<Vec<ArmId>, ArmError> {
        let group = group_id(subscription, resource_group)?;
        let url = format!("{HOST}{group}/resources?api-version={RESOURCES_API_VERSION}");
        let found: Vec<Listed> = self.all(url).await?;
        // What is no id of ours cannot be asked about; its own type is none that has disks.
        Ok(found.into_iter().filter_map(|listed| listed.id.parse().ok()).collect())
    }

    /// The resources that an image, a version of one in a gallery, or a scale set names: the disk encryption sets of its
    /// disks, what it was made from, and itself.
    ///
    /// # Errors
    /// [`ArmRefusal::NotFound`] if there is none of this id; [`ArmRefusal::BadId`] for another type.
    pub async fn ids_named_by(&self, id: &ArmId) -> Result<Vec<ArmId>, ArmError> {
        let version = named_ids::api_version(id)
            .ok_or(ArmError::Refused(ArmRefusal::BadId { expected: "Microsoft.Compute/images" }))?;
        let url = format!("{HOST}{id}?api-version={version}");
        let read: serde_json::Value = self
            .transport
            .within_time_limit(async { decode(&self.send(Method::GET, &url, None::<&()>).await?) })
            .await?;
        Ok(named_ids::of(&read))
    }

    /// Reads a virtual machine, with its power.
    ///
    /// # Errors
    /// [`ArmRefusal::NotFound`] if there is none of this id.
    pub async fn machine(&self, id: &ArmId) -> Result<Machine, ArmError> {
        check_type(id, MACHINES)?;
        let url = machine_url(id, "", "&$expand=instanceView");
        self.transport
            .within_time_limit(async { decode(&self.send(Method::GET, &url, None::<&()>).await?) })
            .await
    }

    /// Stops a virtual machine and frees what it runs on. Its disks stay. One that is deallocated stays so.
    ///
    /// # Errors
    /// [`ArmRefusal::Conflict`] while another change is under way.
    pub async fn deallocate(&self, machine: &ArmId) -> Result<Accepted<()>, ArmError> {
        self.switch(machine, "/deallocate").await
    }

    /// Starts a virtual machine. One that runs goes on.
    ///
    /// # Errors
    /// [`ArmRefusal::Conflict`] while another change is under way.
    pub async fn start(&self, machine: &ArmId) -> Result<Accepted<()>, ArmError> {
        self.switch(machine, "/start").await
    }

    async fn switch(&self, machine: &ArmId, action: &str) -> Result<Accepted<()>, ArmError> {
        check_type(machine, MACHINES)?;
        let url = machine_url(machine, action, "");
        self.transport
            .within_time_limit(async { Accepted::read(&self.send(Method::POST, &url, None::<&()>).await?) })
            .await
    }

    /// Every disk of a resource group.
    ///
    /// # Errors
    /// [`ArmRefusal::NotFound`] if there is no such group; [`ArmRefusal::BadId`] for a name that no group can have.
    pub async fn disks(
        &self,
        subscription: SubscriptionId,
        resource_group: &str,
    ) -> Result<Vec<Disk>, ArmError> {
        let group = group_id(subscription, resource_group)?;
        self.all(self.url(&format!("{group}/providers/{DISKS}"))).await
    }

    /// What we may do with a resource, or in a resource group.
    ///
    /// # Errors
    /// [`ArmRefusal::NotFound`] if there is none of this id.
    pub async fn permissions(&self, scope: &ArmId) -> Result<Permissions, ArmError> {
        let version = permissions::API_VERSION;
        let url =
            format!("{HOST}{scope}/providers/Microsoft.Authorization/permissions?api-version={version}");
        self.transport
            .within_time_limit(async {
                let reply = self.send(Method::GET, &url, None::<&()>).await?;
                let page: Page<Permission> = decode(&reply)?;
                Ok(Permissions { roles: page.value, answered_at: reply.date() })
            })
            .await
    }

    /// Every snapshot of a resource group.
    ///
    /// # Errors
    /// As [`disks`](Self::disks).
    pub async fn snapshots(
        &self,
        subscription: SubscriptionId,
        resource_group: &str,
    ) -> Result<Vec<Snapshot>, ArmError> {
        let group = group_id(subscription, resource_group)?;
        self.all(self.url(&format!("{group}/providers/{SNAPSHOTS}"))).await
    }

    /// Every disk encryption set of a resource group.
    ///
    /// # Errors
    /// As [`disks`](Self::disks).
    pub async fn disk_encryption_sets(
        &self,
        subscription: SubscriptionId,
        resource_group: &str,
    ) -> Result<Vec<DiskEncryptionSet>, ArmError> {
        let group = group_id(subscription, resource_group)?;
        self.all(self.url(&format!("{group}/providers/{SETS}"))).await
    }

    /// Every page of a listing.
    async fn all<T: DeserializeOwned>(&self, mut url: String) -> Result<Vec<T>, ArmError> {
        self.transport
            .within_time_limit(async {
                let mut all = Vec::new();
                for _ in 0..MOST_PAGES {
                    let page: Page<T> = decode(&self.send(Method::GET, &url, None::<&()>).await?)?;
                    all.extend(page.value);
                    match page.next_link.filter(|link| !link.is_empty()) {
                        None => return Ok(all),
                        // A token goes with the next request, so that the link must lead to ARM as well.
                        Some(link) => link
                            .parse::<OperationUrl>()
                            .map_err(ArmError::undecodable)?
                            .as_str()
                            .clone_into(&mut url),
                    }
                }
                Err(ArmError::undecodable("the listing does not end"))
            })
            .await
    }

    fn url(&self, path: &str) -> String {
        format!("{HOST}{path}?api-version={}", self.api_version)
    }

    async fn get<T: DeserializeOwned>(&self, id: &ArmId, resource_type: &'static str) -> Result<T, ArmError> {
        check_type(id, resource_type)?;
        let url = self.url(id.as_str());
        self.transport
            .within_time_limit(async { decode(&self.send(Method::GET, &url, None::<&()>).await?) })
            .await
    }

    async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        id: &ArmId,
        resource_type: &'static str,
        body: &impl Serialize,
    ) -> Result<Accepted<T>, ArmError> {
        check_type(id, resource_type)?;
        let url = self.url(id.as_str());
        self.transport
            .within_time_limit(async { Accepted::read(&self.send(method, &url, Some(body)).await?) })
            .await
    }

    /// Sends a request with our token. Only replies of success come back.
    async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Reply, ArmError> {
        let token = self
            .credential
            .get_token(&[SCOPE], None)
            .await
            .map_err(|error| ArmError::token(classify(error)))?;
        let is_post = method == Method::POST;
        let mut request = self.transport.request(method, url).bearer_auth(token.token.secret());
        if let Some(body) = body {
            request = request.json(body);
        } else if is_post {
            // ARM answers 411 to a POST that does not say that it has no body.
            request = request.header(CONTENT_LENGTH, 0);
        }
        let reply = self.transport.send(request).await?;
        if matches!(
            reply.status,
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT
        ) {
            return Ok(reply);
        }
        Err(error::read(&reply))
    }
}

fn group_id(subscription: SubscriptionId, resource_group: &str) -> Result<ArmId, ArmError> {
    let id = format!("/subscriptions/{subscription}/resourceGroups/{resource_group}");
    let expected = "Microsoft.Resources/resourceGroups";
    id.parse().map_err(|_| ArmError::Refused(ArmRefusal::BadId { expected }))
}

fn machine_url(machine: &ArmId, action: &str, more: &str) -> String {
    format!("{HOST}{machine}{action}?api-version={MACHINE_API_VERSION}{more}")
}

#[derive(Deserialize)]
struct Listed {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    value: Vec<T>,
    next_link: Option<String>,
}

/// An id of another type would make us change something else than we were asked to.
fn check_type(id: &ArmId, expected: &'static str) -> Result<(), ArmError> {
    if id.is_of_type(expected) { Ok(()) } else { Err(ArmError::Refused(ArmRefusal::BadId { expected })) }
}

fn decode<T: DeserializeOwned>(reply: &Reply) -> Result<T, ArmError> {
    serde_json::from_slice(&reply.body).map_err(ArmError::undecodable)
}

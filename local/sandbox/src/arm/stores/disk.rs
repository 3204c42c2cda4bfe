//! Managed disks, as far as their encryption goes.

use http::Method;
use serde_json::Value;

use crate::arm::api_version::Versions;
use crate::arm::error::ArmError;
use crate::arm::provider::Provider;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::resources::snapshot::{incremental_of, source};
use crate::state::State;
use crate::state::operation::Outcome;
use crate::state::resources::disk::{Disk, DiskState};
use crate::state::resources::store::{Common, Encryption};

use super::body::PropertiesBody;
use super::calls;
use super::missing::{creation_data, missing};
use super::store::Store;

impl Provider for Disk {
    const VERSIONS: Versions = Versions::Disks;

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        calls::answer::<Self>(cloud, request, target, rest)
    }

    fn counted_as(method: &Method, _: &[&str]) -> Option<&'static str> {
        calls::counted_as(method)
    }
}

impl Store for Disk {
    const WORD: &'static str = "disk";

    fn new(
        cloud: &Cloud,
        target: &Target,
        location: String,
        properties: &PropertiesBody,
    ) -> Result<Self, ArmError> {
        let creation_data = creation_data::<Self>(properties)?;
        if creation_data["createOption"].as_str().is_none() {
            return Err(missing::<Self>("creationData.createOption"));
        }
        let size = properties.disk_size_gb.or_else(|| copied_size(cloud, &creation_data));
        let size = size.ok_or_else(|| missing::<Self>("diskSizeGB"))?;
        Ok(Self {
            common: Common::new(cloud, target, location, creation_data, size),
            state: DiskState::Unattached,
            managed_by: None,
            was_encrypted_inside: false,
            is_encrypted_inside: false,
        })
    }

    fn apply(&mut self, properties: &PropertiesBody) {
        self.common.size_gb = properties.disk_size_gb.unwrap_or(self.common.size_gb);
        if properties.os_type.is_some() {
            self.common.os_type.clone_from(&properties.os_type);
        }
        if let Some(older) = &properties.encryption_settings_collection {
            self.is_encrypted_inside = older.enabled;
            self.was_encrypted_inside |= older.enabled;
        }
    }

    /// The rules are documented ("Restrictions" of customer-managed keys).
    fn check_change(&self, state: &State, planned: &Encryption) -> Result<(), ArmError> {
        let refused = |words: String| Err(ArmError::conflict("OperationNotAllowed", words));
        let name = &self.common.name;
        if self.was_encrypted_inside && planned.set.is_some() {
            return refused(format!(
                "Disk '{name}' was previously encrypted with Azure Disk Encryption. Server-side encryption with customer \
                 managed keys cannot be enabled on this disk at this time.",
            ));
        }
        // Our guess: the words of the two below.
        if self.state == DiskState::Attached {
            return refused(format!(
                "Cannot change encryption of disk {name} while it is attached to a running virtual machine. Deallocate it \
                 first.",
            ));
        }
        if incremental_of(&state.arm, &self.common.id).next().is_some() {
            return refused(format!(
                "Cannot update encryption properties for disk {name} because it already has incremental snapshots.",
            ));
        }
        Ok(())
    }

    fn check_unused(&self) -> Result<(), ArmError> {
        if self.state == DiskState::Unattached {
            return Ok(());
        }
        let words = format!("Disk '{}' is attached to a virtual machine.", self.common.name);
        Err(ArmError::conflict("OperationNotAllowed", words))
    }

    fn written(self) -> Outcome {
        Outcome::WriteDisk(Box::new(self))
    }
}

/// The size of the disk or snapshot that a new disk is a copy of.
fn copied_size(cloud: &Cloud, creation_data: &Value) -> Option<u32> {
    let id = creation_data["sourceResourceId"].as_str()?;
    cloud.read(|state| source(&state.arm, id).map(|source| source.size_gb))
}

//! Snapshots of disks, as far as their encryption goes.
//!
//! A snapshot that says nothing about encryption is under its disk's key; it may be made under another set's or the
//! platform's (recorded), unless it is incremental (documented).

use http::{Method, StatusCode};

use crate::arm::api_version::Versions;
use crate::arm::error::ArmError;
use crate::arm::provider::Provider;
use crate::arm::regions;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::resources::snapshot::source;
use crate::state::State;
use crate::state::operation::Outcome;
use crate::state::resources::snapshot::Snapshot;
use crate::state::resources::store::{Common, Encryption};

use super::body::PropertiesBody;
use super::calls;
use super::missing::{creation_data, missing};
use super::store::Store;

impl Provider for Snapshot {
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

impl Store for Snapshot {
    const WORD: &'static str = "snapshot";

    fn new(
        cloud: &Cloud,
        target: &Target,
        location: String,
        properties: &PropertiesBody,
    ) -> Result<Self, ArmError> {
        let creation_data = creation_data::<Self>(properties)?;
        let option = creation_data["createOption"].as_str().unwrap_or_default();
        let copies = ["Copy", "CopyStart"].contains(&option);
        let id = creation_data["sourceResourceId"].as_str().or(creation_data["sourceUri"].as_str());
        let id = id.filter(|_| copies).ok_or_else(|| missing::<Self>("creationData.sourceResourceId"))?;
        let id = id.to_owned();
        let copied = cloud.read(|state| source(&state.arm, &id).cloned()).ok_or_else(|| {
            ArmError::new(StatusCode::NOT_FOUND, "NotFound", format!("Resource {id} is not found."))
        })?;
        if !regions::same(&copied.location, &location) {
            // Our guess: code and words. A snapshot is in its disk's region.
            return Err(ArmError::bad_request(
                "InvalidParameter",
                format!("The source '{id}' is in region '{}', not in '{location}'.", copied.location),
            ));
        }
        Ok(Self {
            common: Common {
                os_type: copied.os_type,
                encryption: copied.encryption,
                ..Common::new(cloud, target, location, creation_data, copied.size_gb)
            },
            source: id,
            incremental: properties.incremental.unwrap_or(false),
        })
    }

    fn check_change(&self, _: &State, _: &Encryption) -> Result<(), ArmError> {
        if !self.incremental {
            return Ok(());
        }
        // Our guess: code and words. The rule is documented.
        Err(ArmError::conflict(
            "OperationNotAllowed",
            format!(
                "Incremental snapshot {} must use the same disk encryption set as its disk '{}'.",
                self.common.name, self.source
            ),
        ))
    }

    fn written(self) -> Outcome {
        Outcome::WriteSnapshot(Box::new(self))
    }
}

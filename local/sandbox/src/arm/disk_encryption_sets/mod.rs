//! Microsoft.Compute: disk encryption sets, each of which lends one key to many disks.
//!
//! Shapes and quirks: Azure REST API, `DiskEncryptionSets`, and recordings in Microsoft's public test suites. A set
//! with a user-assigned identity is checked against its key when it is written; a set with a system-assigned one
//! cannot be, because the identity is born with it.

mod find;
mod input;
pub(in crate::arm) mod key_check;
mod planning;
mod reading;
pub(in crate::arm) mod rotation;
mod write;

use http::Method;

use crate::arm::api_version::Versions;
use crate::arm::error::ArmError;
use crate::arm::limits::groups;
use crate::arm::provider::{Provider, refused};
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::state::resources::disk_encryption_set::DiskEncryptionSet;

impl Provider for DiskEncryptionSet {
    const VERSIONS: Versions = Versions::Disks;

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        match (&request.method, rest) {
            (&Method::PUT, []) => write::put(cloud, request, target),
            (&Method::PATCH, []) => write::patch(cloud, request, target),
            (&Method::GET, []) => reading::get(cloud, target),
            (&Method::DELETE, []) => write::delete(cloud, request, target),
            (&Method::GET, ["associatedresources"]) => reading::associated_resources(cloud, target),
            _ => refused(request, rest),
        }
    }

    fn counted_as(method: &Method, _: &[&str]) -> Option<&'static str> {
        match *method {
            Method::GET => Some(groups::READ),
            Method::PUT | Method::PATCH => Some(groups::SETS_WRITTEN),
            Method::DELETE => Some(groups::SETS_DELETED),
            _ => None,
        }
    }
}

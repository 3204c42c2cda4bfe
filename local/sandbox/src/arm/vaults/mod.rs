//! Microsoft.KeyVault: the vaults themselves. What they hold is the data plane's business (`key_vault`).

pub(in crate::arm) mod deleted;
mod hsm;
mod keys;
mod live;
mod naming;
mod write;

use http::Method;

use crate::arm::api_version::Versions;
use crate::arm::error::ArmError;
use crate::arm::provider::{self, Provider, refused, usual_action};
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::state::resources::vault::Vault;

impl Provider for Vault {
    const VERSIONS: Versions = Versions::Since("2019-09-01");

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        match (&request.method, rest) {
            (&Method::PUT, []) => write::put(cloud, request, target),
            (&Method::PATCH, []) => write::patch(cloud, request, target),
            (&Method::GET, []) => live::get::<Self>(cloud, target),
            // Its name does not resolve any more. Role assignments and event subscriptions go for good; recovering the vault
            // does not bring them back (documented).
            (&Method::DELETE, []) => Ok(provider::delete::<Self>(cloud, target)),
            (&Method::PUT, ["accesspolicies", operation]) => {
                write::put_access_policies(cloud, request, target, operation)
            }
            (&Method::PUT, ["keys", _]) => keys::put(cloud, request, target, &keys::named(request)),
            (&Method::GET, ["keys", _]) => keys::get(cloud, target, &keys::named(request)),
            _ => refused(request, rest),
        }
    }

    fn action(method: &Method, rest: &[&str]) -> Option<String> {
        match (method, rest) {
            (&Method::PUT | &Method::PATCH, ["accesspolicies", ..]) => Some("accessPolicies/write".into()),
            (&Method::PUT, ["keys", _]) => Some("keys/write".into()),
            (&Method::GET, ["keys", _]) => Some("keys/read".into()),
            _ => usual_action(method, rest),
        }
    }
}

//! What may be done outside, as types that only a fit onboarding gives.

use azure_ids::{KeyUrl, TenantId};

use crate::{Contradiction, NotNow, Onboarding, ProvenKey, Purchase, Set, Stage, grace::Rung};

/// Everything needed to create the disk encryption set; only a proven key of the bound tenant leads to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionPlan {
    tenant: TenantId,
    key: KeyUrl,
    name: String,
}

impl ProvisionPlan {
    /// The customer's tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The key, with the version that was proven.
    #[must_use]
    pub fn key(&self) -> &KeyUrl {
        &self.key
    }

    /// The set's name: always the same for the same onboarding.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// Not now.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// Never: it contradicts the onboarding.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

impl Onboarding {
    /// What the disk encryption set is to be created with.
    ///
    /// # Errors
    /// Without a proven key of the bound tenant, or while the subscription is not in force.
    pub fn provision_plan(&self) -> Result<ProvisionPlan, NoPlan> {
        match self.stage() {
            Stage::Ended => return Err(NotNow::Ended.into()),
            Stage::Leaving => return Err(NotNow::Leaving.into()),
            Stage::Suspended => return Err(NotNow::Suspended.into()),
            Stage::AwaitingConsent
            | Stage::AwaitingKey
            | Stage::Provisioning
            | Stage::Encrypting
            | Stage::Activating
            | Stage::Active
            | Stage::Unreachable
            | Stage::Revoked => {}
        }
        if self.grace.has_taken(Rung::Suspend) {
            return Err(NotNow::ServiceSuspended.into());
        }
        let proof = self.key.as_ref().ok_or(NotNow::NoProvenKey)?;
        self.bound_to(proof)?;
        Ok(ProvisionPlan { tenant: self.tenant, key: proof.version.clone(), name: self.set_name() })
    }

    /// The name of its disk encryption set, whether or not there is one: always the same.
    #[must_use]
    pub fn set_name(&self) -> String {
        format!("latchkey-{}", self.id)
    }

    /// Whether the marketplace may be told to bill: every disk has been read back as encrypted.
    ///
    /// # Errors
    /// What is missing.
    pub fn activation_plan(&self) -> Result<&Purchase, NoPlan> {
        self.provision_plan()?;
        if matches!(self.set, Set::Ready { .. }) && self.all_disks_encrypted() {
            Ok(&self.purchase)
        } else {
            Err(Contradiction::NotEncrypted.into())
        }
    }

    /// Whether the proof is of a key of the bound tenant, in the disks' region.
    ///
    /// # Errors
    /// The contradiction.
    pub fn bound_to(&self, proof: &ProvenKey) -> Result<(), Contradiction> {
        if proof.tenant != self.tenant {
            return Err(Contradiction::KeyOfAnotherTenant);
        }
        if proof.region != self.region {
            return Err(Contradiction::KeyInAnotherRegion);
        }
        Ok(())
    }
}

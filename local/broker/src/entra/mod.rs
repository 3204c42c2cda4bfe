//! Microsoft Entra and Azure Resource Manager, as Service Bus knows them: whose tokens to believe, and who may do what.
//!
//! Both are asked over the wire, as anybody else would ask them. What they last said is what holds: the keys that
//! tokens are signed with, and the data roles that are assigned at the namespace, above it and below it. The roles are
//! asked for again every [`Entra::interval`], the keys when a token names one that is not known.

mod keys;
mod roles;
mod wire;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::core::Core;

use keys::{Holder, Keys};
use roles::Grants;
use wire::Wire;

pub(crate) use keys::TokenFault;
pub(crate) use roles::Right;
pub use wire::EntraError;

/// Whose tokens are believed, and where it is written who may do what.
#[derive(Clone)]
pub struct Entra {
    /// The tenant that the namespace belongs to. Tokens of others are refused.
    pub tenant: Uuid,
    /// The ARM id of the namespace.
    pub namespace_id: String,
    /// Who reads the role assignments: an application of the tenant that may read them, and its secret.
    pub reader: (Uuid, String),
    /// The proxy behind which Entra and Resource Manager are. None: they are reached directly.
    pub proxy: Option<String>,
    /// The certificate of the one authority that is trusted for them, in PEM.
    pub authority: Vec<u8>,
    /// How often the role assignments are read.
    pub interval: Duration,
}

/// Without the secret.
impl fmt::Debug for Entra {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entra")
            .field("tenant", &self.tenant)
            .field("namespace_id", &self.namespace_id)
            .finish_non_exhaustive()
    }
}

/// What Entra and Resource Manager last said.
pub(crate) struct Directory {
    tenant: Uuid,
    local_auth: bool,
    keys: RwLock<Keys>,
    grants: RwLock<Grants>,
    wire: Wire,
    interval: Duration,
    /// A token named a key that is not known.
    unknown_key: Notify,
}

impl fmt::Debug for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Directory").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Directory {
    /// Asks for everything once: a broker that knows nobody does not start.
    pub(crate) async fn open(entra: &Entra) -> Result<Self, EntraError> {
        let wire = Wire::new(entra)?;
        let keys = wire.keys().await?;
        let local_auth = wire.local_auth().await?;
        let grants = wire.grants().await?;
        Ok(Self {
            tenant: entra.tenant,
            local_auth,
            keys: RwLock::new(keys),
            grants: RwLock::new(grants),
            wire,
            interval: entra.interval,
            unknown_key: Notify::new(),
        })
    }

    /// Whether keys are taken besides the tokens of Entra.
    pub(crate) fn local_auth(&self) -> bool {
        self.local_auth
    }

    /// Checks a token of Entra.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<Holder, TokenFault> {
        let checked = self.keys.read().unwrap_or_else(PoisonError::into_inner).check(token, self.tenant, now);
        if checked == Err(TokenFault::UnknownKey) {
            self.unknown_key.notify_one();
        }
        checked
    }

    /// Whether a role gives somebody a right to a node.
    pub(crate) fn grants(&self, principal: Uuid, right: Right, node: &str) -> bool {
        self.grants.read().unwrap_or_else(PoisonError::into_inner).allow(principal, right, node)
    }

    /// Keeps asking until told to stop. What cannot be asked leaves in force what was said last.
    pub(crate) async fn keep_up(self: Arc<Self>, core: Arc<Core>, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = sleep(self.interval) => self.read_grants(&core).await,
                () = self.unknown_key.notified() => self.read_keys().await,
                changed = stop.changed() => {
                    if changed.is_err() || *stop.borrow() {
                        return;
                    }
                }
            }
        }
    }

    async fn read_grants(&self, core: &Core) {
        match self.wire.grants().await {
            Ok(grants) => {
                let mut held = self.grants.write().unwrap_or_else(PoisonError::into_inner);
                let changed = *held != grants;
                *held = grants;
                drop(held);
                if changed {
                    // Whoever lost a role loses the links that stood on it.
                    core.nudge();
                }
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "roles could not be read"),
        }
    }

    async fn read_keys(&self) {
        match self.wire.keys().await {
            Ok(keys) => *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys,
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "keys could not be read"),
        }
    }
}

//! The two organisations that every new sandbox is born with.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::error::Unspecified;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::options::{Automation, SeedTenant};
use crate::secrets::{digest, new_secret};
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::directory::{
    Application, ClientSecret, Directory, DirectorySecrets, ServicePrincipal, SignIns, Tenant, User,
};
use crate::state::event_grid::EventGridState;
use crate::state::key_vault::KeyVaultState;
use crate::state::marketplace::MarketplaceState;
use crate::tokens::Tokens;
use crate::tracked::Tracked;

/// Everything is made here unless a request says otherwise.
pub(crate) const REGION: &str = "westeurope";

/// Makes a new state. Ids and secrets differ from one state to the next.
///
/// # Errors
///
/// When the machine gives no randomness.
pub(crate) fn new_state(now: OffsetDateTime) -> Result<State, Unspecified> {
    let mut directory = Directory {
        vendor: Uuid::new_v4(),
        customer: Uuid::new_v4(),
        tenants: Tracked::default(),
        applications: Tracked::default(),
        service_principals: Tracked::default(),
        deleted: Tracked::default(),
        sign_ins: SignIns::default(),
        secrets: DirectorySecrets { signing_key: Tokens::generate_key()?, identity_header: new_secret()? },
    };
    let (vendor, customer) = (directory.vendor, directory.customer);
    // Fabrikam and Contoso are the names that Microsoft's own examples use.
    for (tenant_id, name) in [(vendor, "Fabrikam"), (customer, "Contoso")] {
        let domain = format!("{}.onmicrosoft.com", name.to_ascii_lowercase());
        let new = NewTenant { tenant_id, display_name: name.to_owned(), domain, region: REGION.to_owned() };
        add_tenant(&mut directory, new, now)?;
    }

    let tenants: Vec<&Tenant> = directory.tenants.values().collect();
    let arm = ArmState::seeded(&tenants);
    Ok(State {
        arm,
        directory,
        key_vault: KeyVaultState::default(),
        marketplace: MarketplaceState::default(),
        event_grid: EventGridState::default(),
    })
}

/// What the outside may know of a tenant.
pub(crate) fn seed_tenant(tenant: &Tenant) -> SeedTenant {
    SeedTenant {
        tenant_id: tenant.tenant_id,
        domain: tenant.domain.clone(),
        subscription_id: tenant.subscription_id,
        administrator: tenant.administrator.clone(),
        administrator_user: tenant.administrator_user,
        ordinary_user: tenant.ordinary_user,
        region: tenant.region.clone(),
    }
}

/// An organisation to be made.
pub(crate) struct NewTenant {
    pub(crate) tenant_id: Uuid,
    pub(crate) display_name: String,
    pub(crate) domain: String,
    pub(crate) region: String,
}

/// Adds an organisation with its two people and its administrator's application. Its roles are Resource Manager's.
pub(crate) fn add_tenant(
    directory: &mut Directory,
    new: NewTenant,
    now: OffsetDateTime,
) -> Result<(), Unspecified> {
    let NewTenant { tenant_id, display_name, domain, region } = new;
    let user = |name: &str, local_part: &str| User {
        object_id: Uuid::new_v4(),
        display_name: name.to_owned(),
        user_principal_name: format!("{local_part}@{domain}"),
    };
    let administrator_user = user("Administrator", "administrator");
    let ordinary_user = user("Ordinary user", "ordinary.user");

    let (automation, application) = automation(tenant_id, now)?;
    let principal = ServicePrincipal {
        object_id: Uuid::new_v4(),
        tenant: tenant_id,
        app_id: application.app_id,
        display_name: application.display_name().to_owned(),
        enabled: true,
        approved: true,
        created_at: now,
        usable_from: now,
        managed_identity: None,
    };

    let tenant = Tenant {
        tenant_id,
        display_name,
        domain,
        subscription_id: Uuid::new_v4(),
        more_subscriptions: BTreeMap::new(),
        region,
        administrator: automation,
        administrator_principal: principal.object_id,
        administrator_user: administrator_user.object_id,
        ordinary_user: ordinary_user.object_id,
        directory_administrators: BTreeSet::from([administrator_user.object_id, principal.object_id]),
        policies: BTreeSet::new(),
        users: [administrator_user, ordinary_user].map(|user| (user.object_id, user)).into(),
    };
    directory.tenants.insert(tenant_id, tenant);
    directory.applications.insert(application.object_id, application);
    directory.service_principals.insert(principal.object_id, principal);
    Ok(())
}

fn automation(tenant: Uuid, now: OffsetDateTime) -> Result<(Automation, Application), Unspecified> {
    let secret = new_secret()?;
    let mut application = Application::new(tenant, now);
    application.set("displayName", json!("Automation"));
    application.secrets.push(ClientSecret::of(&secret, None, now, now + Duration::days(3650)));
    Ok((Automation { client_id: application.app_id, client_secret: secret }, application))
}

impl ClientSecret {
    /// How a secret's text is remembered.
    pub(crate) fn of(
        text: &str,
        display_name: Option<String>,
        start: OffsetDateTime,
        end: OffsetDateTime,
    ) -> Self {
        let hint = text.chars().take(3).collect();
        Self { key_id: Uuid::new_v4(), display_name, hint, sha256: digest(text), start, end }
    }
}

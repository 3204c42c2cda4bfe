//! The command line of `latchkey setup`.

use azure_ids::ArmId;
use clap::Args;
use uuid::Uuid;

use super::wanted::{Named, Wanted};
use crate::{azure::SignedIn, change::Change};

/// What `setup` takes.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Show what is there, what would be made and what is wrong. Changes nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Also put right what is there and wrong. Without it, each is asked for on a terminal
    #[arg(long)]
    pub(super) mend: bool,

    #[command(flatten)]
    pub(super) who: SignedIn,

    #[command(flatten)]
    applications: Applications,

    #[command(flatten)]
    resources: Resources,

    #[command(flatten)]
    pub(super) change: Change,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Applications")]
struct Applications {
    /// The display name of the application that customers approve
    #[arg(long, value_name = "NAME", default_value = "Latchkey")]
    name: String,

    /// Its application (client) ID, once it is there; by default it is found by its name
    #[arg(long, value_name = "ID", env = "LATCHKEY_APPLICATION_ID")]
    application: Option<Uuid>,

    /// The application (client) ID of the sign-in application; by default it is found by its name
    #[arg(long, value_name = "ID")]
    sign_in_application: Option<Uuid>,

    /// Do without the sign-in application
    #[arg(long, conflicts_with = "sign_in_application")]
    no_sign_in_application: bool,

    /// Where browsers reach the function app, once that is known
    #[arg(long, value_name = "URL", env = "LATCHKEY_PUBLIC_URL", value_parser = public_url)]
    public_url: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Resources")]
struct Resources {
    /// The managed identity of the function app, once infra/ is deployed: its resource ID
    #[arg(long, value_name = "ID", env = "LATCHKEY_MANAGED_IDENTITY_ID", value_parser = identity)]
    identity: Option<ArmId>,

    /// The resource group of the disks; by default that of the identity
    #[arg(long, value_name = "NAME", env = "LATCHKEY_DISKS_RESOURCE_GROUP")]
    disks_group: Option<String>,

    /// Make the groups, the identity and its roles too; for deployments without infra/
    #[arg(long, requires_all = ["identity", "region"])]
    make_resources: bool,

    /// The region of the disks, and of what is made
    #[arg(long, value_name = "REGION", env = "LATCHKEY_DISKS_REGION")]
    region: Option<String>,
}

impl SetupArgs {
    /// What the command line asks for, in this tenant.
    pub(super) fn wanted(&self, tenant: Uuid) -> anyhow::Result<Wanted> {
        let Applications { name, application, sign_in_application, .. } = &self.applications;
        let Resources { identity, disks_group, make_resources, region } = &self.resources;
        let sign_in = Named { name: format!("{name} sign-in"), id: *sign_in_application };
        let mut wanted = Wanted {
            tenant,
            subscription: None,
            application: Named { name: name.clone(), id: *application },
            sign_in: (!self.applications.no_sign_in_application).then_some(sign_in),
            public_url: self.applications.public_url.clone(),
            identity: identity.clone(),
            disks_group: None,
            region: region.clone(),
            make_resources: *make_resources,
        };
        if let Some(identity) = identity {
            let subscription = identity.segment("subscriptions").unwrap_or_default();
            wanted.subscription = subscription.parse().ok();
            wanted.disks_group = match disks_group {
                None => wanted.identity_group(),
                Some(name) => Some(format!("/subscriptions/{subscription}/resourceGroups/{name}").parse()?),
            };
        }
        Ok(wanted)
    }
}

fn identity(text: &str) -> Result<ArmId, String> {
    let id: ArmId = text.parse().map_err(|error| format!("{error}"))?;
    if id.segment("userAssignedIdentities").is_some() && id.segment("resourceGroups").is_some() {
        return Ok(id);
    }
    Err("expected /subscriptions/…/resourceGroups/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/…".into())
}

/// Microsoft Entra takes https, and http on this machine alone.
fn public_url(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.path() == "/";
    if is_plain && (url.scheme() == "https" || (url.scheme() == "http" && is_here)) {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err("expected https:// and a host name, such as https://contoso.azurewebsites.net".to_owned())
}

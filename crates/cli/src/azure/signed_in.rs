//! Who signs in, and how.

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use reqwest::Client;
use uuid::Uuid;

use super::{
    Azure, Tokens,
    az::{self, Az},
    device_code::DeviceCode,
};
use crate::output::harmless;

/// No call takes longer than this.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How the command signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Login {
    /// As whoever is signed in to Azure CLI
    Az,
    /// With a browser on any machine, and a code that is shown
    DeviceCode,
}

/// Who signs in, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Signing in")]
pub struct SignedIn {
    /// How to sign in
    #[arg(long, value_enum, default_value = "az")]
    login: Login,

    /// The vendor's tenant; by default the one that Azure CLI works in
    #[arg(long, value_name = "ID", env = "AZURE_TENANT_ID")]
    tenant: Option<Uuid>,
}

/// Somebody who is signed in, or will be when the first token is needed.
pub(crate) struct Session {
    pub(crate) tenant: Uuid,
    http: Client,
    tokens: Box<dyn Tokens>,
}

impl SignedIn {
    /// # Errors
    /// Nobody is signed in, or nobody said where to.
    pub(crate) async fn sign_in(&self) -> anyhow::Result<Session> {
        // As everywhere, the environment says which proxy and which certificates: HTTPS_PROXY, SSL_CERT_FILE.
        let http = Client::builder().timeout(TIME_LIMIT).redirect(reqwest::redirect::Policy::none());
        let http = http.build().context("HTTPS is not available")?;
        let tenant = match (self.tenant, self.login) {
            (Some(tenant), _) => tenant,
            (None, Login::Az) => az::account().await?.0,
            (None, Login::DeviceCode) => anyhow::bail!("which tenant? --login device-code needs --tenant"),
        };
        let tokens: Box<dyn Tokens> = match self.login {
            Login::Az => Box::new(Az::of(tenant)),
            Login::DeviceCode => Box::new(DeviceCode::new(http.clone(), tenant)),
        };
        Ok(Session { tenant, http, tokens })
    }
}

impl Session {
    pub(crate) fn azure(&self) -> Azure<'_> {
        Azure::new(self.http.clone(), &*self.tokens, &|what| eprintln!("latchkey: {}", harmless(what)))
    }
}

//! The running sandbox, as whoever started it holds it.

mod faults;
mod marketplace;
mod passing_time;
mod resources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use time::OffsetDateTime;

use crate::clock::{Clock, machine_now};
use crate::cloud::{Cloud, SharedCloud};
use crate::edge::{self, Edge, IssuedCertificate, Listeners, LocalNames};
use crate::options::{Options, Seed, SeedUser};
use crate::state::State;
use crate::state_file::{StateFile, StateFileError};
use crate::tokens::Tokens;
use crate::{event_grid, key_vault, managed_identity, seed};

/// A running sandbox. It stops when it is dropped; [`Sandbox::stop`] also waits until it has.
pub struct Sandbox {
    pub(crate) cloud: SharedCloud,
    edge: Edge,
    ca_file: PathBuf,
    authority: edge::Authority,
    identity_header: String,
}

/// Why a sandbox could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The saved state could not be read, or the first one not written.
    #[error(transparent)]
    State(#[from] StateFileError),
    /// The saved state holds a signing key that is none.
    #[error("the saved state holds no usable signing key; move it away to begin anew")]
    SigningKey,
    /// The machine gave no randomness to make keys of.
    #[error("could not make keys: the machine gives no randomness")]
    Randomness,
    /// There is no certificate to serve with.
    #[error(transparent)]
    Certificate(#[from] edge::CertificateError),
    /// No port could be opened on 127.0.0.1.
    #[error("could not listen on 127.0.0.1")]
    Listen(#[source] std::io::Error),
}

impl From<aws_lc_rs::error::Unspecified> for StartError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Randomness
    }
}

impl Sandbox {
    /// Starts a sandbox on free ports of 127.0.0.1, with the saved state if there is one.
    ///
    /// # Errors
    ///
    /// When the state cannot be read or saved, the run folder not written, or no port opened. A state file that
    /// holds something else is left as it is.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::start_on(options, Listeners::anywhere().map_err(StartError::Listen)?).await
    }

    /// As [`start`](Self::start), on these listeners.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start), and when one of them can be reached by another machine.
    pub async fn start_on(options: Options, listeners: Listeners) -> Result<Self, StartError> {
        let clock = Clock::shared(options.ahead_milliseconds);
        let file = options.state.as_deref().map(StateFile::inside).transpose()?;
        let saved = file.as_ref().map(StateFile::load).transpose()?.flatten();
        let state = match saved {
            Some(state) => state,
            None => new_state(clock.now()).await?,
        };
        let tokens = Tokens::with_key(&state.directory.secrets.signing_key).ok_or(StartError::SigningKey)?;
        let identity_header = state.directory.secrets.identity_header.clone();

        let edge::Made { ca_file, tls, authority } =
            edge::make_certificates(&options.run_folder, machine_now())?;
        let cloud = Cloud::new(clock, options.lags, tokens, state, file)?;
        let edge = edge::open(&cloud, tls, options.har, listeners).await.map_err(StartError::Listen)?;
        event_grid::watch(&cloud);
        key_vault::watch(&cloud);
        Ok(Self { cloud, edge, ca_file, authority, identity_header })
    }

    /// The sandbox's own address: its page for people, and the control API under `/control`.
    pub fn own_url(&self) -> String {
        format!("http://{}", self.edge.local)
    }

    /// Where the CONNECT proxy is: the value for a client's `HTTPS_PROXY`, such as `http://127.0.0.1:40123`.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.edge.proxy)
    }

    /// The certificate to trust, in PEM: the value for `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` and
    /// `NODE_EXTRA_CA_CERTS`. Another one is made at every start, and it holds for seven days.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// A certificate for 127.0.0.1, for a service that runs beside the sandbox and that clients are to trust by the
    /// same [`ca_file`](Self::ca_file). Another one at every call.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn issue_certificate(&self) -> Result<IssuedCertificate, edge::CertificateError> {
        self.authority.issue(machine_now())
    }

    /// The managed identity endpoint of "the function app": the value for `IDENTITY_ENDPOINT`. It is plain HTTP
    /// and must bypass the proxy, so `NO_PROXY` has to name 127.0.0.1.
    pub fn identity_endpoint(&self) -> String {
        format!("http://{}{}", self.edge.local, managed_identity::PATH)
    }

    /// What a caller of the identity endpoint must know: the value for `IDENTITY_HEADER`. A secret.
    pub fn identity_header(&self) -> &str {
        &self.identity_header
    }

    /// Entra's pages once more over plain HTTP, for a browser that does not use the proxy: put this in the place
    /// of `https://login.microsoftonline.com`.
    pub fn login_pages_url(&self) -> String {
        format!("http://{}/login.microsoftonline.com", self.edge.local)
    }

    /// Where the services are without the proxy, under names of this machine.
    pub fn local_names(&self) -> LocalNames {
        self.edge.local_names
    }

    /// The two organisations that this sandbox was born with, secrets included.
    pub fn seed(&self) -> Seed {
        self.cloud.read(|state| {
            let directory = &state.directory;
            Seed {
                vendor: seed::seed_tenant(&directory.tenants[&directory.vendor]),
                customer: seed::seed_tenant(&directory.tenants[&directory.customer]),
            }
        })
    }

    /// Everybody of a tenant, administrators first. Nobody for an unknown tenant.
    pub fn users(&self, tenant_id: uuid::Uuid) -> Vec<SeedUser> {
        self.cloud.read(|state| {
            let tenant = state.directory.tenants.get(&tenant_id);
            let mut users: Vec<SeedUser> = tenant
                .into_iter()
                .flat_map(|tenant| tenant.users.values().map(move |user| (tenant, user)))
                .map(|(tenant, user)| SeedUser {
                    object_id: user.object_id,
                    user_principal_name: user.user_principal_name.clone(),
                    administrator: tenant.directory_administrators.contains(&user.object_id),
                })
                .collect();
            users.sort_by_key(|user| (!user.administrator, user.user_principal_name.clone()));
            users
        })
    }

    /// Lets "the function app" use a user-assigned identity: from now on the identity endpoint serves it.
    /// False when there is no identity with this ARM id.
    pub fn attach_identity(&self, resource_id: &str) -> bool {
        self.cloud.change(|state| state.directory.attach_identity(resource_id))
    }

    /// How many requests each host has answered since the start. The managed identity endpoint counts as
    /// `127.0.0.1`.
    pub fn azure_calls(&self) -> BTreeMap<String, u64> {
        self.edge.recorder.calls()
    }

    /// Every exchange since the start as one HAR 1.2 document, without its secrets. It has no entries unless
    /// [`Options::har`] asked for them.
    pub fn har(&self) -> Value {
        self.edge.recorder.har()
    }

    /// Closes every connection and waits until nothing of the sandbox runs any more.
    pub async fn stop(self) {
        self.cloud.stop().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.cloud.stopping().cancel();
    }
}

/// Making an RSA key takes a while, so it does not happen on a thread that serves connections.
async fn new_state(now: OffsetDateTime) -> Result<State, StartError> {
    let made = tokio::task::spawn_blocking(move || seed::new_state(now)).await;
    Ok(made.map_err(|_| StartError::Randomness)??)
}

//! A simulated Azure on one machine: strict, and over the real wires.
//!
//! Clients keep Azure's real host names. They reach the sandbox because their `HTTPS_PROXY` leads to its CONNECT
//! proxy and because they trust, for this run alone, the certificate in its [`ca_file`](Sandbox::ca_file). The
//! proxy lets nothing else through. Everything listens on 127.0.0.1.
//!
//! The sandbox shares no code with the programs it is meant to try: a mistake must not be able to hide on both
//! sides of a wire. What is neither documented by Microsoft nor seen in recorded traffic is marked in the source
//! as `Our guess`.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = sandbox::Sandbox::start(sandbox::Options {
//!     state: None,
//!     run_folder: "run".into(),
//!     lags: sandbox::Lags::default(),
//!     har: false,
//!     ahead_milliseconds: None,
//! })
//! .await?;
//! println!("export HTTPS_PROXY={}", sandbox.proxy_url());
//! println!("export SSL_CERT_FILE={}", sandbox.ca_file().display());
//! sandbox.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `names`, `state` | plain data: ARM ids, regions, host names; everything that is saved |
//! | `resources` | the types of resource, and the one list of them |
//! | `entra`, `tokens` | Microsoft Entra ID: tokens, sign-in, admin consent |
//! | `graph` | Microsoft Graph: applications and service principals |
//! | `managed_identity` | the identity endpoint inside a function app |
//! | `arm` | Azure Resource Manager and its resource providers |
//! | `key_vault` | the data plane of Key Vault |
//! | `marketplace` | the commercial marketplace's fulfillment API |
//! | `event_grid` | Event Grid: events about keys, sent to a webhook |
//! | `faults` | calls that fail on purpose, by script |
//! | `traffic` | the record of requests and responses |
//! | `control`, `page` | what real Azure does not have: the control API and the page at the sandbox's own address |
//! | `edge` | the wires: proxy, TLS, host names |
//! | `evidence` | where each behaviour comes from |
//!
//! Each module imports only modules below it, which a test holds.

mod arm;
mod authorization;
mod clock;
mod cloud;
mod control;
mod counters;
mod edge;
mod entra;
mod event_grid;
pub mod evidence;
mod faults;
mod graph;
mod key_vault;
mod managed_identity;
mod marketplace;
mod moments;
mod names;
mod options;
mod outgoing;
mod page;
mod resources;
mod roles;
mod sandbox;
mod secrets;
mod seed;
mod state;
mod state_file;
mod tokens;
mod tracked;
mod traffic;

pub use edge::{CertificateError, IssuedCertificate, Listeners, LocalNames};
pub use faults::{FaultCount, FaultScript, FaultScriptError, FaultSummary};
pub use marketplace::{MarketplaceFault, Purchase, PurchaseOutcome, WebhookDelivery};
pub use options::{Automation, Lags, Options, Seed, SeedTenant, SeedUser};
pub use sandbox::{Sandbox, StartError};
pub use state::limits::{Bucket, Limits, Windows};
pub use state::marketplace::listing::Listing;
pub use state::marketplace::operation::MarketplaceAction;
pub use state::resources::disk::DiskState;
pub use state_file::StateFileError;

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
//! })
//! .await?;
//! println!("export HTTPS_PROXY={}", sandbox.proxy_url());
//! println!("export SSL_CERT_FILE={}", sandbox.ca_file().display());
//! sandbox.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! | module | stands for |
//! |---|---|
//! | `edge` | the wires: proxy, TLS, host names, the record of the traffic |
//! | `entra`, `directory`, `tokens` | Microsoft Entra ID: tokens, admin consent |
//! | `graph` | Microsoft Graph: applications and service principals |
//! | `managed_identity` | the identity endpoint inside a function app |
//! | `arm` | Azure Resource Manager and its resource providers |
//! | `key_vault` | the data plane of Key Vault |
//! | `marketplace` | the commercial marketplace's fulfilment API |
//! | `event_grid` | Event Grid: what happens to keys, told to a webhook |
//! | `faults` | what goes wrong on purpose, by script |
//! | `control`, `page` | what real Azure does not have: the control API and the page at the sandbox's own address |
//! | `evidence` | where each behaviour comes from |

mod arm;
mod clock;
mod control;
mod deleted;
mod directory;
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
mod options;
mod outgoing;
mod page;
mod sandbox;
mod seed;
mod state;
mod state_file;
mod tokens;
mod tracked;
mod world;

pub use arm::{Bucket, DiskState, Limits, Windows};
pub use edge::{CertificateError, Listeners, LocalNames};
pub use faults::{FaultCount, FaultScript, FaultScriptError, FaultSummary};
pub use marketplace::{
    Listing, MarketplaceAction, MarketplaceFault, Purchase, PurchaseOutcome, WebhookDelivery,
};
pub use options::{Automation, Lags, Options, Seed, SeedTenant, SeedUser};
pub use sandbox::{Sandbox, StartError};
pub use state_file::StateFileError;

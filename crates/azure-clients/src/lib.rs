//! What Latchkey calls in Azure: Entra, Key Vault, Compute and the marketplace.
//!
//! Each client turns replies into values and errors that say what happened, where the reply is read; nobody further
//! up looks at status codes or searches texts. Nothing here knows what an onboarding is.
//!
//! Four promises hold for every client:
//!
//! - **It ends.** A public call answers within [`TransportOptions::time_limit`] and makes no retries of its own: the
//!   message that led to the call outlives this process and is the better place to wait.
//! - **It goes where it should.** Host names are Azure's and written here; a proxy or a private certificate authority
//!   comes from the [`Transport`]. Redirects are never followed.
//! - **It keeps secrets.** No `Debug` or `Display` output holds a token, an assertion or an e-mail address.
//! - **A token for a vault reaches only a vault of the right tenant.** The operations on keys live on
//!   [`key_vault::VerifiedVault`], which exists only once the vault's own challenge named that tenant, and on
//!   [`key_vault::SigningKey`], which asks for the challenge each time.

mod call_error;
mod clock;
pub mod compute;
pub mod entra;
mod entra_refusal;
pub mod key_vault;
pub mod marketplace;
mod transport;
pub mod webhook_tokens;

pub use azure_core::credentials::TokenCredential;
pub use call_error::{CallError, SystemRefusal};
pub use clock::{Clock, SystemClock};
pub use compute::{ArmError, ArmRefusal, Compute};
pub use entra::{EntraError, EntraRefusal, IdentitySettings, WorkloadIdentity};
pub use key_vault::{KeyVault, KeyVaultError, KeyVaultRefusal, VerifiedVault};
pub use marketplace::{Marketplace, MarketplaceError, MarketplaceRefusal};
pub use transport::{Outage, ProxyChoice, Transport, TransportError, TransportOptions};
pub use webhook_tokens::{WebhookTokenError, WebhookTokens};

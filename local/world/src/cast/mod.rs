//! The people of the story, each acting over the real wires and with nothing but their own credentials.
//!
//! The vendor's engineer sets up once and looks at the disks; the customer's administrator signs up, consents, makes a
//! key and shares it. They use plain HTTP as `az` and a browser would, and none of the function app's own clients.

mod az;
mod azure;
mod browser;
mod customer;
mod forms;
mod fulfilment;
mod machine;
mod messaging;
mod names;
mod network;
mod onboarding_page;
mod roles;
mod set_up;
mod vendor;

pub use az::az;
pub use azure::{Azure, AzureError, AzureResponse, SignIn};
pub use browser::{Browser, Page};
pub use customer::{Customer, CustomerKey};
pub use fulfilment::Fulfilment;
pub use machine::Machine;
pub use network::Network;
pub use onboarding_page::{Blocker, Disk, OnboardingPage, OnboardingView};
pub use vendor::{DiskReading, Estate, Vendor};

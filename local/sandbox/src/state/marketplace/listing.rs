//! What a publisher has entered for its offers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a publisher enters in Partner Center for its offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The publisher's tenant: tokens of no other tenant are accepted.
    pub publisher_tenant: Uuid,
    /// The application that may call the API, and that webhook tokens are made out to.
    pub publisher_application: Uuid,
    /// The publisher's id, such as `fabrikam`.
    pub publisher: String,
    /// Where a buyer is sent. The token is appended as the query parameter `token`.
    pub landing_page_url: String,
    /// Where changes are announced. Plain HTTP, on this machine.
    pub webhook_url: String,
    /// Every plan that the offer has.
    pub plans: Vec<String>,
}

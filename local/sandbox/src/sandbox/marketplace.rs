//! The marketplace, as whoever holds the sandbox uses it.

use uuid::Uuid;

use crate::marketplace::{
    MarketplaceFault, Purchase, PurchaseOutcome, TokenForm, WebhookDelivery, begin, buy, deliver, landing,
};
use crate::state::marketplace::listing::Listing;
use crate::state::marketplace::operation::{MarketplaceAction, Source};

use super::Sandbox;

impl Sandbox {
    /// Lists the publisher's offer, or changes the listing. Before that, every call of the API is refused.
    pub fn configure_marketplace(&self, listing: Listing) {
        self.cloud.change(|state| state.marketplace.listing = Some(listing));
    }

    /// Lets a customer buy: the subscription waits for its activation, and the landing page token is valid for
    /// 24 hours.
    pub fn purchase(&self, purchase: Purchase) -> PurchaseOutcome {
        buy(&self.cloud, purchase)
    }

    /// The customer comes back by "Manage account": a fresh token for an old subscription. None for an unknown one.
    pub fn reopen_landing_page(&self, subscription_id: Uuid) -> Option<PurchaseOutcome> {
        let now = self.cloud.clock.now();
        self.cloud.change(|state| {
            state.marketplace.subscriptions.get(&subscription_id)?;
            Some(landing(&mut state.marketplace, subscription_id, now))
        })
    }

    /// The status that the API would show, without its blanks. None for an unknown subscription.
    pub fn subscription_status(&self, subscription_id: Uuid) -> Option<String> {
        let now = self.cloud.clock.now();
        self.cloud.read(|state| {
            let subscription = state.marketplace.subscriptions.get(&subscription_id)?;
            Some(subscription.visible_status(now).name().to_owned())
        })
    }
}

impl Sandbox {
    /// Lets something happen to a subscription, without telling the publisher yet. Gives the operation.
    ///
    /// # Errors
    ///
    /// When the subscription is unknown or the action does not fit its state.
    pub fn begin_action(
        &self,
        subscription_id: Uuid,
        action: MarketplaceAction,
    ) -> Result<Uuid, MarketplaceFault> {
        begin(&self.cloud, subscription_id, action, Source::Azure)
    }

    /// Sends the webhook of an operation, and gives the HTTP status of the answer. Sending it again repeats the
    /// body to the letter under a fresh token, as the marketplace does when it is not sure.
    ///
    /// # Errors
    ///
    /// When the operation is unknown, nothing is listed, or nobody answers.
    pub async fn deliver_webhook(&self, operation_id: Uuid) -> Result<u16, MarketplaceFault> {
        deliver(&self.cloud, operation_id, TokenForm::V1).await
    }

    /// [`begin_action`](Self::begin_action), then [`deliver_webhook`](Self::deliver_webhook).
    ///
    /// # Errors
    ///
    /// Those of both. The action has happened even when the webhook could not be delivered.
    pub async fn send_webhook(
        &self,
        subscription_id: Uuid,
        action: MarketplaceAction,
    ) -> Result<WebhookDelivery, MarketplaceFault> {
        let operation_id = self.begin_action(subscription_id, action)?;
        let status = self.deliver_webhook(operation_id).await?;
        Ok(WebhookDelivery { operation_id, status })
    }
}

//! What happens to a subscription after its purchase, and the operation that the publisher may look at or answer.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::state::marketplace::subscription::{Status, Subscription, text};

/// How long a publisher has to refuse a change before it counts as accepted (Microsoft Learn, webhook page).
const TIME_TO_ANSWER: Duration = Duration::seconds(10);

/// Something that the customer, or the marketplace for the customer, does to a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarketplaceAction {
    /// A plan that is activated automatically was bought: billing has begun, and nobody has to open the landing page.
    Subscribe,
    /// Another plan. The publisher may refuse.
    ChangePlan {
        /// The plan that is wanted.
        plan: String,
    },
    /// Another number of seats. The publisher may refuse.
    ChangeQuantity {
        /// The number that is wanted.
        quantity: u32,
    },
    /// The next term has begun.
    Renew,
    /// A payment was missed.
    Suspend,
    /// The payment arrived after all. The subscription is back once the publisher agrees.
    Reinstate,
    /// The customer left, or the time after a suspension ran out. This is final.
    Unsubscribe,
}

/// One action under way or done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) id: Uuid,
    pub(crate) subscription: Uuid,
    pub(crate) action: MarketplaceAction,
    pub(crate) status: OperationStatus,
    #[serde(default)]
    pub(crate) source: Source,
    /// The webhook's body, made once: a second delivery repeats it to the letter.
    pub(crate) webhook: Value,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) begun: OffsetDateTime,
}

/// Who began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Source {
    /// The customer, in Azure's own pages.
    #[default]
    Azure,
    /// The publisher, by the API: its webhook brings its own change back to it.
    Partner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OperationStatus {
    InProgress,
    Succeeded,
    Failed,
}

impl MarketplaceAction {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Subscribe => "Subscribe",
            Self::ChangePlan { .. } => "ChangePlan",
            Self::ChangeQuantity { .. } => "ChangeQuantity",
            Self::Renew => "Renew",
            Self::Suspend => "Suspend",
            Self::Reinstate => "Reinstate",
            Self::Unsubscribe => "Unsubscribe",
        }
    }

    /// In which state of a subscription this can happen.
    pub(crate) fn fits(&self, status: Status) -> bool {
        match self {
            Self::ChangePlan { .. } | Self::ChangeQuantity { .. } | Self::Renew | Self::Suspend => {
                status == Status::Subscribed
            }
            Self::Subscribe => status == Status::PendingFulfillmentStart,
            Self::Reinstate => status == Status::Suspended,
            Self::Unsubscribe => status != Status::Unsubscribed,
        }
    }

    /// Whether the publisher is asked, rather than told.
    pub(crate) fn awaits_an_answer(&self) -> bool {
        matches!(self, Self::ChangePlan { .. } | Self::ChangeQuantity { .. } | Self::Reinstate)
    }
}

impl OperationStatus {
    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

impl Operation {
    /// Begins an action that fits the subscription. What the publisher is merely told has happened already.
    pub(crate) fn begin(
        subscription: &mut Subscription,
        action: MarketplaceAction,
        source: Source,
        now: OffsetDateTime,
    ) -> Self {
        let mut operation = Self {
            id: Uuid::new_v4(),
            subscription: subscription.id,
            action,
            status: OperationStatus::InProgress,
            source,
            webhook: Value::Null,
            begun: now,
        };
        if !operation.action.awaits_an_answer() {
            operation.succeed(subscription, now);
        }
        operation.webhook = operation.webhook_body(subscription, now);
        operation
    }

    /// Whether the time to answer is over. The time does not run out on a reinstatement. Our guess: nobody has
    /// documented whether it would.
    pub(crate) fn is_overdue(&self, now: OffsetDateTime) -> bool {
        self.status == OperationStatus::InProgress
            && self.action != MarketplaceAction::Reinstate
            && now >= self.begun + TIME_TO_ANSWER
    }

    /// Carries the action out where the subscription is still in a state for it; otherwise the operation has failed. Only an
    /// active subscription can be changed, and one that has ended never comes back (documented).
    pub(crate) fn conclude(&mut self, subscription: &mut Subscription, now: OffsetDateTime) -> bool {
        let fits = self.action.fits(subscription.status);
        if fits {
            self.succeed(subscription, now);
        } else {
            self.status = OperationStatus::Failed;
        }
        fits
    }

    /// Whether the list of open operations shows it: only those that the publisher can answer.
    pub(crate) fn is_open(&self) -> bool {
        self.status == OperationStatus::InProgress
    }

    /// Takes an answer of 4xx to the webhook for a refusal, where one is possible. What the publisher is told, or a
    /// reinstatement, is not undone by it.
    pub(crate) fn refuse_by_answer(&mut self) {
        let refusable = matches!(
            self.action,
            MarketplaceAction::ChangePlan { .. } | MarketplaceAction::ChangeQuantity { .. }
        );
        if refusable && self.status == OperationStatus::InProgress {
            self.status = OperationStatus::Failed;
        }
    }

    /// Carries the action out.
    fn succeed(&mut self, subscription: &mut Subscription, now: OffsetDateTime) {
        match &self.action {
            MarketplaceAction::Subscribe => {
                subscription.status = Status::Subscribed;
                subscription.term_start = Some(now);
            }
            MarketplaceAction::ChangePlan { plan } => subscription.plan.clone_from(plan),
            MarketplaceAction::ChangeQuantity { quantity } => subscription.quantity = Some(*quantity),
            MarketplaceAction::Renew => subscription.term_start = Some(now),
            MarketplaceAction::Suspend => subscription.status = Status::Suspended,
            MarketplaceAction::Reinstate => subscription.status = Status::Subscribed,
            MarketplaceAction::Unsubscribe => subscription.status = Status::Unsubscribed,
        }
        subscription.modified = Some(now);
        self.status = OperationStatus::Succeeded;
    }

    /// The plan and quantity that the subscription has once the action is carried out.
    fn target(&self, subscription: &Subscription) -> (String, Option<u32>) {
        match &self.action {
            MarketplaceAction::ChangePlan { plan } => (plan.clone(), subscription.quantity),
            MarketplaceAction::ChangeQuantity { quantity } => (subscription.plan.clone(), Some(*quantity)),
            _ => (subscription.plan.clone(), subscription.quantity),
        }
    }

    /// What `GET` of one operation answers. The timestamp has no zone.
    pub(crate) fn shown(&self, subscription: &Subscription) -> Value {
        let mut shown = self.listed(subscription);
        shown["errorStatusCode"] = json!("");
        shown["errorMessage"] = json!("");
        shown
    }

    /// One line of the list of open operations.
    pub(crate) fn listed(&self, subscription: &Subscription) -> Value {
        let (plan, quantity) = self.target(subscription);
        json!({
            "id": self.id,
            "activityId": self.id,
            "subscriptionId": self.subscription,
            "offerId": subscription.offer,
            "publisherId": subscription.publisher,
            "planId": plan,
            "quantity": quantity,
            "action": self.action.name(),
            "timeStamp": text(self.begun).trim_end_matches('Z'),
            "status": self.status.name(),
        })
    }

    /// Gives the webhook an id of the form that some publishers have got, for changes that a customer began:
    /// `org:GUID,GUID`. It leads to no operation.
    pub(crate) fn name_by_organisation(&mut self) {
        self.webhook["id"] = json!(format!("org:{},{}", Uuid::new_v4(), Uuid::new_v4()));
        self.webhook["activityId"] = json!(Uuid::new_v4());
    }

    /// The envelope has the plan and quantity that are wanted, the subscription inside those that it has.
    fn webhook_body(&self, subscription: &Subscription, now: OffsetDateTime) -> Value {
        let (plan, quantity) = self.target(subscription);
        json!({
            "id": self.id,
            "activityId": self.id,
            "publisherId": subscription.publisher,
            "offerId": subscription.offer,
            "planId": plan,
            "quantity": quantity,
            "subscriptionId": self.subscription,
            "timeStamp": text(self.begun),
            "action": self.action.name(),
            "status": self.status.name(),
            "operationRequestSource": format!("{:?}", self.source),
            "subscription": subscription.shown(now),
            "purchaseToken": null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::marketplace::subscription::tests::a_subscription;

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(second).unwrap()
    }

    fn subscribed() -> Subscription {
        Subscription { status: Status::Subscribed, ..a_subscription() }
    }

    #[test]
    fn a_webhook_shows_the_wanted_plan_outside_and_the_present_one_inside() {
        let mut subscription = subscribed();
        let operation = Operation::begin(
            &mut subscription,
            MarketplaceAction::ChangePlan { plan: "gold".into() },
            Source::Azure,
            at(0),
        );
        assert_eq!(operation.webhook["planId"], "gold");
        assert_eq!(operation.webhook["subscription"]["planId"], "silver");
        assert_eq!(operation.webhook["status"], "InProgress");
        assert_eq!(subscription.plan, "silver");
    }

    #[test]
    fn a_change_that_nobody_answers_is_accepted_after_ten_seconds_and_a_reinstatement_never() {
        let mut subscription = subscribed();
        let change = Operation::begin(
            &mut subscription,
            MarketplaceAction::ChangeQuantity { quantity: 9 },
            Source::Azure,
            at(0),
        );
        assert!(!change.is_overdue(at(9)) && change.is_overdue(at(10)));
        subscription.status = Status::Suspended;
        let reinstate =
            Operation::begin(&mut subscription, MarketplaceAction::Reinstate, Source::Azure, at(0));
        assert!(!reinstate.is_overdue(at(1_000)));
        assert_eq!(subscription.status, Status::Suspended);
    }

    #[test]
    fn what_the_publisher_is_told_has_already_happened() {
        for (status, action, expected) in [
            (Status::PendingFulfillmentStart, MarketplaceAction::Subscribe, Status::Subscribed),
            (Status::Subscribed, MarketplaceAction::Suspend, Status::Suspended),
            (Status::Subscribed, MarketplaceAction::Unsubscribe, Status::Unsubscribed),
            (Status::Subscribed, MarketplaceAction::Renew, Status::Subscribed),
        ] {
            let mut subscription = Subscription { status, ..a_subscription() };
            let operation = Operation::begin(&mut subscription, action, Source::Azure, at(0));
            assert_eq!(subscription.status, expected);
            assert_eq!(operation.webhook["status"], "Succeeded");
            assert_eq!(operation.webhook["subscription"]["saasSubscriptionStatus"], expected.name());
        }
    }

    #[test]
    fn actions_fit_some_states_only() {
        use Status::{PendingFulfillmentStart, Subscribed, Suspended, Unsubscribed};
        let all = [PendingFulfillmentStart, Subscribed, Suspended, Unsubscribed];
        let fits = |action: MarketplaceAction| {
            all.into_iter().filter(|status| action.fits(*status)).collect::<Vec<_>>()
        };
        assert_eq!(fits(MarketplaceAction::Subscribe), [PendingFulfillmentStart]);
        assert_eq!(fits(MarketplaceAction::Renew), [Subscribed]);
        assert_eq!(fits(MarketplaceAction::Reinstate), [Suspended]);
        assert_eq!(fits(MarketplaceAction::Unsubscribe), [PendingFulfillmentStart, Subscribed, Suspended]);
    }
}

//! What the marketplace announced, held against how the subscription reads.

use azure_clients::marketplace::OperationAction;
use onboarding::{Fact, SubscriptionStatus};
use time::OffsetDateTime;

/// What happened, as the operation says, or else the webhook.
#[derive(Debug)]
pub(super) struct Announcement {
    /// Nothing that the subscription would have to agree with, when there is none.
    action: Option<OperationAction>,
    at: Option<OffsetDateTime>,
}

/// What follows from it.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// The subscription is believed.
    Fact(Fact),
    /// The subscription does not show it yet.
    AskAgain,
}

impl Announcement {
    /// By the marketplace's own operation, which succeeded.
    pub(super) fn by_operation(action: OperationAction, at: Option<OffsetDateTime>) -> Self {
        Self { action: Some(action), at }
    }

    /// By the webhook alone. Nobody can ask whether it is overtaken, so only for as long as it is fresh.
    pub(super) fn by_webhook(action: String, is_fresh: bool) -> Self {
        Self { action: is_fresh.then(|| OperationAction::from(action)), at: None }
    }

    /// By an operation that did not succeed.
    pub(super) fn nothing() -> Self {
        Self { action: None, at: None }
    }

    /// How the subscription reads, beside what was announced. `changed_at` is when the newest operation began that it agreed
    /// with before: one from before that is overtaken.
    pub(super) fn against(&self, status: SubscriptionStatus, changed_at: Option<OffsetDateTime>) -> Verdict {
        let read = Fact::Subscription { status };
        match (self.agrees(status), self.at) {
            (None, _) => Verdict::Fact(read),
            (Some(true), Some(at)) => Verdict::Fact(Fact::SubscriptionChanged { status, at }),
            (Some(true), None) => Verdict::Fact(read),
            (Some(false), Some(at)) if changed_at.is_some_and(|changed| at <= changed) => Verdict::Fact(read),
            (Some(false), _) => Verdict::AskAgain,
        }
    }

    /// Whether the subscription is as it must be after this; `None` where any status fits. An end is final: whatever was
    /// announced before it is over.
    fn agrees(&self, status: SubscriptionStatus) -> Option<bool> {
        use SubscriptionStatus::{Subscribed, Suspended, Unsubscribed};
        Some(match self.action.as_ref()? {
            OperationAction::Unsubscribe => status == Unsubscribed,
            OperationAction::Suspend => matches!(status, Suspended | Unsubscribed),
            OperationAction::Reinstate => matches!(status, Subscribed | Unsubscribed),
            OperationAction::ChangePlan
            | OperationAction::ChangeQuantity
            | OperationAction::Renew
            | OperationAction::Other(_) => return None,
        })
    }

    /// For the log, and for whoever has to look in the end.
    pub(super) fn disagreement(&self, status: SubscriptionStatus) -> String {
        let action = self.action.as_ref().map_or_else(String::new, |action| format!("{action:?}"));
        format!("the marketplace announced {action}, but the subscription still reads {status:?}")
    }
}

#[cfg(test)]
mod tests {
    use onboarding::SubscriptionStatus::{PendingFulfillmentStart, Subscribed, Suspended, Unsubscribed};
    use time::macros::datetime;

    use super::*;

    const AT: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);

    fn announced(action: &str) -> Announcement {
        Announcement::by_operation(OperationAction::from(action.to_owned()), Some(AT))
    }

    #[test]
    fn a_subscription_that_lags_behind_its_operation_is_asked_for_again() {
        let check = |action: &str, status, agrees: bool| {
            let changed = Verdict::Fact(Fact::SubscriptionChanged { status, at: AT });
            let expected = if agrees { changed } else { Verdict::AskAgain };
            assert_eq!(announced(action).against(status, None), expected, "{action} {status:?}");
            let earlier = Some(AT - time::Duration::SECOND);
            assert_eq!(announced(action).against(status, earlier), expected, "{action} {status:?}");
        };
        check("Suspend", Subscribed, false);
        check("Suspend", PendingFulfillmentStart, false);
        check("Suspend", Suspended, true);
        check("Suspend", Unsubscribed, true);
        check("Reinstate", Suspended, false);
        check("Reinstate", Subscribed, true);
        check("Reinstate", Unsubscribed, true);
        check("Unsubscribe", Subscribed, false);
        check("Unsubscribe", Suspended, false);
        check("Unsubscribe", PendingFulfillmentStart, false);
        check("Unsubscribe", Unsubscribed, true);
    }

    #[test]
    fn an_operation_that_is_overtaken_changes_nothing() {
        for changed_at in [AT, AT + time::Duration::SECOND] {
            let verdict = announced("Suspend").against(Subscribed, Some(changed_at));
            assert_eq!(verdict, Verdict::Fact(Fact::Subscription { status: Subscribed }));
        }
    }

    #[test]
    fn what_says_nothing_of_the_status_leaves_it_to_the_subscription() {
        for announced in
            [announced("ChangePlan"), announced("Renew"), announced("Transfer"), Announcement::nothing()]
        {
            let verdict = announced.against(Suspended, None);
            assert_eq!(verdict, Verdict::Fact(Fact::Subscription { status: Suspended }), "{announced:?}");
        }
    }

    #[test]
    fn the_webhooks_own_word_counts_while_it_is_fresh() {
        let word =
            |is_fresh| Announcement::by_webhook("Unsubscribe".to_owned(), is_fresh).against(Subscribed, None);
        assert_eq!(word(true), Verdict::AskAgain);
        assert_eq!(word(false), Verdict::Fact(Fact::Subscription { status: Subscribed }));
    }
}

//! One purchased subscription and the JSON it is shown as.
//!
//! As Microsoft's own .NET client reads it. Its description and that client know statuses without blanks and quantities as
//! numbers; the blanks and texts in one page of the documentation are typing errors of that page. The term has no dates
//! before activation.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) publisher: String,
    pub(crate) offer: String,
    pub(crate) plan: String,
    /// Number of seats; none for a plan with a flat price.
    pub(crate) quantity: Option<u32>,
    pub(crate) beneficiary: Person,
    pub(crate) purchaser: Person,
    pub(crate) status: Status,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) modified: Option<OffsetDateTime>,
    /// The beginning of the present term, from activation on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) term_start: Option<OffsetDateTime>,
    /// Until then an activated subscription is still shown as pending.
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) shown_active_from: Option<OffsetDateTime>,
    /// The status before the last operation, and until when reading still shows it.
    #[serde(default)]
    pub(crate) shown_before: Option<ShownBefore>,
}

/// A status that is still shown although it is over.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ShownBefore {
    status: Status,
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
}

/// Who bought, or for whom. Not printed: it holds an e-mail address.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) object_id: Uuid,
    pub(crate) tenant_id: Uuid,
}

/// Where a subscription is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    PendingFulfillmentStart,
    Subscribed,
    Suspended,
    Unsubscribed,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Subscription")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PendingFulfillmentStart => "PendingFulfillmentStart",
            Self::Subscribed => "Subscribed",
            Self::Suspended => "Suspended",
            Self::Unsubscribed => "Unsubscribed",
        }
    }
}

impl Person {
    fn shown(&self) -> Value {
        json!({
            "emailId": self.email,
            "objectId": self.object_id,
            "tenantId": self.tenant_id,
            // Such as 10033FFFA7593A0D (reported).
            "puid": format!("10033FFF{}", self.object_id.simple().to_string()[..8].to_ascii_uppercase()),
        })
    }
}

/// How long a purchase waits for its activation, and a suspension for the payment. The latter is documented; that the
/// former is as long has been reported.
const PATIENCE: Duration = Duration::days(30);

impl Subscription {
    /// Whether its time is over: never activated, or suspended for too long.
    pub(crate) fn is_over(&self, now: OffsetDateTime) -> bool {
        self.last_day().is_some_and(|end| end <= now)
    }

    /// Ends it, as of the day it came to its end, which is before `now`.
    ///
    /// Our guess: no webhook announces the end of what was never activated; the one at the end of a suspension has to
    /// be asked for, as all others.
    pub(crate) fn end(&mut self, now: OffsetDateTime) {
        self.modified = Some(self.last_day().unwrap_or(now));
        self.status = Status::Unsubscribed;
    }

    fn last_day(&self) -> Option<OffsetDateTime> {
        let since = match self.status {
            Status::PendingFulfillmentStart => Some(self.created),
            Status::Suspended => self.modified,
            Status::Subscribed | Status::Unsubscribed => None,
        };
        since.map(|since| since + PATIENCE)
    }

    /// Goes on showing the status from before an operation until then.
    pub(crate) fn lag_behind(&mut self, status: Status, until: OffsetDateTime) {
        if status != self.status {
            self.shown_before = Some(ShownBefore { status, until });
        }
    }

    /// The status that the outside sees, which may lag behind the real one after an activation or an operation.
    pub(crate) fn visible_status(&self, now: OffsetDateTime) -> Status {
        if let Some(before) = self.shown_before.filter(|before| now < before.until) {
            return before.status;
        }
        match self.shown_active_from {
            Some(from) if self.status == Status::Subscribed && now < from => Status::PendingFulfillmentStart,
            _ => self.status,
        }
    }

    /// What a customer may do in Azure's pages: a partner that bought for the customer keeps the rest to itself.
    fn allowed_operations(&self) -> &'static [&'static str] {
        if self.purchaser.tenant_id == self.beneficiary.tenant_id {
            return &["Delete", "Update", "Read"];
        }
        &["Read"]
    }

    /// What `GET` answers, and what webhooks carry.
    pub(crate) fn shown(&self, now: OffsetDateTime) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "publisherId": self.publisher,
            "offerId": self.offer,
            "planId": self.plan,
            "quantity": self.quantity,
            "beneficiary": self.beneficiary.shown(),
            "purchaser": self.purchaser.shown(),
            "allowedCustomerOperations": self.allowed_operations(),
            "sessionMode": "None",
            "isFreeTrial": false,
            "isTest": false,
            "sandboxType": "None",
            "saasSubscriptionStatus": self.visible_status(now).name(),
            "term": self.term(),
            "autoRenew": true,
            "created": text(self.created),
            "lastModified": self.modified.map_or_else(|| "0001-01-01T00:00:00".to_owned(), text),
        })
    }

    /// What resolving a landing page token answers: the subscription inside a summary that repeats half of it.
    pub(crate) fn resolved(&self, now: OffsetDateTime) -> Value {
        json!({
            "id": self.id,
            "subscriptionName": self.name,
            "offerId": self.offer,
            "planId": self.plan,
            "quantity": self.quantity,
            "subscription": self.shown(now),
        })
    }

    fn term(&self) -> Value {
        match self.term_start {
            None => json!({ "termUnit": "P1M" }),
            Some(start) => json!({
                "startDate": text(start),
                "endDate": text(start + Duration::days(30)),
                "termUnit": "P1M",
                "chargeDuration": null,
            }),
        }
    }
}

/// A moment with the seven digits that .NET writes.
pub(crate) fn text(moment: OffsetDateTime) -> String {
    moment
        .to_offset(time::UtcOffset::UTC)
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z"))
        .expect("every part of this format is a part of an OffsetDateTime")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn a_subscription() -> Subscription {
        let person = Person {
            email: "user@contoso.example".into(),
            object_id: Uuid::nil(),
            tenant_id: Uuid::from_u128(1),
        };
        Subscription {
            id: Uuid::from_u128(9),
            name: "Contoso CMK".into(),
            publisher: "fabrikam".into(),
            offer: "cmk-offer".into(),
            plan: "silver".into(),
            quantity: Some(5),
            beneficiary: person.clone(),
            purchaser: person,
            status: Status::PendingFulfillmentStart,
            created: OffsetDateTime::UNIX_EPOCH,
            modified: None,
            term_start: None,
            shown_active_from: None,
            shown_before: None,
        }
    }

    #[test]
    fn statuses_have_no_blanks_and_quantities_are_numbers() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut subscription = a_subscription();
        let resolved = subscription.resolved(now);
        assert_eq!((&resolved["quantity"], &resolved["subscription"]["quantity"]), (&json!(5), &json!(5)));
        assert_eq!(resolved["subscription"]["saasSubscriptionStatus"], "PendingFulfillmentStart");
        assert_eq!(resolved["subscription"]["created"], "1970-01-01T00:00:00.0000000Z");
        assert_eq!(resolved["subscription"]["lastModified"], "0001-01-01T00:00:00");
        assert_eq!(resolved["subscription"]["beneficiary"]["puid"], "10033FFF00000000");
        assert!(resolved["subscription"]["term"].get("startDate").is_none());
        subscription.quantity = None;
        assert_eq!(subscription.resolved(now)["quantity"], Value::Null);
        assert_eq!(subscription.shown(now)["quantity"], Value::Null);
    }

    #[test]
    fn what_a_partner_bought_the_customer_may_only_read() {
        let mut subscription = a_subscription();
        let allowed = |subscription: &Subscription| {
            subscription.shown(OffsetDateTime::UNIX_EPOCH)["allowedCustomerOperations"].clone()
        };
        assert_eq!(allowed(&subscription), json!(["Delete", "Update", "Read"]));
        subscription.purchaser.tenant_id = Uuid::from_u128(2);
        assert_eq!(allowed(&subscription), json!(["Read"]));
    }

    #[test]
    fn what_waits_for_thirty_days_comes_to_its_end() {
        let at = |days| OffsetDateTime::UNIX_EPOCH + Duration::days(days);
        for (status, modified, day, expected) in [
            (Status::PendingFulfillmentStart, None, 29, Status::PendingFulfillmentStart),
            (Status::PendingFulfillmentStart, None, 30, Status::Unsubscribed),
            (Status::Suspended, Some(at(10)), 39, Status::Suspended),
            (Status::Suspended, Some(at(10)), 40, Status::Unsubscribed),
            (Status::Subscribed, Some(at(10)), 400, Status::Subscribed),
        ] {
            let mut subscription = Subscription { status, modified, ..a_subscription() };
            if subscription.is_over(at(day)) {
                subscription.end(at(day));
            }
            assert_eq!(subscription.status, expected, "{status:?} on day {day}");
        }
    }

    #[test]
    fn nobodys_address_is_printed() {
        assert!(!format!("{:?}", a_subscription()).contains("contoso"));
    }
}

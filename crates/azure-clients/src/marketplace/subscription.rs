//! What the marketplace tells about a purchase, read leniently: what we do not use may be anything.

use azure_ids::{ObjectId, TenantId};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// A purchase, as a landing page's token resolves to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedSubscription {
    /// The subscription's id.
    pub id: Uuid,
    /// The offer.
    #[serde(default, deserialize_with = "text")]
    pub offer_id: String,
    /// The plan.
    #[serde(default, deserialize_with = "text")]
    pub plan_id: String,
    /// How many seats, for plans that have them.
    #[serde(default, deserialize_with = "quantity")]
    pub quantity: Option<u32>,
    /// The subscription itself.
    pub subscription: Subscription,
}

/// A SaaS subscription. E-mail addresses are not read at all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// The subscription's id.
    pub id: Uuid,
    /// The name that the buyer gave it.
    #[serde(default, deserialize_with = "name")]
    pub name: Option<String>,
    /// The offer.
    #[serde(default, deserialize_with = "text")]
    pub offer_id: String,
    /// The plan.
    pub plan_id: String,
    /// How many seats, for plans that have them.
    #[serde(default, deserialize_with = "quantity")]
    pub quantity: Option<u32>,
    /// Whom it was bought for: whose tenant holds the key, unless agreed otherwise.
    #[serde(default, deserialize_with = "party")]
    pub beneficiary: Option<Party>,
    /// Who bought it: for a reseller another tenant than the beneficiary's.
    #[serde(default, deserialize_with = "party")]
    pub purchaser: Option<Party>,
    /// Where it stands.
    pub saas_subscription_status: SubscriptionStatus,
    /// A purchase that only tries the offer out.
    #[serde(default, deserialize_with = "truth")]
    pub is_test: bool,
}

/// A person in a tenant, without name or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The person's object id there. Absent for a reseller's purchases.
    pub object_id: Option<ObjectId>,
}

/// Where a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum SubscriptionStatus {
    /// Bought, and waiting for activation.
    PendingFulfillmentStart,
    /// Active and billed.
    Subscribed,
    /// Not paid: to be kept for thirty days, and able to come back.
    Suspended,
    /// Ended, for good.
    Unsubscribed,
    /// A status that we do not know, as the marketplace spells it.
    Other(String),
}

/// What a webhook says that happened, as the marketplace itself knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// The operation's id: that of the webhook.
    pub id: Uuid,
    /// The subscription.
    pub subscription_id: Uuid,
    /// What happens.
    pub action: OperationAction,
    /// How far it is.
    pub status: OperationStatus,
    /// When it began.
    #[serde(default, deserialize_with = "moment")]
    pub time_stamp: Option<OffsetDateTime>,
    /// The plan after the operation.
    #[serde(default)]
    pub plan_id: Option<String>,
    /// The number of seats after the operation.
    #[serde(default, deserialize_with = "quantity")]
    pub quantity: Option<u32>,
}

/// What happens to a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum OperationAction {
    /// Another plan.
    ChangePlan,
    /// Another number of seats.
    ChangeQuantity,
    /// The next term begins.
    Renew,
    /// Payment failed.
    Suspend,
    /// The end.
    Unsubscribe,
    /// Payment came after all.
    Reinstate,
    /// An action that we do not know, as the marketplace spells it.
    Other(String),
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum OperationStatus {
    /// Not begun.
    NotStarted,
    /// Under way.
    InProgress,
    /// Done.
    Succeeded,
    /// Failed.
    Failed,
    /// Overtaken.
    Conflict,
    /// A status that we do not know, as the marketplace spells it.
    Other(String),
}

/// Statuses come padded with blanks in the documented samples.
macro_rules! from_padded_text {
    ($name:ident { $($text:literal => $variant:ident,)* }) => {
        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.trim() {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

from_padded_text!(SubscriptionStatus {
    "PendingFulfillmentStart" => PendingFulfillmentStart,
    "Subscribed" => Subscribed,
    "Suspended" => Suspended,
    "Unsubscribed" => Unsubscribed,
});

from_padded_text!(OperationAction {
    "ChangePlan" => ChangePlan,
    "ChangeQuantity" => ChangeQuantity,
    "Renew" => Renew,
    "Suspend" => Suspend,
    "Unsubscribe" => Unsubscribe,
    "Reinstate" => Reinstate,
});

from_padded_text!(OperationStatus {
    "NotStarted" => NotStarted,
    "InProgress" => InProgress,
    "Succeeded" => Succeeded,
    "Succeed" => Succeeded,
    "Failed" => Failed,
    "Conflict" => Conflict,
});

/// A party is nobody without a tenant; its other fields are not used.
fn party<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Party>, D::Error> {
    let party = Value::deserialize(deserializer)?;
    let text = |name: &str| party[name].as_str().map(str::trim);
    let tenant = text("tenantId").and_then(|id| id.parse().ok());
    let object_id = text("objectId").and_then(|id| id.parse().ok());
    Ok(tenant.map(|tenant_id| Party { tenant_id, object_id }))
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_str().map(str::to_owned))
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(name(deserializer)?.unwrap_or_default())
}

/// With its zone or without one, then in UTC; nothing if it cannot be read.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let text = text(deserializer)?;
    let read = |text: &str| OffsetDateTime::parse(text.trim(), &Rfc3339).ok();
    Ok(read(&text).or_else(|| read(&format!("{}Z", text.trim()))))
}

fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Value::deserialize(deserializer)? == Value::Bool(true))
}

/// A number, whole even if it is written as `5.0`, a number in a string, an empty string, or `null`.
fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let bad = || serde::de::Error::custom("expected a quantity");
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0).map(|n| format!("{n:.0}"));
            whole.and_then(|whole| whole.parse().ok()).map(Some).ok_or_else(bad)
        }
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(|_| bad()),
        _ => Err(bad()),
    }
}

#[cfg(test)]
#[path = "subscription_tests.rs"]
mod tests;

//! When a key is to be rotated, and when its end is to be announced.
//!
//! Shape: Azure Key Vault REST API, `KeyRotationPolicy`; bodies as recorded in Azure CLI's tests. Limits: Microsoft Learn,
//! "Configure cryptographic key auto-rotation": rotation no sooner than seven days after a version was made and no later
//! than seven days before it expires, expiry after 28 days or more. A policy's expiry applies to the versions that
//! rotation makes, not to the present one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::iso_duration::IsoDuration;
use crate::state::key_vault::key_version::KeyVersion;

const DAY: i64 = 86_400;
const SHORTEST_ROTATION: i64 = 7 * DAY;
const SHORTEST_EXPIRY: i64 = 28 * DAY;
/// When the end of a key is announced unless its policy says otherwise.
const NEAR_EXPIRY_DAYS: i64 = 30;

/// A policy that was set on a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RotationPolicy {
    pub(crate) actions: Vec<LifetimeAction>,
    pub(crate) expiry_time: Option<IsoDuration>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// What a client says of it.
#[derive(Debug, Deserialize)]
pub(crate) struct PolicyBody {
    #[serde(default, rename = "lifetimeActions")]
    pub(crate) actions: Vec<LifetimeAction>,
    #[serde(default)]
    pub(crate) attributes: PolicyAttributes,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PolicyAttributes {
    #[serde(default, rename = "expiryTime")]
    pub(crate) expiry_time: Option<IsoDuration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LifetimeAction {
    pub(crate) trigger: Trigger,
    pub(crate) action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trigger {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time_after_create: Option<IsoDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time_before_expiry: Option<IsoDuration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Action {
    #[serde(rename = "type")]
    pub(crate) kind: ActionKind,
}

/// "The value should be compared case-insensitively" (REST API).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ActionKind {
    #[serde(alias = "rotate", alias = "ROTATE")]
    Rotate,
    #[serde(alias = "notify", alias = "NOTIFY")]
    Notify,
}

impl PolicyBody {
    /// The policy that this makes of the one before it.
    pub(crate) fn accept(
        self,
        before: Option<&RotationPolicy>,
        now: i64,
    ) -> Result<RotationPolicy, VaultError> {
        let Self { actions, attributes: PolicyAttributes { expiry_time } } = self;
        let policy = RotationPolicy {
            actions,
            expiry_time,
            created: before.map_or(now, |before| before.created),
            updated: now,
        };
        // Our guess: code and words, here and in all that is refused below.
        policy.check().map_err(|problem| {
            VaultError::bad_parameter(format!("The key rotation policy is not valid: {problem}."))
        })?;
        Ok(policy)
    }
}

impl RotationPolicy {
    /// A policy as it is answered. A key without one has the default: nothing but the announcement (documented).
    pub(crate) fn shown(policy: Option<&Self>, key_url: &str) -> Value {
        let id = format!("{key_url}/rotationpolicy");
        let Some(policy) = policy else {
            let before = IsoDuration::days(NEAR_EXPIRY_DAYS);
            let notify = json!({ "trigger": { "timeBeforeExpiry": before }, "action": { "type": "Notify" } });
            return json!({ "id": id, "lifetimeActions": [notify], "attributes": {} });
        };
        let mut attributes = json!({ "created": policy.created, "updated": policy.updated });
        if let Some(expiry_time) = &policy.expiry_time {
            attributes["expiryTime"] = json!(expiry_time);
        }
        json!({ "id": id, "lifetimeActions": policy.actions, "attributes": attributes })
    }

    /// When a version that is made now expires.
    pub(crate) fn expiry_of_new_version(policy: Option<&Self>, now: i64) -> Option<i64> {
        policy?.expiry_time.as_ref().map(|after| now + after.seconds())
    }

    /// How long before the expiry of a version its end is announced.
    pub(crate) fn announced_before(policy: Option<&Self>) -> i64 {
        let notify = policy.and_then(|policy| policy.trigger(ActionKind::Notify));
        let before = notify.and_then(|trigger| trigger.time_before_expiry.as_ref());
        before.map_or(NEAR_EXPIRY_DAYS * DAY, IsoDuration::seconds)
    }

    /// Whether the newest version is to be followed by another.
    ///
    /// Our guess: a disabled key is not rotated, for its new version would be enabled.
    pub(crate) fn wants_rotation(&self, newest: &KeyVersion, now: i64) -> bool {
        self.rotation_due(newest).is_some_and(|due| due <= now)
    }

    /// When the newest version is to be followed by another.
    pub(crate) fn rotation_due(&self, newest: &KeyVersion) -> Option<i64> {
        let trigger = self.trigger(ActionKind::Rotate).filter(|_| newest.enabled)?;
        let after = trigger.time_after_create.as_ref().map(|after| newest.created + after.seconds());
        let before = trigger.time_before_expiry.as_ref();
        let before = before.zip(newest.expires).map(|(before, expires)| expires - before.seconds());
        after.or(before)
    }

    fn trigger(&self, kind: ActionKind) -> Option<&Trigger> {
        self.actions.iter().find(|held| held.action.kind == kind).map(|held| &held.trigger)
    }

    fn check(&self) -> Result<(), String> {
        for kind in [ActionKind::Rotate, ActionKind::Notify] {
            if self.actions.iter().filter(|held| held.action.kind == kind).count() > 1 {
                return Err(format!("there is more than one action {kind:?}"));
            }
        }
        let expiry = self.expiry_time.as_ref().map(IsoDuration::seconds);
        if expiry.is_some_and(|expiry| expiry < SHORTEST_EXPIRY) {
            return Err("expiryTime must be 28 days or more".into());
        }
        for LifetimeAction { trigger, action } in &self.actions {
            let delay = match (&trigger.time_after_create, &trigger.time_before_expiry, action.kind) {
                (Some(after), None, ActionKind::Rotate) => after,
                (None, Some(before), _) => before,
                (Some(_), None, ActionKind::Notify) => {
                    return Err("timeAfterCreate applies to the action Rotate only".into());
                }
                _ => return Err("a trigger is either timeAfterCreate or timeBeforeExpiry".into()),
            };
            if action.kind == ActionKind::Rotate {
                check_rotation(delay, trigger.time_before_expiry.is_some(), expiry)?;
            }
        }
        Ok(())
    }
}

fn check_rotation(delay: &IsoDuration, before_expiry: bool, expiry: Option<i64>) -> Result<(), String> {
    if delay.seconds() < SHORTEST_ROTATION {
        return Err(format!("a rotation after {delay} is sooner than seven days"));
    }
    match expiry {
        None if before_expiry => Err("timeBeforeExpiry of a rotation needs an expiryTime".into()),
        Some(expiry) if delay.seconds() > expiry - SHORTEST_ROTATION => {
            Err(format!("a rotation by {delay} leaves less than seven days of the expiryTime"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::key_vault::keys::tests::a_version;

    fn policy(body: Value) -> Result<RotationPolicy, String> {
        let body: PolicyBody = serde_json::from_value(body).map_err(|error| error.to_string())?;
        body.accept(None, 1_000).map_err(|error| error.message)
    }

    fn rotate(trigger: Value, expiry: Value) -> Result<RotationPolicy, String> {
        policy(json!({
            "lifetimeActions": [{ "trigger": trigger, "action": { "type": "rotate" } }],
            "attributes": { "expiryTime": expiry },
        }))
    }

    #[test]
    fn the_documented_limits_are_kept() {
        let after = |text: &str| json!({ "timeAfterCreate": text });
        let before = |text: &str| json!({ "timeBeforeExpiry": text });
        let table = [
            (after("P7D"), json!("P28D"), true),
            (after("P21D"), json!("P28D"), true),
            (after("P22D"), json!("P28D"), false),
            (after("P6D"), json!("P28D"), false),
            (after("P7D"), json!("P27D"), false),
            (after("P18M"), Value::Null, true),
            (before("P7D"), json!("P28D"), true),
            (before("P21D"), json!("P28D"), true),
            (before("P22D"), json!("P28D"), false),
            (before("P6D"), json!("P28D"), false),
            (before("P7D"), Value::Null, false),
            (json!({}), json!("P28D"), false),
            (json!({ "timeAfterCreate": "P7D", "timeBeforeExpiry": "P7D" }), json!("P28D"), false),
            (after("a week"), json!("P28D"), false),
        ];
        for (trigger, expiry, fits) in table {
            assert_eq!(rotate(trigger.clone(), expiry.clone()).is_ok(), fits, "{trigger} {expiry}");
        }
        let notify = |trigger: Value| json!({ "trigger": trigger, "action": { "type": "Notify" } });
        assert!(policy(json!({ "lifetimeActions": [notify(before("P1D"))] })).is_ok());
        assert!(policy(json!({ "lifetimeActions": [notify(after("P10D"))] })).is_err());
        assert!(
            policy(json!({ "lifetimeActions": [notify(before("P1D")), notify(before("P2D"))] })).is_err()
        );
    }

    #[test]
    fn a_rotation_is_due_by_age_or_by_expiry_and_never_for_a_disabled_key() {
        let newest = a_version("v");
        let by_age = rotate(json!({ "timeAfterCreate": "P10D" }), Value::Null).unwrap();
        assert!(!by_age.wants_rotation(&newest, newest.created + 10 * DAY - 1));
        assert!(by_age.wants_rotation(&newest, newest.created + 10 * DAY));
        let disabled = KeyVersion { enabled: false, ..newest.clone() };
        assert!(!by_age.wants_rotation(&disabled, newest.created + 10 * DAY));
        let by_expiry = rotate(json!({ "timeBeforeExpiry": "P10D" }), json!("P30D")).unwrap();
        assert!(!by_expiry.wants_rotation(&newest, i64::MAX), "it has no expiry");
        let ending = KeyVersion { expires: Some(100 * DAY), ..newest };
        assert!(!by_expiry.wants_rotation(&ending, 90 * DAY - 1));
        assert!(by_expiry.wants_rotation(&ending, 90 * DAY));
    }

    #[test]
    fn a_key_without_a_policy_is_announced_thirty_days_before_its_end() {
        assert_eq!(RotationPolicy::announced_before(None), 30 * DAY);
        let shown = RotationPolicy::shown(None, "https://kv.vault.azure.net/keys/k");
        assert_eq!(
            shown,
            json!({
                "id": "https://kv.vault.azure.net/keys/k/rotationpolicy",
                "lifetimeActions": [{ "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } }],
                "attributes": {},
            })
        );
    }
}

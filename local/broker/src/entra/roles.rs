//! The data roles: who may send, receive and manage, and where.

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use crate::address::covers;

/// What somebody wants to do, in the words of Service Bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Send,
    Listen,
    Manage,
    /// Any of them: for a node on which requests of every kind are made.
    Any,
}

impl Right {
    /// The claim, as refusals name it.
    pub(crate) fn claim(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Listen => "Listen",
            Self::Manage => "Manage",
            Self::Any => "Send,Listen,Manage",
        }
    }

    /// The data action that it takes. Our guess of Manage: no data action is documented for the rules of subscriptions,
    /// so that only a role with every data action manages them.
    fn action(self) -> Option<&'static str> {
        match self {
            Self::Send => Some("Microsoft.ServiceBus/namespaces/send/action"),
            Self::Listen => Some("Microsoft.ServiceBus/namespaces/receive/action"),
            Self::Manage => Some("Microsoft.ServiceBus/namespaces/manage/action"),
            Self::Any => None,
        }
    }
}

/// A role assignment of Resource Manager.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assignment {
    pub(super) scope: String,
    pub(super) role_definition_id: String,
    pub(super) principal_id: Uuid,
}

/// What a role allows, of what is told of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Permission {
    #[serde(default)]
    pub(super) data_actions: Vec<String>,
    #[serde(default)]
    pub(super) not_data_actions: Vec<String>,
}

/// One role of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    principal: Uuid,
    /// The path of the entity it is for; empty for the whole namespace.
    path: String,
    send: bool,
    listen: bool,
    manage: bool,
}

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Grants(Vec<Grant>);

impl Grants {
    /// What the assignments come to, for the roles with these permissions.
    pub(super) fn of(
        assignments: &[Assignment],
        roles: &BTreeMap<String, Vec<Permission>>,
        namespace_id: &str,
    ) -> Self {
        let granted = assignments.iter().filter_map(|assignment| {
            let path = path_below(namespace_id, &assignment.scope)?;
            let permissions = roles.get(&assignment.role_definition_id)?;
            let has = |right: Right| {
                right.action().is_some_and(|action| permissions.iter().any(|one| one.allows(action)))
            };
            let [send, listen, manage] = [Right::Send, Right::Listen, Right::Manage].map(has);
            let grant = Grant { principal: assignment.principal_id, path, send, listen, manage };
            (send || listen || manage).then_some(grant)
        });
        Self(granted.collect())
    }

    pub(super) fn allow(&self, principal: Uuid, right: Right, node: &str) -> bool {
        self.0.iter().any(|grant| {
            let has = match right {
                Right::Send => grant.send,
                Right::Listen => grant.listen,
                Right::Manage => grant.manage,
                Right::Any => true,
            };
            has && grant.principal == principal && covers(&grant.path, node)
        })
    }
}

impl Permission {
    fn allows(&self, action: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, action));
        any(&self.data_actions) && !any(&self.not_data_actions)
    }
}

/// Whether a text fits a pattern in which each `*` stands for any text. Case does not matter.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

/// The path of the entity that a scope is; empty when it is the namespace or lies above it. None when it is elsewhere.
fn path_below(namespace_id: &str, scope: &str) -> Option<String> {
    let tidy = |id: &str| id.trim_matches('/').to_lowercase();
    let (namespace, scope) = (tidy(namespace_id), tidy(scope));
    if covers(&scope, &namespace) {
        return Some(String::new());
    }
    let below = scope.strip_prefix(&namespace)?.strip_prefix('/')?;
    match below.split('/').collect::<Vec<_>>()[..] {
        ["queues" | "topics", name] => Some(name.to_owned()),
        ["topics", topic, "subscriptions", name] => Some(format!("{topic}/subscriptions/{name}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus";

    #[test]
    fn a_role_holds_where_it_is_assigned_and_below() {
        let somebody = Uuid::from_u128(1);
        let roles = [
            ("sender", "Microsoft.ServiceBus/*/send/action"),
            ("receiver", "Microsoft.ServiceBus/*/receive/action"),
            ("owner", "Microsoft.ServiceBus/*"),
            ("reader", "Microsoft.Storage/*"),
        ];
        let permission = |action: &str| {
            vec![Permission { data_actions: vec![action.to_owned()], not_data_actions: vec![] }]
        };
        let roles = roles.map(|(role, action)| (role.to_owned(), permission(action))).into();
        let allowed = |scope: &str, role: &str, right: Right, node: &str| {
            let assignment = Assignment {
                scope: scope.to_owned(),
                role_definition_id: role.to_owned(),
                principal_id: somebody,
            };
            let grants = Grants::of(&[assignment], &roles, NAMESPACE);
            assert!(!grants.allow(Uuid::from_u128(2), right, node), "somebody else");
            grants.allow(somebody, right, node)
        };
        let queue = format!("{NAMESPACE}/queues/Orders");
        let table = [
            (NAMESPACE, "sender", Right::Send, "orders", true),
            (NAMESPACE, "sender", Right::Listen, "orders", false),
            (NAMESPACE, "sender", Right::Manage, "orders", false),
            (NAMESPACE, "sender", Right::Any, "orders/$management", true),
            (NAMESPACE, "receiver", Right::Listen, "orders/$deadletterqueue", true),
            (NAMESPACE, "receiver", Right::Send, "orders", false),
            (NAMESPACE, "owner", Right::Manage, "orders", true),
            (NAMESPACE, "reader", Right::Any, "orders", false),
            ("/subscriptions/S/resourceGroups/G", "receiver", Right::Listen, "orders", true),
            ("/subscriptions/s/resourceGroups/other", "receiver", Right::Listen, "orders", false),
            (&queue, "receiver", Right::Listen, "orders", true),
            (&queue, "receiver", Right::Listen, "orders2", false),
            (&queue, "unknown", Right::Any, "orders", false),
        ];
        for (scope, role, right, node, expected) in table {
            assert_eq!(allowed(scope, role, right, node), expected, "{role} at {scope}: {right:?} {node}");
        }
        let subscription = format!("{NAMESPACE}/topics/t/subscriptions/s");
        assert!(allowed(&subscription, "receiver", Right::Listen, "t/subscriptions/s"));
        assert!(!allowed(&subscription, "receiver", Right::Listen, "t/subscriptions/other"));
    }

    #[test]
    fn what_a_role_excludes_it_does_not_give() {
        let all = vec!["Microsoft.ServiceBus/*".to_owned()];
        let without = vec!["Microsoft.ServiceBus/*/SEND/action".to_owned()];
        let permission = Permission { data_actions: all, not_data_actions: without };
        assert!(permission.allows("Microsoft.ServiceBus/namespaces/receive/action"));
        assert!(!permission.allows("Microsoft.ServiceBus/namespaces/send/action"));
    }
}

//! What a caller may do somewhere, as Azure Resource Manager sees it.
//!
//! "Permissions - List For Resource Group" (Azure/azure-rest-api-specs, `Microsoft.Authorization/Authorization`): what
//! every role of the caller there allows, with what the same role takes away again.

use serde::Deserialize;
use time::OffsetDateTime;

/// The newest version of the operation that is described.
pub(super) const API_VERSION: &str = "2022-04-01";

/// What one role allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permission {
    /// What it allows; `*` stands for anything.
    pub actions: Vec<String>,
    /// What it takes away again from that.
    pub not_actions: Vec<String>,
}

/// What the caller may do in a resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// One for each role.
    pub roles: Vec<Permission>,
    /// When ARM answered, by its own clock.
    pub answered_at: Option<OffsetDateTime>,
}

impl Permissions {
    /// Whether an action is allowed: by one role at least that does not take it away. Case does not count.
    #[must_use]
    pub fn allow(&self, action: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, action));
        self.roles.iter().any(|role| any(&role.actions) && !any(&role.not_actions))
    }
}

/// Whether an action is one that a pattern stands for.
fn fits(pattern: &str, action: &str) -> bool {
    let (pattern, mut rest) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after.to_owned();
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.split_off(at + part.len());
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_what_its_stars_leave_open() {
        let read = "Microsoft.Compute/disks/read";
        for pattern in
            ["*", "*/read", "Microsoft.Compute/*", "microsoft.compute/disks/READ", "Microsoft.*/disks/*"]
        {
            assert!(fits(pattern, read), "{pattern}");
        }
        for pattern in ["", "*/write", "Microsoft.Compute/disks", "Microsoft.Compute/disks/read/*", "*disks"]
        {
            assert!(!fits(pattern, read), "{pattern}");
        }
        assert!(!fits("ab*ba", "aba"), "nothing counts twice");
    }

    #[test]
    fn what_one_role_takes_away_another_may_give() {
        let role = |actions: &[&str], not: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            Permission { actions: owned(actions), not_actions: owned(not) }
        };
        let of = |roles| Permissions { roles, answered_at: None };
        let limited = role(&["Microsoft.Compute/*"], &["*/delete"]);
        assert!(of(vec![limited.clone()]).allow("Microsoft.Compute/disks/write"));
        assert!(!of(vec![limited.clone()]).allow("Microsoft.Compute/disks/delete"));
        assert!(of(vec![limited, role(&["*/delete"], &[])]).allow("Microsoft.Compute/disks/delete"));
        assert!(!of(vec![]).allow("Microsoft.Compute/disks/read"));
    }
}

//! Whether the identity of the app has the roles that `infra/` assigns, and no others.

mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use self::wanted::{Role, Scope, Wanted};
use super::{
    DEPLOY,
    estate::{Estate, READER, Seen},
};
use crate::doctor::{AZURE_ADMINISTRATOR, Check};

const CHECK: &str = "roles";
const API: &str = "2022-04-01";
/// More are counted, not named.
const NAMED: usize = 6;

/// An assignment of the identity.
#[derive(Debug, Clone)]
struct Assigned {
    id: String,
    scope: String,
    /// The resource ID of the role.
    role: String,
}

/// What a role allows.
#[derive(Debug, Clone, Default)]
struct Definition {
    name: String,
    actions: BTreeSet<String>,
    data_actions: BTreeSet<String>,
}

pub(super) async fn check(estate: &Estate<'_>, identity: &Seen, disks_group: Option<&str>) -> Check {
    read(estate, identity, disks_group).await.unwrap_or_else(|check| check)
}

async fn read(estate: &Estate<'_>, identity: &Seen, disks_group: Option<&str>) -> Result<Check, Check> {
    let shown = identity.known(CHECK, "managed identity", READER)?;
    let Some(principal) = shown["properties"]["principalId"].as_str() else {
        return Err(Check::not_checked(CHECK, "the managed identity has no principalId"));
    };
    // At, above and below the subscription: also what the deployment does not know of.
    let path = format!("{}/providers/Microsoft.Authorization/roleAssignments", estate.subscription);
    let query = format!("api-version={API}&$filter=principalId eq '{principal}'");
    let listed = estate.all_at(&path, &query).await;
    let listed = listed.known(CHECK, "list of role assignments", "Reader on the subscription")?;
    let all = assignments(listed, principal);
    let disks = disks_group.map(|name| format!("{}/resourceGroups/{name}", estate.subscription));
    let wanted = wanted::all(&estate.group, &estate.names, disks.as_deref());
    let mut definitions = BTreeMap::new();
    for role in all.iter().map(|one| one.role.to_lowercase()).collect::<BTreeSet<String>>() {
        if let Seen::There(shown) = estate.one_at(&role, API).await {
            definitions.insert(role, Definition::of(&shown));
        }
    }
    Ok(judge(&all, &definitions, &wanted))
}

fn assignments(listed: &Json, principal: &str) -> Vec<Assigned> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let ours = |one: &&Json| text(&one["properties"]["principalId"]).eq_ignore_ascii_case(principal);
    let all = listed.as_array().into_iter().flatten().filter(ours);
    all.map(|one| Assigned {
        id: text(&one["id"]),
        scope: text(&one["properties"]["scope"]),
        role: text(&one["properties"]["roleDefinitionId"]),
    })
    .collect()
}

impl Definition {
    fn of(shown: &Json) -> Self {
        let permissions = shown["properties"]["permissions"].as_array();
        let listed = |property: &str| {
            let lists = permissions.into_iter().flatten().filter_map(|one| one[property].as_array());
            lists.flatten().filter_map(|action| Some(action.as_str()?.to_lowercase())).collect()
        };
        Self {
            name: shown["properties"]["roleName"].as_str().unwrap_or_default().to_owned(),
            actions: listed("actions"),
            data_actions: listed("dataActions"),
        }
    }
}

fn judge(all: &[Assigned], definitions: &BTreeMap<String, Definition>, wanted: &[Wanted]) -> Check {
    let definition = |one: &Assigned| definitions.get(&one.role.to_lowercase());
    let mut exact = BTreeSet::new();
    let mut missing = Vec::new();
    for want in wanted {
        let gives = |one: &&Assigned| gives(one, definition(one), &want.role);
        let here = all.iter().find(|one| want.scope.is(&one.scope) && gives(one));
        match here {
            Some(one) => {
                exact.insert(one.id.as_str());
            }
            // Assigned above, it counts here too; there it is more than the app needs.
            None if all.iter().any(|one| want.scope.is_below(&one.scope) && gives(&one)) => {}
            None => missing.push(want.words()),
        }
    }
    let scaling = wanted::exact_scaling();
    let is_scaling = |one: &Assigned| has_id(&one.role, &scaling) && one.scope.contains("/queues/");
    let surplus: Vec<String> = all
        .iter()
        .filter(|one| !exact.contains(one.id.as_str()) && !is_scaling(one))
        .map(|one| {
            let name = definition(one).map(|role| role.name.as_str()).filter(|name| !name.is_empty());
            format!("{} at {}", crate::output::cut(name.unwrap_or(&one.role), 100), place(&one.scope))
        })
        .collect();
    let more = || format!("it may do more than it needs: {}", some(&surplus));
    if !missing.is_empty() {
        let mut saw = format!("the identity lacks {}", some(&missing));
        if !surplus.is_empty() {
            saw.push_str(&format!(". And {}", more()));
        }
        let mend = format!("{DEPLOY} It assigns the roles; new ones take up to ten minutes to work.");
        return Check::wrong(CHECK, saw, AZURE_ADMINISTRATOR, mend);
    }
    let saw = format!("the identity has the {} roles that infra/ assigns", wanted.len());
    if surplus.is_empty() {
        return Check::good(CHECK, format!("{saw}, and no others"));
    }
    let ids: Vec<&str> = all
        .iter()
        .filter(|one| !exact.contains(one.id.as_str()) && !is_scaling(one))
        .map(|one| one.id.as_str())
        .collect();
    let mend =
        format!("Take them away, unless they are meant: az role assignment delete --ids {}", ids.join(" "));
    Check::noted(CHECK, format!("{saw}, and {}", more()), AZURE_ADMINISTRATOR, mend)
}

/// Whether an assignment gives what a role gives.
fn gives(one: &Assigned, definition: Option<&Definition>, role: &Role) -> bool {
    match role {
        Role::BuiltIn { id, .. } => has_id(&one.role, id),
        Role::Custom { actions, data_actions, .. } => {
            definition.is_some_and(|is| is.actions == *actions && is.data_actions == *data_actions)
        }
    }
}

fn has_id(role: &str, id: &str) -> bool {
    role.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(id))
}

impl Scope {
    fn is(&self, scope: &str) -> bool {
        match self {
            Self::At(at) => at.eq_ignore_ascii_case(scope),
            Self::SomeGroup => {
                let parts: Vec<&str> = scope.split('/').collect();
                matches!(parts.as_slice(), ["", _, _, groups, _] if groups.eq_ignore_ascii_case("resourceGroups"))
            }
        }
    }

    fn is_below(&self, scope: &str) -> bool {
        let above = scope.trim_end_matches('/').to_lowercase();
        match self {
            Self::At(at) => at.to_lowercase().starts_with(&format!("{above}/")),
            Self::SomeGroup => above.split('/').count() <= 3,
        }
    }
}

impl Wanted {
    fn words(&self) -> String {
        let role = match &self.role {
            Role::BuiltIn { name, .. } => (*name).to_owned(),
            Role::Custom { what_for, actions, data_actions } => {
                format!("the role that {what_for} ({} actions)", actions.len() + data_actions.len())
            }
        };
        match &self.scope {
            Scope::At(at) => format!("{role} at {}", place(at)),
            Scope::SomeGroup => format!("{role} at the resource group of the disks"),
        }
    }
}

/// A scope in few words: the kind and the name of what it is.
fn place(scope: &str) -> String {
    let parts: Vec<&str> = scope.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        [""] => "the root".to_owned(),
        [.., kind, name] => format!("{kind}/{name}"),
        _ => scope.to_owned(),
    }
}

fn some(all: &[String]) -> String {
    let named = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

#[cfg(test)]
mod tests;

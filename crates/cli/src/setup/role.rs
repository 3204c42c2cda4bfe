//! A custom role with exactly the actions that the app uses, assigned to its identity where it uses them.
//!
//! A deployment of `infra/` makes the same roles under names of its own. So a role is known by what it allows and where
//! it is assigned, and not by its name.

use std::collections::BTreeSet;

use anyhow::Context as _;
use async_trait::async_trait;
use azure_ids::ArmId;
use reqwest::Method;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::piece::{Difference, Found, Piece, Seen};
use crate::azure::{Azure, Resource::ResourceManager};

const API: &str = "2022-04-01";
const PROVIDER: &str = "providers/Microsoft.Authorization";
/// How the names of our roles begin, here and in `infra/`.
const OURS: &str = "Latchkey ";

/// The role that lets the identity encrypt disks, and the one that lets it put itself on a disk encryption set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Disks,
    Assign,
}

/// A role, and its assignment.
pub(super) struct Role {
    pub(super) purpose: Purpose,
    /// Where it is assigned. `None` while that is not known.
    pub(super) scope: Option<ArmId>,
    /// The identity's name; tells the roles of several deployments apart.
    pub(super) identity: String,
    /// Whether it is made here. Otherwise a deployment makes it.
    pub(super) is_made: bool,
}

/// What is assigned to the identity where it counts for the scope.
#[derive(Default)]
struct Assigned {
    is_exact: bool,
    /// A role of ours at the scope, with other actions.
    to_mend: Option<Json>,
    others: Vec<String>,
}

impl Purpose {
    /// The one list of each: the deployment reads the same files.
    pub(super) fn actions(self) -> BTreeSet<String> {
        let text = match self {
            Self::Disks => include_str!("../../../../infra/disk-actions.json"),
            Self::Assign => include_str!("../../../../infra/identity-actions.json"),
        };
        serde_json::from_str(text).expect("a list of actions, which a test reads")
    }

    fn description(self) -> &'static str {
        match self {
            Self::Disks => {
                "Creates and deletes disk encryption sets, encrypts disks with them, and stops and starts virtual \
                 machines for it."
            }
            Self::Assign => "Assigns the managed identity of Latchkey to disk encryption sets.",
        }
    }
}

#[async_trait]
impl Piece for Role {
    fn kind(&self) -> &'static str {
        match self.purpose {
            Purpose::Disks => "disksRole",
            Purpose::Assign => "identityRole",
        }
    }

    fn name(&self) -> String {
        self.scope.as_ref().map_or_else(String::new, |scope| format!("at {}", scope.name()))
    }

    async fn read(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<Found> {
        let Some(scope) = &self.scope else { return Ok(Found::Later("the managed identity (--identity)")) };
        let Some(identity) = &seen.identity else { return Ok(Found::Missing) };
        let principal = identity.principal_id;
        let assigned = self.assigned(azure, scope, principal).await?;
        // A role above both scopes is seen from both.
        let news = assigned.others.into_iter().filter(|note| !seen.notes.contains(note)).collect::<Vec<_>>();
        seen.notes.extend(news);
        if assigned.is_exact {
            return Ok(Found::Right);
        }
        if let Some(definition) = assigned.to_mend {
            return Ok(Found::Wrong(self.wrong(&definition)));
        }
        let own = self.definition(azure, scope).await?;
        match own.map(|definition| self.wrong(&definition)) {
            // A role under our name that nobody is assigned: what it allows is somebody's change.
            Some(wrong) if !wrong.is_empty() => Ok(Found::Wrong(wrong)),
            _ if self.is_made => Ok(Found::Missing),
            _ => {
                let cure = "deploy infra/ (azd up), or have it made (--make-resources)".to_owned();
                let should = format!("a custom role with {} actions", self.purpose.actions().len());
                Ok(Found::Wrong(vec![Difference::new("roleAssignment", "missing", should).by_hand(cure)]))
            }
        }
    }

    async fn make(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<()> {
        let scope = self.scope.as_ref().context("the scope of the role is not known")?;
        let principal = seen.identity.as_ref().context("the managed identity is not there")?.principal_id;
        let id = self.own_id(scope)?;
        self.write(azure, &id, &self.new_definition(scope)?).await?;
        let name =
            Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{scope}|{principal}|{id}").to_lowercase().as_bytes());
        let path = format!("{scope}/{PROVIDER}/roleAssignments/{name}?api-version={API}");
        let body = json!({ "properties": {
            "roleDefinitionId": id,
            "principalId": principal,
            // Without it, a principal that was just made is refused.
            "principalType": "ServicePrincipal",
        }});
        azure.write(Method::PUT, ResourceManager, &path, &body, "assigning the role").await?;
        Ok(())
    }

    async fn mend(&self, azure: &Azure<'_>, seen: &mut Seen, _: &[Difference]) -> anyhow::Result<()> {
        let scope = self.scope.as_ref().context("the scope of the role is not known")?;
        let principal = seen.identity.as_ref().context("the managed identity is not there")?.principal_id;
        match self.assigned(azure, scope, principal).await?.to_mend {
            None => self.make(azure, seen).await,
            Some(definition) => {
                let id = definition["id"].as_str().context("the role definition has no id")?;
                let mut body = json!({ "properties": definition["properties"] });
                body["properties"]["permissions"] = self.permissions();
                self.write(azure, id, &body).await
            }
        }
    }
}

impl Role {
    /// What the identity is assigned at the scope and above it.
    async fn assigned(&self, azure: &Azure<'_>, scope: &ArmId, principal: Uuid) -> anyhow::Result<Assigned> {
        let path = format!("{scope}/{PROVIDER}/roleAssignments");
        let filter = format!("principalId eq '{principal}'");
        let all = azure.list(ResourceManager, &path, &[("api-version", API), ("$filter", &filter)]).await?;
        let mut assigned = Assigned::default();
        for assignment in all {
            let properties = &assignment["properties"];
            let text = |name: &str| properties[name].as_str().unwrap_or_default();
            let (at, role) = (text("scope"), text("roleDefinitionId"));
            if !covers(at, scope.as_str()) {
                continue;
            }
            let definition = azure.get(ResourceManager, &format!("{role}?api-version={API}")).await?;
            let definition = definition.unwrap_or_default();
            let name = definition["properties"]["roleName"].as_str().unwrap_or(role);
            let is_here = at.trim_end_matches('/').eq_ignore_ascii_case(scope.as_str());
            let is_custom = definition["properties"]["type"] == "CustomRole";
            if is_here && is_custom && self.wrong(&definition).is_empty() {
                assigned.is_exact = true;
            } else if is_here && is_custom && name.starts_with(OURS) {
                assigned.to_mend = Some(definition);
            } else if is_custom && name.starts_with(OURS) && at.eq_ignore_ascii_case(&group_of(scope)?) {
                // The role for the disks, seen from the identity in the same group: looked at there.
            } else {
                assigned.others.push(format!(
                    "the identity also has the role {} at {}, which is more than the app needs: az role assignment \
                     delete --ids {}",
                    crate::output::cut(name, 100),
                    if at == "/" { "the root" } else { at },
                    assignment["id"].as_str().unwrap_or_default(),
                ));
            }
        }
        Ok(assigned)
    }

    /// The role that the set-up makes, if it is there.
    async fn definition(&self, azure: &Azure<'_>, scope: &ArmId) -> anyhow::Result<Option<Json>> {
        azure.get(ResourceManager, &format!("{}?api-version={API}", self.own_id(scope)?)).await
    }

    async fn write(&self, azure: &Azure<'_>, id: &str, body: &Json) -> anyhow::Result<()> {
        let path = format!("{id}?api-version={API}");
        azure.write(Method::PUT, ResourceManager, &path, body, "defining the role").await?;
        Ok(())
    }

    /// The same each time, so that a repeated set-up repeats itself.
    fn own_id(&self, scope: &ArmId) -> anyhow::Result<String> {
        let text = format!("latchkey|{}|{scope}|{}", self.kind(), self.identity).to_lowercase();
        let name = Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes());
        Ok(format!("{}/{PROVIDER}/roleDefinitions/{name}", group_of(scope)?))
    }

    fn new_definition(&self, scope: &ArmId) -> anyhow::Result<Json> {
        let (group, purpose) = (group_of(scope)?, self.kind());
        let group_name = group.rsplit('/').next().unwrap_or_default();
        Ok(json!({ "properties": {
            // No two roles of a tenant may have the same name, and those of infra/ have others.
            "roleName": format!("{OURS}{purpose} ({group_name}, {}) by setup", self.identity),
            "description": self.purpose.description(),
            "type": "CustomRole",
            "assignableScopes": [group],
            "permissions": self.permissions(),
        }}))
    }

    fn permissions(&self) -> Json {
        let actions = self.purpose.actions();
        json!([{ "actions": actions, "notActions": [], "dataActions": [], "notDataActions": [] }])
    }

    /// Where what a role allows differs from what the app uses.
    fn wrong(&self, definition: &Json) -> Vec<Difference> {
        let permissions = definition["properties"]["permissions"].as_array();
        let listed = |property: &str| -> BTreeSet<String> {
            let lists = permissions.into_iter().flatten().filter_map(|one| one[property].as_array());
            lists.flatten().filter_map(|action| action.as_str()).map(str::to_lowercase).collect()
        };
        let should: BTreeSet<String> =
            self.purpose.actions().iter().map(|action| action.to_lowercase()).collect();
        let is = listed("actions");
        let join = |actions: BTreeSet<String>| actions.into_iter().collect::<Vec<_>>().join(", ");
        let mut wrong = Vec::new();
        let (missing, surplus) = (&should - &is, &is - &should);
        if !missing.is_empty() {
            wrong.push(Difference::new("actions", "missing", join(missing)));
        }
        if !surplus.is_empty() {
            wrong.push(Difference::new("actions", join(surplus), "none of these"));
        }
        for property in ["notActions", "dataActions"] {
            let surplus = listed(property);
            if !surplus.is_empty() {
                wrong.push(Difference::new(property, join(surplus), "none"));
            }
        }
        wrong
    }
}

/// Roles can be assigned in groups, not at single resources alone.
fn group_of(scope: &ArmId) -> anyhow::Result<String> {
    let segment = |kind: &str| scope.segment(kind).with_context(|| format!("{scope} has no {kind}"));
    Ok(format!("/subscriptions/{}/resourceGroups/{}", segment("subscriptions")?, segment("resourceGroups")?))
}

/// Whether what is assigned at `at` counts at `scope`.
fn covers(at: &str, scope: &str) -> bool {
    let (at, scope) = (at.trim_end_matches('/').to_lowercase(), scope.to_lowercase());
    scope == at || scope.starts_with(&format!("{at}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role() -> Role {
        let scope = "/subscriptions/22222222-bbbb-4444-8888-cccccccccccc/resourceGroups/rg".parse().unwrap();
        Role { purpose: Purpose::Disks, scope: Some(scope), identity: "id".into(), is_made: true }
    }

    #[test]
    fn a_role_is_exact_whatever_the_order_and_the_case_of_its_actions() {
        let role = role();
        let mut definition = role.new_definition(role.scope.as_ref().unwrap()).unwrap();
        let actions = definition["properties"]["permissions"][0]["actions"].as_array_mut().unwrap();
        actions.reverse();
        actions[0] = json!(actions[0].as_str().unwrap().to_uppercase());
        assert_eq!(role.wrong(&definition), []);

        let actions = definition["properties"]["permissions"][0]["actions"].as_array_mut().unwrap();
        let lost = actions.pop().unwrap();
        actions.push(json!("Microsoft.Compute/*"));
        let wrong = role.wrong(&definition);
        assert_eq!(wrong[0].should, lost.as_str().unwrap().to_lowercase());
        assert_eq!(wrong[1].is, "microsoft.compute/*");
        assert_eq!(wrong.len(), 2);
    }

    #[test]
    fn a_role_counts_at_its_scope_and_below() {
        let group = "/subscriptions/S/resourceGroups/rg";
        for (at, counts) in [
            (group, true),
            ("/subscriptions/s", true),
            ("/", true),
            ("/subscriptions/S/resourceGroups/r", false),
            ("/subscriptions/S/resourceGroups/rg/providers/p/t/n", false),
        ] {
            assert_eq!(covers(at, group), counts, "{at}");
        }
    }

    #[test]
    fn the_two_lists_of_actions_can_be_read() {
        assert!(Purpose::Disks.actions().contains("Microsoft.Compute/disks/write"));
        assert_eq!(Purpose::Assign.actions().len(), 2);
    }
}

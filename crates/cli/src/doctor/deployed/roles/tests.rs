use serde_json::json;

use super::{
    super::{
        names::Names,
        predicted::{self, TOKEN},
    },
    *,
};
use crate::doctor::Verdict;

const PRINCIPAL: &str = "44444444-dddd-4444-8888-eeeeeeeeeeee";

/// What the template assigns to the identity, as Resource Manager lists it.
fn listed() -> Vec<Json> {
    let ours = |one: &Json| {
        one["properties"]["principalId"].as_str().unwrap().contains("userAssignedIdentities/id-latchkey")
    };
    let all = predicted::of_type("Microsoft.Authorization/roleAssignments").into_iter().filter(ours);
    all.map(|mut one| {
        let id = one["id"].as_str().unwrap().to_owned();
        let scope = id.split("/providers/Microsoft.Authorization/").next().unwrap();
        one["properties"]["scope"] = json!(scope);
        one["properties"]["principalId"] = json!(PRINCIPAL.to_uppercase());
        one
    })
    .collect()
}

fn definitions() -> BTreeMap<String, Definition> {
    let all = predicted::of_type("Microsoft.Authorization/roleDefinitions").into_iter();
    all.map(|one| (one["id"].as_str().unwrap().to_lowercase(), Definition::of(&one))).collect()
}

fn group() -> String {
    let group = predicted::of_type("Microsoft.Resources/resourceGroups").remove(0);
    group["id"].as_str().unwrap().to_owned()
}

fn judged(listed: Vec<Json>, definitions: &BTreeMap<String, Definition>) -> Check {
    let all = assignments(&Json::Array(listed), PRINCIPAL);
    let names = Names::of_app(&format!("func-latchkey-{TOKEN}")).unwrap();
    judge(&all, definitions, &wanted::all(&group(), &names, Some(&group())))
}

fn assignment(role: &str, scope: &str) -> Json {
    json!({
        "id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/x"),
        "properties": { "roleDefinitionId": role, "scope": scope, "principalId": PRINCIPAL },
    })
}

/// Both ways: nothing that the template assigns is missing in the list, and nothing else is in it.
#[test]
fn the_roles_that_are_wanted_are_those_that_the_template_assigns() {
    let check = judged(listed(), &definitions());
    assert_eq!(check.is, Verdict::Good, "{check:?}");
    assert!(check.saw.contains("has the 51 roles"), "{}: {check:?}", listed().len());
}

#[test]
fn each_role_that_is_missing_is_named() {
    for gone in 0..listed().len() {
        let mut some = listed();
        let lost = some.remove(gone);
        let scope = lost["properties"]["scope"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let check = judged(some, &definitions());
        assert_eq!(check.is, Verdict::Wrong, "{lost}");
        assert!(check.saw.starts_with("the identity lacks ") && check.saw.ends_with(&scope), "{check:?}");
        assert!(!check.saw.contains(", "), "one alone: {check:?}");
    }
    let check = judged(Vec::new(), &definitions());
    assert!(check.saw.ends_with(", and 45 more"), "{check:?}");
}

#[test]
fn a_role_that_nobody_needs_is_named_and_not_wrong() {
    let contributor = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c";
    let mut more = definitions();
    more.insert(
        contributor.to_lowercase(),
        Definition { name: "Contributor".to_owned(), ..Definition::default() },
    );
    let mut all = listed();
    all.push(assignment(contributor, &group()));
    let check = judged(all, &more);
    assert_eq!(check.is, Verdict::Noted, "{check:?}");
    assert!(
        check
            .saw
            .ends_with("it may do more than it needs: Contributor at resourceGroups/rg-latchkey-contoso")
    );
    assert!(check.mend.unwrap().contains("az role assignment delete --ids /subscriptions/"));
}

#[test]
fn a_role_above_counts_and_is_more_than_is_needed() {
    let mut all = listed();
    let is_sender =
        |one: &&mut Json| one["properties"]["roleDefinitionId"].as_str().unwrap().contains("69a216fc");
    let sender = all.iter_mut().find(is_sender).unwrap();
    let scope = sender["properties"]["scope"].as_str().unwrap().split("/queues/").next().unwrap().to_owned();
    sender["properties"]["scope"] = json!(scope);
    let check = judged(all, &definitions());
    assert_eq!(check.is, Verdict::Noted, "{check:?}");
    assert!(check.saw.contains("at namespaces/sb-latchkey-"), "{check:?}");
}

#[test]
fn the_role_for_exact_scaling_is_no_surplus() {
    let mut all = listed();
    let is_queue = |one: &&Json| one["properties"]["scope"].as_str().unwrap().contains("/queues/");
    let queue = all.iter().find(is_queue).unwrap()["properties"]["scope"].as_str().unwrap().to_owned();
    let owner = format!("/x/roleDefinitions/{}", wanted::exact_scaling());
    all.push(assignment(&owner, &queue));
    assert_eq!(judged(all, &definitions()).is, Verdict::Good);
}

#[test]
fn a_role_of_ours_that_somebody_changed_is_missing() {
    for (id, definition) in definitions() {
        let mut less = definitions();
        let changed = less.get_mut(&id).unwrap();
        if changed.actions.pop_first().is_none() {
            changed.data_actions.pop_first();
        }
        let check = judged(listed(), &less);
        assert_eq!(check.is, Verdict::Wrong, "{definition:?}");
        assert!(check.saw.contains("lacks the role that "), "{check:?}");
    }
}

/// Whoever may not read the settings does not know which group the disks are in.
#[test]
fn any_group_can_be_that_of_the_disks() {
    let names = Names::of_app(&format!("func-latchkey-{TOKEN}")).unwrap();
    let wanted = wanted::all(&group(), &names, None);
    let all = |listed: Vec<Json>| assignments(&Json::Array(listed), PRINCIPAL);
    assert_eq!(judge(&all(listed()), &definitions(), &wanted).is, Verdict::Good);
    let mut some = listed();
    some.retain(|one| one["properties"]["scope"] != group().as_str());
    let check = judge(&all(some), &definitions(), &wanted);
    assert!(check.saw.ends_with("at the resource group of the disks"), "{check:?}");
}

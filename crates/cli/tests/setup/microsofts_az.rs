//! Microsoft's own Azure CLI: whose login the command uses, and who reads back what was made.

use serde_json::{Value, json};

use crate::{
    az::{Az, installed},
    support::{Estate, URL, with},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_cli_signs_in_and_reads_back_what_was_made() {
    let Some(program) = installed() else { return };
    let estate = Estate::empty().await;
    let az = Az::signed_in(program, &estate).await;
    for writes in [true, false] {
        let mut command = estate.command("setup", &with(&estate.all(), &["--yes"]), az.path());
        az.point(&mut command);
        let ran = estate.run(command).await.ends(0);
        assert_eq!(ran.writes > 0, writes, "{}", ran.stdout);
        assert!(ran.states().iter().all(|(_, state)| state == "right"), "{}", ran.stdout);
    }

    let application = estate.application("Latchkey").await;
    let id = application["appId"].as_str().unwrap();
    let shown = az.ask(&["ad", "app", "show", "--id", id]).await;
    assert_eq!(shown["signInAudience"], "AzureADMultipleOrgs");
    assert_eq!(shown["web"]["redirectUris"], json!([format!("{URL}/api/consent/callback")]));
    assert_eq!(az.ask(&["ad", "sp", "show", "--id", id]).await["appId"], id);
    let identity = az.ask(&["identity", "show", "--ids", &estate.identity()]).await;
    let credentials = az.ask(&["ad", "app", "federated-credential", "list", "--id", id]).await;
    assert_eq!(credentials[0]["subject"], identity["principalId"]);

    let principal = identity["principalId"].as_str().unwrap();
    let list =
        ["role", "assignment", "list", "--all", "--assignee", principal, "--fill-principal-name", "false"];
    let assigned = az.ask(&list).await;
    let mut scopes: Vec<&str> =
        assigned.as_array().unwrap().iter().map(|one| one["scope"].as_str().unwrap()).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, [estate.group(), estate.identity()]);
    let roles =
        az.ask(&["role", "definition", "list", "--custom-role-only", "--scope", &estate.group()]).await;
    let mut actions: Vec<Value> = Vec::new();
    for role in roles.as_array().unwrap() {
        actions.extend(role["permissions"][0]["actions"].as_array().unwrap().clone());
    }
    let wanted = [
        include_str!("../../../../infra/disk-actions.json"),
        include_str!("../../../../infra/identity-actions.json"),
    ];
    let mut expected: Vec<Value> =
        wanted.iter().flat_map(|file| serde_json::from_str::<Vec<Value>>(file).unwrap()).collect();
    for list in [&mut actions, &mut expected] {
        list.sort_by_key(Value::to_string);
    }
    assert_eq!(actions, expected);
    estate.save_har("setup-with-az");
}

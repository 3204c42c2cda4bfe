//! What the instructions say (docs/operate/deploy.md), done with Microsoft's Azure CLI and Bicep compiler: doctor names what is
//! still to be done, and nothing else.
//!
//! `LATCHKEY_BICEP` names the compiler. Skipped without.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    az::{Az, installed},
    support::Estate,
};

/// The folder of the repository.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The checks that are not good, with what was seen.
async fn not_good(estate: &Estate, az: &Az<'_>, arguments: &[String]) -> BTreeMap<String, (String, String)> {
    let mut command = estate.command("doctor", arguments, az.path());
    az.point(&mut command);
    let document = estate.run(command).await.document();
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let checks = document["checks"].as_array().unwrap().iter();
    let told = checks.map(|check| (text(check, "check"), (text(check, "is"), text(check, "saw"))));
    told.filter(|(_, (is, _))| is != "good").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_azure_cli_deployed_is_good_but_for_what_is_still_to_be_done() {
    let (Some(program), Some(bicep)) = (installed(), std::env::var_os("LATCHKEY_BICEP")) else { return };
    let estate = Estate::empty().await;
    let az = Az::signed_in(program, &estate).await;
    // Azure CLI takes the compiler that it finds by this name.
    let bin = estate.folder.path().join("bin");
    std::os::unix::fs::symlink(bicep, bin.join("bicep")).unwrap();
    std::fs::remove_file(bin.join("az")).unwrap();
    az.ask(&["config", "set", "bicep.use_binary_from_path=true", "bicep.check_version=false"]).await;
    let client = estate.vendor.administrator.client_id.to_string();
    let principal = az.ask(&["ad", "sp", "show", "--id", &client]).await["id"].as_str().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), az.path().display());
    let environment = [
        ("PATH", path.as_str()),
        ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1"),
        ("AZURE_ENV_NAME", "contoso"),
        ("AZURE_LOCATION", "westeurope"),
        ("AZURE_PRINCIPAL_ID", &principal),
        ("AZURE_PRINCIPAL_TYPE", "ServicePrincipal"),
        ("LATCHKEY_APPLICATION_ID", "44444444-dddd-4444-8888-eeeeeeeeeeee"),
    ];
    let infra = |file: &str| project().join("infra").join(file).display().to_string();
    let (template, parameters) = (infra("main.bicep"), infra("main.bicepparam"));
    let create = ["deployment", "sub", "create", "--name", "latchkey", "--location", "westeurope"];
    let create = [&create[..], &["--template-file", &template, "--parameters", &parameters]].concat();
    let deployed = az.ask_with(&create, &environment).await;
    let outputs = deployed["properties"]["outputs"].as_object().unwrap();
    let output = |wanted: &str| {
        let found = outputs.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.unwrap().1["value"].as_str().unwrap().to_owned()
    };
    let subscription = estate.vendor.subscription_id.to_string();
    let group = output("AZURE_RESOURCE_GROUP");
    let arguments =
        ["--json", "--subscription", &subscription, "--resource-group", &group].map(str::to_owned);

    let mut found = not_good(&estate, &az, &arguments).await;
    assert_eq!(found.remove("function-app").unwrap().0, "not-checked");
    let (is, saw) = found.remove("functions").unwrap();
    assert!(is == "wrong" && saw.contains("no package was published"), "{saw}");
    let (is, saw) = found.remove("alerts").unwrap();
    assert!(is == "noted" && saw.contains("they reach nobody"), "{saw}");
    let (is, saw) = found.remove("vault-references").unwrap();
    assert!(is == "wrong" && saw.contains("LATCHKEY_SIGNING_KEY is SecretNotFound"), "{saw}");
    let (is, saw) = found.remove("signing-key").unwrap();
    assert!(is == "wrong" && saw.contains("there is no secret signing-key"), "{saw}");
    assert_eq!(found, BTreeMap::new());

    // The next step of the instructions, and one that was forgotten.
    let vault = output("LATCHKEY_VAULT");
    let set = ["keyvault", "secret", "set", "--vault-name", &vault, "--name", "signing-key", "--value"];
    az.ask(&[&set[..], &["not a key that anything is signed with"]].concat()).await;
    let emails = [("LATCHKEY_ALERT_EMAILS", "operations@contoso.com,night@contoso.com")];
    az.ask_with(&create, &[&environment[..], &emails].concat()).await;
    let found = not_good(&estate, &az, &arguments).await;
    assert_eq!(found.keys().collect::<Vec<_>>(), ["function-app", "functions"], "{found:?}");
}

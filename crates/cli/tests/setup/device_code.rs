//! Signing in with a browser and a code, without Azure CLI.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::support::{Estate, with};

/// Runs the command until it shows a code, has the person decide, and gives status, what it printed and what it said.
async fn signs_in(estate: &Estate, person: &str, decision: &str) -> (i32, String, String) {
    let tenant = estate.vendor.tenant_id.to_string();
    let arguments = with(&[], &["--login", "device-code", "--tenant", &tenant, "--dry-run", "--json"]);
    let mut command = estate.command("setup", &arguments, estate.folder.path().join("nothing"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).await.unwrap();
    let code = said.split("enter the code ").nth(1).and_then(|rest| rest.split(' ').next());
    let code = code.unwrap_or_else(|| panic!("no code in {said}"));

    let page = "https://login.microsoftonline.com/common/oauth2/deviceauth";
    let form = [("user_code", code), ("person", person), ("decision", decision)];
    let answer = estate.http.post(page).form(&form).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let output = child.wait_with_output().await.unwrap();
    stderr.read_to_string(&mut said).await.unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_with_a_code() {
    let estate = Estate::empty().await;
    let person = estate.vendor.administrator_user.to_string();
    let (status, stdout, stderr) = signs_in(&estate, &person, "sign in").await;
    assert_eq!(status, 0, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["plan"][0]["state"], "missing");
    assert!(!format!("{stdout}{stderr}").contains("eyJ"), "a token was printed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_declines_or_may_not_is_refused() {
    let estate = Estate::empty().await;
    let administrator = estate.vendor.administrator_user.to_string();
    let (status, _, stderr) = signs_in(&estate, &administrator, "cancel").await;
    assert_eq!(status, 1);
    assert!(stderr.contains("Microsoft Entra refuses the sign-in"), "{stderr}");

    let other = estate.vendor.ordinary_user.to_string();
    let (status, _, stderr) = signs_in(&estate, &other, "sign in").await;
    assert_eq!(status, 1);
    assert!(stderr.contains("Application Developer"), "{stderr}");
}

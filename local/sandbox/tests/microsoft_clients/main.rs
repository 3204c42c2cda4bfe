//! Microsoft's own clients, unmodified, against the sandbox; and its published descriptions as judges of what was said.
//!
//! `tests/judges/azure/run` installs what is needed and runs this. By hand: `LATCHKEY_AZ` names Azure CLI (default `az`),
//! `LATCHKEY_AZURE_SDK_PYTHON` a Python with Microsoft's libraries (default `python3`), and `LATCHKEY_API_DESCRIPTIONS` a folder with `specification/` and `graph/` (see the README there), where
//! `LATCHKEY_OAV` names the folder in which Node.js finds the package `oav`. What is missing is skipped, with a word, unless
//! `LATCHKEY_REQUIRE_JUDGES=1`: then a missing client is a failure. The descriptions may always be missing.

mod deploying;
mod judges;

use judges::{Client, Judged};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_cli_follows_microsofts_article_and_sdks_and_cli_go_on_from_there() {
    let Some(az) = Client::azure_cli() else { return };
    let judged = Judged::start().await;
    judged.run("article.sh", &az).await;
    // None of these leaves anything that another one looks at.
    tokio::join!(judged.run("sets.sh", &az), sdks(&judged));
    judged.run("template.sh", &az).await;
    judged.run("beyond.sh", &az).await;
    judged.judge("azure").await;
    judges::finds_planted_faults("azure").await;
}

async fn sdks(judged: &Judged) {
    if let Some(python) = Client::python_sdk() {
        judged.attach_identity();
        judged.run("sdk.py", &python).await;
    }
    if let Some(python) = Client::event_grid_sdk() {
        judged.run("events.py", &python).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_cli_disables_deletes_and_restores_what_is_in_a_directory() {
    let Some(az) = Client::azure_cli() else { return };
    let judged = Judged::start().await;
    judged.run("directory.sh", &az).await;
    judged.judge("directory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_cli_and_sdks_look_after_vaults_and_their_keys() {
    let Some(az) = Client::azure_cli() else { return };
    let judged = Judged::start().await;
    judged.run("vaults.sh", &az).await;
    if let Some(python) = Client::python_sdk() {
        judged.run("vaults.py", &python).await;
    }
    judged.judge("vaults").await;
}

//! What `infra/` describes, deployed by Microsoft's command line and compiler.

use crate::judges::{Client, Judged};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_cli_deploys_what_infra_describes_and_what_is_there_is_what_was_predicted() {
    let (Some(az), Some(_)) = (Client::azure_cli(), Client::bicep()) else { return };
    let judged = Judged::start().await;
    judged.run("deploy.sh", &az).await;
    judged.judge_without_graph("deploy").await;
}

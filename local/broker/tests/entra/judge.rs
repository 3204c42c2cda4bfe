//! Microsoft's Python SDK, by TLS and with a credential instead of a connection string.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::estate::{Estate, SENDER};

const PATIENCE: Duration = Duration::from_secs(300);
/// The script's exit status when the SDK is not installed.
const SDK_MISSING: i32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_python_sdk_sends_with_the_role_for_it_and_is_refused_what_it_has_none_for() {
    let estate = Estate::start().await;
    estate.assign(&format!("{}/queues/orders", estate.namespace), SENDER).await;
    let broker = estate.broker().await;
    let python = std::env::var("LATCHKEY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/servicebus/identity.py");
    let judged = Command::new(python)
        .arg(script)
        .arg(broker.address().to_string())
        .env("IDENTITY_ENDPOINT", estate.sandbox.identity_endpoint())
        .env("IDENTITY_HEADER", estate.sandbox.identity_header())
        .env("IDENTITY_CLIENT_ID", estate.identity["properties"]["clientId"].as_str().unwrap())
        .env("SSL_CERT_FILE", estate.ca_file())
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true)
        .output();
    let output = match timeout(PATIENCE, judged).await.expect("the judge finishes in time") {
        Ok(output) => output,
        Err(error) => return skip(&format!("it cannot be run ({error})")),
    };
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(SDK_MISSING) {
        return skip(said.trim());
    }
    assert!(output.status.success() && said.contains("all is well"), "{said}\n{complained}");
    assert_eq!(broker.counts("orders").unwrap().active, 2);
    broker.stop().await;
}

fn skip(reason: &str) {
    let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
    assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but Microsoft's Python SDK did not judge: {reason}");
    // Past the test runner's capture: whoever runs the tests is to see it although the test passes.
    let line = format!("SKIPPED: Microsoft's Python SDK did not judge TLS and roles: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error can be written");
}

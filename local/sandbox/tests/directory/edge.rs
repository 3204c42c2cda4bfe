//! The wires: what the proxy lets through, what the certificate vouches for, what the record keeps.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sandbox::Sandbox;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{Cloud, EXCHANGE, client, client_builder, options};

/// How long anything may take before a test fails: generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the proxy says to a CONNECT, up to the end of its headers.
async fn connect(sandbox: &Sandbox, request: &str) -> String {
    let address = sandbox.proxy_url().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut answer).await.unwrap() == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_runs_beside_the_sandbox_is_trusted_by_the_same_certificate() {
    let cloud = Cloud::start().await;
    let issued = cloud.sandbox.issue_certificate().unwrap();
    let chain = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            seen.push(TlsAcceptor::from(Arc::new(config.clone())).accept(stream).await.is_ok());
        }
        seen
    });
    let trusting = client_builder(&cloud.sandbox).no_proxy().build().unwrap();
    // The handshake is all there is: whether it came about is what the server says.
    for host in ["127.0.0.1", "localhost"] {
        trusting.get(format!("https://{host}:{port}/")).send().await.unwrap_err();
    }
    assert_eq!(served.await.unwrap(), [true, false], "only the address is vouched for");
}

#[tokio::test]
async fn the_proxy_lets_nothing_out() {
    let cloud = Cloud::start().await;
    for (target, expected) in [
        ("login.microsoftonline.com:443", "200"),
        ("graph.microsoft.com:443", "200"),
        ("management.azure.com:443", "200"),
        ("marketplaceapi.microsoft.com:443", "200"),
        ("no-such-vault.vault.azure.net:443", "502"),
        ("login.microsoftonline.com:80", "403"),
        ("login.microsoftonline.com.example.org:443", "403"),
        ("example.org:443", "403"),
        ("127.0.0.1:22", "403"),
        ("vault.azure.net:443", "403"),
        ("a.b.vault.azure.net:443", "403"),
        ("dc.services.visualstudio.com:443", "403"),
    ] {
        let answer =
            connect(&cloud.sandbox, &format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{target}: {answer}");
    }
    let plain = "GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n";
    assert!(connect(&cloud.sandbox, plain).await.starts_with("HTTP/1.1 403 "));
}

#[tokio::test]
async fn a_tunnel_to_one_name_does_not_lead_to_a_stranger() {
    let cloud = Cloud::start().await;
    let client = client_builder(&cloud.sandbox).http1_only().build().unwrap();
    let request = client.get("https://management.azure.com/").header("host", "example.org");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn every_call_is_counted_and_the_record_holds_no_secret() {
    let cloud = Cloud::start().await;
    let (application, identity) =
        (cloud.application().await, cloud.identity(&cloud.vendor(), "function-app").await);
    cloud.trust_well(&application, &identity).await;
    let customer = cloud.customer();
    let app_id = application["appId"].as_str().unwrap();
    cloud.let_in(&customer, app_id).await;
    let assertion = cloud.assertion(&identity).await;
    let (_, body) = cloud.exchange(customer.tenant_id, app_id, &assertion).await;
    let token = body["access_token"].as_str().unwrap().to_owned();
    let path = format!("applications/{}/addPassword", application["id"].as_str().unwrap());
    let (_, secret) = cloud.graph(&cloud.vendor(), Method::POST, &path, Some(serde_json::json!({}))).await;
    let marketplace = cloud
        .client
        .post("https://marketplaceapi.microsoft.com/api/saas/subscriptions/resolve?api-version=2018-08-31")
        .header("x-ms-marketplace-token", "the-landing-pages-token")
        .send()
        .await
        .unwrap();
    drop(marketplace);

    let har = cloud.sandbox.har();
    let text = har.to_string();
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    for hidden in [
        signature(&assertion),
        signature(&token),
        customer.administrator.client_secret,
        cloud.vendor().administrator.client_secret,
        secret["secretText"].as_str().unwrap().to_owned(),
        cloud.sandbox.identity_header().to_owned(),
        "the-landing-pages-token".to_owned(),
    ] {
        assert!(hidden.len() > 10 && !text.contains(&hidden), "the record holds a secret");
    }

    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    let calls = cloud.sandbox.azure_calls();
    assert_eq!(calls.values().sum::<u64>(), entries.len() as u64);
    assert_eq!(calls["127.0.0.1"], 1);
    assert_eq!(calls["management.azure.com"], 2);
    assert_eq!(calls["marketplaceapi.microsoft.com"], 1);
    let exchange = entries.iter().find(|entry| sent(entry).contains("client_assertion=REDACTED")).unwrap();
    assert_eq!(exchange["request"]["method"], "POST");
    assert_eq!(exchange["response"]["status"], 200);
    assert!(sent(exchange).contains(&format!("client_id={app_id}")), "the rest stays readable");
    assert!(text.contains("Bearer REDACTED"));
}

fn sent(entry: &Value) -> &str {
    entry["request"]["postData"]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn nothing_is_recorded_unless_asked_for() {
    let cloud = Cloud::with(|options| options.har = false).await;
    cloud.identity_token(EXCHANGE, "x").await;
    assert_eq!(cloud.sandbox.har()["log"]["entries"], serde_json::json!([]));
    assert_eq!(cloud.sandbox.azure_calls()["127.0.0.1"], 1);
}

#[tokio::test]
async fn the_run_folder_is_closed_to_others_and_holds_no_private_key() {
    let cloud = Cloud::start().await;
    let folder = cloud.folder().join("run");
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files, [cloud.sandbox.ca_file()]);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(text.contains("BEGIN CERTIFICATE") && !text.contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_stopped_sandbox_is_gone() {
    for by_dropping in [false, true] {
        let folder = TempDir::new().unwrap();
        let sandbox = Sandbox::start(options(&folder)).await.unwrap();
        let http = client(&sandbox);
        let (address, url) = (
            sandbox.proxy_url().replace("http://", ""),
            "https://login.microsoftonline.com/common/discovery/keys",
        );
        assert!(http.get(url).send().await.unwrap().status().is_success());
        if by_dropping {
            drop(sandbox);
        } else {
            sandbox.stop().await;
        }
        let gone = async {
            while TcpStream::connect(&address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.expect("the port closes");
        assert!(http.get(url).send().await.is_err());
    }
}

//! The deployed executable, started as the Functions host starts it.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it does not expect has failed")]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tokio::net::TcpSocket;

const PATIENCE: Duration = Duration::from_secs(120);
const GUID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

fn executable() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-functions"));
    command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn without_settings_it_ends_and_names_every_one_that_is_missing() {
    let ended = executable().env("FUNCTIONS_CUSTOMHANDLER_PORT", "1").output().unwrap();
    assert!(!ended.status.success());
    let stderr = String::from_utf8(ended.stderr).unwrap();
    for name in ["ServiceBus", "LATCHKEY_JOURNAL_URL", "LATCHKEY_SIGNING_KEY", "LATCHKEY_REGION"] {
        assert!(stderr.contains(name), "{name} is not in: {stderr}");
    }
}

#[test]
fn with_settings_it_answers_the_hosts_question_whether_it_is_there() {
    let (port, mut child) = start(&[]);
    let answer = ask(number(&port), "GET /", "");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn with_a_collector_named_a_run_is_exported_before_the_process_is_killed() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let (port, mut child) =
        start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("WEBSITE_SITE_NAME", "latchkey-app")]);
    let answer = ask(
        number(&port),
        "GET /api/consent/callback",
        "X-Azure-Functions-InvocationId: i-1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 4"), "a consent without a state: {answer}");
    let export = one_request(&collector);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(export.starts_with(b"POST /v1/traces HTTP/1.1\r\n"));
    // In protobuf texts and ids are plain bytes.
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    for part in [&b"latchkey-app"[..], b"consent_callback", b"faas.invocation_id", b"i-1", &trace] {
        assert!(
            export.windows(part.len()).any(|window| window == part),
            "{:?} is not exported",
            part.escape_ascii()
        );
    }
}

/// Journals are about what customers consented to, and where: another region's start does not go on with them.
#[test]
fn with_settings_that_contradict_the_store_it_ends_and_says_what_differs() {
    let folder = std::env::temp_dir().join(format!("latchkey-deployed-{}", std::process::id()));
    let store = format!("file://{}", folder.display());
    let (port, mut child) = start(&[("LATCHKEY_JOURNAL_URL", &store)]);
    ask(number(&port), "GET /", "");
    child.kill().unwrap();
    child.wait().unwrap();
    let (_port, child) = start(&[("LATCHKEY_JOURNAL_URL", &store), ("LATCHKEY_REGION", "northeurope")]);
    let ended = child.wait_with_output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success() && stderr.contains("LATCHKEY_REGION is northeurope"), "{stderr}");
}

fn accepted(collector: &TcpListener) -> TcpStream {
    collector.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok((connection, _)) = collector.accept() {
            connection.set_nonblocking(false).unwrap();
            return connection;
        }
        assert!(Instant::now() < deadline, "nothing is exported");
        sleep(Duration::from_millis(25));
    }
}

/// One request with its body, answered as a collector answers.
fn one_request(collector: &TcpListener) -> Vec<u8> {
    let mut connection = accepted(collector);
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = Vec::new();
    loop {
        let mut part = [0; 8192];
        let read = connection.read(&mut part).unwrap();
        assert!(read > 0, "the request breaks off");
        request.extend_from_slice(&part[..read]);
        let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
        if request.len() >= head + 4 + length.trim().parse::<usize>().unwrap() {
            connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            return request;
        }
    }
}

/// A port that is kept from everybody who asks for just any one, for as long as it is held. Who names it may listen there
/// as long as nobody does: that is what reusing an address means.
fn a_port() -> TcpSocket {
    let port = TcpSocket::new_v4().unwrap();
    port.set_reuseaddr(true).unwrap();
    port.bind(([127, 0, 0, 1], 0).into()).unwrap();
    port
}

fn number(port: &TcpSocket) -> u16 {
    port.local_addr().unwrap().port()
}

/// Starts the executable with settings that suffice, and these.
fn start(variables: &[(&str, &str)]) -> (TcpSocket, Child) {
    // Nothing of Azure is reachable: a start must not depend on anybody's being well.
    let port = a_port();
    let child = executable()
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", number(&port).to_string())
        .env("ServiceBus__fullyQualifiedNamespace", "contoso.servicebus.windows.net")
        .env("LATCHKEY_JOURNAL_URL", "memory:///")
        .env("LATCHKEY_PUBLIC_URL", "http://127.0.0.1:7071")
        .env("LATCHKEY_VENDOR_TENANT_ID", GUID)
        .env("LATCHKEY_VENDOR_SUBSCRIPTION_ID", GUID)
        .env("LATCHKEY_APPLICATION_ID", GUID)
        .env("LATCHKEY_MANAGED_IDENTITY_CLIENT_ID", GUID)
        .env(
            "LATCHKEY_MANAGED_IDENTITY_ID",
            format!("/subscriptions/{GUID}/resourceGroups/g/providers/M.I/u/n"),
        )
        .env("LATCHKEY_RESOURCE_GROUP", "g")
        .env("LATCHKEY_REGION", "westeurope")
        .env("LATCHKEY_SIGNING_KEY", "A".repeat(44).replace("AAAA", "QUJD"))
        .envs(variables.iter().copied())
        .spawn()
        .unwrap();
    (port, child)
}

fn ask(port: u16, line: &str, headers: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) {
            let request =
                format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Connection: close\r\n\r\n");
            connection.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).unwrap();
            return answer;
        }
        assert!(Instant::now() < deadline, "it never listened");
        sleep(Duration::from_millis(25));
    }
}

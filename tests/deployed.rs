//! The deployed executable, started as the Functions host starts it.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it does not expect has failed")]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

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
    // Nothing of Azure is reachable: a start must not depend on anybody's being well.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut child = executable()
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
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
        .spawn()
        .unwrap();
    let answer = ask(port);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn ask(port: u16) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) {
            let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
            connection.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).unwrap();
            return answer;
        }
        assert!(Instant::now() < deadline, "it never listened");
        sleep(Duration::from_millis(25));
    }
}

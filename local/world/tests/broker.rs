//! `latchkey broker` as people and scripts use it: what it prints, what it refuses, how it ends, what it keeps.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const CONFIG: &str = r#"{"UserConfig": {"Namespaces": [{"Name": "local",
    "Queues": [{"Name": "orders", "Properties": {"RequiresSession": true}}],
    "Topics": [{"Name": "events", "Subscriptions": [{"Name": "all"}]}]}]}}"#;

fn latchkey_broker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command.arg("broker").args(arguments).stdin(Stdio::null());
    command
}

fn config(folder: &Path, text: &str) -> String {
    let file = folder.join("Config.json");
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Starts it on a free port, and reads what it prints when it listens.
fn start(folder: &Path, state: &Path) -> (Child, Value) {
    let config = config(folder, CONFIG);
    let arguments = ["--config", &config, "--port", "0", "--json", "--state", state.to_str().unwrap()];
    let mut child = latchkey_broker(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// Asks it to stop as Ctrl-C does.
fn interrupt(mut child: Child) -> Option<i32> {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    child.wait().unwrap().code()
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = latchkey_broker(arguments).output().unwrap();
    assert_eq!((status.code(), stdout.len()), (Some(1), 0));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn it_listens_says_how_to_connect_and_ends_by_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (child, first) = start(folder.path(), &state);
    let names = ["orders", "events", "events/Subscriptions/all"].map(Value::from);
    assert_eq!(first["entities"], Value::from(names.to_vec()));
    let connection_string = first["connectionString"].as_str().unwrap().to_owned();
    let address = first["address"].as_str().unwrap();
    assert!(connection_string.starts_with(&format!("Endpoint=sb://{address};SharedAccessKeyName=")));
    assert!(std::net::TcpStream::connect(address).is_ok());
    assert_eq!(interrupt(child), Some(0));

    assert!(connection_string.contains(";SharedAccessKey=SAS_KEY_VALUE;"), "the emulator's own");
}

#[test]
fn people_read_the_entities_and_the_connection_string() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), CONFIG);
    let mut child =
        latchkey_broker(&["--config", &config, "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        assert!(output.read_line(&mut text).unwrap() > 0, "{text}");
    }
    for expected in [
        "'local'",
        "events/Subscriptions/all",
        "UseDevelopmentEmulator=true;",
        "256 KB, as in the standard tier",
        "--state DIR",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert_eq!(interrupt(child), Some(0));
    output.read_to_string(&mut text).unwrap();
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.json");
    let said = refused(&["--config", missing.to_str().unwrap()]);
    assert!(said.contains("missing.json"), "{said}");

    let bad = config(folder.path(), &CONFIG.replace("true", "\"yes\""));
    let said = refused(&["--config", &bad]);
    assert!(said.contains("Queues[0].Properties.RequiresSession"), "{said}");

    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let good = config(folder.path(), CONFIG);
    let said = refused(&["--config", &good, "--port", &port]);
    assert!(said.contains(&port), "{said}");

    let state = folder.path().join("state");
    let (child, _) = start(folder.path(), &state);
    let said = refused(&["--config", &good, "--port", "0", "--state", state.to_str().unwrap()]);
    assert!(said.contains("another broker uses the state"), "{said}");
    assert_eq!(interrupt(child), Some(0));
}

//! `latchkey sandbox` as people and scripts use it: files, exit codes, a child in its environment, a kill.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test fails: generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

fn latchkey(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    latchkey(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running sandbox that is killed when the test ends, however it ends.
struct Running {
    child: Child,
    lines: Receiver<String>,
    started: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(dir: &Path, more: &[&str]) -> Self {
        let arguments = [&["sandbox", "--json", "--dir", dir.to_str().unwrap()], more].concat();
        let mut command = latchkey(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let line: String = lines.recv_timeout(PATIENCE).expect("it says that it is up");
        let started: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(started["event"], "started");
        Self { child, lines, started }
    }

    /// Interrupts it. Gives its last line and its status.
    fn interrupt(mut self) -> (Value, Option<i32>) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let line = self.lines.recv_timeout(PATIENCE).expect("it says that it has stopped");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (serde_json::from_str(&line).unwrap(), status.code());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not end");
    }
}

fn exec(dir: &Path, command: &[&str]) -> Output {
    run(&[&["sandbox", "exec", "--dir", dir.to_str().unwrap(), "--"], command].concat())
}

fn tenants(running: &Running) -> String {
    let url = format!("{}/tenants", running.started["control"].as_str().unwrap());
    blocking(async move {
        reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    })
}

fn blocking<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_child_runs_in_the_environment_and_its_status_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("box");
    let running = Running::start(&dir, &[]);
    let output = exec(&dir, &["sh", "-c", "printf '%s|%s' \"$HTTPS_PROXY\" \"$AZURE_CONFIG_DIR\"; exit 7"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    let expected = format!(
        "{}|{}",
        running.started["proxy"].as_str().unwrap(),
        dir.canonicalize().unwrap().join("azure").display()
    );
    assert_eq!(text(&output.stdout), expected);
    let killed = exec(&dir, &["sh", "-c", "kill -TERM $$"]);
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&killed.status),
        Some(15),
        "as if it had run by itself"
    );
    assert_eq!(exec(&dir, &["no-such-program-anywhere"]).status.code(), Some(127));
    assert_eq!(exec(&dir, &[dir.to_str().unwrap()]).status.code(), Some(126));

    let (stopped, status) = running.interrupt();
    assert_eq!((stopped["event"].as_str(), status), (Some("stopped"), Some(0)));
    let output = exec(&dir, &["true"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("no sandbox runs in") && stderr.contains("latchkey sandbox --dir"), "{stderr}");
    let nowhere = exec(&folder.path().join("nowhere"), &["true"]);
    assert!(text(&nowhere.stderr).contains("no sandbox has run in"), "{}", text(&nowhere.stderr));
}

#[test]
fn preparing_needs_a_sandbox_that_runs_and_a_blob_store_with_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("box");
    let prepare = |blobs: &str| {
        let output = run(&["sandbox", "prepare", "--dir", dir.to_str().unwrap(), "--blobs", blobs]);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let nobody = "https://127.0.0.1:1/latchkeystore";
    assert!(prepare(nobody).contains("no sandbox has run in"), "{}", prepare(nobody));
    let _running = Running::start(&dir, &[]);
    let no_store = prepare(nobody);
    assert!(no_store.contains(&format!("the blob store has to run at {nobody}")), "{no_store}");
    let no_account = prepare("https://127.0.0.1:1/");
    assert!(no_account.contains("names no storage account"), "{no_account}");
}

#[test]
fn what_was_answered_survives_sigkill_and_the_ports_are_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("box");
    let mut running = Running::start(&dir, &[]);
    let control = running.started["control"].as_str().unwrap().to_owned();
    let made: Vec<String> = blocking(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut made = Vec::new();
        for number in 0..20 {
            let body = serde_json::json!({ "displayName": format!("Customer {number}") });
            let answer = client.post(format!("{control}/tenants")).json(&body).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 201);
            let answer: Value = answer.json().await.unwrap();
            made.push(answer["tenantId"].as_str().unwrap().to_owned());
        }
        made
    });
    // Killed in the very moment after the last answer.
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let before = running.started.clone();
    drop(running);
    // As if the kill had come in the middle of writing one more change.
    let log = dir.join("sandbox/sandbox-changes.jsonl");
    let mut text = fs::read_to_string(&log).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() >= 20);
    text.push_str("{\"directory\":{\"tenants\":{\"$chan");
    fs::write(&log, text).unwrap();

    let again = Running::start(&dir, &[]);
    let known = tenants(&again);
    for tenant in &made {
        assert!(known.contains(tenant), "{tenant} was answered for, and is lost");
    }
    for what in ["url", "proxy", "vendor", "customer"] {
        assert_eq!(again.started[what], before[what], "{what}");
    }
    assert_eq!(fs::read_to_string(&log).unwrap(), "", "the log is empty again");
}

#[test]
fn only_its_owner_may_read_what_it_writes_and_nobody_may_share_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("box");
    let running = Running::start(&dir, &[]);
    let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("run"), mode("sandbox")), (0o700, 0o700, 0o700));
    assert_eq!((mode("env"), mode("vendor-secret"), mode("customer-secret")), (0o600, 0o600, 0o600));
    assert!(fs::read_dir(dir.join("run")).unwrap().all(|file| file.unwrap().file_name() == "ca.pem"));
    let second = run(&["sandbox", "--dir", dir.to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("runs in"), "{}", text(&second.stderr));
    let users = running.started["customer"]["users"].as_array().unwrap();
    assert_eq!((users.len(), users[0]["administrator"].as_bool()), (2, Some(true)));
}

#[test]
fn a_wrong_command_line_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("box");
    for listen in ["0.0.0.0:0", "192.168.1.1:80", "[::1]:80", "80"] {
        let output = run(&["sandbox", "--dir", dir.to_str().unwrap(), "--listen", listen]);
        assert_eq!(output.status.code(), Some(2), "{listen}");
    }
    let script = folder.path().join("faults.json");
    fs::write(&script, r#"{"faults":[{"call":{},"fault":{"kind":"status","status":404}}]}"#).unwrap();
    let output = run(&["sandbox", "--dir", dir.to_str().unwrap(), "--faults", script.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("faults[0].fault.status") && stderr.contains("faults.json"), "{stderr}");
    assert_eq!(run(&["sandbox", "exec", "--dir", dir.to_str().unwrap()]).status.code(), Some(2));
    assert!(!dir.exists(), "nothing was made");
}

#[test]
fn faults_and_exchanges_are_told_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, har, script) =
        (folder.path().join("box"), folder.path().join("out.har"), folder.path().join("faults.json"));
    fs::write(&script, r#"{"faults":[{"name":"down","call":{"path":"*/keys"},"nth":[1],"fault":{"kind":"status","status":503}}]}"#).unwrap();
    let more = ["--faults", script.to_str().unwrap(), "--har", har.to_str().unwrap()];
    let running = Running::start(&dir, &more);
    let url = format!("{}/common/discovery/keys", running.started["loginPages"].as_str().unwrap());
    let statuses: Vec<u16> = blocking(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut statuses = Vec::new();
        for _ in 0..2 {
            statuses.push(client.get(&url).send().await.unwrap().status().as_u16());
        }
        statuses
    });
    assert_eq!(statuses, [503, 200]);
    let (stopped, status) = running.interrupt();
    assert_eq!(status, Some(0));
    let fault = &stopped["faults"]["faults"][0];
    assert_eq!(
        (fault["name"].as_str(), fault["matched"].as_u64(), fault["fired"].as_u64()),
        (Some("down"), Some(2), Some(1))
    );
    let har: Value = serde_json::from_str(&fs::read_to_string(har).unwrap()).unwrap();
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 2);
}

#[test]
fn the_evidence_is_printed_for_people_and_for_machines() {
    let table = run(&["sandbox", "evidence"]);
    assert_eq!(table.status.code(), Some(0));
    assert!(text(&table.stdout).contains("our guess") && text(&table.stdout).contains("Event Grid"));
    let document: Value = serde_json::from_slice(&run(&["sandbox", "evidence", "--json"]).stdout).unwrap();
    let first = &document["behaviours"][0];
    assert_eq!((first["area"].as_str(), first["evidence"].as_str()), (Some("Entra"), Some("documented")));
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sandbox-evidence.md")).unwrap();
    assert_eq!(text(&run(&["sandbox", "evidence", "--markdown"]).stdout), page);
}

#[test]
fn help_teaches_and_warns() {
    for (arguments, teaches) in [
        (vec!["sandbox", "--help"], "USE NO REAL ACCOUNT"),
        (vec!["sandbox", "--help"], "GET /control"),
        (vec!["sandbox", "exec", "--help"], "sandbox exec -- az group list"),
        (vec!["sandbox", "evidence", "--help"], "our guess: none of these"),
    ] {
        let output = run(&arguments);
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains(teaches), "{arguments:?}\n{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{arguments:?}\n{help}");
    }
}

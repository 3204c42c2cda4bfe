//! The executable of the local world as people and scripts use it: exit codes, what is printed where, files, signals.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};

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
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_says_what_each_command_does_and_how_it_ends() {
    let expected = [
        (vec!["--help"], "latchkey demo"),
        (vec!["demo", "--help"], "EncryptionAtRestWithCustomerKey"),
        (vec!["up", "--help"], ". .latchkey/env"),
        (vec!["host", "--help"], "http://127.0.0.1:7071/admin/functions/NAME"),
        (vec!["dead-letters", "--help"], "latchkey dead-letters plan --reason DeadlineExceeded > plan.json"),
        (vec!["functions", "--help"], "FUNCTIONS_CUSTOMHANDLER_PORT"),
        (vec!["broker", "--help"], "Config.json"),
    ];
    for (arguments, teaches) in expected {
        let output = run(&arguments);
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains(teaches) && help.contains("Exit codes:"), "{arguments:?}\n{help}");
        // Nobody's terminal is asked to wrap what was wrapped already.
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{arguments:?}\n{help}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_a_missing_setting_with_1() {
    assert_eq!(run(&["demo", "--timeout", "soon"]).status.code(), Some(2));
    assert_eq!(run(&["conquer"]).status.code(), Some(2));

    let output = latchkey(&["functions"]).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("LATCHKEY_JOURNAL_URL is not set"), "{stderr}");
}

#[test]
fn a_demo_prints_one_document_writes_its_exchanges_and_keeps_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let (har, kept) = (folder.path().join("demo.har"), folder.path().join("kept"));
    let arguments = ["demo", "--json", "--har", har.to_str().unwrap(), "--keep", kept.to_str().unwrap()];
    let output = run(&arguments);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");

    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut names: Vec<_> = document.as_object().unwrap().keys().cloned().collect();
    names.sort();
    let mut expected =
        ["onboarding", "state", "tenant", "diskEncryptionSet", "disks", "steps", "azureCalls", "durationMs"];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(document["state"], "active");
    assert_eq!(document["disks"][0]["encryption"], "EncryptionAtRestWithCustomerKey");
    let steps = document["steps"].as_array().unwrap();
    let seen = |function: &str, outcome: &str| {
        steps.iter().any(|step| step["function"] == function && step["outcome"] == outcome)
    };
    assert!(seen("key_shared", "done"), "{steps:#?}");
    assert!(seen("activation_requested", "done"), "{steps:#?}");
    assert_the_exchanges_hold_no_secret(&har);
    assert!(fs::read_dir(kept.join("journal")).unwrap().next().is_some(), "the journal was kept");
    let again = run(&["demo", "--keep", kept.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("not empty"));
}

#[test]
fn the_scenarios_are_listed_and_an_unknown_one_is_refused_with_their_names() {
    let listed = run(&["demo", "--list"]);
    assert_eq!(listed.status.code(), Some(0));
    for name in ["onboarding", "rotation", "revocation", "recovery", "outage"] {
        assert!(text(&listed.stdout).lines().any(|line| line.starts_with(name)), "{name}");
    }
    let unknown = run(&["demo", "--scenario", "victory"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("expected one of onboarding, rotation"), "{unknown:?}");
    assert_eq!(run(&["demo", "--all", "--scenario", "outage"]).status.code(), Some(2));
}

#[test]
fn a_scenario_prints_one_document_with_its_events_and_what_was_read_back() {
    let output = run(&["demo", "--scenario", "revocation", "--json"]);
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{stderr}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["scenario"], &document["fault"]), (&json!("revocation"), &Value::Null));
    assert_eq!(document["readings"]["machine, read from ARM"], "stopped");
    assert_eq!(document["readings"]["state on the page"], "revoked");
    assert!(document["worldTimeMs"].as_u64().unwrap() > 3_600_000, "{document}");
    let events = document["events"].as_array().unwrap();
    let at = |what: &str| {
        let event = events.iter().find(|event| event["what"].as_str().unwrap().contains(what));
        event.unwrap_or_else(|| panic!("{what}: {events:#?}"))["atMs"].as_u64().unwrap()
    };
    assert!(at("disables the key") < at("revoked"));
    assert!(at("stopped the machine") - at("disables the key") > 3_000_000, "about an hour");
}

fn assert_the_exchanges_hold_no_secret(har: &Path) {
    let har = fs::read_to_string(har).unwrap();
    let document: Value = serde_json::from_str(&har).unwrap();
    assert_eq!(document["log"]["version"], "1.2");
    assert!(document["log"]["entries"].as_array().unwrap().len() > 30);
    let of_a_token = |name: &str| BASE64_URL_SAFE_NO_PAD.encode(json!({ name: "RS256" }).to_string());
    assert!(holds_a_token(&format!("a.{}", of_a_token("alg"))) && holds_a_token(&of_a_token("typ")));
    assert!(!holds_a_token("a wrapped key: Zm9eyJ-_XzA9aGVsbG8gd29ybGQ"), "three letters are no token");
    assert!(!holds_a_token(&har), "a token is among the exchanges");
}

/// Whether a part of a JWT is in it: base64 of `{"` and of a name. Three letters alone prove nothing, since the exchanges
/// are full of random base64: keys, and what was wrapped with them.
fn holds_a_token(text: &str) -> bool {
    text.match_indices("eyJ").any(|(start, _)| {
        let decoded = text.get(start..start + 12).and_then(|begin| BASE64_URL_SAFE_NO_PAD.decode(begin).ok());
        decoded.is_some_and(|begin| begin[2..].iter().all(u8::is_ascii_graphic))
    })
}

#[test]
fn a_demo_that_runs_out_of_time_ends_with_3_and_says_so() {
    let output = run(&["demo", "--timeout", "3"]);
    assert_eq!(output.status.code(), Some(3));
    let stderr = text(&output.stderr);
    let told = ["gave up waiting for", "the demo took longer than 3 s", "did not start within 3 s"];
    assert!(told.iter().any(|told| stderr.contains(told)), "{stderr}");
}

#[test]
fn an_interrupted_demo_ends_with_130_and_leaves_no_process_behind() {
    let mut command = latchkey(&["demo"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = lines_of(child.stdout.take().unwrap());
    let demo = Running { child, lines };
    let handler = handler_in(&demo.line_with("starts the handler process"));
    assert_eq!(demo.interrupt(), Some(130));

    assert_process_ends(handler);
}

#[test]
fn a_demo_that_is_killed_leaves_no_handler_process_behind() {
    let mut child = latchkey(&["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = lines_of(child.stdout.take().unwrap());
    let demo = Running { child, lines };
    let handler = handler_in(&demo.line_with("starts the handler process"));
    demo.line_with("the handler process is ready");
    drop(demo);
    assert_process_ends(handler);
}

fn handler_in(line: &str) -> i32 {
    line.split_whitespace().last().unwrap().parse().unwrap()
}

fn assert_process_ends(process: i32) {
    let deadline = Instant::now() + PATIENCE;
    while is_running(process) {
        assert!(Instant::now() < deadline, "the handler process outlived its world");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A process that has ended may still be listed, where nobody collects orphans: in a container, for instance.
fn is_running(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let is_zombie = stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
    let process = rustix::process::Pid::from_raw(process).unwrap();
    !is_zombie && rustix::process::test_kill_process(process).is_ok()
}

/// A running command that is killed when the test ends, however it ends.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn up(dir: &Path) -> Self {
        let mut command = latchkey(&["up", "--dir", dir.to_str().unwrap()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line that contains this.
    fn line_with(&self, what: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line =
                self.lines.recv_timeout(left).unwrap_or_else(|error| panic!("no line with {what}: {error}"));
            if line.contains(what) {
                return line;
            }
        }
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Interrupts it, and leaves its input open: nobody presses Enter.
    fn interrupt(mut self) -> Option<i32> {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it did not stop");
    }
}

fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

#[test]
fn up_writes_its_exports_refuses_a_second_one_sells_again_and_comes_back_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("world");
    let mut up = Running::up(&dir);
    let address = up.line_with("function app  ");
    let landing = up.line_with("/api/signup?token=");
    up.line_with("Press Ctrl-C");

    assert_only_its_owner_may_read(&dir.join("env"));
    assert_only_its_owner_may_read(&dir.join("customer-secret"));
    let exports = fs::read_to_string(dir.join("env")).unwrap();
    assert!(exports.contains(&format!("export LATCHKEY_URL='{}'", address_in(&address))), "{exports}");

    let second = run(&["up", "--dir", dir.to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another local world"));

    up.type_line("buy");
    assert_ne!(up.line_with("/api/signup?token="), landing);
    assert_eq!(up.interrupt(), Some(0));

    let up = Running::up(&dir);
    assert_eq!(up.line_with("function app  "), address, "the port is taken again");
    assert_eq!(up.interrupt(), Some(0));
}

fn address_in(line: &str) -> String {
    line.split_whitespace().last().unwrap().trim_end_matches('/').to_owned()
}

#[cfg(unix)]
fn assert_only_its_owner_may_read(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
}

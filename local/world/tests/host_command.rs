//! `latchkey host` as people and scripts use it: somebody else's handler, settings, signals, errors.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test fails: generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
const HTTP: &str = r#"{"bindings":[{"type":"httpTrigger","name":"req","methods":["get"]},{"type":"http","direction":"out","name":"res"}]}"#;
const QUEUE: &str =
    r#"{"bindings":[{"type":"serviceBusTrigger","name":"message","queueName":"orders","connection":"Bus"}]}"#;

/// An app whose handler is this command line.
fn app(program: &str, argument: &str) -> TempDir {
    let app = tempfile::tempdir().unwrap();
    let host_json = serde_json::json!({
        "version": "2.0",
        "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
        "customHandler": {
            "enableForwardingHttpRequest": true,
            "description": { "defaultExecutablePath": program, "arguments": [argument] },
        },
    });
    write(&app, "host.json", &host_json.to_string());
    write(&app, "hello/function.json", HTTP);
    app
}

fn write(app: &TempDir, path: &str, text: &str) {
    let path = app.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn host(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command.args(["host", "--script-root", root.to_str().unwrap()]).args(arguments).stdin(Stdio::null());
    command
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
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    fn line_with(&self, what: &str) -> String {
        let [line] = self.lines_with([what]);
        line
    }

    /// The next line with each of these, in whatever order they come.
    fn lines_with<const N: usize>(&self, wanted: [&str; N]) -> [String; N] {
        let mut found = [const { None }; N];
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let missing =
                || wanted.iter().zip(&found).find(|(_, found)| found.is_none()).map(|(what, _)| what);
            let line =
                self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line with {:?}", missing()));
            let fits =
                wanted.iter().zip(&mut found).find(|(what, found)| found.is_none() && line.contains(**what));
            if let Some((_, place)) = fits {
                *place = Some(line);
            }
            if found.iter().all(Option::is_some) {
                return found.map(Option::unwrap);
            }
        }
    }
    fn interrupt(mut self) -> Option<i32> {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not stop");
    }
}

fn is_running(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

#[test]
fn functions_are_listed_and_ctrl_c_stops_the_handler_and_ends_with_0() {
    let app = app("sleep", "300");
    write(&app, "orders/function.json", QUEUE);
    write(&app, "broken/function.json", "{}");
    write(&app, "unconnected/function.json", &QUEUE.replace(r#""Bus""#, r#""Nowhere""#));
    let settings = r#"{"Values":{"PATH":"/nowhere","Bus":"Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;"}}"#;
    write(&app, "local.settings.json", settings);
    let host = Running::start(host(app.path(), &["--port", "0"]));
    assert!(host.line_with("Skipping 'PATH'").contains("this shell defines it"));
    assert!(host.line_with("hello: [GET] http://127.0.0.1:").ends_with("/api/hello"));
    assert!(host.line_with("orders: ").ends_with("serviceBusTrigger orders"));
    host.line_with("The 'broken' function is in error: At least one binding must be declared.");
    host.line_with("Service Bus connection 'Nowhere' does not exist");
    host.line_with("or set one for all with --service-bus");
    host.line_with("Press Ctrl-C to stop");
    let started = host.line_with("Handler process ");
    let process = started.split_whitespace().rev().nth(1).unwrap().parse().unwrap();
    assert!(is_running(process));
    assert_eq!(host.interrupt(), Some(0));
    assert!(!is_running(process));
}

fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_cannot_be_run_ends_with_1_and_says_what_to_do() {
    let nothing = tempfile::tempdir().unwrap();
    let stderr = failure(&host(nothing.path(), &[]).output().unwrap());
    assert!(
        stderr.contains("is not a Functions app: --script-root names the folder that holds host.json"),
        "{stderr}"
    );

    let app = app("no-such-handler", "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let stderr = failure(&host(app.path(), &["--port", &port]).output().unwrap());
    assert!(stderr.contains("choose another port with --port"), "{stderr}");

    let stderr = failure(&host(app.path(), &["--port", "0", "--service-bus", "nonsense"]).output().unwrap());
    assert!(
        stderr.contains("--service-bus is not a connection string") && !stderr.contains("nonsense"),
        "{stderr}"
    );

    let stderr = failure(&host(app.path(), &["--port", "0"]).output().unwrap());
    assert!(stderr.contains("the functions host stopped") && stderr.contains("no-such-handler"), "{stderr}");

    write(&app, "local.settings.json", "{");
    let stderr = failure(&host(app.path(), &["--port", "0"]).output().unwrap());
    assert!(stderr.contains("local.settings.json"), "{stderr}");
}

#[test]
fn every_line_of_the_json_is_an_object() {
    let output = host(app("no-such-handler", "").path(), &["--port", "0", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["time"].as_str().is_some_and(|time| time.ends_with('Z'))));
    assert_eq!(events[0]["event"], "listening");
    assert_eq!(
        (&events[0]["functions"][0]["name"], &events[0]["functions"][0]["trigger"]),
        (&"hello".into(), &"httpTrigger".into())
    );
    let last = events.last().unwrap();
    assert_eq!(last["event"], "stopped");
    assert!(last["reason"].as_str().unwrap().contains("no-such-handler"));
}

#[test]
fn somebody_elses_handler_in_python_is_served() {
    let python = std::env::var("LATCHKEY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python).arg("--version").output().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("LATCHKEY_REQUIRE_JUDGES").is_none(), "{python} cannot be run");
        println!("skipped: {python} is not installed here");
        return;
    }
    let app = app(&python, "handler.py");
    write(&app, "handler.py", HANDLER);
    write(&app, "local.settings.json", r#"{"Values":{"GREETING":"good morning"}}"#);
    let host = Running::start(host(app.path(), &["--port", "0", "--json"]));
    let listening: Value = serde_json::from_str(&host.line_with("listening")).unwrap();
    let url = listening["functions"][0]["url"].as_str().unwrap();
    assert_eq!(get(url), "good morning");
    // The handler's output and its answer come by different ways.
    let [error, finished] = host
        .lines_with(["on stderr", "invocationFinished"])
        .map(|line| serde_json::from_str::<Value>(&line).unwrap());
    assert_eq!((&error["event"], &error["level"]), (&"output".into(), &"error".into()));
    assert_eq!((&finished["function"], &finished["succeeded"]), (&"hello".into(), &true.into()));
    assert_eq!(host.interrupt(), Some(0));
}

const HANDLER: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["GREETING"].encode()
        print("on stderr", file=sys.stderr, flush=True)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

HTTPServer(("127.0.0.1", int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])), Handler).serve_forever()
"#;

fn get(url: &str) -> String {
    use std::io::{Read, Write};
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

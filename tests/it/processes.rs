//! Commands that run beside a test, each as a process of its own.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{net::TcpStream, time::sleep};
use uuid::Uuid;

use crate::support::PATIENCE;

/// `latchkey` of the local world, with these arguments.
pub(crate) fn latchkey(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command.args(arguments);
    command
}

/// A port that nobody listens on, below those that systems take for outgoing connections.
pub(crate) fn free_port() -> u16 {
    let random = || {
        let bytes = Uuid::new_v4().into_bytes();
        26_000 + u16::from_be_bytes([bytes[0], bytes[1]]) % 6_000
    };
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..200).map(|_| random()).find(free).expect("a free port")
}

/// A process that prints a JSON document a line. It is killed when the test ends, however it ends.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub(crate) fn start(name: &'static str, mut command: Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { name, child, lines, seen: Vec::new() }
    }

    /// One that says nothing that matters, unless it fails: then it is in its log.
    pub(crate) fn quietly(name: &'static str, mut command: Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        let command = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, child, lines: channel().1, seen: Vec::new() }
    }

    /// Waits until it listens.
    pub(crate) async fn listens(&mut self, port: u16) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {ended:?}", self.name);
            assert!(Instant::now() < deadline, "{} does not listen", self.name);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it has told so far.
    pub(crate) fn told(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// The next document for which this holds. Blocks: for tests whose runtime has threads to spare.
    pub(crate) fn next(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{} does not tell {what}: {:#?}", self.name, self.seen)
            };
            let document: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: {error}: {line}", self.name));
            self.seen.push(line);
            if holds(&document) {
                return document;
            }
        }
    }

    /// Asks it to end, as Ctrl-C does, and waits for it. Gives its exit code.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} does not end", self.name);
    }
}

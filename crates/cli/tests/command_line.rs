//! The `latchkey` executable as people and scripts use it: its help, and what it does with a wrong command line.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn help_says_what_each_command_does_and_how_it_ends() {
    let expected = [
        (vec!["--help"], "dead-letters"),
        (vec!["dead-letters", "--help"], "latchkey dead-letters plan --reason DeadlineExceeded > plan.json"),
        (vec!["dead-letters", "list", "--help"], "--fingerprint"),
        (vec!["dead-letters", "show", "--help"], "ENTITY/SEQUENCE"),
        (vec!["dead-letters", "plan", "--help"], "duplicate"),
        (vec!["dead-letters", "replay", "--help"], "--canary"),
        (vec!["dead-letters", "discard", "--help"], "--archive"),
        (vec!["dead-letters", "export", "--help"], "--redact"),
        (vec!["dead-letters", "import", "--help"], "FILE"),
        (vec!["onboardings", "freeze", "--help"], "--why"),
        (vec!["onboardings", "evidence", "--help"], "> pack.json"),
        (vec!["evidence", "verify", "--help"], "--key"),
        (vec!["evidence", "render", "--help"], "> pack.html"),
        (vec!["disks", "plan", "--help"], "--at-once"),
        (vec!["disks", "apply", "--help"], "--window"),
        (vec!["drill", "revoke", "--help"], "--onboarding"),
        (vec!["setup", "--help"], "--dry-run"),
    ];
    for (arguments, teaches) in expected {
        let output = run(&arguments);
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains(teaches) && help.contains("Exit codes:"), "{arguments:?}\n{help}");
        // Nobody's terminal is asked to wrap what was wrapped already.
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{arguments:?}\n{help}");
    }
}

#[test]
fn the_local_world_is_no_part_of_it() {
    for command in ["demo", "up", "host", "broker", "sandbox", "functions"] {
        assert_eq!(run(&[command]).status.code(), Some(2), "{command}");
    }
}

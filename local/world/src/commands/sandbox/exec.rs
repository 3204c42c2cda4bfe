//! `latchkey sandbox exec`: a program in the environment of a running sandbox.

use std::process::Command;

use anyhow::bail;
use latchkey_cli::End;

use crate::args::ExecArgs;
use crate::world::RunningSandbox;

/// What shells answer when a program cannot be found, or not be run.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;

pub(super) fn run(args: &ExecArgs) -> anyhow::Result<End> {
    let sandbox = RunningSandbox::at(&args.dir)?;
    let Some((program, arguments)) = args.command.split_first() else {
        bail!("which program? cargo latchkey sandbox exec -- PROGRAM [ARGUMENTS]");
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(sandbox.exports());
    let error = become_it(&mut command)?;
    let Some(error) = error else { return Ok(End::Well) };
    eprintln!("latchkey: could not run {}: {error}", program.display());
    Ok(End::Status(if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE }))
}

/// Lets the program take this process's place: status, signals and terminal are its own from then on. Comes back only
/// with what prevented it.
#[cfg(unix)]
fn become_it(command: &mut Command) -> anyhow::Result<Option<std::io::Error>> {
    use std::os::unix::process::CommandExt;
    Ok(Some(command.exec()))
}

/// Runs the program and ends with its status.
#[cfg(not(unix))]
fn become_it(command: &mut Command) -> anyhow::Result<Option<std::io::Error>> {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => Ok(Some(error)),
    }
}

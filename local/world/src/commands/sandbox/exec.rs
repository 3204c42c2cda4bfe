//! `latchkey sandbox exec`: a program in the environment of a running sandbox.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use latchkey_cli::End;

use crate::args::ExecArgs;
use crate::world::read_exports;

/// What shells answer when a program cannot be found, or not be run.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;

pub(super) fn run(args: &ExecArgs) -> anyhow::Result<End> {
    let exports = exports(args)?;
    let Some((program, arguments)) = args.command.split_first() else {
        bail!("which program? cargo latchkey sandbox exec -- PROGRAM [ARGUMENTS]");
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(exports);
    let error = become_it(&mut command)?;
    let Some(error) = error else { return Ok(End::Well) };
    eprintln!("latchkey: could not run {}: {error}", program.display());
    Ok(End::Status(if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE }))
}

/// The exports of a sandbox that answers. One that does not would leave the program without any Azure at all, which
/// is better said here than by the program.
fn exports(args: &ExecArgs) -> anyhow::Result<Vec<(String, String)>> {
    let dir = args.dir.display();
    let start = format!("start it with: cargo latchkey sandbox --dir {dir}");
    let exports = read_exports(&args.dir.join("env"))
        .with_context(|| format!("no sandbox has run in {dir}, or {dir}/env cannot be read; {start}"))?;
    let proxy = exports.iter().find(|(name, _)| name == "HTTPS_PROXY").map(|(_, value)| value.as_str());
    let proxy = proxy.and_then(|proxy| proxy.strip_prefix("http://")?.parse().ok());
    let proxy = proxy.with_context(|| format!("{dir}/env does not say where the proxy is; {start}"))?;
    if let Err(error) = TcpStream::connect_timeout(&proxy, Duration::from_secs(5)) {
        bail!("no sandbox runs in {dir} at this moment ({proxy}: {error}); {start}");
    }
    Ok(exports)
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

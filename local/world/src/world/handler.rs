//! The handler process of the function app: how it is started, and how it is killed.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// The executable that plays the handler process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerCommand {
    /// The program.
    pub executable: PathBuf,
    /// Its arguments, none of which may hold a space: the host does not quote them.
    pub arguments: Vec<String>,
}

impl HandlerCommand {
    /// The program that is running now, as `latchkey functions`.
    ///
    /// # Errors
    ///
    /// The operating system does not tell which program that is.
    pub fn this_program() -> anyhow::Result<Self> {
        let executable = std::env::current_exe().context("could not find the latchkey executable itself")?;
        Ok(Self { executable, arguments: vec!["functions".to_owned()] })
    }

    /// The settings that put this command in the place of the one in `host.json`.
    ///
    /// Source: azure-functions-host, `EnvironmentVariablesConfigurationSource` with the prefix
    /// `AzureFunctionsJobHost__`; two underscores stand for a level, numbers for places in a list.
    pub(super) fn overrides(&self) -> BTreeMap<String, String> {
        const DESCRIPTION: &str = "AzureFunctionsJobHost__customHandler__description";
        let executable = self.executable.display().to_string();
        let arguments = self.arguments.iter().enumerate();
        arguments
            .map(|(place, argument)| (format!("{DESCRIPTION}__arguments__{place}"), argument.clone()))
            .chain([(format!("{DESCRIPTION}__defaultExecutablePath"), executable)])
            .collect()
    }
}

/// Kills a process with SIGKILL, as the Functions host does.
pub(super) fn kill(process: u32) -> io::Result<()> {
    send(process, Signal::KILL)
}

/// Asks a process to end, with SIGTERM.
pub(super) fn terminate(process: u32) -> io::Result<()> {
    send(process, Signal::TERM)
}

fn send(process: u32, signal: Signal) -> io::Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| io::Error::other("not the id of a process"))?;
    Ok(kill_process(process, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overrides_name_the_executable_and_every_argument() {
        let command = HandlerCommand {
            executable: "/opt/latchkey".into(),
            arguments: vec!["functions".into(), "-x".into()],
        };
        let expected = [
            ("AzureFunctionsJobHost__customHandler__description__arguments__0", "functions"),
            ("AzureFunctionsJobHost__customHandler__description__arguments__1", "-x"),
            ("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath", "/opt/latchkey"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(command.overrides(), expected.into());
    }

    #[test]
    fn no_process_is_killed_for_an_id_that_is_none() {
        assert!(kill(0).is_err());
        assert!(kill(u32::MAX).is_err());
    }
}

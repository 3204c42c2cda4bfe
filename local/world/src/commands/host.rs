//! `latchkey host`: plays the Functions host for anybody's custom handler.

mod printer;

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use functions_host::{Host, Listen, Options, StartError, local_settings, service_bus_connections};
use latchkey_cli::{End, Interrupts};
use service_bus::ConnectionString;
use tokio::sync::mpsc::unbounded_channel;

use self::printer::Printer;
use crate::args::HostArgs;
use crate::live::Colour;

/// That of Core Tools.
const DEFAULT_PORT: u16 = 7071;

pub(super) async fn run(args: HostArgs) -> anyhow::Result<End> {
    let mut interrupts = Interrupts::listen().context("could not listen for Ctrl-C")?;
    let printer = if args.json { Printer::Json } else { Printer::Lines(Colour::of_stdout()) };
    let (observer, mut events) = unbounded_channel();
    let settings = local_settings(&args.script_root)?;
    for name in &settings.without_effect {
        printer.note(&format!(
            "Host.{name} of local.settings.json has no effect: this host answers no CORS requests."
        ));
    }
    let options = Options {
        listen: Listen::Port(args.port.or(settings.port).unwrap_or(DEFAULT_PORT)),
        environment: environment(settings.values, &args, printer)?,
        timer_status: args.timer_status.clone(),
        observer: Some(observer),
        ..Options::new(&args.script_root)
    };
    let host = Host::start(options).await.map_err(|error| explained(error, &args))?;
    printer.listening(&host);
    let shown = tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            printer.event(&event);
        }
    });
    let gave_up = tokio::select! {
        () = interrupts.next() => None,
        reason = host.stopped() => Some(reason),
    };
    if gave_up.is_none() {
        printer.note("Stopping: running invocations have ten seconds. Press Ctrl-C again to stop at once.");
    }
    tokio::select! {
        () = host.stop() => {}
        // The handler is killed with the host that is dropped here.
        () = interrupts.next() => return Ok(End::Interrupted),
    }
    // The last lines are shown before the prompt comes back.
    let _ = shown.await;
    match gave_up {
        None => Ok(End::Well),
        Some(reason) => bail!("the functions host stopped: {reason}"),
    }
}

/// The app's settings: those of local.settings.json that this shell does not define, and the connection of the command
/// line under every name that the app has for one.
fn environment(
    mut environment: BTreeMap<String, String>,
    args: &HostArgs,
    printer: Printer,
) -> anyhow::Result<BTreeMap<String, String>> {
    environment.retain(|name, _| {
        let is_defined = std::env::var_os(name).is_some();
        if is_defined {
            printer.note(&format!("Skipping '{name}' of local.settings.json: this shell defines it."));
        }
        !is_defined
    });
    let Some(connection) = &args.service_bus else { return Ok(environment) };
    connection.parse::<ConnectionString>().context(
        "--service-bus is not a connection string (Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…)",
    )?;
    let root = &args.script_root;
    let names = service_bus_connections(root, &environment)
        .with_context(|| format!("cannot read the functions in '{}'", root.display()))?;
    environment.extend(names.into_iter().map(|name| (name, connection.clone())));
    Ok(environment)
}

/// What to do about a host that does not start.
fn explained(error: StartError, args: &HostArgs) -> anyhow::Error {
    let advice = match &error {
        StartError::Listen { .. } if args.port != Some(0) => {
            "another program uses this port: stop it, or choose another port with --port".to_owned()
        }
        StartError::HostJson(_) if !args.script_root.join("host.json").is_file() => format!(
            "'{}' is not a Functions app: --script-root names the folder that holds host.json",
            args.script_root.display()
        ),
        StartError::HostJson(_) => "correct host.json".to_owned(),
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(advice)
}

//! `latchkey host`: plays the Functions host for anybody's custom handler.

mod telling;

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use functions_host::{Host, Listen, Options, StartError, local_settings, service_bus_connections};
use latchkey_cli::{End, Interrupts};
use service_bus::ConnectionString;
use tokio::sync::mpsc::unbounded_channel;

use self::telling::Teller;
use crate::args::HostArgs;
use crate::live::Colour;

pub(super) async fn run(args: HostArgs) -> anyhow::Result<End> {
    let mut interrupts = Interrupts::listen().context("could not listen for Ctrl-C")?;
    let teller = if args.json { Teller::Json } else { Teller::Lines(Colour::of_stdout()) };
    let (observer, mut events) = unbounded_channel();
    let options = Options {
        listen: Listen::Port(args.port),
        environment: environment(&args, teller)?,
        observer: Some(observer),
        ..Options::new(&args.script_root)
    };
    let host = Host::start(options).await.map_err(|error| explained(error, &args))?;
    teller.listening(&host);
    let shown = tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            teller.event(&event);
        }
    });
    let gave_up = tokio::select! {
        () = interrupts.next() => None,
        reason = host.stopped() => Some(reason),
    };
    if gave_up.is_none() {
        teller.note("Stopping: what runs has five seconds. Press Ctrl-C again not to wait.");
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
        Some(reason) => bail!("the functions host gave up: {reason}"),
    }
}

/// The app's settings: those of local.settings.json that this shell does not define, and the connection of the command
/// line under every name that the app has for one.
fn environment(args: &HostArgs, teller: Teller) -> anyhow::Result<BTreeMap<String, String>> {
    let mut environment = local_settings(&args.script_root)?;
    environment.retain(|name, _| {
        let is_defined = std::env::var_os(name).is_some();
        if is_defined {
            teller.note(&format!("Skipping '{name}' of local.settings.json: this shell defines it."));
        }
        !is_defined
    });
    let Some(connection) = &args.service_bus else { return Ok(environment) };
    connection.parse::<ConnectionString>().context(
        "--service-bus is no connection string (Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…)",
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
        StartError::Listen { .. } if args.port != 0 => {
            "another program has the port: stop it, or choose another with --port".to_owned()
        }
        StartError::HostJson(_) if !args.script_root.join("host.json").is_file() => format!(
            "'{}' is no Functions app: --script-root names the folder that holds host.json",
            args.script_root.display()
        ),
        StartError::HostJson(_) => "mend host.json".to_owned(),
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(advice)
}

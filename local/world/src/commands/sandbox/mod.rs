//! `latchkey sandbox`: runs the simulated Azure alone.

mod deployed;
mod evidence;
mod exec;
mod files;
mod local;
mod messages;
mod prepare;
mod ready;

use std::fs;

use anyhow::Context;
use latchkey_cli::{End, Interrupts};
use sandbox::{FaultScript, Lags, Listeners, Options, Sandbox};

use crate::args::{SandboxArgs, SandboxCommand};
use crate::world::folder::Folder;
use crate::world::ports;
use files::Remembered;

pub(super) async fn run(args: SandboxArgs) -> anyhow::Result<End> {
    match args.command {
        Some(SandboxCommand::Exec(args)) => exec::run(&args),
        Some(SandboxCommand::Evidence(args)) => evidence::run(&args),
        Some(SandboxCommand::Prepare(args)) => Box::pin(prepare::run(&args)).await,
        None => stay_up(args).await,
    }
}

async fn stay_up(args: SandboxArgs) -> anyhow::Result<End> {
    let mut interrupts = Interrupts::listen().context("could not listen for Ctrl-C")?;
    let faults = args.faults.as_deref().map(read_faults).transpose()?;
    if let Some(file) = &args.har {
        // Found out now, and not when everything is over.
        fs::write(file, "")
            .with_context(|| format!("could not write the exchanges to {}", file.display()))?;
    }
    let folder = Folder::open(Some(&args.dir))?;
    let sandbox = tokio::select! {
        started = start(&folder, &args) => started?,
        () = interrupts.next() => return Ok(End::Interrupted),
    };
    if let Some(faults) = faults {
        sandbox.set_faults(faults);
    }
    files::write(&folder, &sandbox, args.profile)?;
    messages::up(&sandbox, &folder, &args);
    interrupts.next().await;

    if let Some(file) = &args.har {
        let text =
            serde_json::to_vec_pretty(&sandbox.har()).context("could not convert the exchanges to JSON")?;
        fs::write(file, text)
            .with_context(|| format!("could not write the exchanges to {}", file.display()))?;
    }
    messages::over(&sandbox, args.json);
    sandbox.stop().await;
    Ok(End::Well)
}

async fn start(folder: &Folder, args: &SandboxArgs) -> anyhow::Result<Sandbox> {
    let mut remembered = Remembered::recall(folder);
    let own = match args.listen.port() {
        0 => ports::hold(remembered.own)?,
        port => ports::hold_exactly(port)?,
    };
    let listeners =
        Listeners { own, proxy: ports::hold(remembered.proxy)?, secure: ports::hold(remembered.secure)? };
    remembered.own = Some(listeners.own.local_addr()?.port());
    remembered.proxy = Some(listeners.proxy.local_addr()?.port());
    remembered.secure = Some(listeners.secure.local_addr()?.port());
    remembered.keep(folder)?;
    let options = Options {
        state: folder.lasting("sandbox"),
        run_folder: folder.path("run"),
        lags: Lags {
            service_principal: args.spreading,
            federated_credential: args.spreading,
            role_assignment: args.spreading,
            ..Lags::default()
        },
        har: args.har.is_some(),
        ahead_milliseconds: None,
    };
    Sandbox::start_on(options, listeners).await.context("could not start the simulated Azure")
}

fn read_faults(file: &std::path::Path) -> anyhow::Result<FaultScript> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("could not read the fault script {}", file.display()))?;
    FaultScript::parse(&text).with_context(|| format!("{} is refused", file.display()))
}

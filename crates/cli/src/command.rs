//! The operator's commands.

use clap::Subcommand;

use crate::{
    dead_letters::{
        self,
        args::{DeadLettersCommand, EXIT_CODES},
    },
    disks::{self, DisksCommand},
    doctor::{self, DoctorArgs},
    drill::{self, DrillCommand},
    end::End,
    evidence::{self, EvidenceCommand},
    onboardings::{self, OnboardingsCommand},
    package::{self, PackageArgs},
    setup::{self, SetupArgs},
};

/// What an operator can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dead letters: list, show, plan, replay, discard, export, import
    ///
    /// A message that a function refused, or could not complete in time, is kept among the dead letters
    /// of its queue. These commands work with the local world, with Microsoft's emulator, and with a
    /// namespace in Azure. Commands that change something ask first, or need --yes, and record who did
    /// what, when and why.
    ///
    ///   . .latchkey/env
    ///   latchkey dead-letters list
    ///   latchkey dead-letters plan --reason DeadlineExceeded > plan.json
    ///   latchkey dead-letters replay --plan plan.json --canary 1
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    DeadLetters {
        /// What to do with them.
        #[command(subcommand)]
        command: Box<DeadLettersCommand>,
    },

    /// Onboardings: what each waits for, history, key, evidence, links, freeze, leaving
    ///
    /// Asks the function app for its onboardings: what each waits for and on whom, its whole history,
    /// whether that history holds together, and whether the customer's key works now. Continues one
    /// where it stands, issues and withdraws links to its page, replaces its key, and freezes it.
    ///
    ///   . .latchkey/env
    ///   latchkey onboardings list
    ///   latchkey onboardings verify 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87
    #[command(verbatim_doc_comment, after_help = onboardings::EXIT_CODES)]
    Onboardings {
        /// What to ask.
        #[command(subcommand)]
        command: OnboardingsCommand,
    },

    /// Evidence packs: verify and render one, without asking anybody
    ///
    ///   latchkey onboardings evidence 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87 > pack.json
    ///   latchkey evidence verify pack.json --key vendor.pem
    ///   latchkey evidence render pack.json > pack.html
    #[command(verbatim_doc_comment, after_help = evidence::EXIT_CODES)]
    Evidence {
        /// What to do with a pack.
        #[command(subcommand)]
        command: EvidenceCommand,
    },

    /// Disks of running machines: what would be done, and doing it in a window
    ///
    /// Azure changes the encryption of a disk only while its machine is deallocated. Disks that are
    /// attached to no machine, or to a deallocated one, are encrypted without further ado.
    ///
    ///   latchkey disks plan 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87 --at-once 4
    ///   latchkey disks apply 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87 --at-once 4 \
    ///     --window 2026-12-05T22:00:00Z/2026-12-06T04:00:00Z
    #[command(verbatim_doc_comment, after_help = disks::EXIT_CODES)]
    Disks {
        /// What to do.
        #[command(subcommand)]
        command: DisksCommand,
    },

    /// Drills: rehearse a revocation
    ///
    ///   latchkey onboardings mark-test 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87
    ///   latchkey drill revoke --onboarding 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87
    #[command(verbatim_doc_comment, after_help = drill::EXIT_CODES)]
    Drill {
        /// What to rehearse.
        #[command(subcommand)]
        command: DrillCommand,
    },

    /// Doctor: does a deployment work?
    ///
    /// Has the function app try what it stands on, as itself: its identity, a federated exchange, each
    /// role, each queue, the journal's store, the marketplace, its clock. Tries its addresses from here.
    /// Each line says good, wrong, or could not be checked, and for what is wrong who can mend it and
    /// how. A monitor can ask GET /api/operations/health instead: 200 or 503.
    ///
    /// With --subscription and --resource-group it also reads what infra/ made there, as you: queues,
    /// keys that must be refused, the app, its settings, the signing key's age, roles, alerts.
    ///
    ///   . .latchkey/env
    ///   latchkey doctor --wait 600
    ///   latchkey doctor --app-url URL --subscription ID --resource-group rg-latchkey-contoso
    #[command(verbatim_doc_comment, after_help = doctor::EXIT_CODES)]
    Doctor(DoctorArgs),

    /// Package the function app for Azure
    ///
    /// Writes the zip that Flex Consumption takes: the executable, host.json, and a function.json for
    /// each function. Refuses what the host would not start. The same executable gives the same bytes.
    /// Beside it are a checksum and a bill of materials (CycloneDX).
    ///
    ///   latchkey package
    ///   az functionapp deployment source config-zip -g GROUP -n APP --src target/azure/functions.zip
    #[command(verbatim_doc_comment, after_help = package::EXIT_CODES)]
    Package(PackageArgs),

    /// Set up the applications, the federated credential and the roles
    ///
    /// Looks first. What is right stays, what is missing is made, and what is wrong is named: it is
    /// changed only with --mend, or when you agree to it. A second run changes nothing. Run it before
    /// infra/ is deployed, for the application; `azd up` runs it again, for what only exists then.
    ///
    ///   az login
    ///   latchkey setup --dry-run
    ///   latchkey setup
    #[command(verbatim_doc_comment, after_help = setup::EXIT_CODES)]
    Setup(Box<SetupArgs>),
}

/// Runs a command.
///
/// # Errors
///
/// Something failed; the text says what, and what to do about it.
pub async fn run(command: Command) -> anyhow::Result<End> {
    match command {
        Command::DeadLetters { command } => Box::pin(dead_letters::run(*command)).await,
        Command::Onboardings { command } => Box::pin(onboardings::run(command)).await,
        Command::Evidence { command } => evidence::run(&command),
        Command::Disks { command } => Box::pin(disks::run(command)).await,
        Command::Drill { command } => Box::pin(drill::run(command)).await,
        Command::Doctor(args) => Box::pin(doctor::run(&args)).await,
        Command::Package(args) => package::run(&args),
        Command::Setup(args) => Box::pin(setup::run(*args)).await,
    }
}

//! `dead-letters export` and `import`

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read as _, Write as _},
};

use anyhow::Context as _;
use dead_letters::{
    Filter, IMPORT, Letter, Plan, Replayed, Report, RunError, RunLog, Target, archive::Archived, browse,
};
use serde_json::json;
use service_bus::Entity;
use time::OffsetDateTime;

use crate::change::{Audit, confirm, state};

use super::{
    answer::account,
    args::{ExportArgs, ImportArgs, Planning},
    connect::{Connected, connect},
    failure::{NOT_ALL, WrongUsage},
    plan::{operations_for, target},
};
use crate::{
    End,
    output::{print, print_json},
};

pub(super) async fn export(args: ExportArgs) -> anyhow::Result<End> {
    let connected = connect(&args.connection)?;
    let operations = operations_for(&args.app, !args.filter.tenant.is_empty()).await;
    let filter = args.filter.filter(OffsetDateTime::now_utc());
    let tenant_of = |onboarding: &str| operations.tenant_of(onboarding);
    let mut output = io::BufWriter::new(io::stdout().lock());
    let (mut count, mut trouble) = (0, None);
    for entity in &connected.entities {
        let browsed = browse(&connected.client, entity, 0, |letter| {
            if !filter.matches(&letter, &tenant_of) {
                return true;
            }
            let written = Archived::of(&letter, args.redact)
                .and_then(|archived| archived.to_line())
                .and_then(|line| Ok(output.write_all(&line)?));
            count += usize::from(written.is_ok());
            trouble = written.err();
            trouble.is_none()
        });
        match browsed.await {
            Err(error) if connected.passes_over(entity, &error) => {}
            browsed => browsed?,
        }
        if let Some(trouble) = trouble.take() {
            return Err(trouble).context("exporting");
        }
    }
    output.flush()?;
    eprintln!("{count} dead letters exported{}", if args.redact { ", without their secrets" } else { "" });
    Ok(End::Well)
}

pub(super) async fn import(args: ImportArgs) -> anyhow::Result<End> {
    let connected = connect(&args.connection)?;
    let mut text = String::new();
    match args.file.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut text).context("reading stdin")?,
        false => std::fs::File::open(&args.file)
            .and_then(|mut file| file.read_to_string(&mut text))
            .with_context(|| format!("reading {}", args.file.display()))?,
    };
    // Everything is read before anything is sent.
    let letters: Result<Vec<Letter>, _> = Archived::read_all(&text)
        .with_context(|| format!("{} cannot be imported", args.file.display()))?
        .iter()
        .map(Archived::to_letter)
        .collect();
    let letters = letters?;
    let namespace = connected.client.fully_qualified_namespace();
    let targets = targets(&letters, &args)?;
    let mut plan = Plan::new(namespace, OffsetDateTime::UNIX_EPOCH, Filter::default(), None, targets);
    letters.iter().for_each(|letter| plan.add(letter));
    let plan = plan.sealed();
    let count = letters.len();
    if args.dry_run || count == 0 {
        eprintln!("{count} messages would be sent; nothing was changed");
        return Ok(End::Well);
    }
    let path = match &args.log {
        Some(path) => path.clone(),
        None => state(&args.change, &format!("runs/{}.ndjson", plan.hash().get(..12).unwrap_or_default()))?,
    };
    let (log, replayed) = RunLog::open(&path, plan.hash(), IMPORT)?;
    if replayed.finished {
        eprintln!(
            "this file was imported before: see {}. To send its messages again, use another --log",
            path.display()
        );
        return answer(&import_all(&connected, &plan, &letters, &log, replayed).await?, args.json);
    }
    let going_on = if replayed.resumed { ", continuing an earlier run" } else { "" };
    confirm(&args.change, &format!("Send {count} messages to {namespace}{going_on}?"))?;
    let audit = Audit::new(&args.change, namespace, IMPORT, format!("the file {}", args.file.display()));
    audit.begins(plan.hash())?;
    match import_all(&connected, &plan, &letters, &log, replayed).await {
        Ok(report) => {
            audit.ended(plan.hash(), json!(report.counts))?;
            answer(&report, args.json)
        }
        Err(error) => {
            audit.ended(plan.hash(), json!({"error": error.to_string()}))?;
            Err(error).with_context(|| {
                format!("not everything was sent: see {}. Run this again to continue", path.display())
            })
        }
    }
}

async fn import_all(
    connected: &Connected,
    plan: &Plan,
    letters: &[Letter],
    log: &RunLog,
    replayed: Replayed,
) -> Result<Report, RunError> {
    dead_letters::import(&connected.client, plan, letters, log, replayed, OffsetDateTime::now_utc()).await
}

/// Each message goes to the entity that it died in, unless all go elsewhere.
fn targets(letters: &[Letter], args: &ImportArgs) -> Result<BTreeMap<String, Target>, WrongUsage> {
    let planning =
        Planning { limit: None, target: args.target.clone(), duplicate_detection: None, rate: None };
    let entities: BTreeSet<&str> = letters.iter().map(|letter| letter.id.entity.as_str()).collect();
    let target = |entity: &str| Ok((entity.to_owned(), target(&Entity::from(entity), &planning, 0)?));
    entities.into_iter().map(target).collect()
}

fn answer(report: &Report, as_json: bool) -> anyhow::Result<End> {
    if as_json {
        print_json(report)?;
    } else {
        print(&account(report));
    }
    Ok(if report.is_well() { End::Well } else { End::Status(NOT_ALL) })
}

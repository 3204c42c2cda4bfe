//! `dead-letters discard`

use std::collections::{BTreeMap, BTreeSet};

use dead_letters::{Action, DuplicateDetection, LetterId, Plan, RunOptions, Target};
use service_bus::Entity;
use time::OffsetDateTime;

use crate::change::{Audit, state};

use super::{
    args::{DiscardArgs, Planning},
    connect::{Connected, connect},
    failure::{Refused, WrongUsage},
    plan::{make, operations_for, summary},
    replay::Job,
};
use crate::End;

pub(super) async fn run(args: DiscardArgs) -> anyhow::Result<End> {
    let Some(why) = args.change.why.clone().filter(|why| !why.trim().is_empty()) else {
        return Err(WrongUsage("what is discarded is gone: say --why, for the audit".to_owned()).into());
    };
    if !args.ids.is_empty() && !args.filter.is_empty() {
        return Err(WrongUsage("name dead letters, or filter them, not both".to_owned()).into());
    }
    let connected = connect(&args.connection)?;
    let plan = plan_of(&args, connected).await?;
    eprintln!("{}", summary(&plan.1));
    let (connected, plan) = plan;
    if plan.messages.is_empty() {
        eprintln!("nothing to do");
        return Ok(End::Well);
    }
    let archive = match &args.archive {
        Some(file) => file.clone(),
        None => {
            state(&args.change, &format!("archive/{}.ndjson", plan.hash().get(..12).unwrap_or_default()))?
        }
    };
    let what = Action::Discard { archive: archive.clone() };
    let job = Job {
        client: &connected.client,
        plan: &plan,
        what: &what,
        options: RunOptions::default(),
        skips: BTreeMap::new(),
        log: args.log.clone(),
        json: args.json,
        change: &args.change,
    };
    if args.dry_run {
        eprintln!("dry run: {} would be discarded; nothing was changed", plan.messages.len());
        return Ok(End::Well);
    }
    eprintln!("they are archived first, in {}", archive.display());
    job.run(Audit::new(&args.change, &plan.namespace, "discard", why), "Discard for good").await
}

fn nowhere(entity: &Entity, _: &Planning, up_to: i64) -> Result<Target, WrongUsage> {
    let duplicate_detection = DuplicateDetection::Off;
    Ok(Target { entity: entity.path().to_owned(), duplicate_detection, dead_letters_up_to: up_to })
}

async fn plan_of(args: &DiscardArgs, mut connected: Connected) -> anyhow::Result<(Connected, Plan)> {
    // Nothing is sent, so where it would go does not matter.
    let planning = Planning { limit: None, target: None, duplicate_detection: None, rate: None };
    if args.ids.is_empty() {
        let operations = operations_for(&args.app, !args.filter.tenant.is_empty()).await;
        let filter = args.filter.filter(OffsetDateTime::now_utc());
        let plan = make(&connected, &operations, filter, &planning, nowhere).await?;
        return Ok((connected, plan));
    }
    let wanted: BTreeSet<&LetterId> = args.ids.iter().collect();
    let entities: BTreeSet<&str> = wanted.iter().map(|id| id.entity.as_str()).collect();
    connected.entities = entities.into_iter().map(Entity::from).collect();
    let namespace = connected.client.fully_qualified_namespace().to_owned();
    let filter = dead_letters::Filter::default();
    let mut plan = Plan::new(&namespace, OffsetDateTime::now_utc(), filter, None, BTreeMap::new());
    for id in wanted {
        let letter = dead_letters::find(&connected.client, id).await?;
        plan.add(&letter.ok_or_else(|| Refused(format!("there is no dead letter {id}")))?);
    }
    Ok((connected, plan.sealed()))
}

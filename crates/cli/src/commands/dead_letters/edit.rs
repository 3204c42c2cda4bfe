//! `dead-letters edit`

use std::collections::BTreeMap;

use anyhow::Context as _;
use dead_letters::{Action, Filter, Plan, edit::edited, find, lookout};
use serde_json::Value as Json;
use service_bus::Entity;
use time::OffsetDateTime;

use super::{
    answer::harmless,
    args::{EditArgs, Planning},
    change::Audit,
    connect::connect,
    failure::{Refused, WrongUsage},
    plan::{summary, target, up_to},
    replay::{Job, options},
};
use crate::commands::End;

pub(super) async fn run(args: EditArgs) -> anyhow::Result<End> {
    let patch: Json = serde_json::from_str(&args.patch)
        .map_err(|error| WrongUsage(format!("--patch is not JSON: {error}")))?;
    let connected = connect(&args.connection)?;
    let letter = find(&connected.client, &args.id).await?;
    let letter = letter.ok_or_else(|| Refused(format!("there is no dead letter {}", args.id)))?;
    let body = edited(&letter.message.body, &patch, onboarding::event::validate)?;
    let before = String::from_utf8_lossy(&letter.message.body).into_owned();
    eprintln!("{}:\n- {}\n+ {}", args.id, harmless(&before), harmless(&body));

    let planning =
        Planning { limit: None, target: args.target.clone(), duplicate_detection: None, rate: None };
    let entity = Entity::from(args.id.entity.as_str());
    let mut goes = target(&entity, &planning, 0)?;
    goes.dead_letters_up_to = up_to(&connected.client, lookout(entity.path(), &goes.entity)).await?;
    let targets = BTreeMap::from([(args.id.entity.clone(), goes)]);
    let namespace = connected.client.fully_qualified_namespace();
    let mut plan = Plan::new(namespace, OffsetDateTime::UNIX_EPOCH, Filter::default(), None, targets);
    plan.add_edited(&letter, body);
    let plan = plan.sealed();
    eprintln!("{}", summary(&plan));
    let what = Action::Replay;
    let job = Job {
        client: &connected.client,
        plan: &plan,
        what: &what,
        options: options(&args.running, None),
        skips: BTreeMap::new(),
        log: args.running.log.clone(),
        json: args.running.json,
        change: &args.change,
    };
    let why = args.change.why.clone().context("an edit needs --why, for the audit");
    let why = why.map_err(|error| WrongUsage(error.to_string()))?;
    job.run(Audit::new(&args.change, &plan.namespace, "edit", why), "Replay, edited,").await
}

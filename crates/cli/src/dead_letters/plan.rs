//! `dead-letters plan`, and the planning that other commands begin with.

use std::collections::BTreeMap;

use dead_letters::{DuplicateDetection, Filter, Plan, Target, browse, lookout};
use service_bus::{Entity, ServiceBusClient, ServiceBusError};
use time::OffsetDateTime;

use super::{
    args::{OnOff, PlanArgs, Planning},
    connect::{Connected, connect, is_app_queue},
    failure::WrongUsage,
    operations::Operations,
};
use crate::{
    End,
    function_app::App,
    output::{cut, print, table},
};

pub(super) async fn run(args: PlanArgs) -> anyhow::Result<End> {
    let connected = connect(&args.connection)?;
    let operations = operations_for(&args.app, !args.filter.tenant.is_empty()).await;
    let filter = args.filter.filter(OffsetDateTime::now_utc());
    let plan = make(&connected, &operations, filter, &args.planning, target).await?;
    eprintln!("{}", summary(&plan));
    print(plan.to_text().trim_end());
    Ok(End::Well)
}

/// The app is asked only for what needs it.
pub(super) async fn operations_for(app: &App, is_needed: bool) -> Operations {
    let nobody = App { app_url: None };
    Operations::ask(if is_needed { app } else { &nobody }).await
}

/// Says where the letters of an entity go.
pub(super) type TargetOf = fn(&Entity, &Planning, i64) -> Result<Target, WrongUsage>;

/// Looks, and plans what the filter means.
pub(super) async fn make(
    connected: &Connected,
    operations: &Operations,
    filter: Filter,
    planning: &Planning,
    target_of: TargetOf,
) -> anyhow::Result<Plan> {
    if planning.target.is_some() && connected.entities.len() != 1 {
        return Err(WrongUsage("--target needs exactly one --entity".to_owned()).into());
    }
    let namespace = connected.client.fully_qualified_namespace();
    let mut plan = Plan::new(namespace, OffsetDateTime::now_utc(), filter, planning.rate, BTreeMap::new());
    let most = planning.limit.unwrap_or(usize::MAX);
    for entity in &connected.entities {
        let before = plan.messages.len();
        let highest = match look(connected, operations, entity, &mut plan, most).await {
            Err(error) if connected.passes_over(entity, &error) => continue,
            looked => looked?,
        };
        if plan.messages.len() > before {
            let mut target = target_of(entity, planning, highest)?;
            let lookout = lookout(entity.path(), &target.entity);
            if lookout != entity.path() {
                target.dead_letters_up_to = up_to(&connected.client, lookout).await?;
            }
            plan.targets.insert(entity.path().to_owned(), target);
        }
    }
    Ok(plan.sealed())
}

/// Adds what is meant to the plan, up to so many; answers the highest number that was seen.
async fn look(
    connected: &Connected,
    operations: &Operations,
    entity: &Entity,
    plan: &mut Plan,
    most: usize,
) -> Result<i64, ServiceBusError> {
    let mut up_to = 0;
    let tenant_of = |onboarding: &str| operations.tenant_of(onboarding);
    browse(&connected.client, entity, 0, |letter| {
        up_to = up_to.max(letter.id.sequence);
        if plan.messages.len() < most && plan.filter.matches(&letter, &tenant_of) {
            plan.add(&letter);
        }
        true
    })
    .await?;
    Ok(up_to)
}

/// The highest number among the dead letters of an entity; 0 where there can be none, as in a topic.
pub(super) async fn up_to(client: &ServiceBusClient, entity: &str) -> Result<i64, ServiceBusError> {
    let (mut highest, entity) = (0, Entity::from(entity));
    let browsed = browse(client, &entity, 0, |letter| {
        highest = highest.max(letter.id.sequence);
        true
    });
    match browsed.await {
        Err(error) if error.is_transient() => Err(error),
        Ok(()) | Err(_) => Ok(highest),
    }
}

pub(super) fn target(entity: &Entity, planning: &Planning, up_to: i64) -> Result<Target, WrongUsage> {
    let is_subscription = entity.path().to_ascii_lowercase().contains("/subscriptions/");
    let to = match &planning.target {
        Some(target) => target.clone(),
        None if is_subscription => {
            let text = format!(
                "{entity} is a subscription: messages cannot be sent to a single subscription. Use --target with the topic, \
                 if all its subscriptions should receive the replays, or with a queue"
            );
            return Err(WrongUsage(text));
        }
        None => entity.path().to_owned(),
    };
    let duplicate_detection = match planning.duplicate_detection {
        Some(OnOff::On) => DuplicateDetection::On,
        Some(OnOff::Off) => DuplicateDetection::Off,
        None if is_app_queue(&to) => DuplicateDetection::On,
        None => DuplicateDetection::Unknown,
    };
    Ok(Target { entity: to, duplicate_detection, dead_letters_up_to: up_to })
}

/// A plan for people: how many of what go where.
pub(super) fn summary(plan: &Plan) -> String {
    let mut counts: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for planned in &plan.messages {
        *counts.entry((&planned.id.entity, &planned.reason, &planned.fingerprint)).or_default() += 1;
    }
    let rows: Vec<Vec<String>> = counts
        .into_iter()
        .map(|((entity, reason, fingerprint), count)| {
            let detection =
                plan.targets.get(entity).map_or("-".to_owned(), |t| t.duplicate_detection.to_string());
            let to = plan.target_of(entity).to_owned();
            vec![entity.to_owned(), cut(reason, 30), fingerprint.to_owned(), count.to_string(), to, detection]
        })
        .collect();
    let head = ["FROM", "REASON", "FAULT", "COUNT", "TO", "DUPLICATE DETECTION"];
    let rate = plan.rate.map_or(String::new(), |rate| format!(", {rate} per second at most"));
    let detections = plan.targets.values().map(|target| target.duplicate_detection);
    let doubt = if detections.into_iter().all(|known| known == DuplicateDetection::On) {
        ""
    } else {
        "\nWithout duplicate detection an interrupted run may send some messages twice; its report lists them."
    };
    format!(
        "{}\n\n{} messages of {}{rate}; plan {}{doubt}",
        table(&head, &rows),
        plan.messages.len(),
        plan.namespace,
        plan.hash().get(..12).unwrap_or_default()
    )
}

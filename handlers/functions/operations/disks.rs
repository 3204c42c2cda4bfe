//! The disks of an onboarding: what becomes of each, and the window in which machines may be stopped for them.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use azure_clients::compute::{GALLERY_VERSIONS, IMAGES};
use azure_ids::ArmId;
use onboarding::{
    Fact, Onboarding, OnboardingId, Set, Stage,
    window::{Phase, Planned, Progress, Window},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{load, unknown};
use crate::{
    App,
    pages::{Problem, private_json},
    step::record::{Recorded, record},
    systems::disk_plan::{self, Becomes, Outside, Plan},
};

/// A window is over within a week: nobody remembers a longer one.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// More machines at a time would be all of them.
const MOST_AT_ONCE: u32 = 1_000;

/// What the estimate is made of, for whoever reads the plan.
const ESTIMATE: &str = "For each machine LATCHKEY_WINDOW_MACHINE_SECONDS for stopping and starting it, and \
                        LATCHKEY_WINDOW_DISK_SECONDS for each of its disks. These are assumptions. Once a machine of the \
                        window took longer, the others are expected to take longer by the same factor.";

/// A function key may be in the query too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanQuery {
    at_once: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ApplyRequest {
    #[serde(with = "time::serde::rfc3339")]
    opens: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    closes: OffsetDateTime,
    at_once: u32,
    /// The machines of the plan that was shown: what differs from it is not applied.
    machines: Vec<ArmId>,
}

/// `GET …/{id}/disks`
pub(super) async fn plan(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<PlanQuery>,
    headers: HeaderMap,
) -> Response {
    answer(&headers, planned(&app, &id, query.at_once.unwrap_or(1)).await)
}

async fn planned(app: &App, id: &str, at_once: u32) -> Result<Value, Problem> {
    check_at_once(at_once)?;
    let onboarding = load(app, id).await?.onboarding;
    let plan = plan_of(app, &onboarding).await?;
    Ok(shown(&onboarding, &plan, at_once))
}

/// `POST …/{id}/disks/window`
pub(super) async fn apply(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&headers, applied(&app, &id, &body).await)
}

async fn applied(app: &App, id: &str, body: &[u8]) -> Result<Value, Problem> {
    let request: ApplyRequest = serde_json::from_slice(body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("The body cannot be read: {error}"))
    })?;
    check_at_once(request.at_once)?;
    let (opens, closes, now) = (request.opens, request.closes, app.clock.now());
    if closes <= opens || closes <= now {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "The window must end after it begins, and later than now.",
        ));
    }
    if closes - opens > LONGEST {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "A window lasts a week at the most."));
    }
    let onboarding = load(app, id).await?.onboarding;
    if !matches!(onboarding.set(), Set::Ready { .. }) {
        let why = "The disk encryption set of this onboarding is not ready: there is no window yet.";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    let plan = plan_of(app, &onboarding).await?;
    let machines: Vec<&ArmId> = plan.machines.iter().map(|planned| &planned.machine).collect();
    if machines != request.machines.iter().collect::<Vec<_>>() {
        let why = "The plan is not any more what was shown. Look at it again.";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    if machines.is_empty() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "No machine has to be stopped: there is nothing to do in a window.",
        ));
    }
    let window = Window::ahead(opens, closes, request.at_once, plan.machines.clone());
    if !plan.machines.iter().any(|planned| opens.max(now) + planned.takes <= closes) {
        let why = "The window is too short: no machine can be expected to run again before it ends.";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    tracing::info!(onboarding = %onboarding.id(), machines = machines.len(), "a window is set");
    let id: OnboardingId = onboarding.id();
    let onboarding = match record(app, "operations", id, &Fact::WindowPlanned { window }).await {
        Ok(Recorded::Done(onboarding)) => *onboarding,
        Ok(Recorded::NoNews(known)) => return Err(Problem::new(StatusCode::CONFLICT, why_no_window(&known))),
        Ok(Recorded::Unknown) => return Err(unknown()),
        Err(error) => return Err(Problem::unavailable("recording a window", error.as_ref())),
    };
    let mut answer = shown(&onboarding, &plan, request.at_once);
    answer["message"] = json!("The window is set. Nothing is stopped before it opens.");
    Ok(answer)
}

fn why_no_window(onboarding: &Onboarding) -> &'static str {
    if onboarding.stage() == Stage::Ended {
        "The subscription has ended."
    } else if onboarding.window().is_some_and(Window::has_begun_machines) {
        "Machines of the window before are not running again yet."
    } else {
        "Nothing is encrypted for this onboarding at present: no key is proven, or it is suspended."
    }
}

fn check_at_once(at_once: u32) -> Result<(), Problem> {
    if (1..=MOST_AT_ONCE).contains(&at_once) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::BAD_REQUEST, "The number of machines at a time must be from 1 to 1000."))
}

async fn plan_of(app: &App, onboarding: &Onboarding) -> Result<Plan, Problem> {
    let plan = disk_plan::of(app, onboarding).await;
    plan.map_err(|error| Problem::unavailable("asking Azure about disks and machines", &error))
}

fn shown(onboarding: &Onboarding, plan: &Plan, at_once: u32) -> Value {
    let turns = disk_plan::turns(&plan.machines, at_once);
    let machines: Vec<Value> = plan
        .machines
        .iter()
        .zip(&turns)
        .map(|(planned, turn)| {
            json!({
                "machine": planned.machine,
                "disks": planned.disks,
                "downSeconds": planned.takes.as_secs(),
                "downAfterSeconds": turn.from.as_secs(),
            })
        })
        .collect();
    json!({
        "onboarding": onboarding.id(),
        "disks": plan.disks.iter().map(|(disk, becomes)| shown_disk(disk, becomes)).collect::<Vec<_>>(),
        "machines": machines,
        "outside": plan.outside.iter().map(shown_outside).collect::<Vec<_>>(),
        "atOnce": at_once,
        "totalSeconds": turns.iter().map(|turn| turn.until.as_secs()).max().unwrap_or_default(),
        "estimate": ESTIMATE,
        "window": onboarding.window().map(shown_window),
    })
}

fn shown_disk(disk: &ArmId, becomes: &Becomes) -> Value {
    let (becomes, machine, why) = match becomes {
        Becomes::Encrypted => ("encrypted", None, None),
        Becomes::WithoutWindow => ("without-window", None, None),
        Becomes::InWindow(machine) => ("in-window", Some(machine), None),
        Becomes::Not(why) => ("not", None, Some(why)),
    };
    json!({"disk": disk, "becomes": becomes, "machine": machine, "why": why})
}

fn shown_outside(one: &Outside) -> Value {
    let kind = if one.resource.is_of_type(IMAGES) {
        "image"
    } else if one.resource.is_of_type(GALLERY_VERSIONS) {
        "gallery image version"
    } else {
        "snapshot"
    };
    json!({"resource": one.resource, "kind": kind, "canBeRead": one.can_be_read})
}

fn shown_window(window: &Window) -> Value {
    let phase = match window.phase {
        Phase::Ahead => "ahead",
        Phase::Open => "open",
        Phase::Closed => "closed",
        Phase::Ended => "ended",
    };
    json!({
        "opens": window.opens.format(&Rfc3339).ok(),
        "closes": window.closes.format(&Rfc3339).ok(),
        "atOnce": window.at_once,
        "phase": phase,
        "machines": window.machines.iter().map(shown_machine).collect::<Vec<_>>(),
    })
}

fn shown_machine(planned: &Planned) -> Value {
    let (progress, seconds, why) = match &planned.progress {
        Progress::Waiting => ("waiting", None, None),
        Progress::Begun { given_up, .. } => ("begun", None, given_up.as_ref()),
        Progress::Done { seconds } => ("done", Some(seconds), None),
        Progress::LeftOut { why } => ("left-out", None, Some(why)),
    };
    json!({"machine": planned.machine, "disks": planned.disks, "progress": progress, "seconds": seconds, "why": why})
}

fn answer(headers: &HeaderMap, answer: Result<Value, Problem>) -> Response {
    match answer {
        Ok(answer) => private_json(StatusCode::OK, &answer),
        Err(problem) => problem.respond_to(headers),
    }
}

//! What the operator says about an onboarding that leaves, or is to: show what is undone, begin, withdraw, approve.
//! Recorded in the journal before the answer.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use onboarding::{
    Fact, Onboarding, SubscriptionStatus,
    leaving::{Leaving, Sweep, User},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    load,
    said::{answer, read, reason_of, recorded},
    within_budget,
};
use crate::{
    App,
    pages::{Problem, leaving},
    step::StepError,
    systems::estate,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaveRequest {
    /// Why; only operators see it.
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovalRequest {
    /// Who approves it.
    who: String,
    /// The journal entry whose plan was seen.
    plan: u64,
}

/// `GET …/{id}/leaving`: the plan of one that leaves; of another, what it would be now.
pub(super) async fn show(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer(&headers, shown(&app, &id).await)
}

async fn shown(app: &App, id: &str) -> Result<Value, Problem> {
    let onboarding = load(app, id).await?.onboarding;
    if onboarding.leaving().is_some() || !onboarding.has_something_to_leave() {
        return Ok(told(&onboarding, None));
    }
    within_budget(app, onboarding.id()).await?;
    let sweep = estate::sweep(app, &onboarding).await.map_err(|error| match error {
        StepError::Retry { source, .. } | StepError::LeaveToNewer { source } => {
            Problem::unavailable("looking at what uses a disk encryption set", source.as_ref())
        }
        StepError::Refuse { description, .. } => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, description),
        StepError::NotNow(why) => Problem::new(StatusCode::CONFLICT, why.to_string()),
    })?;
    let mut answer = told(&onboarding, None);
    answer["plan"] = plan(&sweep, None);
    answer["holdSeconds"] = json!(app.settings.leaving.hold.as_secs());
    Ok(answer)
}

/// `POST …/{id}/leave`
pub(super) async fn leave(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&headers, asked(&app, &id, &body).await)
}

async fn asked(app: &App, id: &str, body: &[u8]) -> Result<Value, Problem> {
    let LeaveRequest { reason } = read(body)?;
    let reason = reason_of(reason)?;
    let Some(reason) = reason else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "A reason is required."));
    };
    match recorded(app, id, &Fact::LeavingAsked { reason }).await? {
        Ok(onboarding) => Ok(told(
            &onboarding,
            Some("It leaves. Nothing is undone before the hold is over and the plan approved."),
        )),
        Err(known) if known.leaving().is_some() => Ok(told(&known, Some("It leaves already."))),
        Err(_) => Err(Problem::new(
            StatusCode::CONFLICT,
            "This onboarding has no disk encryption set and no proven key: there is nothing to undo.",
        )),
    }
}

/// `POST …/{id}/stay`
pub(super) async fn stay(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer(&headers, stays(&app, &id).await)
}

async fn stays(app: &App, id: &str) -> Result<Value, Problem> {
    match recorded(app, id, &Fact::Stays).await? {
        Ok(onboarding) => Ok(told(&onboarding, Some("It stays: everything is as before."))),
        Err(known) => Err(Problem::new(StatusCode::CONFLICT, why_not_stay(&known))),
    }
}

fn why_not_stay(onboarding: &Onboarding) -> &'static str {
    if onboarding.leaving().is_none() {
        "This onboarding does not leave."
    } else if onboarding.purchase().status == SubscriptionStatus::Unsubscribed {
        "The subscription has ended. It stays only if the marketplace says that the subscription is in force again. To \
         keep anything from being undone, freeze the onboarding."
    } else {
        "It is being undone already. There is no way back; the customer can be onboarded again."
    }
}

/// `POST …/{id}/approve-leaving`
pub(super) async fn approve(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&headers, approved(&app, &id, &body).await)
}

async fn approved(app: &App, id: &str, body: &[u8]) -> Result<Value, Problem> {
    let ApprovalRequest { who, plan } = read(body)?;
    let who = who.trim().to_owned();
    if who.is_empty() || who.chars().count() > 100 || who.contains('@') {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "who must be a name of at most 100 characters, and no mail address.",
        ));
    }
    match recorded(app, id, &Fact::LeavingApproved { who, plan }).await? {
        Ok(onboarding) => Ok(told(&onboarding, Some("Approved. It is undone when the hold is over."))),
        Err(known) => match known.leaving() {
            Some(leaving) if leaving.approval.is_some() => Ok(told(&known, Some("Approved before."))),
            Some(leaving) if leaving.plan.is_some() => Err(Problem::new(
                StatusCode::CONFLICT,
                "What is to be undone has changed since. Look at the plan again.",
            )),
            Some(_) => {
                Err(Problem::new(StatusCode::CONFLICT, "There is no plan yet. Try again in a minute."))
            }
            None => Err(Problem::new(StatusCode::CONFLICT, "This onboarding does not leave.")),
        },
    }
}

fn told(onboarding: &Onboarding, message: Option<&str>) -> Value {
    let mut answer = json!({
        "onboarding": onboarding.id(),
        "state": onboarding.stage(),
        "subscription": onboarding.purchase().status,
        "leaving": of(onboarding),
        "plan": null,
    });
    if let Some(planned) = onboarding.leaving().and_then(|leaving| leaving.plan.as_ref()) {
        answer["plan"] = plan(&planned.sweep, Some(planned.entry));
    }
    if let Some(message) = message {
        answer["message"] = json!(message);
    }
    answer
}

/// Everything of it, for the vendor; `null` when it does not leave.
pub(super) fn of(onboarding: &Onboarding) -> Value {
    let Some(Leaving { why, approval, undo, .. }) = onboarding.leaving() else { return Value::Null };
    let mut shown = leaving::json(onboarding);
    if let onboarding::leaving::Why::VendorAsks { reason } = why {
        shown["reason"] = json!(reason);
    }
    shown["approval"] = json!(approval.as_ref().map(|approval| {
        let by = if approval.who.is_some() { "person" } else { "policy" };
        json!({"by": by, "who": approval.who, "at": leaving::text(approval.at)})
    }));
    shown["givenBack"] = json!(undo.as_ref().map(|undo| &undo.disks));
    shown
}

fn plan(sweep: &Sweep, entry: Option<u64>) -> Value {
    let user = |user: &User| json!({"id": user.id, "kind": user.kind, "machine": user.machine});
    json!({
        "entry": entry,
        "at": leaving::text(sweep.at),
        "set": sweep.set,
        "setIs": sweep.set_is,
        "keyHeldBy": sweep.key_held_by,
        "disks": sweep.given_back().map(user).collect::<Vec<_>>(),
        "inTheWay": sweep.in_the_way().map(user).collect::<Vec<_>>(),
    })
}

//! The history of an onboarding, and whether it holds together.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use onboarding::{
    OnboardingId,
    journal::{Entry, JournalError, Verification, anchor::AnchorError},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::unknown;
use crate::{
    App,
    pages::{Problem, blockers, private_json, replacement, rotation},
};

/// Every entry as it is stored, with the sentences for what was waited for after it.
pub(super) async fn show(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let Ok(onboarding) = id.parse::<OnboardingId>() else { return unknown().respond_to(&headers) };
    match app.journal.history(onboarding).await {
        Ok(entries) if entries.is_empty() => unknown().respond_to(&headers),
        Ok(entries) => {
            let now = app.clock.now();
            let entries: Vec<Value> = entries.into_iter().map(|entry| told(entry, now)).collect();
            private_json(StatusCode::OK, &json!({"onboarding": onboarding, "entries": entries}))
        }
        Err(error) => faulty(onboarding, error.into()).respond_to(&headers),
    }
}

/// The address of an operation is signed and gives access to its result, so it stays in the store.
fn told(entry: Entry, now: OffsetDateTime) -> Value {
    let mut record = entry.record;
    for of in ["/state/set/operation", "/state/replacement/progress/operation", "/fact/operation"] {
        if let Some(operation) = record.pointer_mut(of).filter(|operation| operation.is_string()) {
            *operation = json!("(not shown)");
        }
    }
    let machines = record.pointer_mut("/state/grace/machines").and_then(Value::as_object_mut);
    for (_, machine) in machines.into_iter().flatten() {
        if let Some(operation) = machine.get_mut("operation") {
            *operation = json!("(not shown)");
        }
    }
    record["stage"] = json!(entry.onboarding.stage());
    record["keyVersion"] = rotation::version_in_use(&entry.onboarding, now);
    record["rotation"] = rotation::json(&entry.onboarding);
    record["replacement"] = replacement::json(&entry.onboarding);
    record["warnings"] =
        rotation::reminder(&entry.onboarding).iter().map(blockers::finding).collect::<Vec<_>>().into();
    record["blockers"] = json!(blockers::all(&entry.onboarding));
    record
}

/// What was checked of the history, up to when, and what no check can show.
pub(super) async fn verify(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let Ok(onboarding) = id.parse::<OnboardingId>() else { return unknown().respond_to(&headers) };
    match app.journal.verify(&app.anchors, onboarding).await {
        Ok(None) => unknown().respond_to(&headers),
        Ok(Some(verification)) => {
            let apart = app.settings.anchors.is_some();
            private_json(StatusCode::OK, &report(onboarding, &verification, apart))
        }
        Err(error) => faulty(onboarding, error).respond_to(&headers),
    }
}

fn report(onboarding: OnboardingId, verification: &Verification, apart: bool) -> Value {
    let Verification { entries, anchors, anchored } = verification;
    let rfc3339 = time::format_description::well_known::Rfc3339;
    let mut cannot_show = vec![match anchored {
        Some(anchored) => format!(
            "Entries after number {} are not anchored yet: if the last of them were removed, it would not show.",
            anchored.entry
        ),
        None => "No anchor names this onboarding yet: if its last entries were removed, it would not show."
            .to_owned(),
    }];
    if !apart {
        cannot_show.push(
            "The anchors are in the same store as the journal: whoever can write to it can rewrite both. Set \
             LATCHKEY_ANCHORS_URL to a container with an immutability policy."
                .to_owned(),
        );
    }
    cannot_show.push("That what an entry says was true when it was written.".to_owned());
    json!({
        "onboarding": onboarding,
        "intact": true,
        "entries": entries,
        "anchors": anchors,
        "anchoredUpTo": anchored.as_ref().map(|anchored| json!({
            "entry": anchored.entry,
            "at": anchored.at.format(&rfc3339).ok(),
        })),
        "checked": [
            "Every entry has the number and the onboarding that its name says, and the hash of the entry before it.",
            "Every anchor has the hash of the anchor before it, and every anchored entry is there with the hash that was \
             anchored.",
            "The newest entry that was known is there.",
        ],
        "cannotShow": cannot_show,
    })
}

pub(super) fn faulty(onboarding: OnboardingId, error: AnchorError) -> Problem {
    match &error {
        AnchorError::Journal(JournalError::Tampered { .. }) | AnchorError::Tampered { .. } => {
            tracing::error!(%onboarding, %error, "the journal does not hold together");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        }
        AnchorError::Journal(_) | AnchorError::Store(_) => Problem::unavailable("reading a journal", &error),
    }
}

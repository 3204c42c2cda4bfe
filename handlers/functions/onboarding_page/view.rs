//! The customer's page, as JSON and as HTML: the same facts.

use axum::{http::StatusCode, response::Response};
use maud::{Markup, html};
use onboarding::{
    Consent, DiskState, Key, Onboarding, OnboardingId, Set, State,
    finding::{Blocker, Finding},
};
use serde_json::{Value, json};

use crate::{App, pages};

/// The page's facts for machines.
pub(super) fn json(app: &App, id: OnboardingId, onboarding: Option<&Onboarding>) -> Value {
    let Some(onboarding) = onboarding else {
        return json!({"onboarding": id, "state": "opening"});
    };
    let disks: Vec<Value> = onboarding
        .disks()
        .iter()
        .map(|(disk, state)| json!({"id": disk, "encryption": state, "verified": *state == DiskState::Encrypted}))
        .collect();
    let blocker = onboarding.blocker();
    json!({
        "onboarding": id,
        "state": onboarding.state(),
        "tenant": onboarding.tenant(),
        "region": onboarding.region(),
        "blocker": blocker,
        "applicationId": app.settings.application_id,
        "servicePrincipal": onboarding.service_principal(),
        "key": key_of(onboarding),
        "warnings": warnings_of(onboarding),
        "diskEncryptionSet": set_of(onboarding),
        "disks": disks,
        "activated": onboarding.activated_at().is_some(),
        "consentUrl": needs_consent(onboarding).then(|| pages::linked(app, id, &format!("/api/onboarding/{id}/consent"))),
        "shareKeyUrl": takes_key(onboarding).then(|| pages::linked(app, id, &format!("/api/share-key/{id}"))),
        "checkUrl": blocker.map(|_| pages::linked(app, id, &format!("/api/onboarding/{id}/check"))),
    })
}

/// The page for people.
pub(super) fn page(app: &App, id: OnboardingId, onboarding: Option<&Onboarding>) -> Response {
    let Some(onboarding) = onboarding else {
        let content = html! {
            meta http-equiv="refresh" content="2";
            p { "Your sign-up is on its way. This page looks again by itself." }
        };
        return pages::page(StatusCode::OK, "Opening your onboarding", &content);
    };
    let rests = matches!(onboarding.state(), State::Active | State::Suspended | State::Ended);
    let moves_by_itself = onboarding.blocker().is_none() && !rests;
    let content = html! {
        @if moves_by_itself { meta http-equiv="refresh" content="3"; }
        p { (sentence(onboarding.state())) }
        @if let Some(blocker) = onboarding.blocker() { (whose_turn(blocker)) }
        @if needs_consent(onboarding) {
            p { a href=(pages::linked(app, id, &format!("/api/onboarding/{id}/consent"))) { "Approve the application" } }
        }
        @if takes_key(onboarding) {
            form method="post" action=(pages::linked(app, id, &format!("/api/share-key/{id}"))) {
                label for="keyUrl" { "URL of your key" }
                input id="keyUrl" name="keyUrl" type="url" required
                    placeholder="https://VAULT.vault.azure.net/keys/KEY";
                button { "Share the key" }
            }
        }
        @if onboarding.blocker().is_some() {
            form method="post" action=(pages::linked(app, id, &format!("/api/onboarding/{id}/check"))) {
                button { "Check again" }
            }
        }
        (facts(app, onboarding))
    };
    pages::page(StatusCode::OK, "Your key, your data", &content)
}

fn whose_turn(blocker: &Blocker) -> Markup {
    html! {
        h2 { "Waiting for the " (match blocker.finding.owner {
            onboarding::finding::Owner::Customer => "customer",
            onboarding::finding::Owner::Vendor => "vendor",
        }) }
        p { (blocker.finding.summary) }
        @for step in &blocker.finding.mend { pre { (step) } }
    }
}

fn facts(app: &App, onboarding: &Onboarding) -> Markup {
    html! {
        dl {
            dt { "Onboarding" } dd { (onboarding.id()) }
            dt { "Your tenant" } dd { (onboarding.tenant()) }
            dt { "Region" } dd { (onboarding.region()) }
            dt { "Application" } dd { (app.settings.application_id) }
            @if let Some(principal) = onboarding.service_principal() {
                dt { "Its service principal in your tenant" } dd { (principal) }
            }
            @if let Some(key) = key_of(onboarding) { dt { "Key" } dd { (key) } }
            @for warning in warnings_of(onboarding) { dt { "Advice" } dd { (warning.summary) } }
            @if let Some(set) = set_of(onboarding) { dt { "Disk encryption set" } dd { (set) } }
            @for (disk, state) in onboarding.disks() {
                dt { "Disk " (disk.name()) }
                dd { (match state {
                    DiskState::Found => "to be encrypted",
                    DiskState::Requested => "being encrypted",
                    DiskState::Encrypted => "encrypted under your key",
                }) }
            }
        }
    }
}

fn sentence(state: State) -> &'static str {
    match state {
        State::AwaitingConsent => "An administrator of your tenant approves the application first.",
        State::AwaitingKey => {
            "The application is known in your tenant. Now it needs the use of a key of yours."
        }
        State::Provisioning => "Your key works. The disk encryption set is being made.",
        State::Encrypting => "The disks are being encrypted under your key.",
        State::Activating => "The disks are encrypted under your key. The subscription is being activated.",
        State::Active => "The disks are encrypted under your key, and the subscription is active.",
        State::Suspended => "The subscription is suspended.",
        State::Ended => "The subscription has ended.",
    }
}

fn needs_consent(onboarding: &Onboarding) -> bool {
    let is_withdrawn = onboarding.blocker().is_some_and(|blocker| blocker.finding.code.is_about_consent());
    is_withdrawn
        || matches!(onboarding.consent(), Consent::Pending) && onboarding.state() == State::AwaitingConsent
}

fn takes_key(onboarding: &Onboarding) -> bool {
    onboarding.state() == State::AwaitingKey
}

fn key_of(onboarding: &Onboarding) -> Option<String> {
    match onboarding.key() {
        Key::NotShared => None,
        Key::Refused { key } => Some(key.to_string()),
        Key::Proven { proof } => Some(proof.version.to_string()),
    }
}

/// What is not wrong with the key but unwise.
fn warnings_of(onboarding: &Onboarding) -> &[Finding] {
    match onboarding.key() {
        Key::Proven { proof } => &proof.warnings,
        Key::NotShared | Key::Refused { .. } => &[],
    }
}

fn set_of(onboarding: &Onboarding) -> Option<String> {
    match onboarding.set() {
        Set::None => None,
        Set::Requested { set, .. } | Set::Ready { set } => Some(set.to_string()),
    }
}

//! The customer's page, as JSON and as HTML: the same facts. The vendor's resources have names there and no IDs, which would
//! tell the vendor's subscription.

use axum::{http::StatusCode, response::Response};
use maud::{Markup, html};
use onboarding::{
    Consent, DiskState, DropReason, Onboarding, Set, Stage,
    blocker::Blocker,
    finding::{Finding, Owner, Person},
    grace::Rung,
    watched::Seen,
};
use serde_json::{Value, json};

use super::key_health;
use crate::{
    App,
    pages::{self, blockers, key_events, ladder, leaving, replacement, rotation, signing::Link},
    systems::signups::given_up_after,
};

/// The page's facts for machines.
pub(super) fn json(app: &App, link: &Link, onboarding: Option<&Onboarding>, seen: &Seen) -> Value {
    let id = link.onboarding;
    let Some(onboarding) = onboarding else {
        return json!({"onboarding": id, "state": "opening", "overdue": is_overdue(app, link)});
    };
    let disks: Vec<Value> = onboarding
        .disks()
        .iter()
        .map(|(disk, state)| json!({"name": disk.name(), "encryption": state, "verified": *state == DiskState::Encrypted}))
        .collect();
    let dropped: Vec<Value> =
        onboarding.dropped().iter().map(|(disk, why)| json!({"name": disk.name(), "why": why})).collect();
    let blockers = blockers::for_customer(app, onboarding);
    json!({
        "onboarding": id,
        "state": onboarding.stage(),
        "tenant": onboarding.tenant(),
        "region": onboarding.region(),
        "blocker": blockers.first(),
        "blockers": blockers,
        "applicationId": app.settings.application_id,
        "servicePrincipal": onboarding.service_principal(),
        "key": key_of(onboarding),
        "keyHealth": key_health::json(app, onboarding, seen),
        "keyVersion": rotation::version_in_use(onboarding, app.clock.now()),
        "rotation": rotation::json(onboarding),
        "keyEventsUrl": takes_key_events(onboarding).then(|| key_events::address_of(app, id)),
        "warnings": warnings_of(onboarding).iter().map(blockers::finding).collect::<Vec<_>>(),
        "diskEncryptionSet": set_of(onboarding),
        "disks": disks,
        "droppedDisks": dropped,
        "grace": ladder::json(&app.settings.grace, onboarding, app.clock.now()),
        "leaving": leaving::json(onboarding),
        "activated": onboarding.activated_at().is_some(),
        "consentUrl": needs_consent(onboarding).then(|| pages::linked(app, link, &format!("/api/onboarding/{id}/consent"))),
        "candidateKey": replacement::candidate_json(onboarding),
        "replacement": replacement::json(onboarding),
        "replaceKeyUrl": replacement::can_be_used(onboarding)
            .then(|| pages::linked(app, link, &format!("/api/onboarding/{id}/replace-key"))),
        "withdrawKeyUrl": replacement::can_be_withdrawn(onboarding)
            .then(|| pages::linked(app, link, &format!("/api/onboarding/{id}/withdraw-key"))),
        "shareKeyUrl": takes_key(onboarding).then(|| pages::linked(app, link, &format!("/api/share-key/{id}"))),
        "checkUrl": can_be_checked(onboarding).then(|| pages::linked(app, link, &format!("/api/onboarding/{id}/check"))),
    })
}

/// The page for people.
pub(super) fn page(app: &App, link: &Link, onboarding: Option<&Onboarding>, seen: &Seen) -> Response {
    let id = link.onboarding;
    let Some(onboarding) = onboarding else { return opening(is_overdue(app, link)) };
    let moves_by_itself =
        onboarding.blockers().is_empty() && (!onboarding.is_at_rest() || onboarding.replacement().is_some());
    let content = html! {
        @if moves_by_itself { meta http-equiv="refresh" content="3"; }
        p { (sentence(onboarding)) }
        (leaving::html(onboarding))
        (ladder::html(&app.settings.grace, onboarding))
        (waits_for(app, onboarding))
        (key_health::section(app, onboarding, seen))
        @if needs_consent(onboarding) {
            p { a href=(pages::linked(app, link, &format!("/api/onboarding/{id}/consent"))) { "Approve the application" } }
        }
        @if onboarding.stage() == Stage::AwaitingKey {
            form method="post" action=(pages::linked(app, link, &format!("/api/share-key/{id}"))) {
                label for="keyUrl" { "Key URL" }
                input id="keyUrl" name="keyUrl" type="url" required
                    placeholder="https://VAULT.vault.azure.net/keys/KEY";
                button { "Submit the key URL" }
            }
        }
        @if can_be_checked(onboarding) {
            form method="post" action=(pages::linked(app, link, &format!("/api/onboarding/{id}/check"))) {
                button { "Check again" }
            }
        }
        (rotation::section(onboarding))
        (replacement::section(onboarding, [
            &pages::linked(app, link, &format!("/api/share-key/{id}")),
            &pages::linked(app, link, &format!("/api/onboarding/{id}/replace-key")),
            &pages::linked(app, link, &format!("/api/onboarding/{id}/withdraw-key")),
        ]))
        @if let Some(key) = onboarding.key().filter(|_| takes_key_events(onboarding)) {
            (hear_at_once(&key_events::subscribe_command(app, id, &key.version)))
        }
        // Where nothing was made, that it ended is all there is to say.
        @if onboarding.stage() != Stage::Ended || onboarding.leaving().is_some() || *onboarding.set() != Set::None { (facts(app, onboarding)) }
    };
    pages::page(StatusCode::OK, "Your key, your data", &content)
}

/// Whether the sign-up that this link came with is not tried any more.
fn is_overdue(app: &App, link: &Link) -> bool {
    link.age(app.clock.now()) > given_up_after(app.settings.standstill)
}

fn opening(is_overdue: bool) -> Response {
    let (title, content) = if is_overdue {
        let content = html! {
            meta http-equiv="refresh" content="60";
            p { "Your sign-up could not be processed. The vendor has been notified." }
            p {
                "To try again now, open the subscription in the Azure portal or the Microsoft 365 admin center and choose \
                 \"Configure account\"."
            }
        };
        ("Your onboarding could not be opened", content)
    } else {
        let content = html! {
            meta http-equiv="refresh" content="2";
            p { "Your sign-up is being processed. This page refreshes by itself." }
        };
        ("Opening your onboarding", content)
    };
    pages::page(StatusCode::OK, title, &content)
}

/// The most important thing that it waits for, with what to do; then everything else.
fn waits_for(app: &App, onboarding: &Onboarding) -> Markup {
    let mut blockers = onboarding.blockers().iter().map(|(_, blocker)| blocker);
    let Some(first) = blockers.next() else { return html! {} };
    let others: Vec<&Blocker> = blockers.collect();
    html! {
        h2 { "Waiting for the " (name_of(first.finding.owner())) (person_of(first)) }
        (blocked(app, onboarding, first))
        @if !others.is_empty() {
            h2 { "Also waiting" }
            @for other in others {
                details {
                    summary { (other.finding.summary()) " (waiting for the " (name_of(other.finding.owner())) ")" }
                    @for step in blockers::mend_of(app, onboarding, &other.finding) { pre { (step) } }
                }
            }
        }
    }
}

/// Which of the customer's people can do it.
fn person_of(blocker: &Blocker) -> &'static str {
    match blocker.finding.code().person() {
        Person::CustomerAdministrator => ": an administrator of the tenant",
        Person::KeyOwner => ": whoever manages the key",
        Person::Vendor | Person::Azure => "",
    }
}

fn blocked(app: &App, onboarding: &Onboarding, blocker: &Blocker) -> Markup {
    html! {
        p { (blocker.finding.summary()) }
        @for step in blockers::mend_of(app, onboarding, &blocker.finding) { pre { (step) } }
    }
}

fn name_of(owner: Owner) -> &'static str {
    match owner {
        Owner::Customer => "customer",
        Owner::Vendor => "vendor",
        Owner::Azure => "Azure service",
    }
}

/// How the customer makes new versions known at once.
fn hear_at_once(command: &str) -> Markup {
    html! {
        details {
            summary { "Optional: have new versions of your key noticed at once" }
            p {
                "Latchkey looks for new versions of your key regularly. With an event subscription on your key vault, it looks \
                 as soon as something happens to the key. The resource provider Microsoft.EventGrid must be registered in \
                 your subscription. The command contains a secret: whoever has it can make Latchkey look at your key, and \
                 nothing else."
            }
            pre { (command) }
        }
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
                dt { "Service principal in your tenant" } dd { (principal) }
            }
            @if let Some(key) = key_of(onboarding) { dt { "Key" } dd { (key) } }
            @for warning in warnings_of(onboarding) {
                dt { "Recommendation" }
                dd { (warning.summary()) @for step in warning.mend() { pre { (step) } } }
            }
            @if let Some(set) = set_of(onboarding) { dt { "Disk encryption set" } dd { (set) } }
            @for (disk, state) in onboarding.disks() {
                dt { "Disk " (disk.name()) }
                dd { (leaving::disk(onboarding, disk, *state)) }
            }
            @for (disk, why) in onboarding.dropped() {
                dt { "Disk " (disk.name()) }
                dd { (match why {
                    DropReason::Retagged => "no longer assigned to you; it was not encrypted with your key",
                    DropReason::RetaggedLate => {
                        "no longer assigned to you; the vendor must check its encryption, which had begun with your key"
                    }
                    DropReason::Deleted => "deleted by the vendor",
                }) }
            }
        }
    }
}

fn sentence(onboarding: &Onboarding) -> &'static str {
    match onboarding.stage() {
        Stage::AwaitingConsent => "Waiting for an administrator of your tenant to approve the application.",
        Stage::AwaitingKey => {
            "The application is approved in your tenant. Next, give the application access to one of your keys."
        }
        Stage::Provisioning => "Your key works. The disk encryption set is being created.",
        Stage::Encrypting => "The disks are being encrypted with your key.",
        Stage::Activating => "The disks are encrypted with your key. The subscription is being activated.",
        Stage::Active => "The disks are encrypted with your key, and the subscription is active.",
        // The grace ladder waits during an outage, and what it did stays.
        Stage::Unreachable if onboarding.grace().has_taken(Rung::Suspend) => {
            "The disks are encrypted with your key. The vendor suspended the service, because your key could not be used. \
             At present, Latchkey cannot check whether your key works."
        }
        Stage::Unreachable => {
            "The disks are encrypted with your key, and the subscription is active. At present, Latchkey cannot check \
             whether your key works."
        }
        Stage::Revoked => {
            "The application cannot use your key any more, so Azure will stop using your disks. What was found, and how to \
             mend it, is below."
        }
        Stage::Suspended => "The subscription is suspended.",
        Stage::Leaving => "This onboarding is ending.",
        // One that had nothing to leave ended with its subscription.
        Stage::Ended if onboarding.leaving().is_none() => "The subscription has ended.",
        Stage::Ended => "This onboarding has ended.",
    }
}

fn needs_consent(onboarding: &Onboarding) -> bool {
    if onboarding.stage() == Stage::Ended {
        return false;
    }
    let is_missing =
        onboarding.blockers().iter().any(|(_, blocker)| blocker.finding.code().is_about_consent());
    is_missing
        || matches!(onboarding.consent(), Consent::Pending) && onboarding.stage() == Stage::AwaitingConsent
}

fn takes_key(onboarding: &Onboarding) -> bool {
    onboarding.stage() == Stage::AwaitingKey
        || onboarding.may_have_candidate().is_ok() && onboarding.candidate().is_none()
}

fn takes_key_events(onboarding: &Onboarding) -> bool {
    matches!(onboarding.set(), Set::Ready { .. }) && onboarding.stage() != Stage::Ended
}

fn can_be_checked(onboarding: &Onboarding) -> bool {
    onboarding.stage() != Stage::Ended
}

fn key_of(onboarding: &Onboarding) -> Option<String> {
    onboarding.key_to_look_at().map(ToString::to_string)
}

/// What is not wrong with the key but unwise.
fn warnings_of(onboarding: &Onboarding) -> Vec<Finding> {
    let unwise = onboarding.key().into_iter().flat_map(|proof| proof.warnings.iter().cloned());
    unwise.chain(rotation::reminder(onboarding)).collect()
}

fn set_of(onboarding: &Onboarding) -> Option<String> {
    match onboarding.set() {
        Set::None => None,
        Set::Requested { set, .. } | Set::Ready { set } => Some(set.name().to_owned()),
    }
}

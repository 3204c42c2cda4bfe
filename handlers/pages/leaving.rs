//! That an onboarding leaves or has left, for its customer: what happens, when, and what is to be removed in the end. The
//! vendor's resources have names here and no ids.

use azure_ids::ArmId;
use maud::{Markup, html};
use onboarding::{
    DiskState, Onboarding,
    leaving::{Access, GivenBack, Leaving, Removed, Undo, UserKind, Why, what_to_remove},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// For machines; `null` when it does not leave.
pub(crate) fn json(onboarding: &Onboarding) -> Value {
    let Some(leaving) = onboarding.leaving() else { return Value::Null };
    let names = |wanted: bool| -> Vec<Value> {
        let users = leaving.plan.iter().flat_map(|plan| &plan.sweep.users);
        let users = users.filter(|user| (user.kind == UserKind::Disk) == wanted);
        users.map(|user| json!({"name": user.id.name(), "kind": user.kind})).collect()
    };
    let undo = leaving.undo.as_ref();
    json!({
        "why": leaving.why.as_str(),
        "since": text(leaving.since),
        "holdUntil": text(leaving.hold_until),
        "disks": names(true),
        "inTheWay": names(false),
        "approved": leaving.approval.is_some(),
        "undoneSince": undo.and_then(|undo| text(undo.since)),
        "setGoneAt": undo.and_then(set_gone_at).and_then(text),
        "access": undo.and_then(|undo| undo.access).map(access),
        "toRemove": to_remove(onboarding, leaving),
    })
}

/// For people; nothing when it does not leave.
pub(crate) fn html(onboarding: &Onboarding) -> Markup {
    let Some(leaving) = onboarding.leaving() else { return html! {} };
    html! {
        p { (why(&leaving.why)) }
        @match &leaving.undo {
            None => { (what_will_happen(leaving)) }
            Some(undo) => { (what_was_done(undo)) (farewell(onboarding, leaving, undo)) }
        }
    }
}

/// What a page says of a disk that goes back, or went back.
pub(crate) fn disk(onboarding: &Onboarding, disk: &ArmId, state: DiskState) -> &'static str {
    let undo = onboarding.leaving().and_then(|leaving| leaving.undo.as_ref());
    match (undo.and_then(|undo| undo.disks.get(disk)), state) {
        (Some(GivenBack::Waits | GivenBack::Requested), _) => "being changed back to a platform-managed key",
        (Some(GivenBack::Done), _) => "encrypted with a platform-managed key",
        (Some(GivenBack::Deleted), _) => "deleted by the vendor",
        (None, DiskState::Found) => "to be encrypted",
        (None, DiskState::Requested) => "being encrypted",
        (None, DiskState::Encrypted) => "encrypted with your key",
    }
}

fn why(why: &Why) -> &'static str {
    match why {
        Why::Unsubscribed => "Your subscription has ended.",
        // The words of the vendor's operator are the vendor's.
        Why::VendorAsks { .. } => "The vendor is ending this onboarding.",
        Why::KeyRevoked => {
            "Your key could not be used for a long time, so the vendor is ending this onboarding."
        }
    }
}

fn what_will_happen(leaving: &Leaving) -> Markup {
    let until = for_people(leaving.hold_until);
    let disks: Vec<&str> = leaving.plan.iter().flat_map(|plan| plan.sweep.given_back()).map(name).collect();
    let others: Vec<String> = leaving
        .plan
        .iter()
        .flat_map(|plan| plan.sweep.in_the_way())
        .map(|user| format!("{} {}", user.kind.word(), user.id.name()))
        .collect();
    html! {
        p {
            "Nothing is changed before " (until) ". " (way_back(&leaving.why))
        }
        h2 { "What happens then" }
        ol {
            li {
                "The vendor changes the disks back to platform-managed keys. Their data stays."
                @if !disks.is_empty() { " These are: " (disks.join(", ")) "." }
            }
            li { "The vendor deletes the disk encryption set. From then on, nothing uses your key." }
            li { "You remove the application's access to your key. This page then shows the commands, and Latchkey checks \
                  that the access is gone." }
        }
        @if !others.is_empty() {
            p { "These also use your key, and the vendor decides what becomes of them first: " (others.join(", ")) "." }
        }
        p {
            strong { "Keep the key and the application's access to it until this page says that nothing uses the key. " }
            "Without the key, Azure can neither read nor change the disks."
        }
    }
}

fn way_back(why: &Why) -> &'static str {
    match why {
        Why::Unsubscribed => "If the subscription is reinstated before that, everything is as before.",
        Why::VendorAsks { .. } => "The vendor can withdraw this before that; then everything is as before.",
        Why::KeyRevoked => "If your key can be used again before that, everything is as before.",
    }
}

fn what_was_done(undo: &Undo) -> Markup {
    let open = undo.pending_disks().count();
    html! {
        @if open > 0 {
            p {
                "Since " (for_people(undo.since)) " the disks are being changed back to platform-managed keys: "
                (undo.disks.len() - open) " of " (undo.disks.len()) " are done. Their data stays. "
                strong { "Keep the key and the application's access to it until this page says that nothing uses the key." }
            }
        } @else if let Some(at) = set_gone_at(undo) {
            p {
                "The disks are encrypted with platform-managed keys, and the disk encryption set was deleted on "
                (for_people(at)) ". Nothing uses your key any more."
            }
        } @else {
            p {
                "The disks are encrypted with platform-managed keys. The disk encryption set is being deleted. "
                strong { "Keep the key and the application's access to it until this page says that nothing uses the key." }
            }
        }
    }
}

fn farewell(onboarding: &Onboarding, leaving: &Leaving, undo: &Undo) -> Markup {
    let Some(key) = onboarding.key().filter(|_| leaving.has_given_up_key()) else { return html! {} };
    html! {
        @match undo.access {
            Some(Access::Refused { at, .. }) => p {
                "On " (for_people(at)) " Latchkey tried to use your key and was refused: the application has no access to it \
                 any more."
            },
            Some(Access::Remains { at }) => p {
                "On " (for_people(at)) " it was still not certain that the application has no access to your key. Latchkey \
                 does not use it any more, and does not check again."
            },
            None => p { "Latchkey checks from time to time whether the application still has access to your key." },
        }
        h2 { "What to remove on your side" }
        @for removal in what_to_remove(&key.version.without_version(), onboarding.service_principal()) {
            p { (removal.what) }
            pre { (removal.command) }
        }
    }
}

fn to_remove(onboarding: &Onboarding, leaving: &Leaving) -> Vec<Value> {
    let Some(key) = onboarding.key().filter(|_| leaving.has_given_up_key()) else { return vec![] };
    let removals = what_to_remove(&key.version.without_version(), onboarding.service_principal());
    removals.into_iter().map(|removal| json!({"what": removal.what, "command": removal.command})).collect()
}

fn access(access: Access) -> Value {
    match access {
        Access::Refused { at, code } => json!({"isGone": true, "at": text(at), "code": code}),
        Access::Remains { at } => json!({"isGone": false, "at": text(at)}),
    }
}

fn set_gone_at(undo: &Undo) -> Option<OffsetDateTime> {
    match undo.set {
        Removed::Gone { at } => Some(at),
        Removed::Waits | Removed::Requested => None,
    }
}

fn name(user: &onboarding::leaving::User) -> &str {
    user.id.name()
}

pub(crate) fn text(at: OffsetDateTime) -> Option<String> {
    at.format(&Rfc3339).ok()
}

fn for_people(at: OffsetDateTime) -> String {
    format!("{} at {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}

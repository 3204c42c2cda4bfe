//! Another key beside the one in use, and how far its taking the place is: for people and for programs, the same facts.

use maud::{Markup, html};
use onboarding::{Onboarding, Stage, replacement::Progress};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The key that was submitted beside the one in use; `null`: none was.
pub(crate) fn candidate_json(onboarding: &Onboarding) -> Value {
    let in_use = onboarding.key();
    onboarding.candidate().filter(|_| in_use.is_some()).map_or(Value::Null, |candidate| {
        json!({
            "key": candidate.key,
            "version": candidate.proof.as_ref().and_then(|proof| proof.version.version()),
            "works": candidate.proof.is_some(),
        })
    })
}

/// A change that is under way, or the last one; `null`: there was none.
pub(crate) fn json(onboarding: &Onboarding) -> Value {
    let (Some(key), candidate) = (onboarding.key(), onboarding.candidate()) else { return Value::Null };
    if let (Some(change), Some(to)) = (onboarding.replacement(), candidate) {
        return json!({
            "state": match change.progress {
                Progress::Wanted => "requested",
                Progress::Accepted { .. } => "changing",
            },
            "from": key.version.without_version(),
            "to": to.key,
            "by": change.by,
            "requestedAt": text_of(change.asked_at),
        });
    }
    let Some(rotation) = onboarding.rotation() else { return Value::Null };
    let Some(former) = rotation.other_keys().next() else { return Value::Null };
    json!({
        "state": if rotation.over_at.is_some() { "over" } else { "rewrapping" },
        "from": former.without_version(),
        "to": rotation.to.without_version(),
        "changedAt": rotation.taken_over_at.and_then(text_of),
        "overAt": rotation.over_at.and_then(text_of),
    })
}

/// Whether the customer can put the candidate key in use now.
pub(crate) fn can_be_used(onboarding: &Onboarding) -> bool {
    let proven = onboarding.candidate().filter(|candidate| candidate.proof.is_some());
    proven.is_some_and(|candidate| onboarding.may_replace(&candidate.key).is_ok())
}

/// Whether the customer can take the candidate key back.
pub(crate) fn can_be_withdrawn(onboarding: &Onboarding) -> bool {
    onboarding.candidate().is_some() && onboarding.may_have_candidate().is_ok()
}

/// What is said of it. The forms lead to these addresses.
pub(crate) fn section(onboarding: &Onboarding, [share, replace, withdraw]: [&str; 3]) -> Markup {
    let Some(key) = onboarding.key().filter(|_| onboarding.activated_at().is_some()) else { return html! {} };
    if onboarding.stage() == Stage::Ended {
        return html! {};
    }
    let in_use = key.version.without_version();
    html! {
        (last_change(onboarding))
        @match (onboarding.candidate(), onboarding.replacement()) {
            (Some(candidate), Some(_)) => {
                h2 { "Your key is being replaced" }
                p { "Azure is changing the disk encryption set from " (in_use) " to " (candidate.key) "." }
                p { "Keep both keys enabled, and the application's access to both, until this page says otherwise." }
            }
            (Some(candidate), None) => {
                h2 { "Another key" }
                dl {
                    dt { "Key in use" } dd { (in_use) }
                    dt { "Other key" }
                    dd { (candidate.key) @if candidate.proof.is_some() { " (works)" } @else { " (does not work yet)" } }
                }
                @if can_be_used(onboarding) {
                    form method="post" action=(replace) {
                        input type="hidden" name="keyUrl" value=(candidate.key);
                        button { "Use this key from now on" }
                    }
                }
                @if can_be_withdrawn(onboarding) {
                    form method="post" action=(withdraw) {
                        input type="hidden" name="keyUrl" value=(candidate.key);
                        button { "Withdraw this key" }
                    }
                }
            }
            (None, _) => {
                details {
                    summary { "Replace your key by another one" }
                    p {
                        "The other key can be in the same key vault, or in another key vault of your tenant in the same \
                         region. Give the application access to it, as you did for the key in use. Nothing changes until \
                         you confirm it here."
                    }
                    form method="post" action=(share) {
                        label for="otherKeyUrl" { "Key URL" }
                        input id="otherKeyUrl" name="keyUrl" type="url" required
                            placeholder="https://VAULT.vault.azure.net/keys/KEY";
                        button { "Submit the key URL" }
                    }
                }
            }
        }
    }
}

/// The last change, as long as no other rotation came after it.
fn last_change(onboarding: &Onboarding) -> Markup {
    let Some(rotation) = onboarding.rotation() else { return html! {} };
    let Some(former) = rotation.other_keys().next().map(azure_ids::KeyUrl::without_version) else {
        return html! {};
    };
    html! {
        h2 { "Your key was replaced" }
        @if rotation.over_at.is_some() {
            p { "All disks use the key " (rotation.to.without_version()) "." }
            p { "The disks no longer need the key " (former) ". You can disable it." }
        } @else {
            p {
                "The disk encryption set uses the key " (rotation.to.without_version())
                ". It can take an hour until all disks use it."
            }
            p {
                "Until this page says that the disks no longer need the key " (former)
                ", keep it enabled, and the application's access to it."
            }
        }
    }
}

/// What is asked before a key is put in use.
pub(crate) fn question(
    onboarding: &Onboarding,
    key: &azure_ids::KeyUrl,
    replace: &str,
    back: &str,
) -> Markup {
    let in_use = onboarding.key().map(|used| used.version.without_version().to_string()).unwrap_or_default();
    html! {
        dl {
            dt { "Key in use" } dd { (in_use) }
            dt { "Key from now on" } dd { (key.without_version()) }
        }
        p { "Azure changes the disk encryption set to the other key, and encrypts the keys of the disks with it. Running \
             virtual machines keep running." }
        p { "Keep the key in use enabled until the onboarding's page says that the disks no longer need it. You cannot \
             take this back once Azure has begun; afterwards, you can replace the key again." }
        @if onboarding.revoked_since().is_some() {
            p { "The key in use does not work at present. Azure cannot encrypt the keys of the disks anew without it: \
                 disks may stay unusable until it works again." }
        }
        form method="post" action=(replace) {
            input type="hidden" name="keyUrl" value=(key.without_version());
            input type="hidden" name="confirmed" value="true";
            button { "Yes, use this key from now on" }
        }
        p { a href=(back) { "No, go back" } }
    }
}

fn text_of(at: OffsetDateTime) -> Option<String> {
    at.format(&Rfc3339).ok()
}

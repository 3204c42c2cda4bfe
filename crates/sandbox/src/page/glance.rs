//! The first thing on the page: is everything as it should be?

use maud::{Markup, html};

use super::view::View;
use crate::edge::Seen;
use crate::faults::FaultSummary;

/// One line a subject, with what is not well about it in the colour of a warning.
pub(super) fn glance(view: &View, seen: &[Seen], faults: &FaultSummary) -> Markup {
    let unusable = view.keys.shown.iter().filter(|key| key.state != "enabled").count();
    let stuck = view
        .sets
        .shown
        .iter()
        .filter(|set| set.error.is_some() || set.provisioning_state == "Failed")
        .count();
    let platform =
        view.disks.shown.iter().filter(|disk| disk.encryption == "EncryptionAtRestWithPlatformKey").count();
    let disabled = view.principals.shown.iter().filter(|principal| !principal.enabled).count();
    let waiting: usize = view.events.shown.iter().map(|line| line.pending).sum();
    let failed = seen.iter().filter(|call| call.status >= 500).count();
    let struck: u64 = faults.faults.iter().map(|fault| fault.fired).sum();
    html! {
        div.glance role="region" aria-label="At a glance" {
            (card("keys", "Keys", view.keys.all, unusable, "cannot be used"))
            (card("sets", "Sets", view.sets.all, stuck, "have an error"))
            (card("disks", "Disks", view.disks.all, platform, "under Azure's own key"))
            (card("consents", "Service principals", view.principals.all, disabled, "disabled"))
            (card("events", "Event subscriptions", view.events.all, waiting, "events wait"))
            (card("traffic", "Latest calls", seen.len(), failed, "answered 5xx"))
            (card("faults", "Faults in the script", faults.faults.len(), usize::try_from(struck).unwrap_or(usize::MAX), "times struck"))
        }
    }
}

fn card(section: &str, subject: &str, all: usize, amiss: usize, what: &str) -> Markup {
    html! {
        a.card.amiss[amiss > 0] href={ "#" (section) } {
            strong { (all) } " " (subject)
            br;
            small { @if amiss > 0 { (amiss) " " (what) } @else { "none " (what) } }
        }
    }
}

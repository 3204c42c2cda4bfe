//! The first thing on the page: is everything as it should be?

use maud::{Markup, html};

use crate::faults::FaultSummary;
use crate::traffic::recorder::Seen;

use super::view::{Lines, View};

/// One card a subject, with what is not well about it in the colour of a warning.
pub(super) fn glance(view: &View, seen: &[Seen], faults: &FaultSummary) -> Markup {
    let failed = seen.iter().filter(|call| call.status >= 500).count();
    let fired = faults.faults.iter().map(|fault| fault.fired).sum::<u64>();
    let fired = usize::try_from(fired).unwrap_or(usize::MAX);
    html! {
        div.glance role="region" aria-label="At a glance" {
            (of("keys", "Keys", &view.keys, "cannot be used", "all can be used"))
            (of("sets", "Sets", &view.sets, "with an error", "none with an error"))
            (of("disks", "Disks", &view.disks, "under Azure's own key", "all under a customer's key"))
            (of("consents", "Service principals", &view.principals, "disabled", "all enabled"))
            (of("events", "Event subscriptions", &view.events, "with events not delivered", "all delivered"))
            (card("traffic", "Latest calls", seen.len(), failed, "answered 5xx", "none answered 5xx"))
            (card("faults", "Faults in the script", faults.faults.len(), fired, "faults applied", "no fault applied"))
        }
    }
}

fn of<T>(section: &str, subject: &str, lines: &Lines<T>, amiss: &str, well: &str) -> Markup {
    card(section, subject, lines.all, lines.amiss, amiss, well)
}

fn card(section: &str, subject: &str, all: usize, amiss: usize, what: &str, well: &str) -> Markup {
    html! {
        a.card.amiss[amiss > 0] href={ "#" (section) } {
            strong { (all) } " " (subject)
            br;
            small { @if amiss > 0 { (amiss) " " (what) } @else if all > 0 { (well) } @else { "none yet" } }
        }
    }
}

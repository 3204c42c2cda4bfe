//! The sections of the page, one table each.

use maud::{Markup, html};

use crate::faults::FaultSummary;
use crate::traffic::recorder::Seen;

use super::parts::{badge, button, cell, code, rows, section, text};
use super::tenants::tenants;
use super::view::{KeyLine, PrincipalLine, View, moment};

/// More calls than this are for the HAR.
const MOST_CALLS: usize = 60;

pub(super) fn content(view: &View, seen: &[Seen], faults: &FaultSummary, token: &str) -> Markup {
    html! {
        (tenants(view, token)) (applications(view)) (consents(view, token)) (keys(view, token)) (grants(view, token))
        (sets(view)) (disks(view)) (events(view)) (fault_section(faults)) (traffic(seen))
    }
}

fn applications(view: &View) -> Markup {
    let rows = rows(&view.applications, |line| {
        html! {
            (cell("Application", &html! { strong { (line.name) } }))
            (code("Application id", line.app_id))
            (text("Home", &line.tenant))
            (cell("Audience", &if line.multi_tenant { badge("good", "any organisation") } else { badge("", "its own only") }))
            (cell("Credentials", &html! { ul { @for credential in &line.credentials { li { (credential) } } } }))
        }
    });
    let head = ["Application", "Application id", "Home", "Audience", "Credentials"];
    let left_out = view.applications.left_out();
    section("applications", "Applications", "No application matches.", &head, &rows, left_out)
}

fn consents(view: &View, token: &str) -> Markup {
    let rows = rows(&view.principals, |line| {
        html! {
            (cell("Service principal", &html! { strong { (line.name) } br; code { (line.object_id) } }))
            (text("In the tenant", &line.tenant))
            (cell("Application", &html! { (line.home) br; code { (line.app_id) } }))
            (cell("State", &principal_state(line)))
            (cell("", &principal_buttons(line, token)))
        }
    });
    let head = ["Service principal", "In the tenant", "Application", "State", ""];
    let title = "Service principals";
    section("consents", title, "No service principal matches.", &head, &rows, view.principals.left_out())
}

fn principal_state(line: &PrincipalLine) -> Markup {
    html! {
        @if line.managed { (badge("", "managed identity")) " " }
        @if line.enabled { (badge("good", "enabled")) } @else { (badge("bad", "disabled")) }
    }
}

fn principal_buttons(line: &PrincipalLine, token: &str) -> Markup {
    let id = line.object_id.to_string();
    html! {
        div.buttons {
            @if line.enabled {
                (button("Disable", true, token, &[("action", "disableServicePrincipal"), ("objectId", &id)]))
            } @else {
                (button("Enable", false, token, &[("action", "enableServicePrincipal"), ("objectId", &id)]))
            }
            @if !line.managed {
                (button("Delete service principal", true, token, &[("action", "deleteServicePrincipal"), ("objectId", &id)]))
            }
        }
    }
}

fn keys(view: &View, token: &str) -> Markup {
    let rows = rows(&view.keys, |line| {
        let kind = match line.state {
            "enabled" => "good",
            "not yet valid" => "warn",
            _ => "bad",
        };
        html! {
            (cell("Key", &html! { strong { (line.key) } br; small { "in " (line.vault) } }))
            (text("Kind", &line.kind))
            (cell("Newest version", &html! { code { (line.newest) } br; small { "of " (line.versions) } }))
            (text("Expires", line.expires.as_deref().unwrap_or("never")))
            (cell("State", &badge(kind, line.state)))
            (cell("", &key_buttons(line, token)))
        }
    });
    let head = ["Key", "Kind", "Newest version", "Expires", "State", ""];
    section("keys", "Keys", "There are no keys yet.", &head, &rows, view.keys.left_out())
}

fn key_buttons(line: &KeyLine, token: &str) -> Markup {
    let fields = |action| [("action", action), ("vault", line.vault.as_str()), ("key", line.key.as_str())];
    html! {
        div.buttons {
            @if line.deleted {} @else if line.enabled {
                (button("Disable key", true, token, &fields("disableKey")))
            } @else {
                (button("Enable key", false, token, &fields("enableKey")))
            }
        }
    }
}

fn grants(view: &View, token: &str) -> Markup {
    let rows = rows(&view.grants, |(line, who)| {
        let state = match (line.removed, line.in_force) {
            (true, _) => badge("warn", "removed, still spreading"),
            (false, true) => badge("good", "in force"),
            (false, false) => badge("warn", "spreading"),
        };
        html! {
            (cell("Who", &html! { strong { (who) } br; code { (line.principal) } }))
            (text("May", &line.role))
            (code("At", &line.scope))
            (cell("State", &state))
            (cell("", &html! {
                div.buttons { @if !line.removed {
                    (button("Remove role", true, token, &[("action", "removeRole"), ("id", &line.id)]))
                } }
            }))
        }
    });
    let title = "Role assignments";
    section(
        "grants",
        title,
        "No role assignment matches.",
        &["Who", "May", "At", "State", ""],
        &rows,
        view.grants.left_out(),
    )
}

fn sets(view: &View) -> Markup {
    let rows = rows(&view.sets, |line| {
        html! {
            (cell("Set", &html! { strong { (line.name) } br; code { (line.id) } }))
            (code("Active key", &line.key_url))
            (cell("Rotation", &html! {
                @if line.rotates { (badge("good", "automatic")) } @else { (badge("", "by hand")) }
                @if line.rotating { " " (badge("warn", "in progress")) }
                @if let Some(error) = &line.error { p.problem { (error) } }
            }))
            (cell("State", &badge(if line.provisioning_state == "Failed" { "bad" } else { "good" }, &line.provisioning_state)))
            (text("Disks", line.disks))
        }
    });
    let head = ["Set", "Active key", "Rotation", "State", "Disks"];
    section(
        "sets",
        "Disk encryption sets",
        "There are no disk encryption sets yet.",
        &head,
        &rows,
        view.sets.left_out(),
    )
}

fn disks(view: &View) -> Markup {
    let rows = rows(&view.disks, |line| {
        let kind = if line.encryption == "EncryptionAtRestWithPlatformKey" { "" } else { "good" };
        html! {
            (cell("Disk", &html! { strong { (line.name) } br; code { (line.id) } }))
            (cell("Encryption", &badge(kind, &line.encryption)))
            (code("Disk encryption set", line.set.as_deref().unwrap_or("—")))
            (text("State", &line.state))
        }
    });
    let head = ["Disk", "Encryption", "Disk encryption set", "State"];
    section("disks", "Disks", "There are no disks yet.", &head, &rows, view.disks.left_out())
}

fn events(view: &View) -> Markup {
    let rows = rows(&view.events, |line| {
        html! {
            (cell("Subscription", &html! { strong { (line.name) } br; code { (line.topic) } }))
            (code("Endpoint", &line.endpoint))
            (text("Standing", &line.standing))
            (text("Events", format!("{} sent, {} pending, {} dropped", line.sent, line.pending, line.dropped)))
        }
    });
    let head = ["Subscription", "Endpoint", "Standing", "Events"];
    let empty = "There are no event subscriptions. POST /control/event-subscriptions creates one.";
    section("events", "Event subscriptions", empty, &head, &rows, view.events.left_out())
}

fn fault_section(faults: &FaultSummary) -> Markup {
    let row = |fault: &crate::faults::FaultCount| {
        html! {
            (cell("Fault", &html! { strong { (fault.name) } }))
            (code("Calls", &fault.call))
            (cell("Does", &badge("warn", fault.kind)))
            (text("Fired", format!("{} of {}", fault.fired, fault.matched)))
        }
    };
    let rows: Vec<Markup> = faults.faults.iter().map(row).collect();
    let empty = "No fault script is loaded. PUT /control/faults loads one.";
    section("faults", "Faults", empty, &["Fault", "Calls", "Kind", "Fired"], &rows, 0)
}

fn traffic(seen: &[Seen]) -> Markup {
    let row = |call: &Seen| {
        let kind = match call.status {
            200..=399 => "good",
            400..=499 => "warn",
            _ => "bad",
        };
        html! {
            (cell("When", &html! { time { (moment(call.at)) } }))
            (cell("Call", &html! { strong { (call.method) } " " (call.host) br; code { (call.path) } }))
            (cell("Response", &html! {
                (badge(kind, &call.status.to_string()))
                @if let Some(fault) = call.fault { " " (badge("warn", fault)) }
            }))
            (text("Took", format!("{} ms", call.milliseconds)))
        }
    };
    let rows: Vec<Markup> = seen.iter().take(MOST_CALLS).map(row).collect();
    let title = "Traffic, newest first";
    section("traffic", title, "There were no calls yet.", &["When", "Call", "Response", "Took"], &rows, 0)
}

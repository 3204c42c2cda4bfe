//! The section of the tenants: who they are, and what their administrators forbid.

use maud::{Markup, html};

use crate::state::directory::Policy;

use super::parts::{badge, button, cell, code, rows, section};
use super::press::TOKEN;
use super::view::{TenantLine, View};

pub(super) fn tenants(view: &View, token: &str) -> Markup {
    let rows = rows(&view.tenants, |line| {
        html! {
            (cell("Tenant", &html! { strong { (line.name) } br; small { (line.domain) " · " (line.region) } }))
            (code("Id", line.id))
            (cell("People", &html! {
                ul { @for (name, administrator) in &line.users {
                    li { (name) @if *administrator { " " (badge("good", "administrator")) } }
                } }
            }))
            (cell("Subscriptions", &html! {
                ul { @for (id, name) in &line.subscriptions { li { (name) br; code { (id) } } } }
            }))
            (cell("Policies", &policies(line, token)))
        }
    });
    let head = ["Tenant", "Id", "People", "Subscriptions", "Policies"];
    section("tenants", "Tenants", "No tenant matches.", &head, &rows, view.tenants.left_out())
}

/// What is forbidden, each with a button that lifts it, and a choice of what else could be.
fn policies(line: &TenantLine, token: &str) -> Markup {
    let id = line.id.to_string();
    let others: Vec<Policy> = Policy::ALL.into_iter().filter(|one| !line.policies.contains(one)).collect();
    html! {
        @for policy in &line.policies {
            p title=(policy.effect()) { (badge("bad", policy.name())) }
            (button("Remove", false, token, &[("action", "liftPolicy"), ("tenant", &id), ("policy", policy.name())]))
        }
        @if !others.is_empty() {
            form method="post" action="/ask" {
                input type="hidden" name=(TOKEN) value=(token);
                input type="hidden" name="action" value="imposePolicy";
                input type="hidden" name="tenant" value=(id);
                select name="policy" aria-label="policy" {
                    @for policy in others { option value=(policy.name()) title=(policy.effect()) { (policy.name()) } }
                }
                " "
                button.danger { "Add" }
            }
        }
    }
}

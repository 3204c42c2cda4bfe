//! What the admin consent page looks like: plain HTML, no script.

use maud::{DOCTYPE, Markup, html};

use crate::state::directory::{Application, Tenant, User};

use super::fault::EntraFault;

/// The question, with everybody who may be the one to answer it.
///
/// The form has no address of its own: it goes back to the page's, which carries the link's parameters.
pub(super) fn question(
    application: &Application,
    scope: Option<&str>,
    people: &[(&Tenant, &User)],
) -> Markup {
    frame(
        "Permissions requested",
        &html! {
            p {
                "The application " strong { (application.display_name()) } " asks to be let into your organisation."
            }
            dl {
                dt { "Application id" } dd { code { (application.app_id) } }
                @if let Some(scope) = scope { dt { "Permissions" } dd { code { (scope) } } }
            }
            form method="post" {
                p {
                    label for="administrator" { "You are " }
                    select id="administrator" name="administrator" {
                        @for (tenant, user) in people {
                            option value=(user.object_id)
                                selected[tenant.directory_administrators.contains(&user.object_id)] {
                                (user.display_name) ", " (tenant.display_name)
                            }
                        }
                    }
                }
                button name="decision" value="approve" { "Approve" } " "
                button name="decision" value="cancel" { "Cancel" }
            }
        },
    )
}

/// Why the question cannot be asked, or the answer not taken.
pub(super) fn refusal(fault: &EntraFault) -> Markup {
    frame("Sorry, but we are having trouble signing you in.", &html! { p { (fault) } })
}

fn frame(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (title) } }
            body {
                h1 { (title) }
                (content)
                hr;
                p { small { "This is a simulation of Microsoft Entra ID. Nothing here leaves this machine." } }
            }
        }
    }
}

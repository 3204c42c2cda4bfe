//! What the sign-in pages look like: plain HTML, which a script can read as well as a person.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::state::directory::{Tenant, User};

/// Who are you? Everybody there is, since nobody here has a password.
pub(super) fn choice(people: &[(&Tenant, &User)], hint: Option<&str>) -> Markup {
    frame(
        "Pick an account",
        &html! {
            form method="post" {
                (account(people, hint))
                button name="decision" value="sign in" { "Sign in" } " "
                button name="decision" value="cancel" { "Cancel" }
            }
        },
    )
}

/// The page that the message of a device code leads to.
pub(super) fn device(people: &[(&Tenant, &User)]) -> Markup {
    frame(
        "Enter code",
        &html! {
            form method="post" {
                p {
                    label for="user_code" { "The code that the program shows " }
                    input id="user_code" name="user_code" required;
                }
                (account(people, None))
                button name="decision" value="sign in" { "Sign in" } " "
                button name="decision" value="cancel" { "Cancel" }
            }
        },
    )
}

/// The end of a sign-in for another device.
pub(super) fn device_done() -> Markup {
    frame("You may close this window", &html! { p { "The program goes on by itself." } })
}

/// A form that sends itself, as `response_mode=form_post` wants it; with a button where scripts are off.
pub(super) fn form_post(address: &str, parameters: &[(&str, String)]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Working..." } }
            body {
                form method="post" name="hiddenform" action=(address) {
                    @for (name, value) in parameters {
                        input type="hidden" name=(name) value=(value);
                    }
                    noscript { p { "Script is disabled. Press the button to go on." } button { "Submit" } }
                }
                script { (PreEscaped("document.forms[0].submit();")) }
            }
        }
    }
}

fn account(people: &[(&Tenant, &User)], hint: Option<&str>) -> Markup {
    html! {
        p {
            label for="person" { "You are " }
            select id="person" name="person" {
                @for (tenant, user) in people {
                    option value=(user.object_id) data-account=(user.user_principal_name)
                        selected[hint.is_some_and(|hint| hint.eq_ignore_ascii_case(&user.user_principal_name))] {
                        (user.user_principal_name) ", " (user.display_name) " of " (tenant.display_name)
                    }
                }
            }
        }
    }
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

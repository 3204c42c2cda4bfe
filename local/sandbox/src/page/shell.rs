//! The frame around every page.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, html};

use super::view::View;

/// The whole page.
pub(super) fn page(
    view: &View,
    find: &str,
    refresh: Option<u32>,
    said: Option<&str>,
    content: &Markup,
) -> Markup {
    frame(
        "Simulated Azure",
        refresh,
        &html! {
            header {
                h1 { "Simulated Azure" }
                p.warning {
                    "Nothing here is Azure, and nothing leaves this machine. "
                    strong { "Use no real account, secret or key here." }
                }
                nav {
                    @for (id, title, count) in view.sections() {
                        a href={ "#" (id) } { (title) @if let Some(count) = count { " " span.count { (count) } } }
                    }
                }
                form.find method="get" action="/" role="search" {
                    label for="find" { "Find" }
                    input id="find" type="search" name="find" value=(find) placeholder="name, id, tenant, part of an address";
                    button { "Show" }
                    @if !find.is_empty() { a href="/" { "Show everything" } }
                    @if refresh.is_none() { a href="/?refresh=5" { "Refresh every 5 s" } } @else { a href="/" { "Stop refreshing" } }
                    span.clock { "Sandbox time: " time { (view.now) } }
                }
            }
            main {
                @if let Some(said) = said { p.said role="status" { (said) } }
                (content)
            }
            footer { p { "Control API: " a href="/control" { "GET /control" } } }
        },
    )
}

/// Asks before something is taken away.
pub(super) fn question(
    (question, consequence): &(String, String),
    fields: &BTreeMap<String, String>,
) -> Markup {
    frame(
        "Are you sure?",
        None,
        &html! {
            main.question {
                h1 { (question) }
                p { (consequence) }
                form method="post" action="/do" {
                    @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                    button.danger { "Yes, do it" }
                    " "
                    a.button href="/" { "No, go back" }
                }
            }
        },
    )
}

/// Why a button did nothing.
pub(super) fn refusal(text: &str) -> Markup {
    frame(
        "Nothing was done",
        None,
        &html! {
            main.question {
                h1 { "Nothing was done" }
                p { (text) }
                p { a.button href="/" { "Back" } }
            }
        },
    )
}

fn frame(title: &str, refresh: Option<u32>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (title) }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="data:,";
            }
            body { (content) }
        }
    }
}

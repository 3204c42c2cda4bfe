//! What the tables are made of.

use maud::{Markup, html};

use super::press::TOKEN;
use super::view::Lines;

/// A section with a table, or with a sentence when there is nothing to show.
pub(super) fn section(
    id: &str,
    title: &str,
    empty: &str,
    head: &[&str],
    rows: &[Markup],
    left_out: usize,
) -> Markup {
    html! {
        section id=(id) {
            h2 { (title) }
            @if rows.is_empty() {
                p.empty { (empty) }
            } @else {
                table {
                    thead { tr { @for cell in head { th scope="col" { (cell) } } } }
                    tbody { @for row in rows { tr { (row) } } }
                }
                @if left_out > 0 { p.empty { (left_out) " more; find them by the search above." } }
            }
        }
    }
}

/// One cell; the label is shown where the screen is too narrow for a head row.
pub(super) fn cell(label: &str, content: &Markup) -> Markup {
    html! { td data-label=(label) { (content) } }
}

pub(super) fn text(label: &str, text: impl std::fmt::Display) -> Markup {
    cell(label, &html! { (text.to_string()) })
}

pub(super) fn code(label: &str, text: impl std::fmt::Display) -> Markup {
    cell(label, &html! { code { (text.to_string()) } })
}

pub(super) fn badge(kind: &str, text: &str) -> Markup {
    html! { span class={ "badge " (kind) } { (text) } }
}

/// A button that sends an action, by way of a question when it takes something away.
pub(super) fn button(label: &str, danger: bool, token: &str, fields: &[(&str, &str)]) -> Markup {
    html! {
        form method="post" action=(if danger { "/ask" } else { "/do" }) {
            input type="hidden" name=(TOKEN) value=(token);
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button.danger[danger] { (label) }
        }
    }
}

pub(super) fn rows<T>(lines: &Lines<T>, row: impl Fn(&T) -> Markup) -> Vec<Markup> {
    lines.shown.iter().map(row).collect()
}

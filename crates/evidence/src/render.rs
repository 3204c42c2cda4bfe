//! The facts of a pack for people: one page that prints well, without scripts, with every text escaped.

use maud::{DOCTYPE, Markup, html};

use crate::{Anchor, Entry, Evidence, Present, Verified};

const STYLE: &str = "\
body{font:11pt/1.45 Georgia,'Times New Roman',serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#111}\
h1,h2{font-family:system-ui,sans-serif;line-height:1.2}h2{margin-top:2rem;border-bottom:1px solid #999}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;\
border-bottom:1px solid #ddd}th{font-family:system-ui,sans-serif;font-size:9pt}\
td.n,td.t{white-space:nowrap}code{font-size:9pt;overflow-wrap:anywhere}\
dt{font-weight:bold;margin-top:.5rem}dd{margin:0;overflow-wrap:anywhere}\
.warn{border:2px solid #a40000;padding:.5rem 1rem}.ok{border:2px solid #2a6a2a;padding:.5rem 1rem}\
@media print{body{margin:0;max-width:none}tr,dl{break-inside:avoid}thead{display:table-header-group}h2{break-after:avoid}}";

/// The page. Only a pack that holds together has one.
#[must_use]
pub fn render(pack: &Verified) -> String {
    let Evidence { onboarding, made_at, .. } = &pack.evidence;
    let title = format!("Evidence for onboarding {onboarding}");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (STYLE) }
            }
            body {
                h1 { (title) }
                p {
                    "This is the recorded history of one customer's encryption key: who consented, which key protects \
                     which disks, when it was checked, and what happened to it. It was made on " (time(made_at)) " from \
                     the vendor's journal. The file that this page was made from is signed; this page is not."
                }
                (checks(pack))
                (parties(pack))
                (present(&pack.evidence.present))
                (healthy(&pack.evidence))
                (chapters(&pack.evidence))
                (history(&pack.evidence))
                (anchors(&pack.evidence.anchors))
            }
        }
    }
    .into_string()
}

fn checks(pack: &Verified) -> Markup {
    html! {
        h2 { "What was checked" }
        div class=(if pack.signer.is_compared { "ok" } else { "warn" }) {
            p {
                strong {
                    @if pack.signer.is_compared {
                        "The file is as it was signed, by the key that it was compared with."
                    } @else {
                        "The file is as it was signed. Whose key signed it was not checked."
                    }
                }
            }
            ul { @for line in pack.checked() { li { (line) } } }
        }
        h2 { "What no check can show" }
        ul { @for line in pack.cannot_show() { li { (line) } } }
    }
}

fn parties(pack: &Verified) -> Markup {
    let customer = &pack.evidence.customer;
    html! {
        h2 { "Who" }
        dl {
            (row("Customer's Microsoft Entra tenant", &customer.tenant))
            (row("Vendor's application in that tenant (service principal)",
                customer.service_principal.as_deref().unwrap_or("consent was not proven")))
            (row("Marketplace subscription", &customer.subscription))
            (row("Region of the disks", &customer.region))
            (row("Signed with", &pack.signer.kid))
            (row("Thumbprint of that key (RFC 7638)", &pack.signer.thumbprint))
            (row("Pack", &pack.evidence.pack))
        }
    }
}

fn present(present: &Present) -> Markup {
    html! {
        h2 { "How it stood" }
        dl {
            (row("Stage", &present.stage))
            @if let Some(key) = &present.key {
                (row("Key in use, with its version", &key.url))
                (row("That version was created", &moment(key.created.as_deref(), "not known")))
                (row("It expires", &moment(key.expires.as_deref(), "never, as far as is known")))
            } @else {
                (row("Key in use", "none"))
            }
            (row("The key last worked", &moment(present.last_worked_at.as_deref(), "see the history")))
            (row("Disk encryption set", present.set.as_deref().unwrap_or("none")))
        }
        @if !present.disks.is_empty() {
            table {
                thead { tr { th { "Disk" } th { "State" } } }
                tbody { @for disk in &present.disks { tr { td { code { (disk.disk) } } td { (disk.state) } } } }
            }
        }
        @if !present.waits_for.is_empty() {
            p { "It waited for:" }
            ul { @for line in &present.waits_for { li { (line) } } }
        }
    }
}

fn healthy(evidence: &Evidence) -> Markup {
    html! {
        h2 { "When the key worked" }
        @if evidence.healthy.is_empty() {
            p { "It was never found to work." }
        } @else {
            p { "Checks that found nothing new are not listed one by one: each line is a time without a known failure." }
            table {
                thead { tr { th { "First success" } th { "Last known success" } th { "Ended by" } } }
                tbody {
                    @for stretch in &evidence.healthy {
                        tr {
                            td class="t" { (time(&stretch.first)) " (entry " (stretch.first_entry) ")" }
                            td class="t" { (time(&stretch.last)) }
                            td {
                                @match stretch.ended_by {
                                    Some(entry) => { "entry " (entry) },
                                    None => { "nothing: it goes on" },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The same entries by what they are about, so that one question is answered in one place.
fn chapters(evidence: &Evidence) -> Markup {
    let mut names: Vec<&str> = vec![];
    for entry in &evidence.entries {
        if !names.contains(&entry.told.chapter.as_str()) {
            names.push(&entry.told.chapter);
        }
    }
    html! {
        @for name in names {
            h2 { (heading(name)) }
            table {
                thead { tr { th { "Entry" } th { "When" } th { "What" } } }
                tbody {
                    @for entry in evidence.entries.iter().filter(|entry| entry.told.chapter == name) {
                        (told(entry))
                    }
                }
            }
        }
    }
}

fn told(entry: &Entry) -> Markup {
    html! {
        tr { td class="n" { (entry.number) } td class="t" { (time(&entry.told.at)) } td { (entry.told.says) } }
    }
}

fn history(evidence: &Evidence) -> Markup {
    html! {
        h2 { "Every entry, in order" }
        p {
            "The hash is the one of the entry in the vendor's journal (SHA-256). Ask to be shown an entry: its hash must be \
             the one here."
        }
        table {
            thead { tr { th { "Entry" } th { "When" } th { "About" } th { "Stage from then on" } th { "Journal's hash" } } }
            tbody {
                @for entry in &evidence.entries {
                    tr {
                        td class="n" { (entry.number) }
                        td class="t" { (time(&entry.told.at)) }
                        td { (entry.told.chapter) }
                        td { (entry.told.stage) }
                        td { code { (entry.told.journal) } }
                    }
                }
            }
        }
    }
}

fn anchors(anchors: &[Anchor]) -> Markup {
    html! {
        h2 { "Anchors" }
        @if anchors.is_empty() {
            p { "No anchor names this onboarding yet." }
        } @else {
            p {
                "Once a day the vendor writes down the newest entry of each journal, in a place that can be protected \
                 against changes."
            }
            table {
                thead { tr { th { "Anchor" } th { "When" } th { "Newest entry then" } th { "Hash of the anchor" } } }
                tbody {
                    @for anchor in anchors {
                        tr {
                            td class="n" { (anchor.number) }
                            td class="t" { (time(&anchor.at)) }
                            td class="n" { (anchor.entry) }
                            td { code { (anchor.anchor) } }
                        }
                    }
                }
            }
        }
    }
}

fn row(name: &str, value: &str) -> Markup {
    html! { dt { (name) } dd { (value) } }
}

/// `key` as `Key`, `grace-ladder` as `Grace ladder`: chapters that are newer than this version have a heading too.
fn heading(chapter: &str) -> String {
    let words = chapter.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A time in RFC 3339 for people: to the second, with its zone in words.
fn time(text: &str) -> String {
    let to_the_second = text.get(..19).filter(|start| start.as_bytes()[10] == b'T' && text.ends_with('Z'));
    to_the_second.map_or_else(|| text.to_owned(), |start| format!("{} UTC", start.replacen('T', " ", 1)))
}

fn moment(text: Option<&str>, otherwise: &str) -> String {
    text.map_or_else(|| otherwise.to_owned(), time)
}

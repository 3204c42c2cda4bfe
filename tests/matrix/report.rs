//! The matrix as a table for people.

use std::path::Path;

use latchkey_functions::table;

use crate::{
    fault::COLUMNS,
    trials::{Found, ONLY},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fault-matrix.md");

const HEAD: &str = "\
# The fault matrix

Every function of [the table](../handlers/table.rs) under every fault. A story is played from the purchase to an active \
subscription, with a grant that comes late, a suspension and a reinstatement, an event of the vault, a disk that is encrypted in a window, and a key that is \
disabled until the grace ladder has stopped a machine and enabled again, in one process, against the simulated Azure and \
the broker ([`tests/matrix`](../tests/matrix/main.rs)). The first run of each message, request and timer is struck at its \
first call in one story, at its 25th in the next, and so on until no run has so many: a sample of the places. `watch_due` \
and `rung_due`, which look anew each time, are struck by one fault of Azure's in a story.

`same end` says that the function was struck and the story ended as without the fault:

- the page, Azure and the marketplace show the same, and the journal is intact;
- no message is left, and none is a dead letter but those that a column makes;
- no disk encryption set, disk or subscription was changed twice, and the machine runs;
- after every run the page named somebody's turn, or something was on its way, and nobody was named who has nothing to do \
  with it.

`–` says that this fault cannot strike the function: it calls, stores or sends nothing, is not set off by a message, or \
never has two messages in its queue.

This file is written by `LATCHKEY_WRITE_FAULT_MATRIX=1 cargo test --package local-world --test matrix -- --ignored`. \
Without the variable the test fails when a run finds something else. It takes minutes, and is run by hand.

";

/// Under each column's name.
const LEGEND: &str = "
| column | what happens |
|---|---|
| call not seen, answer lost, 500 after effect | the connection ends before Azure sees the call; after it took effect; it took effect and is answered with 500 |
| time-out | the answer comes after the app has stopped waiting for it |
| 429, 503 | Azure refuses the call before it has an effect; 429 with and without `Retry-After` |
| garbled | a page of HTML is the answer's body |
| twice | the message, the request or the timer's tick comes twice |
| newest first | of several messages in the queues, the newest is taken first |
| old again | every message and request comes once more each time nothing moves, until the end |
| dies | the first message of the queue dies of its delivery limit; not played since the grace ladder is part of the story |
| long outage | Azure answers 503 for longer than the deadline, and the operator resumes; not played since the grace ladder is part of the story |
| killed | the function goes no further than one of its awaits |
| store refuses, store answer lost | one call to the object store fails without an effect, or with it |
| store full | the object store takes nothing in for one run |
| bus refuses, bus answer lost | Service Bus takes no message in for one run; takes one in and does not say so |
";

/// Compares the run with the file, or writes it.
pub(crate) fn check(found: &Found) {
    assert!(found.problems.is_empty(), "{} problems:\n{}", found.problems.len(), found.problems.join("\n"));
    if std::env::var_os(ONLY).is_some() {
        return;
    }
    let text = text(found);
    if std::env::var_os("LATCHKEY_WRITE_FAULT_MATRIX").is_some() {
        std::fs::write(FILE, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(Path::new(FILE)).unwrap();
    assert_eq!(kept, text, "docs/fault-matrix.md is not what the run produces");
}

fn text(found: &Found) -> String {
    let mut text = HEAD.to_owned();
    let columns = COLUMNS.map(|(column, _)| column);
    text += &format!("| function | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for function in table() {
        let cells = columns.map(|column| match found.struck.contains_key(&(function.name, column)) {
            true => "same end",
            false => "–",
        });
        text += &format!("| `{}` | {} |\n", function.name, cells.join(" | "));
    }
    text + LEGEND
}

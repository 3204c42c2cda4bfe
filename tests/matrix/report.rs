//! The matrix as a table for people.

use std::path::Path;

use latchkey_functions::table;

use crate::{
    fault::COLUMNS,
    trials::{self, Found, ONLY},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fault-matrix.md");

const SAME_END: &str = "same end";

const HEAD: &str = "\
# The fault matrix

Every function of [the table](../handlers/table.rs) under every fault, in one process, against the simulated Azure and the \
broker ([`tests/matrix`](../tests/matrix/main.rs)). The life of an onboarding is played in six parts: onboarding, with a \
grant that comes late; a suspension, a reinstatement and an event of the vault; a disk that is encrypted in a window; a \
revocation until the grace ladder has stopped a machine, and the recovery; a replacement of the key; leaving. Each part \
but the first begins with an onboarding that became active without a fault. All that waits comes due by the clock of the \
simulated Azure, which is moved, so that a part takes seconds.

The first run of each message, request and timer is struck: in one story at its first call, in the next at its 4th, and \
so on until no run has so many. Of calls to the store it is every tenth, of awaits every 24th. `watch_due` and \
`rung_due`, which look anew each time, are struck by one fault of Azure's in a story.

`same end` says that the function was struck, in one part at least, and each story in which it was struck ended as without the fault:

- the page, Azure and the marketplace show the same, and the journal is intact;
- no message is left, and none is a dead letter in the end;
- no disk encryption set, disk or subscription was changed twice, every machine runs, every disk is under the set of its \
  onboarding, or under none when the customer has left, and no key is held by whoever does not use it;
- after every run the page named somebody's turn, or something was on its way, and nobody was named who has nothing to do \
  with it.

`–` says that this fault cannot strike the function: it calls, stores or sends nothing, is not set off by a message, or \
never has two messages in its queue.

This file is written by `LATCHKEY_WRITE_FAULT_MATRIX=1 cargo test --package local-world --test matrix -- --ignored`. \
Without the variable the test fails when a run finds something else. That is run by hand. CI runs it with \
`LATCHKEY_FAULT_FIRST=1`: every fault strikes at the first of its places alone, and whatever is struck must be \
`same end` here.

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
| dies | the first message of the queue dies of its delivery limit; what the product has not brought back after six hours, the operator replays |
| long outage | Azure answers 503 for longer than the deadline to the function of each queue; the operator resumes, and replays what is dead after six hours |
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
    let kept = std::fs::read_to_string(Path::new(FILE)).unwrap();
    if trials::is_of_first_places() {
        return check_first_places(found, &kept);
    }
    let text = text(found);
    if std::env::var_os("LATCHKEY_WRITE_FAULT_MATRIX").is_some() {
        std::fs::write(FILE, text).unwrap();
        return;
    }
    assert_eq!(kept, text, "docs/fault-matrix.md is not what the run produces");
}

/// The file has a line for every function, and whatever was struck ended the same there.
fn check_first_places(found: &Found, kept: &str) {
    for function in table() {
        let begins = format!("| `{}` | ", function.name);
        let line = kept.lines().find_map(|line| line.strip_prefix(&begins)?.strip_suffix(" |"));
        let line = line.unwrap_or_else(|| panic!("docs/fault-matrix.md has no line for {}", function.name));
        for (cell, (column, _)) in line.split(" | ").zip(COLUMNS) {
            let is_struck = found.struck.contains_key(&(function.name, column));
            assert!(!is_struck || cell == SAME_END, "{}, {column}: {cell}", function.name);
        }
    }
}

fn text(found: &Found) -> String {
    let mut text = HEAD.to_owned();
    let columns = COLUMNS.map(|(column, _)| column);
    text += &format!("| function | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for function in table() {
        let is_struck = |column| found.struck.contains_key(&(function.name, column));
        let cells = columns.map(|column| if is_struck(column) { SAME_END } else { "–" });
        text += &format!("| `{}` | {} |\n", function.name, cells.join(" | "));
    }
    text + LEGEND
}

//! Whether the entries are all there, in order, unchanged and this pack's own; and if not, which of them is not.
//!
//! The signature alone says that something is wrong. Numbers, hashes and the pack's id in each entry say what.

use std::collections::BTreeSet;

use crate::{Evidence, Fault, signature::Statement};

/// What is wrong with the entries. `hashes` has the SHA-256 of each as it stands in the file; `signed` is what was signed,
/// if that is about this pack.
pub(crate) fn faults(evidence: &Evidence, hashes: &[String], signed: Option<&Statement>) -> Vec<Fault> {
    let mut faults: Vec<Fault> = foreign(evidence).collect();
    faults.extend(order(evidence));
    faults.extend(ends(evidence, signed));
    faults.extend(links(evidence, hashes));
    faults.extend(anchors(evidence));
    faults
}

fn foreign(evidence: &Evidence) -> impl Iterator<Item = Fault> {
    let others = evidence.entries.iter().filter(|entry| entry.pack != evidence.pack);
    others.map(|entry| Fault::OfAnotherPack { number: entry.number, pack: entry.pack.clone() })
}

fn order(evidence: &Evidence) -> Vec<Fault> {
    let mut faults = vec![];
    let mut seen = BTreeSet::new();
    let mut last = 0;
    let mut is_in_order = true;
    for number in evidence.entries.iter().map(|entry| entry.number) {
        if !seen.insert(number) {
            faults.push(Fault::Twice(number));
            continue;
        }
        // The first says it all: what follows stands in the wrong place because of it.
        if number < last && is_in_order {
            faults.push(Fault::Reordered { number, after: last });
            is_in_order = false;
        }
        last = number;
    }
    // A file has no more gaps than entries, whatever numbers it claims.
    let mut expected = 1;
    for number in seen {
        if number > expected {
            faults.extend((expected..number).take(evidence.entries.len() + 1).map(Fault::Missing));
        }
        expected = number.saturating_add(1);
    }
    faults
}

fn ends(evidence: &Evidence, signed: Option<&Statement>) -> Option<Fault> {
    let last = evidence.entries.iter().map(|entry| entry.number).max().unwrap_or(0);
    let said = signed?.entries;
    match last.cmp(&said) {
        std::cmp::Ordering::Less => Some(Fault::TailCut { said, last }),
        std::cmp::Ordering::Greater => Some(Fault::TailAdded { said, last }),
        std::cmp::Ordering::Equal => None,
    }
}

/// Compares the hash of each entry with the one that its successor holds, where that successor is there. A changed
/// `previous` breaks the link before an entry and the one after it; then either of two entries was changed.
fn links(evidence: &Evidence, hashes: &[String]) -> Vec<Fault> {
    let entries = &evidence.entries;
    let broken = |place: usize| -> bool {
        let (Some(entry), Some(hash)) = (entries.get(place), hashes.get(place)) else { return false };
        match entries.get(place + 1) {
            Some(next) if next.number == entry.number.wrapping_add(1) => next.previous.as_ref() != Some(hash),
            Some(_) => false,
            None => evidence.head.as_ref() != Some(hash),
        }
    };
    let first = entries.first().filter(|first| first.number == 1 && first.previous.is_some());
    let mut faults: Vec<Fault> = first.map(|_| Fault::Changed { from: 1, to: 1 }).into_iter().collect();
    let mut from = None;
    for (place, entry) in entries.iter().enumerate() {
        if broken(place) {
            let first = *from.get_or_insert(entry.number);
            if !broken(place + 1) {
                faults.push(Fault::Changed { from: first.min(entry.number), to: entry.number });
                from = None;
            }
        }
    }
    // The first was named already.
    faults.dedup();
    faults
}

fn anchors(evidence: &Evidence) -> impl Iterator<Item = Fault> {
    let fits = |entry: u64, journal: &str| {
        let found = evidence.entries.iter().find(|found| found.number == entry);
        found.is_some_and(|found| found.told.journal == journal)
    };
    let wrong = evidence.anchors.iter().filter(move |anchor| !fits(anchor.entry, &anchor.journal));
    wrong.map(|anchor| Fault::Anchor { anchor: anchor.number, entry: anchor.entry })
}

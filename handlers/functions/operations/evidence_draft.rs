//! What goes into a pack: the journal's entries as they are told, and what follows from them.

use ::evidence::{Anchor, Customer, Disk, Draft, Key, Present, Stretch, Told};
use azure_ids::KeyUrl;
use onboarding::{
    DiskState, Onboarding, Set,
    journal::{History, ToldAnchor, ToldEntry},
    watched::{LastSuccess, Seen},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Packs are named by what is in them and when they were made: whoever asks twice at the same moment gets the same.
const PACKS: Uuid = Uuid::from_u128(0x7f1d_26f0_3a55_4c5e_9a0b_6f44_2f0d_8c11);

pub(super) fn of(history: History, seen: &Seen, anchors_apart: bool, now: OffsetDateTime) -> Draft {
    let History { entries, present, anchors } = history;
    let (id, made_at) = (present.id().to_string(), moment(now));
    let newest = entries.last().map(|entry| entry.hash.as_str()).unwrap_or_default();
    Draft {
        pack: Uuid::new_v5(&PACKS, format!("{id} {made_at} {newest}").as_bytes()).to_string(),
        onboarding: id,
        made_at,
        customer: Customer {
            tenant: present.tenant().to_string(),
            subscription: present.purchase().subscription.to_string(),
            region: present.region().to_string(),
            service_principal: present.service_principal().map(|principal| principal.to_string()),
        },
        healthy: healthy(&entries, seen),
        present: so_far(&present, seen),
        entries: entries.into_iter().map(told).collect(),
        anchors: anchors.into_iter().map(anchor).collect(),
        anchors_apart,
    }
}

fn so_far(present: &Onboarding, seen: &Seen) -> Present {
    let key = present.key().map(|proof| Key {
        url: proof.version.to_string(),
        created: proof.created.map(moment),
        expires: proof.expires.map(moment),
    });
    let set = match present.set() {
        Set::None => None,
        Set::Requested { set, .. } | Set::Ready { set } => Some(set.to_string()),
    };
    let disks = present.disks().iter().map(|(disk, state)| {
        let state = match state {
            DiskState::Found => "to be encrypted",
            DiskState::Requested => "being encrypted",
            DiskState::Encrypted => "encrypted with the customer's key",
        };
        Disk { disk: disk.to_string(), state: state.to_owned() }
    });
    let waits_for = present
        .blockers()
        .iter()
        .map(|(_, blocker)| format!("{} (since {})", blocker.finding.code().name(), moment(blocker.since)));
    Present {
        stage: present.stage().as_str().to_owned(),
        key,
        set,
        disks: disks.collect(),
        waits_for: waits_for.collect(),
        last_worked_at: seen.worked_at.map(moment),
    }
}

/// The times in which one key worked. Checks that found nothing new have no entry; of those the last success of each time
/// is remembered beside the journal.
fn healthy(entries: &[ToldEntry], seen: &Seen) -> Vec<Stretch> {
    struct Open<'a> {
        key: &'a KeyUrl,
        entry: u64,
        first: OffsetDateTime,
        last: OffsetDateTime,
    }
    let successes: Vec<OffsetDateTime> =
        seen.last_successes.iter().map(|LastSuccess(at)| *at).chain(seen.worked_at).collect();
    let close = |open: Open<'_>, end: Option<(u64, OffsetDateTime)>| {
        let until = end.map(|(_, at)| at);
        let fits = |at: &OffsetDateTime| *at >= open.first && until.is_none_or(|until| *at <= until);
        let last = successes.iter().copied().filter(fits).fold(open.last, OffsetDateTime::max);
        let (first, last) = (moment(open.first), moment(last));
        Stretch { first_entry: open.entry, first, last, ended_by: end.map(|(number, _)| number) }
    };
    let mut stretches = vec![];
    let mut open: Option<Open<'_>> = None;
    for (number, entry) in (1..).zip(entries) {
        let key = entry.working_key.as_ref();
        // A new version of the same key goes on where the one before was.
        if let Some(ended) = open.take_if(|open| !key.is_some_and(|key| key.is_same_key(open.key))) {
            stretches.push(close(ended, Some((number, entry.at))));
        }
        match (&mut open, key) {
            (Some(open), _) if entry.proves_key => open.last = entry.at,
            (None, Some(key)) => open = Some(Open { key, entry: number, first: entry.at, last: entry.at }),
            _ => {}
        }
    }
    stretches.extend(open.map(|open| close(open, None)));
    stretches
}

fn told(entry: ToldEntry) -> Told {
    Told {
        at: moment(entry.at),
        chapter: entry.chapter.as_str().to_owned(),
        says: entry.says,
        fact: entry.fact,
        stage: entry.stage.as_str().to_owned(),
        function: entry.function,
        journal: entry.hash,
    }
}

fn anchor(anchor: ToldAnchor) -> Anchor {
    let ToldAnchor { number, at, hash, entry, entry_hash } = anchor;
    Anchor { number, at: moment(at), anchor: hash, entry, journal: entry_hash }
}

/// Years have four digits, so a time can always be written.
fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
#[path = "evidence_draft_tests.rs"]
mod tests;

//! Plays a year of watching on a clock of its own, and prints what it leaves and costs:
//! `cargo run --release -p onboarding --example year` (with a number, that many onboardings instead of 200).
//!
//! First one healthy onboarding. Then many, with a rotation a month each, and five of them lose their key for six hours.
//! Decisions, journal, reminders and what is kept beside the journal are the product's own, over a store that counts.
//! Nobody is called: a look counts as many calls to the vault as `tests/it/watch.rs` sees one make.

#[path = "../tests/support/counting_store.rs"]
mod counting_store;

use std::{error::Error, sync::Arc};

use azure_ids::{ArmId, KeyUrl};
use object_store::memory::InMemory;
use onboarding::{
    About, Cause, Fact, Onboarding, OnboardingId, ProvenKey, Purchase, SubscriptionStatus,
    due::DueChecks,
    event::EventId,
    finding::Finding,
    journal::{Head, Journal},
    rotation::{NewestVersion, SetLook},
    watched::{Seen, Slots, Watched},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use counting_store::{CountingStore, Counts};

type Failed = Box<dyn Error>;

const TENANT: &str = "0a1b2c3d-1111-2222-3333-444455556666";
const DAYS: i64 = 365;
const INTERVAL: std::time::Duration = std::time::Duration::from_secs(900);
/// Calls of a full look, and of a usual one, to the vault.
const FULL: u64 = 5;
const USUAL: u64 = 1;
/// Onboardings whose key is disabled once, and for how long.
const REVOKED: u64 = 5;
const REVOKED_FOR: Duration = Duration::hours(6);
/// Azure takes a new version over within the hour.
const TAKEN_OVER_AFTER: Duration = Duration::minutes(40);

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let many = std::env::args().nth(1).map_or(Ok(200), |many| many.parse())?;
    println!("| a year of | entries | journal | vault calls | storage writes | storage reads | messages |");
    println!("|---|---|---|---|---|---|---|");
    let healthy = Year::default().lived(0, false, false).await?;
    healthy.print("one healthy onboarding", 1);
    let mut all = Year::default();
    for number in 0..many {
        all = all.lived(number, true, number < REVOKED).await?;
    }
    all.print(&format!("{many} with a rotation a month, {} revoked once", many.min(REVOKED)), many);
    println!("\nthe most on one day of one onboarding: {:?}", all.most);
    Ok(())
}

/// What was counted.
#[derive(Debug, Default)]
struct Year {
    entries: u64,
    entry_bytes: u64,
    vault_calls: u64,
    messages: u64,
    store: Counts,
    most: Day,
}

/// What one onboarding cost on one day.
#[derive(Debug, Default, Clone, Copy)]
struct Day {
    vault_calls: u64,
    storage_writes: u64,
    messages: u64,
}

/// One onboarding and what it stands on.
struct Life {
    head: Head,
    store: CountingStore,
    journal: Journal,
    watched: Watched,
    due: DueChecks,
    seen: Seen,
    /// When its first version was made.
    begins: OffsetDateTime,
    /// Versions of the key so far.
    version: u32,
    rotated_at: Option<OffsetDateTime>,
    events: u64,
}

impl Year {
    async fn lived(mut self, number: u64, rotates: bool, is_revoked: bool) -> Result<Self, Failed> {
        let begins = OffsetDateTime::from_unix_timestamp(1_770_000_000)?;
        let mut life = Life::activated(number, begins).await?;
        self.messages += life.events;
        let slots = Slots::every(INTERVAL);
        let id = life.head.onboarding.id();
        let revoked = begins + Duration::days(20 + i64::try_from(number)? * 30);
        let (mut day, mut today) = (Day::default(), 0);
        for minute in 0..DAYS * 24 * 60 {
            let now = begins + Duration::minutes(minute);
            if slots.due(id, now).is_none() {
                continue;
            }
            let days = minute / (24 * 60);
            if days != today {
                self.ends(&mut day, &mut life);
                if rotates && days % 30 == 10 {
                    life.version += 1;
                    life.rotated_at = Some(now);
                }
                today = days;
            }
            let is_out = is_revoked && now >= revoked && now < revoked + REVOKED_FOR;
            let (calls, messages) = life.look(now, is_out).await?;
            day.vault_calls += calls;
            day.messages += messages;
        }
        self.ends(&mut day, &mut life);
        self.entries += life.head.onboarding.number();
        Ok(self)
    }

    fn ends(&mut self, day: &mut Day, life: &mut Life) {
        let counts = life.store.take();
        day.storage_writes = counts.puts;
        self.most.vault_calls = self.most.vault_calls.max(day.vault_calls);
        self.most.storage_writes = self.most.storage_writes.max(day.storage_writes);
        self.most.messages = self.most.messages.max(day.messages);
        self.vault_calls += day.vault_calls;
        self.messages += day.messages;
        self.store.puts += counts.puts;
        self.store.gets += counts.gets + counts.heads;
        self.entry_bytes += counts.bytes_written;
        *day = Day::default();
    }

    fn print(&self, what: &str, of: u64) {
        let days = u64::try_from(DAYS).unwrap_or(1) * of.max(1);
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let a_day = |count: u64| format!("{count} ({:.2} a day)", count as f64 / days as f64);
        println!(
            "| {what} | {} | {} KB written | {} | {} | {} | {} |",
            a_day(self.entries),
            self.entry_bytes / 1_000,
            a_day(self.vault_calls),
            a_day(self.store.puts),
            a_day(self.store.gets),
            a_day(self.messages),
        );
    }
}

impl Life {
    /// From the purchase to the activation.
    async fn activated(number: u64, now: OffsetDateTime) -> Result<Self, Failed> {
        let store = CountingStore::new(Arc::new(InMemory::new()));
        let shared = || Arc::new(store.clone());
        let (journal, watched, due) =
            (Journal::new(shared()), Watched::new(shared()), DueChecks::new(shared()));
        let subscription = Uuid::from_u128(u128::from(number) + 7);
        let id = OnboardingId::of_subscription(subscription);
        let purchase = Purchase {
            subscription,
            plan: "gold".to_owned(),
            quantity: None,
            status: SubscriptionStatus::PendingFulfillmentStart,
        };
        let opened =
            Onboarding::open(id, TENANT.parse()?, "westeurope".parse()?, purchase, cause("open", now));
        let head = journal.append(None, opened).await?;
        let rotated_at = None;
        let seen = Seen::default();
        let (begins, version, events) = (now, 1, 1);
        let mut life = Self { head, store, journal, watched, due, seen, begins, version, rotated_at, events };
        let (set, disk) = (resource(&format!("diskEncryptionSets/latchkey-{id}"))?, resource("disks/d1")?);
        let look_after_ms = 1_000;
        for fact in [
            Fact::KeyProven { proof: proof(1, now)? },
            Fact::SetRequested { set: set.clone(), operation: None, look_after_ms },
            Fact::SetReady { set: set.clone(), disks: vec![disk.clone()] },
            Fact::DiskRequested { disk: disk.clone(), look_after_ms },
            Fact::DiskEncrypted { disk, set },
            Fact::Activated,
        ] {
            life.decide(now, fact).await?.ok_or("the story stops")?;
        }
        Ok(life)
    }

    /// Decides, writes down what is news, and answers how many messages that sends.
    async fn decide(&mut self, now: OffsetDateTime, fact: Fact) -> Result<Option<u64>, Failed> {
        self.events += 1;
        let cause = cause(&format!("{}\n{}", self.head.onboarding.id(), self.events), now);
        let Some(decision) = self.head.onboarding.decide(cause, fact)? else { return Ok(None) };
        self.head = self.journal.append(Some(&self.head), decision).await?;
        self.due.set(&self.head.onboarding, self.head.onboarding.number()).await?;
        self.watched.follow(&self.head.onboarding).await?;
        Ok(Some(u64::try_from(self.head.messages.len())?))
    }

    /// One look; answers the calls to the vault and the messages that it took.
    async fn look(&mut self, now: OffsetDateTime, is_out: bool) -> Result<(u64, u64), Failed> {
        // What every look reads: the onboarding, and what is kept beside it.
        let loaded = self.journal.load(self.head.onboarding.id()).await?.ok_or("it is gone")?;
        let kept = self.watched.seen(loaded.onboarding.id()).await?;
        let is_full = is_out || !loaded.onboarding.key_works() || kept.full_look_is_due(now, INTERVAL);
        let (mut calls, mut messages) = (if is_full { FULL } else { USUAL }, 1);
        if is_out {
            // Refused at the read of the key: three calls, and a second look when that is news.
            let key = key(1)?.without_version();
            let (about, finding) = (About::Key(key.clone()), Finding::KeyDisabled { key });
            calls = 3;
            if let Some(sent) = self.decide(now, Fact::Found { about, finding, token_of: None }).await? {
                (calls, messages) = (calls * 2, messages + 1 + sent);
            }
            return Ok((calls, messages));
        }
        let mut proven = None;
        if is_full {
            let in_use = loaded.onboarding.key().ok_or("there is no key")?.clone();
            proven = self.decide(now, Fact::KeyProven { proof: in_use }).await?;
            self.seen = Seen { worked_at: Some(now), looked_at: Some(now), ..Seen::default() };
            self.watched.keep(self.head.onboarding.id(), &self.seen).await?;
        }
        if let Some(sent) = proven {
            return Ok((calls, messages + sent));
        }
        let in_use = self.head.onboarding.key().ok_or("there is no key")?.version.clone();
        let newest = key(self.version)?;
        if newest == in_use && !self.head.onboarding.follows_a_rotation() && !is_full {
            return Ok((calls, messages));
        }
        let is_taken_over = self.rotated_at.is_none_or(|at| now - at >= TAKEN_OVER_AFTER);
        let active = if is_taken_over { newest.clone() } else { in_use };
        let created = Some(self.rotated_at.unwrap_or(self.begins));
        let looked = NewestVersion { version: newest, created, expires: None, fault: None };
        let rotated_at = self.rotated_at.filter(|_| is_taken_over).map(|at| at + TAKEN_OVER_AFTER);
        let set = SetLook { active, previous: vec![], lost: None, former: None, error: None, rotated_at };
        let fact = Fact::KeyLooked { newest: Box::new(looked), set: Some(Box::new(set)) };
        messages += self.decide(now, fact).await?.unwrap_or_default();
        if self.head.onboarding.follows_a_rotation() && !is_full {
            // Whether the version in use works is looked at too, while another takes its place.
            calls += USUAL;
        }
        Ok((calls, messages))
    }
}

fn cause(origin: &str, now: OffsetDateTime) -> Cause {
    let first_check = std::time::Duration::from_secs(60);
    Cause {
        event: EventId::of_origin("year", origin),
        function: "watch_due",
        now,
        traceparent: None,
        first_check,
        hold: std::time::Duration::from_secs(7 * 86_400),
    }
}

fn resource(name: &str) -> Result<ArmId, Failed> {
    let group = format!("/subscriptions/{TENANT}/resourceGroups/g/providers/Microsoft.Compute");
    Ok(format!("{group}/{name}").parse()?)
}

fn key(version: u32) -> Result<KeyUrl, Failed> {
    Ok(format!("https://contoso.vault.azure.net/keys/disks/{version:032x}").parse()?)
}

fn proof(version: u32, created: OffsetDateTime) -> Result<ProvenKey, Failed> {
    Ok(ProvenKey {
        version: key(version)?,
        created: Some(created),
        expires: None,
        tenant: TENANT.parse()?,
        region: "westeurope".parse()?,
        service_principal: TENANT.parse()?,
        warnings: vec![],
    })
}

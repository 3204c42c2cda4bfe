//! Prints what a step and a verification cost, in calls, bytes and time, for an onboarding of 10, 1,000 and 20,000
//! entries: `cargo run --release -p onboarding --example journal_cost` (with a number, up to that many entries).

#[path = "../tests/support/counting_store.rs"]
mod counting_store;

use std::{error::Error, sync::Arc, time::Instant};

use azure_ids::{KeyUrl, Region, TenantId};
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, memory::InMemory, path::Path};
use onboarding::{
    About, Cause, Decision, Fact, Onboarding, OnboardingId, Purchase, Subject, SubscriptionStatus,
    event::EventId,
    finding::Finding,
    journal::{Head, Journal, anchor::Anchors},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use counting_store::{CountingStore, Counts};

type Failed = Box<dyn Error>;

const SIZES: [u64; 3] = [10, 1_000, 20_000];
/// Each step is measured so often, and the mean is printed.
const STEPS: u32 = 5;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let most = std::env::args().nth(1).map_or(Ok(u64::MAX), |most| most.parse())?;
    println!(
        "| store | an entry | entries | step: get/head/put | read | written | time | without pointer: head | verify: get/list | read | time |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let folder = tempfile::tempdir()?;
    for (name, gap) in [("every 6 h", Duration::hours(6)), ("at once", Duration::ZERO)] {
        measure("memory", name, gap, most, Arc::new(InMemory::new())).await?;
        let files = folder.path().join(gap.whole_hours().to_string());
        std::fs::create_dir(&files)?;
        measure("files", name, gap, most, Arc::new(LocalFileSystem::new_with_prefix(&files)?)).await?;
        std::fs::remove_dir_all(&files)?;
    }
    Ok(())
}

/// Lets one history grow, and measures it at each size.
async fn measure(
    kind: &str,
    spacing: &str,
    gap: Duration,
    most: u64,
    inner: Arc<dyn ObjectStore>,
) -> Result<(), Failed> {
    let store = CountingStore::new(inner);
    let journal = Journal::new(Arc::new(store.clone()));
    let anchors = Anchors::new(Arc::new(store.clone()));
    let opened = opened()?;
    let id = opened.onboarding().id();
    let mut head = journal.append(None, opened).await?;
    for entries in SIZES.into_iter().filter(|entries| *entries <= most) {
        while head.onboarding.number() + u64::from(STEPS) < entries {
            head = append(&journal, &head, gap).await?;
        }
        store.take();
        let started = Instant::now();
        for _ in 0..STEPS {
            head = append(&journal, &loaded(&journal, id).await?, gap).await?;
        }
        let (step, step_time) = (store.take(), started.elapsed() / STEPS);

        // The pointer is put back, or verifying would have nothing to compare.
        let pointer = Path::from(format!("heads/{id}.json"));
        let bytes = store.get(&pointer).await?.bytes().await?;
        store.delete(&pointer).await?;
        store.take();
        loaded(&journal, id).await?;
        let search = store.take();
        store.put(&pointer, bytes.into()).await?;
        store.take();

        let started = Instant::now();
        let verified = journal.verify(&anchors, id).await?.ok_or("nobody opened it")?;
        let (verify, verify_time) = (store.take(), started.elapsed());
        println!(
            "| {kind} | {spacing} | {} | {} | {} | {} | {:.1} ms | {} | {}/{} | {} | {:.2} s |",
            verified.entries,
            mean_calls(&step),
            size(step.bytes_read / u64::from(STEPS)),
            size(step.bytes_written / u64::from(STEPS)),
            step_time.as_secs_f64() * 1000.0,
            search.heads,
            verify.gets,
            verify.lists,
            size(verify.bytes_read),
            verify_time.as_secs_f64(),
        );
    }
    Ok(())
}

fn mean_calls(counts: &Counts) -> String {
    let mean = |calls: u64| calls / u64::from(STEPS);
    format!("{}/{}/{}", mean(counts.gets), mean(counts.heads), mean(counts.puts))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999_999 => format!("{} KB", bytes.div_ceil(1000)),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}

async fn loaded(journal: &Journal, id: OnboardingId) -> Result<Head, Failed> {
    Ok(journal.load(id).await?.ok_or("nobody opened it")?)
}

/// One more check of a key that still waits for its grant: what an onboarding that waits for long is made of.
async fn append(journal: &Journal, head: &Head, gap: Duration) -> Result<Head, Failed> {
    let onboarding = &head.onboarding;
    let fact = match onboarding.blockers().get(&Subject::CandidateKey) {
        Some(blocker) => Fact::CheckDue { entry: Some(blocker.entry) },
        None => {
            let key: KeyUrl = "https://contoso.vault.azure.net/keys/disks".parse()?;
            let finding = Finding::GrantMissing { service_principal: None, key: key.clone() };
            Fact::Found { about: About::Key(key), finding, token_of: None }
        }
    };
    let number = i32::try_from(onboarding.number())?;
    let cause = cause(&number.to_string(), opened_at()? + gap * number)?;
    let decision = onboarding.decide(cause, fact)?.ok_or("it is no news")?;
    Ok(journal.append(Some(head), decision).await?)
}

fn opened() -> Result<Decision, Failed> {
    let subscription = Uuid::from_u128(7);
    let region: Region = "westeurope".parse()?;
    let tenant: TenantId = "0a1b2c3d-1111-2222-3333-444455556666".parse()?;
    let status = SubscriptionStatus::PendingFulfillmentStart;
    let purchase = Purchase { subscription, plan: "gold".to_owned(), quantity: None, status };
    let id = OnboardingId::of_subscription(subscription);
    Ok(Onboarding::open(id, tenant, region, purchase, cause("open", opened_at()?)?))
}

fn opened_at() -> Result<OffsetDateTime, time::error::ComponentRange> {
    OffsetDateTime::from_unix_timestamp(1_770_000_000)
}

fn cause(origin: &str, now: OffsetDateTime) -> Result<Cause, Failed> {
    let event = EventId::of_origin("journal_cost", origin);
    let first_check = std::time::Duration::from_secs(60);
    let hold = std::time::Duration::from_secs(7 * 86_400);
    Ok(Cause { event, function: "check_due", now, traceparent: None, first_check, hold })
}

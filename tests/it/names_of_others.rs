//! Events about one onboarding that name what is another's: real, and not theirs.

use local_world::{
    cast::{OnboardingPage, OnboardingView},
    step::{StepOutcome, StepReport},
    world::LocalWorld,
};
use onboarding::{
    OnboardingId,
    event::{
        AccessCheckRequested, ActivationRequested, CheckDue, CustomerConsented, DiskEncryptionRequested,
        DiskReturnRequested, Event, EventData, EventId, KINDS, KeyEventReceived, KeyReplacementRequested,
        KeyShared, LeavingDue, MachineSwitchRequested, MarketplaceChanged, ProvisionRequested,
        ProvisionStarted, ReplayDue, RungDue, SetRemovalRequested, SignupRequested, SubscriptionCheckDue,
        WatchDue, WindowDue,
    },
    replacement::Asker,
};
use sandbox::MarketplaceAction;
use serde_json::{Value, json};
use service_bus::{Entity, Message, ServiceBusClient};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    bad_messages::dead_letter,
    machines::Machine,
    support::{
        PATIENCE, SignedUp, a_world_with, consent_and_share, exchanges, history, play, sign_up, succeeded,
        until,
    },
};

/// What belongs to the other onboarding.
struct Theirs {
    subscription: Uuid,
    operation: Uuid,
    key: String,
    set: String,
    disk: String,
    machine: String,
    entry: u64,
    /// Another tenant than the customer's, with a directory of its own.
    tenant: Uuid,
}

/// What becomes of such an event at an onboarding that is active.
enum Becomes {
    /// Refused, for this reason.
    Refused(&'static str),
    /// Taken in, and this is said.
    Taken(&'static str),
}
use Becomes::{Refused, Taken};

fn event<D: EventData>(about: OnboardingId, data: D) -> Value {
    let id = EventId::of_origin(D::KIND, &Uuid::new_v4().to_string());
    serde_json::to_value(Event::new(id, "test", about, OffsetDateTime::now_utc(), data)).unwrap()
}

/// The events of one kind that name something of theirs, one field at a time. A new kind has to be thought of, and so has
/// a new field: without it this does not compile.
fn naming(queue: &str, ours: &Purchased, theirs: &Theirs) -> Vec<(Value, Becomes)> {
    let about = ours.onboarding;
    match queue {
        "signup_requested" => {
            let data = SignupRequested { subscription: theirs.subscription };
            vec![(event(about, data), Taken("opened before"))]
        }
        "customer_consented" => {
            let data = CustomerConsented { tenant: theirs.tenant.to_string().parse().unwrap() };
            vec![(event(about, data), Refused("ConsentOfAnotherTenant"))]
        }
        "key_shared" => {
            let data = KeyShared { key: theirs.key.parse().unwrap(), submission: None };
            vec![(event(about, data), Taken("the customer took this key back"))]
        }
        "provision_started" => {
            let data = ProvisionStarted { set: theirs.set.parse().unwrap() };
            vec![(event(about, data), Refused("AnotherSet"))]
        }
        "disk_encryption_requested" => {
            let data = DiskEncryptionRequested { disk: theirs.disk.parse().unwrap() };
            vec![(event(about, data), Refused("UnknownDisk"))]
        }
        "check_due" => {
            let data = CheckDue { entry: Some(theirs.entry), because: None };
            vec![(event(about, data), Taken(""))]
        }
        "marketplace_changed" => {
            let changed = |subscription, operation| {
                let action = "Suspend".to_owned();
                event(about, MarketplaceChanged { subscription, operation, action })
            };
            vec![
                (changed(theirs.subscription, None), Refused("AnotherSubscription")),
                (changed(theirs.subscription, Some(theirs.operation)), Refused("AnotherSubscription")),
                (changed(ours.subscription, Some(theirs.operation)), Taken("known already")),
            ]
        }
        "machine_switch_requested" => {
            let data = MachineSwitchRequested { machine: theirs.machine.parse().unwrap() };
            vec![(event(about, data), Taken("holds this machine"))]
        }
        "key_replacement_requested" => {
            let key = || theirs.key.parse().unwrap();
            let followed = KeyReplacementRequested { key: key(), by: None };
            let asked = KeyReplacementRequested { key: key(), by: Some(Asker::Operator) };
            vec![
                (event(about, followed), Taken("no change of the key is under way")),
                (event(about, asked), Taken("")),
            ]
        }
        "disk_return_requested" => {
            let data = DiskReturnRequested { disk: theirs.disk.parse().unwrap() };
            vec![(event(about, data), Taken("not to be given back"))]
        }
        "replay_due" => {
            let data = ReplayDue { entry: theirs.entry };
            vec![(event(about, data), Taken("it was gone on with"))]
        }
        // These name nothing.
        "leaving_due" => vec![(event(about, LeavingDue {}), Taken("it does not leave"))],
        "set_removal_requested" => {
            vec![(event(about, SetRemovalRequested {}), Taken("not to be deleted now"))]
        }
        "access_check_requested" => {
            vec![(event(about, AccessCheckRequested {}), Taken("the set is not gone"))]
        }
        "provision_requested" => vec![(event(about, ProvisionRequested {}), Taken("asked for before"))],
        "activation_requested" => vec![(event(about, ActivationRequested {}), Taken(""))],
        "subscription_check_due" => vec![(event(about, SubscriptionCheckDue {}), Taken(""))],
        "key_events" => vec![(event(about, KeyEventReceived {}), Taken(""))],
        "rung_due" => vec![(event(about, RungDue {}), Taken(""))],
        "window_due" => vec![(event(about, WindowDue {}), Taken(""))],
        "watch_due" => {
            let until = OffsetDateTime::now_utc() + time::Duration::HOUR;
            vec![(event(about, WatchDue { until, asked: false, seen: None }), Taken(""))]
        }
        other => panic!("what can an event on {other} name that is another's?"),
    }
}

/// The onboarding that the events are about.
struct Purchased {
    onboarding: OnboardingId,
    subscription: Uuid,
}

impl Purchased {
    fn of(signed_up: &SignedUp) -> Self {
        let onboarding = signed_up.page.onboarding().parse().unwrap();
        Self { onboarding, subscription: signed_up.purchase.subscription_id }
    }
}

/// Sends it, and waits for what comes of it in the end.
async fn deliver(world: &LocalWorld, queue: &str, event: &Value) -> StepReport {
    let client = ServiceBusClient::from_connection_string(&world.broker().connection_string()).unwrap();
    let id = event["id"].as_str().unwrap();
    let message = Message::new(event.to_string()).with_message_id(id);
    client.sender(Entity::queue(queue)).send(message).await.unwrap();
    let ended = async || {
        let is_its = |step: &StepReport| {
            let is_its = step.message_id.as_deref().is_some_and(|message| message.starts_with(id));
            is_its && step.outcome != StepOutcome::Retry
        };
        Ok(world.steps().into_iter().find(is_its))
    };
    let what = format!("an event on {queue} to be taken in: {event}");
    world.wait_for(&what, Instant::now() + PATIENCE, ended).await.unwrap()
}

/// Everything that was changed at Azure and at the marketplace so far.
fn changes(world: &LocalWorld) -> usize {
    let of = |place| {
        let made =
            ["PUT", "PATCH", "POST", "DELETE"].map(|method| succeeded(&exchanges(world, method, place)));
        made.iter().sum::<usize>()
    };
    of("/providers/Microsoft.Compute/") + of("/api/saas/subscriptions/")
}

/// What an onboarding uses, whatever it waits for.
fn uses(view: OnboardingView) -> (String, Option<String>, Option<String>, Vec<String>, bool) {
    let disks = view.disks.into_iter().map(|disk| disk.name).collect();
    (view.state, view.key, view.disk_encryption_set, disks, view.activated)
}

async fn look(world: &LocalWorld, page: &OnboardingPage) -> OnboardingView {
    world.customer().look(page).await.unwrap()
}

#[tokio::test]
async fn an_event_that_names_what_is_anothers_changes_nothing_of_either() {
    // A webhook's own word counts while it is fresh.
    let world = a_world_with(&[("LATCHKEY_SPREADING_SECONDS", "5")]).await;
    let active = play(&world).await;
    let other = sign_up(&world).await;
    let purchase = other.purchase.subscription_id;
    let disk = world.vendor().make_disk_for("disk-of-the-other", purchase).await.unwrap();
    consent_and_share(&world, &other.page, "contoso-others").await;
    until(&world, &other.page, "active").await;
    let machine = Machine::make(&world, "machine-of-the-other", &[&disk]).await;
    let waiting = sign_up(&world).await;
    world.customer().consent(&waiting.page).await.unwrap();
    until(&world, &waiting.page, "awaiting-key").await;

    let view = look(&world, &other.page).await;
    let sets = world.vendor().disk_encryption_sets().await.unwrap();
    let is_theirs = |set: &&Value| set["name"].as_str() == view.disk_encryption_set.as_deref();
    let subscription = other.purchase.subscription_id;
    let theirs = Theirs {
        subscription,
        operation: world.sandbox().begin_action(subscription, MarketplaceAction::Suspend).unwrap(),
        key: view.key.clone().unwrap(),
        set: sets.iter().find(is_theirs).unwrap()["id"].as_str().unwrap().to_owned(),
        disk,
        machine: machine.id().to_owned(),
        entry: u64::try_from(history(&world, &other.page).await.len()).unwrap(),
        tenant: world.sandbox().seed().vendor.tenant_id,
    };
    let before = (uses(view), history(&world, &other.page).await.len(), sets, changes(&world));

    for signed_up in [&active, &waiting] {
        let is_active = std::ptr::eq(signed_up, &active);
        let mut expected = uses(look(&world, &signed_up.page).await);
        for (_, queue) in KINDS {
            for (event, becomes) in naming(queue, &Purchased::of(signed_up), &theirs) {
                let step = deliver(&world, queue, &event).await;
                let reason = match step.outcome {
                    StepOutcome::Refused => Some(dead_letter(&world, queue).await.0),
                    StepOutcome::Done | StepOutcome::Waiting => None,
                    StepOutcome::Retry | StepOutcome::Failed | StepOutcome::Duplicate => panic!("{step:?}"),
                };
                // What is not active yet may have nothing to do before it comes to that.
                if is_active {
                    match becomes {
                        Refused(expected) => assert_eq!(reason.as_deref(), Some(expected), "{step:?}"),
                        Taken(said) => {
                            let detail = step.detail.clone().unwrap_or_default();
                            assert!(reason.is_none() && detail.contains(said), "{step:?}");
                        }
                    }
                }
            }
        }
        let view = look(&world, &signed_up.page).await;
        if !is_active {
            // Shown as what was submitted, and not used.
            expected.1 = Some(theirs.key.clone());
            assert!(view.blockers.iter().any(|blocker| blocker.code == "key-claimed"), "{:?}", view.blockers);
        }
        assert_eq!(uses(view), expected);
        let view = look(&world, &other.page).await;
        let sets = world.vendor().disk_encryption_sets().await.unwrap();
        let after = (uses(view), history(&world, &other.page).await.len(), sets, changes(&world));
        assert_eq!(json!(after), json!(before));
    }
    world.stop().await;
}

/// Clocks differ, and a message may lie for long: whatever an event says of when it happened, what is active stays so, and
/// nothing is made twice.
#[tokio::test]
async fn an_event_from_long_ago_or_from_the_future_changes_nothing() {
    // A webhook's own word counts while it is fresh: an event from the future is, from when it comes.
    let world = a_world_with(&[("LATCHKEY_SPREADING_SECONDS", "5")]).await;
    let active = play(&world).await;
    let view = look(&world, &active.page).await;
    let sets = world.vendor().disk_encryption_sets().await.unwrap();
    let set = sets[0]["id"].as_str().unwrap().to_owned();
    let ours = Theirs {
        subscription: active.purchase.subscription_id,
        // The marketplace knows none of this id: it is asked about the subscription instead.
        operation: Uuid::new_v4(),
        key: view.key.clone().unwrap(),
        machine: set.replace("diskEncryptionSets", "virtualMachines"),
        set,
        disk: world.vendor().disk_named(&view.disks[0].name).await.unwrap().id,
        entry: u64::try_from(history(&world, &active.page).await.len()).unwrap(),
        tenant: world.customer().azure().tenant_id,
    };
    let before = (uses(view), sets, changes(&world));
    let now = OffsetDateTime::now_utc();
    for time in [OffsetDateTime::UNIX_EPOCH, now + time::Duration::DAY, now + 36_500 * time::Duration::DAY] {
        for (_, queue) in KINDS {
            for (mut event, _) in naming(queue, &Purchased::of(&active), &ours) {
                event["time"] = time.format(&Rfc3339).unwrap().into();
                let step = deliver(&world, queue, &event).await;
                assert!(matches!(step.outcome, StepOutcome::Done), "{event}: {step:?}");
            }
        }
        let sets = world.vendor().disk_encryption_sets().await.unwrap();
        let after = (uses(look(&world, &active.page).await), sets, changes(&world));
        assert_eq!(json!(after), json!(before), "events of {time}");
    }
    world.stop().await;
}

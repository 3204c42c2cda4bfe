//! Every fact.

use azure_ids::ArmId;
use serde_json::json;
use time::macros::datetime;

use super::{assert_complete, assert_golden, sample, variants_of, written_again};
use crate::{
    About, DropReason, Fact, Reason,
    finding::{Code, Finding},
    grace::{Drill, MachineStep, Rung},
    journal::{
        entry_v1::{
            AboutV1, AccessSeenV1, FactV1, MachineStepV1, RemovalStepV1, ReturnStepV1, RungV1, SetIsV1,
            SubscriptionStatusV1, UserKindV1,
        },
        public,
    },
    leaving::{AccessSeen, RemovalStep, ReturnStep, SetIs, Sweep, User, UserKind},
    outage::Place,
    preflight::UnfitDisk,
    replacement::Asker,
    rotation::{NewestVersion, SetLook},
    test_support::{TENANT, disk, key, machine, proof, service_principal, set, set_name, tenant, version},
    window::{Planned, Window},
};

fn unfit(disk: ArmId) -> UnfitDisk {
    let finding = Finding::DiskEncryptedInGuest { disk: disk.clone() };
    UnfitDisk { disk, finding }
}

fn newest(number: u32) -> NewestVersion {
    NewestVersion { version: version("k", number), created: None, expires: None, fault: None }
}

/// The facts of the grace ladder.
fn facts_of_the_ladder() -> Vec<(&'static str, Fact)> {
    let at = datetime!(2026-02-01 12:00 UTC);
    let drill =
        Drill { since: at, until: at + time::Duration::HOUR, pace: std::time::Duration::from_secs(60) };
    let of = |step| Fact::Machine { machine: machine("m1"), step };
    let planned = Planned::waiting(machine("m1"), vec![disk("d1")], std::time::Duration::from_secs(360));
    let window = Window::ahead(at, at + time::Duration::HOUR, 2, vec![planned]);
    let operation = Some("https://management.azure.com/subscriptions/s/operations/o".to_owned());
    let finding = Finding::MachineNotStopped { machine: machine("m1"), error: "ErrorCode".to_owned() };
    vec![
        ("rung-announced", Fact::RungAnnounced { rung: Rung::Suspend, due: at }),
        ("rung-withdrawn", Fact::RungWithdrawn { rung: Rung::Suspend }),
        ("rung-taken", Fact::RungTaken { rung: Rung::Suspend, machines: vec![] }),
        ("rung-taken.offboard", Fact::RungTaken { rung: Rung::Offboard, machines: vec![] }),
        ("rung-taken.machines", Fact::RungTaken { rung: Rung::Deallocate, machines: vec![machine("m1")] }),
        ("machines-due", Fact::MachinesDue),
        ("machine.stopping", of(MachineStep::Stopping)),
        ("machine.accepted", of(MachineStep::Accepted { operation, look_after_ms: 2000 })),
        ("machine.stopped", of(MachineStep::Stopped)),
        ("machine.starting", of(MachineStep::Starting)),
        ("machine.started", of(MachineStep::Started)),
        ("machine.left-alone", of(MachineStep::LeftAlone)),
        ("machine.failed", of(MachineStep::Failed { finding })),
        ("frozen", Fact::Frozen { reason: None }),
        ("frozen.reason", Fact::Frozen { reason: Some("the wrong customer".to_owned()) }),
        ("unfrozen", Fact::Unfrozen),
        ("window-planned", Fact::WindowPlanned { window }),
        ("window-due", Fact::WindowDue),
        ("marked-as-test", Fact::MarkedAsTest),
        ("drill-started", Fact::DrillStarted { drill }),
    ]
}

/// The facts of an onboarding that leaves.
fn facts_of_leaving() -> Vec<(&'static str, Fact)> {
    let at = datetime!(2026-02-01 12:00 UTC);
    let disk_step = |step| Fact::DiskReturn { disk: disk("d1"), step };
    let removal = |step| Fact::SetRemoval { step };
    let checked = |seen| Fact::AccessChecked { seen, give_up_at: at };
    let not_returned = Finding::DiskNotReturned { disk: disk("d1"), error: None };
    let not_removed = Finding::SetNotRemoved { set: set(&set_name()), error: "ErrorCode".to_owned() };
    let user = |id: &ArmId, kind| User { id: id.clone(), kind, machine: None };
    let kinds = [UserKind::OtherDisk, UserKind::Snapshot, UserKind::Image, UserKind::GalleryVersion];
    let kinds = kinds.into_iter().chain([UserKind::ScaleSet, UserKind::Other]);
    let attached = User { machine: Some(machine("m1")), ..user(&disk("d1"), UserKind::Disk) };
    let others = kinds.enumerate().map(|(place, kind)| user(&disk(&format!("u{place}")), kind));
    let swept = |set_is, users| Sweep { at, set: set(&set_name()), set_is, key_held_by: None, users };
    let full = swept(SetIs::Ours, std::iter::once(attached).chain(others).collect());
    let elsewhere = Sweep {
        key_held_by: Some(crate::OnboardingId::of_subscription(uuid::Uuid::from_u128(9))),
        ..swept(SetIs::NotOurs, vec![])
    };
    let empty = swept(SetIs::NotThere, vec![]);
    vec![
        ("leaving-asked", Fact::LeavingAsked { reason: "the contract has ended".to_owned() }),
        ("stays", Fact::Stays),
        ("leaving-approved", Fact::LeavingApproved { who: "operator".to_owned(), plan: 12 }),
        ("leaving-swept", Fact::LeavingSwept { sweep: full, by_policy: false }),
        ("leaving-swept.elsewhere", Fact::LeavingSwept { sweep: elsewhere, by_policy: true }),
        ("disk-return.requested", disk_step(ReturnStep::Requested { look_after_ms: 2000 })),
        ("disk-return.done", disk_step(ReturnStep::Done)),
        ("disk-return.deleted", disk_step(ReturnStep::Deleted)),
        ("disk-return.failed", disk_step(ReturnStep::Failed { finding: not_returned })),
        ("set-removal.requested", removal(RemovalStep::Requested { sweep: empty, look_after_ms: 2000 })),
        ("set-removal.gone", removal(RemovalStep::Gone)),
        ("set-removal.failed", removal(RemovalStep::Failed { finding: not_removed })),
        ("access-checked.refused", checked(AccessSeen::Refused { code: Code::GrantMissing })),
        ("access-checked.remains", checked(AccessSeen::Remains { found: None })),
        ("access-checked.disabled", checked(AccessSeen::Remains { found: Some(Code::KeyDisabled) })),
    ]
}

fn facts_of_a_replacement() -> Vec<(&'static str, Fact)> {
    let asked = |by| Fact::ReplacementAsked { proof: proof("other", TENANT).into(), by };
    let operation = Some("https://management.azure.com/subscriptions/s/operations/o".to_owned());
    let replaced = |former| {
        let (active, previous) = (key("other"), vec![key("k")]);
        Fact::KeyReplaced {
            set: SetLook { active, previous, lost: None, former, error: None, rotated_at: None }.into(),
        }
    };
    let failed = Finding::ReplacementFailed { set: set(&set_name()), error: "ErrorCode".to_owned() };
    vec![
        ("replacement-asked", asked(Asker::Customer)),
        ("replacement-asked.operator", asked(Asker::Operator)),
        ("replacement-accepted", Fact::ReplacementAccepted { operation, look_after_ms: 2000 }),
        ("replacement-accepted.at-once", Fact::ReplacementAccepted { operation: None, look_after_ms: 2000 }),
        ("key-replaced", replaced(None)),
        ("key-replaced.lost", replaced(Some(Finding::KeyDisabled { key: key("k") }))),
        ("replacement-failed", Fact::ReplacementFailed { finding: failed }),
        ("candidate-withdrawn", Fact::CandidateWithdrawn { key: key("other").without_version() }),
    ]
}

/// The facts of what is sent again after an outage.
fn facts_of_replays() -> Vec<(&'static str, Fact)> {
    let letters = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let next = Some(Place { queue: "provision_requested".to_owned(), from: 12 });
    vec![
        ("letters-chosen", Fact::LettersChosen { letters: letters(&["key_shared/7"]), next }),
        ("letters-chosen.none", Fact::LettersChosen { letters: vec![], next: None }),
        (
            "letters-replayed",
            Fact::LettersReplayed {
                replayed: letters(&["key_shared/7", "key_shared/9"]),
                gone: letters(&["key_shared/8"]),
                left: letters(&["key_shared/11"]),
            },
        ),
    ]
}

fn every_fact() -> Vec<(&'static str, Fact)> {
    let our_set = set(&set_name());
    let shared = key("k").without_version();
    let grant_missing = || Finding::GrantMissing { service_principal: None, key: shared.clone() };
    let refused = |function: &str, about| {
        let function = function.to_owned();
        Fact::StepRefused { function, reason: Reason::DeadlineExceeded, about }
    };
    let operation =
        Some("https://management.azure.com/subscriptions/s/operations/o?api-version=1".to_owned());
    vec![
        ("opened", Fact::Opened { tenant: tenant() }),
        ("consent-proven", Fact::ConsentProven { service_principal: service_principal() }),
        ("key-proven", Fact::KeyProven { proof: proof("k", TENANT) }),
        (
            "found",
            Fact::Found { about: About::Key(shared.clone()), finding: grant_missing(), token_of: None },
        ),
        (
            "found.with-token",
            Fact::Found {
                about: About::Key(shared.clone()),
                finding: grant_missing(),
                token_of: Some(service_principal()),
            },
        ),
        ("step-refused.consent", refused("customer_consented", About::Consent)),
        ("step-refused.key", refused("key_shared", About::Key(shared.clone()))),
        ("step-refused.set", refused("provision_requested", About::Set)),
        ("step-refused.rotation", refused("key_events", About::Rotation)),
        ("step-refused.disk", refused("disk_encryption_requested", About::Disk(disk("d1")))),
        ("step-refused.machine", refused("machine_switch_requested", About::Machine(machine("m1")))),
        ("step-refused.leaving", refused("leaving_due", About::Leaving)),
        ("step-refused.billing", refused("activation_requested", About::Billing)),
        ("step-done", Fact::StepDone { function: "provision_requested".to_owned(), about: About::Set }),
        ("check-due", Fact::CheckDue { entry: Some(7) }),
        ("check-due.asked", Fact::CheckDue { entry: None }),
        ("operator-asked", Fact::OperatorAsked),
        ("stands-still", Fact::StandsStill { entry: 7 }),
        ("old-event", Fact::OldEvent),
        ("set-requested", Fact::SetRequested { set: our_set.clone(), operation, look_after_ms: 2000 }),
        (
            "set-requested.at-once",
            Fact::SetRequested { set: our_set.clone(), operation: None, look_after_ms: 0 },
        ),
        ("set-ready", Fact::SetReady { set: our_set.clone(), disks: vec![disk("d1"), disk("d2")] }),
        ("key-looked", Fact::KeyLooked { newest: newest(2).into(), set: None }),
        (
            "key-looked.set",
            Fact::KeyLooked {
                newest: Box::new(NewestVersion {
                    created: Some(datetime!(2026-02-01 11:00 UTC)),
                    expires: Some(datetime!(2027-02-01 11:00 UTC)),
                    fault: Some(Code::KeyDisabled),
                    ..newest(2)
                }),
                set: Some(Box::new(SetLook {
                    active: key("k"),
                    previous: vec![version("k", 1)],
                    lost: Some(version("k", 1)),
                    former: None,
                    error: Some("KeyVaultKeyNotEnabled".to_owned()),
                    rotated_at: Some(datetime!(2026-02-01 11:30 UTC)),
                })),
            },
        ),
        ("set-gone", Fact::SetGone { set: our_set.clone(), in_use: false }),
        ("preflight", Fact::Preflight { unfit: vec![unfit(disk("d1"))] }),
        ("set-failed", Fact::SetFailed { finding: Finding::SetRefused { key: key("k") } }),
        ("disk-requested", Fact::DiskRequested { disk: disk("d1"), look_after_ms: 2000 }),
        ("disk-encrypted", Fact::DiskEncrypted { disk: disk("d1"), set: our_set }),
        ("disk-dropped", Fact::DiskDropped { disk: disk("d1"), why: DropReason::Retagged }),
        ("activated", Fact::Activated),
        ("subscription", Fact::Subscription { status: crate::SubscriptionStatus::Suspended }),
        (
            "subscription-changed",
            Fact::SubscriptionChanged {
                status: crate::SubscriptionStatus::Suspended,
                at: datetime!(2026-02-01 12:00 UTC),
            },
        ),
    ]
}

#[test]
fn every_fact_is_written_as_format_1_and_read_back() {
    let samples: Vec<_> = every_fact()
        .into_iter()
        .chain(facts_of_the_ladder())
        .chain(facts_of_leaving())
        .chain(facts_of_a_replacement())
        .chain(facts_of_replays())
        .map(|(name, fact)| sample(name, &FactV1::from(fact)))
        .collect();
    assert_complete(&variants_of::<FactV1>(json!({ "fact": "?" })), &samples);
    for about in variants_of::<AboutV1>(json!({ "kind": "?" })) {
        assert!(samples.iter().any(|(name, _)| *name == format!("step-refused.{about}")), "{about}");
    }
    for step in variants_of::<MachineStepV1>(json!({ "learnt": "?" })) {
        assert!(samples.iter().any(|(name, _)| *name == format!("machine.{step}")), "{step}");
    }
    let steps = [
        ("disk-return", variants_of::<ReturnStepV1>(json!({ "learnt": "?" }))),
        ("set-removal", variants_of::<RemovalStepV1>(json!({ "learnt": "?" }))),
        ("access-checked", variants_of::<AccessSeenV1>(json!({ "seen": "?" }))),
    ];
    for (fact, steps) in steps {
        for step in steps {
            assert!(samples.iter().any(|(name, _)| *name == format!("{fact}.{step}")), "{fact} {step}");
        }
    }
    let words = [
        variants_of::<RungV1>(json!("?")),
        variants_of::<UserKindV1>(json!("?")),
        variants_of::<SetIsV1>(json!("?")),
    ];
    for word in words.iter().flatten() {
        assert!(samples.iter().any(|(_, text)| text.contains(&format!("\"{word}\""))), "{word}");
    }
    assert_eq!(variants_of::<SubscriptionStatusV1>(json!("?")).len(), 4, "see the states for each");
    assert_golden("facts", &samples, written_again::<FactV1>);
}

/// What an evidence pack says of it: a sentence, and nothing that gives access or that a person typed.
#[test]
fn every_fact_has_a_sentence_and_gives_nothing_away() {
    let facts: Vec<_> = every_fact()
        .into_iter()
        .chain(facts_of_the_ladder())
        .chain(facts_of_leaving())
        .chain(facts_of_a_replacement())
        .chain(facts_of_replays())
        .collect();
    assert!(facts.len() > 60);
    for (name, fact) in facts {
        let stored = FactV1::from(fact);
        let says = stored.says();
        let shown = public::sentence(&says);
        assert_eq!(shown.as_deref(), Some(says.as_str()), "{name} says what is not shown");
        assert!(
            says.len() > 10 && says.ends_with(['.', ')']) && !stored.chapter().as_str().is_empty(),
            "{name}: {says}"
        );
        let told = public::fact(serde_json::to_value(&stored).unwrap()).to_string();
        for secret in ["api-version", "operations/o", "the wrong customer"] {
            assert!(!told.contains(secret) && !says.contains(secret), "{name}: {told} {says}");
        }
    }
}

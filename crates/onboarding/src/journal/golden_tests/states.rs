//! A state for every stage, and for every variant inside of a state.

use std::collections::BTreeSet;

use azure_ids::ArmId;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{Sample, assert_complete, assert_golden, sample, variants_of};
use crate::{
    About, CandidateKey, Consent, DiskState, DropReason, Onboarding, ProvenKey, Set, Stage, Subject,
    SubscriptionStatus,
    blocker::Blocker,
    finding::Finding,
    grace::{Announced, Drill, Freeze, Grace, HeldBy, HeldMachine, Ladder, MachineState, Rung},
    journal::entry_v1::{
        AccessV1, ConsentV1, DiskStateV1, DropReasonV1, GivenBackV1, MachineStateV1, PhaseV1, ProgressV1,
        RemovedV1, SetV1, StateV1, SubjectV1, SubscriptionStatusV1, WhyV1,
    },
    leaving::{Access, Approval, GivenBack, Leaving, Plan, Removed, SetIs, Sweep, Undo, User, UserKind, Why},
    outage::{Outage, Place, Replay},
    replacement::{self, Asker, Replacement},
    rotation::{Reminder, Rotation},
    test_support::{
        TENANT, cause, disk, key, machine, opened, proof, service_principal, set, set_name, tenant, version,
    },
    window::{Phase, Planned, Progress, Window},
};

fn with(state: &Onboarding, change: impl FnOnce(&mut Onboarding)) -> Onboarding {
    let mut changed = state.clone();
    change(&mut changed);
    changed.number += 1;
    changed
}

fn disks(states: &[DiskState]) -> std::collections::BTreeMap<ArmId, DiskState> {
    states.iter().enumerate().map(|(place, state)| (disk(&format!("d{place}")), *state)).collect()
}

fn blocker(finding: Finding, now: OffsetDateTime) -> Blocker {
    let next_check = finding.code().is_looked_at_again().then_some(now + Duration::HOUR);
    Blocker { finding, since: now, checks: 3, entry: 1, next_check }
}

/// The letters of one outage are sent again, and another has begun.
fn after_an_outage(state: &mut Onboarding, now: OffsetDateTime) {
    let replay = Replay {
        recovery: 40,
        entry: 41,
        at: now,
        since: now - 6 * Duration::HOUR,
        until: now - Duration::MINUTE,
        letters: vec!["key_shared/7".to_owned()],
        next: Some(Place { queue: "key_shared".to_owned(), from: 8 }),
    };
    state.outage = Outage { since: Some(now), replay: Some(replay) };
}

/// One blocker for every subject; without a wildcard, so that a new one does not compile until it is here.
fn blocker_of(subject: &Subject, now: OffsetDateTime) -> Blocker {
    let finding = match subject {
        Subject::Step { function, .. } => {
            Finding::StepRefused { function: function.clone(), reason: "ArmRefused".to_owned() }
        }
        Subject::SetUp => Finding::VendorSetup {
            fault: crate::finding::SetUpFault::IdentityMissing,
            error: None,
            tenant: tenant(),
        },
        Subject::Consent => Finding::ConsentMissing { tenant: tenant() },
        Subject::Key => Finding::KeyDisabled { key: key("k") },
        Subject::CandidateKey => Finding::KeyNotShared {
            service_principal: service_principal(),
            region: "westeurope".parse().unwrap(),
        },
        Subject::FormerKey => Finding::KeyDisabled { key: key("former") },
        Subject::Replacement => {
            Finding::ReplacementFailed { set: set(&set_name()), error: "ErrorCode".to_owned() }
        }
        Subject::Set => Finding::NoDisks { tenant: tenant(), subscription: None },
        Subject::Rotation => Finding::KeyRotationLate { set: set(&set_name()), key: version("k", 2).into() },
        // No finding is about billing alone; the subject is what counts here.
        Subject::Billing => Finding::WrapMismatch,
        Subject::Leaving => Finding::LeavingNotApproved,
        Subject::Disk { disk } => Finding::DiskAttached { disk: disk.clone(), error: None },
        Subject::Machine { machine } => {
            Finding::MachineNotStopped { machine: machine.clone(), error: "AuthorizationFailed".to_owned() }
        }
    };
    blocker(finding, now)
}

/// Everything of the ladder at once.
fn on_the_ladder(state: &mut Onboarding, now: OffsetDateTime) {
    let operation = Some("https://management.azure.com/subscriptions/s/operations/o".to_owned());
    let states =
        [MachineState::Chosen, MachineState::Stopping, MachineState::Stopped, MachineState::Starting];
    let held = |(place, state): (usize, MachineState)| {
        let operation = operation.clone().filter(|_| state == MachineState::Stopping);
        (machine(&format!("m{place}")), HeldMachine { by: HeldBy::Ladder, state, operation, since: now })
    };
    state.grace = Grace {
        ladder: Some(Ladder {
            since: now,
            held_since: Some(now + Duration::HOUR),
            announced: Some(Announced { rung: Rung::Deallocate, at: now, due: now + Duration::DAY }),
            taken: [(Rung::Suspend, now)].into(),
        }),
        machines: states.into_iter().enumerate().map(held).collect(),
        frozen: Some(Freeze { since: now, reason: Some("the wrong customer".to_owned()) }),
        is_test: true,
        drill: Some(Drill {
            since: now,
            until: now + Duration::HOUR,
            pace: std::time::Duration::from_secs(60),
        }),
    };
    let step = Subject::step("machine_switch_requested", &About::Machine(machine("m1")));
    let subjects = [Subject::Key, step, Subject::Machine { machine: machine("m1") }];
    let blockers = subjects.into_iter().map(|subject| (subject.clone(), blocker_of(&subject, now)));
    state.blockers = blockers.collect();
}

/// One that leaves, for each reason and as far as it can be.
fn every_leaving(active: &Onboarding, now: OffsetDateTime) -> Vec<(&'static str, Onboarding)> {
    let held = |why| Leaving {
        why,
        since: now,
        hold_until: now + 7 * Duration::DAY,
        plan: None,
        approval: None,
        undo: None,
    };
    let users = ["d0", "d1"].map(|name| User { id: disk(name), kind: UserKind::Disk, machine: None });
    let sweep =
        Sweep { at: now, set: set(&set_name()), set_is: SetIs::Ours, key_held_by: None, users: users.into() };
    let planned = Leaving { plan: Some(Plan { entry: 9, sweep }), ..held(Why::Unsubscribed) };
    let approved = |who: Option<&str>| Leaving {
        approval: Some(Approval { who: who.map(str::to_owned), at: now + Duration::DAY }),
        ..planned.clone()
    };
    let undone = |states: &[GivenBack], set, access| {
        let disks = states.iter().enumerate();
        let disks = disks.map(|(place, state)| (disk(&format!("d{place}")), *state)).collect();
        Leaving {
            undo: Some(Undo { since: now + 7 * Duration::DAY, disks, set, access }),
            ..approved(Some("operator"))
        }
    };
    let (waits, gone) = (Removed::Waits, Removed::Gone { at: now + 8 * Duration::DAY });
    let done = [GivenBack::Done, GivenBack::Deleted];
    let at = now + 9 * Duration::DAY;
    let refused = Access::Refused { at, code: crate::finding::Code::GrantMissing };
    let asked = Why::VendorAsks { reason: "the contract has ended".to_owned() };
    let states = [
        ("leaving", held(Why::Unsubscribed)),
        ("leaving.asked", held(asked)),
        ("leaving.revoked", held(Why::KeyRevoked)),
        ("leaving.planned", planned.clone()),
        ("leaving.by-policy", approved(None)),
        ("leaving.disks", undone(&[GivenBack::Waits, GivenBack::Requested], waits, None)),
        ("leaving.set", undone(&done, Removed::Requested, None)),
        ("leaving.access", undone(&done, gone, None)),
        ("ended.left", undone(&done, gone, Some(refused))),
        ("ended.access-remains", undone(&done, gone, Some(Access::Remains { at }))),
    ];
    let blockers = |state: &mut Onboarding| {
        let blocker = blocker_of(&Subject::Leaving, now);
        state.blockers = [(Subject::Leaving, blocker)].into_iter().collect();
    };
    let with_leaving = |(name, leaving): (&'static str, Leaving)| {
        let changed = with(active, |state| {
            if leaving.plan.is_some() && leaving.approval.is_none() {
                blockers(state);
            }
            state.leaving = Some(leaving);
        });
        (name, changed)
    };
    states.into_iter().map(with_leaving).collect()
}

/// A window with a machine of every kind.
fn in_a_window(state: &mut Onboarding, now: OffsetDateTime, phase: Phase) {
    let given_up = (phase == Phase::Closed).then(|| "machine-not-stopped: Conflict".to_owned());
    let progress = [
        Progress::Done { seconds: 420 },
        Progress::LeftOut { why: "the window was over".to_owned() },
        Progress::Begun { at: now, given_up },
        Progress::Waiting,
    ];
    let planned = |(place, progress): (usize, Progress)| Planned {
        progress,
        failed: [disk("d0")].into_iter().filter(|_| place == 1).collect(),
        ..Planned::waiting(
            machine(&format!("m{place}")),
            vec![disk("d0")],
            std::time::Duration::from_secs(360),
        )
    };
    let machines = progress.into_iter().enumerate().map(planned).collect();
    state.window = Some(Window { phase, ..Window::ahead(now, now + Duration::HOUR, 2, machines) });
    let held = HeldMachine { by: HeldBy::Window, ..HeldMachine::chosen(now) };
    state.grace.machines = [(machine("m2"), held)].into();
}

fn replacing(state: &mut Onboarding, progress: replacement::Progress, now: OffsetDateTime) {
    let (key, proof) = (key("other").without_version(), Some(proof("other", TENANT)));
    state.candidate = Some(CandidateKey { key, proof });
    state.replacement = Some(Replacement { by: Asker::Customer, asked_at: now, progress });
}

fn every_state() -> Vec<(&'static str, Onboarding)> {
    let now = cause("").now;
    let our_set = set(&set_name());
    let operation = Some("https://management.azure.com/subscriptions/s/operations/o".to_owned());
    let status = |status| move |state: &mut Onboarding| state.purchase.status = status;
    let opened = opened().onboarding;
    let consented = with(&opened, |state| {
        state.consent = Consent::Proven { service_principal: service_principal() };
        state.blockers.clear();
    });
    let proven = with(&consented, |state| state.key = Some(proof("k", TENANT)));
    let requested = with(&proven, |state| state.set = Set::Requested { set: our_set.clone(), operation });
    let ready = with(&requested, |state| state.set = Set::Ready { set: our_set.clone() });
    let encrypted = with(&ready, |state| state.disks = disks(&[DiskState::Encrypted]));
    let active = with(&encrypted, |state| {
        state.activated_at = Some(now + Duration::HOUR);
        state.purchase.status = SubscriptionStatus::Subscribed;
    });
    let candidate = |proof| Some(CandidateKey { key: key("other").without_version(), proof });
    let unwise = ProvenKey {
        warnings: vec![Finding::NoPurgeProtection { key: key("other") }],
        ..proof("other", TENANT)
    };
    let subjects = [
        Subject::Step { function: "key_shared".to_owned(), disk: None, machine: None },
        Subject::Step {
            function: "disk_encryption_requested".to_owned(),
            disk: Some(disk("d0")),
            machine: None,
        },
        Subject::SetUp,
        Subject::Consent,
        Subject::Key,
        Subject::CandidateKey,
        Subject::Set,
        Subject::Billing,
        Subject::Disk { disk: disk("d0") },
    ];
    [
        ("awaiting-consent", opened.clone()),
        ("awaiting-key", consented.clone()),
        ("awaiting-key.candidate", with(&consented, |state| state.candidate = candidate(None))),
        ("provisioning", proven.clone()),
        ("provisioning.requested", requested.clone()),
        (
            "provisioning.requested-at-once",
            with(&proven, |state| state.set = Set::Requested { set: our_set.clone(), operation: None }),
        ),
        ("provisioning.failed-before", with(&proven, |state| state.set_failures = 2)),
        (
            "provisioning.restarted",
            with(&proven, |state| (state.stood_since, state.restarts) = (Some(now), 2)),
        ),
        (
            "encrypting",
            with(&ready, |state| {
                state.disks = disks(&[DiskState::Found, DiskState::Requested, DiskState::Encrypted]);
            }),
        ),
        (
            "encrypting.dropped",
            with(&ready, |state| {
                state.disks = disks(&[DiskState::Found]);
                let reasons = [DropReason::Retagged, DropReason::RetaggedLate, DropReason::Deleted];
                state.dropped = (7..).map(|place| disk(&format!("d{place}"))).zip(reasons).collect();
            }),
        ),
        ("activating", encrypted.clone()),
        ("active", active.clone()),
        ("active.changed", with(&active, |state| state.changed_at = Some(now))),
        ("active.candidate", with(&active, |state| state.candidate = candidate(Some(unwise)))),
        (
            "revoked.blocked",
            with(&active, |state| {
                state.blockers = subjects
                    .into_iter()
                    .map(|subject| (subject.clone(), blocker_of(&subject, now)))
                    .collect();
            }),
        ),
        (
            "active.forgotten",
            with(&active, |state| {
                for days in 1..=20 {
                    let event = crate::event::EventId::of_origin("test", &days.to_string());
                    state.taken.take(event, 10 + days, now + Duration::days(days.cast_signed()), 1);
                }
            }),
        ),
        (
            "unreachable",
            with(&active, |state| {
                let finding = Finding::VaultUnreachable {
                    vault: "contoso.vault.azure.net".to_owned(),
                    error: "status 503".to_owned(),
                };
                let blocker = Blocker { finding, ..blocker_of(&Subject::Key, now) };
                state.blockers = [(Subject::Key, blocker)].into_iter().collect();
            }),
        ),
        (
            "active.rotation",
            with(&active, |state| {
                state.rotation = Some(Rotation {
                    from: vec![key("k")],
                    to: version("k", 2),
                    made_at: None,
                    seen_at: now,
                    taken_over_at: None,
                    over_at: None,
                });
                state.blockers =
                    [(Subject::Rotation, blocker_of(&Subject::Rotation, now))].into_iter().collect();
            }),
        ),
        (
            "active.rotated",
            with(&active, |state| {
                state.rotation = Some(Rotation {
                    from: vec![version("k", 1), key("k")],
                    to: version("k", 2),
                    made_at: Some(now - Duration::MINUTE),
                    seen_at: now,
                    taken_over_at: Some(now + Duration::HOUR),
                    over_at: Some(now + 2 * Duration::HOUR),
                });
                let (created, expires) = (Some(now - Duration::MINUTE), Some(now + 20 * Duration::DAY));
                state.key =
                    Some(ProvenKey { version: version("k", 2), created, expires, ..proof("k", TENANT) });
                state.reminder = Some(Reminder { expires: now + 20 * Duration::DAY, days: 30 });
            }),
        ),
        ("active.window-ahead", with(&active, |state| in_a_window(state, now, Phase::Ahead))),
        ("active.window-open", with(&active, |state| in_a_window(state, now, Phase::Open))),
        ("active.window-closed", with(&active, |state| in_a_window(state, now, Phase::Closed))),
        ("active.window-ended", with(&active, |state| in_a_window(state, now, Phase::Ended))),
        ("active.replacement", with(&active, |state| replacing(state, replacement::Progress::Wanted, now))),
        (
            "active.replacement-accepted",
            with(&active, |state| {
                let operation = Some("https://management.azure.com/subscriptions/s/operations/o".to_owned());
                replacing(state, replacement::Progress::Accepted { operation }, now);
            }),
        ),
        (
            "active.replacement-failed",
            with(&active, |state| {
                state.candidate = candidate(Some(proof("other", TENANT)));
                let subject = Subject::Replacement;
                state.blockers = [(subject.clone(), blocker_of(&subject, now))].into_iter().collect();
            }),
        ),
        (
            "revoked.former-key",
            with(&active, |state| {
                let subject = Subject::FormerKey;
                state.blockers = [(subject.clone(), blocker_of(&subject, now))].into_iter().collect();
            }),
        ),
        ("active.test", with(&active, |state| state.grace.is_test = true)),
        ("revoked.grace", with(&active, |state| on_the_ladder(state, now))),
        ("active.outage", with(&active, |state| after_an_outage(state, now))),
        ("active.seats", with(&active, |state| state.purchase.quantity = Some(25))),
        ("suspended", with(&encrypted, status(SubscriptionStatus::Suspended))),
        ("ended", with(&encrypted, status(SubscriptionStatus::Unsubscribed))),
    ]
    .into_iter()
    .chain(every_leaving(&active, now))
    .collect()
}

#[test]
fn every_state_is_written_as_format_1_and_read_back() {
    let states = every_state();
    for (name, state) in &states {
        assert_eq!(name.split('.').next(), Some(state.stage().as_str()));
    }
    assert!(states.iter().any(|(_, state)| state.taken.forgotten_until.is_some()));
    let samples: Vec<Sample> =
        states.into_iter().map(|(name, state)| sample(name, &StateV1::from(state))).collect();
    assert_complete(&variants_of::<Stage>(json!("?")), &samples);
    let values: Vec<Value> = samples.iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect();
    let seen = |of: &dyn Fn(&Value) -> Vec<Value>| -> BTreeSet<String> {
        values.iter().flat_map(of).map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    fn inside<T: DeserializeOwned>(tag: &str) -> BTreeSet<String> {
        variants_of::<T>(json!({ tag: "?" }))
    }
    let disk_states = |state: &Value| state["disks"].as_object().unwrap().values().cloned().collect();
    let subjects = |state: &Value| {
        state["blockers"].as_array().unwrap().iter().map(|one| one["subject"]["kind"].clone()).collect()
    };
    assert_eq!(seen(&|state| vec![state["consent"]["status"].clone()]), inside::<ConsentV1>("status"));
    assert_eq!(seen(&|state| vec![state["set"]["status"].clone()]), inside::<SetV1>("status"));
    assert_eq!(seen(&disk_states), variants_of::<DiskStateV1>(json!("?")));
    let machines = |state: &Value| {
        let machines = state["grace"]["machines"].as_object();
        machines.into_iter().flatten().map(|(_, held)| held["state"].clone()).collect()
    };
    assert_eq!(seen(&machines), variants_of::<MachineStateV1>(json!("?")));
    let phases = |state: &Value| {
        [&state["window"]["phase"]].into_iter().filter(|phase| !phase.is_null()).cloned().collect()
    };
    assert_eq!(seen(&phases), variants_of::<PhaseV1>(json!("?")));
    let progress = |state: &Value| {
        let machines = state["window"]["machines"].as_array();
        machines.into_iter().flatten().map(|planned| planned["progress"].clone()).collect()
    };
    assert_eq!(seen(&progress), inside::<ProgressV1>("progress"));
    let dropped = |state: &Value| {
        state["dropped"].as_object().map(|dropped| dropped.values().cloned().collect()).unwrap_or_default()
    };
    assert_eq!(seen(&dropped), variants_of::<DropReasonV1>(json!("?")));
    assert_eq!(seen(&subjects), inside::<SubjectV1>("kind"));
    let at =
        |pointer: &'static str| move |state: &Value| state.pointer(pointer).cloned().into_iter().collect();
    assert_eq!(seen(&at("/leaving/why/because")), inside::<WhyV1>("because"));
    assert_eq!(seen(&at("/leaving/undo/set/state")), inside::<RemovedV1>("state"));
    assert_eq!(seen(&at("/leaving/undo/access/found")), inside::<AccessV1>("found"));
    let given_back = |state: &Value| {
        let disks = state.pointer("/leaving/undo/disks").and_then(Value::as_object);
        disks.map(|disks| disks.values().cloned().collect()).unwrap_or_default()
    };
    assert_eq!(seen(&given_back), variants_of::<GivenBackV1>(json!("?")));
    let statuses = seen(&|state| vec![state["purchase"]["status"].clone()]);
    assert_eq!(statuses, variants_of::<SubscriptionStatusV1>(json!("?")));
    assert_golden("states", &samples, |text| {
        let state: Onboarding = serde_json::from_str::<StateV1>(text).unwrap().into();
        serde_json::to_string_pretty(&StateV1::from(state)).unwrap()
    });
}

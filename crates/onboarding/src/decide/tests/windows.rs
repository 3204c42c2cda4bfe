//! Windows: which machines are begun, that they run again whatever happens, and what is left for another window.

use std::time::Duration;

use proptest::prelude::*;
use time::OffsetDateTime;

use super::{
    grace::{at, becomes, start},
    properties::any_fact,
    *,
};
use crate::{
    What,
    event::{MachineSwitchRequested, WindowDue},
    grace::{HeldBy, MachineState, MachineStep, Power},
    test_support::machine,
    window::{Phase, Planned, Progress, Window},
};

const MINUTE: Duration = Duration::from_secs(60);

fn minutes(after: u32) -> OffsetDateTime {
    start() + MINUTE * after
}

/// Five machines of ten minutes, each with one disk that is attached.
fn attached() -> Onboarding {
    let disks = (1..=5).map(|nth| disk(&format!("d{nth}"))).collect();
    let ready = Fact::SetReady { set: our_set(), disks };
    let mut onboarding = becomes(&after_steps(3), start(), ready);
    for nth in 1..=5 {
        onboarding = becomes(&onboarding, start(), is_attached(nth));
    }
    onboarding
}

fn is_attached(nth: u32) -> Fact {
    let disk = disk(&format!("d{nth}"));
    let finding = Finding::DiskAttached { disk: disk.clone(), error: None };
    Fact::Found { about: About::Disk(disk), finding, token_of: None }
}

fn planned(from: u32, until: u32, at_once: u32) -> Fact {
    let of =
        |nth: u32| Planned::waiting(machine(&format!("m{nth}")), vec![disk(&format!("d{nth}"))], MINUTE * 10);
    Fact::WindowPlanned {
        window: Window::ahead(minutes(from), minutes(until), at_once, (1..=5).map(of).collect()),
    }
}

/// A window that is open, with so many machines at a time.
fn open(until: u32, at_once: u32) -> Onboarding {
    let set = becomes(&attached(), start(), planned(1, until, at_once));
    becomes(&set, minutes(1), Fact::WindowDue)
}

fn of(nth: u32, step: MachineStep) -> Fact {
    Fact::Machine { machine: machine(&format!("m{nth}")), step }
}

fn after(onboarding: &Onboarding, minute: u32, facts: impl IntoIterator<Item = Fact>) -> Onboarding {
    facts.into_iter().fold(onboarding.clone(), |now, fact| becomes(&now, minutes(minute), fact))
}

fn stopped(onboarding: &Onboarding, nth: u32, minute: u32) -> Onboarding {
    after(onboarding, minute, [of(nth, MachineStep::Stopping), of(nth, MachineStep::Stopped)])
}

fn started(onboarding: &Onboarding, nth: u32, minute: u32) -> Onboarding {
    after(onboarding, minute, [of(nth, MachineStep::Starting), of(nth, MachineStep::Started)])
}

fn done(onboarding: &Onboarding, nth: u32, minute: u32) -> Onboarding {
    let down = stopped(onboarding, nth, minute);
    started(&after(&down, minute, [encrypted(&format!("d{nth}"))]), nth, minute)
}

fn begun(onboarding: &Onboarding) -> Vec<&str> {
    let held = onboarding.grace().machines.iter().filter(|(_, held)| held.by == HeldBy::Window);
    held.map(|(machine, _)| machine.name()).collect()
}

fn progress(onboarding: &Onboarding, nth: u32) -> Progress {
    onboarding.window().unwrap().of(&machine(&format!("m{nth}"))).unwrap().progress.clone()
}

fn phase(onboarding: &Onboarding) -> Phase {
    onboarding.window().unwrap().phase
}

fn wanted(onboarding: &Onboarding, nth: u32) -> Option<Power> {
    onboarding.power_wanted(&machine(&format!("m{nth}")))
}

/// The targets of the messages to this function.
fn sent<'a>(decision: &'a Decision, kind: &str, field: &str) -> Vec<&'a str> {
    let messages = decision.messages.iter().filter(|message| message.event["type"] == kind);
    let ids = messages.map(|message| message.event["data"][field].as_str().unwrap());
    ids.map(|id| id.rsplit('/').next().unwrap()).collect()
}

#[test]
fn a_window_opens_at_its_time_and_begins_so_many_machines_as_may_be_down() {
    let rules = super::grace::RULES;
    let set = becomes(&attached(), start(), planned(1, 60, 2));
    assert_eq!((phase(&set), begun(&set)), (Phase::Ahead, vec![]));
    assert_eq!(set.next_move(&rules).map(|next| (next.what, next.at)), Some((What::Window, minutes(1))));
    assert!(at(&set, start(), Fact::WindowDue).is_none(), "not before");
    let opened = at(&set, minutes(1), Fact::WindowDue).unwrap();
    assert_eq!(sent(&opened, MachineSwitchRequested::KIND, "machine"), ["m1", "m2"]);
    let opened = opened.onboarding;
    assert_eq!((phase(&opened), begun(&opened)), (Phase::Open, vec!["m1", "m2"]));
    assert!(at(&opened, minutes(1), Fact::WindowDue).is_none(), "once");
    assert_eq!(wanted(&opened, 1), Some(Power::Off));
}

#[test]
fn while_a_machine_is_down_its_disks_are_changed_and_then_it_runs_and_the_next_is_begun() {
    let stopping = after(&open(60, 1), 2, [of(1, MachineStep::Stopping)]);
    let down = at(&stopping, minutes(3), of(1, MachineStep::Stopped)).unwrap();
    assert_eq!(sent(&down, DiskEncryptionRequested::KIND, "disk"), ["d1"]);
    assert_eq!(wanted(&down.onboarding, 1), None, "it stays down for its disk");
    assert!(!down.onboarding.is_held_back(&disk("d1"), minutes(3)));
    assert!(stopping.is_held_back(&disk("d1"), minutes(3)), "not before the machine is down");
    let changed = at(&down.onboarding, minutes(4), encrypted("d1")).unwrap();
    assert_eq!(sent(&changed, MachineSwitchRequested::KIND, "machine"), ["m1"]);
    let starting = after(&changed.onboarding, 5, [of(1, MachineStep::Starting)]);
    let runs = at(&starting, minutes(7), of(1, MachineStep::Started)).unwrap();
    assert_eq!(progress(&runs.onboarding, 1), Progress::Done { seconds: 360 });
    assert_eq!(sent(&runs, MachineSwitchRequested::KIND, "machine"), ["m2"]);
    assert_eq!(begun(&runs.onboarding), ["m2"]);
}

#[test]
fn no_machine_is_begun_that_cannot_be_expected_to_run_again_before_the_window_closes() {
    assert_eq!(begun(&open(10, 3)), Vec::<&str>::new(), "nine minutes are left for ten");
    let onboarding = done(&open(30, 1), 1, 16);
    assert_eq!(begun(&onboarding), Vec::<&str>::new(), "it took fifteen minutes, and so will the next");
    assert_eq!(begun(&done(&open(32, 1), 1, 16)), ["m2"]);
    let over = becomes(&onboarding, minutes(30), Fact::WindowDue);
    assert_eq!((phase(&over), progress(&over, 2)), (Phase::Ended, Progress::Waiting));
    assert_eq!(begun(&becomes(&over, minutes(40), planned(41, 100, 5))).len(), 0);
}

#[test]
fn a_window_that_closes_half_way_leaves_no_machine_down() {
    let onboarding = stopped(&open(20, 3), 1, 2);
    let onboarding = after(&onboarding, 3, [of(2, MachineStep::Stopping)]);
    assert!(onboarding.is_held_back(&disk("d1"), minutes(20)), "nothing is changed after its end");
    let closed = at(&onboarding, minutes(20), Fact::WindowDue).unwrap();
    assert_eq!(sent(&closed, MachineSwitchRequested::KIND, "machine"), ["m1", "m2", "m3"]);
    let closed = closed.onboarding;
    assert_eq!(phase(&closed), Phase::Closed);
    assert_eq!([1, 2, 3].map(|nth| wanted(&closed, nth)), [Some(Power::On); 3]);
    let over = started(&started(&after(&closed, 21, [of(3, MachineStep::LeftAlone)]), 1, 22), 2, 23);
    assert_eq!((phase(&over), begun(&over)), (Phase::Ended, vec![]));
    assert!(matches!(progress(&over, 1), Progress::LeftOut { .. }));
    assert_eq!(progress(&over, 5), Progress::Waiting);
    assert_eq!(over.blockers().len(), 5, "every disk waits for another window");
}

/// Nothing else would ask for it before long.
#[test]
fn a_machine_that_is_down_only_after_the_window_has_closed_is_started_at_once() {
    let stopping = after(&open(20, 1), 2, [of(1, MachineStep::Stopping)]);
    let down = at(&stopping, minutes(20), of(1, MachineStep::Stopped)).unwrap();
    assert_eq!((phase(&down.onboarding), wanted(&down.onboarding, 1)), (Phase::Closed, Some(Power::On)));
    assert_eq!(kinds(&down), [MachineSwitchRequested::KIND]);
}

/// The same finding as before the window is news, because a machine is down for the disk.
#[test]
fn a_disk_that_cannot_be_changed_does_not_keep_its_machine_down() {
    let down = stopped(&open(60, 1), 1, 2);
    let failed = at(&down, minutes(3), is_attached(1)).unwrap();
    assert_eq!(sent(&failed, MachineSwitchRequested::KIND, "machine"), ["m1"]);
    assert!(at(&failed.onboarding, minutes(3), is_attached(1)).is_none(), "once");
    let runs = started(&failed.onboarding, 1, 4);
    let Progress::LeftOut { why } = progress(&runs, 1) else { panic!("{:?}", progress(&runs, 1)) };
    assert_eq!(why, "the disk d1 was not changed");
    let refused = Fact::StepRefused {
        function: DiskEncryptionRequested::QUEUE.to_owned(),
        reason: crate::Reason::ArmRefused,
        about: About::Disk(disk("d1")),
    };
    assert_eq!(wanted(&becomes(&down, minutes(3), refused), 1), Some(Power::On));
}

#[test]
fn whatever_stops_the_work_lets_the_machine_run_again() {
    let down = stopped(&open(60, 1), 1, 2);
    let status = |status| Fact::Subscription { status };
    for fact in [
        Fact::Frozen { reason: None },
        status(SubscriptionStatus::Suspended),
        status(SubscriptionStatus::Unsubscribed),
        Fact::DiskDropped { disk: disk("d1"), why: crate::DropReason::Deleted },
    ] {
        let decision = at(&down, minutes(3), fact.clone()).unwrap();
        assert_eq!(sent(&decision, MachineSwitchRequested::KIND, "machine"), ["m1"], "{fact:?}");
        assert_eq!(begun(&decision.onboarding), ["m1"], "{fact:?}: and no other is begun");
        let runs = started(&decision.onboarding, 1, 4);
        assert!(!begun(&runs).contains(&"m1"), "{fact:?}");
    }
    let ended = becomes(&down, minutes(3), status(SubscriptionStatus::Unsubscribed));
    assert!(at(&ended, minutes(4), proven("k")).is_none(), "nothing else is taken in");
    assert_eq!(kinds(&at(&ended, minutes(9), Fact::WindowDue).unwrap()), [MachineSwitchRequested::KIND]);
    assert!(ended.moves(&super::grace::RULES).any(|next| next.what == What::Window));
    assert!(at(&started(&ended, 1, 9), minutes(20), Fact::WindowDue).is_none(), "and then nothing");
}

#[test]
fn a_machine_that_does_not_start_is_named_first_and_keeps_its_place() {
    let down = after(&stopped(&open(60, 1), 1, 2), 3, [encrypted("d1"), of(1, MachineStep::Starting)]);
    let finding = Finding::MachineNotStarted { machine: machine("m1"), error: "AllocationFailed".to_owned() };
    let failed = becomes(&down, minutes(4), of(1, MachineStep::Failed { finding }));
    assert_eq!(failed.blockers().first().unwrap().finding.code(), Code::MachineNotStarted);
    assert_eq!(begun(&failed), ["m1"], "no other is stopped in its place");
    let later = becomes(&failed, minutes(60), Fact::WindowDue);
    assert_eq!((phase(&later), wanted(&later, 1)), (Phase::Closed, Some(Power::On)));
    let check = failed.blockers().first().unwrap().entry;
    let again = at(&later, minutes(61), Fact::CheckDue { entry: Some(check) }).unwrap();
    assert_eq!(sent(&again, MachineSwitchRequested::KIND, "machine"), ["m1"]);
    assert_eq!(phase(&after(&again.onboarding, 62, [of(1, MachineStep::Started)])), Phase::Ended);
}

#[test]
fn a_machine_that_is_not_stopped_is_let_go() {
    let shared = Finding::MachineShared { machine: machine("m1"), disk: disk("d9") };
    let let_go = becomes(&open(60, 1), minutes(2), of(1, MachineStep::Failed { finding: shared }));
    assert_eq!(begun(&let_go), ["m2"]);
    let Progress::LeftOut { why } = progress(&let_go, 1) else { panic!("{:?}", progress(&let_go, 1)) };
    assert!(why.contains("d9"), "{why}");
    let stopping = after(&open(60, 1), 2, [of(1, MachineStep::Stopping)]);
    let finding = Finding::MachineNotStopped { machine: machine("m1"), error: "Conflict".to_owned() };
    let failed = at(&stopping, minutes(3), of(1, MachineStep::Failed { finding })).unwrap();
    assert_eq!(sent(&failed, MachineSwitchRequested::KIND, "machine"), ["m1"]);
    assert_eq!(wanted(&failed.onboarding, 1), Some(Power::On), "Azure may have begun after all");
    let runs = started(&failed.onboarding, 1, 4);
    assert_eq!(progress(&runs, 1), Progress::LeftOut { why: "machine-not-stopped: Conflict".to_owned() });
}

#[test]
fn a_window_with_a_machine_that_is_down_is_not_replaced_and_one_without_is() {
    let busy = open(60, 1);
    assert!(at(&busy, minutes(2), planned(100, 200, 1)).is_none());
    let ahead = becomes(&attached(), start(), planned(1, 60, 1));
    let replaced = becomes(&ahead, start(), planned(100, 200, 4));
    assert_eq!(replaced.window().unwrap().at_once, 4);
    assert!(at(&attached(), minutes(61), planned(1, 60, 1)).is_none(), "it is over");
}

#[test]
fn a_lost_message_about_a_machine_that_is_down_is_sent_again() {
    let down = stopped(&open(60, 1), 1, 2);
    assert!(at(&down, minutes(6), Fact::WindowDue).is_none(), "it may be under way");
    let again = at(&down, minutes(7), Fact::WindowDue).unwrap();
    assert_eq!(sent(&again, DiskEncryptionRequested::KIND, "disk"), ["d1"]);
    assert!(at(&again.onboarding, minutes(8), Fact::WindowDue).is_none());
    assert!(WindowDue::KIND.starts_with("latchkey.window"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A machine is never left down: Azure was asked to stop it only while a window holds it, and then either one of its
    /// disks is being changed in an open window, or it is to run.
    #[test]
    fn a_machine_that_a_window_stopped_is_waited_for_or_is_to_run(
        facts in proptest::collection::vec((any_fact(), 0_u32..4), 0..60)
    ) {
        let mut onboarding = open(60, 1);
        let mut minute = 1;
        for (step, (fact, later)) in facts.into_iter().enumerate() {
            minute += later;
            let cause = Cause { now: minutes(minute), ..cause(&format!("{step}")) };
            let Ok(Some(decision)) = onboarding.decide(cause, fact.clone()) else { continue };
            let asked = sent(&decision, MachineSwitchRequested::KIND, "machine");
            for (machine, held) in &decision.onboarding.grace().machines {
                let wanted = decision.onboarding.power_wanted(machine);
                let has_failed = matches!(&fact, Fact::Machine { step: MachineStep::Failed { .. }, .. });
                let is_news = wanted != onboarding.power_wanted(machine) && !has_failed;
                prop_assert!(
                    held.by == HeldBy::Ladder || wanted.is_none() || !is_news || asked.contains(&machine.name()),
                    "{:?} of {} after {:?}, and nobody is told", wanted, machine.name(), fact
                );
            }
            onboarding = decision.onboarding;
            let Some(window) = onboarding.window() else { continue };
            let held = onboarding.grace().machines.iter().filter(|(_, held)| held.by == HeldBy::Window);
            let held: Vec<_> = held.collect();
            let begun = window.machines.iter().filter(|one| matches!(one.progress, Progress::Begun { .. }));
            let begun: Vec<_> = begun.map(|planned| &planned.machine).collect();
            prop_assert_eq!(held.iter().map(|(machine, _)| *machine).collect::<std::collections::BTreeSet<_>>(),
                begun.iter().copied().collect());
            prop_assert!(held.len() <= 1, "one at a time");
            for (machine, held) in held {
                let power = onboarding.power_wanted(machine);
                let waits = power.is_none() && held.state == MachineState::Stopped && window.phase == Phase::Open
                    && window.of(machine).unwrap().disks.iter().any(|disk| onboarding.is_awaited(disk));
                let to_be_stopped = power == Some(Power::Off) && window.phase == Phase::Open;
                prop_assert!(power == Some(Power::On) || to_be_stopped || waits, "{:?} {:?}", power, held);
            }
        }
    }
}

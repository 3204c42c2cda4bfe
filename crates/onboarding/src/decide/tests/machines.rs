//! The machines that the ladder stops, and starts again: those, and no others.

use std::time::Duration;

use super::{
    grace::{RULES, at, becomes, disabled, moves_at, revoked, start},
    *,
};
use crate::{
    What,
    event::{MachineSwitchRequested, ReplayDue},
    grace::{MachineState, MachineStep, Power},
    test_support::machine,
};

const HOUR: Duration = Duration::from_secs(3600);

/// The ladder has taken its last rung, with one machine.
fn deallocating() -> Onboarding {
    [12, 24, 60, 72].into_iter().fold(revoked(), |now, hours| moves_at(&now, start() + HOUR * hours))
}

fn of(step: MachineStep) -> Fact {
    Fact::Machine { machine: machine("m1"), step }
}

fn accepted() -> Fact {
    of(MachineStep::Accepted { operation: Some("o".to_owned()), look_after_ms: 1 })
}

fn learns(onboarding: &Onboarding, facts: impl IntoIterator<Item = Fact>) -> Onboarding {
    facts.into_iter().fold(onboarding.clone(), |now, fact| becomes(&now, start() + HOUR * 72, fact))
}

fn state_of(onboarding: &Onboarding) -> Option<MachineState> {
    onboarding.grace().machines.get(&machine("m1")).map(|held| held.state)
}

fn stopped() -> Onboarding {
    learns(&deallocating(), [of(MachineStep::Stopping), accepted(), of(MachineStep::Stopped)])
}

#[test]
fn that_the_ladder_stops_a_machine_is_recorded_before_the_call() {
    let deallocating = deallocating();
    assert!(at(&deallocating, start() + HOUR * 72, accepted()).is_none(), "nothing was asked for");
    let stopping = at(&deallocating, start() + HOUR * 72, of(MachineStep::Stopping)).unwrap();
    assert_eq!(state_of(&stopping.onboarding), Some(MachineState::Stopping));
    assert_eq!(kinds(&stopping), [MachineSwitchRequested::KIND], "the call is the next step's");
    assert_eq!(state_of(&stopped()), Some(MachineState::Stopped));
    assert_eq!(stopped().power_wanted(&machine("m1")), None, "it stays off");
}

#[test]
fn when_the_key_works_again_what_the_ladder_stopped_is_started_and_forgotten() {
    let recovered = at(&stopped(), start() + HOUR * 80, proven("k")).unwrap();
    assert_eq!(kinds(&recovered), [MachineSwitchRequested::KIND, ReplayDue::KIND]);
    let recovered = recovered.onboarding;
    assert_eq!(recovered.power_wanted(&machine("m1")), Some(Power::On));
    let started = learns(&recovered, [of(MachineStep::Starting), accepted(), of(MachineStep::Started)]);
    assert_eq!(state_of(&started), None);
    assert!(at(&started, start() + HOUR * 90, of(MachineStep::Starting)).is_none(), "once");
}

#[test]
fn a_machine_that_was_never_asked_to_stop_is_not_started() {
    let recovered = becomes(&deallocating(), start() + HOUR * 73, proven("k"));
    assert!(at(&recovered, start() + HOUR * 73, of(MachineStep::Starting)).is_none());
    let left = learns(&recovered, [of(MachineStep::LeftAlone)]);
    assert_eq!(state_of(&left), None);
}

#[test]
fn a_machine_that_does_not_stop_is_the_vendors_turn_and_asked_again_with_ever_longer_waits() {
    let stopping = learns(&deallocating(), [of(MachineStep::Stopping), accepted()]);
    let failed = |onboarding: &Onboarding| {
        let finding = Finding::MachineNotStopped { machine: machine("m1"), error: "Conflict".to_owned() };
        learns(onboarding, [of(MachineStep::Failed { finding })])
    };
    let failing = failed(&stopping);
    let blocker = failing.blockers().get(&Subject::Machine { machine: machine("m1") }).unwrap().clone();
    assert_eq!(failing.grace().machines[&machine("m1")].operation, None, "it is asked for anew");
    let check = at(&failing, start() + HOUR * 73, Fact::CheckDue { entry: Some(blocker.entry) }).unwrap();
    assert_eq!(kinds(&check), [MachineSwitchRequested::KIND]);
    let again = failed(&check.onboarding);
    let later = again.blockers().get(&Subject::Machine { machine: machine("m1") }).unwrap();
    assert_eq!((later.since, later.checks), (blocker.since, 1));
    let recovered = becomes(&again, start() + HOUR * 74, proven("k"));
    assert_eq!(codes(&recovered), [], "that it runs is no fault any more");
    assert_eq!(recovered.power_wanted(&machine("m1")), Some(Power::On), "it may have been stopped");
}

#[test]
fn a_freeze_keeps_machines_from_being_stopped_and_a_recovery_starts_them_all_the_same() {
    let frozen = becomes(&deallocating(), start() + HOUR * 72, Fact::Frozen { reason: None });
    assert_eq!(frozen.power_wanted(&machine("m1")), None);
    assert!(at(&frozen, start() + HOUR * 72, of(MachineStep::Stopping)).is_none());
    let lifted = becomes(&frozen, start() + HOUR * 73, Fact::Unfrozen);
    assert_eq!(lifted.power_wanted(&machine("m1")), None, "the rung is announced again first");
    let frozen = becomes(&stopped(), start() + HOUR * 73, Fact::Frozen { reason: None });
    let recovered = becomes(&frozen, start() + HOUR * 74, proven("k"));
    assert_eq!(recovered.power_wanted(&machine("m1")), Some(Power::On));
}

#[test]
fn a_message_about_a_machine_that_was_lost_is_sent_again() {
    let stopping = learns(&deallocating(), [of(MachineStep::Stopping), accepted()]);
    let next = stopping.next_move(&RULES).unwrap();
    assert_eq!((next.what, next.at), (What::LookAtMachines, start() + HOUR * 73));
    let again = at(&stopping, next.at, Fact::MachinesDue).unwrap();
    assert_eq!(kinds(&again), [MachineSwitchRequested::KIND]);
    assert_eq!(again.onboarding.next_move(&RULES).unwrap().at, next.at + HOUR, "and not at once again");
    assert!(at(&stopped(), next.at, Fact::MachinesDue).is_none(), "what is done is left alone");
}

#[test]
fn during_an_outage_nothing_is_done_to_machines_and_afterwards_it_goes_on() {
    let stopping = learns(&deallocating(), [of(MachineStep::Stopping), accepted()]);
    let vault = key("k").host().as_str().to_owned();
    let outage = found_at_key("k", Finding::VaultUnreachable { vault, error: "status 503".to_owned() });
    let out = becomes(&stopping, start() + HOUR * 73, outage);
    assert_eq!(out.power_wanted(&machine("m1")), None);
    let back = at(&out, start() + HOUR * 75, disabled()).unwrap();
    assert_eq!(kinds(&back), [MachineSwitchRequested::KIND]);
}

#[test]
fn a_machine_that_is_being_started_when_the_key_is_revoked_again_is_still_ours_to_start() {
    let recovered = becomes(&stopped(), start() + HOUR * 80, proven("k"));
    let starting = learns(&recovered, [of(MachineStep::Starting), accepted()]);
    let again = becomes(&starting, start() + HOUR * 81, disabled());
    assert_eq!(again.power_wanted(&machine("m1")), None, "it cannot start, and is not stopped unannounced");
    let recovered = at(&again, start() + HOUR * 82, proven("k")).unwrap();
    assert_eq!(kinds(&recovered), [MachineSwitchRequested::KIND, ReplayDue::KIND]);
}

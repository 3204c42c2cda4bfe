//! Never a state without an owner.
//!
//! Steps, people and the marketplace are played in any order, and messages are lost. What holds after each of them:
//! whatever the chain waits for (`stands_at`) is in a message that will be delivered, or behind a blocker with an owner,
//! unless the onboarding is at rest; what a message was lost of is found by the sweep. Whoever asks for a check of what is blocked has at least one message sent: the operator always, the customer unless only a refused
//! step is waited for.

use std::time::Duration;

use azure_ids::ArmId;
use proptest::prelude::*;

use super::*;
use crate::{
    Reason,
    decide::{checks::Look, standstill::RESTARTS},
    finding::SetUpFault,
    leaving::{AccessSeen, GivenBack, RemovalStep, Removed, ReturnStep, SetIs, Sweep, User, UserKind},
    replacement::Asker,
    rotation::{NewestVersion, SetLook},
    test_support::{cause_in, version},
};

/// What happens next; the number chooses among the messages, the outcomes, the disks and so on.
#[derive(Debug, Clone)]
enum Happening {
    Delivered { message: usize, outcome: usize, is_killed: bool },
    Lost { message: usize },
    SweepComes,
    Replayed { letter: usize },
    Submitted(&'static str),
    Confirmed(&'static str),
    ConsentLinkOpened,
    CheckIsDue(usize),
    SomebodyAsks,
    OperatorAsks,
    OldEventComes,
    KeyEventComes,
    SubscriptionIs(SubscriptionStatus),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    use SubscriptionStatus::{PendingFulfillmentStart, Suspended, Unsubscribed};
    prop_oneof![
        60 => (0..8_usize, 0..12_usize, prop::bool::weighted(0.1)).prop_map(|(message, outcome, is_killed)| {
            Happening::Delivered { message, outcome, is_killed }
        }),
        2 => (0..8_usize).prop_map(|message| Happening::Lost { message }),
        4 => Just(Happening::SweepComes),
        4 => (0..8_usize).prop_map(|letter| Happening::Replayed { letter }),
        6 => prop_oneof![3 => Just("k"), 1 => Just("other")].prop_map(Happening::Submitted),
        3 => prop_oneof![1 => Just("k"), 3 => Just("other")].prop_map(Happening::Confirmed),
        4 => Just(Happening::ConsentLinkOpened),
        6 => (0..8_usize).prop_map(Happening::CheckIsDue),
        2 => Just(Happening::SomebodyAsks),
        2 => Just(Happening::OperatorAsks),
        1 => Just(Happening::OldEventComes),
        4 => Just(Happening::KeyEventComes),
        2 => prop_oneof![
            6 => Just(PendingFulfillmentStart), 6 => Just(Suspended), 1 => Just(Unsubscribed)
        ].prop_map(Happening::SubscriptionIs),
    ]
}

struct Play {
    onboarding: Onboarding,
    in_flight: Vec<Look>,
    dead_letters: Vec<Look>,
    /// Whether a message was lost.
    has_lost: bool,
    /// What was learnt so far, for whoever reads a failure.
    learnt: Vec<String>,
}

impl Play {
    fn new() -> Self {
        let onboarding = opened().onboarding;
        Self { onboarding, in_flight: vec![], dead_letters: vec![], has_lost: false, learnt: vec![] }
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Delivered { message, outcome, is_killed: false } => self.deliver(message, outcome),
            Happening::Delivered { message, outcome, is_killed: true } => {
                // Killed before it sent anything, and its message comes again when its event is not remembered.
                let mut sent = self.in_flight.clone();
                self.deliver(message, outcome);
                sent.retain(|look| self.in_flight.contains(look));
                self.in_flight = sent;
                self.is_so("key_shared", Fact::OldEvent);
            }
            Happening::Lost { message } if message < self.in_flight.len() => {
                self.in_flight.remove(message);
                self.has_lost = true;
            }
            Happening::Lost { .. } => {}
            Happening::SweepComes => self.sweep(),
            Happening::Replayed { letter } if letter < self.dead_letters.len() => {
                let replayed = self.dead_letters.remove(letter);
                self.in_flight.push(replayed);
            }
            Happening::Replayed { .. } => {}
            Happening::Submitted(name) => self.in_flight.push(Look::Key(key(name).without_version())),
            Happening::Confirmed(name) => {
                let (proof, by) = (Box::new(proof(name, TENANT)), Asker::Customer);
                self.is_so("key_replacement_requested", Fact::ReplacementAsked { proof, by });
            }
            Happening::ConsentLinkOpened => self.in_flight.push(Look::Consent),
            Happening::CheckIsDue(which) => {
                let entry = self.onboarding.blockers().iter().nth(which).map(|(_, blocker)| blocker.entry);
                if entry.is_some() {
                    self.is_so("check_due", Fact::CheckDue { entry });
                }
            }
            Happening::SomebodyAsks => self.is_so("check_due", Fact::CheckDue { entry: None }),
            Happening::OperatorAsks => self.is_so("check_due", Fact::OperatorAsked),
            Happening::OldEventComes => self.is_so("key_shared", Fact::OldEvent),
            Happening::KeyEventComes => self.in_flight.push(Look::Rotation),
            Happening::SubscriptionIs(status) => {
                self.is_so("marketplace_changed", Fact::Subscription { status });
            }
        }
    }

    /// The sweep comes so late that whatever stands has stood for too long.
    fn sweep(&mut self) {
        if self.onboarding.restart_at(Duration::ZERO).is_some() {
            let entry = self.onboarding.number();
            self.is_so("check_due", Fact::StandsStill { entry });
        }
    }

    /// A step takes one message in, and learns one of the things that it could.
    fn deliver(&mut self, message: usize, outcome: usize) {
        if message >= self.in_flight.len() {
            return;
        }
        let look = self.in_flight.remove(message);
        let (function, about) = step_of(&look);
        let Some(fact) = learnt(&look, outcome, &self.onboarding) else {
            // No answer: the message is put off, and comes again.
            self.in_flight.push(look);
            return;
        };
        let is_refused = matches!(fact, Fact::StepRefused { .. });
        match self.learns(function, fact) {
            Ok(_) if is_refused => self.dead_letters.push(look),
            Ok(true) => {}
            Ok(false) => {
                self.is_so(function, Fact::StepDone { function: function.to_owned(), about });
            }
            Err(contradiction) => {
                let (function_name, reason) = (function.to_owned(), Reason::from(contradiction));
                self.is_so(function, Fact::StepRefused { function: function_name, reason, about });
                self.dead_letters.push(look);
            }
        }
    }

    /// A fact that cannot contradict.
    fn is_so(&mut self, function: &'static str, fact: Fact) {
        self.learns(function, fact).unwrap();
    }

    /// Whether it was news.
    fn learns(&mut self, function: &'static str, fact: Fact) -> Result<bool, Contradiction> {
        self.learnt.push(format!("{function} {fact:?}"));
        // The hold is over at once, so that what comes after it is played too.
        let hold = Duration::ZERO;
        let cause = Cause { hold, ..cause_in(function, &self.learnt.len().to_string()) };
        let decided = self.onboarding.decide(cause, fact)?;
        let is_news = decided.is_some();
        if let Some(decision) = decided {
            let to_functions =
                decision.messages.iter().filter(|message| message.queue != crate::event::TOPIC);
            self.in_flight.extend(to_functions.filter_map(|message| look_of(&message.event)));
            self.onboarding = decision.onboarding;
        }
        Ok(is_news)
    }

    fn has_an_owner(&self) -> Result<(), TestCaseError> {
        for (subject, blocker) in self.onboarding.blockers().iter() {
            let looked_at = blocker.finding.code().is_looked_at_again();
            let has_check = blocker.next_check.is_some();
            let is_watched = looked_at && self.onboarding.is_watched_for(subject);
            prop_assert!(has_check == looked_at || is_watched, "{:?}", subject);
        }
        if self.onboarding.is_held() {
            let is_reminded = self.onboarding.next_move(&super::grace::RULES).is_some();
            let waits = self.onboarding.blockers().get(&Subject::Leaving).is_some();
            prop_assert!(is_reminded || waits, "nobody comes back to it after {:#?}", self.learnt);
        }
        if self.onboarding.is_at_rest() {
            return Ok(());
        }
        for look in self.onboarding.stands_at() {
            let is_refused =
                self.onboarding.blockers().iter().any(|(subject, _)| matches!(subject, Subject::Step { .. }));
            let is_blocked = is_refused || self.onboarding.waits_for_somebody(&look);
            let comes = is_blocked || self.in_flight.contains(&look);
            let is_found = self.onboarding.restart_at(Duration::ZERO).is_some();
            prop_assert!(comes || self.has_lost && is_found, "{look:?} is nobody's after {:#?}", self.learnt);
        }
        if !self.onboarding.blockers().is_empty() {
            let sends = |fact| {
                let asked = self.onboarding.decide(cause("asked"), fact);
                asked.is_ok_and(|asked| asked.is_some_and(|asked| !asked.messages.is_empty()))
            };
            prop_assert!(sends(Fact::OperatorAsked), "nothing is looked at after {:#?}", self.learnt);
            if self.onboarding.has_blocker_beside_steps() {
                let by_the_customer = sends(Fact::CheckDue { entry: None });
                prop_assert!(by_the_customer, "nothing is looked at after {:#?}", self.learnt);
            }
        }
        Ok(())
    }
}

/// What the event would have looked at, if it takes the chain on.
fn look_of(event: &serde_json::Value) -> Option<Look> {
    let text = |name: &str| event["data"][name].as_str().unwrap().to_owned();
    let look = match event["type"].as_str().unwrap() {
        "latchkey.customer.consented.v1" => Look::Consent,
        "latchkey.key.shared.v1" => Look::Key(text("key").parse().unwrap()),
        "latchkey.provision.requested.v1" => Look::NewSet,
        "latchkey.provision.started.v1" => Look::Set(text("set").parse().unwrap()),
        "latchkey.disk.encryption.requested.v1" => Look::Disk(text("disk").parse().unwrap()),
        "latchkey.activation.requested.v1" => Look::Activation,
        "latchkey.key.event.received.v1" => Look::Rotation,
        "latchkey.leaving.due.v1" => Look::Leaving,
        "latchkey.disk.return.requested.v1" => Look::DiskReturn(text("disk").parse().unwrap()),
        "latchkey.set.removal.requested.v1" => Look::SetRemoval,
        "latchkey.access.check.requested.v1" => Look::Access,
        "latchkey.key.replacement.requested.v1" => Look::Replacement(text("key").parse().unwrap()),
        // It only has letters sent again; a letter is replayed by itself here.
        "latchkey.replay.due.v1" => return None,
        other => panic!("no decision sends {other}"),
    };
    Some(look)
}

fn step_of(look: &Look) -> (&'static str, About) {
    match look {
        Look::Consent => ("customer_consented", About::Consent),
        Look::Key(key) => ("key_shared", About::Key(key.clone())),
        Look::NewSet => ("provision_requested", About::Set),
        Look::Set(_) => ("provision_started", About::Set),
        Look::Disk(disk) => ("disk_encryption_requested", About::Disk(disk.clone())),
        Look::Activation => ("activation_requested", About::Billing),
        Look::Rotation => ("key_events", About::Rotation),
        Look::Replacement(key) => ("key_replacement_requested", About::Key(key.clone())),
        Look::Machine(machine) => ("machine_switch_requested", About::Machine(machine.clone())),
        Look::Leaving => ("leaving_due", About::Leaving),
        Look::DiskReturn(disk) => ("disk_return_requested", About::Disk(disk.clone())),
        Look::SetRemoval => ("set_removal_requested", About::Set),
        Look::Access => ("access_check_requested", About::Leaving),
    }
}

/// One of the facts that this step can learn; `None` when it gets no answer. Getting on is the likeliest.
fn learnt(look: &Look, outcome: usize, onboarding: &Onboarding) -> Option<Fact> {
    let (function, about) = step_of(look);
    let found = |finding| Some(Fact::Found { about: about.clone(), finding, token_of: None });
    let undoes = [Look::Leaving, Look::SetRemoval, Look::Access].contains(look);
    match outcome {
        // What is undone has findings of its own.
        2 if undoes || matches!(look, Look::DiskReturn(_)) => return None,
        0 => return None,
        1 => {
            let function = function.to_owned();
            return Some(Fact::StepRefused { function, reason: Reason::DeadlineExceeded, about });
        }
        2 => {
            let (fault, error) = (SetUpFault::IdentityMissing, None);
            return found(Finding::VendorSetup { fault, error, tenant: tenant() });
        }
        _ => {}
    }
    match look {
        Look::Consent if outcome == 3 => found(consent_missing()),
        Look::Consent => Some(Fact::ConsentProven { service_principal: service_principal() }),
        Look::Key(_) if outcome == 3 => found(consent_missing()),
        Look::Key(key) if outcome <= 5 => Some(Fact::Found {
            about,
            finding: grant_missing(key.name()),
            token_of: (outcome == 4).then(service_principal),
        }),
        Look::Key(key) => Some(proven(key.name())),
        Look::NewSet | Look::Set(_) if outcome == 3 => found(Finding::SetNotOurs { set: our_set() }),
        Look::NewSet | Look::Set(_) if outcome == 4 => {
            Some(Fact::SetFailed { finding: Finding::SetRefused { key: key("k") } })
        }
        Look::NewSet | Look::Set(_) if outcome == 5 => Some(Fact::SetFailed { finding: consent_missing() }),
        Look::NewSet if outcome == 6 && !onboarding.knows_unfit(&unfit()) => {
            Some(Fact::Preflight { unfit: unfit() })
        }
        Look::NewSet => Some(Fact::SetRequested { set: our_set(), operation: None, look_after_ms: 1 }),
        Look::Set(_) => Some(Fact::SetReady { set: our_set(), disks: disks_there(outcome) }),
        Look::Disk(disk) => {
            let is_asked_for = onboarding.disks().get(disk) == Some(&DiskState::Requested);
            match outcome {
                3 | 4 if is_asked_for => found(Finding::DiskEncryptionFailed { disk: disk.clone() }),
                3 | 4 => found(Finding::DiskAttached { disk: disk.clone(), error: None }),
                5..=7 if !is_asked_for => Some(Fact::DiskRequested { disk: disk.clone(), look_after_ms: 1 }),
                _ => Some(Fact::DiskEncrypted { disk: disk.clone(), set: our_set() }),
            }
        }
        Look::Activation => Some(Fact::Activated),
        Look::Rotation if outcome == 3 => {
            found(Finding::SetChanged { set: our_set(), what: "it does not exist".to_owned() })
        }
        Look::Rotation => Some(looked_at_versions(outcome, in_use(onboarding))),
        Look::Replacement(key) if outcome <= 4 => found(grant_missing(key.name())),
        Look::Replacement(_) if outcome == 5 => Some(Fact::ReplacementFailed {
            finding: Finding::ReplacementFailed { set: our_set(), error: "ErrorCode".to_owned() },
        }),
        Look::Replacement(_) if outcome <= 7 => {
            Some(Fact::ReplacementAccepted { operation: None, look_after_ms: 1 })
        }
        Look::Replacement(to) => {
            let previous = vec![key(in_use(onboarding))];
            let active = key(to.name());
            let set = SetLook { active, previous, lost: None, former: None, error: None, rotated_at: None };
            Some(Fact::KeyReplaced { set: set.into() })
        }
        Look::Machine(_) => unreachable!("no machine is held without a ladder"),
        Look::Leaving => {
            Some(Fact::LeavingSwept { sweep: swept(onboarding, outcome), by_policy: outcome > 6 })
        }
        Look::DiskReturn(disk) => {
            let step = match outcome {
                3 | 4 => ReturnStep::Failed {
                    finding: Finding::DiskNotReturned { disk: disk.clone(), error: None },
                },
                5..=7 => ReturnStep::Requested { look_after_ms: 1 },
                _ => ReturnStep::Done,
            };
            // One that was asked for is not asked for again: it is done, or it failed.
            let state =
                onboarding.leaving().and_then(|leaving| leaving.undo.as_ref()?.disks.get(disk).copied());
            let is_asked_for = state == Some(GivenBack::Requested);
            let asks_again = is_asked_for && matches!(step, ReturnStep::Requested { .. });
            let step = if asks_again { ReturnStep::Done } else { step };
            Some(Fact::DiskReturn { disk: disk.clone(), step })
        }
        Look::SetRemoval => {
            let undo = onboarding.leaving().and_then(|leaving| leaving.undo.as_ref());
            let is_asked_for = undo.is_some_and(|undo| undo.set == Removed::Requested);
            let step = match outcome {
                3 | 4 => RemovalStep::Failed {
                    finding: Finding::SetNotRemoved { set: our_set(), error: "ErrorCode".to_owned() },
                },
                5..=7 if !is_asked_for => {
                    let sweep = Sweep { users: vec![], ..swept(onboarding, 9) };
                    RemovalStep::Requested { sweep, look_after_ms: 1 }
                }
                _ => RemovalStep::Gone,
            };
            Some(Fact::SetRemoval { step })
        }
        Look::Access => {
            let seen = match outcome {
                3..=5 => AccessSeen::Remains { found: None },
                _ => AccessSeen::Refused { code: Code::GrantMissing },
            };
            let give_up_at = cause("").now + time::Duration::days(if outcome == 5 { 0 } else { 1 });
            Some(Fact::AccessChecked { seen, give_up_at })
        }
    }
}

/// What uses the set: the disks that are encrypted, and a snapshot once in a while.
fn swept(onboarding: &Onboarding, outcome: usize) -> Sweep {
    let encrypted = onboarding.disks().iter().filter(|(_, state)| **state == DiskState::Encrypted);
    let user = |id: &ArmId, kind| User { id: id.clone(), kind, machine: None };
    let mut users: Vec<User> = encrypted.map(|(disk, _)| user(disk, UserKind::Disk)).collect();
    users.extend((outcome == 8).then(|| user(&disk("s1"), UserKind::Snapshot)));
    let set_is = match outcome {
        3 => SetIs::NotOurs,
        _ if *onboarding.set() == Set::None => SetIs::NotThere,
        _ => SetIs::Ours,
    };
    Sweep { at: cause("").now, set: our_set(), set_is, key_held_by: None, users }
}

/// The name of the key in use.
fn in_use(onboarding: &Onboarding) -> &str {
    onboarding.key().map_or("k", |used| used.version.name())
}

/// A newer version of the key every other time, which the set has or not, and which serves or not.
fn looked_at_versions(outcome: usize, name: &str) -> Fact {
    let newest = if outcome.is_multiple_of(2) { key(name) } else { version(name, 2) };
    let active = if outcome > 7 { newest.clone() } else { key(name) };
    let set = SetLook {
        active,
        previous: vec![],
        lost: None,
        former: None,
        error: (outcome == 9).then(|| "ErrorCode".to_owned()),
        rotated_at: None,
    };
    let fault = (outcome == 5).then_some(Code::KeyDisabled);
    let newest = NewestVersion { version: newest, created: None, expires: None, fault };
    Fact::KeyLooked { newest: newest.into(), set: Some(set.into()) }
}

fn unfit() -> Vec<crate::preflight::UnfitDisk> {
    let finding = Finding::DiskEncryptedInGuest { disk: disk("d1") };
    vec![crate::preflight::UnfitDisk { disk: disk("d1"), finding }]
}

fn disks_there(outcome: usize) -> Vec<ArmId> {
    ["d1", "d2", "d3"].iter().take(outcome % 4).map(|name| disk(name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn never_a_state_without_an_owner(happenings in proptest::collection::vec(any_happening(), 0..60)) {
        let mut play = Play::new();
        play.has_an_owner()?;
        for happening in happenings {
            play.happens(happening);
            play.has_an_owner()?;
        }
    }

    /// Everything that was on its way is lost: after some sweeps it is somebody's turn, whatever came before.
    #[test]
    fn whatever_is_lost_becomes_somebodys_turn(happenings in proptest::collection::vec(any_happening(), 0..40)) {
        let mut play = Play::new();
        for happening in happenings {
            play.happens(happening);
        }
        for _ in 0..=RESTARTS {
            play.in_flight.clear();
            play.sweep();
        }
        play.in_flight.clear();
        let onboarding = &play.onboarding;
        let has_owner = onboarding.is_at_rest() || !onboarding.blockers().is_empty();
        prop_assert!(has_owner, "it is nobody's turn after {:#?}", play.learnt);
        let standing = onboarding.stands_for_nobody();
        prop_assert!(standing.is_empty(), "{standing:?} is nobody's turn after {:#?}", play.learnt);
    }
}

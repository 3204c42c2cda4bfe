//! The grace ladder, for pages and for programs.

use maud::{Markup, html};
use onboarding::{
    Onboarding, Stage,
    grace::{GracePolicy, GraceRules, HeldBy, MachineState, Rung},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What was done, what is next, and what stops it; `null` when there is nothing to say. A machine's id is not shown: it is
/// the vendor's.
pub(crate) fn json(rules: &GraceRules, onboarding: &Onboarding, now: OffsetDateTime) -> Value {
    let grace = onboarding.grace();
    if grace.is_empty() {
        return Value::Null;
    }
    let taken: Vec<Value> =
        taken(onboarding).map(|(rung, at)| json!({"rung": rung, "at": text(at)})).collect();
    let planned: Vec<Value> =
        planned(rules, onboarding, now).map(|(rung, due)| json!({"rung": rung, "due": text(due)})).collect();
    let announced = announced(rules, onboarding);
    json!({
        "announced": announced.map(|(rung, due)| json!({"rung": rung, "due": text(due)})),
        "planned": planned,
        "taken": taken,
        "stoppedMachines": stopped(onboarding),
        "frozen": grace.frozen.is_some(),
        "test": grace.is_test,
        "drill": grace.drill.map(|drill| json!({"since": text(drill.since), "until": text(drill.until)})),
    })
}

/// The same for the customer. Why the vendor froze it is the vendor's.
pub(crate) fn html(rules: &GraceRules, onboarding: &Onboarding) -> Markup {
    let grace = onboarding.grace();
    html! {
        @if grace.drill.is_some() {
            p { "This is a drill: the vendor rehearses what happens when a key is disabled. Your key was not changed." }
        }
        @if grace.frozen.is_some() { p { "The vendor has paused the automatic steps for this onboarding." } }
        @for (rung, at) in taken(onboarding) { p { (was_done(rung, at)) } }
        @if let Some((rung, due)) = announced(rules, onboarding) { p { (will_be_done(rung, due)) } }
        @if grace.ladder.is_none() && grace.machines.values().any(|machine| machine.by == HeldBy::Ladder) {
            p { "The virtual machines that were stopped are being started again." }
        }
    }
}

/// What becomes of the subscription of a revoked or unreachable onboarding, beside what is announced and done.
pub(crate) fn outlook(rules: &GraceRules, onboarding: &Onboarding, now: OffsetDateTime) -> Vec<String> {
    let is_untouched = onboarding.grace().ladder.as_ref().is_none_or(|ladder| ladder.taken.is_empty());
    if onboarding.stage() == Stage::Unreachable {
        return vec![if is_untouched {
            "The subscription stays active, and nothing is changed because of this.".to_owned()
        } else {
            "While Latchkey cannot check the key, no further step is taken.".to_owned()
        }];
    }
    let mut planned: Vec<String> =
        planned(rules, onboarding, now).map(|(rung, due)| will_be_done(rung, due)).collect();
    if is_untouched && rules.policy == GracePolicy::AlertsOnly {
        planned.push("The vendor's service is not suspended because of this.".to_owned());
    }
    planned.push("Your marketplace subscription is not canceled because of this.".to_owned());
    planned
}

fn was_done(rung: Rung, at: OffsetDateTime) -> String {
    let at = for_people(at);
    match rung {
        Rung::Suspend => {
            format!("The vendor suspended the service on {at}, because your key cannot be used.")
        }
        Rung::Deallocate => format!(
            "On {at} the vendor began to stop the virtual machines that use your disks. They are started again when your \
             key can be used again."
        ),
        Rung::Offboard => {
            format!("On {at} the vendor began to end this onboarding, because your key cannot be used.")
        }
    }
}

fn will_be_done(rung: Rung, due: OffsetDateTime) -> String {
    let due = for_people(due);
    match rung {
        Rung::Suspend => {
            format!("If your key cannot be used by {due}, the vendor will suspend the service.")
        }
        Rung::Deallocate => format!(
            "If your key cannot be used by {due}, the vendor will stop the virtual machines that use your disks. They are \
             started again when your key can be used again."
        ),
        Rung::Offboard => format!(
            "If your key cannot be used by {due}, the vendor will begin to end this onboarding. Nothing is undone before \
             another hold, which this page then names."
        ),
    }
}

fn taken(onboarding: &Onboarding) -> impl Iterator<Item = (Rung, OffsetDateTime)> {
    onboarding.grace().ladder.iter().flat_map(|ladder| ladder.taken.iter().map(|(rung, at)| (*rung, *at)))
}

/// What the settings do not include any more is not going to happen, although it was announced.
fn announced(rules: &GraceRules, onboarding: &Onboarding) -> Option<(Rung, OffsetDateTime)> {
    let announced = onboarding.grace().ladder.as_ref()?.announced?;
    rules.policy.includes(announced.rung).then_some((announced.rung, announced.due))
}

/// What is neither announced nor taken, and will be as the settings are now.
fn planned(
    rules: &GraceRules,
    onboarding: &Onboarding,
    now: OffsetDateTime,
) -> impl Iterator<Item = (Rung, OffsetDateTime)> {
    let (grace, rules) = (onboarding.grace(), onboarding.rules_now(rules));
    let moves = grace.frozen.is_none() && onboarding.stage() == Stage::Revoked;
    grace.ladder.as_ref().filter(|_| moves).into_iter().flat_map(move |ladder| {
        let stands = |rung| {
            ladder.taken.contains_key(&rung)
                || ladder.announced.is_some_and(|announced| announced.rung == rung)
        };
        let ahead = Rung::ALL.into_iter().filter(move |rung| {
            rules.policy.includes(*rung) && !stands(*rung) && onboarding.may_be_taken(*rung)
        });
        ahead.map(move |rung| (rung, rules.due(ladder, rung, now)))
    })
}

fn stopped(onboarding: &Onboarding) -> usize {
    let by_the_ladder = onboarding.grace().machines.values().filter(|machine| machine.by == HeldBy::Ladder);
    by_the_ladder.filter(|machine| machine.state == MachineState::Stopped).count()
}

fn text(at: OffsetDateTime) -> Option<String> {
    at.format(&Rfc3339).ok()
}

fn for_people(at: OffsetDateTime) -> String {
    format!("{} at {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}

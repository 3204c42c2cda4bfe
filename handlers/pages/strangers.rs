//! What landing tokens may make us ask the marketplace: made-up ones cost a call each, until the budget is used up, and
//! what the marketplace answered is remembered for a while, so that nobody has it asked the same again and again.
//!
//! Only refused tokens count, so that no number of customers uses it up. Kept in the memory of one instance; what is
//! kept is bounded by the budget itself, and by the number of purchases.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use onboarding::OnboardingId;
use time::OffsetDateTime;

/// Refused tokens from one address in one minute.
pub(crate) const OF_ONE: u32 = 10;
/// Refused tokens from everybody in one minute.
pub(crate) const OF_ALL: u32 = 60;
/// The time in which refused tokens are counted.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// How long an answer is remembered. Not longer: a token that is refused just after its purchase may work later.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// The budget for tokens that the marketplace refuses.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    since: Option<OffsetDateTime>,
    of_all: u32,
    by_address: BTreeMap<String, u32>,
    answered: BTreeMap<Vec<u8>, (OffsetDateTime, Option<OnboardingId>)>,
}

/// What may be done with a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The marketplace may be asked.
    Ask,
    /// It was asked a moment ago, and refused it.
    Refused,
    /// It was asked a moment ago, and this is the purchase.
    Known(OnboardingId),
    /// The budget is used up for now.
    TooMany,
}

impl Strangers {
    /// Whether the marketplace may be asked for this token; takes the call from the budget.
    pub(crate) fn admit(&self, address: &str, token: &str, now: OffsetDateTime) -> Admission {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.pass_time(now);
        match counts.answered.get(&key(token)) {
            Some((_, None)) => return Admission::Refused,
            Some((_, Some(onboarding))) => return Admission::Known(*onboarding),
            None => {}
        }
        if counts.of_all >= OF_ALL || counts.by_address.get(address).is_some_and(|count| *count >= OF_ONE) {
            return Admission::TooMany;
        }
        counts.of_all += 1;
        *counts.by_address.entry(address.to_owned()).or_default() += 1;
        Admission::Ask
    }

    /// The marketplace refused the token.
    pub(crate) fn refused(&self, token: &str, now: OffsetDateTime) {
        self.answered(token, now, None);
    }

    /// The marketplace knows the token: the call was no stranger's.
    pub(crate) fn known(&self, address: &str, token: &str, onboarding: OnboardingId, now: OffsetDateTime) {
        self.give_back(address);
        self.answered(token, now, Some(onboarding));
    }

    fn answered(&self, token: &str, now: OffsetDateTime, answer: Option<OnboardingId>) {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.answered.insert(key(token), (now + REMEMBERED, answer));
    }

    /// The call was not answered: it is given back.
    pub(crate) fn give_back(&self, address: &str) {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.of_all = counts.of_all.saturating_sub(1);
        if let Some(count) = counts.by_address.get_mut(address) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Counts {
    fn pass_time(&mut self, now: OffsetDateTime) {
        self.answered.retain(|_, (until, _)| now < *until);
        if self.since.is_none_or(|since| now - since >= WINDOW || now < since) {
            self.since = Some(now);
            self.of_all = 0;
            self.by_address.clear();
        }
    }
}

/// Not the token itself: it is a credential, if it is one.
fn key(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::test_support::NOW;

    #[test]
    fn made_up_tokens_cost_no_more_than_the_budget() {
        let strangers = Strangers::default();
        let ask = |address: &str, token: &str, now| {
            let admission = strangers.admit(address, token, now);
            if admission == Admission::Ask {
                strangers.refused(token, now);
            }
            admission
        };
        let asked = |address: &str, now| {
            (0..400).filter(|n| ask(address, &format!("{address} {n} {now}"), now) == Admission::Ask).count()
        };
        assert_eq!(asked("192.0.2.1", NOW), 10);
        let of_all: usize = (2..200).map(|n| asked(&format!("192.0.2.{n}"), NOW)).sum();
        assert_eq!(of_all, 50);
        assert_eq!(ask("198.51.100.1", "new", NOW), Admission::TooMany);
        let later = NOW + Duration::MINUTE;
        assert_eq!(ask("198.51.100.1", "new", later), Admission::Ask);
        assert!(strangers.0.lock().unwrap().answered.len() <= 61);
    }

    #[test]
    fn a_refusal_is_remembered_for_a_while() {
        let strangers = Strangers::default();
        assert_eq!(strangers.admit("a", "token", NOW), Admission::Ask);
        strangers.refused("token", NOW);
        assert_eq!(strangers.admit("b", "token", NOW + Duration::minutes(4)), Admission::Refused);
        assert_eq!(strangers.admit("b", "token", NOW + Duration::minutes(5)), Admission::Ask);
    }

    #[test]
    fn customers_do_not_use_the_budget_up() {
        let strangers = Strangers::default();
        for n in 0..1000 {
            let onboarding = OnboardingId::of_subscription(uuid::Uuid::from_u128(n));
            assert_eq!(strangers.admit("office", &n.to_string(), NOW), Admission::Ask, "{n}");
            strangers.known("office", &n.to_string(), onboarding, NOW);
            assert_eq!(strangers.admit("office", &n.to_string(), NOW), Admission::Known(onboarding), "{n}");
        }
        let later = NOW + Duration::minutes(5);
        assert_eq!(strangers.admit("office", "1", later), Admission::Ask, "and is asked again later");
        assert_eq!(strangers.0.lock().unwrap().answered.len(), 0);
    }
}

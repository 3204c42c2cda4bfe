//! How often something may be set off by whoever holds a link: so many times in each window of time, over all instances
//! of the app.
//!
//! An object for each time, `budgets/{end of the window}/{name}/{whose}/{number}`, created only if absent: of two
//! instances that take the last one, one does. The windows follow the clock of the instance: one whose clock differs by
//! more than a window has windows of its own, so the budget then holds once for each clock, and nobody is shut out for
//! longer than a window.

use std::{sync::Arc, time::Duration};

use object_store::ObjectStore;
use time::OffsetDateTime;

use crate::expiring::Expiring;

/// So many times in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What for; part of an object's name.
    pub name: &'static str,
    /// How many times.
    pub times: usize,
    /// The length of a window, in whole seconds.
    pub within: Duration,
}

/// Whether it may be set off once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Yes; taken from the budget.
    Admitted,
    /// No: the budget is used up until then.
    UsedUp {
        /// The end of the window.
        until: OffsetDateTime,
    },
}

/// The budgets of everybody, in the same store as the journal.
#[derive(Debug, Clone)]
pub struct Budgets {
    taken: Expiring,
}

impl Budget {
    /// The end of the window that this time is in.
    fn window_end(&self, now: OffsetDateTime) -> OffsetDateTime {
        let length = i64::try_from(self.within.as_secs()).unwrap_or(i64::MAX).max(1);
        let left = length - now.unix_timestamp().rem_euclid(length);
        now.replace_nanosecond(0).unwrap_or(now) + time::Duration::seconds(left)
    }
}

impl Budgets {
    /// Budgets kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { taken: Expiring::new(store, "budgets") }
    }

    /// Takes one from somebody's budget, if there is one left. What is used up costs no more than a list.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn take(
        &self,
        budget: &Budget,
        whose: &str,
        now: OffsetDateTime,
    ) -> Result<Admission, object_store::Error> {
        let until = budget.window_end(now);
        let below = format!("{}/{whose}", budget.name);
        for number in self.taken.count(until, &below).await?..budget.times {
            if self.taken.create(until, &format!("{below}/{number}")).await? {
                return Ok(Admission::Admitted);
            }
        }
        Ok(Admission::UsedUp { until })
    }

    /// Takes away what windows left that are past; answers how many objects.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_past(&self, now: OffsetDateTime) -> Result<usize, object_store::Error> {
        self.taken.remove_past(now).await
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-02-01 12:00:30 UTC);
    const BUDGET: Budget = Budget { name: "hints", times: 3, within: Duration::from_secs(60) };

    async fn admitted(budgets: &Budgets, whose: &str, now: OffsetDateTime) -> usize {
        let all = (0..400).map(|_| budgets.take(&BUDGET, whose, now));
        let all = futures::future::try_join_all(all).await.unwrap();
        all.into_iter().filter(|admission| *admission == Admission::Admitted).count()
    }

    #[tokio::test]
    async fn so_many_times_in_each_window_however_many_ask_at_once() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        // Two instances of the app.
        let (one, other) = (Budgets::new(store.clone()), Budgets::new(store));
        let (of_one, of_other) = futures::join!(admitted(&one, "a", NOW), admitted(&other, "a", NOW));
        assert_eq!(of_one + of_other, 3);
        assert_eq!(admitted(&other, "b", NOW).await, 3, "each has a budget");
        let until = datetime!(2026-02-01 12:01 UTC);
        assert_eq!(one.take(&BUDGET, "a", NOW).await.unwrap(), Admission::UsedUp { until });
        assert_eq!(admitted(&one, "a", until).await, 3, "and in each window anew");
    }

    #[tokio::test]
    async fn clocks_that_differ_cost_one_budget_each_and_shut_nobody_out() {
        let budgets = Budgets::new(Arc::new(InMemory::new()));
        let ahead = NOW + Duration::from_secs(300);
        assert_eq!(admitted(&budgets, "a", ahead).await, 3);
        assert_eq!(admitted(&budgets, "a", NOW).await, 3);
        assert_eq!(admitted(&budgets, "a", ahead + Duration::from_secs(60)).await, 3);
    }

    #[tokio::test]
    async fn past_windows_are_forgotten() {
        let budgets = Budgets::new(Arc::new(InMemory::new()));
        admitted(&budgets, "a", NOW).await;
        assert_eq!(budgets.remove_past(NOW).await.unwrap(), 0);
        assert_eq!(budgets.remove_past(NOW + Duration::from_secs(2 * 3600)).await.unwrap(), 3);
    }

    #[test]
    fn a_window_ends_within_its_length() {
        assert_eq!(BUDGET.window_end(datetime!(2026-02-01 12:00 UTC)), datetime!(2026-02-01 12:01 UTC));
        assert_eq!(BUDGET.window_end(datetime!(2026-02-01 12:00:59.9 UTC)), datetime!(2026-02-01 12:01 UTC));
        assert_eq!(BUDGET.window_end(datetime!(1969-12-31 23:59:59 UTC)), datetime!(1970-01-01 0:00 UTC));
    }
}

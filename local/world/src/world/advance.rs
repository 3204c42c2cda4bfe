//! Letting months pass in seconds: from one thing that is due to the next, each done before the clock goes on.
//!
//! `docs/decisions/0011-one-clock-for-the-local-world.md` says why it is done in this way.

use std::time::Duration;

use anyhow::{Context, ensure};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::{LocalWorld, WaitedTooLong};

/// How long the world may take, by the machine's clock, to do what is due.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether it is done.
const PAUSE: Duration = Duration::from_millis(1);

impl LocalWorld {
    /// The world's time.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Lets time pass. Whatever comes due meanwhile happens in its order and at its time: timers, scheduled messages,
    /// rotations, events. When this returns nothing is left to do.
    ///
    /// # Errors
    ///
    /// What was due did not end within two minutes of real time, or the clock cannot be written.
    pub async fn advance(&self, by: Duration) -> anyhow::Result<()> {
        self.time_can_be_moved()?;
        let end = self.now().checked_add(by.try_into()?).context("the clock cannot be moved that far")?;
        while self.now() < end {
            self.advance_to_next(end).await?;
        }
        self.settle().await
    }

    /// What we did not write has the machine's clock, and believes no token of another time.
    fn time_can_be_moved(&self) -> anyhow::Result<()> {
        ensure!(
            self.store.is_none(),
            "the clock cannot be moved in the shape that is deployed: the blob store has the machine's"
        );
        Ok(())
    }

    /// Lets time pass until a condition holds, which is looked at after everything that happens.
    ///
    /// # Errors
    ///
    /// It does not hold within this time of the world; or as [`LocalWorld::advance`].
    pub async fn advance_until(
        &self,
        what: &str,
        at_most: Duration,
        mut condition: impl AsyncFnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.time_can_be_moved()?;
        let end =
            self.now().checked_add(at_most.try_into()?).context("the clock cannot be moved that far")?;
        self.settle().await?;
        while !condition().await? {
            ensure!(
                self.now() < end,
                "{what} did not come within {} s of the world's time",
                at_most.as_secs()
            );
            self.advance_to_next(end).await?;
            self.settle().await?;
        }
        Ok(())
    }

    /// Moves everybody's clock at once, whatever goes on: what a machine sees that slept. A timer runs once for all of its
    /// occurrences that were missed, and what is in somebody's hands comes again. [`LocalWorld::advance`] is the gentle
    /// way.
    ///
    /// # Errors
    ///
    /// The clock cannot be moved that far, or cannot be written.
    pub async fn jump(&self, by: Duration) -> anyhow::Result<()> {
        self.sandbox.catch_up().await;
        self.clock.move_forward(by)?;
        self.story.skip(by);
        self.sandbox.catch_up().await;
        self.broker.control().clock_moved();
        self.host.clock_moved();
        Ok(())
    }

    /// Waits until nothing is under way and nothing is due.
    ///
    /// # Errors
    ///
    /// That does not come within two minutes of real time.
    pub async fn settle(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.is_quiet() {
            if started.elapsed() > PATIENCE {
                let what = format!("the local world to have done what is due ({})", self.under_way());
                return Err(WaitedTooLong { what, waited: started.elapsed(), last: None }.into());
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Does what is due, then moves the clock to what is due next, but not beyond `end`.
    async fn advance_to_next(&self, end: OffsetDateTime) -> anyhow::Result<()> {
        self.settle().await?;
        let next = self.next_due().map_or(end, |due| due.min(end));
        // Real time goes on too: it may be past that already.
        let by = Duration::try_from(next - self.now()).unwrap_or_default();
        // The clocks count in milliseconds.
        self.jump(by + Duration::from_millis(1)).await
    }

    fn next_due(&self) -> Option<OffsetDateTime> {
        let message = self.broker.next_due().map(OffsetDateTime::from);
        [message, self.host.next_timer(), self.sandbox.next_due()].into_iter().flatten().min()
    }

    /// A step hands on to the next before it ends, so no moment between two of them looks quiet; and if an invocation
    /// began while the messages were counted, the count of invocations shows it. What lies on the topic waits for the
    /// vendor's own systems, which are not part of this world.
    fn is_quiet(&self) -> bool {
        let before = self.host.quiet_after();
        before.is_some()
            && self.queue_counts().iter().all(|(_, counts)| counts.active + counts.locked == 0)
            && self.sandbox.is_quiet()
            && self.host.quiet_after() == before
    }

    fn under_way(&self) -> String {
        let queues = self.queue_counts().into_iter();
        let busy = queues.filter(|(_, counts)| counts.active + counts.locked > 0);
        let mut left: Vec<_> = busy
            .map(|(queue, counts)| format!("{queue}: {} active, {} locked", counts.active, counts.locked))
            .collect();
        if self.host.quiet_after().is_none() {
            left.push("a function is running or a timer is due".to_owned());
        }
        if !self.sandbox.is_quiet() {
            left.push("an event is being sent".to_owned());
        }
        left.join("; ")
    }
}

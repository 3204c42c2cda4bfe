//! The vendor's operator, who brings back what the product does not: resumes what was refused, replays what died.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::http::Method;
use dead_letters::{Letter, browse, send_few};
use service_bus::Entity;

use crate::host::Host;

/// How long the operator lets a dead letter lie: the product itself takes up what stands within three hours, and what
/// nothing was heard of for so long.
pub(crate) const LET_LIE: Duration = Duration::from_secs(6 * 3_600);

impl Host<'_> {
    /// Looks at the page's refused steps, and resumes.
    pub(crate) async fn resume(&self) {
        let Some(onboarding) = self.watch.names("step-refused", &self.app).await else { return };
        let path = format!("onboardings/{onboarding}/resume");
        self.operation(Method::POST, &path).await.expect("the operator can resume");
    }

    /// Sends dead letters of this age again, as `latchkey dead-letters replay` does.
    pub(crate) async fn replay(&mut self, age: Duration) {
        if !self.app.trouble.fault().kills_messages() {
            return;
        }
        let before = self.stage.clock.now() - age;
        let mut old: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for (queue, letter) in self.letters().await {
            if letter.message.enqueued_time.is_some_and(|at| at <= before) {
                old.entry(queue).or_default().insert(letter.id.sequence);
            }
        }
        for (queue, letters) in old {
            self.replays += 1;
            let (queue, run) = (Entity::queue(queue), format!("operator-{}", self.replays));
            send_few(&self.stage.bus, &queue, &letters, &run, |_| true, |_| {}).await.unwrap();
        }
        self.settle().await;
    }

    /// What has died, and why.
    pub(crate) async fn dead(&self) -> Vec<String> {
        let told = |(queue, letter): (&str, Letter)| {
            let failed = self.failed.get(queue).map(String::as_str).unwrap_or_default();
            format!("{queue}: {} {} {failed}", letter.reason(), letter.description())
        };
        self.letters().await.into_iter().map(told).collect()
    }

    async fn letters(&self) -> Vec<(&'static str, Letter)> {
        let mut letters = vec![];
        let is_dead = |queue: &&str| self.counts(queue).dead_letter > 0;
        for queue in latchkey_functions::queue_functions().filter(is_dead) {
            let each = |letter| {
                letters.push((queue, letter));
                true
            };
            browse(&self.stage.bus, &Entity::queue(queue), 0, each).await.unwrap();
        }
        letters
    }
}

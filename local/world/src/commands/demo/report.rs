//! What a demo came to: the JSON document, the summary, and what was waited for when it did not end well.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use broker::Counts;

use crate::cast::OnboardingView;
use crate::document::{DiskEncryption, Document, StepRecord};
use crate::live::{Colour, short};
use crate::play::{Ending, Reached};
use crate::step::StepReport;
use crate::summary::Summary;
use crate::world::LocalWorld;

/// As many of the latest problems are told when the story breaks off.
const SHOWN_PROBLEMS: usize = 10;

/// What a demo came to.
pub(super) struct Report {
    /// Why it did not end well, when it did not.
    pub(super) fault: Option<String>,
    view: Option<OnboardingView>,
    ending: Option<Ending>,
    reached: Reached,
    tenant: String,
    steps: Vec<StepReport>,
    azure_calls: BTreeMap<String, u64>,
    took: Duration,
    /// What was going on, for a story that did not end well.
    circumstances: Vec<String>,
}

impl Report {
    pub(super) async fn of(
        world: &LocalWorld,
        reached: &Reached,
        ending: anyhow::Result<Ending>,
        took: Duration,
    ) -> Self {
        let view = match (&ending, &reached.page) {
            (Ok(ending), _) => Some(ending.view.clone()),
            // Where it stands is part of the report; that it cannot be read is told by what broke the story off.
            (Err(_), Some(page)) => world.customer().look(page).await.ok(),
            (Err(_), None) => None,
        };
        let fault = match &ending {
            Ok(ending) => ending.fault(),
            Err(error) => Some(format!("{error:#}")),
        };
        let circumstances = if fault.is_some() { circumstances(world, view.as_ref()) } else { Vec::new() };
        Self {
            fault,
            view,
            ending: ending.ok(),
            reached: reached.clone(),
            tenant: world.sandbox().seed().customer.tenant_id.to_string(),
            steps: world.steps(),
            azure_calls: world.sandbox().azure_calls(),
            took,
            circumstances,
        }
    }

    /// Prints the document or the summary on stdout, and what went wrong on stderr.
    pub(super) fn show(&self, json: bool, colour: Colour) -> anyhow::Result<()> {
        let text = if json { self.document().to_text()? } else { self.text(colour) };
        io::stdout().write_all(text.as_bytes()).context("could not write to stdout")?;
        if let Some(fault) = &self.fault {
            eprintln!("latchkey: the demo failed: {fault}");
            self.circumstances.iter().for_each(|line| eprintln!("  {line}"));
        }
        Ok(())
    }

    fn document(&self) -> Document {
        let disks = self.ending.iter().flat_map(|ending| &ending.disks);
        Document {
            onboarding: self.view.as_ref().map(|view| view.onboarding.clone()),
            state: self.view.as_ref().map(|view| view.state.clone()),
            tenant: self.view.as_ref().and_then(|view| view.tenant.clone()),
            disk_encryption_set: self.view.as_ref().and_then(|view| view.disk_encryption_set.clone()),
            disks: disks
                .map(|disk| DiskEncryption { id: disk.id.clone(), encryption: disk.encryption.clone() })
                .collect(),
            steps: self.steps.iter().map(StepRecord::from).collect(),
            azure_calls: self.azure_calls.clone(),
            duration_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn text(&self, colour: Colour) -> String {
        let title = match self.fault {
            None => colour.paint("1;32", "The disk is encrypted under a key that only the customer holds."),
            Some(_) => colour.paint("1;31", "The demo failed."),
        };
        let summary =
            Summary { facts: self.facts(), steps: self.steps.clone(), azure_calls: self.azure_calls.clone() };
        format!("\n{title}\n\n{}", summary.to_text())
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("customer's tenant", self.tenant.clone())];
        if let Some(view) = &self.view {
            facts.push(("onboarding", view.onboarding.clone()));
            facts.push(("state", view.state.clone()));
        }
        facts.extend(self.reached.key.iter().map(|key| ("key", key.url.clone())));
        if let Some(set) = self.view.as_ref().and_then(|view| view.disk_encryption_set.clone()) {
            facts.push(("disk encryption set", set));
        }
        for disk in self.ending.iter().flat_map(|ending| &ending.disks) {
            facts.push(("disk, read from ARM", disk.id.clone()));
            facts.push(("its encryption", disk.encryption.clone().unwrap_or_else(|| "none".to_owned())));
        }
        facts.extend(self.ending.iter().map(|ending| ("subscription", ending.subscription_status.clone())));
        facts.push(("time", short(self.took)));
        facts
    }
}

/// What somebody needs to know who wants to find out why it did not end well.
fn circumstances(world: &LocalWorld, view: Option<&OnboardingView>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(view) = view {
        lines.push(format!("the onboarding {} is {}", view.onboarding, view.state));
        if let Some(blocker) = &view.blocker {
            lines.push(format!(
                "it is waiting for the {}: {} ({})",
                blocker.owner, blocker.summary, blocker.code
            ));
        }
    }
    for (queue, counts) in world.queue_counts() {
        let Counts { active, scheduled, deferred, locked, dead_letter } = counts;
        if active + scheduled + deferred + locked + dead_letter > 0 {
            lines.push(format!(
                "queue {queue}: {active} active, {scheduled} scheduled, {deferred} deferred, {locked} locked, \
                 {dead_letter} dead-lettered"
            ));
        }
    }
    world.watched(|watched| {
        for (function, reason) in &watched.failed_invocations {
            lines.push(format!("{function} failed: {reason}"));
        }
        let latest = watched.problems.len().saturating_sub(SHOWN_PROBLEMS);
        lines.extend(watched.problems.iter().skip(latest).cloned());
    });
    lines
}

//! `latchkey demo --scenario NAME`, `--all` and `--list`: plays stories from the life of a key, each in a fresh world.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow};
use latchkey_cli::{End, Interrupts};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

use super::{STORY_FAILED, must_be_empty, write_har};
use crate::args::DemoArgs;
use crate::live::{self, Colour};
use crate::scenarios::{self, Scenario};
use crate::story::{Line, Story};
use crate::world::{LocalWorld, LocalWorldOptions};

/// Prints the name of each scenario and what happens in it.
pub(super) fn list(json: bool) -> anyhow::Result<End> {
    let all = scenarios::ALL;
    if json {
        let about: BTreeMap<_, _> = all.iter().map(|scenario| (scenario.name, scenario.about)).collect();
        println!("{}", serde_json::to_string_pretty(&about)?);
    } else {
        all.iter().for_each(|scenario| println!("{:<22} {}", scenario.name, scenario.about));
    }
    Ok(End::Well)
}

/// Plays these scenarios one after the other. Ends well only if each did.
pub(super) async fn play(wanted: &[Scenario], args: &DemoArgs) -> anyhow::Result<End> {
    let mut interrupts = Interrupts::listen().context("could not listen for Ctrl-C")?;
    if let Some(dir) = &args.keep {
        must_be_empty(dir)?;
    }
    let mut documents = Vec::new();
    for scenario in wanted {
        if !args.json {
            println!("\n{}: {}\n", scenario.name, scenario.about);
        }
        let document = tokio::select! {
            document = Box::pin(played(scenario, args)) => document?,
            () = interrupts.next() => return Ok(End::Interrupted),
        };
        if !args.json {
            println!("\n{}", document.to_text());
        }
        if let Some(fault) = &document.fault {
            eprintln!("latchkey: the scenario {} failed: {fault}", scenario.name);
        }
        documents.push(document);
    }
    if args.json {
        let text = match documents.as_slice() {
            [one] if !args.all => serde_json::to_string_pretty(one)?,
            all => serde_json::to_string_pretty(&serde_json::json!({ "scenarios": all }))?,
        };
        println!("{text}");
    }
    let all_well = documents.iter().all(|document| document.fault.is_none());
    Ok(if all_well { End::Well } else { End::Status(STORY_FAILED) })
}

async fn played(scenario: &Scenario, args: &DemoArgs) -> anyhow::Result<Document> {
    let deadline = Instant::now() + args.timeout;
    let (story, lines) = Story::with_listener();
    let told = tokio::spawn(listen(lines, !args.json));
    let options = LocalWorldOptions {
        dir: args.keep.clone(),
        har: args.har.is_some(),
        lags: scenarios::lags(),
        settings: scenario.settings(),
        story: story.clone(),
        ..LocalWorldOptions::default()
    };
    let late = || anyhow!("it took longer than {} s; allow more with --timeout", args.timeout.as_secs());
    let ended = match timeout_at(deadline, Box::pin(LocalWorld::start(options))).await {
        Ok(world) => {
            let world = world?;
            let ended = timeout_at(deadline, scenario.play(&world)).await.unwrap_or_else(|_| Err(late()));
            if let Some(file) = &args.har {
                write_har(&world, file)?;
            }
            Box::pin(world.stop()).await;
            ended
        }
        Err(_) => Err(late()),
    };
    story.end();
    let events = told.await.context("the listener ended")?;
    let (readings, fault) = match ended {
        Ok(readings) => (readings, None),
        Err(error) => (Vec::new(), Some(format!("{error:#}"))),
    };
    Ok(Document {
        scenario: scenario.name,
        fault,
        readings: readings.into_iter().collect(),
        events,
        world_time_ms: milliseconds(story.elapsed()),
        duration_ms: milliseconds(story.real_time()),
    })
}

/// Keeps every line until the story ends, and shows it if somebody looks.
async fn listen(mut lines: UnboundedReceiver<Line>, shown: bool) -> Vec<Event> {
    let colour = Colour::of_stdout();
    let mut events = Vec::new();
    while let Some(line) = lines.recv().await {
        if shown {
            live::show_line(&line, colour);
        }
        events.push(Event {
            at_ms: milliseconds(line.at),
            who: line.who.to_string(),
            function: line.function,
            what: line.what,
        });
    }
    events
}

/// What a scenario came to. Other people's scripts read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    scenario: &'static str,
    /// Why it did not end as it must; null when it did.
    fault: Option<String>,
    /// What was read back at the end.
    readings: BTreeMap<&'static str, String>,
    events: Vec<Event>,
    /// How much time passed in the world.
    world_time_ms: u64,
    /// How much time passed on this machine.
    duration_ms: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    /// The world's time since the story began.
    at_ms: u64,
    who: String,
    function: Option<String>,
    what: String,
}

impl Document {
    fn to_text(&self) -> String {
        let mut text = match &self.fault {
            None => format!("{} ended as it must. Read back from the simulated Azure:\n", self.scenario),
            Some(_) => format!("{} failed.\n", self.scenario),
        };
        for (name, value) in &self.readings {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        let hours = self.world_time_ms / 3_600_000;
        text + &format!(
            "  {hours} hours passed in {:.1} s.\n",
            Duration::from_millis(self.duration_ms).as_secs_f64()
        )
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! `latchkey demo`: plays the whole story in a fresh local world, and shows it.

mod report;
mod scenarios;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use latchkey_cli::{End, Interrupts};
use sandbox::Lags;
use tokio::time::{Instant, timeout_at};

use crate::args::DemoArgs;
use crate::live::{self, Colour};
use crate::play::{self, Played};
use crate::story::Story;
use crate::world::{LocalWorld, LocalWorldOptions};
use report::Report;

/// What is shown first.
const INTRODUCTION: &str = "\
Latchkey and a simulated Azure, on this machine: a customer buys in the marketplace, approves the application and
shares a key, and a disk is encrypted with that key. This takes about 15 seconds.
";

/// The exit code of a story that did not end as it should, or not in time.
const STORY_FAILED: u8 = 3;

/// Short, so that nobody waits long, and real, so that the retries are seen.
fn lags() -> Lags {
    Lags {
        service_principal: Duration::from_millis(1_500),
        federated_credential: Duration::from_millis(500),
        directory_object: Duration::from_millis(300),
        role_assignment: Duration::from_millis(2_000),
        activation: Duration::from_millis(500),
        operation_polls: 1,
        ..Lags::default()
    }
}

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<End> {
    if args.list {
        return scenarios::list(args.json);
    }
    if args.all {
        return scenarios::play(&crate::scenarios::ALL, &args).await;
    }
    if let Some(scenario) = args.scenario {
        return scenarios::play(&[scenario], &args).await;
    }
    let deadline = Instant::now() + args.timeout;
    let mut interrupts = Interrupts::listen().context("could not listen for Ctrl-C")?;
    if let Some(dir) = &args.keep {
        must_be_empty(dir)?;
    }
    if let Some(file) = &args.har {
        // A file that cannot be written is reported now, and not at the end.
        fs::write(file, "")
            .with_context(|| format!("could not write the exchanges to {}", file.display()))?;
    }
    let (story, lines) = Story::with_listener();
    let colour = Colour::of_stdout();
    if !args.json {
        println!("{INTRODUCTION}");
    }
    // Without anybody to show it to, the lines are dropped as they come.
    let shown = (!args.json).then(|| live::show(lines, colour));

    let options = LocalWorldOptions {
        dir: args.keep.clone(),
        lags: lags(),
        har: args.har.is_some(),
        settings: settings(),
        story: story.clone(),
        ..LocalWorldOptions::default()
    };
    let ended = tokio::select! {
        ended = story_in(options, deadline, &args) => ended,
        () = interrupts.next() => Ok(Ended::Interrupted),
    };
    story.end();
    if let Some(shown) = shown {
        // The last lines are shown before the summary.
        let _ = shown.await;
    }
    match ended? {
        Ended::Finished(report) => {
            report.show(args.json, colour)?;
            Ok(if report.fault.is_none() { End::Well } else { End::Status(STORY_FAILED) })
        }
        Ended::NotStarted => {
            eprintln!(
                "latchkey: the local world did not start within {} s; allow more with --timeout",
                args.timeout.as_secs()
            );
            Ok(End::Status(STORY_FAILED))
        }
        Ended::Interrupted => {
            eprintln!("latchkey: interrupted");
            Ok(End::Interrupted)
        }
    }
}

/// How the story ended, or did not.
enum Ended {
    Finished(Box<Report>),
    NotStarted,
    Interrupted,
}

/// How the function app is set for a demo: it tries again soon, and looks again soon.
fn settings() -> std::collections::BTreeMap<String, String> {
    [
        ("LATCHKEY_RETRY_FIRST_MILLISECONDS", "400"),
        ("LATCHKEY_RETRY_LONGEST_MILLISECONDS", "3000"),
        ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

async fn story_in(options: LocalWorldOptions, deadline: Instant, args: &DemoArgs) -> anyhow::Result<Ended> {
    let story = options.story.clone();
    let Ok(world) = timeout_at(deadline, Box::pin(LocalWorld::start(options))).await else {
        return Ok(Ended::NotStarted);
    };
    let world = world?;
    let played = Played::default();
    let ending = timeout_at(deadline, play::whole_story(&world, deadline, &played)).await;
    let ending =
        ending.unwrap_or_else(|_| Err(anyhow!("the demo took longer than {} s", args.timeout.as_secs())));
    let report = Report::of(&world, &played.reached(), ending, story.real_time()).await;
    if let Some(file) = &args.har {
        write_har(&world, file)?;
    }
    Box::pin(world.stop()).await;
    Ok(Ended::Finished(Box::new(report)))
}

fn write_har(world: &LocalWorld, file: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_vec_pretty(&world.sandbox().har())
        .context("could not convert the exchanges to JSON")?;
    fs::write(file, text).with_context(|| format!("could not write the exchanges to {}", file.display()))
}

/// A demo begins at the beginning; a world that already lives somewhere is left alone.
fn must_be_empty(dir: &Path) -> anyhow::Result<()> {
    let empty = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("could not read {}", dir.display())),
    };
    ensure!(
        empty,
        "{} is not empty; choose a new folder, or continue with `cargo latchkey up --dir`",
        dir.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_keeps_its_state_only_in_an_empty_or_new_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert!(must_be_empty(dir.path()).is_ok());
        assert!(must_be_empty(&dir.path().join("new")).is_ok());
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(must_be_empty(dir.path()).unwrap_err().to_string().contains("not empty"));
    }
}

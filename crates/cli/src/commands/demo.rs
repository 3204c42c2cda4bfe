//! `latchkey demo`: plays the whole story in a fresh local world, and shows it.

mod report;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use sandbox::Lags;
use tokio::time::Instant;

use super::End;
use crate::args::DemoArgs;
use crate::live::{self, Colour};
use crate::play::{self, Ending, Played};
use crate::story::Story;
use crate::world::{World, WorldOptions};

/// Short, so that nobody waits long, and real, so that the retries are seen.
fn lags() -> Lags {
    Lags {
        service_principal: Duration::from_millis(1_500),
        federated_credential: Duration::from_millis(500),
        directory_object: Duration::from_millis(300),
        role_assignment: Duration::from_millis(2_000),
        activation: Duration::from_millis(500),
        operation_polls: 1,
        retry_after_seconds: 1,
        ..Lags::default()
    }
}

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<End> {
    let deadline = Instant::now() + args.timeout;
    if let Some(dir) = &args.keep {
        must_be_empty(dir)?;
    }
    let (story, lines) = Story::told();
    let colour = Colour::of_stdout();
    // Without anybody to show it to, the lines are dropped as they come.
    let shown = (!args.json).then(|| live::show(lines, colour));

    let options = WorldOptions {
        dir: args.keep.clone(),
        lags: lags(),
        har: args.har.is_some(),
        settings: settings(),
        story: story.clone(),
        ..WorldOptions::default()
    };
    let end = tokio::select! {
        end = story_in(options, deadline, &args) => end,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("latchkey: interrupted");
            Ok(None)
        }
    };
    story.end();
    if let Some(shown) = shown {
        // The last lines are shown before the summary.
        let _ = shown.await;
    }
    let Some(report) = end? else { return Ok(End::Interrupted) };
    report.show(args.json, colour)?;
    Ok(if report.fault.is_none() { End::Well } else { End::Badly })
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

async fn story_in(
    options: WorldOptions,
    deadline: Instant,
    args: &DemoArgs,
) -> anyhow::Result<Option<report::Report>> {
    let story = options.story.clone();
    let world = tokio::time::timeout_at(deadline, Box::pin(World::start(options)))
        .await
        .with_context(|| format!("the local world was not up after {} s", args.timeout.as_secs()))??;
    let played = Played::default();
    let ending = tokio::time::timeout_at(deadline, play::whole_story(&world, deadline, &played)).await;
    let ending: anyhow::Result<Ending> =
        ending.unwrap_or_else(|_| Err(anyhow::anyhow!("the time of {} s is over", args.timeout.as_secs())));
    let report = report::Report::of(&world, &played.reached(), ending, story.elapsed()).await;
    if let Some(file) = &args.har {
        write_har(&world, file)?;
    }
    Box::pin(world.stop()).await;
    Ok(Some(report))
}

fn write_har(world: &World, file: &Path) -> anyhow::Result<()> {
    let text =
        serde_json::to_vec_pretty(&world.sandbox().har()).context("could not write down the exchanges")?;
    fs::write(file, text).with_context(|| format!("could not write the exchanges to {}", file.display()))
}

/// A demo begins at the beginning; a world that already lives somewhere is left alone.
fn must_be_empty(dir: &Path) -> anyhow::Result<()> {
    let empty = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("could not read {}", dir.display())),
    };
    ensure!(empty, "{} is not empty; choose a new folder, or go on with `latchkey up --dir`", dir.display());
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

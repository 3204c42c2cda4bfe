//! Waiting for a condition with a deadline: never for a while and in hope.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::watcher::Watcher;

/// What is waited for may change without the host telling anything, so it is looked at this often anyway.
const PAUSE: Duration = Duration::from_millis(200);

/// A deadline passed before what was waited for came.
///
/// The text begins with what was waited for, such as `the onboarding to be active`.
#[derive(Debug, thiserror::Error)]
#[error("gave up waiting for {what} after {:.1} s", .waited.as_secs_f64())]
pub struct WaitedTooLong {
    /// What was waited for.
    pub what: String,
    /// For how long.
    pub waited: Duration,
    /// What went wrong when it was last looked for, if something did.
    #[source]
    pub last: Option<Box<dyn std::error::Error + Send + Sync>>,
}

pub(super) async fn wait_for<T>(
    watcher: &Watcher,
    what: &str,
    deadline: Instant,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    let mut changes = watcher.changes();
    let mut last = None;
    loop {
        changes.mark_unchanged();
        match timeout_at(deadline, look()).await {
            Ok(Ok(Some(found))) => return Ok(found),
            Ok(Ok(None)) => last = None,
            // The handler may be dead at this moment, and back at the next.
            Ok(Err(error)) => last = Some(error.into()),
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            return Err(WaitedTooLong { what: what.to_owned(), waited: started.elapsed(), last }.into());
        }
        if let Some(reason) = watcher.look(|watched| watched.stopped.clone()) {
            bail!("the functions host stopped while waiting for {what}: {reason}");
        }
        let pause = (Instant::now() + PAUSE).min(deadline);
        tokio::select! {
            () = sleep_until(pause) => {}
            // A watcher that ended has nothing more to tell; the pause then decides.
            Ok(()) = changes.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use functions_host::HostEvent;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::story::Story;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(300)
    }

    #[tokio::test]
    async fn what_comes_in_time_is_returned_even_after_errors() {
        let (_sender, receiver) = unbounded_channel();
        let watcher = Watcher::start(receiver, Story::silent());
        let mut looks = 0;
        let found =
            wait_for(&watcher, "a third look", Instant::now() + Duration::from_secs(120), async || {
                looks += 1;
                match looks {
                    1 => bail!("not yet"),
                    2 => Ok(None),
                    _ => Ok(Some(looks)),
                }
            });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn at_the_deadline_it_is_told_what_was_waited_for_and_what_went_wrong() {
        let (_sender, receiver) = unbounded_channel();
        let watcher = Watcher::start(receiver, Story::silent());
        let error =
            wait_for::<()>(&watcher, "a miracle", soon(), async || bail!("refused")).await.unwrap_err();
        let told = format!("{error:#}");
        // How long it was exactly depends on the machine.
        assert!(
            told.starts_with("gave up waiting for a miracle after ") && told.ends_with(" s: refused"),
            "{told}"
        );
        assert_eq!(error.downcast::<WaitedTooLong>().unwrap().what, "a miracle");
    }

    #[tokio::test]
    async fn a_look_that_never_ends_does_not_outlast_the_deadline() {
        let (_sender, receiver) = unbounded_channel();
        let watcher = Watcher::start(receiver, Story::silent());
        let error =
            wait_for::<()>(&watcher, "an answer", soon(), async || std::future::pending().await).await;
        assert!(error.unwrap_err().is::<WaitedTooLong>());
    }

    #[tokio::test]
    async fn nothing_is_waited_for_once_the_host_is_gone() {
        let (sender, receiver) = unbounded_channel();
        let watcher = Watcher::start(receiver, Story::silent());
        sender.send(HostEvent::Stopped { reason: "three crashes".into() }).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let error = wait_for::<()>(&watcher, "an answer", deadline, async || Ok(None)).await.unwrap_err();
        assert!(error.to_string().contains("three crashes"), "{error}");
    }
}

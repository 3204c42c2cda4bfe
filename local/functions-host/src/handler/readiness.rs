//! When a handler process counts as ready (azure-functions-host, `DefaultHttpWorkerService.IsWorkerReady`).

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::client::Client;

const POLLING_INTERVAL: Duration = Duration::from_millis(25);

/// Why a handler process is given up before it was ready.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotReady {
    #[error("Initializing HttpWorker timed out.")]
    NeverListened,
    /// It took the connection and did not answer.
    #[error("The request was canceled due to the configured HttpClient.Timeout of {} seconds elapsing.", .0.as_secs_f64())]
    NeverAnswered(Duration),
}

/// Waits until the handler answers `GET /`, or the pauses between the questions add up to the time-out. The time that a
/// question itself takes is not counted, as in azure-functions-host, `Utility.DelayAsync`; it is bounded by the time-out
/// of the host's HTTP client.
pub(super) async fn wait_until_listening(
    client: Client,
    initialization_timeout: Duration,
    answer_limit: Option<Duration>,
) -> Result<(), NotReady> {
    let mut waited = Duration::ZERO;
    loop {
        let question = client.is_listening();
        let is_listening = match answer_limit {
            Some(limit) => timeout(limit, question).await.map_err(|_| NotReady::NeverAnswered(limit))?,
            None => question.await,
        };
        if is_listening {
            return Ok(());
        }
        if waited >= initialization_timeout {
            return Err(NotReady::NeverListened);
        }
        sleep(POLLING_INTERVAL).await;
        waited += POLLING_INTERVAL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_never_listens_is_given_up_after_its_time() {
        // Taken, so that nobody else listens there, and not listened on.
        let taken = tokio::net::TcpSocket::new_v4().unwrap();
        taken.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let client = Client::new(taken.local_addr().unwrap().port());
        let ended = wait_until_listening(client, Duration::from_millis(100), None).await;
        assert_eq!(ended, Err(NotReady::NeverListened));
    }

    #[tokio::test]
    async fn a_handler_that_accepts_and_never_answers_is_given_up_with_the_clients_time() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(silent.local_addr().unwrap().port());
        let limit = Duration::from_millis(200);
        let ended = wait_until_listening(client, Duration::from_millis(100), Some(limit)).await;
        assert_eq!(ended, Err(NotReady::NeverAnswered(limit)));
    }
}

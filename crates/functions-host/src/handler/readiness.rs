//! When a handler process counts as ready (azure-functions-host, `DefaultHttpWorkerService.IsWorkerReady`).

use std::time::Duration;

use tokio::time::sleep;

use super::client::Client;

const POLLING_INTERVAL: Duration = Duration::from_millis(25);

/// True as soon as the handler answers `GET /`; false when the pauses between the questions add up to the time-out.
/// The time that a question itself takes is not counted, as in azure-functions-host, `Utility.DelayAsync`.
pub(super) async fn wait_until_listening(client: Client, initialization_timeout: Duration) -> bool {
    let mut waited = Duration::ZERO;
    loop {
        if client.is_listening().await {
            return true;
        }
        if waited >= initialization_timeout {
            return false;
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
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!wait_until_listening(Client::new(port), Duration::from_millis(100)).await);
    }
}

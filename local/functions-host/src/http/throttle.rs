//! `maxOutstandingRequests` and `maxConcurrentRequests` of host.json (azure-webjobs-sdk-extensions, `HttpOptions.cs`).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::configuration::host_json::HttpOptions;

/// Lets requests for functions in, a limited number at a time.
pub(crate) struct Throttle {
    outstanding: Option<Arc<Semaphore>>,
    concurrent: Option<Arc<Semaphore>>,
}

/// A request that was let in; dropping it makes room for another.
pub(super) struct Admission {
    _outstanding: Option<OwnedSemaphorePermit>,
    _concurrent: Option<OwnedSemaphorePermit>,
}

impl Throttle {
    pub(crate) fn new(options: &HttpOptions) -> Self {
        let limit = |limit: Option<usize>| limit.map(|limit| Arc::new(Semaphore::new(limit)));
        Self {
            outstanding: limit(options.max_outstanding_requests),
            concurrent: limit(options.max_concurrent_requests),
        }
    }

    /// Waits for its turn; `None` when too many wait already, which is answered with 429.
    pub(super) async fn admit(&self) -> Option<Admission> {
        let outstanding = match &self.outstanding {
            Some(limit) => Some(limit.clone().try_acquire_owned().ok()?),
            None => None,
        };
        let concurrent = match &self.concurrent {
            Some(limit) => Some(limit.clone().acquire_owned().await.expect("nobody closes the semaphore")),
            None => None,
        };
        Some(Admission { _outstanding: outstanding, _concurrent: concurrent })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn throttle(outstanding: Option<usize>, concurrent: Option<usize>) -> Throttle {
        Throttle::new(&HttpOptions {
            route_prefix: String::new(),
            max_outstanding_requests: outstanding,
            max_concurrent_requests: concurrent,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn requests_wait_for_their_turn_and_too_many_are_turned_away() {
        let throttle = throttle(Some(2), Some(1));
        let first = throttle.admit().await.unwrap();
        let mut second = Box::pin(throttle.admit());
        assert!(timeout(Duration::from_secs(1), &mut second).await.is_err(), "it waits");
        assert!(throttle.admit().await.is_none(), "two are there already");
        drop(first);
        assert!(second.await.is_some());
    }

    #[tokio::test]
    async fn without_limits_everybody_is_let_in() {
        let throttle = throttle(None, None);
        let admissions: Vec<_> = futures::future::join_all((0..500).map(|_| throttle.admit())).await;
        assert!(admissions.iter().all(Option::is_some));
    }
}

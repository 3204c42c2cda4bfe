//! Patience.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

/// Fails the test when `future` takes longer than the patience.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.expect("it takes too long")
}

//! The object store that a URL names: how it is reached, how patient we are with it, and whose a write was.

mod own_writes;

use std::{sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig, azure::MicrosoftAzureBuilder,
    prefix::PrefixStore,
};
use url::Url;

use own_writes::OwnWrites;

/// One request with its answer. What we store is small, and Azure Storage answers within milliseconds, or says that it is
/// busy.
const ONE_REQUEST: Duration = Duration::from_secs(15);
/// After this time no request is made again. Whoever opened a page has to get an answer before the platform gives up on it
/// (230 seconds), and a message is tried again later in any case.
const ALL_REQUESTS: Duration = Duration::from_secs(45);
const MOST_RETRIES: usize = 6;
/// Between two requests; it grows up to that.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The store, with the settings of its own scheme (`AZURE_…`, in small letters).
///
/// # Errors
/// When the URL names no store, or its settings do not suffice.
pub fn open(
    url: &Url,
    options: impl IntoIterator<Item = (String, String)>,
) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    let (scheme, path) = ObjectStoreScheme::parse(url)?;
    if scheme != ObjectStoreScheme::MicrosoftAzure {
        let (store, path) = object_store::parse_url_opts(url, options)?;
        return Ok(Arc::new(PrefixStore::new(store, path)));
    }
    let client = ClientOptions::new().with_timeout(ONE_REQUEST);
    let patience = RetryConfig {
        backoff: BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 },
        max_retries: MOST_RETRIES,
        retry_timeout: ALL_REQUESTS,
    };
    let builder =
        MicrosoftAzureBuilder::new().with_url(url.as_str()).with_client_options(client).with_retry(patience);
    // What is no setting of the store is somebody else's.
    let known = options.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value)));
    let store = known.fold(builder, |builder, (name, value)| builder.with_config(name, value)).build()?;
    Ok(Arc::new(OwnWrites::in_store(PrefixStore::new(store, path))))
}

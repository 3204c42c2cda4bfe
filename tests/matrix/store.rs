//! An object store that fails by order.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};
use tokio::task::yield_now;

use crate::{fault::Fault, trouble::Trouble};

#[derive(Debug, Clone)]
pub(crate) struct FailingStore {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) trouble: Arc<Trouble>,
}

impl FailingStore {
    /// As over a network, a function is suspended before the effect and after it: it may be killed there.
    async fn call<T>(&self, writes: bool, effect: impl Future<Output = Result<T>>) -> Result<T> {
        yield_now().await;
        if writes && self.trouble.fills_store() {
            return Err(error(std::io::ErrorKind::StorageFull));
        }
        let strikes = self.trouble.strikes_store_call();
        if strikes && self.trouble.fault() == Fault::StoreRefuses {
            return Err(error(std::io::ErrorKind::ConnectionRefused));
        }
        let done = effect.await;
        yield_now().await;
        if strikes { Err(error(std::io::ErrorKind::ConnectionReset)) } else { done }
    }
}

fn error(kind: std::io::ErrorKind) -> Error {
    Error::Generic { store: "test", source: std::io::Error::from(kind).into() }
}

impl fmt::Display for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failing {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.call(true, self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.call(true, self.inner.put_multipart_opts(location, opts)).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.call(false, self.inner.get_opts(location, options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = locations.then(move |location| {
            let store = store.clone();
            async move {
                let location = location?;
                let one = futures::stream::iter([Ok(location)]).boxed();
                let mut deleted = store.inner.delete_stream(one);
                let effect =
                    async { deleted.next().await.unwrap_or_else(|| Err(error(std::io::ErrorKind::Other))) };
                store.call(true, effect).await
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.trouble.strikes_store_call() {
            return futures::stream::iter([Err(error(std::io::ErrorKind::ConnectionReset))]).boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call(false, self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.call(true, self.inner.copy_opts(from, to, options)).await
    }
}

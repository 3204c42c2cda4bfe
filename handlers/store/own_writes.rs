//! Whose a write was that is there already.
//!
//! We create objects only if they are absent: who is first has an entry of the journal, a claim, an alarm. A write may
//! succeed although its answer is lost, or although the store says that it is busy. The store's client sends it again
//! then, and is told that the object is there. Without a look at it, we would take our own write for somebody else's, and
//! neither of two would be first. So every such write carries a number of its own, in the metadata of the object.

use std::fmt;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::{
    Attribute, CopyOptions, Error, Extensions, GetOptions, GetResult, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    path::Path,
};
use uuid::Uuid;

/// Metadata has the names of identifiers in C#.
const WRITE: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("latchkey_write"));

/// A store that knows its own writes again.
#[derive(Debug)]
pub(super) struct OwnWrites<S> {
    inner: S,
}

impl<S: ObjectStore> OwnWrites<S> {
    pub(super) fn in_store(inner: S) -> Self {
        Self { inner }
    }

    async fn create(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let write = Uuid::new_v4().to_string();
        options.attributes.insert(WRITE, write.clone().into());
        let exists = match self.inner.put_opts(location, payload, options).await {
            Err(exists @ Error::AlreadyExists { .. }) => exists,
            done => return done,
        };
        match self.inner.get_opts(location, GetOptions { head: true, ..GetOptions::default() }).await {
            Ok(found) if found.attributes.get(&WRITE).is_some_and(|found| found.as_ref() == write) => {
                let ObjectMeta { e_tag, version, .. } = found.meta;
                Ok(PutResult { e_tag, version, extensions: Extensions::default() })
            }
            // Somebody else's, or gone since.
            Ok(_) | Err(Error::NotFound { .. }) => Err(exists),
            // Nobody knows whose it is: whoever writes has to try again.
            Err(error) => Err(error),
        }
    }
}

impl<S: fmt::Display> fmt::Display for OwnWrites<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for OwnWrites<S> {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match options.mode {
            PutMode::Create => self.create(location, payload, options).await,
            _ => self.inner.put_opts(location, payload, options).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use object_store::{ObjectStoreExt as _, memory::InMemory};

    use super::*;

    /// A store whose client was told, when it sent a write again, that the object is there.
    #[derive(Debug, Default)]
    struct SentTwice {
        inner: InMemory,
        next: AtomicBool,
    }

    impl fmt::Display for SentTwice {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.inner.fmt(f)
        }
    }

    #[async_trait]
    impl ObjectStore for SentTwice {
        async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
            if self.next.swap(false, Ordering::SeqCst) {
                self.inner.put_opts(at, payload.clone(), options.clone()).await?;
            }
            self.inner.put_opts(at, payload, options).await
        }

        async fn put_multipart_opts(
            &self,
            at: &Path,
            options: PutMultipartOptions,
        ) -> Result<Box<dyn MultipartUpload>> {
            self.inner.put_multipart_opts(at, options).await
        }

        async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
            self.inner.get_opts(at, options).await
        }

        fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
            self.inner.delete_stream(at)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.inner.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
            self.inner.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
            self.inner.copy_opts(from, to, options).await
        }
    }

    #[tokio::test]
    async fn a_write_that_was_sent_twice_is_our_own_and_the_next_one_is_not() {
        let store = OwnWrites::in_store(SentTwice::default());
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let at = Path::from("journal/1");
        store.inner.next.store(true, Ordering::SeqCst);
        store.put_opts(&at, "first".into(), create()).await.unwrap();
        let second = store.put_opts(&at, "second".into(), create()).await;
        assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
        assert_eq!(store.get(&at).await.unwrap().bytes().await.unwrap(), "first");
    }

    #[tokio::test]
    async fn what_an_older_version_wrote_is_somebody_elses() {
        let store = OwnWrites::in_store(SentTwice::default());
        let at = Path::from("journal/1");
        store.inner.inner.put(&at, "older".into()).await.unwrap();
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let second = store.put_opts(&at, "newer".into(), create).await;
        assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
    }
}

//! The object store of the journal, and that of its anchors.

use futures::StreamExt as _;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, path::Path,
};
use onboarding::journal::anchor::AnchorError;
use uuid::Uuid;

use super::{Check, Outcome, Owner, tried};
use crate::{App, step::chain_of};

const ROLE: &str = "Assign the role Storage Blob Data Contributor on the storage account to the managed identity, and \
                    let the function app through the account's firewall.";

pub(super) async fn checks(app: &App) -> Vec<Check> {
    let anchors = async {
        match app.anchors.all().await {
            Ok(anchors) => {
                Outcome::good(format!("the anchors of the journal can be read: {}", anchors.len()))
            }
            Err(AnchorError::Store(error)) => refused(&error),
            Err(error @ AnchorError::Tampered { .. }) => Outcome::wrong(
                chain_of(&error),
                Owner::AzureAdministrator,
                "Find out who wrote to the container of the anchors, and see JournalTampered in the runbook.",
            ),
            Err(error @ AnchorError::Journal(_)) => Outcome::not_checked(chain_of(&error)),
        }
    };
    vec![tried("journal", journal(app)).await, tried("anchors", anchors).await]
}

/// The journal can only grow at its end if the store refuses to put an object where one is.
async fn journal(app: &App) -> Outcome {
    let path = Path::from(format!("doctor/{}", Uuid::new_v4()));
    let put = || {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        app.store.put_opts(&path, PutPayload::from_static(b"doctor"), options)
    };
    let first = put().await;
    if let Err(error) = first {
        return refused(&error);
    }
    let outcome = match (put().await, read(app, &path).await) {
        (Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }), Ok(true)) => {
            Outcome::good("an object was written, not overwritten, read and deleted")
        }
        (Ok(_), _) => Outcome::wrong(
            "the store overwrites an object although it was asked to put it only where none is",
            Owner::Deployer,
            "Use a store with conditional writes: Azure Blob Storage has them. Entries could be lost otherwise.",
        ),
        (_, Ok(false)) => Outcome::wrong(
            "the store does not return what was written",
            Owner::Deployer,
            "Use a store that is consistent: Azure Blob Storage is.",
        ),
        (_, Err(error)) | (Err(error), _) => refused(&error),
    };
    match app.store.delete(&path).await {
        Ok(()) => outcome,
        Err(error) => refused(&error),
    }
}

/// Whether what was written is there, by itself and in a list.
async fn read(app: &App, path: &Path) -> Result<bool, StoreError> {
    let read = app.store.get(path).await?.bytes().await?;
    let mut listed = app.store.list(Some(&Path::from("doctor")));
    while let Some(object) = listed.next().await {
        if object?.location == *path {
            return Ok(read.as_ref() == b"doctor");
        }
    }
    Ok(false)
}

/// What got no answer is not called wrong.
fn refused(error: &StoreError) -> Outcome {
    match error {
        StoreError::PermissionDenied { .. }
        | StoreError::Unauthenticated { .. }
        | StoreError::NotFound { .. } => Outcome::wrong(chain_of(error), Owner::AzureAdministrator, ROLE),
        _ => Outcome::not_checked(chain_of(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_does_not_answer_is_not_called_wrong() {
        let source = || "403".into();
        let denied = StoreError::PermissionDenied { path: "doctor".to_owned(), source: source() };
        assert!(matches!(refused(&denied), Outcome::Wrong { owner: Owner::AzureAdministrator, .. }));
        let silent = StoreError::Generic { store: "azure", source: source() };
        assert!(matches!(refused(&silent), Outcome::NotChecked { .. }));
    }
}

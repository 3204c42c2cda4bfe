//! How a change of the key in use is stored.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::mirror::mirror;
use crate::replacement::{Asker, Progress, Replacement};

mirror! {
    #[serde(rename_all = "kebab-case")]
    AskerV1 <=> Asker { Customer, Operator }
}

mirror! {
    #[serde(tag = "status", rename_all = "kebab-case")]
    ProgressV1 <=> Progress { Wanted, Accepted { operation: Option<String> } }
}

/// A change that has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplacementV1 {
    by: AskerV1,
    #[serde(with = "time::serde::rfc3339")]
    asked_at: OffsetDateTime,
    progress: ProgressV1,
}

impl From<Replacement> for ReplacementV1 {
    fn from(domain: Replacement) -> Self {
        let Replacement { by, asked_at, progress } = domain;
        Self { by: by.into(), asked_at, progress: progress.into() }
    }
}

impl From<ReplacementV1> for Replacement {
    fn from(stored: ReplacementV1) -> Self {
        let ReplacementV1 { by, asked_at, progress } = stored;
        Self { by: by.into(), asked_at, progress: progress.into() }
    }
}

//! The one JSON document that `latchkey demo --json` prints.
//!
//! Other people's scripts read it: the names and their order are part of the product.

use std::collections::BTreeMap;

use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use crate::step::{StepOutcome, StepReport};

/// What became of one customer, and every step on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The onboarding's id; null when the story ended before it was opened.
    pub onboarding: Option<String>,
    /// The state it is in.
    pub state: Option<String>,
    /// The customer's tenant.
    pub tenant: Option<String>,
    /// ARM id of the disk encryption set.
    pub disk_encryption_set: Option<String>,
    /// The customer's disks, as Azure Resource Manager tells them.
    pub disks: Vec<DiskEncryption>,
    /// Every step of the function app, in the order they ended.
    pub steps: Vec<StepRecord>,
    /// How many requests each host of the simulated Azure answered.
    pub azure_calls: BTreeMap<String, u64>,
    /// How long the whole story took, in milliseconds.
    pub duration_ms: u64,
}

impl Document {
    /// The document as text that ends with a line feed.
    ///
    /// # Errors
    ///
    /// None in practice: every part of the document has a JSON form.
    pub fn to_text(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// A disk and how it is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskEncryption {
    /// ARM id.
    pub id: String,
    /// The encryption type, such as `EncryptionAtRestWithCustomerKey`; null when Azure names none.
    pub encryption: Option<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// The function that ran.
    pub function: String,
    /// The message it ran on; null for an HTTP function without one.
    pub message_id: Option<String>,
    /// 1 for the first run.
    pub attempt: u32,
    /// RFC 3339.
    pub started_at: String,
    /// Milliseconds.
    pub duration_ms: u64,
    /// What came of it.
    pub outcome: StepOutcome,
}

impl From<&StepReport> for StepRecord {
    fn from(step: &StepReport) -> Self {
        Self {
            function: step.function.clone(),
            message_id: step.message_id.clone(),
            attempt: step.attempt,
            started_at: step.started_at.format(&Rfc3339).unwrap_or_else(|_| step.started_at.to_string()),
            duration_ms: step.duration_ms,
            outcome: step.outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_document_is_exactly_this() {
        let step = StepReport {
            function: "key_shared".into(),
            message_id: Some("m-1".into()),
            attempt: 2,
            onboarding: Some("o-1".into()),
            outcome: StepOutcome::Retry,
            detail: Some("spreading".into()),
            started_at: datetime!(2026-03-01 10:00:01.25 UTC),
            duration_ms: 41,
        };
        let document = Document {
            onboarding: Some("o-1".into()),
            state: Some("active".into()),
            tenant: Some("t-1".into()),
            disk_encryption_set: Some("/subscriptions/s/set".into()),
            disks: vec![DiskEncryption {
                id: "/subscriptions/s/disk".into(),
                encryption: Some("EncryptionAtRestWithCustomerKey".into()),
            }],
            steps: vec![StepRecord::from(&step)],
            azure_calls: BTreeMap::from([("graph.microsoft.com".into(), 2), ("a.vault.azure.net".into(), 9)]),
            duration_ms: 12_345,
        };
        let expected = r#"{
  "onboarding": "o-1",
  "state": "active",
  "tenant": "t-1",
  "diskEncryptionSet": "/subscriptions/s/set",
  "disks": [
    {
      "id": "/subscriptions/s/disk",
      "encryption": "EncryptionAtRestWithCustomerKey"
    }
  ],
  "steps": [
    {
      "function": "key_shared",
      "messageId": "m-1",
      "attempt": 2,
      "startedAt": "2026-03-01T10:00:01.25Z",
      "durationMs": 41,
      "outcome": "retry"
    }
  ],
  "azureCalls": {
    "a.vault.azure.net": 9,
    "graph.microsoft.com": 2
  },
  "durationMs": 12345
}
"#;
        assert_eq!(document.to_text().unwrap(), expected);
    }
}

//! What a finding says in an evidence pack.

use crate::finding::Finding;

/// The finding in a sentence, and its code.
pub(super) fn found(finding: impl Into<Finding>) -> String {
    let finding = finding.into();
    format!("{} ({})", finding.summary(), finding.code().name())
}

//! What a finding says in an evidence pack.

use super::finding::UnfitDiskV1;
use crate::finding::Finding;

/// The finding in a sentence, and its code.
pub(super) fn found(finding: impl Into<Finding>) -> String {
    let finding = finding.into();
    format!("{} ({})", finding.summary(), finding.code().name())
}

/// What was found before the disk encryption set was asked for.
pub(super) fn preflight(unfit: &[UnfitDiskV1]) -> String {
    let found: Vec<String> = unfit.iter().map(|one| found(one.finding().clone())).collect();
    if found.is_empty() {
        return "Before anything was changed: every disk can be encrypted.".to_owned();
    }
    format!("Before anything was changed, disks were found that cannot be encrypted. {}", found.join(" "))
}

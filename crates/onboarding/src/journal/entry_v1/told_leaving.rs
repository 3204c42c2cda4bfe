//! What the facts of leaving say in an evidence pack.

use crate::leaving::{AccessSeen, RemovalStep, ReturnStep, SetIs, Sweep};

use super::told_finding::found;

/// What a look at everything that uses the set found.
pub(super) fn swept(sweep: &Sweep, by_policy: bool) -> String {
    let set = sweep.set.name();
    let mut says = match sweep.set_is {
        SetIs::Ours => format!("The disk encryption set {set} is there. What uses it: "),
        SetIs::NotOurs => format!("The disk encryption set {set} is somebody else's. What uses it: "),
        SetIs::NotThere => format!("There is no disk encryption set {set}. What would use it: "),
    };
    let users: Vec<&str> = sweep.users.iter().map(|user| user.id.name()).collect();
    says += if users.is_empty() { "nothing".to_owned() } else { users.join(", ") }.as_str();
    says.push('.');
    if sweep.key_held_by.is_some() {
        says += " Another onboarding holds the key.";
    }
    if by_policy {
        says += " The vendor's policy approves what follows from it.";
    }
    says
}

/// How a disk goes back to a platform-managed key.
pub(super) fn disk_return(step: ReturnStep) -> String {
    match step {
        ReturnStep::Requested { .. } => "Azure accepted the change to a platform-managed key.".to_owned(),
        ReturnStep::Done => "it was read back as not encrypted with the customer's key any more.".to_owned(),
        ReturnStep::Deleted => "it does not exist any more.".to_owned(),
        ReturnStep::Failed { finding } => found(finding),
    }
}

/// How the set is removed.
pub(super) fn set_removal(step: RemovalStep) -> String {
    match step {
        RemovalStep::Requested { sweep, .. } => {
            format!("{} Azure accepted its deletion.", swept(&sweep, false))
        }
        RemovalStep::Gone => "The disk encryption set does not exist any more.".to_owned(),
        RemovalStep::Failed { finding } => {
            format!("The disk encryption set was not deleted: {}", found(finding))
        }
    }
}

/// What a look at our access to the key found.
pub(super) fn access(seen: AccessSeen) -> String {
    match seen {
        AccessSeen::Refused { code } => format!(
            "The application tried to use the customer's key and was refused ({}): its access is gone.",
            code.name()
        ),
        AccessSeen::Remains { found: None } => {
            "The application tried to use the customer's key, and the key still works for it.".to_owned()
        }
        AccessSeen::Remains { found: Some(code) } => format!(
            "The application tried to use the customer's key. Whether its access is gone cannot be told ({}).",
            code.name()
        ),
    }
}

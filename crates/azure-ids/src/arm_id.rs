//! An Azure Resource Manager id, compared the way Azure means it: without regard to case.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::SubscriptionId;

/// The id of a resource, a resource group or a subscription, such as
/// `/subscriptions/{guid}/resourceGroups/{group}/providers/Microsoft.Compute/disks/{name}`.
///
/// Keeps the spelling it was given and compares without case, because ARM answers the same id with an upper-cased
/// resource group, a lower-cased provider or `resourcegroups`, depending on who asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArmId(String);

/// Why a text is not an ARM id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArmIdError {
    /// It does not begin with `/subscriptions/{guid}`.
    #[error("an ARM id begins with /subscriptions/ and a GUID")]
    NoSubscription,
    /// A segment is empty, or holds a character that no resource name has.
    #[error("an ARM id has no empty segments and only letters, digits, '.', '-', '_', '(' and ')'")]
    BadSegment,
    /// The segments do not come in pairs of kind and name.
    #[error("an ARM id is made of pairs of kind and name")]
    NotInPairs,
}

impl FromStr for ArmId {
    type Err = ArmIdError;

    fn from_str(text: &str) -> Result<Self, ArmIdError> {
        let rest = text.strip_prefix('/').ok_or(ArmIdError::NoSubscription)?;
        let segments: Vec<&str> = rest.split('/').collect();
        match segments[..] {
            [kind, id, ..]
                if kind.eq_ignore_ascii_case("subscriptions") && id.parse::<SubscriptionId>().is_ok() => {}
            _ => return Err(ArmIdError::NoSubscription),
        }
        if !segments.iter().all(|segment| is_segment(segment)) {
            return Err(ArmIdError::BadSegment);
        }
        if !segments.len().is_multiple_of(2) {
            return Err(ArmIdError::NotInPairs);
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_segment(segment: &str) -> bool {
    // "." and ".." would change the meaning of a URL that the id is put into.
    segment.bytes().any(|b| b != b'.')
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'(' | b')'))
}

impl ArmId {
    /// The id as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment: the resource's own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The value that follows a segment of this kind, for instance of `resourceGroups`.
    #[must_use]
    pub fn segment(&self, kind: &str) -> Option<&str> {
        let mut segments = self.0.split('/').skip(1);
        while let (Some(key), Some(value)) = (segments.next(), segments.next()) {
            if key.eq_ignore_ascii_case(kind) {
                return Some(value);
            }
        }
        None
    }

    /// The subscription that the resource is in.
    #[must_use]
    pub fn subscription(&self) -> SubscriptionId {
        self.segment("subscriptions")
            .and_then(|id| id.parse().ok())
            .expect("parsing demanded a subscription GUID in the second segment")
    }

    /// Whether the resource is of this type, such as `Microsoft.Compute/disks` or, of a resource below another,
    /// `Microsoft.Compute/galleries/images`.
    #[must_use]
    pub fn is_of_type(&self, resource_type: &str) -> bool {
        let segments: Vec<&str> = self.0.split('/').collect();
        let Some(at) = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers")) else {
            return false;
        };
        let [namespace, below @ ..] = &segments[at + 1..] else { return false };
        let kinds = std::iter::once(namespace).chain(below.iter().step_by(2));
        let wanted: Vec<&str> = resource_type.split('/').collect();
        wanted.len() > 1
            && kinds.clone().count() == wanted.len()
            && kinds.zip(wanted).all(|(kind, wanted)| kind.eq_ignore_ascii_case(wanted))
    }
}

impl PartialEq for ArmId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ArmId {}

impl PartialOrd for ArmId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ArmId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.to_ascii_lowercase().cmp(&other.0.to_ascii_lowercase())
    }
}

impl Hash for ArmId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl TryFrom<String> for ArmId {
    type Error = ArmIdError;

    fn try_from(text: String) -> Result<Self, ArmIdError> {
        text.parse()
    }
}

impl From<ArmId> for String {
    fn from(id: ArmId) -> Self {
        id.0
    }
}

impl fmt::Display for ArmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: &str = "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/rg1/providers/Microsoft.Compute/disks/d1";

    #[test]
    fn ids_that_differ_in_case_are_one_id() {
        let id: ArmId = DISK.parse().unwrap();
        let shouted: ArmId = DISK.to_uppercase().parse().unwrap();
        assert_eq!(id, shouted);
        assert_eq!(shouted.as_str(), DISK.to_uppercase(), "the spelling is kept");
        assert_eq!((id.name(), id.segment("resourcegroups")), ("d1", Some("rg1")));
        assert!(
            shouted.is_of_type("Microsoft.Compute/disks")
                && !id.is_of_type("Microsoft.Compute/diskEncryptionSets")
        );
        let version: ArmId = DISK.replace("disks/d1", "galleries/g/images/i/versions/1.0.0").parse().unwrap();
        assert!(version.is_of_type("microsoft.compute/galleries/images/versions"));
        for other in
            ["Microsoft.Compute/galleries", "Microsoft.Compute/galleries/images", "Microsoft.Compute"]
        {
            assert!(!version.is_of_type(other), "{other}");
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        let check = |text: &str, error| assert_eq!(text.parse::<ArmId>(), Err(error), "{text}");
        check("", ArmIdError::NoSubscription);
        check("subscriptions/0a1b2c3d-1111-2222-3333-444455556666", ArmIdError::NoSubscription);
        check("/subscriptions/mine", ArmIdError::NoSubscription);
        check(&format!("{DISK}/"), ArmIdError::BadSegment);
        check(&DISK.replace("rg1", ".."), ArmIdError::BadSegment);
        check(&DISK.replace("rg1", "a?b"), ArmIdError::BadSegment);
        check(&DISK.replace("/d1", ""), ArmIdError::NotInPairs);
    }
}

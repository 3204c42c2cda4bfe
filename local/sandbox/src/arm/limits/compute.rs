//! The windows of Compute.

use http::{HeaderName, Method, StatusCode};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::arm::error::{ArmError, Throttled};
use crate::arm::request::REMAINING;
use crate::arm::resource::Kind;
use crate::world::World;

use super::Windows;

const SETS_WRITTEN: &str = "CreateUpdateHighCostDiskEncryptionSet";
const SETS_DELETED: &str = "DeleteHighCostDiskEncryptionSet";
const DISKS_WRITTEN: &str = "CreateUpdateDisks";
const READ: &str = "LowCostGet";
const OPERATIONS_READ: &str = "GetOperation";
const MACHINES_WRITTEN: &str = "PutVM";
const MACHINES_UPDATED: &str = "UpdateVM";
const MACHINES_DELETED: &str = "DeleteVM";

/// The group that a call to a resource counts in; none where it is not known. Our guess: that snapshots count as disks, and
/// that switching a machine on or off counts as its update; that deallocating counts as deleting was recorded.
pub(in crate::arm) fn group_of(kind: Kind, method: &Method, rest: &[&str]) -> Option<&'static str> {
    match (kind, method, rest) {
        (Kind::Identity | Kind::Vault | Kind::ManagedHsm, ..) => None,
        (_, &Method::GET, _) => Some(READ),
        (Kind::DiskEncryptionSet, &Method::PUT | &Method::PATCH, _) => Some(SETS_WRITTEN),
        (Kind::DiskEncryptionSet, &Method::DELETE, _) => Some(SETS_DELETED),
        (Kind::Disk | Kind::Snapshot, &Method::PUT | &Method::PATCH, _) => Some(DISKS_WRITTEN),
        (Kind::VirtualMachine, &Method::PUT, _) => Some(MACHINES_WRITTEN),
        (Kind::VirtualMachine, &Method::DELETE, _) | (Kind::VirtualMachine, _, ["deallocate"]) => {
            Some(MACHINES_DELETED)
        }
        (Kind::VirtualMachine, ..) => Some(MACHINES_UPDATED),
        _ => None,
    }
}

/// The group of a look at an operation.
pub(in crate::arm) const OPERATIONS: &str = OPERATIONS_READ;

/// Counts one call. Gives the header that tells how many are left in both windows.
pub(in crate::arm) fn spend(
    world: &World,
    (subscription, region): (&str, &str),
    group: &'static str,
) -> Result<(HeaderName, String), ArmError> {
    let unlimited = Windows { three_minutes: u32::MAX, thirty_minutes: u32::MAX };
    let most = world.read(|state| state.arm.limits.compute.get(group).copied().unwrap_or(unlimited));
    let now = world.clock.now();
    let name = |minutes: i64| format!("{group}{minutes}Min");
    world.counters.with(|counted| {
        let windows = [(3, most.three_minutes), (30, most.thirty_minutes)];
        let key = |minutes| (subscription.to_ascii_lowercase(), region.to_owned(), group, minutes);
        for (minutes, most) in windows {
            let (since, count) = counted.windows.entry(key(minutes)).or_insert((now, 0));
            if now >= *since + Duration::minutes(minutes) {
                (*since, *count) = (now, 0);
            }
            if *count >= most {
                return Err(refusal(&name(minutes), minutes, *since, (most, *count + 1), now));
            }
        }
        let left = windows.map(|(minutes, most)| {
            let (_, count) = counted.windows.entry(key(minutes)).or_insert((now, 0));
            *count += 1;
            format!("Microsoft.Compute/{};{}", name(minutes), most - *count)
        });
        Ok((REMAINING, left.join(",")))
    })
}

/// Microsoft Learn, "Troubleshooting API throttling errors": no `error` around the code.
fn refusal(
    name: &str,
    minutes: i64,
    since: OffsetDateTime,
    (most, measured): (u32, u32),
    now: OffsetDateTime,
) -> ArmError {
    let end = since + Duration::minutes(minutes);
    let text = |moment: OffsetDateTime| moment.format(&Rfc3339).unwrap_or_default();
    let told = json!({
        "operationGroup": name,
        "startTime": text(since),
        "endTime": text(end),
        "allowedRequestCount": most,
        "measuredRequestCount": measured,
    });
    let details = json!([{ "code": "TooManyRequests", "target": name, "message": told.to_string() }]);
    let seconds = (end - now).as_seconds_f64().ceil().max(1.0);
    ArmError {
        throttled: Some(Box::new(Throttled {
            retry_after_seconds: seconds as u64,
            remaining: Some(format!("Microsoft.Compute/{name};0")),
            details: Some(details),
        })),
        ..ArmError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "OperationNotAllowed",
            "The server rejected the request because too many requests have been received for this subscription.",
        )
    }
}

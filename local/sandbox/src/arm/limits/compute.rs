//! The windows of Compute.

use http::{HeaderName, StatusCode};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::arm::error::{ArmError, Throttled};
use crate::arm::request::REMAINING;
use crate::cloud::Cloud;
use crate::state::limits::Windows;

/// Counts one call. Gives the header that tells how many are left in both windows.
pub(in crate::arm) fn spend(
    cloud: &Cloud,
    (subscription, region): (&str, &str),
    group: &'static str,
) -> Result<(HeaderName, String), ArmError> {
    let unlimited = Windows { three_minutes: u32::MAX, thirty_minutes: u32::MAX };
    let most = cloud.read(|state| state.arm.limits.compute.get(group).copied().unwrap_or(unlimited));
    let now = cloud.clock.now();
    let name = |minutes: i64| format!("{group}{minutes}Min");
    cloud.counters.with(|counted| {
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

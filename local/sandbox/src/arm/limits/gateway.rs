//! The buckets of Resource Manager itself.

use http::{HeaderName, Method, StatusCode};

use crate::arm::error::{ArmError, Throttled};
use crate::arm::request::ArmRequest;
use crate::cloud::Cloud;
use crate::counters::Use;
use crate::state::limits::Bucket;

/// Takes one call out of its bucket. Gives the header that tells how many are left; none where no subscription is named.
pub(in crate::arm) fn take(
    cloud: &Cloud,
    request: &ArmRequest,
) -> Result<Option<(HeaderName, String)>, ArmError> {
    let (Some(_), Some(subscription)) = (request.segments.first(), request.segments.get(1)) else {
        return Ok(None);
    };
    let (used, name) = match request.method {
        Method::GET | Method::HEAD => (Use::Reads, "reads"),
        Method::DELETE => (Use::Deletes, "deletes"),
        _ => (Use::Writes, "writes"),
    };
    let bucket: Bucket = cloud.read(|state| {
        let limits = &state.arm.limits;
        match used {
            Use::Reads => limits.subscription_reads,
            Use::Writes => limits.subscription_writes,
            Use::Deletes => limits.subscription_deletes,
        }
    });
    let now = cloud.clock.now();
    let key = (subscription.to_ascii_lowercase(), request.caller.object_id, used);
    let left = cloud.counters.with(|counted| {
        let (left, since) = counted.buckets.entry(key).or_insert((f64::from(bucket.size), now));
        let refilled = (now - *since).as_seconds_f64().max(0.0) * f64::from(bucket.refill_per_second);
        *left = (*left + refilled).min(f64::from(bucket.size));
        *since = now;
        (*left >= 1.0).then(|| {
            *left -= 1.0;
            *left
        })
    });
    match left {
        Some(left) => {
            let header = format!("x-ms-ratelimit-remaining-subscription-{name}");
            let header = HeaderName::try_from(header).expect("letters and hyphens make a header's name");
            Ok(Some((header, format!("{left:.0}"))))
        }
        None => Err(refusal(request, name)),
    }
}

/// The code is documented. Our guess: its words, and that the whole bucket's worth of a second is waited for.
fn refusal(request: &ArmRequest, name: &str) -> ArmError {
    let words = format!(
        "Number of '{name}' requests for subscription '{}' actor '{}' exceeded. Please try again after '1' seconds after \
         additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.",
        request.segments[1], request.caller.object_id
    );
    ArmError {
        throttled: Some(Box::new(Throttled { retry_after_seconds: 1, remaining: None, details: None })),
        ..ArmError::new(StatusCode::TOO_MANY_REQUESTS, "SubscriptionRequestsThrottled", words)
    }
}

//! Timer functions.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use custom_handler::{
    Functions, ScheduleStatus, Timer,
    testing::{Invocation, TestFunctions},
};
use serde_json::json;
use time::macros::datetime;

type Seen = Arc<Mutex<Vec<Timer>>>;

async fn record(timer: Timer, seen: Seen) -> Result<(), String> {
    let late = timer.is_past_due;
    seen.lock().unwrap().push(timer);
    if late { Err("too late".to_owned()) } else { Ok(()) }
}

#[tokio::test]
async fn a_timer_arrives_with_its_schedule() {
    let seen = Seen::default();
    let functions = TestFunctions::new(Functions::new(Arc::clone(&seen)).timer("nightly", record));
    let status = json!({ "Last": "2016-10-04T10:15:00+00:00", "Next": "2016-10-04T10:20:00.5Z",
        "LastUpdated": "2016-10-04T10:15:00" });
    let first = json!({ "Last": "0001-01-01T00:00:00", "Next": "2016-10-04T10:20:00Z" });
    for data in [
        json!({ "Schedule": { "AdjustForDST": true }, "ScheduleStatus": status, "IsPastDue": false }),
        json!({ "Schedule": {}, "ScheduleStatus": first, "IsPastDue": false }),
        json!({ "ScheduleStatus": null, "IsPastDue": false }),
        json!("{\"isPastDue\":false}"),
    ] {
        let answer = functions.invoke(Invocation::timer("nightly").data(data)).await;
        assert!(answer.succeeded(), "{}", answer.error());
    }
    let statuses: Vec<_> = seen.lock().unwrap().iter().map(|timer| timer.schedule_status).collect();
    let full = ScheduleStatus {
        last: Some(datetime!(2016-10-04 10:15 UTC)),
        next: Some(datetime!(2016-10-04 10:20:00.5 UTC)),
        last_updated: Some(datetime!(2016-10-04 10:15 UTC)),
    };
    let never = ScheduleStatus { next: Some(datetime!(2016-10-04 10:20 UTC)), ..ScheduleStatus::default() };
    assert_eq!(statuses, [Some(full), Some(never), None, None]);
}

#[tokio::test]
async fn a_late_timer_says_so_and_its_error_fails_the_invocation() {
    let functions = TestFunctions::new(Functions::new(Seen::default()).timer("nightly", record));
    let late = Invocation::timer("nightly").data(json!({ "IsPastDue": true }));
    let answer = functions.invoke(late).await;
    assert_eq!((answer.status, answer.error()), (StatusCode::INTERNAL_SERVER_ERROR, "too late"));
}

#[tokio::test]
async fn what_is_no_timer_fails_with_the_path() {
    let functions = TestFunctions::new(Functions::new(Seen::default()).timer("nightly", record));
    let answer = functions.invoke(Invocation::timer("nightly").data(json!({ "IsPastDue": "maybe" }))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.error(), "IsPastDue: invalid type: string, expected a boolean");
}

//! Every kind of event.

use std::collections::BTreeSet;

use serde_json::Value;
use time::Duration;
use uuid::Uuid;

use super::{Sample, assert_complete, assert_golden, sample};
use crate::{
    event::{
        AccessCheckRequested, ActivationRequested, CheckCause, CheckDue, CustomerConsented,
        DiskEncryptionRequested, DiskReturnRequested, Event, EventData, EventId, KINDS, KeyEventReceived,
        KeyReplacementRequested, KeyShared, LeavingDue, MachineSwitchRequested, MarketplaceChanged,
        ProvisionRequested, ProvisionStarted, ReplayDue, RungDue, SetRemovalRequested, SignupRequested,
        SubscriptionCheckDue, WatchDue, WindowDue, validate, written_again,
    },
    finding::KeyIs,
    replacement::Asker,
    test_support::{cause, disk, key, machine, opened, set, set_name, tenant},
};

fn event<D: EventData>(data: D) -> Event<D> {
    let id = EventId::of_origin(D::KIND, "golden");
    Event::new(id, "golden", opened().onboarding.id(), cause("").now, data)
}

fn sample_of<D: EventData>(case: &str, event: &Event<D>) -> Sample {
    sample(format!("{}{case}", D::QUEUE), event)
}

fn every_event() -> Vec<Sample> {
    let subscription = Uuid::from_u128(7);
    let shared = event(KeyShared { key: key("k").without_version(), submission: None });
    let submitted = event(KeyShared { submission: Some(2), ..shared.data.clone() });
    let mut replayed = shared.clone();
    replayed.attempt = 3.try_into().unwrap();
    replayed.replayed_at = Some(cause("").now + Duration::HOUR);
    replayed.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let mut resumed = shared.clone();
    resumed.resumed = true;
    let changed =
        |operation| event(MarketplaceChanged { subscription, operation, action: "Suspend".to_owned() });
    let replacing = |by| event(KeyReplacementRequested { key: key("other").without_version(), by });
    let until = cause("").now + Duration::minutes(15);
    vec![
        sample_of("", &event(SignupRequested { subscription })),
        sample_of("", &event(CustomerConsented { tenant: tenant() })),
        sample_of("", &shared),
        sample_of(".submitted", &submitted),
        sample_of(".replayed", &replayed),
        sample_of(".resumed", &resumed),
        sample_of("", &event(ProvisionRequested {})),
        sample_of("", &event(ProvisionStarted { set: set(&set_name()) })),
        sample_of("", &event(DiskEncryptionRequested { disk: disk("d1") })),
        sample_of("", &event(ActivationRequested {})),
        sample_of("", &event(CheckDue { entry: Some(7), because: None })),
        sample_of(".asked", &event(CheckDue { entry: None, because: None })),
        sample_of(".operator", &event(CheckDue { entry: None, because: Some(CheckCause::Operator) })),
        sample_of(".standstill", &event(CheckDue { entry: Some(7), because: Some(CheckCause::Standstill) })),
        sample_of("", &changed(Some(Uuid::from_u128(9)))),
        sample_of(".without-operation", &changed(None)),
        sample_of("", &event(SubscriptionCheckDue {})),
        sample_of("", &event(KeyEventReceived {})),
        sample_of("", &event(WatchDue { until, asked: false, seen: None })),
        sample_of(".asked", &event(WatchDue { until, asked: true, seen: None })),
        sample_of(".revoked", &event(WatchDue { until, asked: false, seen: Some(KeyIs::Revoked) })),
        sample_of(".unreachable", &event(WatchDue { until, asked: false, seen: Some(KeyIs::Unreachable) })),
        sample_of("", &replacing(None)),
        sample_of(".customer", &replacing(Some(Asker::Customer))),
        sample_of(".operator", &replacing(Some(Asker::Operator))),
        sample_of("", &event(RungDue {})),
        sample_of("", &event(MachineSwitchRequested { machine: machine("m1") })),
        sample_of("", &event(LeavingDue {})),
        sample_of("", &event(DiskReturnRequested { disk: disk("d1") })),
        sample_of("", &event(SetRemovalRequested {})),
        sample_of("", &event(AccessCheckRequested {})),
        sample_of("", &event(WindowDue {})),
        sample_of("", &event(ReplayDue { entry: 7 })),
    ]
}

#[test]
fn every_event_is_written_as_its_version_and_read_back() {
    let samples = every_event();
    let queues: BTreeSet<String> = KINDS.iter().map(|(_, queue)| (*queue).to_owned()).collect();
    assert_complete(&queues, &samples);
    assert_golden("events", &samples, |text| {
        let event: Value = serde_json::from_str(text).unwrap();
        validate(&event).unwrap();
        written_again(&event).unwrap()
    });
}

/// During a rolling update the version before reads what the version after writes.
#[test]
fn an_event_with_a_field_that_nobody_knows_yet_is_read() {
    for (name, text) in every_event() {
        let mut event: Value = serde_json::from_str(&text).unwrap();
        event["fromtheversionafter"] = "x".into();
        event["data"]["fromTheVersionAfter"] = "x".into();
        assert_eq!(validate(&event), Ok(()), "{name}");
    }
}

//! One trace through several queues, as a collector of OpenTelemetry sees it.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message as _;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use crate::support::{
    PATIENCE, a_world_where_nothing_spreads_by_itself, play_while_it_spreads, until_nothing_is_left,
};

/// Keeps what it is sent by OTLP over HTTP.
#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    pub(crate) async fn start() -> (Self, SocketAddr) {
        async fn take(State(collector): State<Collector>, body: Bytes) -> StatusCode {
            let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
            let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
            collector.0.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
            StatusCode::OK
        }
        let collector = Self::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        (collector, address)
    }

    /// All spans by their ids, once the last step of the story is among them and none is without its parent, which may
    /// end after it.
    pub(crate) async fn until_there_is(&self, name: &str) -> BTreeMap<Vec<u8>, Span> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let spans: BTreeMap<_, _> =
                self.0.lock().unwrap().iter().map(|span| (span.span_id.clone(), span.clone())).collect();
            let orphan = spans
                .values()
                .find(|span| !span.parent_span_id.is_empty() && !spans.contains_key(&span.parent_span_id));
            if orphan.is_none() && spans.values().any(|span| span.name == name) {
                return spans;
            }
            assert!(Instant::now() < deadline, "no span {name:?}, or no parent of {orphan:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The names from a span up to where its trace began.
pub(crate) fn ancestry(spans: &BTreeMap<Vec<u8>, Span>, span: &Span) -> Vec<String> {
    let mut names = vec![span.name.clone()];
    let mut at = span;
    while !at.parent_span_id.is_empty() {
        let Some(parent) = spans.get(&at.parent_span_id) else {
            panic!("the parent of {names:?} is missing")
        };
        assert_eq!(parent.trace_id, at.trace_id, "{} left the trace of {}", at.name, parent.name);
        names.push(parent.name.clone());
        at = parent;
    }
    names
}

#[tokio::test]
async fn every_step_is_a_span_whose_ancestors_lead_to_the_request_that_began_it() {
    let (collector, address) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let exporting = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*format!("http://{address}"))];
    let world = a_world_where_nothing_spreads_by_itself(folder.path(), &exporting).await;
    play_while_it_spreads(&world).await;
    until_nothing_is_left(&world).await;
    let spans = collector.until_there_is("process activation_requested").await;
    world.stop().await;

    let steps = |name: &str| spans.values().filter(|span| span.name == name).collect::<Vec<_>>();
    for (step, began_with, on_the_way) in [
        ("process signup_requested", "signup", &[][..]),
        // Put off while the consent spreads: each attempt is the child of the one before.
        ("process customer_consented", "consent_callback", &["process customer_consented"]),
        (
            "process activation_requested",
            "share_key",
            &[
                "process disk_encryption_requested",
                "process provision_started",
                "process provision_requested",
                "process key_shared",
            ],
        ),
    ] {
        let lines: Vec<_> = steps(step).into_iter().map(|span| ancestry(&spans, span)).collect();
        assert!(
            !lines.is_empty(),
            "{step} is no span: {:?}",
            spans.values().map(|s| &s.name).collect::<Vec<_>>()
        );
        for line in &lines {
            assert_eq!(line.last().map(String::as_str), Some(began_with), "{line:?}");
        }
        for name in on_the_way {
            assert!(lines.iter().any(|line| line[1..].iter().any(|own| own == name)), "{name} in {lines:?}");
        }
    }
    for span in spans.values() {
        assert!(!ancestry(&spans, span).is_empty());
    }
}

//! Spans that leave the process, as a collector gets them.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind, status::StatusCode as SpanStatus},
};
use prost::Message as _;
use serde_json::json;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use crate::serving::{Handler, PATIENCE, a_port};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SENDER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A tiny OpenTelemetry collector: OTLP over HTTP with protobuf.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>);

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
            let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
            collector.0.lock().unwrap().push((headers, request));
            StatusCode::OK
        }
        let collector = Self::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        (collector, address)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        let resources = requests.iter().flat_map(|(_, request)| &request.resource_spans);
        resources.flat_map(|spans| &spans.scope_spans).flat_map(|spans| spans.spans.clone()).collect()
    }

    fn first(&self) -> (HeaderMap, Resource) {
        let (headers, request) = self.0.lock().unwrap()[0].clone();
        (headers, request.resource_spans[0].resource.clone().unwrap())
    }

    /// The span of an invocation, once it is here.
    async fn of_invocation(&self, id: &str) -> Span {
        let is_it = |span: &Span| attributes(&span.attributes).get("faas.invocation_id") == Some(&json!(id));
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(span) = self.spans().into_iter().find(|span| is_it(span)) {
                return span;
            }
            assert!(Instant::now() < deadline, "no such span in {:?}", self.spans());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn attributes(wire: &[KeyValue]) -> BTreeMap<String, serde_json::Value> {
    let value = |pair: &KeyValue| match pair.value.clone().and_then(|value| value.value) {
        Some(Value::StringValue(text)) => json!(text),
        Some(Value::IntValue(number)) => json!(number),
        other => json!(format!("{other:?}")),
    };
    wire.iter().map(|pair| (pair.key.clone(), value(pair))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn exporting(variables: &[(&str, &str)]) -> (Handler, Collector) {
    let (collector, address) = Collector::start().await;
    let endpoint = format!("http://{address}");
    let variables = [&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())], variables].concat();
    (Handler::start(&variables).await, collector)
}

#[tokio::test]
async fn a_message_is_a_span_in_its_senders_trace_and_has_left_before_the_process_is_killed() {
    let own = [
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=till"),
        ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", "w-1"),
    ];
    let (handler, collector) = exporting(&own).await;
    let metadata = json!({
        "MessageId": "\"m-1\"", "CorrelationId": "\"c-1\"", "DeliveryCount": "2",
        "EnqueuedTime": "2023-10-12T20:13:49+00:00",
        "ApplicationProperties": { "Diagnostic-Id": SENDER },
        "Client": { "FullyQualifiedNamespace": "contoso.servicebus.windows.net" },
    });
    handler.invoke_with("i-1", "complete", &metadata).await;
    // Nothing asks the process to flush: it has to do so while it runs.
    let span = collector.of_invocation("i-1").await;
    let left = handler.killed().await;
    assert_eq!(left.stderr, "");

    assert_eq!((span.name.as_str(), span.kind()), ("process orders", SpanKind::Consumer));
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano && span.start_time_unix_nano > 0);
    assert!(span.status.is_none_or(|status| status.code() == SpanStatus::Unset));
    let got = attributes(&span.attributes);
    for (name, expected) in [
        ("faas.trigger", json!("pubsub")),
        ("faas.name", json!("orders")),
        ("messaging.system", json!("servicebus")),
        ("messaging.operation.name", json!("process")),
        ("messaging.operation.type", json!("process")),
        ("messaging.destination.name", json!("orders")),
        ("messaging.message.id", json!("m-1")),
        ("messaging.message.conversation_id", json!("c-1")),
        ("messaging.message.body.size", json!(8)),
        ("messaging.servicebus.message.delivery_count", json!(2)),
        ("messaging.servicebus.message.enqueued_time", json!(1_697_141_629)),
        ("messaging.servicebus.disposition_status", json!("complete")),
        ("server.address", json!("contoso.servicebus.windows.net")),
    ] {
        assert_eq!(got.get(name), Some(&expected), "{name} in {got:?}");
    }
    assert!(!got.contains_key("error.type"), "{got:?}");

    let (headers, resource) = collector.first();
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-team"], "till");
    let resource = attributes(&resource.attributes);
    assert_eq!(resource["service.name"], "shop");
    assert_eq!(resource["service.instance.id"], "w-1");
}

#[tokio::test]
async fn a_failure_is_on_its_span() {
    let (handler, collector) = exporting(&[("CUSTOM_HANDLER_DEADLINE_SECONDS", "3")]).await;
    for (id, body, kind, text) in [
        ("i-fail", "fail", "HandlerError", "the database is away"),
        ("i-panic", "panic", "Panic", "the function panicked: told to in two lines"),
        ("i-hang", "hang", "DeadlineExceeded", "deadline of 3 s"),
    ] {
        handler.invoke(id, body).await;
        let span = collector.of_invocation(id).await;
        assert_eq!(attributes(&span.attributes)["error.type"], kind);
        let status = span.status.unwrap();
        assert_eq!(status.code(), SpanStatus::Error);
        assert!(status.message.contains(text), "{}", status.message);
        assert!(span.parent_span_id.is_empty(), "without a sender a trace begins");
    }
}

#[tokio::test]
async fn a_function_can_hand_its_own_context_on() {
    let (handler, collector) = exporting(&[]).await;
    let metadata = json!({ "UserProperties": { "traceparent": SENDER, "Diagnostic-Id": "nonsense" } });
    let answer = handler.invoke_with("i-1", "traceparent", &metadata).await;
    let span = collector.of_invocation("i-1").await;
    let own = format!("00-{TRACE}-{}-01", hex(&span.span_id));
    assert!(answer.contains(&own), "{own} is not in {answer}");
    let status = span.status.unwrap();
    assert_eq!(status.code(), SpanStatus::Error, "the function fails with it, to tell it");
}

#[tokio::test]
async fn requests_and_timers_go_by_their_headers_and_messages_too_if_they_know_nothing_better() {
    let (handler, collector) = exporting(&[]).await;
    let with_sender = |id: &str| format!("{id}\r\ntraceparent: {SENDER}");
    handler.invoke(&with_sender("i-message"), "complete").await;
    let other = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01";
    let better = json!({ "ApplicationProperties": { "traceparent": other } });
    handler.invoke_with(&with_sender("i-better"), "complete", &better).await;
    handler
        .request(&format!(
            "GET /api/hello HTTP/1.1\r\nHost: app.example\r\nX-Azure-Functions-InvocationId: {}",
            with_sender("i-http")
        ))
        .await;
    for (id, name, kind, parent) in [
        ("i-message", "process orders", SpanKind::Consumer, "b7ad6b7169203331"),
        ("i-better", "process orders", SpanKind::Consumer, "c7ad6b7169203331"),
        ("i-http", "hello", SpanKind::Server, "b7ad6b7169203331"),
    ] {
        let span = collector.of_invocation(id).await;
        assert_eq!((span.name.as_str(), span.kind()), (name, kind), "{id}");
        assert_eq!(hex(&span.parent_span_id), parent, "{id}");
    }
}

#[tokio::test]
async fn a_replayed_message_is_in_its_own_trace_with_a_link_to_the_one_it_died_in() {
    let (handler, collector) = exporting(&[]).await;
    let replay = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01";
    for (id, before, expected) in [
        ("i-replay", SENDER, vec![(TRACE.to_owned(), "b7ad6b7169203331".to_owned())]),
        ("i-nonsense", "nonsense", vec![]),
    ] {
        let properties = json!({ "traceparent": replay, "x-replay-of-traceparent": before });
        handler.invoke_with(id, "complete", &json!({ "ApplicationProperties": properties })).await;
        let span = collector.of_invocation(id).await;
        assert_eq!(hex(&span.trace_id), "1af7651916cd43dd8448eb211c80319c", "{id}");
        assert_eq!(hex(&span.parent_span_id), "c7ad6b7169203331", "{id}");
        let links: Vec<_> = span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect();
        assert_eq!(links, expected, "{id}");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_costs_one_line_and_no_invocation() {
    let taken = a_port();
    let endpoint = format!("http://{}", taken.local_addr().unwrap());
    let handler =
        Handler::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "10")])
            .await;
    for id in ["i-1", "i-2", "i-3"] {
        assert!(handler.invoke(id, "complete").await.starts_with("HTTP/1.1 200 "));
        sleep(Duration::from_millis(50)).await;
    }
    handler.terminate();
    let left = handler.left().await;
    assert!(left.status.success());
    assert_eq!(
        left.stdout.matches("spans are lost until the collector takes them").count(),
        1,
        "{}",
        left.stdout
    );
    assert_eq!(left.stderr, "");
}

#[tokio::test]
async fn what_ended_just_before_a_stop_is_sent() {
    let (handler, collector) = exporting(&[("OTEL_BSP_SCHEDULE_DELAY", "600000")]).await;
    handler.invoke("i-1", "complete").await;
    handler.terminate();
    let left = handler.left().await;
    assert!(left.status.success(), "{}", left.stdout);
    assert_eq!(collector.spans().len(), 1);
}

#[tokio::test]
async fn an_environment_that_cannot_be_followed_is_told_and_functions_are_served() {
    for (variables, expected) in [
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
                [..],
            "grpc",
        ),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "not an address")], "not an address"),
    ] {
        let handler = Handler::start(variables).await;
        assert!(handler.invoke("i-1", "complete").await.starts_with("HTTP/1.1 200 "));
        handler.terminate();
        let left = handler.left().await;
        let lines: Vec<_> =
            left.stdout.lines().filter(|line| line.contains("spans are not exported")).collect();
        assert!(lines.len() == 1 && lines[0].contains(expected), "{}", left.stdout);
    }
}

//! What is counted and measured, as a collector of OpenTelemetry gets it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use local_world::world::LocalWorld;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point::Value as Number},
};
use prost::Message as _;
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, time::Instant};

use crate::{
    dead_letters::vaults_are_unavailable,
    support::{PATIENCE, a_world_with, history, play, sign_up, until},
};

/// A series: the metric's name and its attributes.
type Name = (String, BTreeMap<String, String>);

/// The newest value of each. Of a histogram, how many were measured.
type Series = BTreeMap<Name, f64>;

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Series>>, Arc<AtomicBool>);

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        async fn take(State(collector): State<Collector>, body: Bytes) -> StatusCode {
            if collector.1.load(Ordering::Relaxed) {
                return StatusCode::FORBIDDEN;
            }
            let Ok(request) = ExportMetricsServiceRequest::decode(body) else {
                return StatusCode::BAD_REQUEST;
            };
            let scopes = request.resource_metrics.into_iter().flat_map(|metrics| metrics.scope_metrics);
            let mut series = collector.0.lock().unwrap();
            scopes.flat_map(|scope| scope.metrics).for_each(|metric| series.extend(read(metric)));
            StatusCode::OK
        }
        let collector = Self::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/v1/metrics", post(take))
            .route("/v1/traces", post(async || StatusCode::OK))
            .with_state(collector.clone());
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        (collector, address)
    }

    /// Takes no metrics any more, or takes them again.
    fn refuses(&self, refuses: bool) {
        self.1.store(refuses, Ordering::Relaxed);
    }

    fn value(&self, name: &str, attributes: &[(&str, &str)]) -> Option<f64> {
        let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        self.0.lock().unwrap().get(&(name.to_owned(), attributes.collect())).copied()
    }
}

fn read(metric: Metric) -> Vec<(Name, f64)> {
    let number = |value: Option<Number>| match value.unwrap() {
        Number::AsDouble(value) => value,
        Number::AsInt(value) => value as f64,
    };
    assert!(!metric.unit.is_empty() && !metric.description.is_empty(), "{}", metric.name);
    let points: Vec<(Vec<KeyValue>, f64)> = match metric.data.unwrap() {
        Data::Gauge(gauge) => {
            gauge.data_points.into_iter().map(|point| (point.attributes, number(point.value))).collect()
        }
        Data::Sum(sum) => {
            assert!(sum.is_monotonic, "{}", metric.name);
            sum.data_points.into_iter().map(|point| (point.attributes, number(point.value))).collect()
        }
        Data::Histogram(histogram) => {
            histogram.data_points.into_iter().map(|point| (point.attributes, point.count as f64)).collect()
        }
        other => panic!("{}: {other:?}", metric.name),
    };
    let text = |pair: KeyValue| match pair.value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => (pair.key, text),
        other => panic!("{}: {other:?}", pair.key),
    };
    points
        .into_iter()
        .map(|(attributes, value)| ((metric.name.clone(), attributes.into_iter().map(text).collect()), value))
        .collect()
}

/// What the app's own health says of its exports.
async fn telemetry(world: &LocalWorld) -> Json {
    let answer = reqwest::get(format!("{}api/operations/health", world.url())).await.unwrap();
    let health: Json = answer.json().await.unwrap();
    let mut checks = health["checks"].as_array().unwrap().iter();
    checks.find(|check| check["check"] == "telemetry").unwrap().clone()
}

#[tokio::test]
async fn what_an_operator_is_paged_for_is_measured_and_nothing_names_an_onboarding() {
    let (collector, address) = Collector::start().await;
    let world = a_world_with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_METRIC_EXPORT_INTERVAL", "300"),
        ("LATCHKEY_RETRY_DEADLINE_SECONDS", "4"),
        ("LATCHKEY_SPREADING_SECONDS", "3"),
        ("LATCHKEY_WATCH_SECONDS", "3"),
        ("LATCHKEY_WATCH_SCHEDULE", "* * * * * *"),
        ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
    ])
    .await;
    let until_it_is = async |name: &str, attributes: &[(&str, &str)], least: f64| {
        let is = async || Ok(collector.value(name, attributes).is_some_and(|value| value >= least));
        let waited = world.wait_until(name, Instant::now() + PATIENCE, is).await;
        waited.unwrap_or_else(|error| {
            panic!("{error:#}: {attributes:?} in {:#?}", collector.0.lock().unwrap())
        });
    };
    let active = play(&world).await.page;
    let waiting = sign_up(&world).await.page;
    let stage = |stage| [("latchkey.stage", stage)];
    until_it_is("latchkey.onboardings", &stage("active"), 1.0).await;
    until_it_is("latchkey.onboardings", &stage("awaiting-consent"), 1.0).await;
    assert_eq!(collector.value("latchkey.onboardings", &stage("revoked")), Some(0.0), "zero is a value");
    let missing = [("latchkey.finding", "consent-missing"), ("latchkey.owner", "customer")];
    until_it_is("latchkey.blockers", &missing, 1.0).await;
    let activated = [("latchkey.outcome", "done"), ("messaging.destination.name", "activation_requested")];
    until_it_is("latchkey.steps", &activated, 1.0).await;
    until_it_is("latchkey.looks", &[("latchkey.look.kind", "full")], 1.0).await;
    until_it_is("latchkey.key.age", &[], 1.0).await;
    until_it_is("latchkey.timer.last_run", &[("faas.name", "sweep")], 1_700_000_000.0).await;
    until_it_is("latchkey.timer.last_run", &[("faas.name", "watch")], 1_700_000_000.0).await;
    let entries = history(&world, &active).await.len();
    let looks = collector.value("latchkey.looks", &[("latchkey.look.kind", "usual")]).unwrap_or_default();
    until_it_is("latchkey.looks", &[("latchkey.look.kind", "usual")], looks + 2.0).await;
    assert_eq!(history(&world, &active).await.len(), entries, "measuring writes nothing down");

    world.customer().consent(&waiting).await.unwrap();
    until(&world, &waiting, "awaiting-key").await;
    let key = world.customer().make_key("contoso-2").await.unwrap();
    vaults_are_unavailable(world.sandbox());
    world.customer().share_key(&waiting, &key.url).await.unwrap();
    let died = [("error.type", "DeadlineExceeded"), ("messaging.destination.name", "key_shared")];
    until_it_is("latchkey.dead_letters", &died, 1.0).await;
    let unreachable = [("error.type", "vault-unreachable"), ("latchkey.look.kind", "full")];
    until_it_is("latchkey.looks", &unreachable, 1.0).await;
    until_it_is("latchkey.onboardings", &stage("unreachable"), 1.0).await;
    let gone = async || Ok(collector.value("latchkey.blockers", &missing) == Some(0.0));
    world.wait_until("nobody waits for a consent", Instant::now() + PATIENCE, gone).await.unwrap();

    // The app knows what became of what it sent.
    for (refuses, is) in [(false, "good"), (true, "wrong"), (false, "good")] {
        collector.refuses(refuses);
        let says_so = async || Ok(telemetry(&world).await["is"] == is);
        world.wait_until("the check telemetry", Instant::now() + PATIENCE, says_so).await.unwrap();
    }

    let series = collector.0.lock().unwrap().clone();
    let keys: BTreeSet<&str> =
        series.keys().flat_map(|(_, attributes)| attributes.keys().map(String::as_str)).collect();
    let known = [
        "error.type",
        "faas.name",
        "latchkey.finding",
        "latchkey.look.kind",
        "latchkey.outcome",
        "latchkey.owner",
        "latchkey.stage",
        "messaging.destination.name",
        "messaging.operation.name",
        "messaging.system",
    ];
    assert!(keys.iter().all(|key| known.contains(key)), "{keys:?}");
    for value in series.keys().flat_map(|(_, attributes)| attributes.values()) {
        let names_somebody = uuid::Uuid::try_parse(value).is_ok() || value.contains("contoso");
        assert!(!names_somebody, "{}", json!(value));
    }
    world.stop().await;
}

//! The exporter behind [`telemetry`](crate::telemetry).

use std::{sync::OnceLock, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator as _,
    trace::{SpanContext, Status, TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{Protocol, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{BatchConfig, BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, Registry, filter::LevelFilter};

use crate::{
    exports::{self, Export},
    trace_context::TraceContext,
};

/// Short, because a killed process keeps what it has not sent yet; long enough to make one request of many spans.
const DELAY: Duration = Duration::from_millis(200);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The layer that exports spans, if the environment names a collector.
///
/// # Errors
/// What is wrong with the environment, for the log: functions are served without telemetry, too.
pub(crate) fn layer() -> Result<Option<impl Layer<Registry> + Send + Sync>, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    if !is_wanted("TRACES", variable)? {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|error| error.to_string())?;
    exports::SPANS.is_now(Export::NotYet);
    let exporter = Watched { exporter };
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches(variable)).build();
    let provider =
        SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource(variable)).build();
    let tracer = provider.tracer(env!("CARGO_PKG_NAME"));
    // Kept to be flushed; a second one cannot come, as the process has a subscriber by then.
    let _ = PROVIDER.set(provider);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        // A span's parent is known only once the message was read, within the span.
        .with_context_activation(false)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(LevelFilter::INFO);
    Ok(Some(layer))
}

/// Whether this signal (`TRACES`, `METRICS`) leaves the process.
pub(crate) fn is_wanted(signal: &str, variable: impl Fn(&str) -> Option<String>) -> Result<bool, String> {
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(false);
    }
    let exporter = format!("OTEL_{signal}_EXPORTER");
    match variable(&exporter).as_deref() {
        Some("none") => return Ok(false),
        None | Some("otlp") => (),
        Some(other) => return Err(format!("{exporter} is {other:?}, but must be otlp or none")),
    }
    let either = |what: &str| {
        let of_signal = variable(&format!("OTEL_EXPORTER_OTLP_{signal}_{what}"));
        of_signal.or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{what}")))
    };
    if either("ENDPOINT").is_none() {
        return Ok(false);
    }
    match either("PROTOCOL").as_deref() {
        None | Some("http/protobuf") => Ok(true),
        Some(other) => Err(format!("OTEL_EXPORTER_OTLP_PROTOCOL is {other:?}, but must be http/protobuf")),
    }
}

fn batches(variable: impl Fn(&str) -> Option<String>) -> BatchConfig {
    // The builder reads the variables itself.
    let builder = BatchConfigBuilder::default();
    match variable("OTEL_BSP_SCHEDULE_DELAY") {
        Some(_) => builder.build(),
        None => builder.with_scheduled_delay(DELAY).build(),
    }
}

/// Who we are. Variables of the platform: Microsoft Learn, "Environment variables and app settings reference"; names:
/// OpenTelemetry's semantic conventions for resources (cloud, FaaS, service).
pub(crate) fn resource(variable: impl Fn(&str) -> Option<String>) -> Resource {
    let named = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|text| text.contains("service.name="));
    let app = variable("WEBSITE_SITE_NAME");
    let mut builder = Resource::builder();
    if app.is_some() {
        builder = builder.with_attributes([
            KeyValue::new("cloud.provider", "azure"),
            KeyValue::new("cloud.platform", "azure.functions"),
        ]);
    }
    for (name, attribute) in [
        ("REGION_NAME", "cloud.region"),
        ("WEBSITE_INSTANCE_ID", "faas.instance"),
        ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", "service.instance.id"),
    ] {
        if let Some(value) = variable(name) {
            builder = builder.with_attribute(KeyValue::new(attribute, value));
        }
    }
    match app.or_else(executable) {
        Some(name) if !named => builder.with_service_name(name).build(),
        _ => builder.build(),
    }
}

fn executable() -> Option<String> {
    Some(std::env::current_exe().ok()?.file_stem()?.to_str()?.to_owned())
}

/// Tells when spans begin to be lost and when that is over, instead of every time.
#[derive(Debug)]
struct Watched {
    exporter: opentelemetry_otlp::SpanExporter,
}

impl SpanExporter for Watched {
    /// The processor would log every failure by itself; hence success in any case.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let size = batch.len();
        match self.exporter.export(batch).await {
            Ok(()) => {
                if let Export::Lost(_) = exports::SPANS.is_now(Export::Accepted) {
                    tracing::info!("spans are exported again");
                }
            }
            Err(error) => {
                let before = exports::SPANS.is_now(Export::Lost(error.to_string()));
                if !matches!(before, Export::Lost(_)) {
                    tracing::warn!(size, "spans are lost until the collector takes them: {error}");
                }
            }
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Makes the span a part of the sender's trace.
pub(crate) fn continue_trace(span: &Span, sender: &TraceContext) {
    if let Some(context) = span_context(sender) {
        // Refused without an exporter, and by a span that has children already, which none has before its function runs.
        let _ = span.set_parent(Context::new().with_remote_span_context(context));
    }
}

/// Points from the span to the sender's.
pub(crate) fn link(span: &Span, sender: &TraceContext) {
    if let Some(context) = span_context(sender) {
        span.add_link(context);
    }
}

/// Marks the span as failed.
pub(crate) fn failed(span: &Span, description: &str) {
    span.set_status(Status::error(description.to_owned()));
}

/// The context of the current span, to be passed on.
pub(crate) fn current() -> Option<String> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    let flags = span.trace_flags().to_u8();
    span.is_valid().then(|| format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id()))
}

/// Sends what has not been sent.
pub(crate) async fn flush() {
    if let Some(provider) = PROVIDER.get() {
        // Waits for the exporter's thread. It reports its failures itself.
        let _ = tokio::task::spawn_blocking(|| provider.force_flush()).await;
    }
}

fn span_context(sender: &TraceContext) -> Option<SpanContext> {
    struct Carrier<'a>(&'a TraceContext);
    impl opentelemetry::propagation::Extractor for Carrier<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            match key {
                "traceparent" => Some(&self.0.traceparent),
                "tracestate" => self.0.tracestate.as_deref(),
                _ => None,
            }
        }
        fn keys(&self) -> Vec<&str> {
            vec!["traceparent", "tracestate"]
        }
    }
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Carrier(sender));
    let context = context.span().span_context().clone();
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use opentelemetry::{Key, Value};

    use super::*;

    fn variables<'a>(set: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + Copy + use<'a> {
        move |name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn spans_leave_only_when_a_collector_is_named_that_we_can_talk_to() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        for (set, expected) in [
            (&[][..], Ok(false)),
            (&[endpoint], Ok(true)),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")], Ok(true)),
            (&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")], Ok(false)),
            (&[endpoint, ("OTEL_SDK_DISABLED", "false")], Ok(true)),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], Ok(false)),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "otlp")], Ok(true)),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "zipkin")], Err("OTEL_TRACES_EXPORTER is \"zipkin\"")),
            (&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")], Ok(true)),
            (
                &[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
                Err("\"grpc\", but must be http/protobuf"),
            ),
            (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], Ok(false)),
        ] {
            match (is_wanted("TRACES", variables(set)), expected) {
                (Ok(wanted), Ok(expected)) => assert_eq!(wanted, expected, "{set:?}"),
                (Err(problem), Err(part)) => assert!(problem.contains(part), "{problem}"),
                (got, expected) => panic!("{set:?}: {got:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn spans_and_metrics_are_switched_one_by_one() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:4318/v1/metrics");
        for (set, traces, metrics) in [
            (&[endpoint][..], true, true),
            (&[own], false, true),
            (&[endpoint, ("OTEL_METRICS_EXPORTER", "none")], true, false),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], false, true),
            (&[endpoint, ("OTEL_SDK_DISABLED", "true")], false, false),
        ] {
            let wanted = ["TRACES", "METRICS"].map(|signal| is_wanted(signal, variables(set)).unwrap());
            assert_eq!(wanted, [traces, metrics], "{set:?}");
        }
    }

    #[test]
    fn a_service_has_the_name_that_it_was_given_or_that_of_the_app() {
        let name = |set: &[(&str, &str)]| resource(variables(set)).get(&Key::new("service.name"));
        assert_eq!(name(&[("WEBSITE_SITE_NAME", "shop")]), Some(Value::from("shop")));
        assert!(name(&[]).is_some_and(|name| name.as_str().starts_with("custom_handler")));
        let own = [("WEBSITE_SITE_NAME", "shop"), ("OTEL_RESOURCE_ATTRIBUTES", "a=b,service.name=till")];
        assert_ne!(name(&own), Some(Value::from("shop")));
        let azure = resource(variables(&[("WEBSITE_SITE_NAME", "shop"), ("WEBSITE_INSTANCE_ID", "i")]));
        assert_eq!(azure.get(&Key::new("cloud.platform")), Some(Value::from("azure.functions")));
        assert_eq!(azure.get(&Key::new("faas.instance")), Some(Value::from("i")));
    }

    #[test]
    fn what_is_no_trace_context_is_no_parent() {
        let context = |traceparent: &str| {
            span_context(&TraceContext {
                traceparent: traceparent.to_owned(),
                tracestate: Some("a=b".to_owned()),
            })
        };
        let valid = context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!(valid.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(valid.is_remote() && valid.is_sampled() && valid.trace_state().get("a") == Some("b"));
        for nonsense in [
            "",
            "|4bf92f3577b34da6a3ce929d0e0e4736.1.",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(context(nonsense), None, "{nonsense}");
        }
    }
}

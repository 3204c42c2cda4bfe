//! The exporter of metrics. Whoever measures something asks OpenTelemetry's global meter; without this it measures nothing.

use std::{sync::OnceLock, time::Duration};

use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        PeriodicReader, SdkMeterProvider, Temporality, data::ResourceMetrics, exporter::PushMetricExporter,
    },
};

use crate::{
    exports::{self, Export},
    otlp::{is_wanted, resource},
};

/// Shorter than the specification's minute: a killed process keeps what it has not sent yet.
const INTERVAL: Duration = Duration::from_secs(10);

static PROVIDER: OnceLock<SdkMeterProvider> = OnceLock::new();

/// Exports metrics from now on, if the environment names a collector.
///
/// # Errors
/// What is wrong with the environment, for the log: functions are served without telemetry, too.
pub(crate) fn start() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    if PROVIDER.get().is_some() || !is_wanted("METRICS", variable)? {
        return Ok(());
    }
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|error| error.to_string())?;
    exports::METRICS.is_now(Export::NotYet);
    let reader = PeriodicReader::builder(Watched { exporter });
    let reader = match variable("OTEL_METRIC_EXPORT_INTERVAL") {
        Some(_) => reader.build(),
        None => reader.with_interval(INTERVAL).build(),
    };
    let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(resource(variable)).build();
    opentelemetry::global::set_meter_provider(provider.clone());
    // Kept to be flushed.
    let _ = PROVIDER.set(provider);
    Ok(())
}

/// Sends what has not been sent.
pub(crate) async fn flush() {
    if let Some(provider) = PROVIDER.get() {
        // Waits for the exporter's thread. It reports its failures itself.
        let _ = tokio::task::spawn_blocking(|| provider.force_flush()).await;
    }
}

/// Tells when metrics begin to be lost and when that is over, instead of every time.
#[derive(Debug)]
struct Watched {
    exporter: MetricExporter,
}

impl PushMetricExporter for Watched {
    /// The reader would log every failure by itself; hence success in any case.
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        match self.exporter.export(metrics).await {
            Ok(()) => {
                if let Export::Lost(_) = exports::METRICS.is_now(Export::Accepted) {
                    tracing::info!("metrics are exported again");
                }
            }
            Err(error) => {
                let before = exports::METRICS.is_now(Export::Lost(error.to_string()));
                if !matches!(before, Export::Lost(_)) {
                    tracing::warn!("metrics are lost until the collector takes them: {error}");
                }
            }
        }
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

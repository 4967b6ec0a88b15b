//! Spans in, OTLP over HTTP out; knows no event and no workflow.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::redirect::Policy;
use sha2::{Digest, Sha256};

use super::spans::{Span, Trace};
use super::{OtelSettings, names};
use crate::error::{Error, Result};
use crate::inference::llm::remote::is_loopback;

/// Spans in one request.
const BATCH: usize = 512;

/// Sends spans and the metrics they add up to.
pub(super) fn send(trace: &Trace, endpoint: &str, settings: &OtelSettings, offline: bool) -> Result<()> {
    if trace.spans.is_empty() {
        return Ok(());
    }
    let wrong = |reason: String| Error::Setting { name: "otel.endpoint".into(), value: endpoint.into(), reason };
    let url = Url::parse(endpoint).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it is an http or https address".into()));
    }
    let is_local = is_loopback(&url);
    if offline && !is_local {
        return Err(Error::Offline { action: format!("send telemetry to {endpoint}") });
    }
    let refused =
        |why: &dyn std::fmt::Display| Error::usage(format!("the OTLP receiver at {endpoint} did not take it: {why}"));
    let timeout =
        Duration::try_from_secs_f64(settings.timeout_s).unwrap_or(Duration::from_secs(5)).max(Duration::from_millis(1));
    // A receiver has no business sending us elsewhere; a local one is not reached through a proxy.
    let mut client = Client::builder().timeout(timeout).connect_timeout(timeout).redirect(Policy::none());
    if is_local {
        client = client.no_proxy();
    }
    let client = client.build().map_err(|error| refused(&error))?;
    let at = |path: &str| format!("{}{path}", endpoint.trim_end_matches('/'));
    let resource = Resource::builder()
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_schema_url([], names::SCHEMA_URL)
        .build();
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(at("/v1/traces"))
        .with_timeout(timeout)
        .with_http_client(client.clone())
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .map_err(|error| refused(&error))?;
    exporter.set_resource(&resource);
    let ids: Vec<SpanId> = (0..trace.spans.len()).map(|number| id(trace, number)).collect();
    for (batch, of) in trace.spans.chunks(BATCH).enumerate() {
        let data = of.iter().enumerate().map(|(at, span)| data(trace, span, batch * BATCH + at, &ids)).collect();
        wait(exporter.export(data)).map_err(|error| refused(&error))?;
    }
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(at("/v1/metrics"))
        .with_timeout(timeout)
        .with_http_client(client)
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .map_err(|error| refused(&error))?;
    let provider = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(exporter).build())
        .with_resource(resource)
        .build();
    measure(&provider, &trace.spans);
    provider.shutdown().map_err(|error| refused(&error))
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("ibid")
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(names::SCHEMA_URL)
        .build()
}

/// The same run gives the same ids, so that what is sent twice is one.
fn id(trace: &Trace, number: usize) -> SpanId {
    let mut hash = Sha256::new();
    hash.update(trace.id.to_bytes());
    hash.update((trace.session as u64).to_le_bytes());
    hash.update((number as u64).to_le_bytes());
    let digest = hash.finalize();
    let mut bytes = [0_u8; 8];
    bytes.copy_from_slice(&digest[..8]);
    SpanId::from_bytes(bytes)
}

fn data(trace: &Trace, span: &Span, number: usize, ids: &[SpanId]) -> SpanData {
    SpanData {
        span_context: SpanContext::new(trace.id, ids[number], TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: span.parent.map_or(SpanId::INVALID, |parent| ids[parent]),
        parent_span_is_remote: false,
        span_kind: span.kind.clone(),
        name: Cow::Owned(span.name.clone()),
        start_time: span.start,
        end_time: span.end,
        attributes: span.attributes.clone(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: span.failure.as_ref().map_or(Status::Unset, |failure| Status::error(failure.clone())),
        instrumentation_scope: scope(),
    }
}

fn measure(provider: &SdkMeterProvider, spans: &[Span]) {
    let meter = provider.meter_with_scope(scope());
    let tokens = meter
        .u64_histogram(names::TOKEN_USAGE)
        .with_unit(names::TOKEN_UNIT)
        .with_boundaries(names::TOKEN_BOUNDS.to_vec())
        .build();
    let duration = meter
        .f64_histogram(names::OPERATION_DURATION)
        .with_unit(names::DURATION_UNIT)
        .with_boundaries(names::DURATION_BOUNDS.to_vec())
        .build();
    for measured in spans.iter().filter_map(|span| span.measured.as_ref()) {
        duration.record(measured.seconds, &measured.attributes);
        for (kind, count) in [("input", measured.input_tokens), ("output", measured.output_tokens)] {
            if count > 0 {
                let mut attributes = measured.attributes.clone();
                attributes.push(KeyValue::new(names::TOKEN_TYPE, kind));
                tokens.record(count, &attributes);
            }
        }
    }
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread; that of the exporter over a blocking client has all its work in the first poll.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park_timeout(Duration::from_millis(50)),
        }
    }
}

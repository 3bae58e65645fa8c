//! What is logged, how, and where traces go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// Bunyan's JSON, a line each.
    Json,
}

/// What is logged, how, and where traces go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TelemetrySettings {
    /// `text` for people, `json` (bunyan) for machines. `auto`: text on a terminal, JSON otherwise.
    #[serde(rename = "log.format")]
    pub format: LogFormat,
    /// Targets and levels, as in `RUST_LOG`: `"info"`, `"info,eider_store_duckdb=debug"`.
    #[serde(rename = "log.filter")]
    #[schemars(extend("x-reload" = true))]
    pub filter: String,
    /// Collector of traces (OTLP over HTTP), such as `"http://127.0.0.1:4318"`. Empty: what
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` says, or none.
    #[serde(rename = "telemetry.otlp_endpoint")]
    pub otlp_endpoint: String,
    /// Name of this service in traces.
    #[serde(rename = "telemetry.service_name")]
    pub service_name: String,
    /// Share of the traces that are recorded, from 0 to 1, where the caller has not decided that.
    #[serde(rename = "telemetry.sample_ratio")]
    pub sample_ratio: f64,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            filter: "info".to_owned(),
            otlp_endpoint: String::new(),
            service_name: "eider".to_owned(),
            sample_ratio: 1.0,
        }
    }
}

//! Every setting, put together from the crates and modules that own them.
//!
//! A setting is a field of its owner's struct: its name there is its key, its documentation is what operators read, and
//! `x-reload` marks it as one that a running server takes over. `config/default.toml`, the table in the documentation and
//! `eider config schema` are made of these fields ([`reference`](mod@reference)).

mod derived;
mod layers;
mod listen;
mod process;
pub mod reference;
mod umask;

use eider_application::SchemaLimits;
use eider_application::ingest::IngestLimits;
use eider_application::quality::ValidationLimits;
use eider_application::runtime::MemoryGuardSettings;
use eider_http_api::HttpSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::derived::DATABASE;
pub use self::layers::{CONFIG_VARIABLE, Effective, Sources, effective, load, variables_of};
pub use self::process::ProcessSettings;
pub use self::umask::Umask;
use crate::store::StoreSettings;
use crate::telemetry::TelemetrySettings;

/// All settings, each under its key: `section.name`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// The address, the files and the memory of the process.
    #[serde(flatten)]
    pub process: ProcessSettings,
    /// The edge.
    #[serde(flatten)]
    pub http: HttpSettings,
    /// The store, its connections and its commits.
    #[serde(flatten)]
    pub store: StoreSettings,
    /// What a schema may have.
    #[serde(flatten)]
    pub schemas: SchemaLimits,
    /// What a write may bring.
    #[serde(flatten)]
    pub ingest: IngestLimits,
    /// Validations.
    #[serde(flatten)]
    pub validations: ValidationLimits,
    /// When requests are refused for want of memory.
    #[serde(flatten)]
    pub memory_guard: MemoryGuardSettings,
    /// Logs and traces.
    #[serde(flatten)]
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// Keys and values, as TOML writes them.
    ///
    /// # Errors
    /// When a value is none that TOML has, such as an integer beyond 64 bits with a sign.
    pub fn table(&self) -> Result<toml::Table, toml::ser::Error> {
        toml::Table::try_from(self)
    }
}

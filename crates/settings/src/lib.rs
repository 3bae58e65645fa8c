//! How settings are written: sizes, durations, and what is found out when the server starts.
//!
//! Each crate has a struct of its own settings. A field has the key that operators know it by, says what it is for, and
//! names one of the forms below where its type alone would not be readable. The binary puts these structs together, and
//! makes the default file, the table in the documentation and the JSON Schema of them.
//!
//! ```
//! use std::time::Duration;
//!
//! use eider_settings::{Period, Size};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! #[serde(default)]
//! struct CacheSettings {
//!     /// Memory of the cache. 0 keeps nothing.
//!     #[serde(rename = "cache.size", with = "Size")]
//!     max_bytes: u64,
//!     /// How long an entry is kept.
//!     #[serde(rename = "cache.lifetime", with = "Period")]
//!     #[schemars(extend("x-reload" = true))]
//!     kept_for: Duration,
//! }
//!
//! impl Default for CacheSettings {
//!     fn default() -> Self {
//!         Self { max_bytes: 64 << 20, kept_for: Duration::from_secs(60) }
//!     }
//! }
//!
//! let settings: CacheSettings = serde_json::from_str(r#"{"cache.size": "1 MiB"}"#)?;
//! assert_eq!((settings.max_bytes, settings.kept_for.as_secs()), (1 << 20, 60));
//! assert_eq!(serde_json::to_string(&settings)?, r#"{"cache.size":"1.0 MiB","cache.lifetime":"1m"}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! `x-reload` marks a setting that a running server takes over when its configuration is read again.

mod auto;
mod period;
mod size;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

pub use self::auto::Auto;
pub use self::period::{Period, PeriodOrNone};
pub use self::size::Size;

/// Describes a form in JSON Schema, in the place of each field that has it.
macro_rules! described {
    ($form:ident, $schema:tt) => {
        impl JsonSchema for $form {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($form).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

described!(Auto, { "type": ["string", "integer"], "examples": ["auto"] });
described!(Period, { "type": "string", "examples": ["30s", "1m 15s"] });
described!(PeriodOrNone, { "type": "string", "examples": ["1s", "0s"] });
described!(Size, { "type": ["string", "integer"], "examples": ["64 MiB"] });

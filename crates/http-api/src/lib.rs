//! The REST API: routes, media types, and errors as HTTP.
//!
//! A handler parses a request into domain types, calls one use case and writes its result; it decides nothing.
//! Nothing here knows which store answers.

mod accept;
mod admission;
mod answers;
mod body;
mod compress;
mod delivery;
mod encode;
mod error;
mod inflate;
mod media_type;
mod metrics;
mod middleware;
mod openapi;
mod output;
mod query_body;
mod query_string;
#[doc(hidden)]
pub mod reading;
mod routes;
mod serve;
mod settings;
mod state;

pub use encode::{RecordEncoder, record_encoder};
pub use serve::{HttpServer, Stopper};
pub use settings::HttpSettings;
pub use state::Services;

//! The REST API: routes, media types, and errors as HTTP.
//!
//! A handler parses a request into domain types, calls one use case and writes its result; it decides nothing.
//! Nothing here knows which store answers.

mod accept;
mod access;
mod admission;
mod answers;
mod api;
mod body;
mod bounds;
mod compress;
mod conditional;
mod connections;
mod delivery;
mod disposition;
mod dropped_lines;
mod encode;
mod error;
mod expect;
mod head;
mod headers;
mod inflate;
mod kept;
mod long_text;
mod media_type;
mod memory;
mod metrics;
mod middleware;
mod openapi;
mod output;
mod process;
mod query_body;
mod query_string;
#[doc(hidden)]
pub mod reading;
mod serve;
mod settings;
mod shape;
mod site;
mod slow;
mod state;
mod throttle;
mod tls;
mod trace_context;
mod unreadable;

pub use dropped_lines::DroppedLines;
pub use encode::{RecordEncoder, record_encoder};
pub use headers::check_origins;
pub use inflate::{Compression, inflated};
pub use serve::{HttpServer, Stopper};
pub use settings::{HttpSettings, LiveSettings};
pub use state::Services;
pub use tls::TlsFiles;

//! The REST API: routes, media types, and errors as HTTP.
//!
//! A handler parses a request into domain types, calls one use case and writes its result; it decides nothing.
//! Nothing here knows which store answers.
//!
//! The modules are layers; each imports from those below it alone:
//!
//! - `server`: what it is bound to, and what stands around every route
//! - `api`: the table of routes, and a file for each action
//! - `request`: who sends it, its conditions, its body
//! - `state`: what every handler is given
//! - `telemetry`: metrics, traces, operations that take long
//! - `limits`, `response`: what is taken on at once, answers that are kept
//! - `query_string`, `settings`, `error`, `transport`: what all of them use

mod api;
mod error;
mod limits;
mod query_string;
mod representation;
mod request;
mod response;
mod server;
mod settings;
mod state;
mod telemetry;
mod transport;

pub use representation::inflate::{Compression, inflated};
#[doc(hidden)]
pub use request::reading;
pub use server::headers::check_origins;
pub use server::serve::{HttpServer, Stopper};
pub use settings::{HttpSettings, LiveSettings};
pub use state::Services;
pub use telemetry::dropped_lines::DroppedLines;
pub use transport::tls::TlsFiles;

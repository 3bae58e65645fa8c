//! Record batches as JSON text.

mod json;

pub use json::RecordEncoder;

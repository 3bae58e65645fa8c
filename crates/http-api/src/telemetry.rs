//! What operators are told: metrics, traces, and operations that take long.

pub(crate) mod dropped_lines;
pub(crate) mod metrics;
pub(crate) mod process;
pub(crate) mod request_id;
pub(crate) mod shape;
pub(crate) mod slow;
pub(crate) mod trace_context;

//! What a server takes on: work that runs at once, and how often a client may ask.

pub(crate) mod admission;
pub(crate) mod throttle;

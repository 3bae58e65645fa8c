//! How the server is: for balancers, for Prometheus, and for people and their scripts.

mod health;
pub(super) mod live;
pub(super) mod memory;
pub(super) mod metrics;
pub(super) mod pool;
pub(super) mod ready;

//! Connections, the certificates that they are made under, and how long they are waited for.

pub(crate) mod body_timeouts;
pub(crate) mod connections;
pub(crate) mod tls;

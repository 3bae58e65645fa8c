//! Connections, and the certificates that they are made under.

pub(crate) mod connections;
pub(crate) mod tls;

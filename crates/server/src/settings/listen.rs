//! The address to listen on, which may be a name.

use std::net::{SocketAddr, ToSocketAddrs};

use serde::{Deserialize, Deserializer, de};

/// `localhost:8080` is the first address of that name.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let detail = |what: &str| {
        de::Error::custom(format!("`{text}` is no address such as 127.0.0.1:8080 or localhost:8080{what}"))
    };
    let mut found = text.to_socket_addrs().map_err(|error| detail(&format!(": {error}")))?;
    found.next().ok_or_else(|| detail(": the name has no address"))
}

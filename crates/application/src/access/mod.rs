//! Who may do what.

mod api_keys;

pub use api_keys::{ApiKey, KeyRing, Principal, Unauthorized};

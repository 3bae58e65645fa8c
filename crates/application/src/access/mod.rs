//! Who may do what.

mod keys;

pub use keys::{ApiKey, KeyRing, Principal, Unauthorized};

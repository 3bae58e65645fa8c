//! What a request says: who sends it, its conditions and its body.

pub(crate) mod access;
pub(crate) mod body;
pub(crate) mod conditional;
pub(crate) mod content_type;
pub(crate) mod form;
pub(crate) mod query_body;
pub mod reading;

//! The server: what it is bound to, and what stands around every route.

pub(crate) mod admit;
pub(crate) mod expect;
pub(crate) mod head;
pub(crate) mod headers;
pub(crate) mod long_text;
pub(crate) mod observe;
pub(crate) mod protect;
pub(crate) mod serve;
pub(crate) mod site;
pub(crate) mod unreadable;

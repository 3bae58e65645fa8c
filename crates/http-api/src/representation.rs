//! The form of an answer and of a body: which media type and compression a client wants or sends, and what turns records
//! into it.

pub(crate) mod accept;
pub(crate) mod compress;
pub(crate) mod inflate;
pub(crate) mod media_type;
pub(crate) mod output;

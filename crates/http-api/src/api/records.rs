//! Records: one at a time, in pages, in streams and in bulk; counted, queried and deleted.

pub(super) mod bulk;
pub(super) mod bulk_named;
pub(super) mod count;
pub(super) mod create;
pub(super) mod create_named;
pub(super) mod delivery;
mod envelope;
mod explain;
mod framed;
pub(super) mod get;
mod one;
pub(super) mod page;
pub(super) mod patch;
pub(super) mod query;
pub(super) mod remove;
pub(super) mod remove_matching;
pub(super) mod replace;
pub(super) mod stream;
pub(super) mod stream_query;
mod streamed;

pub(crate) use count::Count;
pub(crate) use explain::Explanation;
pub(crate) use page::PagePlace;

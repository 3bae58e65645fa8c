//! Records that are read: queries, their cursors and tags, what they cost.

mod cursors;
mod explain;
mod query;
mod read_log;
mod tags;

pub use cursors::Cursors;
pub use explain::{Advice, AdviceCode, Explanation};
pub use query::{Groups, OffsetPage, Page, PageRequest, PageStart, QueryService, StreamRequest};
pub use read_log::{ReadLog, SchemaReads, SeenReads};
pub use tags::{Preconditions, Tags, record_tag, schema_tag};

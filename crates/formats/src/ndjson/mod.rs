//! NDJSON: a JSON object a line.
//!
//! The lines are cut here; what is on a line is read and written as in [`crate::json`]. Blank lines are passed over. It
//! is the format in which a stream that breaks off can say why, in a last line `{"$error": …}`.

mod framing;
mod writer;

use self::framing::LineFramer;
pub(crate) use self::writer::WRITER;
use crate::json;
use crate::reader::{FINDS_NOTHING, Reader, RowFormat, SAYS_NOTHING};

pub(crate) const READER: Reader = Reader::Rows(&RowFormat {
    opening: SAYS_NOTHING,
    detect: FINDS_NOTHING,
    framer: |max_record_bytes, _| Box::new(LineFramer::new(max_record_bytes)),
    records: json::RECORDS,
    sampler: json::sampler,
});

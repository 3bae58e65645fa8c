//! Arrow IPC, streams and files: a schema, then batches of columns.
//!
//! The messages of a stream are cut out of the bytes as they arrive; a file waits on disk until it is whole, since its
//! end says where its messages are. Each message says how large it becomes before it is decoded, so that a few bytes of
//! a compressed buffer cannot take much memory.

mod file;
mod message;
mod stream;
mod writer;

use self::stream::ArrowStream;
pub(crate) use self::writer::WRITER;
use crate::reader::Reader;
use crate::reader::columnar::ColumnSource;
use crate::reader::columnar::spooled::SpooledFile;

pub(crate) const READER: Reader = Reader::Columns(|beginning, spooling, _| -> Box<dyn ColumnSource> {
    if beginning.starts_with(file::MAGIC) {
        Box::new(SpooledFile::new(file::NAME, spooling, |file, _| file::open(file)))
    } else {
        Box::<ArrowStream>::default()
    }
});

//! Parquet: a file of row groups, each with the pages of its columns.
//!
//! What describes a file stands at its end, so that a body waits on disk until it is whole. Before a page is inflated,
//! its header is looked at by hand and memory is reserved: the library takes what pages declare at its word.

mod footer;
mod pages;
mod reader;
mod thrift;
mod times;
mod writer;

pub(crate) use self::writer::WRITER;
use crate::reader::Reader;
use crate::reader::columnar::spooled::SpooledFile;

pub(crate) const READER: Reader = Reader::Columns(|_, spooling, batch_rows| {
    let batch_rows = batch_rows.max(1);
    Box::new(SpooledFile::new(reader::NAME, spooling, move |file, memory| reader::open(file, memory, batch_rows)))
});

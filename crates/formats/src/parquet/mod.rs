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

use self::reader::ParquetSpool;
pub(crate) use self::writer::WRITER;
use crate::reader::Reader;

pub(crate) const READER: Reader =
    Reader::Columns(|_, spooling, batch_rows| Box::new(ParquetSpool::new(spooling, batch_rows)));

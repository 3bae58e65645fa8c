//! Arrow IPC streams: a schema, then batches of columns.
//!
//! Messages are cut out of the bytes as they arrive. Each says how large it becomes before it is decoded, so that a few
//! bytes of a compressed buffer cannot take much memory.

mod reader;
mod writer;

use self::reader::ArrowStream;
pub(crate) use self::writer::WRITER;
use crate::reader::Reader;

pub(crate) const READER: Reader = Reader::Columns(|_, _| Box::<ArrowStream>::default());

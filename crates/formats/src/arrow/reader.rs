//! Arrow IPC streams: messages cut out of the bytes as they arrive, looked over, and decoded one by one. A file is such
//! a stream between two marks, with a footer that says where its messages lie, which is not needed here.

use std::collections::HashMap;

use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{Endianness, Message, MessageHeader, RecordBatch as BatchHeader, root_as_message};
use arrow_schema::ArrowError;
use bytes::{Buf, BytesMut};

use crate::reader::ReadError;
use crate::reader::columnar::{Arrival, ColumnSource};

/// What stands in front of every message since Arrow 0.15.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// What a file begins with, and what it ends with.
const FILE_BEGINNING: &[u8] = b"ARROW1\0\0";
const FILE_END: &[u8] = b"ARROW1";

/// Most bytes of the description of a message.
const MAX_METADATA_BYTES: usize = 16 << 20;

/// Most bytes of a message's data, as sent and once decompressed, and of all dictionaries together.
const MAX_DATA_BYTES: u64 = 64 << 20;

/// Decodes a stream that arrives in blocks. Holds one message and the dictionaries.
#[derive(Debug, Default)]
pub(crate) struct ArrowStream {
    /// Bytes from the beginning of a message on.
    bytes: BytesMut,
    decoder: StreamDecoder,
    /// What the messages stand in, once the beginning has said so.
    container: Option<Container>,
    has_columns: bool,
    is_marked_ended: bool,
    /// Bytes of each dictionary.
    dictionaries: HashMap<i64, u64>,
}

/// What messages stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Stream,
    /// Between two marks.
    File,
}

/// A message out of the stream.
#[derive(Debug)]
struct Cut {
    /// From its length on.
    message: BytesMut,
    has_data: bool,
}

impl ColumnSource for ArrowStream {
    fn push(&mut self, block: &[u8]) -> Result<(), ReadError> {
        self.bytes.extend_from_slice(block);
        Ok(())
    }

    /// Ends the body, all of whose messages have been taken.
    fn end(&mut self) -> Result<(), ReadError> {
        if self.is_file() && self.bytes != FILE_END {
            return Err(ReadError::malformed("the Arrow file breaks off"));
        }
        if !self.is_file() && !self.bytes.is_empty() {
            return Err(ReadError::malformed("the Arrow stream breaks off within a message"));
        }
        if self.has_columns {
            Ok(())
        } else {
            Err(ReadError::malformed("the body is empty; expected an Arrow IPC stream"))
        }
    }

    /// The columns, or the next batch; `None` when more bytes are needed.
    fn arrival(&mut self) -> Result<Option<Arrival>, ReadError> {
        while let Some(Cut { message, has_data }) = self.message()? {
            let mut message = Buffer::from(message.freeze());
            let mut batch = self.decoder.decode(&mut message).map_err(undecodable)?;
            if batch.is_none() && !has_data {
                // The decoder turns to the data, even where there is none, when more bytes come: the mark of the next
                // message, which is left out of what it is given otherwise.
                batch = self.decoder.decode(&mut Buffer::from(CONTINUATION)).map_err(undecodable)?;
            }
            if let Some(batch) = batch {
                return Ok(Some(Arrival::Rows(batch)));
            }
            if !self.has_columns
                && let Some(schema) = self.decoder.schema()
            {
                self.has_columns = true;
                return Ok(Some(Arrival::Columns(schema)));
            }
        }
        Ok(None)
    }
}

impl ArrowStream {
    fn is_file(&self) -> bool {
        self.container == Some(Container::File)
    }

    /// The next whole message.
    fn message(&mut self) -> Result<Option<Cut>, ReadError> {
        if self.container.is_none() {
            if self.bytes.len() < FILE_BEGINNING.len() && FILE_BEGINNING.starts_with(&self.bytes) {
                return Ok(None);
            }
            self.container = Some(if self.bytes.starts_with(FILE_BEGINNING) {
                self.bytes.advance(FILE_BEGINNING.len());
                Container::File
            } else {
                Container::Stream
            });
        }
        // Writers pad the mark at the beginning to a boundary of their own.
        while self.is_file() && !self.has_columns && self.bytes.starts_with(&[0; 4]) {
            self.bytes.advance(4);
        }
        if self.is_marked_ended && self.is_file() {
            // The footer passes by, but for its end.
            self.bytes.advance(self.bytes.len().saturating_sub(FILE_END.len()));
            return Ok(None);
        }
        if self.is_marked_ended {
            return if self.bytes.is_empty() {
                Ok(None)
            } else {
                Err(ReadError::malformed("bytes follow the end of the Arrow stream"))
            };
        }
        let start = if self.bytes.starts_with(&CONTINUATION) { 8 } else { 4 };
        let Some(length) = self.bytes.get(start - 4..start) else { return Ok(None) };
        let length = length.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        if length == 0 {
            self.bytes.advance(start);
            self.is_marked_ended = true;
            return self.message();
        }
        if length > MAX_METADATA_BYTES {
            return Err(ReadError::malformed("the body is not an Arrow IPC stream"));
        }
        let Some(metadata) = self.bytes.get(start..start + length) else { return Ok(None) };
        let message = root_as_message(metadata).map_err(|_| {
            // Some writers leave the length of the first message out, and count on the footer.
            let is_without_stream = self.is_file() && !self.has_columns;
            ReadError::malformed(if is_without_stream {
                "the Arrow file holds no stream, and its footer is not read here; write a stream"
            } else {
                "a message of the Arrow stream is damaged"
            })
        })?;
        let data_bytes = u64::try_from(message.bodyLength()).unwrap_or(u64::MAX);
        check_size(data_bytes)?;
        let end = start + length + usize::try_from(data_bytes).unwrap_or(usize::MAX);
        let Some(data) = self.bytes.get(start + length..end) else { return Ok(None) };
        if let Some((id, bytes, is_delta)) = look_over(&message, data)? {
            let held = self.dictionaries.entry(id).or_default();
            *held = if is_delta { held.saturating_add(bytes) } else { bytes };
            if self.dictionaries.values().sum::<u64>() > MAX_DATA_BYTES {
                return Err(ReadError::malformed(format!(
                    "the dictionaries of the stream have more than {MAX_DATA_BYTES} bytes"
                )));
            }
        }
        let mut message = self.bytes.split_to(end);
        message.advance(start - 4);
        Ok(Some(Cut { message, has_data: data_bytes > 0 }))
    }
}

/// Checks what a message will take once decompressed. For a dictionary: its id, its bytes, and whether it adds to one.
fn look_over(message: &Message<'_>, data: &[u8]) -> Result<Option<(i64, u64, bool)>, ReadError> {
    let damaged = || ReadError::malformed("a message of the Arrow stream is damaged");
    match message.header_type() {
        MessageHeader::Schema => {
            let schema = message.header_as_schema().ok_or_else(damaged)?;
            // It holds for all that follows, batches and dictionaries, and the decoder does not look at it.
            if schema.endianness() == Endianness::Little {
                Ok(None)
            } else {
                Err(ReadError::malformed(
                    "the Arrow stream is big-endian, which is not read here; write it little-endian",
                ))
            }
        }
        MessageHeader::RecordBatch => {
            let batch = message.header_as_record_batch().ok_or_else(damaged)?;
            check_size(decompressed(&batch, data))?;
            Ok(None)
        }
        MessageHeader::DictionaryBatch => {
            let dictionary = message.header_as_dictionary_batch().ok_or_else(damaged)?;
            let bytes = decompressed(&dictionary.data().ok_or_else(damaged)?, data);
            check_size(bytes)?;
            Ok(Some((dictionary.id(), bytes, dictionary.isDelta())))
        }
        _ => Err(damaged()),
    }
}

/// Bytes of a batch's buffers once they are decompressed: each says so in front of its data.
fn decompressed(batch: &BatchHeader<'_>, data: &[u8]) -> u64 {
    if batch.compression().is_none() {
        return data.len() as u64;
    }
    let declared = |buffer: &arrow_ipc::Buffer| {
        let start = usize::try_from(buffer.offset()).ok()?;
        let length = data.get(start..start.checked_add(8)?)?.try_into().ok()?;
        u64::try_from(i64::from_le_bytes(length)).ok()
    };
    // What is not compressed, or lies outside the data, adds nothing.
    let declared = batch.buffers().into_iter().flatten().filter_map(declared);
    declared.fold(data.len() as u64, u64::saturating_add)
}

fn check_size(bytes: u64) -> Result<(), ReadError> {
    if bytes > MAX_DATA_BYTES {
        return Err(ReadError::malformed(format!(
            "a batch of the Arrow stream has more than {MAX_DATA_BYTES} bytes; send smaller batches"
        )));
    }
    Ok(())
}

/// The decoder's own words may hold values, so they are not passed on.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn undecodable(error: ArrowError) -> ReadError {
    ReadError::malformed(match error {
        ArrowError::NotYetImplemented(_) => "the Arrow stream uses a feature that is not read here",
        _ => "a message of the Arrow stream is damaged",
    })
}

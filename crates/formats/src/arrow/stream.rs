//! Arrow IPC streams: messages cut out of the bytes as they arrive, looked over, and decoded one by one.

use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::root_as_message;
use bytes::{Buf, BytesMut};

use super::message::{CONTINUATION, Dictionaries, MAX_METADATA_BYTES, check_size, look_over, undecodable};
use crate::reader::ReadError;
use crate::reader::columnar::{Arrival, ColumnSource};

/// Decodes a stream that arrives in blocks. Holds one message and the dictionaries.
#[derive(Debug, Default)]
pub(crate) struct ArrowStream {
    /// Bytes from the beginning of a message on.
    bytes: BytesMut,
    decoder: StreamDecoder,
    has_columns: bool,
    is_marked_ended: bool,
    dictionaries: Dictionaries,
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
        if !self.bytes.is_empty() {
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
    /// The next whole message.
    fn message(&mut self) -> Result<Option<Cut>, ReadError> {
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
        let message =
            root_as_message(metadata).map_err(|_| ReadError::malformed("a message of the Arrow body is damaged"))?;
        let data_bytes = u64::try_from(message.bodyLength()).unwrap_or(u64::MAX);
        check_size(data_bytes)?;
        let end = start + length + usize::try_from(data_bytes).unwrap_or(usize::MAX);
        let Some(data) = self.bytes.get(start + length..end) else { return Ok(None) };
        if let Some(dictionary) = look_over(&message, data)? {
            self.dictionaries.add(dictionary)?;
        }
        let mut message = self.bytes.split_to(end);
        message.advance(start - 4);
        Ok(Some(Cut { message, has_data: data_bytes > 0 }))
    }
}

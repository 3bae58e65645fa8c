//! The messages of Arrow IPC, looked over before they are decoded: each says how large it becomes.

use std::collections::HashMap;

use arrow_ipc::{Endianness, Message, MessageHeader, RecordBatch as BatchHeader, Schema as SchemaHeader};
use arrow_schema::ArrowError;

use crate::reader::ReadError;

/// What stands in front of every message since Arrow 0.15.
pub(super) const CONTINUATION: [u8; 4] = [0xff; 4];

/// Most bytes of the description of a message.
pub(super) const MAX_METADATA_BYTES: usize = 16 << 20;

/// Most bytes of a message's data, as sent and once decompressed, and of all dictionaries together.
const MAX_DATA_BYTES: u64 = 64 << 20;

/// A dictionary that a message brings.
pub(super) struct Dictionary {
    id: i64,
    /// What it takes once decompressed.
    bytes: u64,
    /// Whether it adds to what there is of the dictionary.
    is_addition: bool,
}

/// Bytes of the dictionaries that are held.
#[derive(Debug, Default)]
pub(super) struct Dictionaries(HashMap<i64, u64>);

impl Dictionaries {
    /// Counts a dictionary.
    ///
    /// # Errors
    /// When all of them come to too much.
    pub(super) fn add(&mut self, Dictionary { id, bytes, is_addition }: Dictionary) -> Result<(), ReadError> {
        let held = self.0.entry(id).or_default();
        *held = if is_addition { held.saturating_add(bytes) } else { bytes };
        if self.0.values().sum::<u64>() > MAX_DATA_BYTES {
            return Err(ReadError::malformed(format!(
                "the dictionaries of the Arrow body have more than {MAX_DATA_BYTES} bytes"
            )));
        }
        Ok(())
    }
}

/// Checks in which order a schema says that the bytes of numbers stand. It holds for all that follows, batches and
/// dictionaries, and the decoder does not look at it.
pub(super) fn check_order(schema: SchemaHeader<'_>) -> Result<(), ReadError> {
    if schema.endianness() == Endianness::Little {
        return Ok(());
    }
    Err(ReadError::malformed("the Arrow body is big-endian, which is not read here; write it little-endian"))
}

/// Checks what a message will take once decompressed, and says so of a dictionary.
pub(super) fn look_over(message: &Message<'_>, data: &[u8]) -> Result<Option<Dictionary>, ReadError> {
    let damaged = || ReadError::malformed("a message of the Arrow body is damaged");
    match message.header_type() {
        MessageHeader::Schema => {
            check_order(message.header_as_schema().ok_or_else(damaged)?)?;
            Ok(None)
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
            Ok(Some(Dictionary { id: dictionary.id(), bytes, is_addition: dictionary.isDelta() }))
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

/// Refuses the data of a message that is too large.
pub(super) fn check_size(bytes: u64) -> Result<(), ReadError> {
    if bytes > MAX_DATA_BYTES {
        return Err(ReadError::malformed(format!(
            "a batch of the Arrow body has more than {MAX_DATA_BYTES} bytes; send smaller batches"
        )));
    }
    Ok(())
}

/// The decoder's own words may hold values, so they are not passed on.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(super) fn undecodable(error: ArrowError) -> ReadError {
    ReadError::malformed(match error {
        ArrowError::NotYetImplemented(_) => "the Arrow body uses a feature that is not read here",
        _ => "a message of the Arrow body is damaged",
    })
}

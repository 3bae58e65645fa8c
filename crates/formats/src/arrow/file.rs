//! Arrow IPC files, once they are whole: read as the footer at their end says.
//!
//! The messages of a file need not make a stream: polars, for one, leaves out what stands in front of the first.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, root_as_footer, root_as_message};
use arrow_schema::Schema;

use super::message::{CONTINUATION, Dictionaries, MAX_METADATA_BYTES, check_order, check_size, look_over, undecodable};
use crate::reader::ReadError;
use crate::reader::columnar::spooled::{self, Opened};

/// What the format is called.
pub(super) const NAME: &str = "Arrow";
/// What a file begins with, and what it ends with.
pub(super) const MAGIC: &[u8] = b"ARROW1";
/// Bytes behind the footer: its length, and the mark.
const END_BYTES: u64 = 10;

/// The batches of a file that are still to be read.
struct Batches {
    file: File,
    /// Where each of them stands.
    places: VecDeque<Block>,
    decoder: FileDecoder,
}

impl spooled::Batches for Batches {
    fn next(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        while let Some(place) = self.places.pop_front() {
            let message = message_at(&mut self.file, &place, None)?;
            if let Some(batch) = self.decoder.read_record_batch(&place, &message).map_err(undecodable)? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

/// The columns of a file, its dictionaries read, and what reads its batches.
pub(super) fn open(mut file: File) -> Result<Opened, ReadError> {
    let size = file.seek(SeekFrom::End(0))?;
    let footer = footer_of(&mut file, size)?;
    let messages_end = size - END_BYTES - footer.len() as u64;
    let footer = root_as_footer(&footer).map_err(|_| damaged())?;
    let schema = footer.schema().ok_or_else(damaged)?;
    check_order(schema)?;
    let schema: Arc<Schema> = Arc::new(try_fb_to_schema(schema).map_err(undecodable)?);
    let dictionaries: Vec<Block> = footer.dictionaries().into_iter().flatten().copied().collect();
    let places: VecDeque<Block> = footer.recordBatches().into_iter().flatten().copied().collect();
    check_places(dictionaries.iter().chain(&places), messages_end)?;
    let mut decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
    let mut held = Dictionaries::default();
    for place in dictionaries {
        let message = message_at(&mut file, &place, Some(&mut held))?;
        decoder.read_dictionary(&place, &message).map_err(undecodable)?;
    }
    Ok((schema, Box::new(Batches { file, places, decoder })))
}

/// The bytes of the footer of a file of so many bytes.
fn footer_of(file: &mut File, size: u64) -> Result<Vec<u8>, ReadError> {
    let broken = || ReadError::malformed("the Arrow file breaks off");
    let before = size.checked_sub(END_BYTES).filter(|before| *before >= MAGIC.len() as u64).ok_or_else(broken)?;
    let mut end = [0; 10];
    file.seek(SeekFrom::Start(before))?;
    file.read_exact(&mut end)?;
    let [a, b, c, d, mark @ ..] = end;
    if mark != MAGIC {
        return Err(broken());
    }
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_METADATA_BYTES || length as u64 > before - MAGIC.len() as u64 {
        return Err(damaged());
    }
    file.seek(SeekFrom::Start(before - length as u64))?;
    let mut footer = vec![0; length];
    file.read_exact(&mut footer)?;
    Ok(footer)
}

/// Checks that the messages of a file lie within it and beside one another: a message that a footer names often would
/// stand for many times the bytes that were sent.
fn check_places<'b>(places: impl Iterator<Item = &'b Block>, end: u64) -> Result<(), ReadError> {
    let mut spans = Vec::new();
    for place in places {
        let start = u64::try_from(place.offset()).map_err(|_| damaged())?;
        let metadata = u64::try_from(place.metaDataLength()).map_err(|_| damaged())?;
        let data = u64::try_from(place.bodyLength()).map_err(|_| damaged())?;
        if metadata > MAX_METADATA_BYTES as u64 {
            return Err(damaged());
        }
        check_size(data)?;
        spans.push((start, start.saturating_add(metadata + data)));
    }
    spans.sort_unstable();
    let mut behind = MAGIC.len() as u64;
    for (start, span_end) in spans {
        if start < behind || span_end > end {
            return Err(damaged());
        }
        behind = span_end;
    }
    Ok(())
}

/// The message at a place, which was checked, looked over; `dictionaries` where it has to be one.
fn message_at(file: &mut File, place: &Block, dictionaries: Option<&mut Dictionaries>) -> Result<Buffer, ReadError> {
    let start = u64::try_from(place.offset()).map_err(|_| damaged())?;
    let metadata = usize::try_from(place.metaDataLength()).map_err(|_| damaged())?;
    let data = usize::try_from(place.bodyLength()).map_err(|_| damaged())?;
    let mut bytes = vec![0; metadata + data];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    let (description, data) = bytes.split_at(metadata);
    let prefix = if description.starts_with(&CONTINUATION) { 8 } else { 4 };
    let message = description.get(prefix..).and_then(|message| root_as_message(message).ok()).ok_or_else(damaged)?;
    if let (Some(dictionary), Some(dictionaries)) = (look_over(&message, data)?, dictionaries) {
        dictionaries.add(dictionary)?;
    }
    Ok(Buffer::from(bytes))
}

fn damaged() -> ReadError {
    spooled::damaged(NAME)
}

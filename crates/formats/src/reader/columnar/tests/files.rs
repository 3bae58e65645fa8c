//! The file format of Arrow, which is Feather too.

use std::sync::Arc;

use arrow_array::DictionaryArray;
use arrow_array::types::Int32Type;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_ipc::{CompressionType, root_as_footer};

use super::{batch, carriers, flights, refusal};
use crate::test_support::decode_in;
use crate::{Format, ReadError, ReadLimits};

fn file(options: IpcWriteOptions) -> Vec<u8> {
    let notes: DictionaryArray<Int32Type> = [Some("a"), None, Some("a")].into_iter().collect();
    let columns = batch(vec![("carrier", carriers(&[Some("UA"), Some("AA"), Some("DL")])), ("note", Arc::new(notes))]);
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &columns.schema(), options).unwrap();
    writer.write(&columns).unwrap();
    writer.write(&columns.slice(1, 1)).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_file_is_read_once_it_is_whole() {
    let compressed = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
    let packed = IpcWriteOptions::try_new(8, false, arrow_ipc::MetadataVersion::V5).unwrap();
    for options in [IpcWriteOptions::default(), compressed, packed] {
        let body = file(options);
        for step in [1, 7, 64, body.len()] {
            let decoded = decode_in(&flights(), Format::ArrowStream, ReadLimits::default(), &body, step).unwrap();
            assert_eq!((decoded.received, decoded.failed), (4, 0), "in pieces of {step}");
        }
    }
}

#[test]
fn a_file_is_whole_when_its_end_is_there() {
    let body = file(IpcWriteOptions::default());
    for end in [1, 6, 30] {
        let detail = refusal(&flights(), Format::ArrowStream, &body[..body.len() - end]);
        assert_eq!(detail, "the Arrow file breaks off", "{end} bytes before its end");
    }
    assert_eq!(refusal(&flights(), Format::ArrowStream, b"ARROW1\0\0"), "the Arrow file breaks off");
    assert_eq!(refusal(&flights(), Format::ArrowStream, b"ARRO"), "the body is not an Arrow IPC stream");
}

/// Writers may leave out what makes a stream of the messages.
#[test]
fn a_file_is_read_by_its_footer_alone() {
    let mut body = file(IpcWriteOptions::default());
    let schema_bytes = 8 + usize::try_from(u32::from_le_bytes(body[12..16].try_into().unwrap())).unwrap();
    body[8..8 + schema_bytes].fill(0x55);
    let decoded = decode_in(&flights(), Format::ArrowStream, ReadLimits::default(), &body, 64).unwrap();
    assert_eq!((decoded.received, decoded.failed), (4, 0));
}

/// The places in a file at which its footer says that messages begin.
fn places(body: &[u8]) -> Vec<usize> {
    let footer_end = body.len() - 10;
    let length = usize::try_from(u32::from_le_bytes(body[footer_end..footer_end + 4].try_into().unwrap())).unwrap();
    let footer = root_as_footer(&body[footer_end - length..footer_end]).unwrap();
    let blocks = footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
    let offsets: Vec<i64> = blocks.map(arrow_ipc::Block::offset).collect();
    let found = |offset: i64| {
        let bytes = offset.to_le_bytes();
        (footer_end - length..footer_end - 8).find(|place| body[*place..*place + 8] == bytes).unwrap()
    };
    offsets.into_iter().map(found).collect()
}

#[test]
fn a_footer_that_names_messages_outside_the_file_or_twice_is_damaged() {
    let body = file(IpcWriteOptions::default());
    let places = places(&body);
    let [.., before, last] = places[..] else { panic!("two batches") };
    for offset in [body[before..before + 8].to_vec(), i64::MAX.to_le_bytes().to_vec(), (-8_i64).to_le_bytes().to_vec()]
    {
        let mut damaged = body.clone();
        damaged[last..last + 8].copy_from_slice(&offset);
        assert_eq!(refusal(&flights(), Format::ArrowStream, &damaged), "the Arrow file is damaged");
    }
    for length in [u32::MAX, 1 << 20, 3] {
        let mut damaged = body.clone();
        let end = damaged.len() - 10;
        damaged[end..end + 4].copy_from_slice(&length.to_le_bytes());
        assert_eq!(refusal(&flights(), Format::ArrowStream, &damaged), "the Arrow file is damaged");
    }
}

#[test]
fn a_file_that_is_damaged_anywhere_is_refused_or_read_but_no_fault() {
    let body = file(IpcWriteOptions::default());
    for place in 0..body.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = body.clone();
            damaged[place] = value;
            match decode_in(&flights(), Format::ArrowStream, ReadLimits::default(), &damaged, 1 << 16) {
                Ok(_) | Err(ReadError::MalformedBody { .. }) => {}
                Err(other) => panic!("{place}: {other:?}"),
            }
        }
    }
}

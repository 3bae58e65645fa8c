//! The file format of Arrow, which is Feather too.

use std::sync::Arc;

use arrow_array::DictionaryArray;
use arrow_array::types::Int32Type;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};

use super::{batch, carriers, flights, refusal};
use crate::test_support::decode_in;
use crate::{Format, ReadLimits};

fn file(options: IpcWriteOptions) -> Vec<u8> {
    let notes: DictionaryArray<Int32Type> = [Some("a"), None, Some("a")].into_iter().collect();
    let columns = batch(vec![("carrier", carriers(&[Some("UA"), Some("AA"), Some("DL")])), ("note", Arc::new(notes))]);
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &columns.schema(), options).unwrap();
    writer.write(&columns).unwrap();
    writer.write(&columns.slice(1, 1)).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_file_is_read_as_the_stream_within_it() {
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
    assert_eq!(refusal(&flights(), Format::ArrowStream, b"ARRO"), "the Arrow stream breaks off within a message");
}

//! Bodies that are damaged, cut off or of another format.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};
use ::parquet::file::properties::WriterProperties;
use arrow_array::Int64Array;
use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_ipc::{
    Endianness, FieldBuilder, IntBuilder, MessageBuilder, MessageHeader, MetadataVersion, SchemaBuilder, Type,
};
use bytes::Bytes;
use flatbuffers::FlatBufferBuilder;
use serde_json::json;

use super::{arrow, batch, carriers, flights, parquet, refusal, schema};
use crate::test_support::decode_in;
use crate::{Format, ReadError, ReadLimits, RecordReader, Spooling};

#[test]
fn a_body_of_another_format_or_a_part_of_one_is_malformed() {
    let columns = batch(vec![("carrier", carriers(&[Some("UA")]))]);
    let stream = arrow(std::slice::from_ref(&columns));
    let parquet = parquet(&[columns]);
    let trailing = [stream.as_slice(), b"x"].concat();
    for (format, body, detail) in [
        (Format::ArrowStream, &b""[..], "the body is empty; expected an Arrow IPC stream"),
        (Format::ArrowStream, &b"{\"carrier\":\"UA\"}"[..], "the body is not an Arrow IPC stream"),
        (Format::ArrowStream, &stream[..stream.len() - 20], "the Arrow stream breaks off within a message"),
        (Format::ArrowStream, &trailing, "bytes follow the end of the Arrow stream"),
        (Format::Parquet, b"", "the body is empty; expected a Parquet file"),
        (Format::Parquet, b"PAR1", "the body is not a Parquet file"),
        (Format::Parquet, &stream, "the body is an Arrow stream"),
        (Format::Parquet, &parquet[..parquet.len() - 1], "the body is not a Parquet file"),
        (Format::Parquet, &parquet[20..], "the Parquet file is damaged"),
    ] {
        let found = refusal(&flights(), format, body);
        assert!(found.starts_with(detail), "{found}, expected {detail}");
    }
}

#[test]
fn a_damaged_body_is_refused_or_read_but_no_fault() {
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.append_value("x");
    dictionary.append_null();
    let columns =
        batch(vec![("carrier", carriers(&[Some("UA"), Some("AA")])), ("note", Arc::new(dictionary.finish()))]);
    for (format, body) in
        [(Format::ArrowStream, arrow(std::slice::from_ref(&columns))), (Format::Parquet, parquet(&[columns]))]
    {
        for place in 0..body.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = body.clone();
                damaged[place] = value;
                match decode_in(&flights(), format, ReadLimits::default(), &damaged, 1 << 16) {
                    Ok(_) | Err(ReadError::MalformedBody { .. }) => {}
                    Err(other) => panic!("{format:?}, {place}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_spool_directory_that_is_gone_is_a_fault_of_the_server() {
    let spooling = Spooling { directory: "/nonexistent/directory".into(), ..Spooling::default() };
    for (format, magic) in [(Format::Parquet, "PAR1\0\0\0\0"), (Format::ArrowStream, "ARROW1\0\0")] {
        let mut reader = RecordReader::new(format, flights(), ReadLimits::default(), spooling.clone());
        assert!(matches!(reader.cut(magic.repeat(32).as_bytes()), Err(ReadError::Disk(_))));
    }
}

/// The message with the schema of a stream: one column of whole numbers.
fn schema_message(endianness: Endianness) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let name = builder.create_string("flight");
    let mut int = IntBuilder::new(&mut builder);
    int.add_bitWidth(64);
    int.add_is_signed(true);
    let int = int.finish().as_union_value();
    let children = builder.create_vector::<flatbuffers::ForwardsUOffset<arrow_ipc::Field<'_>>>(&[]);
    let mut field = FieldBuilder::new(&mut builder);
    field.add_name(name);
    field.add_nullable(true);
    field.add_type_type(Type::Int);
    field.add_type_(int);
    field.add_children(children);
    let field = field.finish();
    let fields = builder.create_vector(&[field]);
    let mut schema = SchemaBuilder::new(&mut builder);
    schema.add_endianness(endianness);
    schema.add_fields(fields);
    let schema = schema.finish().as_union_value();
    let mut message = MessageBuilder::new(&mut builder);
    message.add_version(MetadataVersion::V5);
    message.add_header_type(MessageHeader::Schema);
    message.add_header(schema);
    let message = message.finish();
    builder.finish(message, None);
    let mut metadata = builder.finished_data().to_vec();
    metadata.resize(metadata.len().next_multiple_of(8), 0);
    let length = u32::try_from(metadata.len()).unwrap().to_le_bytes();
    [&[0xff; 4][..], &length, &metadata].concat()
}

/// Its values would be read with their bytes swapped.
#[test]
fn a_stream_of_a_big_endian_writer_is_refused() {
    let flights = schema(&json!([{"name": "flight", "type": "integer"}]));
    let columns = batch(vec![("flight", Arc::new(Int64Array::from(vec![1])))]);
    let body = arrow(&[columns]);
    // The batches of a stream follow the message with its schema.
    let length = 8 + usize::try_from(u32::from_le_bytes(body[4..8].try_into().unwrap())).unwrap();
    let stream = |endianness| [schema_message(endianness).as_slice(), &body[length..]].concat();
    let little = stream(Endianness::Little);
    let decoded = decode_in(&flights, Format::ArrowStream, ReadLimits::default(), &little, 64).unwrap();
    assert_eq!((decoded.received, decoded.failed), (1, 0));
    let detail = refusal(&flights, Format::ArrowStream, &stream(Endianness::Big));
    assert_eq!(detail, "the Arrow body is big-endian, which is not read here; write it little-endian");
}

/// A file of one column and one page that is not compressed: what is in front of its description, and that.
fn plain_file() -> (Vec<u8>, ParquetMetaData) {
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_offset_index_disabled(true)
        .set_compression(Compression::UNCOMPRESSED);
    let columns = batch(vec![("flight", Arc::new(Int64Array::from(vec![1, 2, 3])))]);
    let mut writer = ArrowWriter::try_new(Vec::new(), columns.schema(), Some(properties.build())).unwrap();
    writer.write(&columns).unwrap();
    let body = writer.into_inner().unwrap();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(body.clone())).unwrap();
    let column = metadata.row_group(0).column(0);
    let end = usize::try_from(column.data_page_offset() + column.compressed_size()).unwrap();
    (body[..end].to_vec(), metadata)
}

/// The file with its only column described otherwise.
fn described(
    pages: &[u8],
    metadata: &ParquetMetaData,
    change: impl Fn(
        ::parquet::file::metadata::ColumnChunkMetaDataBuilder,
    ) -> ::parquet::file::metadata::ColumnChunkMetaDataBuilder,
) -> Vec<u8> {
    let group = metadata.row_group(0).clone();
    let column = group.column(0).clone().into_builder().set_column_index_offset(None).set_offset_index_offset(None);
    let group = group.into_builder().set_column_metadata(vec![change(column).build().unwrap()]).build().unwrap();
    let metadata = metadata.clone().into_builder().set_row_groups(vec![group]).build();
    let mut body = pages.to_vec();
    let mut footer = Vec::new();
    ParquetMetaDataWriter::new(&mut footer, &metadata).finish().unwrap();
    body.extend_from_slice(&footer);
    body
}

fn received(body: &[u8]) -> Result<u64, String> {
    let schema = schema(&json!([{"name": "flight", "type": "integer"}]));
    match decode_in(&schema, Format::Parquet, ReadLimits::default(), body, 64) {
        Ok(decoded) => Ok(decoded.received),
        Err(ReadError::MalformedBody { detail }) => Err(detail),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn an_offset_of_a_dictionary_that_there_is_not_is_passed_over() {
    let (pages, metadata) = plain_file();
    for offset in [None, Some(0), Some(-1), Some(1 << 40)] {
        let body = described(&pages, &metadata, |column| column.set_dictionary_page_offset(offset));
        assert_eq!(received(&body), Ok(3), "{offset:?}");
    }
}

#[test]
fn a_page_that_is_not_what_its_checksum_says_is_refused() {
    let (pages, metadata) = plain_file();
    let start = usize::try_from(metadata.row_group(0).column(0).data_page_offset()).unwrap();
    // The header has three whole numbers, type and sizes, and then the struct of a page of data, field 5.
    let fields = &pages[start..];
    let mut at = 0;
    for _ in 0..3 {
        assert_eq!(fields[at], 0x15);
        at += 1 + fields[at + 1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    }
    assert_eq!(fields[at], 0x2c, "two after the third");
    let checksum = crc32(&fields[header_length(fields)..]);
    let with_checksum = |checksum: u32| {
        let mut field = vec![0x15];
        let mut code = zigzag(checksum.cast_signed());
        while code > 0x7f {
            field.push(u8::try_from(code & 0x7f).unwrap() | 0x80);
            code >>= 7;
        }
        field.push(u8::try_from(code).unwrap());
        let more = i64::try_from(field.len()).unwrap();
        let pages = [&pages[..start + at], &field, &[0x1c], &pages[start + at + 1..]].concat();
        described(&pages, &metadata, |column| {
            let (sent, whole) = {
                let column = metadata.row_group(0).column(0);
                (column.compressed_size() + more, column.uncompressed_size() + more)
            };
            column.set_total_compressed_size(sent).set_total_uncompressed_size(whole)
        })
    };
    assert_eq!(received(&with_checksum(checksum)), Ok(3));
    let refused = received(&with_checksum(checksum ^ 1)).unwrap_err();
    assert_eq!(refused, "a page of the Parquet file is not what its checksum says");
    let mut damaged = with_checksum(checksum);
    // The second value, which no statistics name.
    let place = damaged.windows(8).position(|bytes| bytes == 2_i64.to_le_bytes()).unwrap();
    damaged[place] = 1;
    assert_eq!(received(&damaged).unwrap_err(), "a page of the Parquet file is not what its checksum says");
}

/// The bytes of the page are at the end of its column, in as many as the second number of the header says.
fn header_length(page: &[u8]) -> usize {
    let number = |at: usize| {
        let length = page[at..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let code = page[at..at + length].iter().rev().fold(0_usize, |code, byte| code << 7 | usize::from(byte & 0x7f));
        (code / 2, at + length)
    };
    let (_, at) = number(1);
    let (size, _) = number(at + 1);
    page.len() - size
}

fn zigzag(number: i32) -> u32 {
    ((number << 1) ^ (number >> 31)).cast_unsigned()
}

/// The checksum of gzip, which is that of Parquet.
fn crc32(bytes: &[u8]) -> u32 {
    let of_byte = |checksum: u32, byte: &u8| {
        (0..8).fold(checksum ^ u32::from(*byte), |checksum, _| {
            if checksum & 1 == 1 { (checksum >> 1) ^ 0xedb8_8320 } else { checksum >> 1 }
        })
    };
    !bytes.iter().fold(u32::MAX, of_byte)
}

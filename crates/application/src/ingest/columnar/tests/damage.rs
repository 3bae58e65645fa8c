//! Bodies that are damaged, cut off or of another format.

use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_ipc::writer::FileWriter;

use super::{arrow, batch, carriers, flights, parquet, refusal};
use crate::Error;
use crate::ingest::test_support::{decode_in, decoder};
use crate::ingest::{BodyFormat, IngestLimits};

#[test]
fn a_body_of_another_format_or_a_part_of_one_is_malformed() {
    let columns = batch(vec![("carrier", carriers(&[Some("UA")]))]);
    let stream = arrow(std::slice::from_ref(&columns));
    let file = {
        let mut writer = FileWriter::try_new(Vec::new(), &columns.schema()).unwrap();
        writer.write(&columns).unwrap();
        writer.into_inner().unwrap()
    };
    let parquet = parquet(&[columns]);
    let trailing = [stream.as_slice(), b"x"].concat();
    for (format, body, detail) in [
        (BodyFormat::ArrowStream, &b""[..], "the body is empty; expected an Arrow IPC stream"),
        (BodyFormat::ArrowStream, &file, "the body is an Arrow file; send the stream format"),
        (BodyFormat::ArrowStream, &b"{\"carrier\":\"UA\"}"[..], "the body is not an Arrow IPC stream"),
        (BodyFormat::ArrowStream, &stream[..stream.len() - 20], "the Arrow stream breaks off within a message"),
        (BodyFormat::ArrowStream, &trailing, "bytes follow the end of the Arrow stream"),
        (BodyFormat::Parquet, b"", "the body is empty; expected a Parquet file"),
        (BodyFormat::Parquet, b"PAR1", "the body is not a Parquet file"),
        (BodyFormat::Parquet, &stream, "the body is not a Parquet file"),
        (BodyFormat::Parquet, &parquet[..parquet.len() - 1], "the body is not a Parquet file"),
        (BodyFormat::Parquet, &parquet[20..], "the Parquet file is damaged"),
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
        [(BodyFormat::ArrowStream, arrow(std::slice::from_ref(&columns))), (BodyFormat::Parquet, parquet(&[columns]))]
    {
        for place in 0..body.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = body.clone();
                damaged[place] = value;
                match decode_in(&flights(), format, IngestLimits::default(), &damaged, 1 << 16) {
                    Ok(_) | Err(Error::MalformedBody { .. } | Error::TooManyRecords { .. }) => {}
                    Err(other) => panic!("{format:?}, {place}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_spool_directory_that_is_gone_is_a_fault_of_the_server() {
    let decoder = decoder(&flights(), BodyFormat::Parquet, IngestLimits::default());
    let mut decoder = decoder.with_spool_directory("/nonexistent/directory".into());
    assert!(matches!(decoder.decode(b"PAR1"), Err(Error::Store(_))));
}

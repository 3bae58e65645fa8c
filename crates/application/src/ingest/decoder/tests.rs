//! Bodies that become batches, and the exact report of those that do not.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_ipc::writer::StreamWriter;
use eider_domain::SchemaDefinition;
use serde_json::json;

use super::*;
use crate::ingest::test_support::{self, Decoded};

/// Violations that one step of a chunk names at most, and those of its last record.
const STEP_VIOLATIONS: usize = 4_096;

fn schema() -> Arc<Schema> {
    let document = json!({"name": "s", "properties": [
        {"name": "carrier", "type": "string", "required": true},
        {"name": "flight", "type": "integer"},
        {"name": "delay", "type": "number", "default": 0.5},
        {"name": "extra", "type": "object"},
        {"name": "tags", "type": "array"}]});
    Arc::new(Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0)))
}

/// Decodes a body in pieces and returns the decoder, its batches and its failures.
fn decode_in(
    format: BodyFormat,
    limits: IngestLimits,
    body: &[u8],
    step: usize,
) -> Result<(RecordDecoder, Vec<DecodedBatch>, Vec<Violation>), Error> {
    test_support::decode_in(&schema(), format, limits, body, step).map(Decoded::into_parts)
}

fn decode(format: BodyFormat, body: &str) -> (RecordDecoder, Vec<DecodedBatch>, Vec<Violation>) {
    decode_in(format, IngestLimits::default(), body.as_bytes(), 7).unwrap()
}

#[test]
fn values_arrive_in_their_columns() {
    let body = r#"{"carrier":"UA","flight":1,"delay":2,"extra":{"a": [1, " x "]},"tags":[ 1e300 ]}
{"delay":null,"carrier":"A\u0041"}"#;
    let (decoder, batches, failures) = decode(BodyFormat::Ndjson, body);
    assert_eq!(failures, []);
    assert_eq!((decoder.received(), decoder.failed(), batches.len()), (2, 0, 1));
    let batch = &batches[0];
    assert_eq!(batch.ids, IdOrigin::Generated);
    let column = |index: usize| batch.records.column(4 + index);
    assert_eq!(column(0).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("UA"), Some("AA")]);
    assert_eq!(column(1).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(1), None]);
    assert_eq!(column(2).as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(2.0), None]);
    assert_eq!(column(3).as_string::<i32>().value(0), r#"{"a":[1," x "]}"#);
    assert_eq!(column(4).as_string::<i32>().value(0), "[1e300]");
    assert!(column(4).is_null(1));
}

#[test]
fn a_chunk_with_much_that_is_wrong_is_decoded_in_steps() {
    let mut decoder = test_support::decoder(&schema(), BodyFormat::Ndjson, IngestLimits::default());
    let mut chunks = decoder.cut("{}\n{\"carrier\":\"UA\"}\n".repeat(5_000).as_bytes()).unwrap();
    assert_eq!(chunks.len(), 1);
    let (mut next, mut steps, mut lines) = (chunks.pop(), 0, Vec::new());
    while let Some(chunk) = next {
        let block = decoder.take(chunk.decode().unwrap()).unwrap();
        assert!(block.failures.len() <= STEP_VIOLATIONS);
        lines.extend(block.failures.iter().map(|failure| failure.line.unwrap()));
        (next, steps) = (block.rest, steps + 1);
    }
    assert_eq!((decoder.received(), decoder.failed(), steps), (10_000, 5_000, 2));
    assert_eq!(lines, (0..5_000).map(|pair| 2 * pair + 1).collect::<Vec<u64>>());
    assert_eq!(decoder.flush().unwrap().unwrap().records.num_rows(), 5_000);
    assert_eq!(decoder.into_lines().line_of(4_999), 10_000);
}

#[test]
fn chunks_may_be_decoded_in_any_order() {
    let limits = IngestLimits { batch_rows: 3, ..IngestLimits::default() };
    let records: Vec<_> = (0..10).map(|flight| json!({"carrier": "UA", "flight": flight}).to_string()).collect();
    let body = records.join("\n") + "\n";
    let mut decoder = test_support::decoder(&schema(), BodyFormat::Ndjson, limits);
    let chunks = decoder.cut(body.as_bytes()).unwrap();
    assert_eq!(chunks.len(), 4);
    let mut read: Vec<DecodedChunk> = chunks.into_iter().rev().map(|chunk| chunk.decode().unwrap()).collect();
    read.reverse();
    let mut batches = Vec::new();
    for chunk in read {
        batches.extend(decoder.take(chunk).unwrap().batches);
    }
    batches.extend(decoder.flush().unwrap());
    let flights = |batch: &DecodedBatch| batch.records.column(5).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(batches.iter().flat_map(flights).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    let ids = |batch: &DecodedBatch| {
        let ids = batch.records.column(0).as_fixed_size_binary();
        (0..ids.len()).map(|row| ids.value(row).to_vec()).collect::<Vec<_>>()
    };
    assert!(batches.iter().flat_map(ids).is_sorted(), "ids grow in the order of the body");
}

#[test]
fn rows_know_the_line_they_came_from() {
    let (decoder, _, _) =
        decode(BodyFormat::Ndjson, "\n{\"carrier\":\"a\"}\n{\"carrier\":\"b\"}\n\n{}\n{\"carrier\":\"c\"}\n");
    let lines = decoder.into_lines();
    assert_eq!([0, 1, 2].map(|row| lines.line_of(row)), [2, 3, 6]);
    let (decoder, _, _) = decode(BodyFormat::JsonArray, r#"[{"carrier":"a"},{"carrier":"b"}]"#);
    let lines = decoder.into_lines();
    assert_eq!([0, 1].map(|row| lines.line_of(row)), [1, 2]);
}

#[test]
fn one_record_too_many_refuses_the_body() {
    let limits = IngestLimits { max_records: 2, ..IngestLimits::default() };
    let columns = |rows: usize| {
        let carriers = Arc::new(StringArray::from(vec!["a"; rows])) as ArrayRef;
        arrow(&RecordBatch::try_from_iter([("carrier", carriers)]).unwrap())
    };
    for (format, body) in [
        (BodyFormat::Ndjson, "{\"carrier\":\"a\"}\n".repeat(3).into_bytes()),
        (BodyFormat::Csv, b"carrier\na\na\na\n".to_vec()),
        (BodyFormat::ArrowStream, columns(3)),
    ] {
        let refused = decode_in(format, limits, &body, 100);
        assert!(matches!(refused, Err(Error::TooManyRecords { limit: 2 })), "{format:?}");
    }
}

fn arrow(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn rows_without_columns_are_counted_before_they_are_made() {
    let options = RecordBatchOptions::new().with_row_count(Some(1 << 40));
    let nothing = Arc::new(arrow_schema::Schema::empty());
    let rows = RecordBatch::try_new_with_options(nothing, vec![], &options).unwrap();
    let refused = decode_in(BodyFormat::ArrowStream, IngestLimits::default(), &arrow(&rows), 100);
    assert!(matches!(refused, Err(Error::TooManyRecords { .. })));
}

#[test]
fn batches_end_at_their_bounds() {
    let body = "{\"carrier\":\"abcdefgh\"}\n".repeat(10);
    for limits in [
        IngestLimits { batch_rows: 4, ..IngestLimits::default() },
        IngestLimits { batch_bytes: 4 * 44, ..IngestLimits::default() },
    ] {
        let (_, batches, _) = decode_in(BodyFormat::Ndjson, limits, body.as_bytes(), 1000).unwrap();
        assert_eq!(batches.iter().map(|batch| batch.records.num_rows()).collect::<Vec<_>>(), [4, 4, 2]);
    }
}

#[test]
fn an_id_of_the_client_marks_its_batch() {
    let body = "{\"carrier\":\"a\"}\n{\"carrier\":\"b\",\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}";
    let (_, batches, _) = decode(BodyFormat::Ndjson, body);
    assert_eq!(batches[0].ids, IdOrigin::of([false, true]));
    let ids = batches[0].records.column(0).as_fixed_size_binary();
    assert_eq!(ids.value(1)[..4], [0x01, 0x89, 0x0a, 0x5d]);
    assert_eq!(ids.value(0)[6] >> 4, 7, "the other id is a UUIDv7");
}

#[test]
fn a_single_record_tells_malformed_from_invalid() {
    let decoder = test_support::decoder(&schema(), BodyFormat::Ndjson, IngestLimits::default());
    assert!(matches!(decoder.decode_single(b"{"), Err(Error::MalformedJson { .. })));
    assert!(matches!(decoder.decode_single(b""), Err(Error::MalformedJson { .. })));
    assert!(matches!(decoder.decode_single(b"[]"), Err(Error::RecordInvalid(_))));
    assert!(matches!(decoder.decode_single(b"{}"), Err(Error::RecordInvalid(violations)) if violations.len() == 1));
    let pretty = decoder.decode_single(b"{\n  \"carrier\": \"UA\",\n  \"extra\": {\n \"a\": 1 }\n}\n").unwrap();
    assert_eq!(pretty.records.column(7).as_string::<i32>().value(0), r#"{"a":1}"#);
}

//! Benchmarks of the parts that do the work; see `benches/`.
//!
//! ```sh
//! cargo bench --workspace --bench decode
//! ```
//!
//! `--workspace` shares what is compiled with the other benchmarks; the engine is compiled in, once. A row of the report is `group/function/parameter`; `eider` is ours, other functions are what one would use instead. Bytes are those of the
//! records as NDJSON, unless another format is read or written.

mod samples;
mod stores;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema as ArrowSchema, SchemaRef};
use arrow_select::concat::concat_batches;
use criterion::{Criterion, Throughput};
use eider_application::ingest::{BodyFormat, DecodedBatch, IngestLimits, ReadOptions, RecordDecoder};
use eider_application::runtime::UuidV7Generator;
use eider_domain::{Schema, Timestamp};

pub use samples::{FLIGHTS, Sample, flights_document, query_body, query_strings, schema};
pub use stores::{TestStore, flights_with, keyed_flights, relation, write};

/// The limits of every decoder. Making them asks the system how many processors there are.
static LIMITS: LazyLock<IngestLimits> = LazyLock::new(IngestLimits::default);

/// How long a figure is measured, so that all of them take minutes. Options of the command line go before.
pub fn paced(measurement: Duration) -> Criterion {
    let warm_up = (measurement / 3).min(Duration::from_millis(500));
    Criterion::default().warm_up_time(warm_up).measurement_time(measurement).sample_size(20).without_plots()
}

/// Records and the bytes that they take.
pub fn throughput(rows: usize, bytes: usize) -> Throughput {
    Throughput::ElementsAndBytes { elements: rows as u64, bytes: bytes as u64 }
}

/// The records of a body, on this thread.
///
/// # Panics
/// When one of them is invalid.
pub fn decode(schema: &Arc<Schema>, format: BodyFormat, body: &[u8]) -> Vec<DecodedBatch> {
    decode_as(schema, format, &ReadOptions::default(), body)
}

/// The same of a body that is written as the options say.
///
/// # Panics
/// When one of them is invalid.
pub fn decode_as(schema: &Arc<Schema>, format: BodyFormat, options: &ReadOptions, body: &[u8]) -> Vec<DecodedBatch> {
    let mut decoder = decoder(schema, format).with_options(options.clone());
    let mut batches = Vec::new();
    let mut block = decoder.decode(body).expect("the body is of its format");
    loop {
        assert_eq!(block.failures.len(), 0, "the sample is valid");
        batches.append(&mut block.batches);
        if !decoder.has_more() {
            break;
        }
        block = decoder.decode(&[]).expect("the body is of its format");
    }
    loop {
        let block = decoder.finish().expect("the body is of its format");
        assert_eq!(block.failures.len(), 0, "the sample is valid");
        batches.extend(block.batches);
        if !decoder.has_more() {
            return batches;
        }
    }
}

/// How many failures the NDJSON of a body has, on this thread.
///
/// # Panics
/// When it is not NDJSON.
pub fn count_failures(schema: &Arc<Schema>, body: &[u8]) -> usize {
    let mut decoder = decoder(schema, BodyFormat::Ndjson);
    let block = decoder.decode(body).expect("the body is NDJSON");
    block.failures.len() + decoder.finish().expect("the body is NDJSON").failures.len()
}

fn decoder(schema: &Arc<Schema>, format: BodyFormat) -> RecordDecoder {
    let now = Timestamp::from_micros(1_767_225_600_000_000);
    RecordDecoder::new(Arc::clone(schema), format, *LIMITS, now, Arc::new(UuidV7Generator))
}

/// Batches as one.
///
/// # Panics
/// When they are not of the schema.
pub fn one_batch(schema: &Schema, batches: Vec<DecodedBatch>) -> RecordBatch {
    let batches: Vec<RecordBatch> = batches.into_iter().map(|batch| batch.records).collect();
    concat_batches(schema.arrow(), &batches).expect("the batches have one schema")
}

/// A batch as a whole document of a format.
///
/// # Panics
/// When the format cannot hold it.
pub fn encode(format: BodyFormat, batch: &RecordBatch) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(format, batch, &mut out);
    out
}

/// As [`encode`], behind what is in `out`.
///
/// # Panics
/// When the format cannot hold it.
pub fn encode_into(format: BodyFormat, batch: &RecordBatch, out: &mut Vec<u8>) {
    let mut encoder = format.writer(&batch.schema()).expect("the format holds any columns");
    encoder.begin(out).expect("the format holds any columns");
    encoder.batch(batch, out).expect("the batch has the columns of the encoder");
    encoder.end(out).expect("the format holds any columns");
}

/// The properties of a batch of whole records, without what the server adds.
///
/// # Panics
/// When the records are not whole.
pub fn properties(batch: &RecordBatch) -> RecordBatch {
    let fields: Vec<usize> = (eider_domain::RECORD_FIELD_COUNT..batch.num_columns()).collect();
    batch.project(&fields).expect("the fields exist")
}

/// A schema as arrow-json reads and writes it: with the zone of instants as an offset.
pub fn with_offset_zone(schema: &ArrowSchema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            field.as_ref().clone().with_data_type(DataType::Timestamp(*unit, Some("+00:00".into())))
        }
        _ => field.as_ref().clone(),
    });
    Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
}

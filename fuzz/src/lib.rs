//! What the fuzz targets share: a schema of every type, bodies decoded in pieces, and queries written out again.

use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Once};

use arrow_array::RecordBatch;
use eider_application::Error;
use eider_application::ingest::{BodyFormat, DecodedBlock, IngestLimits, ReadOptions, RecordDecoder, apply_merge_patch};
use eider_application::ports::{IdGenerator, value_at};
use eider_domain::{
    Condition, DataType, Filter, Operand, RECORD_FIELD_COUNT, RecordId, Schema, SchemaDefinition, Timestamp, Value,
    Violation,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// Small, so that inputs reach them.
const LIMITS: IngestLimits = IngestLimits {
    max_record_bytes: 4 << 10,
    max_json_depth: 8,
    // More than the longest input has lines; columns reach it.
    max_records: 10_000,
    max_failures: 100,
    batch_rows: 16,
    batch_bytes: 16 << 10,
    max_report_bytes: 1 << 20,
    decode_width: 2,
};

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let document = json!({"name": "s", "properties": [
        {"name": "code", "type": "string", "required": true, "constraints": {"min_length": 1, "max_length": 3}},
        {"name": "text", "type": "string"},
        {"name": "whole", "type": "integer", "constraints": {"minimum": -5}},
        {"name": "real", "type": "number", "default": 0.5},
        {"name": "money", "type": "decimal", "precision": 10, "scale": 2},
        {"name": "flag", "type": "boolean"},
        {"name": "day", "type": "date"},
        {"name": "time", "type": "time"},
        {"name": "at", "type": "datetime"},
        {"name": "key", "type": "uuid"},
        {"name": "extra", "type": "object"},
        {"name": "list", "type": "array"}]});
    let definition = SchemaDefinition::parse(&document).expect("a valid definition");
    Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)))
});

/// What the last panic said.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// A schema with a property of every type, some of them constrained.
pub fn schema() -> Arc<Schema> {
    Arc::clone(&SCHEMA)
}

/// Ids that are the same in every run.
#[derive(Debug, Default)]
struct Ids(AtomicU64);

impl IdGenerator for Ids {
    fn next_ids(&self, count: usize) -> Vec<RecordId> {
        let first = self.0.fetch_add(count as u64, Ordering::SeqCst) + 1;
        (first..).take(count).map(|number| RecordId::new(Uuid::from_u128(number.into()))).collect()
    }
}

/// The outcome of a body.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Accepted records.
    pub batches: Vec<RecordBatch>,
    /// What was wrong.
    pub failures: Vec<Violation>,
    /// Records in the body.
    pub received: u64,
    /// Why it ended early.
    pub error: Option<String>,
}

impl Decoded {
    /// The values of every accepted record, in order.
    pub fn rows(&self, schema: &Schema) -> Vec<Vec<Value>> {
        let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type()).collect();
        let row = |batch: &RecordBatch, row| {
            types.iter().zip(batch.columns()).map(|(data_type, column)| value_at(*data_type, column, row)).collect()
        };
        self.batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |index| row(batch, index))).collect()
    }
}

/// Decodes a body that arrives in pieces, which end where `cuts` says.
pub fn decode(schema: &Arc<Schema>, format: BodyFormat, body: &[u8], cuts: &[u16]) -> Decoded {
    decode_as(schema, format, ReadOptions::default(), body, cuts)
}

/// The same of a body that is written as the options say.
pub fn decode_as(
    schema: &Arc<Schema>,
    format: BodyFormat,
    options: ReadOptions,
    body: &[u8],
    cuts: &[u16],
) -> Decoded {
    let ids = Arc::new(Ids::default());
    let mut decoder = RecordDecoder::new(Arc::clone(schema), format, LIMITS, Timestamp::from_micros(0), ids);
    decoder = decoder.with_options(options);
    let mut decoded = Decoded::default();
    if let Err(error) = decode_all(&mut decoder, body, cuts, &mut decoded) {
        decoded.error = Some(format!("{error:?}"));
    }
    decoded.received = decoder.received();
    decoded
}

fn decode_all(decoder: &mut RecordDecoder, body: &[u8], cuts: &[u16], decoded: &mut Decoded) -> Result<(), Error> {
    let mut take = |block: DecodedBlock| {
        decoded.batches.extend(block.batches.into_iter().map(|batch| batch.records));
        decoded.failures.extend(block.failures);
    };
    let (mut rest, mut cuts) = (body, cuts.iter());
    while !rest.is_empty() {
        let length = cuts.next().map_or(rest.len(), |cut| usize::from(*cut)).clamp(1, rest.len());
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        take(decoder.decode(piece)?);
        while decoder.has_more() {
            take(decoder.decode(&[])?);
        }
    }
    take(decoder.finish()?);
    while decoder.has_more() {
        take(decoder.finish()?);
    }
    Ok(())
}

/// Decodes a body in one piece and in others: what is accepted and what is wrong is the same when it can be read to its
/// end, failures name places that there are, and accepted records are accepted again when they are written out.
///
/// The readers of columns panic at some damage, which the decoder takes for the body's fault: only a panic that it does
/// not catch ends the target.
pub fn check_body(format: BodyFormat, body: &[u8], cuts: &[u16]) {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        panic::set_hook(Box::new(|panic| {
            if let Ok(mut last) = LAST_PANIC.lock() {
                *last = panic.to_string();
            }
        }));
    });
    if panic::catch_unwind(AssertUnwindSafe(|| check(format, body, cuts))).is_err() {
        eprintln!("{}", LAST_PANIC.lock().map(|last| last.clone()).unwrap_or_default());
        process::abort();
    }
}

fn check(format: BodyFormat, body: &[u8], cuts: &[u16]) {
    let schema = schema();
    let (whole, pieces) = (decode(&schema, format, body, &[]), decode(&schema, format, body, cuts));
    let rows = whole.rows(&schema);
    match (&whole.error, &pieces.error) {
        (None, None) => {
            assert_eq!(places(&whole.failures), places(&pieces.failures));
            assert_eq!(rows, pieces.rows(&schema));
        }
        // The bytes behind a column that is not what it says may be damaged too; pieces decide which is met first.
        (Some(_), Some(_)) if format == BodyFormat::ArrowStream => {}
        (whole, pieces) => assert_eq!(whole, pieces),
    }
    let places = match format {
        BodyFormat::Ndjson | BodyFormat::Csv => {
            1 + body.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64
        }
        BodyFormat::JsonArray => body.len() as u64,
        _ => whole.received,
    };
    let lines = whole.failures.iter().map(|failure| failure.line.expect("a failure of a bulk body has a line"));
    lines.for_each(|line| assert!((1..=places).contains(&line), "line {line} of {places}"));
    check_written(&schema, format, &whole, &rows);
}

/// Decodes CSV of a dialect in one piece and in others. The first line of the input says the dialect, as
/// `csv.delimiter=;&csv.skip=1`; what an option does not take is passed over.
pub fn check_dialect(input: &[u8]) {
    let (line, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let mut options = ReadOptions::default();
    for (name, value) in String::from_utf8_lossy(line).split('&').filter_map(|pair| pair.split_once('=')) {
        let _ = options.set(name, value);
    }
    let schema = schema();
    let whole = decode_as(&schema, BodyFormat::Csv, options.clone(), body, &[]);
    let pieces = decode_as(&schema, BodyFormat::Csv, options, body, &cuts(body));
    assert_eq!(whole.error, pieces.error);
    if whole.error.is_none() {
        assert_eq!(places(&whole.failures), places(&pieces.failures));
        assert_eq!(whole.rows(&schema), pieces.rows(&schema));
    }
}

fn places(failures: &[Violation]) -> Vec<(Option<u64>, &str, &str)> {
    failures.iter().map(|failure| (failure.line, failure.pointer.as_str(), failure.code.name())).collect()
}

/// Writes accepted records in their own format, without the fields of the server, and reads them back.
fn check_written(schema: &Arc<Schema>, format: BodyFormat, decoded: &Decoded, rows: &[Vec<Value>]) {
    let columns: Vec<usize> = [0].into_iter().chain(RECORD_FIELD_COUNT..schema.fields().len()).collect();
    let Some(first) = decoded.batches.first() else { return };
    let shown = first.schema().project(&columns).expect("columns of the schema");
    let mut encoder = format.writer(&Arc::new(shown)).expect("every format has every type");
    let mut body = Vec::new();
    encoder.begin(&mut body).expect("a beginning");
    for batch in &decoded.batches {
        encoder.batch(&batch.project(&columns).expect("columns of the schema"), &mut body).expect("a batch");
    }
    encoder.end(&mut body).expect("an end");
    let again = decode(schema, format, &body, &[]);
    // A record may be longer as it is written than as it came.
    if again.failures.iter().any(|failure| failure.code.name() == "record_too_large") {
        return;
    }
    assert_eq!((&again.error, places(&again.failures)), (&None, Vec::new()));
    assert_eq!(again.rows(schema), rows);
}

/// A record before and after a patch, as JSON; `None` when one of them is refused. What is written of it is read again, as the
/// same.
pub fn patched(record: &[u8], patch: &[u8]) -> Option<(Json, Json)> {
    let schema = schema();
    let decoded = decode(&schema, BodyFormat::Ndjson, record, &[]);
    let current = decoded.batches.first().filter(|batch| batch.num_rows() == 1)?;
    let id = RecordId::new(Uuid::from_u128(1));
    let after = apply_merge_patch(&schema, id, current, patch, &LIMITS, &Ids::default()).ok()?;
    let written = ndjson(&after);
    let again = decode(&schema, BodyFormat::Ndjson, &written, &[]);
    let is_longer = again.failures.iter().any(|failure| failure.code.name() == "record_too_large");
    assert!(is_longer || again.failures.is_empty(), "{:?} of {}", again.failures, String::from_utf8_lossy(&written));
    let document = |text: &[u8]| serde_json::from_slice::<Json>(text).expect("what is written is JSON");
    Some((document(&ndjson(current)), document(&written)))
}

/// The properties of a record, as a line.
fn ndjson(record: &RecordBatch) -> Vec<u8> {
    let properties: Vec<usize> = (RECORD_FIELD_COUNT..record.num_columns()).collect();
    let shown = record.project(&properties).expect("columns of the schema");
    let mut encoder = BodyFormat::Ndjson.writer(&shown.schema()).expect("every format has every type");
    let mut body = Vec::new();
    encoder.begin(&mut body).expect("a beginning");
    encoder.batch(&shown, &mut body).expect("a batch");
    encoder.end(&mut body).expect("an end");
    body
}

/// What a patch makes of a tree (RFC 7396, section 2).
pub fn merged(target: Json, patch: &Json) -> Json {
    let Json::Object(patch) = patch else { return patch.clone() };
    let mut members = match target {
        Json::Object(members) => members,
        _ => serde_json::Map::new(),
    };
    for (key, value) in patch {
        if value.is_null() {
            members.remove(key);
        } else {
            let current = members.remove(key).unwrap_or(Json::Null);
            members.insert(key.clone(), merged(current, value));
        }
    }
    Json::Object(members)
}

/// The parameters of a conjunction; `None` where a list has a value that cannot stand between commas.
pub fn filter_text(filter: &Filter) -> Option<String> {
    let Filter::And(conditions) = filter else { return None };
    let pairs: Option<Vec<String>> = conditions.iter().map(pair).collect();
    Some(pairs?.join("&"))
}

fn pair(filter: &Filter) -> Option<String> {
    let Filter::Condition(condition) = filter else { return None };
    let data_type = condition.field().data_type();
    let value = match condition.operand() {
        Operand::Nothing => "true".to_owned(),
        Operand::One(value) => value.text(data_type)?,
        Operand::Many(values) => {
            let texts: Option<Vec<String>> = values.iter().map(|value| value.text(data_type)).collect();
            let texts =
                texts.filter(|texts| texts.iter().all(|text| !text.contains(',')) && !texts[0].starts_with('['))?;
            texts.join(",")
        }
    };
    let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    Some(format!("{}.{}={encoded}", condition.field(), condition.operator().name()))
}

/// The tree of a filter as a query body has it.
pub fn filter_json(filter: &Filter) -> Json {
    match filter {
        Filter::And(parts) => json!({"and": parts.iter().map(filter_json).collect::<Vec<_>>()}),
        Filter::Or(parts) => json!({"or": parts.iter().map(filter_json).collect::<Vec<_>>()}),
        Filter::Not(part) => json!({"not": filter_json(part)}),
        Filter::Condition(condition) => condition_json(condition),
    }
}

fn condition_json(condition: &Condition) -> Json {
    let value_json = |value: &Value| match value {
        Value::Integer(number) => json!(number),
        Value::Number(number) => json!(number),
        Value::Boolean(flag) => json!(flag),
        other => json!(other.text(condition.field().data_type())),
    };
    let value = match condition.operand() {
        Operand::Nothing => Json::Null,
        Operand::One(value) => value_json(value),
        Operand::Many(values) => values.iter().map(value_json).collect(),
    };
    json!({"field": condition.field().name(), "op": condition.operator().name(), "value": value})
}

/// Lengths of pieces that follow from the body itself, so that an input is nothing but a body.
pub fn cuts(body: &[u8]) -> Vec<u16> {
    let seed = body
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Mostly a few bytes, now and then many.
        let length = (state >> 16) as u16;
        Some(if state & 7 == 0 { length % 4096 } else { length % 32 })
    };
    std::iter::from_fn(next).take(body.len().min(4096)).collect()
}

//! Arrow streams and Parquet files that become batches, and the exact report of those that do not.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow_array::builder::{StringDictionaryBuilder, StringViewBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, LargeStringArray, RecordBatch, StringArray};
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use eider_domain::{Schema, SchemaDefinition, Timestamp};
use serde_json::{Value as Json, json};

use crate::test_support::{Decoded, decode_in};
use crate::{Format, ReadError, ReadLimits};

mod damage;
mod files;
mod limits;
mod nested;
mod reports;
mod shapes;
mod values;

fn schema(properties: &Json) -> Arc<Schema> {
    let document = json!({"name": "s", "properties": properties});
    Arc::new(Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0)))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn arrow(batches: &[RecordBatch]) -> Vec<u8> {
    arrow_with(batches, IpcWriteOptions::default())
}

fn arrow_with(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), None).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.into_inner().unwrap()
}

fn decode(schema: &Arc<Schema>, batches: &[RecordBatch]) -> Decoded {
    decode_in(schema, Format::ArrowStream, ReadLimits::default(), &arrow(batches), 1000).unwrap()
}

fn refusal(schema: &Arc<Schema>, format: Format, body: &[u8]) -> String {
    match decode_in(schema, format, ReadLimits::default(), body, 64) {
        Err(ReadError::MalformedBody { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

fn text_columns(texts: &[Option<&str>]) -> Vec<ArrayRef> {
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    let mut views = StringViewBuilder::new();
    for text in texts {
        dictionary.append_option(*text);
        views.append_option(*text);
    }
    vec![
        Arc::new(StringArray::from(texts.to_vec())),
        Arc::new(LargeStringArray::from(texts.to_vec())),
        Arc::new(views.finish()),
        Arc::new(dictionary.finish()),
    ]
}

fn flights() -> Arc<Schema> {
    schema(&json!([
        {"name": "carrier", "type": "string", "required": true, "constraints": {"max_length": 5}},
        {"name": "flight", "type": "integer"},
        {"name": "delay", "type": "number", "default": 0.5},
        {"name": "note", "type": "string"}]))
}

fn carriers(carriers: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(carriers.to_vec()))
}

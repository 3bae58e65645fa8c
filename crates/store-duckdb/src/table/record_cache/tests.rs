//! What the cache keeps, in either form.

use eider_testkit::{batch, schema};
use serde_json::{Value as Json, json};

use super::*;

fn records_within(max_bytes: u64) -> CachedRecords {
    let definition = json!({"name": "notes", "properties": [{"name": "text", "type": "string"}]});
    CachedRecords::new(Arc::new(RecordCache::new(max_bytes)), Arc::new(schema(definition)))
}

fn notes(records: &CachedRecords, texts: &[&str]) -> RecordBatch {
    batch(&records.schema, texts.iter().map(|text| json!({"text": text})).collect())
}

fn texts(records: &CachedRecords, places: &[i64]) -> Option<Vec<Json>> {
    let kept: Vec<Kept> = places.iter().map(|place| records.get(*place)).collect::<Option<_>>()?;
    let found = records.batch(&kept.iter().collect::<Vec<_>>()).unwrap();
    Some(eider_testkit::rows(&found).iter().map(|row| row["text"].clone()).collect())
}

/// Keeps the block of a place, which holds these records.
fn keep_block(records: &CachedRecords, place: i64, places: &[i64], found: &[&str]) {
    let range = records.places_around(place);
    records.keep_block(&range, Block { places: places.to_vec(), records: notes(records, found) });
}

#[test]
fn records_are_kept_one_by_one_and_in_blocks() {
    let records = records_within(1 << 20);
    assert_eq!(texts(&records, &[1]), None);
    records.keep(&notes(&records, &["a", "b"]), &[1, 7]).unwrap();
    assert_eq!(texts(&records, &[7, 1]), Some(vec![json!("b"), json!("a")]));
    keep_block(&records, 1, &[1], &["to see how large records are"]);
    keep_block(&records, 3, &[3, 5], &["c", "d"]);
    assert_eq!(texts(&records, &[5, 7, 3, 1]), Some(["d", "b", "c", "a"].map(Json::from).to_vec()));
    assert_eq!(texts(&records, &[5, 4]), None, "nothing is at this place");
}

#[test]
fn a_block_is_kept_as_a_whole_or_not_at_all() {
    let records = records_within(1 << 20);
    keep_block(&records, 1, &[1, 2], &["a", "b"]);
    assert_eq!(texts(&records, &[1]), None, "what was read to see how large records are is no block");
    let range = records.places_around(1);
    assert_eq!(records.block_of(range.start), records.block_of(range.end - 1));
    assert_ne!(records.block_of(range.start), records.block_of(range.end));
}

#[test]
fn another_version_of_a_schema_keeps_records_of_its_own() {
    let records = records_within(1 << 20);
    records.keep(&notes(&records, &["a"]), &[1]).unwrap();
    let next = CachedRecords::new(Arc::clone(&records.cache), Arc::clone(&records.schema));
    assert_eq!((texts(&next, &[1]), texts(&records, &[1])), (None, Some(vec![json!("a")])));
}

#[test]
fn the_least_used_records_go_when_there_is_no_room() {
    let records = records_within(20_000);
    for place in 1..=1_000 {
        records.keep(&notes(&records, &["a record"]), &[place]).unwrap();
    }
    if let Some(entries) = &records.cache.entries {
        entries.run_pending_tasks();
    }
    let RecordCacheStatistics { entries, bytes, .. } = records.cache.statistics().unwrap();
    assert!(bytes <= 20_000 && entries > 10, "{entries} {bytes}");
}

#[test]
fn without_room_nothing_is_kept() {
    let records = records_within(0);
    records.keep(&notes(&records, &["a"]), &[1]).unwrap();
    records.keep_place(Uuid::nil(), 1);
    assert_eq!((texts(&records, &[1]), records.place_of(Uuid::nil())), (None, None));
    assert_eq!(records.cache.statistics(), None);
}

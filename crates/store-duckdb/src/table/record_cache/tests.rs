//! What the cache keeps and what it must not.

use eider_testkit::{batch, schema};
use serde_json::{Value as Json, json};

use super::*;

fn records_within(max_bytes: u64) -> CachedRecords {
    let definition = json!({"name": "notes", "properties": [{"name": "text", "type": "string"}]});
    CachedRecords::new(Arc::new(RecordCache::new(max_bytes)), Arc::new(schema(definition)))
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn note(records: &CachedRecords, number: u128, text: &str) -> RecordBatch {
    batch(&records.schema, json!([{"id": id(number).to_string(), "text": text}]))
}

fn texts(records: &CachedRecords, numbers: &[u128]) -> Vec<Option<Json>> {
    let text = |number: &u128| {
        let record = records.get(id(*number)).unwrap()?;
        Some(eider_testkit::rows(&record)[0]["text"].clone())
    };
    numbers.iter().map(text).collect()
}

fn keep(records: &CachedRecords, number: u128, text: &str) {
    records.begin_read().keep(&note(records, number, text)).unwrap();
}

fn some(ids: &[u128]) -> Ids {
    Ids::Some(ids.iter().copied().map(id).collect())
}

#[test]
fn a_record_that_was_read_is_kept() {
    let records = records_within(1 << 20);
    assert_eq!(texts(&records, &[1]), [None]);
    keep(&records, 1, "a");
    assert_eq!(records.get(id(1)).unwrap(), Some(note(&records, 1, "a")));
    let RecordCacheStatistics { hits, misses, .. } = records.cache.statistics().unwrap();
    assert_eq!((hits, misses), (1, 1));
}

#[test]
fn a_change_takes_what_it_names_and_leaves_the_rest() {
    let records = records_within(1 << 20);
    for number in 1..=3 {
        keep(&records, number, "a");
    }
    drop(records.begin_change(some(&[1])));
    assert_eq!(texts(&records, &[1, 2, 3]), [None, Some(json!("a")), Some(json!("a"))]);
    drop(records.begin_change(Ids::All));
    assert_eq!(texts(&records, &[1, 2, 3]), [None, None, None]);
    keep(&records, 1, "b");
    assert_eq!(texts(&records, &[1]), [Some(json!("b"))]);
}

#[test]
fn a_read_that_overlaps_a_change_keeps_nothing_of_it() {
    for changed in [some(&[1]), Ids::All] {
        let is_all = matches!(changed, Ids::All);
        let kept_of_another = |text: &str| (!is_all).then(|| json!(text));
        let records = records_within(1 << 20);
        let both = |text: &str| {
            batch(
                &records.schema,
                json!([{"id": id(1).to_string(), "text": text}, {"id": id(2).to_string(), "text": text}]),
            )
        };

        let before = records.begin_read();
        drop(records.begin_change(changed.clone()));
        before.keep(&both("began before, ended after")).unwrap();
        assert_eq!(texts(&records, &[1, 2]), [None, kept_of_another("began before, ended after")]);

        let change = records.begin_change(changed.clone());
        records.begin_read().keep(&both("within")).unwrap();
        assert_eq!(texts(&records, &[1, 2]), [None, kept_of_another("within")]);

        let within = records.begin_read();
        drop(change);
        within.keep(&both("began within, ended after")).unwrap();
        assert_eq!(texts(&records, &[1, 2]), [None, kept_of_another("began within, ended after")]);

        records.begin_read().keep(&both("after")).unwrap();
        assert_eq!(texts(&records, &[1, 2]), [Some(json!("after")), Some(json!("after"))]);
    }
}

#[test]
fn the_cache_stays_within_its_bytes() {
    let records = records_within(100_000);
    for number in 0..1_000 {
        keep(&records, number, &"x".repeat(1_000));
    }
    let entries = records.cache.entries.as_ref().unwrap();
    entries.run_pending_tasks();
    let RecordCacheStatistics { entries, bytes, .. } = records.cache.statistics().unwrap();
    assert!(bytes <= 100_000 && (50..100).contains(&entries), "{entries} entries of {bytes} bytes");
    let largest = (0..1_000).filter_map(|number| records.get(id(number)).unwrap());
    let largest = largest.map(|record| record.get_array_memory_size()).max().unwrap();
    assert!(largest < 10_000, "{largest} bytes of one record of 1,000");
}

#[test]
fn a_cache_of_no_bytes_keeps_nothing() {
    let records = records_within(0);
    keep(&records, 1, "a");
    assert_eq!(texts(&records, &[1]), [None]);
    assert_eq!(records.cache.statistics(), None);
}

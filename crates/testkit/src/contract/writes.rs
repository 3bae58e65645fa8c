//! Writes and deletes: all of it or nothing, in order.

use std::sync::Arc;

use eider_application::ports::{
    Change, ChangeOutcome, CommitOutcome, CommitTerms, IdOrigin, StoreErrorKind, WriteReceipt, WriteRequest,
};
use eider_domain::{Filter, Schema, Timestamp};
use serde_json::json;

use super::Fixture;
use crate::{any_of, batch, condition, created_at, integers, schema_created_at, values};

async fn numbers(fixture: &Fixture) -> Arc<Schema> {
    fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await
}

fn request(schema: &Arc<Schema>) -> WriteRequest {
    WriteRequest::new(Arc::clone(schema))
}

/// Nobody sees a write before its commit, and everybody after.
pub async fn a_write_is_invisible_until_its_commit(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let mut writer = fixture.store.begin_write(request(&schema)).await.expect("a write begins");
    for start in [0, 5_000] {
        let batch = integers(&schema, start..start + 5_000);
        writer.append(batch, IdOrigin::Generated).await.expect("the batch is taken");
        assert!(fixture.records(&schema).await.is_empty());
        assert_eq!(fixture.store.count(&schema, &Filter::everything()).await.expect("a count"), 0);
    }
    let outcome = writer.commit(CommitTerms::all_or_nothing()).await.expect("the commit ends").outcome;
    assert!(matches!(outcome, CommitOutcome::Committed(receipt) if receipt.created == 10_000));
    assert_eq!(fixture.records(&schema).await.len(), 10_000);
}

/// A write that is dropped leaves nothing, and its keys stay free.
pub async fn dropping_the_writer_discards_rows(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let records = integers(&schema, 0..10);
    let mut writer = fixture.store.begin_write(request(&schema)).await.expect("a write begins");
    writer.append(records.clone(), IdOrigin::Client).await.expect("the batch is taken");
    drop(writer);
    assert!(fixture.records(&schema).await.is_empty());
    fixture.write_batch(&schema, records).await;
    assert_eq!(fixture.records(&schema).await.len(), 10);
}

/// Rows come back in the order in which they were appended, over the batches of a write.
pub async fn rows_of_a_write_are_neighbours_in_order(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let batches: Vec<_> = [0..1, 1..3_000, 3_000..3_001, 3_001..9_000].map(|r| integers(&schema, r)).into();
    fixture.commit(&schema, &batches).await;
    let numbers = values(&fixture.records(&schema).await, "n");
    assert!(numbers.into_iter().eq((0..9_000).map(serde_json::Value::from)));
}

/// Records come in the order in which their writes were committed, not begun.
pub async fn records_come_in_the_order_of_commit(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let mut first = fixture.store.begin_write(request(&schema)).await.expect("a write begins");
    let mut second = fixture.store.begin_write(request(&schema)).await.expect("another write begins");
    first.append(integers(&schema, [3, 4]), IdOrigin::Client).await.expect("the batch is taken");
    second.append(integers(&schema, [2, 1]), IdOrigin::Client).await.expect("the batch is taken");
    second.commit(CommitTerms::all_or_nothing()).await.expect("the second write ends first");
    first.commit(CommitTerms::all_or_nothing()).await.expect("the first write ends");
    fixture.write(&schema, json!([{"n": 0}])).await;
    assert_eq!(values(&fixture.records(&schema).await, "n"), [2, 1, 3, 4, 0]);
}

/// A receipt counts the rows of all batches.
pub async fn a_commit_counts_its_rows(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let batches = [integers(&schema, 0..7), integers(&schema, 7..10)];
    let (outcome, _) = fixture.commit(&schema, &batches).await;
    assert!(matches!(&outcome, CommitOutcome::Committed(receipt) if receipt.created == 10), "{outcome:?}");
}

/// Every commit has a greater number than those before it, deletes included.
pub async fn commit_numbers_increase(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let first = fixture.write(&schema, json!([{"n": 1}])).await.commit_seq;
    let second = fixture.write(&schema, json!([{"n": 2}])).await.commit_seq;
    let third = Some(fixture.delete(&schema, &condition(&schema, "n", "eq", json!(1))).await.commit_seq);
    let fourth = fixture.write(&schema, json!([{"n": 3}])).await.commit_seq;
    let numbers = [first, second, third, fourth].map(|number| number.expect("a commit has a number"));
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

/// The number of the last commit is that of its receipt, whatever was committed, and stays where nothing was.
pub async fn the_number_of_the_last_commit_is_told(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let last = async || fixture.store.commit_seq(&schema).await.expect("the schema is there");
    assert_eq!(last().await, 0);
    let written = fixture.write(&schema, json!([{"n": 1}, {"n": 2}])).await.commit_seq;
    assert_eq!(Some(last().await), written);
    let change = Change::Create { record: integers(&schema, [3]), ids: IdOrigin::Generated, answer: None };
    let changed = fixture.store.change(&schema, change).await.expect("the change ends");
    assert_eq!(ChangeOutcome::Committed { commit_seq: last().await, shared: Vec::new() }, changed);
    let ones = condition(&schema, "n", "eq", json!(1));
    let deleted = fixture.delete(&schema, &ones).await.commit_seq;
    assert_eq!(last().await, deleted);
    assert!(written < Some(deleted));

    fixture.delete(&schema, &ones).await;
    fixture.store.delete(&schema, &Filter::everything(), 1).await.expect("a deletion of too many");
    fixture.commit(&schema, &[]).await;
    assert_eq!(last().await, deleted);
}

/// A schema that takes the name of a removed one has numbers of its own, which are not told to who holds the other.
pub async fn a_number_belongs_to_one_schema(fixture: Fixture) {
    let first = numbers(&fixture).await;
    fixture.write(&first, json!([{"n": 1}])).await;
    let other = fixture.create(json!({"name": "t", "properties": [{"name": "n", "type": "integer"}]})).await;
    fixture.store.remove(first.name(), None).await.expect("the schema is removed");
    let later = Timestamp::from_micros(created_at().as_micros() + 1);
    let second = schema_created_at(&first.definition().to_json(), later);
    let second = fixture.store.create(second).await.expect("the name is free");
    for schema in [&second, &other] {
        assert_eq!(fixture.store.commit_seq(schema).await.expect("the schema is there"), 0);
    }
    let error = fixture.store.commit_seq(&first).await.expect_err("the schema is removed");
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
}

/// A write without batches is committed with no rows.
pub async fn a_write_without_batches_changes_nothing(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let (outcome, _) = fixture.commit(&schema, &[]).await;
    assert_eq!(outcome, CommitOutcome::Committed(WriteReceipt::default()));
    assert!(fixture.records(&schema).await.is_empty());
}

/// A batch with other columns than the schema is refused, and the write is lost with it.
pub async fn a_batch_with_other_columns_is_refused(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let other = crate::schema(json!({"name": "s", "properties": [{"name": "n", "type": "string"}]}));
    let mut writer = fixture.store.begin_write(request(&schema)).await.expect("a write begins");
    writer.append(integers(&schema, [1]), IdOrigin::Client).await.expect("the batch is taken");
    let refused = writer.append(batch(&other, json!([{"n": "x"}])), IdOrigin::Client).await;
    assert_eq!(refused.expect_err("the batch is refused").kind(), StoreErrorKind::InvalidInput);
    writer.commit(CommitTerms::all_or_nothing()).await.expect_err("the write is lost");
    assert!(fixture.records(&schema).await.is_empty());
}

/// A schema that was removed during a write takes the write with it, also when another took its name.
pub async fn a_commit_after_the_removal_of_the_schema_stores_nothing(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let mut writers = Vec::new();
    for _ in 0..2 {
        let mut writer = fixture.store.begin_write(request(&schema)).await.expect("a write begins");
        writer.append(integers(&schema, [1]), IdOrigin::Client).await.expect("the batch is taken");
        writers.push(writer);
    }
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    let error = writers.remove(0).commit(CommitTerms::all_or_nothing()).await.expect_err("the schema is gone");
    assert_eq!(error.kind(), StoreErrorKind::NotFound);

    // The same in every respect, the time of its creation included, and yet another.
    let anew = fixture.create(schema.definition().to_json()).await;
    let error = writers.remove(0).commit(CommitTerms::all_or_nothing()).await.expect_err("the schema is another");
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert!(fixture.records(&anew).await.is_empty());
}

/// A delete takes the records that match and no other, and counts them.
pub async fn deleting_takes_the_matching_records(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    fixture.write(&schema, json!([{"n": 1}, {}, {"n": 2}, {"n": 3}])).await;
    let filter = any_of([condition(&schema, "n", "eq", json!(2)), condition(&schema, "n", "gt", json!(7))]);
    let delete = async |filter: &Filter| fixture.delete(&schema, filter).await.rows;
    assert_eq!(delete(&filter).await, 1);
    assert_eq!(delete(&filter).await, 0);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [json!(1), json!(null), json!(3)]);
    assert_eq!(delete(&Filter::everything()).await, 3);
    assert!(fixture.records(&schema).await.is_empty());
}

/// The keys of a deleted record may be used again; its place in the order is not.
pub async fn a_deleted_key_is_free_again(fixture: Fixture) {
    let document = json!({"name": "s", "properties": [{"name": "code", "type": "string", "is_unique": true}]});
    let schema = fixture.create(document).await;
    let record = json!({"id": "00000000-0000-7000-8000-000000000001", "code": "a"});
    for _ in 0..3 {
        fixture.write(&schema, json!([record, {"code": "b"}])).await;
        fixture.delete(&schema, &condition(&schema, "code", "eq", json!("a"))).await;
        fixture.write(&schema, json!([record])).await;
        assert_eq!(values(&fixture.records(&schema).await, "code"), ["b", "a"]);
        fixture.delete(&schema, &Filter::everything()).await;
    }
}

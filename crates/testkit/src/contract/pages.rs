//! Offsets, limits, projections and positions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use eider_application::ports::{CommitTerms, OnConflict, POSITION_SEQUENCE, ScanRequest, WriteRequest, position_key};
use eider_application::records::Cursors;
use eider_domain::{Position, RecordQuery, Schema, SortKey, Value};
use serde_json::{Value as Json, json};

use super::Fixture;
use super::fixture::collect;
use crate::column::rows_of;
use crate::{condition, integers, projection, rows, sort, values};

/// 23 records with many ties and nulls in `a` and `b`; `n` is their position in commit order.
pub(super) async fn tied(fixture: &Fixture) -> Arc<Schema> {
    let document = json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"}, {"name": "a", "type": "string"}, {"name": "b", "type": "number"}]});
    let schema = fixture.create(document).await;
    let record = |n: i64| {
        let a = [json!("x"), Json::Null, json!("y"), json!("")][usize::try_from(n % 4).unwrap_or(0)].clone();
        let b = if n % 3 == 0 { Json::Null } else { json!(n % 5) };
        json!({"n": n, "a": a, "b": b})
    };
    for write in [0..9, 9..10, 10..23] {
        fixture.write(&schema, write.map(record).collect()).await;
    }
    schema
}

/// The positions of the rows of a scan that was asked for them.
pub(super) fn positions(batch: &RecordBatch, keys: &[SortKey]) -> Vec<Position> {
    let fields = batch.num_columns() - keys.len() - 1;
    let position = |row: Vec<Value>| match row.last() {
        Some(Value::Integer(sequence)) => Position { keys: row[fields..row.len() - 1].to_vec(), sequence: *sequence },
        other => panic!("a sequence is an integer, not {other:?}"),
    };
    rows_of(batch).into_iter().map(position).collect()
}

/// All records in an order, read in pages of `limit` that begin after the last position of the page before.
async fn paged(fixture: &Fixture, schema: &Arc<Schema>, order: &str, limit: u64) -> Vec<Json> {
    let query = RecordQuery { sort: sort(schema, order), ..RecordQuery::everything(schema) };
    let mut request = ScanRequest { limit: Some(limit), with_positions: true, ..ScanRequest::new(query) };
    let mut numbers = Vec::new();
    loop {
        let page = fixture.scan(schema, request.clone()).await;
        let Some(last) = positions(&page, &request.query.sort).pop() else { return numbers };
        numbers.extend(values(&rows(&page), "n"));
        assert!(numbers.len() <= 1_000, "the pages go round in circles");
        request.after = Some(last);
    }
}

/// An offset passes over records, a limit ends the result, both in the order of the query.
pub async fn offset_and_limit_cut_the_result(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    fixture.write_batch(&schema, integers(&schema, 0..10)).await;
    for (offset, limit, expected) in [
        (0, Some(3), vec![9, 8, 7]),
        (8, Some(3), vec![1, 0]),
        (9, None, vec![0]),
        (10, Some(1), vec![]),
        (u64::from(u32::MAX), None, vec![]),
        (0, Some(0), vec![]),
        (3, Some(2), vec![6, 5]),
    ] {
        for order in ["-n", ""] {
            let query = RecordQuery { sort: sort(&schema, order), ..RecordQuery::everything(&schema) };
            let page = fixture.scan(&schema, ScanRequest { offset, limit, ..ScanRequest::new(query) }).await;
            let expected = expected.iter().map(|n| if order.is_empty() { 9 - n } else { *n });
            let found = values(&rows(&page), "n");
            assert!(found.iter().cloned().eq(expected.map(Json::from)), "{offset} {limit:?} {order} {found:?}");
        }
    }
    let query = RecordQuery { filter: condition(&schema, "n", "gte", json!(5)), ..RecordQuery::everything(&schema) };
    let request = ScanRequest { offset: 1, limit: Some(2), ..ScanRequest::new(query) };
    assert_eq!(values(&rows(&fixture.scan(&schema, request).await), "n"), [6, 7]);
}

/// Columns stand in the order of the projection; what is filtered or sorted by need not be among them.
pub async fn fields_come_in_the_order_of_the_projection(fixture: Fixture) {
    let schema = tied(&fixture).await;
    let query = RecordQuery {
        projection: projection(&schema, &["b", "version", "n"]),
        filter: condition(&schema, "a", "eq", json!("y")),
        sort: sort(&schema, "-created_at,-n"),
    };
    let found = fixture.scan(&schema, ScanRequest::new(query)).await;
    let names: Vec<String> = found.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["b", "version", "n"]);
    assert_eq!(values(&rows(&found), "n"), [22, 18, 14, 10, 6, 2]);
}

/// Sort keys and sequence stand behind the fields, also when the keys are no fields of the result.
pub async fn positions_stand_behind_the_fields(fixture: Fixture) {
    let schema = tied(&fixture).await;
    let query = RecordQuery {
        projection: projection(&schema, &["n"]),
        sort: sort(&schema, "a,-b"),
        ..RecordQuery::everything(&schema)
    };
    let request = ScanRequest { with_positions: true, ..ScanRequest::new(query) };
    let found = fixture.scan(&schema, request.clone()).await;
    let names: Vec<String> = found.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["n".to_owned(), position_key(0), position_key(1), POSITION_SEQUENCE.to_owned()]);

    let records = fixture.records(&schema).await;
    for row in rows(&found) {
        let number = row["n"].as_u64().and_then(|n| usize::try_from(n).ok()).expect("a small number");
        assert_eq!((&row["$key0"], &row["$key1"]), (&records[number]["a"], &records[number]["b"]));
    }
    // `n` counts the commits, so sequences order the records as `n` does.
    let mut found: Vec<(i64, Json)> =
        positions(&found, &request.query.sort).iter().map(|p| p.sequence).zip(values(&rows(&found), "n")).collect();
    found.sort_by_key(|(sequence, _)| *sequence);
    assert!(found.into_iter().map(|(_, n)| n).eq((0..23).map(Json::from)));
}

/// Pages that begin after a position show each record once, in the order of the whole.
pub async fn pages_after_positions_show_each_record_once(fixture: Fixture) {
    let schema = tied(&fixture).await;
    for order in ["a", "-a", "b", "-b", "a,b", "-a,b", "a,-b", "-b,-a", "a,b,n", "created_at,-b", "-id"] {
        let whole = values(&fixture.sorted(&schema, order).await, "n");
        for limit in [1, 2, 5, 23, 100] {
            assert_eq!(paged(&fixture, &schema, order, limit).await, whole, "{order}, {limit} per page");
        }
    }
}

/// Pages without a sort follow commit order.
pub async fn pages_in_the_order_of_commit_show_each_record_once(fixture: Fixture) {
    let schema = tied(&fixture).await;
    for limit in [1, 4, 23] {
        assert!(paged(&fixture, &schema, "", limit).await.into_iter().eq((0..23).map(Json::from)));
    }
}

/// Behind the cursor of each record, whatever type it is ordered by, a scan yields exactly what came behind the record,
/// with positions and without.
pub async fn a_scan_goes_on_behind_the_cursor_of_any_record(fixture: Fixture) {
    let types = [
        (json!({"type": "string"}), vec![json!(""), json!("a\0"), json!("é\"\n"), json!("🦆")]),
        (json!({"type": "integer"}), vec![json!(i64::MIN), json!(0), json!(i64::MAX)]),
        (json!({"type": "number"}), vec![json!(-0.0), json!(0.1), json!(0.0), json!(5e-324), json!(f64::MIN)]),
        (json!({"type": "decimal", "precision": 20, "scale": 2}), vec![json!("-10.00"), json!("0.01")]),
        (json!({"type": "boolean"}), vec![json!(true), json!(false)]),
        (json!({"type": "date"}), vec![json!("9999-12-31"), json!("0000-01-01")]),
        (json!({"type": "time"}), vec![json!("23:59:59.999999"), json!("00:00:00")]),
        (json!({"type": "datetime"}), vec![json!("1969-12-31T23:59:59.999999Z"), json!("0000-01-01T00:00:00Z")]),
        (
            json!({"type": "uuid"}),
            vec![json!("ffffffff-ffff-ffff-ffff-ffffffffffff"), json!("00000000-0000-0000-0000-000000000001")],
        ),
    ];
    for (index, (mut property, values_of_type)) in types.into_iter().enumerate() {
        property["name"] = "v".into();
        let document = json!({"name": format!("s{index}"), "properties": [property, {"name": "n", "type": "integer"}]});
        let schema = fixture.create(document).await;
        // Twice each and a null, so that every value has a tie.
        let all = values_of_type.iter().chain([&Json::Null]).cycle().take(2 * (values_of_type.len() + 1));
        fixture.write(&schema, (0..).zip(all).map(|(n, v): (i64, _)| json!({"n": n, "v": v})).collect()).await;
        for order in ["", "v", "-v", "-v,n", "v,-id"] {
            let query = RecordQuery { sort: sort(&schema, order), ..RecordQuery::everything(&schema) };
            let all = ScanRequest { with_positions: true, ..ScanRequest::new(query.clone()) };
            let found = fixture.scan(&schema, all.clone()).await;
            let numbers = values(&rows(&found), "n");
            let cursors = Cursors::new(&schema, &query);
            for row in 0..found.num_rows() {
                let after = cursors.decode(&cursors.cursor(&found, row)).expect("a cursor of the query");
                for with_positions in [false, true] {
                    let rest = ScanRequest { after: Some(after.clone()), with_positions, ..all.clone() };
                    let rest = fixture.scan(&schema, rest).await;
                    assert_eq!(values(&rows(&rest), "n"), numbers[row + 1..], "{property} {order}, row {row}");
                }
            }
        }
    }
}

/// A record that is changed between two scans is at the end of commit order, and in another order where its keys
/// now put it.
pub async fn a_changed_record_is_where_its_keys_now_put_it(fixture: Fixture) {
    for (name, order, expected) in
        [("s", "", json!([30, 40, 11, 35, 5])), ("t", "n", json!([30, 35, 40])), ("u", "-n", json!([11, 5]))]
    {
        let document = json!({"name": name, "properties": [
            {"name": "k", "type": "string", "is_unique": true}, {"name": "n", "type": "integer"}]});
        let schema = fixture.create(document).await;
        let records = [("a", 10), ("b", 20), ("c", 30), ("d", 40), ("e", 25)];
        fixture.write(&schema, records.map(|(k, n)| json!({"k": k, "n": n})).into_iter().collect()).await;
        let query = RecordQuery { sort: sort(&schema, order), ..RecordQuery::everything(&schema) };
        let request = ScanRequest { with_positions: true, ..ScanRequest::new(query) };
        let found = fixture.scan(&schema, request.clone()).await;
        let row = rows(&found).iter().position(|row| row["n"] == 20).expect("the record is there");
        let after = Some(positions(&found, &request.query.sort).swap_remove(row));
        let write = WriteRequest { on_conflict: OnConflict::Replace, ..WriteRequest::new(Arc::clone(&schema)) };
        let changed = json!([{"k": "a", "n": 11}, {"k": "b", "n": 35}, {"k": "e", "n": 5}]);
        fixture.commit_as(write, &[crate::batch(&schema, changed)], CommitTerms::all_or_nothing()).await;
        let rest = fixture.scan(&schema, ScanRequest { after, ..request }).await;
        assert_eq!(Json::from(values(&rows(&rest), "n")), expected, "{order}");
    }
}

/// What a query matches in all is counted in the snapshot of its records: while another writer adds and deletes
/// records all the time, the total of a whole result is the number of its records.
pub async fn a_total_is_of_the_snapshot_of_its_records(fixture: Fixture) {
    let document = json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]});
    let schema = fixture.create(document).await;
    fixture.write(&schema, json!([{"n": 0}, {"n": 0}])).await;
    let is_done = AtomicBool::new(false);
    let write = async {
        for n in 1.. {
            let records: Json = (0..=n % 5).map(|_| json!({"n": n})).collect();
            fixture.write(&schema, records).await;
            fixture.delete(&schema, &condition(&schema, "n", "eq", json!(n - 1))).await;
            tokio::task::yield_now().await;
            if is_done.load(Ordering::Relaxed) {
                break;
            }
        }
    };
    let read = async {
        for round in 0..100 {
            let sort = sort(&schema, if round % 2 == 0 { "" } else { "-n" });
            let query = RecordQuery { sort, ..RecordQuery::everything(&schema) };
            let request = ScanRequest { counts_total: true, limit: Some(1_000), ..ScanRequest::new(query) };
            let stream = fixture.store.scan(&schema, request).await.expect("the scan begins");
            let total = stream.total().expect("the total was asked for");
            let records = collect(stream).await.expect("the scan ends").num_rows() as u64;
            assert_eq!(total, records, "round {round}");
            tokio::task::yield_now().await;
        }
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(write, read);
    let nothing = condition(&schema, "n", "eq", json!(-1));
    let query = RecordQuery { filter: nothing, ..RecordQuery::everything(&schema) };
    let request = ScanRequest { counts_total: true, ..ScanRequest::new(query) };
    let stream = fixture.store.scan(&schema, request).await.expect("the scan begins");
    assert_eq!(stream.total(), Some(0));
}

/// A page may begin after a record that was deleted.
pub async fn a_position_outlives_its_record(fixture: Fixture) {
    let schema = tied(&fixture).await;
    for (order, deleted) in [("b,a", 4), ("", 7)] {
        let query = RecordQuery { sort: sort(&schema, order), ..RecordQuery::everything(&schema) };
        let all = ScanRequest { with_positions: true, ..ScanRequest::new(query) };
        let before = fixture.scan(&schema, all.clone()).await;
        let numbers = values(&rows(&before), "n");
        let row = numbers.iter().position(|n| *n == json!(deleted)).expect("the record is there");
        let filter = condition(&schema, "n", "eq", json!(deleted));
        fixture.delete(&schema, &filter).await;
        let after = Some(positions(&before, &all.query.sort).swap_remove(row));
        let rest = fixture.scan(&schema, ScanRequest { after, ..all }).await;
        assert_eq!(values(&rows(&rest), "n"), numbers[row + 1..], "{order}");
    }
}

/// Records that are written between two pages show up where they belong, and move no other record.
pub async fn records_written_between_pages_do_not_move_the_others(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    fixture.write_batch(&schema, integers(&schema, [10, 20, 30, 40])).await;
    let query = RecordQuery { sort: sort(&schema, "n"), ..RecordQuery::everything(&schema) };
    let first = ScanRequest { limit: Some(2), with_positions: true, ..ScanRequest::new(query) };
    let page = fixture.scan(&schema, first.clone()).await;
    let after = positions(&page, &first.query.sort).pop();
    fixture.write_batch(&schema, integers(&schema, [5, 20, 35])).await;
    let rest = fixture.scan(&schema, ScanRequest { after, limit: None, ..first }).await;
    // The second 20 is a tie that was committed later, so it comes after the position.
    assert_eq!(values(&rows(&rest), "n"), [20, 30, 35, 40]);
}

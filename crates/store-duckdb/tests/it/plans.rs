//! `is_indexed` makes an index that queries use, and plans say what was really read.

use std::sync::Arc;

use eider_application::ports::{
    Access, Explainer, IndexHint, ReadPlan, ReadRequest, RecordReader, ScanRequest, Sorting,
};
use eider_domain::{Filter, Position, RecordQuery, Schema};
use eider_store_duckdb::DuckDbStore;
use eider_testkit::contract::collect;
use eider_testkit::{condition, rows, sort};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::fixture::{numbers_store, settings, write_numbers};

/// Rows of a row group, of which the table has two full ones and a last one of `LAST`.
const ROW_GROUP: u64 = 122_880;
const LAST: u64 = 54_240;
const RECORDS: u64 = 2 * ROW_GROUP + LAST;

/// A store with `RECORDS` numbers: `n` counts up and is indexed, `m` is a permutation and is not.
struct Numbers {
    store: DuckDbStore,
    schema: Arc<Schema>,
    _directory: TempDir,
}

impl Numbers {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, schema) = numbers_store(settings(directory.path())).await;
        write_numbers(&store, &schema, 0..i64::try_from(RECORDS).unwrap(), 1).await;
        Self { store, schema, _directory: directory }
    }

    fn filter(&self, property: &str, operator: &str, value: serde_json::Value) -> Filter {
        condition(&self.schema, property, operator, value)
    }

    fn scan(&self, filter: Filter, order: &str, limit: Option<u64>) -> ScanRequest {
        let sort = if order.is_empty() { Vec::new() } else { sort(&self.schema, order) };
        let query = RecordQuery { filter, sort, ..RecordQuery::everything(&self.schema) };
        ScanRequest { limit, ..ScanRequest::new(query) }
    }

    async fn plan(&self, request: ScanRequest) -> ReadPlan {
        self.explain(ReadRequest::Scan(request)).await
    }

    async fn explain(&self, request: ReadRequest) -> ReadPlan {
        self.store.explain(&self.schema, &request).await.unwrap()
    }
}

fn by_index() -> Access {
    Access::Index { property: "n".to_owned() }
}

fn hint(property: &str, is_declared: bool) -> Vec<IndexHint> {
    let serves_only = is_declared.then_some("reads of records without patterns, not counts and groups");
    vec![IndexHint { property: property.to_owned(), matching: 1, serves_only }]
}

#[tokio::test]
async fn an_indexed_property_is_looked_up_and_another_is_scanned() {
    let numbers = Numbers::new().await;
    let plan = numbers.plan(numbers.scan(numbers.filter("n", "eq", json!(4_711)), "", None)).await;
    let expected = ReadPlan {
        access: by_index(),
        records: RECORDS,
        scanned: 1,
        returned: 1,
        sorting: Sorting::Nothing,
        index_hints: Vec::new(),
    };
    assert_eq!(plan, expected);
    let list = numbers.plan(numbers.scan(numbers.filter("n", "in", json!([4_711, 7])), "", None)).await;
    assert_eq!((list.access, list.scanned, list.returned), (by_index(), 2, 2));
    let range = numbers.plan(numbers.scan(numbers.filter("n", "gte", json!(RECORDS - 100)), "", None)).await;
    assert_eq!((range.access, range.scanned, range.returned), (by_index(), 100, 100));

    let plan = numbers.plan(numbers.scan(numbers.filter("m", "eq", json!(7_919)), "", None)).await;
    let index_hints = hint("m", false);
    assert_eq!(plan, ReadPlan { access: Access::FullScan, scanned: RECORDS, index_hints, ..expected });

    let statistics = numbers.store.statistics(&numbers.schema).await.unwrap();
    let found: Vec<(&str, bool)> =
        statistics.indexes.iter().map(|index| (index.fields[0].name(), index.is_unique)).collect();
    assert_eq!(found, [("n", false)]);
}

#[tokio::test]
async fn an_index_that_would_find_too_many_is_neither_used_nor_missed() {
    let numbers = Numbers::new().await;
    let many: Vec<i64> = (0..9_000).collect();
    for property in ["n", "m"] {
        let plan = numbers.plan(numbers.scan(numbers.filter(property, "in", json!(many)), "", None)).await;
        assert!(!matches!(plan.access, Access::Index { .. }), "{property} {plan:?}");
        assert_eq!(plan.index_hints, [], "{property}");
    }
}

#[tokio::test]
async fn an_index_is_used_whatever_else_is_asked_of_its_records() {
    let numbers = Numbers::new().await;
    let one = || numbers.filter("n", "eq", json!(4_711));
    let with = |other: Filter| Filter::And(vec![other, one()]);
    let above = numbers.filter("m", "gte", json!(1_000));
    let behind = |sequence| ScanRequest {
        after: Some(Position { keys: Vec::new(), sequence }),
        ..numbers.scan(one(), "", None)
    };
    for (request, returned) in [
        (numbers.scan(with(above.clone()), "", None), 1),
        (numbers.scan(with(Filter::Not(Box::new(above))), "", Some(10)), 0),
        (behind(5), 1),
        (behind(5_000), 0),
        (numbers.scan(one(), "m", Some(10)), 1),
    ] {
        let plan = numbers.plan(request.clone()).await;
        assert_eq!((plan.access, plan.scanned, plan.returned), (by_index(), 1, returned), "{request:?}");
        assert_eq!(plan.index_hints, [], "{request:?}");
        let found = collect(numbers.store.scan(&numbers.schema, request.clone()).await.unwrap()).await.unwrap();
        assert_eq!(rows(&found).len() as u64, returned, "{request:?}");
    }
}

/// Counts are scanned, and what patterns match.
#[tokio::test]
async fn a_read_of_another_form_does_not_use_the_index() {
    let numbers = Numbers::new().await;
    let above = numbers.filter("m", "gte", json!(1_000));
    let patterned = Filter::And(vec![
        numbers.filter("n", "in", json!([4_711, 60_000])),
        numbers.filter("text", "like", json!("%")),
    ]);
    let one = Filter::And(vec![numbers.filter("n", "eq", json!(4_711)), above]);
    for request in [ReadRequest::Scan(numbers.scan(patterned, "", None)), ReadRequest::Count(one)] {
        let plan = numbers.explain(request.clone()).await;
        assert!(!matches!(plan.access, Access::Index { .. }), "{request:?} {plan:?}");
        assert!(plan.scanned >= ROW_GROUP, "{request:?} {plan:?}");
        assert!(plan.index_hints.iter().all(|hint| hint.property == "n" && hint.serves_only.is_some()), "{plan:?}");
        assert_eq!(plan.index_hints.len(), 1, "{request:?}");
    }
}

#[tokio::test]
async fn neither_a_limit_nor_a_sort_alone_keeps_the_engine_from_its_index() {
    let numbers = Numbers::new().await;
    let one = || numbers.filter("n", "eq", json!(4_711));
    for (order, limit) in [("", Some(10)), ("m", None)] {
        let plan = numbers.plan(numbers.scan(one(), order, limit)).await;
        assert_eq!((plan.access, plan.scanned), (by_index(), 1), "{order}");
    }
}

#[tokio::test]
async fn row_groups_that_cannot_match_are_not_read() {
    let numbers = Numbers::new().await;
    // Ids count up, as those do that the server makes, and so do the times of creation.
    let end = numbers.filter("id", "gte", json!(Uuid::from_u128(u128::from(RECORDS - 2_000))));
    let plan = numbers.plan(numbers.scan(end.clone(), "", None)).await;
    assert_eq!((&plan.access, plan.returned), (&Access::PartialScan, 2_000));
    // Within the last row group the engine passes over whole blocks of ids.
    assert!((2_000..LAST).contains(&plan.scanned), "{plan:?}");
    let count = numbers.explain(ReadRequest::Count(end)).await;
    assert_eq!((count.access, count.scanned, count.returned), (Access::PartialScan, plan.scanned, 1));

    let behind = Position { keys: Vec::new(), sequence: i64::try_from(2 * ROW_GROUP).unwrap() };
    let behind = ScanRequest { after: Some(behind), ..numbers.scan(Filter::everything(), "", None) };
    let plan = numbers.plan(behind).await;
    assert_eq!((plan.access, plan.scanned, plan.returned), (Access::PartialScan, LAST, LAST));

    // In commit order a scan ends when it has enough.
    let plan = numbers.plan(numbers.scan(Filter::everything(), "", Some(10))).await;
    assert_eq!((&plan.access, plan.returned), (&Access::PartialScan, 10));
    assert!(plan.scanned < RECORDS, "{plan:?}");
}

#[tokio::test]
async fn what_no_range_excludes_is_read_to_its_end() {
    let numbers = Numbers::new().await;
    for (property, operator, value, returned) in
        [("m", "gte", json!(500_000), None), ("text", "like", json!("%x"), Some(RECORDS)), ("m", "ne", json!(0), None)]
    {
        let plan = numbers.plan(numbers.scan(numbers.filter(property, operator, value), "", None)).await;
        assert_eq!((&plan.access, plan.scanned), (&Access::FullScan, RECORDS), "{property}.{operator}");
        assert_eq!((plan.index_hints, plan.sorting), (Vec::new(), Sorting::Nothing), "{property}.{operator}");
        assert!(returned.is_none_or(|returned| plan.returned == returned), "{property}.{operator}");
    }
    let plan = numbers.plan(numbers.scan(Filter::everything(), "", None)).await;
    assert_eq!((plan.access, plan.scanned, plan.returned), (Access::FullScan, RECORDS, RECORDS));
}

#[tokio::test]
async fn a_sort_with_a_limit_keeps_the_first_and_another_sorts_all() {
    let numbers = Numbers::new().await;
    let plan = numbers.plan(numbers.scan(Filter::everything(), "-m", Some(10))).await;
    assert_eq!((plan.sorting, plan.returned), (Sorting::TopK, 10));
    let plan = numbers.plan(numbers.scan(Filter::everything(), "-m", None)).await;
    assert_eq!((plan.sorting, plan.returned, plan.scanned), (Sorting::Full, RECORDS, RECORDS));
    // An index has them in order.
    let plan = numbers.plan(numbers.scan(Filter::everything(), "-n", Some(10))).await;
    assert_eq!((plan.access, plan.sorting, plan.scanned, plan.returned), (by_index(), Sorting::Nothing, 10, 10));
    // The page lies in a range of its key, which begins and ends in the last row group.
    let plan = numbers.plan(numbers.scan(Filter::everything(), "-created_at", Some(10))).await;
    assert_eq!((plan.sorting, plan.returned), (Sorting::TopK, 10));
}

#[tokio::test]
async fn what_the_store_knows_already_reads_no_records() {
    let numbers = Numbers::new().await;
    let plan = numbers.explain(ReadRequest::Count(Filter::everything())).await;
    assert_eq!((plan.access, plan.scanned, plan.returned, plan.records), (Access::Nothing, 0, 1, RECORDS));
    let none = numbers.plan(numbers.scan(numbers.filter("m", "gt", json!(1_000_003)), "m", None)).await;
    assert_eq!((none.access, none.scanned, none.returned, none.sorting), (Access::Nothing, 0, 0, Sorting::Nothing));
    let count = numbers.explain(ReadRequest::Count(numbers.filter("m", "gt", json!(1_000_003)))).await;
    assert_eq!((count.access, count.scanned, count.returned), (Access::Nothing, 0, 1));
}

//! What reads cost, and what indexes would do for them.

use eider_application::ports::{ReadRequest, ScanRequest, Sorting, StoreErrorKind};
use eider_domain::{Field, Filter, Position, RecordQuery, Value};
use serde_json::json;

use super::Fixture;
use super::pages::tied;
use crate::{condition, sort};

/// The plan of a read names as many records as the read itself yields, and no fewer read than yielded.
pub async fn a_plan_says_how_many_records_a_read_yields(fixture: Fixture) {
    let schema = tied(&fixture).await;
    let some = || condition(&schema, "a", "in", json!(["x", ""]));
    for (filter, order) in [(Filter::everything(), ""), (some(), ""), (some(), "-b"), (Filter::everything(), "b,a")] {
        let query =
            RecordQuery { filter: filter.clone(), sort: sort(&schema, order), ..RecordQuery::everything(&schema) };
        let after = Some(Position { keys: vec![Value::Null; query.sort.len()], sequence: 8 });
        for (after, offset, limit) in [(None, 0, None), (None, 3, Some(5)), (after, 0, Some(4))] {
            let request = ScanRequest { after, offset, limit, ..ScanRequest::new(query.clone()) };
            let yielded = fixture.scan(&schema, request.clone()).await.num_rows() as u64;
            let plan = fixture.explainer().explain(&schema, &ReadRequest::Scan(request)).await.expect("a plan");
            assert_eq!((plan.returned, plan.records), (yielded, 23), "{order}");
            assert!(plan.scanned >= yielded, "{order} {plan:?}");
            assert_eq!(plan.sorting == Sorting::Nothing, order.is_empty(), "{order} {plan:?}");
        }
        let plan = fixture.explainer().explain(&schema, &ReadRequest::Count(filter)).await.expect("a plan");
        assert_eq!((plan.returned, plan.records, plan.sorting), (1, 23, Sorting::Nothing));
    }
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    let gone =
        fixture.explainer().explain(&schema, &ReadRequest::Count(Filter::everything())).await.expect_err("no schema");
    assert_eq!(gone.kind(), StoreErrorKind::NotFound);
}

/// Properties have an estimate each, in their order.
pub async fn estimates_say_how_many_records_share_a_value(fixture: Fixture) {
    let document = json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"}, {"name": "some", "type": "integer"}, {"name": "none", "type": "string"}]});
    let schema = fixture.create(document).await;
    fixture.write(&schema, (0..100).map(|n| json!({"n": n, "some": n % 2})).collect()).await;
    let fields: Vec<Field> = ["some", "none", "n"].map(|name| schema.field(name).expect("a property")).to_vec();
    let estimates = fixture.explainer().estimate_indexes(&schema, 100, &fields).await.expect("estimates");
    let shared: Vec<u64> = estimates.iter().map(|estimate| estimate.records_a_value).collect();
    assert_eq!(shared, [50, 0, 1]);
    assert!(estimates.iter().all(|estimate| !estimate.is_worthwhile), "a hundred records are soon read");
}

//! Profiles of more values than are counted one by one.

use std::sync::Arc;

use eider_application::ports::{
    PROFILE_COUNTED_VALUES, ProfileRequest, Profiler, RecordReader, SchemaCatalog, Statistic,
};
use eider_domain::{Field, Filter, Schema, Value};
use eider_store_duckdb::DuckDbStore;
use eider_testkit::Fixture;
use serde_json::json;

use crate::fixture::{numbers_store, settings, settings_with_pool, write_numbers};

fn request(schema: &Schema) -> ProfileRequest {
    let fields = schema.fields().into_iter().filter(|field| matches!(field, Field::Property { .. })).collect();
    ProfileRequest { filter: Filter::everything(), fields }
}

#[tokio::test]
async fn frequent_values_are_found_among_many_and_counted_exactly() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(DuckDbStore::open(settings(directory.path())).await.unwrap());
    let definition = json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"}, {"name": "often", "type": "string"}, {"name": "once", "type": "string"}]});
    let schema = store.create(eider_testkit::schema(definition)).await.unwrap();
    let many = i64::try_from(PROFILE_COUNTED_VALUES).unwrap() * 2;
    // Each fifth record has one of twelve values, the first of them most often.
    let frequent = |n: i64| (0..12).find(|rank| n / 5 % (12 - rank) == 0).unwrap();
    let often = |n: i64| if n % 5 == 0 { format!("often {:02}", frequent(n)) } else { format!("once {n}") };
    let records = (0..many).map(|n| json!({"n": n, "often": often(n), "once": format!("once {n}")}));
    Fixture::new(Arc::clone(&store) as _).write(&schema, records.collect()).await;
    let mut expected: Vec<(Value, u64)> = (0..12_i64)
        .map(|rank| {
            let count = (0..many).filter(|n| n % 5 == 0 && frequent(*n) == rank).count() as u64;
            (Value::Text(format!("often {rank:02}").into()), count)
        })
        .collect();
    expected.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    expected.truncate(10);
    let profile = store.profile(&schema, &request(&schema)).await.unwrap();
    assert_eq!(profile.fields[1].top, expected);
    assert_eq!(profile.fields[2].top, [], "values that come once are not frequent");
    let Value::Integer(distinct) = profile.fields[2].statistic(Statistic::Distinct) else { panic!("a count") };
    assert!((distinct - many).abs() < many / 10, "{distinct} of {many}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_dropped_gives_its_connection_back() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings_with_pool(directory.path(), 1)).await;
    write_numbers(&store, &schema, 0..1_000_000, 20).await;
    let request = request(&schema);
    let profile = store.profile(&schema, &request);
    tokio::time::timeout(std::time::Duration::from_millis(20), profile).await.expect_err("a profile this long");
    let returned = async {
        while store.pool_status().idle < store.pool_status().size {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), returned)
        .await
        .expect("the connection was not given back");
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 1_000_000);
}

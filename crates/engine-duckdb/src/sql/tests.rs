//! Generated SQL, as snapshots.

use std::sync::Arc;

use eider_application::ports::ScanRequest;
use eider_domain::{
    Aggregate, Aggregation, ColumnName, Condition, DateUnit, Direction, Filter, Function, GroupKey, Operator, Position,
    RecordQuery, Schema, SchemaDefinition, SortKey, Timestamp,
};
use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::connection::version::TableVersion;
use crate::relation::Relation;
use crate::sql::KeyRange;

fn schema() -> Schema {
    let document = json!({"name": "Flights", "properties": [
        {"name": "carrier", "type": "string", "required": true, "is_indexed": true},
        {"name": "delay", "type": "number"},
        {"name": "fare", "type": "decimal", "precision": 10, "scale": 2},
        {"name": "code", "type": "uuid", "is_unique": true},
        {"name": "at", "type": "datetime"},
        {"name": "Order", "type": "object"}]});
    Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
}

fn relation() -> Relation {
    Relation::new(Arc::new(schema()), "\"$records\".\"flights\"", TableVersion::first())
}

fn condition(field: &str, operator: &str, text: &str) -> Filter {
    let field = schema().field(field).unwrap();
    Condition::from_text(field, Operator::parse(operator).unwrap(), text).unwrap().into()
}

#[test]
fn filters_bind_every_value() {
    let filter = Filter::And(vec![
        condition("carrier", "in", "UA,'; DROP TABLE x; --"),
        Filter::Or(vec![condition("delay", "gte", "60"), Filter::Not(Box::new(condition("at", "is_null", "true")))]),
        condition("fare", "lt", "12.5"),
        condition("id", "eq", "01890a5d-ac96-774b-bcce-b302099a8057"),
        condition("carrier", "ilike", "u%"),
        Filter::Or(Vec::new()),
    ]);
    let statement = count(&relation(), &filter);
    assert_snapshot!(format!("{}\n{:?}", statement.sql, statement.values));
}

#[test]
fn a_page_of_a_mixed_order_begins_behind_its_position() {
    let schema = schema();
    let key = |name: &str, direction| SortKey { field: schema.field(name).unwrap(), direction };
    let mut query = RecordQuery::everything(&schema);
    query.projection = eider_domain::Projection::of(&schema, vec![schema.field("carrier").unwrap()]);
    query.filter = condition("delay", "gt", "0");
    query.sort = vec![
        key("carrier", Direction::Ascending),
        key("delay", Direction::Descending),
        key("at", Direction::Ascending),
    ];
    let mut request = ScanRequest::new(query);
    request.with_positions = true;
    request.limit = Some(101);
    request.after =
        Some(Position { keys: vec![Value::Text("UA".into()), Value::Number(5.0), Value::Null], sequence: 7 });
    let statement = scan(&relation(), &request);
    assert_snapshot!(format!("{}\n{:?}", statement.sql, statement.values));
}

#[test]
fn a_page_within_a_range_has_its_ends_as_conditions() {
    let schema = schema();
    let mut request = ScanRequest::new(RecordQuery::everything(&schema));
    request.query.projection = eider_domain::Projection::of(&schema, vec![schema.field("id").unwrap()]);
    let key = SortKey { field: schema.field("delay").unwrap(), direction: Direction::Descending };
    request.query.sort = vec![key.clone()];
    request.limit = Some(3);
    request.after = Some(Position { keys: vec![Value::Number(5.0)], sequence: 7 });
    let range = KeyRange { key, from: Some(Value::Number(5.0)), end: Value::Number(2.5) };
    let statement = scan_within(&relation(), &request, &range);
    assert_snapshot!(format!("{}\n{:?}", statement.sql, statement.values));
}

#[test]
fn records_of_several_ids_are_joined() {
    let ids = [1, 2, 3].map(uuid::Uuid::from_u128);
    let statement = records(&relation(), &ids);
    assert_snapshot!(format!("{}\n{:?}", statement.sql, statement.values));
    assert_snapshot!(records(&relation(), &ids[..1]).sql);
}

#[test]
fn a_list_of_ids_that_is_required_is_joined_and_brought_back_into_order() {
    let schema = schema();
    let ids = || condition("id", "in", "01890a5d-ac96-774b-bcce-b302099a8057,ffffffff-ffff-ffff-ffff-ffffffffffff");
    let mut query = RecordQuery::everything(&schema);
    query.projection = eider_domain::Projection::of(&schema, vec![schema.field("carrier").unwrap()]);
    let text = |filter: Filter| scan(&relation(), &ScanRequest::new(RecordQuery { filter, ..query.clone() })).sql;
    let joined = Filter::And(vec![condition("delay", "gt", "0"), Filter::And(vec![ids()])]);
    assert_snapshot!([text(joined), text(Filter::Or(vec![ids()])), text(Filter::Not(Box::new(ids())))].join("\n"));
}

#[test]
fn the_order_of_commit_needs_no_sort() {
    let schema = schema();
    let mut request = ScanRequest::new(RecordQuery::everything(&schema));
    request.query.projection = eider_domain::Projection::of(&schema, vec![schema.field("id").unwrap()]);
    request.with_positions = true;
    request.limit = Some(3);
    request.offset = 2;
    request.after = Some(Position { keys: Vec::new(), sequence: 7 });
    assert_snapshot!(scan(&relation(), &request).sql);
}

#[test]
fn an_aggregation_names_its_columns_by_their_places() {
    let schema = schema();
    let field = |name: &str| schema.field(name).unwrap();
    let named = |name: &str| Some(ColumnName::parse(name).unwrap());
    let keys = vec![
        (named("at"), GroupKey::of(field("carrier")).unwrap()),
        (named("carrier"), GroupKey::truncated(field("at"), DateUnit::Week).unwrap()),
    ];
    let figure = |function, name: &str, share| (None, Aggregate::new(function, Some(field(name)), share).unwrap());
    let figures = vec![
        (named("n"), Aggregate::new(Function::Count, None, None).unwrap()),
        figure(Function::Sum, "fare", None),
        figure(Function::Quantile, "delay", Some(0.95)),
        figure(Function::Quantile, "at", Some(0.5)),
        figure(Function::CountDistinct, "code", None),
    ];
    let mut aggregation = Aggregation::new(keys, figures).unwrap();
    aggregation.filter = condition("delay", "gt", "0");
    let count = aggregation.field("n").unwrap();
    aggregation.having = Condition::from_json(count.clone(), Operator::Gt, &json!(100)).unwrap().into();
    aggregation.sort = vec![SortKey { field: count, direction: Direction::Descending }];
    let statements = [Summation::Fast, Summation::Exact]
        .map(|summation| aggregate(&relation(), &aggregation, Some(11), summation))
        .map(|statement| format!("{}\n{:?}", statement.sql, statement.values));
    assert_snapshot!(statements.join("\n"));
}

#[test]
fn records_at_places_are_read_in_the_order_that_is_asked_for() {
    let schema = schema();
    let mut query = RecordQuery::everything(&schema);
    query.projection = eider_domain::Projection::of(&schema, vec![schema.field("id").unwrap()]);
    let mut request = ScanRequest { with_positions: true, ..ScanRequest::new(query) };
    let together = scan_places(&relation(), &request, 7..9);
    let scattered = scan_listed(&relation(), &request, &[3, 8]);
    request.query.filter = condition("delay", "gt", "5");
    request.query.sort = vec![SortKey { field: schema.field("delay").unwrap(), direction: Direction::Descending }];
    let sorted = scan_listed(&relation(), &request, &[3, 8]);
    assert_snapshot!(
        [together, scattered, sorted].map(|statement| format!("{}\n{:?}", statement.sql, statement.values)).join("\n")
    );
}

#[test]
fn a_profile_is_one_row_and_the_most_frequent_values_of_each_field() {
    let schema = schema();
    let filter = condition("carrier", "eq", "UA");
    let fields = ["carrier", "delay", "fare", "code", "at", "order"].map(|name| schema.field(name).unwrap());
    let mut statements = vec![statistics(&relation(), &filter, &fields).sql];
    let together = values_of(&relation(), &filter, &fields.iter().collect::<Vec<_>>());
    assert_eq!(together.values.len(), 1);
    statements.push(together.sql);
    for (field, is_counted) in [("carrier", true), ("carrier", false), ("at", false)] {
        let statement = top(&relation(), &filter, &schema.field(field).unwrap(), is_counted);
        assert_eq!(statement.values.len(), if is_counted { 1 } else { 2 });
        statements.push(statement.sql);
    }
    let delay = schema.field("delay").unwrap();
    statements.push(top(&relation(), &Filter::everything(), &delay, false).sql);
    statements.push(exact_mean(&relation(), &filter, &delay).sql);
    assert_snapshot!(statements.join("\n"));
}

//! Reads of a relation that is no table: a view over two tables and rows that stand in its text, as another store may
//! have old files, new files and what is in neither yet.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{
    Access, POSITION_SEQUENCE, ProfileRequest, ReadRequest, RecordStream, ScanRequest, Statistic, StoreError,
    StoreErrorKind, SuggestionRequest, ValidationRequest,
};
use eider_domain::{
    Aggregate, Aggregation, Filter, Function, Position, RecordQuery, Rule, RuleSet, Schema, Timestamp, Value,
};
use eider_engine_duckdb::connection::worker::{self, Decision, transaction};
use eider_engine_duckdb::connection::{
    Changing, InstanceSettings, Pool, PoolSettings, ScanBatch, TableVersion, check_release, register_functions,
};
use eider_engine_duckdb::quality::{Suggested, suggest, validate};
use eider_engine_duckdb::read::{self, Plan, Planner};
use eider_engine_duckdb::sql::Statement;
use eider_engine_duckdb::{Connection, Relation};
use eider_testkit::{condition, sort};
use futures::TryStreamExt;
use serde_json::json;
use tempfile::TempDir;

/// Records of each of the tables; three more stand in the text of the relation.
const IN_A_TABLE: i64 = 5_000;
const RECORDS: i64 = 2 * IN_A_TABLE + 3;

/// The relation as it is: there is nothing else to know.
struct AsItIs;

impl Planner for AsItIs {
    fn plan(&self, _: &Connection, relation: &Relation, request: &ScanRequest) -> Result<Plan, StoreError> {
        Ok(Plan::plain(relation, request))
    }
}

struct Lake {
    pool: Pool,
    relation: Arc<Relation>,
    directory: TempDir,
}

impl Lake {
    /// The delay of a record is its sequence number modulo 7, its carrier `ua` or `AA`.
    fn new() -> Self {
        check_release().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let instance = Connection::open_in_memory().unwrap();
        register_functions(&instance).unwrap();
        let temp_directory = directory.path().to_owned();
        let settings = InstanceSettings { memory_limit_bytes: 256 << 20, threads: Some(2), temp_directory };
        settings.apply(&instance).unwrap();
        let rows = |from: i64, to: i64| {
            format!(
                "SELECT i AS \"$sequence\", uuid() AS id, TIMESTAMP '2020-01-01' AS created_at, \
                 TIMESTAMP '2020-01-01' AS updated_at, 1::BIGINT AS version, \
                 CASE i % 2 WHEN 0 THEN 'ua' ELSE 'AA' END AS carrier, i % 7 AS delay FROM range({from}, {to}) r(i)"
            )
        };
        let (old, new) = (rows(1, 1 + IN_A_TABLE), rows(1 + IN_A_TABLE, 1 + 2 * IN_A_TABLE));
        let hot = rows(1 + 2 * IN_A_TABLE, 1 + RECORDS);
        let view = format!("SELECT * FROM lake.old UNION ALL SELECT * FROM lake.new UNION ALL {hot}");
        let made = format!(
            "CREATE SCHEMA lake; CREATE TABLE lake.old AS {old}; CREATE TABLE lake.new AS {new}; \
             CREATE VIEW lake.\"flights@7\" AS {view}"
        );
        instance.execute_batch(&made).unwrap();
        let schema = eider_testkit::schema(json!({"name": "flights", "properties": [
            {"name": "carrier", "type": "string"}, {"name": "delay", "type": "integer"}]}));
        let relation = Relation::new(Arc::new(schema), "\"lake\".\"flights@7\"", TableVersion::first());
        let pool = Pool::new(instance, &PoolSettings::default()).unwrap();
        Self { pool, relation: Arc::new(relation), directory }
    }

    fn schema(&self) -> &Schema {
        self.relation.schema()
    }

    async fn scan(&self, request: ScanRequest) -> Result<RecordStream, StoreError> {
        let relation = Arc::clone(&self.relation);
        read::records(&self.pool, relation, request, Box::new(AsItIs), ScanBatch::default()).await
    }

    /// The sequence numbers of what a scan yields.
    async fn sequences(&self, request: ScanRequest) -> Vec<i64> {
        let request = ScanRequest { with_positions: true, ..request };
        let batches: Vec<RecordBatch> = self.scan(request).await.unwrap().try_collect().await.unwrap();
        let numbers = batches.iter().flat_map(|batch| {
            batch.column_by_name(POSITION_SEQUENCE).unwrap().as_primitive::<Int64Type>().values().to_vec()
        });
        numbers.collect()
    }

    fn everything(&self) -> ScanRequest {
        ScanRequest::new(RecordQuery::everything(self.schema()))
    }

    fn rules(&self) -> Arc<[Rule]> {
        let rules = json!({"rules": [
            {"rule": "standardize", "property": "carrier", "case": "upper"},
            {"rule": "range", "property": "delay", "maximum": 5}]});
        Arc::from(RuleSet::parse(&rules, self.schema()).unwrap().rules())
    }
}

#[tokio::test]
async fn scans_keep_the_order_of_commit_and_go_on_behind_a_cursor() {
    let lake = Lake::new();
    assert_eq!(lake.sequences(lake.everything()).await, (1..=RECORDS).collect::<Vec<_>>());
    let page = |after: i64| ScanRequest {
        limit: Some(10),
        after: Some(Position { keys: Vec::new(), sequence: after }),
        ..lake.everything()
    };
    for after in [0, IN_A_TABLE - 4, 2 * IN_A_TABLE - 4] {
        let until = (after + 10).min(RECORDS);
        assert_eq!(lake.sequences(page(after)).await, (after + 1..=until).collect::<Vec<_>>(), "after {after}");
    }
}

#[tokio::test]
async fn sorts_filters_and_counts_are_those_of_the_records() {
    let lake = Lake::new();
    let filter = condition(lake.schema(), "delay", "gte", json!(5));
    let mut query = RecordQuery::everything(lake.schema());
    query.filter = filter.clone();
    query.sort = sort(lake.schema(), "-delay,carrier");
    let mut expected: Vec<i64> = (1..=RECORDS).filter(|sequence| sequence % 7 >= 5).collect();
    let count = expected.len() as u64;
    // `AA` of the odd comes before `ua`.
    expected.sort_by_key(|sequence| (7 - sequence % 7, sequence % 2 == 0));
    assert_eq!(lake.sequences(ScanRequest::new(query)).await, expected);
    assert_eq!(read::count(&lake.pool, Arc::clone(&lake.relation), &filter).await.unwrap(), count);
    assert_eq!(read::count(&lake.pool, Arc::clone(&lake.relation), &Filter::everything()).await.unwrap(), 10_003);
}

#[tokio::test]
async fn groups_and_profiles_are_made_of_it() {
    let lake = Lake::new();
    let delay = lake.schema().field("delay").unwrap();
    let sum = Aggregate::new(Function::Sum, Some(delay.clone()), None).unwrap();
    let aggregation = Aggregation::new(Vec::new(), vec![(None, sum)]).unwrap();
    let groups = read::groups(&lake.pool, &lake.relation, &aggregation, None, ScanBatch::default()).await.unwrap();
    let groups: Vec<RecordBatch> = groups.try_collect().await.unwrap();
    let expected: i64 = (1..=RECORDS).map(|sequence| sequence % 7).sum();
    assert_eq!(groups[0].column(0).as_primitive::<Int64Type>().value(0), expected);
    let request = ProfileRequest { filter: Filter::everything(), fields: vec![delay] };
    let profile = read::profile(&lake.pool, Arc::clone(&lake.relation), &request).await.unwrap();
    assert_eq!(profile.records, RECORDS.unsigned_abs());
    assert_eq!(profile.fields[0].statistic(Statistic::Max), &Value::Integer(6));
}

#[tokio::test]
async fn a_plan_says_how_it_was_read() {
    let lake = Lake::new();
    let request = ReadRequest::Scan(lake.everything());
    let relation = Arc::clone(&lake.relation);
    let explain = move |connection: &_| read::explain(connection, &relation, &request, &AsItIs);
    let plan = worker::read(&lake.pool, explain).await.unwrap();
    assert_eq!((plan.records, plan.returned), (10_003, 10_003));
    assert!(!matches!(plan.access, Access::Index { .. }), "{:?}", plan.access);
}

#[tokio::test]
async fn rules_are_checked_and_suggest() {
    let lake = Lake::new();
    let (rules, at) = (lake.rules(), Timestamp::from_micros(0));
    let (small, few) = ((1..=RECORDS).filter(|n| n % 2 == 0).count(), (1..=RECORDS).filter(|n| n % 7 > 5).count());
    let (request, mut told) = ValidationRequest::new(Arc::clone(&rules), at);
    let snapshot = Statement { sql: format!("SELECT {RECORDS}::UBIGINT, 41::BIGINT"), ..Statement::default() };
    let directory = lake.directory.path().to_owned();
    let validation = validate(&lake.pool, Arc::clone(&lake.relation), snapshot, request, directory).await.unwrap();
    assert_eq!((validation.records, validation.commit_seq), (RECORDS.unsigned_abs(), 41));
    for issues in [small, few] {
        assert_eq!(told.recv().await.unwrap().issues, issues as u64);
    }

    let request = SuggestionRequest { rules: Arc::from([rules[0].clone()]), at };
    let relation = Arc::clone(&lake.relation);
    let suggested = worker::write(&lake.pool, move |connection| {
        transaction(connection, || suggest(connection, &relation, &request, &[]).map(Decision::RollBack))
    });
    let Suggested::Made { records, changed } = suggested.await.unwrap() else { panic!("nothing was suggested") };
    assert_eq!((records, changed), (i64::try_from(small).unwrap(), vec![small as u64]));
}

#[tokio::test]
async fn a_read_of_an_older_version_is_refused() {
    let lake = Lake::new();
    let changing = Changing::begin(lake.relation.version().clone());
    assert_eq!(lake.scan(lake.everything()).await.unwrap_err().kind(), StoreErrorKind::SchemaChanged);
    // The change failed: the version is still the current one.
    drop(changing);
    assert_eq!(lake.sequences(ScanRequest { limit: Some(1), ..lake.everything() }).await, [1]);
}

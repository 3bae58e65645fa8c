//! Functions of the engine that are the domain's own: so a rule reads a text in SQL as it does everywhere else.
//!
//! The engine has patterns, cases and white space of its own, which are nearly those of the domain. What is nearly the same
//! calls good values bad, and takes bad ones for good.

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::DataType as ArrowType;
use duckdb::Connection;
use duckdb::vscalar::{ArrowFunctionSignature, VArrowScalar};
use eider_application::StoreError;
use eider_domain::Rule;

use crate::error::{internal, store_error};

/// Whether a text breaks the rule of a number; null of a null.
pub(crate) const IS_BROKEN: &str = "\"$is_broken\"";

/// The rules that statements call by number. Numbers are never given twice, whatever instance a statement runs on.
static CALLED: LazyLock<RwLock<HashMap<i64, Arc<Rule>>>> = LazyLock::new(RwLock::default);
static NEXT_NUMBER: AtomicI64 = AtomicI64::new(1);

/// A rule that statements can call by its number, as long as this is held.
#[derive(Debug)]
pub(crate) struct CalledRule(i64);

impl CalledRule {
    pub(crate) fn new(rule: &Rule) -> Self {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        CALLED.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(rule.clone()));
        Self(number)
    }

    pub(crate) fn number(&self) -> i64 {
        self.0
    }
}

impl Drop for CalledRule {
    fn drop(&mut self) {
        CALLED.write().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Makes the functions known to every connection of an instance. Nothing of them is in its file.
pub(crate) fn register(connection: &Connection) -> Result<(), StoreError> {
    let name = |quoted: &'static str| quoted.trim_matches('"');
    connection.register_scalar_function::<IsBroken>(name(IS_BROKEN)).map_err(store_error)
}

/// The rule that a batch of `(number, text)` calls; `None` of an empty batch. A statement calls one.
fn called(input: &RecordBatch) -> Result<Option<Arc<Rule>>, StoreError> {
    let numbers = input.column(0).as_primitive::<Int64Type>();
    let Some(number) = numbers.values().first() else { return Ok(None) };
    let called = CALLED.read().unwrap_or_else(PoisonError::into_inner);
    called.get(number).cloned().map(Some).ok_or_else(|| internal("a statement calls a rule that is gone"))
}

fn signature(returned: ArrowType) -> Vec<ArrowFunctionSignature> {
    vec![ArrowFunctionSignature::exact(vec![ArrowType::Int64, ArrowType::Utf8], returned)]
}

struct IsBroken;

impl VArrowScalar for IsBroken {
    type State = ();

    fn invoke((): &(), input: RecordBatch) -> Result<ArrayRef, Box<dyn Error>> {
        let Some(rule) = called(&input)? else { return Ok(Arc::new(BooleanArray::from(Vec::<bool>::new()))) };
        let texts = input.column(1).as_string::<i32>();
        let broken: BooleanArray = texts.iter().map(|text| text.map(|text| rule.is_broken_by_text(text))).collect();
        Ok(Arc::new(broken))
    }

    fn signatures() -> Vec<ArrowFunctionSignature> {
        signature(ArrowType::Boolean)
    }
}

#[cfg(test)]
mod tests {
    use eider_domain::{RuleSet, Schema, SchemaDefinition, Timestamp};
    use serde_json::json;

    use super::*;

    fn rule(pattern: &str) -> Rule {
        let document = json!({"name": "s", "properties": [{"name": "a", "type": "string"}]});
        let schema = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
        let rules = json!({"rules": [{"rule": "pattern", "property": "a", "pattern": pattern}]});
        RuleSet::parse(&rules, &schema).unwrap().rules()[0].clone()
    }

    #[test]
    fn a_rule_is_called_for_every_text_of_many_batches() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let called = CalledRule::new(&rule("^[a-z&&[^aeiou]]\\x00$"));
        let sql = format!(
            "SELECT count(*), count(b), count(*) FILTER (b) FROM (SELECT {IS_BROKEN}({}, t) AS b FROM \
             (SELECT CASE WHEN i % 3 = 0 THEN NULL WHEN i % 3 = 1 THEN 'b' || chr(0) ELSE 'a' || chr(0) END AS t \
              FROM range(30000) r(i)))",
            called.number()
        );
        let counts = || {
            connection
                .query_row(&sql, [], |row| Ok([row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?]))
        };
        assert_eq!(counts().unwrap(), [30_000, 20_000, 10_000]);
        drop(called);
        assert!(counts().unwrap_err().to_string().contains("a rule that is gone"));
    }
}

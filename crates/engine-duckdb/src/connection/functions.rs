//! Functions of the engine that are the domain's own: so a rule reads a text in SQL as it does everywhere else.
//!
//! The engine has patterns, cases and white space of its own, which are nearly those of the domain. What is nearly the same
//! calls good values bad, and takes bad ones for good.

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_schema::DataType as ArrowType;
use duckdb::Connection;
use duckdb::vscalar::{ArrowFunctionSignature, VArrowScalar};
use eider_application::ports::StoreError;
use eider_domain::{ExactSum, Mended, Rule, mended};

use crate::error::{internal, store_error};

/// Whether a text breaks the rule of a number; null of a null.
pub(crate) const IS_BROKEN: &str = "\"$is_broken\"";
/// What the rule of a number suggests for a text; null where that is nothing.
pub(crate) const SUGGESTION: &str = "\"$suggestion_of\"";
/// What the rules of a number make of a text together; null where they leave it as it is, or come to no end.
pub(crate) const MENDED: &str = "\"$mended\"";
/// The places of those of them that change it, between spaces, behind [`UNSETTLED`] where they come to no end; null where they
/// leave it as it is.
pub(crate) const CHANGED_BY: &str = "\"$changed_by\"";
/// The sum of doubles, divided by a number, of the exact sums of those whose powers of two are about the same: texts such as
/// `b:s`, between spaces, each `s` times 2 to the power of 32 b - 54. Null of nothing.
pub(crate) const EXACT_QUOTIENT: &str = "\"$exact_quotient\"";
/// The mark of rules that come to no end.
pub(crate) const UNSETTLED: char = '!';

/// The rules that statements call by number, and the places of those that are meant. Numbers are never given twice,
/// whatever instance a statement runs on.
static CALLED: LazyLock<RwLock<HashMap<i64, Arc<Called>>>> = LazyLock::new(RwLock::default);
static NEXT_NUMBER: AtomicI64 = AtomicI64::new(1);

#[derive(Debug)]
struct Called {
    rules: Arc<[Rule]>,
    places: Vec<usize>,
}

impl Called {
    /// The first rule, which is the only one of functions of one.
    fn rule(&self) -> &Rule {
        &self.rules[self.places[0]]
    }
}

/// Rules that statements can call by a number, as long as this is held.
#[derive(Debug)]
pub(crate) struct CalledRules(i64);

impl CalledRules {
    /// Of some rules those at these places, of which there is at least one.
    pub(crate) fn new(rules: &Arc<[Rule]>, places: Vec<usize>) -> Self {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let called = Called { rules: Arc::clone(rules), places };
        CALLED.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(called));
        Self(number)
    }

    pub(crate) fn number(&self) -> i64 {
        self.0
    }
}

impl Drop for CalledRules {
    fn drop(&mut self) {
        CALLED.write().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Makes the domain's functions known to every connection of an instance, without which rules and exact sums fail. Nothing of
/// them is in its file.
///
/// # Errors
/// When the engine refuses one.
pub fn register(connection: &Connection) -> Result<(), StoreError> {
    let name = |quoted: &'static str| quoted.trim_matches('"');
    connection.register_scalar_function::<IsBroken>(name(IS_BROKEN)).map_err(store_error)?;
    connection.register_scalar_function::<SuggestionOf>(name(SUGGESTION)).map_err(store_error)?;
    connection.register_scalar_function::<MendedText>(name(MENDED)).map_err(store_error)?;
    connection.register_scalar_function::<ChangedBy>(name(CHANGED_BY)).map_err(store_error)?;
    connection.register_scalar_function::<ExactQuotient>(name(EXACT_QUOTIENT)).map_err(store_error)
}

/// The rules that a batch of `(number, text)` calls, all of its rows the same.
fn called(input: &RecordBatch) -> Result<Arc<Called>, StoreError> {
    let number = input.column(0).as_primitive::<Int64Type>().values().first().copied().unwrap_or_default();
    let called = CALLED.read().unwrap_or_else(PoisonError::into_inner);
    called.get(&number).cloned().ok_or_else(|| internal("a statement calls rules that are gone"))
}

fn signature(returned: ArrowType) -> Vec<ArrowFunctionSignature> {
    vec![ArrowFunctionSignature::exact(vec![ArrowType::Int64, ArrowType::Utf8], returned)]
}

/// A text of each of a batch of `(number, text)`.
fn texts_of(input: &RecordBatch, of: impl Fn(&Called, &str) -> Option<String>) -> Result<ArrayRef, Box<dyn Error>> {
    let called = called(input)?;
    let texts = input.column(1).as_string::<i32>();
    Ok(Arc::new(texts.iter().map(|text| of(&called, text?)).collect::<StringArray>()))
}

struct IsBroken;

impl VArrowScalar for IsBroken {
    type State = ();

    fn invoke((): &(), input: RecordBatch) -> Result<ArrayRef, Box<dyn Error>> {
        let called = called(&input)?;
        let texts = input.column(1).as_string::<i32>();
        let broken: BooleanArray = texts.iter().map(|text| Some(called.rule().is_broken_by_text(text?))).collect();
        Ok(Arc::new(broken))
    }

    fn signatures() -> Vec<ArrowFunctionSignature> {
        signature(ArrowType::Boolean)
    }
}

struct SuggestionOf;

impl VArrowScalar for SuggestionOf {
    type State = ();

    fn invoke((): &(), input: RecordBatch) -> Result<ArrayRef, Box<dyn Error>> {
        texts_of(&input, |called, text| called.rule().suggestion(text).map(Cow::into_owned))
    }

    fn signatures() -> Vec<ArrowFunctionSignature> {
        signature(ArrowType::Utf8)
    }
}

struct MendedText;

impl VArrowScalar for MendedText {
    type State = ();

    fn invoke((): &(), input: RecordBatch) -> Result<ArrayRef, Box<dyn Error>> {
        texts_of(&input, |called, text| match mended(&called.rules, &called.places, text) {
            Mended::Changed { text, .. } => Some(text),
            Mended::Unchanged | Mended::Unsettled { .. } => None,
        })
    }

    fn signatures() -> Vec<ArrowFunctionSignature> {
        signature(ArrowType::Utf8)
    }
}

struct ChangedBy;

impl VArrowScalar for ChangedBy {
    type State = ();

    fn invoke((): &(), input: RecordBatch) -> Result<ArrayRef, Box<dyn Error>> {
        let listed = |places: &[usize]| places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        texts_of(&input, |called, text| match mended(&called.rules, &called.places, text) {
            Mended::Changed { by, .. } => Some(listed(&by)),
            Mended::Unsettled { by } => Some(format!("{UNSETTLED}{}", listed(&by))),
            Mended::Unchanged => None,
        })
    }

    fn signatures() -> Vec<ArrowFunctionSignature> {
        signature(ArrowType::Utf8)
    }
}

struct ExactQuotient;

impl VArrowScalar for ExactQuotient {
    type State = ();

    fn invoke((): &(), input: RecordBatch) -> Result<ArrayRef, Box<dyn Error>> {
        let (counts, parts) = (input.column(0).as_primitive::<Int64Type>(), input.column(1).as_string::<i32>());
        let mut quotients = Vec::with_capacity(input.num_rows());
        for (count, parts) in counts.iter().zip(parts) {
            let quotient = count.zip(parts).map(|(count, parts)| exact_quotient(count, parts)).transpose()?;
            if quotient.is_some_and(f64::is_infinite) {
                return Err("a sum is out of range for the destination type".into());
            }
            quotients.push(quotient);
        }
        Ok(Arc::new(Float64Array::from(quotients)))
    }

    fn signatures() -> Vec<ArrowFunctionSignature> {
        signature(ArrowType::Float64)
    }
}

fn exact_quotient(count: i64, parts: &str) -> Result<f64, Box<dyn Error>> {
    let mut sum = ExactSum::default();
    for part in parts.split_ascii_whitespace() {
        let (power, multiple) = part.split_once(':').ok_or("a part of a sum is not `b:s`")?;
        sum.add_scaled(multiple.parse()?, 32 * power.parse::<i32>()? - 54);
    }
    Ok(sum.divided_by(count.unsigned_abs()))
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
        let called = CalledRules::new(&Arc::from([rule("^[a-z&&[^aeiou]]\\x00$")]), vec![0]);
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
        assert!(counts().unwrap_err().to_string().contains("rules that are gone"));
    }
}

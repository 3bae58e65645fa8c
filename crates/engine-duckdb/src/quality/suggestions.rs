//! What rules suggest, made in the engine.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use duckdb::{Connection, params_from_iter};
use eider_application::ports::{StoreError, SuggestionOutcome, SuggestionRequest};
use eider_domain::{Field, Property, Value, ViolationCode, chains, refusal};

use crate::connection::functions::{CalledRules, UNSETTLED};
use crate::error::store_error;
use crate::relation::Relation;
use crate::sql::{self, Statement};

/// What became of suggestions that were asked for.
#[derive(Debug)]
pub enum Suggested {
    /// No record breaks any of the rules.
    Nothing,
    /// They cannot be stored.
    Refused(SuggestionOutcome),
    /// The records as they are to be are in the temporary table [`SUGGESTED`](sql::SUGGESTED), which has the columns of the
    /// schema, and in [`PLACE`](sql::PLACE) the sequence number of the record that each replaces.
    Made {
        /// How many records.
        records: i64,
        /// How many of them each rule changed.
        changed: Vec<u64>,
    },
}

/// Makes of every record that breaks some rules what they suggest together.
///
/// To be run in a transaction, which is to be rolled back unless they are [`Made`](Suggested::Made). `keys` are the keys
/// that no two records may share.
///
/// # Errors
/// Whatever the engine fails with.
pub fn suggest(
    connection: &Connection,
    relation: &Relation,
    SuggestionRequest { rules, at }: &SuggestionRequest,
    keys: &[Vec<Field>],
) -> Result<Suggested, StoreError> {
    let chains = chains(rules).into_iter().map(|(field, places)| (field, CalledRules::new(rules, places)));
    let chains: Vec<(Field, CalledRules)> = chains.collect();
    let numbered: Vec<(Field, i64)> = chains.iter().map(|(field, called)| (field.clone(), called.number())).collect();
    let Statement { sql, values } = sql::make_suggested(relation, &numbered, *at);
    connection.execute(&sql, params_from_iter(values.iter())).map_err(store_error)?;
    let records = connection.query_row(&sql::count_suggested(), [], |row| row.get::<_, i64>(0)).map_err(store_error)?;
    if records == 0 {
        return Ok(Suggested::Nothing);
    }
    let changed = match changes(connection, rules.len(), numbered.len())? {
        Ok(changed) => changed,
        Err(places) => return Ok(Suggested::Refused(SuggestionOutcome::Unsettled(places))),
    };
    for (index, (field, _)) in numbered.iter().enumerate() {
        let Some(property) = relation.property(field) else { continue };
        if let Some(code) = refused(connection, index, field, property)? {
            return Ok(Suggested::Refused(SuggestionOutcome::NotStorable(field.clone(), code)));
        }
    }
    for fields in keys {
        let is_changed = fields.iter().any(|field| numbered.iter().any(|(changed, _)| changed == field));
        if is_changed && is_shared(connection, relation, fields)? {
            return Ok(Suggested::Refused(SuggestionOutcome::NotUnique(fields.clone())));
        }
    }
    Ok(Suggested::Made { records, changed })
}

/// How many records each of so many rules changed; else the places of those that come to no end.
fn changes(connection: &Connection, rules: usize, fields: usize) -> Result<Result<Vec<u64>, Vec<usize>>, StoreError> {
    let places = |text: &str| text.split(' ').filter_map(|place| place.parse::<usize>().ok()).collect::<Vec<_>>();
    let mut changed = vec![0; rules];
    for index in 0..fields {
        let mut statement = connection.prepare(&sql::changes_of(index)).map_err(store_error)?;
        let read = |row: &duckdb::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        for counted in statement.query_map([], read).map_err(store_error)? {
            let (by, count) = counted.map_err(store_error)?;
            if let Some(unsettled) = by.strip_prefix(UNSETTLED) {
                return Ok(Err(places(unsettled)));
            }
            for place in places(&by) {
                changed[place] += count.unsigned_abs();
            }
        }
    }
    Ok(Ok(changed))
}

fn is_shared(connection: &Connection, relation: &Relation, fields: &[Field]) -> Result<bool, StoreError> {
    connection.query_row(&sql::is_shared(relation, fields), [], |row| row.get(0)).map_err(store_error)
}

/// Why the schema refuses what is suggested for the field at a place among those that are changed, if it does.
fn refused(
    connection: &Connection,
    index: usize,
    field: &Field,
    property: &Property,
) -> Result<Option<ViolationCode>, StoreError> {
    if property.constraints.is_empty() {
        return Ok(None);
    }
    let mut statement = connection.prepare(&sql::suggested_values(index, field)).map_err(store_error)?;
    for batch in statement.stream_arrow([]).map_err(store_error)? {
        let batch = batch.map_err(store_error)?;
        let values = batch.column(0).as_string::<i32>();
        let mut texts = (0..values.len()).filter(|row| values.is_valid(*row)).map(|row| values.value(row).to_owned());
        if let Some(code) = texts.find_map(|text| refusal(property, &Value::Text(text.into()))) {
            return Ok(Some(code));
        }
    }
    Ok(None)
}

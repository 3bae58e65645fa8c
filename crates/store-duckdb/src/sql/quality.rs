//! Rules on quality as SQL: the values that break a rule, and what rules suggest for them.

use eider_domain::{
    Check, DataType, Field, LetterCase, Rule, Schema, StandardForm, SystemField, Timestamp, Value, WHITE_SPACE,
};

use super::{Statement, column_type, engine_value, key};
use crate::functions::IS_BROKEN;
use crate::ident::{self, CATALOG, SEQUENCE};

/// The temporary table of records as suggestions have them.
pub(crate) const SUGGESTED: &str = "\"$suggested\"";
/// Its column of the place that the record had.
const PLACE: &str = "\"$place\"";
/// A value that is looked at.
const VALUE: &str = "\"$value\"";
/// What it is looked up by, or what it is in its standard form.
const KEY: &str = "\"$key\"";
/// What is suggested for it.
const SUGGESTION: &str = "\"$suggestion\"";
/// The values of a list.
const ALLOWED: &str = "\"$allowed\"";

/// How many records there are, and the number of the last commit.
pub(crate) fn snapshot(schema: &Schema) -> Statement {
    let mut statement = Statement::default();
    statement.push(&format!(
        "SELECT count(*), greatest(coalesce(max({SEQUENCE}), 0), (SELECT last FROM {CATALOG}.counters WHERE \"key\" = "
    ));
    statement.bind(DataType::String, &Value::Text(schema.name().key().into()));
    statement.push(&format!(")) FROM {}", ident::table(schema)));
    statement
}

/// The values that break a rule: the record's id, the values of the rule's fields, and of a rule that suggests what it
/// suggests, or null. The rule is [called](crate::functions::CalledRule) by its number.
pub(crate) fn issues(schema: &Schema, rule: &Rule, number: i64, now: Timestamp) -> Statement {
    let table = ident::table(schema);
    let id = ident::column(&Field::System(SystemField::Id));
    let columns: Vec<String> = rule.fields().iter().map(ident::column).collect();
    let column = columns.join(", ");
    let mut statement = Statement::default();
    match rule.check() {
        Check::Duplicate => push_duplicates(&mut statement, &table, &columns),
        Check::Standardize(form) => {
            let Suggestion { key, join, expression } = Suggestion::of(rule, 0, VALUE);
            push_lookups(&mut statement, [(0, rule)], " ");
            statement.push(&format!(
                "SELECT * FROM (SELECT {id}, {VALUE}, {expression} AS {SUGGESTION} FROM (SELECT *, {key} AS {KEY} \
                 FROM (SELECT {id}, {column} AS {VALUE} FROM {table} WHERE {})){join}) WHERE {SUGGESTION} IS NOT NULL",
                suspected(form, 0, &column)
            ));
        }
        Check::Values(values) => {
            let data_type = data_type_of(rule);
            let lookup = push_lookups(&mut statement, [(0, rule)], ", ");
            statement.push(if lookup { "" } else { "WITH " });
            statement.push(&format!("{ALLOWED}(v) AS ("));
            push_values(&mut statement, values.iter().map(|value| vec![(data_type, value.clone())]));
            let broken = format!(
                "SELECT {id}, {column} AS {VALUE} FROM {table} WHERE {column} NOT IN (SELECT v FROM {ALLOWED})"
            );
            if rule.suggests() {
                let Suggestion { key, join, expression } = Suggestion::of(rule, 0, VALUE);
                let keyed = format!("SELECT *, {key} AS {KEY} FROM ({broken})");
                statement.push(&format!(") SELECT {id}, {VALUE}, {expression} FROM ({keyed}){join}"));
            } else {
                statement.push(&format!(") {broken}"));
            }
        }
        _ => {
            statement.push(&format!("SELECT {id}, {column} FROM {table} WHERE "));
            push_broken(&mut statement, rule, number, &column, now);
        }
    }
    statement
}

/// Appends the condition that a value breaks a rule that looks at one value and suggests nothing.
fn push_broken(statement: &mut Statement, rule: &Rule, number: i64, column: &str, now: Timestamp) {
    match rule.check() {
        Check::Length { min, max } => {
            let limit = |length: Option<u64>| length.map(|length| Value::Integer(length.cast_signed()));
            let (least, most) = (limit(*min), limit(*max));
            let limits = (least.as_ref(), most.as_ref());
            push_outside(statement, &format!("length({column})"), DataType::Integer, limits);
        }
        Check::Characters(_) | Check::Pattern(_) => statement.push(&format!("{IS_BROKEN}({number}, {column})")),
        Check::Range { minimum, maximum } => {
            push_outside(statement, column, data_type_of(rule), (minimum.as_ref(), maximum.as_ref()));
        }
        Check::Freshness(_) => {
            push_outside(statement, column, data_type_of(rule), (rule.oldest(now).as_ref(), None));
        }
        Check::Required | Check::Values(_) | Check::Standardize(_) | Check::Duplicate => {
            statement.push(&format!("{column} IS NULL"));
        }
    }
}

/// Appends the condition that a value is less than one limit or greater than another.
fn push_outside(
    statement: &mut Statement,
    value: &str,
    data_type: DataType,
    (least, most): (Option<&Value>, Option<&Value>),
) {
    let limits = [(" < ", least), (" > ", most)];
    let limits = limits.into_iter().filter_map(|(comparison, limit)| Some((comparison, limit?)));
    for (index, (comparison, limit)) in limits.enumerate() {
        statement.push(if index > 0 { " OR " } else { "" });
        statement.push(&format!("{value}{comparison}"));
        statement.bind(data_type, limit);
    }
}

/// Appends the records whose values an earlier record has: all but the first of each group.
fn push_duplicates(statement: &mut Statement, table: &str, columns: &[String]) {
    let listed = columns.join(", ");
    let all = |part: &dyn Fn(&String) -> String| columns.iter().map(part).collect::<Vec<_>>().join(" AND ");
    let present = all(&|column| format!("{column} IS NOT NULL"));
    let equal = all(&|column| format!("r.{column} = f.{column}"));
    let shown: Vec<String> = columns.iter().map(|column| format!("r.{column}")).collect();
    statement.push(&format!(
        "SELECT r.id, {} FROM {table} r JOIN (SELECT {listed}, min({SEQUENCE}) AS {PLACE} FROM {table} WHERE {present} \
         GROUP BY {listed} HAVING count(*) > 1) f ON {equal} WHERE r.{SEQUENCE} > f.{PLACE}",
        shown.join(", ")
    ));
}

/// Makes the table of the records that rules change, as they are to be: the columns of the schema, the place that the
/// record had, and for each rule whether it changed the record. The rules are applied one after the other.
pub(crate) fn make_suggested(schema: &Schema, rules: &[Rule], at: Timestamp) -> Statement {
    let table = ident::table(schema);
    let fields = changed_fields(rules);
    let place_of = |field: &Field| fields.iter().position(|other| other == field);
    let value = |index: usize| format!("\"$value{index}\"");
    let mut statement = Statement::default();
    statement.push(&format!("CREATE TEMP TABLE {SUGGESTED} AS "));
    let has_lookups = push_lookups(&mut statement, rules.iter().enumerate(), ", ");
    statement.push(if has_lookups { "" } else { "WITH " });
    let values =
        fields.iter().enumerate().map(|(index, field)| format!(", {} AS {}", ident::column(field), value(index)));
    let values: String = values.collect();
    statement.push(&format!("\"$0\" AS NOT MATERIALIZED (SELECT {SEQUENCE} AS {PLACE}{values} FROM {table})"));
    for (index, rule) in rules.iter().enumerate() {
        let value = rule.fields().first().and_then(place_of).map(value).unwrap_or_default();
        let Suggestion { key, join, expression } = Suggestion::of(rule, index, &value);
        let (before, after) = (format!("\"${index}\""), format!("\"${}\"", index + 1));
        statement.push(&format!(
            ", {after} AS NOT MATERIALIZED (SELECT * EXCLUDE ({KEY}, {SUGGESTION}) \
             REPLACE (coalesce({SUGGESTION}, {value}) AS {value}), {SUGGESTION} IS NOT NULL AS {} \
             FROM (SELECT b.*, {expression} AS {SUGGESTION} FROM (SELECT *, {key} AS {KEY} FROM {before}) b{join}))",
            is_changed(index)
        ));
    }
    statement.push(" SELECT ");
    for field in schema.fields() {
        let column = ident::column(&field);
        match (&field, place_of(&field)) {
            (_, Some(index)) => statement.push(&format!("n.{} AS {column}, ", value(index))),
            (Field::System(SystemField::UpdatedAt), _) => {
                push_cast(&mut statement, DataType::Datetime, &Value::Datetime(at.as_micros()));
                statement.push(&format!(" AS {column}, "));
            }
            (Field::System(SystemField::Version), _) => statement.push(&format!("r.{column} + 1 AS {column}, ")),
            _ => statement.push(&format!("r.{column}, ")),
        }
    }
    let changed: Vec<String> = (0..rules.len()).map(|index| format!("n.{}", is_changed(index))).collect();
    statement.push(&format!(
        "n.{PLACE}, {} FROM \"${}\" n JOIN {table} r ON r.{SEQUENCE} = n.{PLACE} WHERE {}",
        changed.join(", "),
        rules.len(),
        changed.join(" OR ")
    ));
    statement
}

/// The fields that rules change, each once.
pub(crate) fn changed_fields(rules: &[Rule]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for field in rules.iter().filter_map(|rule| rule.fields().first()) {
        if !fields.contains(field) {
            fields.push(field.clone());
        }
    }
    fields
}

/// How many records are suggested, and how many each rule changed.
pub(crate) fn count_suggested(rules: &[Rule]) -> String {
    let changed = (0..rules.len()).map(|index| format!(", count(*) FILTER (WHERE {})", is_changed(index)));
    format!("SELECT count(*){} FROM {SUGGESTED}", changed.collect::<String>())
}

/// The values that rules suggest for a field, each once.
pub(crate) fn suggested_values(rules: &[Rule], field: &Field) -> String {
    let of_field = rules.iter().enumerate().filter(|(_, rule)| rule.fields().contains(field));
    let changed: Vec<String> = of_field.map(|(index, _)| is_changed(index)).collect();
    format!("SELECT DISTINCT {} FROM {SUGGESTED} WHERE {}", ident::column(field), changed.join(" OR "))
}

/// Whether two records would have the same key in these fields.
pub(crate) fn is_shared(schema: &Schema, fields: &[Field]) -> String {
    let (table, key) = (ident::table(schema), key(fields));
    format!(
        "SELECT EXISTS (SELECT 1 FROM (SELECT {key} AS {VALUE} FROM {SUGGESTED} UNION ALL SELECT {key} FROM {table} \
         WHERE {SEQUENCE} NOT IN (SELECT {PLACE} FROM {SUGGESTED})) WHERE {VALUE} IS NOT NULL \
         GROUP BY {VALUE} HAVING count(*) > 1)"
    )
}

/// Puts the suggested records in the place of those that they were, from a place on at the end.
pub(crate) fn replace_suggested(schema: &Schema, first_sequence: i64) -> [String; 3] {
    let table = ident::table(schema);
    let columns: Vec<String> = schema.fields().iter().map(ident::column).collect();
    let columns = columns.join(", ");
    [
        format!("DELETE FROM {table} WHERE {SEQUENCE} IN (SELECT {PLACE} FROM {SUGGESTED})"),
        format!(
            "INSERT INTO {table} ({columns}, {SEQUENCE}) \
             SELECT {columns}, {first_sequence} - 1 + row_number() OVER (ORDER BY {PLACE}) FROM {SUGGESTED} ORDER BY {PLACE}"
        ),
        format!("DROP TABLE temp.main.{SUGGESTED}"),
    ]
}

/// What a rule suggests for a value, found by a [`KEY`] that is made of it once. [`push_lookups`] goes before.
struct Suggestion {
    key: String,
    /// What is joined to the values.
    join: String,
    /// Null where nothing is suggested.
    expression: String,
}

impl Suggestion {
    fn of(rule: &Rule, index: usize, value: &str) -> Self {
        let lookup = lookup(index);
        let join = format!(" LEFT JOIN {lookup} ON {lookup}.k = {KEY}");
        match rule.check() {
            Check::Standardize(form) if form.spellings.is_empty() => {
                let expression = format!("CASE WHEN {KEY} <> {value} THEN {KEY} END");
                Self { key: formed(form, value), join: String::new(), expression }
            }
            Check::Standardize(form) => {
                let standard = format!("coalesce({lookup}.n, {KEY})");
                let expression = format!(
                    "CASE WHEN {value} IN (SELECT n FROM {lookup}) THEN NULL \
                     WHEN {standard} <> {value} THEN {standard} END"
                );
                Self { key: formed(form, value), join, expression }
            }
            _ => {
                let expression = format!("CASE WHEN {lookup}.n <> {value} THEN {lookup}.n END");
                Self { key: folded(value), join, expression }
            }
        }
    }
}

/// The table of what becomes of a key, of the rule at a place.
fn lookup(index: usize) -> String {
    format!("\"$lookup{index}\"")
}

/// Whether the rule at a place changed a record.
fn is_changed(index: usize) -> String {
    format!("\"$changed{index}\"")
}

/// Appends `WITH` and the tables that rules look suggestions up in, with `end` behind them; nothing and false when none
/// does.
fn push_lookups<'r>(statement: &mut Statement, rules: impl IntoIterator<Item = (usize, &'r Rule)>, end: &str) -> bool {
    let mut has_any = false;
    for (index, rule) in rules {
        let (key, least, texts): (_, _, Vec<_>) = match rule.check() {
            Check::Standardize(form) if !form.spellings.is_empty() => {
                let texts = form.spellings.iter().map(|(old, new)| vec![text(old), text(new)]);
                (formed(form, "o"), "", texts.collect())
            }
            Check::Values(values) if rule.suggests() => {
                let texts = values
                    .iter()
                    .map(|value| vec![(DataType::String, value.clone()), (DataType::String, value.clone())]);
                (folded("o"), " HAVING count(DISTINCT n) = 1", texts.collect())
            }
            _ => continue,
        };
        statement.push(if has_any { ", " } else { "WITH " });
        statement.push(&format!("{}(k, n) AS NOT MATERIALIZED (SELECT {key}, min(n) FROM (", lookup(index)));
        push_values(statement, texts.into_iter());
        statement.push(&format!(") given(o, n) GROUP BY 1{least})"));
        has_any = true;
    }
    if has_any {
        statement.push(end);
    }
    has_any
}

fn text(text: &str) -> (DataType, Value) {
    (DataType::String, Value::Text(text.to_owned().into()))
}

/// Appends `VALUES (…), (…)`; there is at least one row.
fn push_values(statement: &mut Statement, rows: impl Iterator<Item = Vec<(DataType, Value)>>) {
    for (index, row) in rows.enumerate() {
        statement.push(if index > 0 { ", (" } else { "VALUES (" });
        for (index, (data_type, value)) in row.iter().enumerate() {
            statement.push(if index > 0 { ", " } else { "" });
            push_cast(statement, *data_type, value);
        }
        statement.push(")");
    }
}

/// Appends a parameter whose type no column tells.
fn push_cast(statement: &mut Statement, data_type: DataType, value: &Value) {
    statement.push(&format!("?::{}", column_type(data_type)));
    statement.values.push(engine_value(data_type, value));
}

/// A text in its standard form, but for spellings. White space is looked for before it is changed, which takes a tenth of the
/// time, since few texts have any that matters.
fn formed(form: &StandardForm, value: &str) -> String {
    let white_space = white_space();
    let mut formed = if form.collapses {
        let others = white_space.replace(&escaped(' '), "");
        let looked_for = ident::literal(&format!("[{others}]|[{white_space}]{{2}}"));
        let replaced = format!("regexp_replace({value}, {}, ' ', 'g')", ident::literal(&format!("[{white_space}]+")));
        format!("CASE WHEN regexp_matches({value}, {looked_for}) THEN {replaced} ELSE {value} END")
    } else {
        value.to_owned()
    };
    if form.trims {
        formed = if form.collapses { format!("trim({formed})") } else { trimmed(value) };
    }
    match form.case {
        Some(LetterCase::Lower) => format!("lower({formed})"),
        Some(LetterCase::Upper) => format!("upper({formed})"),
        None => formed,
    }
}

/// That a text may be in another than its standard form; none that is not escapes. The engine asks this once of each entry
/// of a dictionary, and spares most texts the expressions that find out (measured: 3 M texts in 14 to 150 ms instead of 250 to 440).
fn suspected(form: &StandardForm, index: usize, value: &str) -> String {
    let mut suspicions = Vec::new();
    if form.trims || form.collapses {
        // White space beyond ASCII takes several bytes.
        suspicions.push(format!("strlen({value}) <> length({value})"));
    }
    if form.trims {
        suspicions.push(format!("{value} < '!' OR {value}[-1] < '!'"));
    }
    if form.collapses {
        let others = WHITE_SPACE.into_iter().filter(|character| character.is_ascii() && *character != ' ');
        let patterns = others.map(String::from).chain(["  ".to_owned()]);
        suspicions.extend(patterns.map(|pattern| format!("contains({value}, {})", ident::literal(&pattern))));
    }
    match form.case {
        Some(LetterCase::Lower) => suspicions.push(format!("{value} <> lower({value})")),
        Some(LetterCase::Upper) => suspicions.push(format!("{value} <> upper({value})")),
        None => {}
    }
    if !form.spellings.is_empty() {
        suspicions.push(format!("{value} IN (SELECT k FROM {})", lookup(index)));
    }
    suspicions.join(" OR ")
}

/// A text by which others that differ in case and white space around them are found.
fn folded(value: &str) -> String {
    format!("lower({})", trimmed(value))
}

fn trimmed(value: &str) -> String {
    let looked_for = ident::literal(&format!("^[{0}]|[{0}]$", white_space()));
    let all = ident::literal(&String::from_iter(WHITE_SPACE));
    format!("CASE WHEN regexp_matches({value}, {looked_for}) THEN trim({value}, {all}) ELSE {value} END")
}

/// White space between the brackets of a regular expression.
fn white_space() -> String {
    WHITE_SPACE.map(escaped).concat()
}

/// A character that stands for itself between the brackets of a regular expression.
fn escaped(character: char) -> String {
    format!("\\x{{{:x}}}", u32::from(character))
}

fn data_type_of(rule: &Rule) -> DataType {
    rule.fields().first().map_or(DataType::String, Field::data_type)
}

#[cfg(test)]
mod tests;

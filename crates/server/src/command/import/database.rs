//! Tables and views of a SQLite database, read as rows of records from one snapshot.

use std::io::Write;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Number, Value as Json};

use super::container::Container;
use super::rows::{names_of, write_row};

/// Tables that are named where a table has to be chosen.
const SHOWN: usize = 20;

/// A table or a view.
#[derive(Debug, Clone)]
pub(super) struct Table {
    container: Container,
    name: String,
}

impl Table {
    /// The table or the view of a name, or the only table.
    ///
    /// # Errors
    /// When it is no database, has no such table, or several and none was named.
    pub(super) fn find(container: &Container, name: Option<&str>) -> Result<Self> {
        let connection = opened(container)?;
        let mut statement = connection.prepare(
            "SELECT name, type = 'table' FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE \
             'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )?;
        let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
        let found: Vec<(String, bool)> = found.collect::<Result<_, _>>().context("its catalog cannot be read")?;
        let listed = |names: &[&str]| {
            let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
            let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
            shown.join(", ") + &more
        };
        let all: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let tables: Vec<&str> = found.iter().filter(|(_, is_table)| *is_table).map(|(name, _)| name.as_str()).collect();
        let chosen = match (name, tables.as_slice()) {
            (Some(name), _) => match all.iter().find(|known| known.eq_ignore_ascii_case(name)) {
                Some(known) => *known,
                None => bail!("it has no table `{name}`; it has {}", listed(&all)),
            },
            (None, [only]) => *only,
            (None, []) => bail!("it has no table"),
            (None, tables) => bail!("say with --table which of its tables: {}", listed(tables)),
        };
        Ok(Self { container: container.clone(), name: chosen.to_owned() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes a line for each row. One statement is one snapshot, whatever others write meanwhile.
    pub(super) fn write(&self, output: &mut dyn Write) -> Result<()> {
        let connection = opened(&self.container)?;
        let quoted = self.name.replace('"', "\"\"");
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{quoted}\""))?;
        let names = names_of(statement.column_names().map(str::to_owned));
        let mut rows = statement.query([])?;
        let mut number = 0_u64;
        while let Some(row) = rows.next().with_context(|| format!("row {} cannot be read", number + 1))? {
            number += 1;
            let mut cells = Vec::with_capacity(names.len());
            for (place, name) in names.iter().enumerate() {
                let value = value_of(row.get_ref(place)?).with_context(|| format!("row {number}, column {name}"))?;
                cells.push((name.as_str(), value));
            }
            write_row(cells.into_iter(), output)?;
        }
        Ok(())
    }
}

/// Opens a database to be read only. Where another program writes to it, this waits for its locks. A copy of its own is
/// opened as one that nobody writes to: a database with a log would leave files beside it otherwise.
fn opened(container: &Container) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if !container.is_copy() {
        return Connection::open_with_flags(container.path(), flags).context("it cannot be opened");
    }
    let Ok(mut address) = Url::from_file_path(container.path()) else { bail!("its copy has no path from the root") };
    address.set_query(Some("immutable=1"));
    let flags = flags | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(address.as_str(), flags).context("its copy cannot be opened")
}

/// A value as JSON: bytes as base64, and what no number of JSON stands for as text.
fn value_of(value: ValueRef<'_>) -> Result<Json> {
    Ok(match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => Number::from_f64(number).map_or_else(|| number.to_string().into(), Json::Number),
        ValueRef::Text(text) => std::str::from_utf8(text).context("its text is not UTF-8")?.into(),
        ValueRef::Blob(bytes) => STANDARD.encode(bytes).into(),
    })
}

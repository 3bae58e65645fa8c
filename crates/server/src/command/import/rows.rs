//! Rows of cells as NDJSON: a line for each row of the source, so that a failure's line is the row.

use std::collections::HashSet;
use std::io::Write;

use anyhow::Result;
use serde_json::Value as Json;

/// The names of columns, each once: as bulk calls call those of CSV. A column without a name is called by its number.
pub(super) fn names_of(header: impl Iterator<Item = String>) -> Vec<String> {
    let header: Vec<String> = header.collect();
    let mut taken: HashSet<String> = header.iter().cloned().collect();
    let mut met = HashSet::new();
    let mut names = Vec::new();
    for (place, name) in header.into_iter().enumerate() {
        if name.is_empty() {
            names.push(unnamed(place));
        } else if met.insert(name.clone()) {
            names.push(name);
        } else {
            let numbered =
                (2..=u64::MAX).map(|number| format!("{name}[{number}]")).find(|name| taken.insert(name.clone()));
            names.extend(numbered);
        }
    }
    names
}

/// What the column at a place, from 0, is called when nothing names it.
pub(super) fn unnamed(place: usize) -> String {
    format!("[{}]", place + 1)
}

/// Writes a row as an object.
pub(super) fn write_row<'c>(cells: impl Iterator<Item = (&'c str, Json)>, output: &mut dyn Write) -> Result<()> {
    let mut text = Vec::new();
    for (name, value) in cells {
        text.push(if text.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut text, name)?;
        text.push(b':');
        serde_json::to_writer(&mut text, &value)?;
    }
    if text.is_empty() {
        text.push(b'{');
    }
    text.extend_from_slice(b"}\n");
    output.write_all(&text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own() {
        let header = ["a", "", "a", "b", "a[2]", "a"];
        assert_eq!(names_of(header.map(str::to_owned).into_iter()), ["a", "[2]", "a[3]", "b", "a[2]", "a[4]"]);
    }
}

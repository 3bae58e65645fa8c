//! Where the named columns of a body belong: the header of CSV, the fields of Arrow and Parquet.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use eider_domain::{NameMeaning, Property, Schema, Slot, SourceNames, SystemField, abbreviate, nearest};

/// Where columns belong.
#[derive(Debug)]
pub(crate) struct Slots {
    /// The slot of each column; none of one that is passed over.
    pub(crate) slots: Vec<Option<Slot>>,
    /// The places of those among the [`SourceNames`] that columns have.
    pub(crate) used_names: Vec<usize>,
}

impl Slots {
    /// Of columns that are the properties of a schema, in its order. Fields of the server are none of them.
    pub(crate) fn of_properties(schema: &Schema) -> Self {
        let is_own = |property: &&Property| !is_read_only(property.name.as_str());
        let own = schema.properties().iter().take_while(is_own).count();
        Self { slots: (0..own).map(|index| Some(Slot::Property(index))).collect(), used_names: Vec::new() }
    }

    /// For each of the [`SourceNames`], how many of so many records had a value under it.
    pub(crate) fn name_uses(&self, names: &SourceNames, records: u64) -> Vec<u64> {
        let mut uses = vec![0; names.names().len()];
        self.used_names.iter().for_each(|place| uses[*place] += records);
        uses
    }
}

/// The names of columns, each once: a name that comes again is followed by its number, as in `a[2]`, or the next one that no
/// column is called by.
pub(crate) fn numbered<'n>(columns: &[&'n str]) -> impl Iterator<Item = Cow<'n, str>> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut given: Option<HashSet<&str>> = None;
    columns.iter().map(move |name| {
        let count = counts.entry(*name).or_default();
        *count += 1;
        if *count == 1 {
            return Cow::Borrowed(*name);
        }
        let given = given.get_or_insert_with(|| columns.iter().copied().collect());
        loop {
            let numbered = format!("{name}[{count}]");
            if !given.contains(numbered.as_str()) {
                return Cow::Owned(numbered);
            }
            *count += 1;
        }
    })
}

/// The slots of columns by their names: what `names` say, else without regard to case; none of a column that is ignored, or
/// the server's where those are passed over.
///
/// # Errors
/// A sentence about the first column that is unknown, the server's, or given twice.
pub(crate) fn slots_of<'n>(
    schema: &Schema,
    names: &SourceNames,
    columns: impl IntoIterator<Item = &'n str>,
    ignores_read_only: bool,
) -> Result<Slots, String> {
    let columns: Vec<&str> = columns.into_iter().collect();
    let mut taken = HashSet::new();
    let mut found = Slots { slots: Vec::with_capacity(columns.len()), used_names: Vec::new() };
    for (name, given) in numbered(&columns).zip(&columns) {
        let rule = names.find(schema, &name).filter(|place| !gives_way(schema, names, *place, &columns));
        let slot = match rule.map(|place| names.names()[place].meaning) {
            Some(NameMeaning::Ignored) => None,
            Some(NameMeaning::Id) => Some(Slot::Id),
            Some(NameMeaning::Property(index)) => Some(Slot::Property(index)),
            None if ignores_read_only && is_read_only(&name) => None,
            None => match slot_of(schema, &name) {
                Err(_) if matches!(name, Cow::Owned(_)) => return Err(given_again(given, &name)),
                slot => Some(slot?),
            },
        };
        found.used_names.extend(rule);
        let place = slot.map(|slot| match slot {
            Slot::Id => None,
            Slot::Property(index) => Some(index),
        });
        if place.is_some_and(|place| !taken.insert(place)) {
            return Err(format!("the column `{}` is given twice; case does not count", abbreviate(&name)));
        }
        found.slots.push(slot);
    }
    Ok(found)
}

/// Whether what is said of a name that records have of their own does not hold, as the property has a column of its own name.
fn gives_way(schema: &Schema, names: &SourceNames, place: usize, columns: &[&str]) -> bool {
    let said = &names.names()[place];
    let NameMeaning::Property(index) = said.meaning else { return false };
    let own = schema.properties()[index].name.as_str();
    said.gives_way && columns.iter().any(|column| column.eq_ignore_ascii_case(own))
}

fn is_read_only(name: &str) -> bool {
    SystemField::ALL.into_iter().any(|field| field != SystemField::Id && field.name() == name)
}

fn given_again(given: &str, numbered: &str) -> String {
    format!(
        "the column `{}` is given twice; this one is called `{}`: make that an alias of a property, or rename or ignore it",
        abbreviate(given),
        abbreviate(numbered)
    )
}

fn slot_of(schema: &Schema, name: &str) -> Result<Slot, String> {
    if let Some(index) = schema.property_index(name) {
        return Ok(Slot::Property(index));
    }
    match SystemField::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name)) {
        Some(SystemField::Id) => Ok(Slot::Id),
        Some(field) => Err(format!("the column `{}` is kept by the server and may not be sent", field.name())),
        None => {
            let names = schema.properties().iter().map(|property| property.name.as_str());
            let hint = nearest(name, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            Err(format!("the schema has no property for the column `{}`{hint}", abbreviate(name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_one_name_are_told_apart_by_numbers() {
        let of = |columns: &[&str]| numbered(columns).map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(of(&["a", "b", "a", "A", "a", "", ""]), ["a", "b", "a[2]", "A", "a[3]", "", "[2]"]);
        assert_eq!(of(&["a", "a", "a[2]", "a", "a[2]"]), ["a", "a[3]", "a[2]", "a[4]", "a[2][2]"]);
    }
}

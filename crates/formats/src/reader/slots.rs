//! Where the named columns of a body belong: the header of CSV, the fields of Arrow and Parquet.

use std::collections::HashSet;

use eider_domain::{Schema, Slot, SystemField, abbreviate, nearest};

/// The slots of columns by their names, without regard to case; none of a column that is the server's where those are
/// passed over.
///
/// # Errors
/// A sentence about the first column that is unknown, the server's, or given twice.
pub(crate) fn slots_of<'n>(
    schema: &Schema,
    names: impl IntoIterator<Item = &'n str>,
    ignores_read_only: bool,
) -> Result<Vec<Option<Slot>>, String> {
    let mut taken = HashSet::new();
    let slot_of = |name| {
        let is_read_only = |field: SystemField| field != SystemField::Id && field.name() == name;
        if ignores_read_only && SystemField::ALL.into_iter().any(is_read_only) {
            return Ok(None);
        }
        let slot = slot_of(schema, name)?;
        let place = match slot {
            Slot::Id => None,
            Slot::Property(index) => Some(index),
        };
        if taken.insert(place) {
            Ok(Some(slot))
        } else {
            Err(format!("the column `{}` is given twice; case does not count", abbreviate(name)))
        }
    };
    names.into_iter().map(slot_of).collect()
}

fn slot_of(schema: &Schema, name: &str) -> Result<Slot, String> {
    if let Some(index) = schema.property_index(name) {
        return Ok(Slot::Property(index));
    }
    match SystemField::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name)) {
        Some(SystemField::Id) => Ok(Slot::Id),
        Some(field) => Err(format!("the column `{}` is kept by the server and may not be sent", field.name())),
        None => {
            if let Some((_, separators)) =
                [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")].into_iter().find(|(sign, _)| name.contains(*sign))
            {
                return Err(format!(
                    "the schema has no property for the column `{}`; cells are between commas here, not {}",
                    abbreviate(name),
                    separators
                ));
            }
            if name.contains('\r') {
                return Err("the lines of the header end with CR alone; end them with LF, or CR and LF".to_owned());
            }
            if name.starts_with("sep=") {
                return Err("the first line is `sep=`, for a spreadsheet; leave it away, and put commas between cells"
                    .to_owned());
            }
            let names = schema.properties().iter().map(|property| property.name.as_str());
            let hint = nearest(name, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            Err(format!("the schema has no property for the column `{}`{hint}", abbreviate(name)))
        }
    }
}

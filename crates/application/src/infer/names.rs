//! Names for columns whose own are none that a property can have.

use std::collections::HashSet;

use eider_domain::{MAX_NAME_CHARS, NameError, PropertyName};

/// What stands before a name that is reserved.
const OF_SOURCE: &str = "source_";
/// What stands before a name that begins with a digit.
const BEFORE_DIGIT: &str = "p";

/// The names of properties for columns, each once: a column whose name is valid keeps it, unless an earlier one has it.
pub(super) fn names_of<'n>(columns: impl Iterator<Item = &'n str> + Clone) -> Vec<PropertyName> {
    let mut taken = HashSet::new();
    let mut kept: Vec<Option<PropertyName>> = Vec::new();
    for column in columns.clone() {
        kept.push(PropertyName::parse(column).ok().filter(|name| taken.insert(name.key())));
    }
    let columns = columns.zip(kept).zip(1..);
    columns.map(|((column, kept), place)| kept.unwrap_or_else(|| made(column, place, &mut taken))).collect()
}

/// A name made from that of the column at a place, which nothing else has.
fn made(column: &str, place: usize, taken: &mut HashSet<String>) -> PropertyName {
    let parts = column.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|part| !part.is_empty());
    let joined = parts.collect::<Vec<_>>().join("_");
    let mut base = joined.trim_start_matches('_').to_owned();
    if base.is_empty() {
        base = format!("property_{place}");
    } else if base.starts_with(|c: char| c.is_ascii_digit()) {
        base.insert_str(0, BEFORE_DIGIT);
    } else if let Err(NameError::Reserved { .. }) = PropertyName::parse(&base) {
        base.insert_str(0, OF_SOURCE);
    }
    let mut number = 1_u32;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("_{number}") };
        let end = base.len().min(MAX_NAME_CHARS - suffix.len());
        if let Ok(name) = PropertyName::parse(&format!("{}{suffix}", &base[..end]))
            && taken.insert(name.key())
        {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(columns: &[&str]) -> Vec<String> {
        names_of(columns.iter().copied()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn valid_names_stay_and_others_become_valid() {
        let columns = ["dep time (min)", "carrier", "2013", "ID", "_hidden", "Größe", "日本", "", "created_at"];
        let expected = [
            "dep_time_min",
            "carrier",
            "p2013",
            "source_ID",
            "hidden",
            "Gr_e",
            "property_7",
            "property_8",
            "source_created_at",
        ];
        assert_eq!(names(&columns), expected);
    }

    #[test]
    fn no_two_columns_have_one_name() {
        assert_eq!(names(&["a b", "a_b", "A-B", "a_b"]), ["a_b_2", "a_b", "A_B_3", "a_b_4"]);
        let long = "x".repeat(100);
        let made = names(&[&long, &long]);
        assert_eq!((made[0].len(), made[1].len()), (63, 63));
        assert!(made[1].ends_with("x_2"), "{}", made[1]);
    }
}

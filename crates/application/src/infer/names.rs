//! Names of properties for columns, and aliases for those whose own are none that a property can have.

use std::collections::HashSet;

use eider_domain::{MAX_PROPERTY_NAME_CHARS, NameError, PropertyName};

/// What stands before a name that is reserved.
const OF_SOURCE: &str = "source_";

/// The name of a property for a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: PropertyName,
    /// Why it is not that of the column, which is then an alias.
    pub(super) reason: Option<String>,
}

/// The names of properties for columns, each once: a column whose name is valid keeps it, unless an earlier one has it.
pub(super) fn names_of<'n>(columns: impl Iterator<Item = &'n str> + Clone) -> Vec<Named> {
    let mut taken = HashSet::new();
    let mut kept: Vec<Result<PropertyName, String>> = Vec::new();
    for column in columns.clone() {
        kept.push(match PropertyName::parse(column) {
            Ok(_) if is_number(column) => Err("the column has no name".to_owned()),
            Ok(name) if taken.insert(name.key()) => Ok(name),
            Ok(_) => Err("another property is called so; case does not count".to_owned()),
            Err(NameError::Empty) => Err("the column has no name".to_owned()),
            Err(error) => Err(error.to_string()),
        });
    }
    let columns = columns.zip(kept).zip(1..);
    let named = columns.map(|((column, kept), place)| match kept {
        Ok(name) => Named { name, reason: None },
        Err(reason) => Named { name: made(column, place, &mut taken), reason: Some(reason) },
    });
    named.collect()
}

/// Whether a name is nothing but the number of a column without one: `[2]`.
fn is_number(column: &str) -> bool {
    let number = column.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A name made from that of the column at a place, which nothing else has.
fn made(column: &str, place: usize, taken: &mut HashSet<String>) -> PropertyName {
    let mut base = column.replace(char::is_control, "_");
    if column.trim().is_empty() || is_number(column) {
        base = format!("property_{place}");
    } else if let Err(NameError::Reserved { .. }) = PropertyName::parse(&base) {
        base.insert_str(0, OF_SOURCE);
    }
    let mut number = 1_u32;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("_{number}") };
        let cut: String = base.chars().take(MAX_PROPERTY_NAME_CHARS - suffix.len()).collect();
        if let Ok(name) = PropertyName::parse(&(cut + &suffix))
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
        names_of(columns.iter().copied()).iter().map(|named| named.name.to_string()).collect()
    }

    #[test]
    fn valid_names_stay_and_others_become_valid() {
        let columns = [
            "dep time (min)",
            "_id",
            "2013",
            "ID",
            "Größe",
            "日本",
            "",
            "created_at",
            "a\tb",
            "[2]",
            " ",
            "Unnamed: 0",
        ];
        let expected = [
            "dep time (min)",
            "_id",
            "2013",
            "source_ID",
            "Größe",
            "日本",
            "property_7",
            "source_created_at",
            "a_b",
            "property_10",
            " ",
            "Unnamed: 0",
        ];
        assert_eq!(names(&columns), expected);
        let reasons = names_of(["a", "A", "id", "a\0"].into_iter()).into_iter().map(|named| named.reason);
        let expected = [
            None,
            Some("another property is called so; case does not count".to_owned()),
            Some("`id` is reserved".to_owned()),
            Some("a name has no control characters, this one has U+0000".to_owned()),
        ];
        assert!(reasons.eq(expected));
    }

    #[test]
    fn no_two_columns_have_one_name() {
        assert_eq!(
            names(&["a\tb", "a_b", "A_B", "source_id", "id"]),
            ["a_b_2", "a_b", "A_B_3", "source_id", "source_id_2"]
        );
        let long = "é".repeat(200);
        let made = names(&[&long, &format!("{long}x")]);
        assert_eq!(made.iter().map(|name| name.chars().count()).collect::<Vec<_>>(), [128, 128]);
        assert!(made[1].ends_with("é_2"), "{}", made[1]);
    }
}

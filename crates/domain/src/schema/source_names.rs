//! What names in incoming data stand for where they are not those of properties: the aliases of a schema, and what a call
//! renames and ignores.

use std::collections::HashMap;

use super::{Property, Schema, SystemField, UnknownField};
use crate::names::abbreviate;

/// Most aliases of a property.
pub const MAX_ALIASES: usize = 16;

/// Longest alias, in characters. It may be any text, since it stands in data that there is.
pub const MAX_ALIAS_CHARS: usize = 4_096;

/// What a call says of the names in its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Names, and the property or the record's field `id` that each stands for.
    pub renames: Vec<(String, String)>,
    /// Names whose values are passed over.
    pub ignores: Vec<String>,
}

/// Why what a call says of names does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameRuleError {
    /// A name is renamed to one that there is not.
    #[error("`{from}` cannot be renamed: {unknown}")]
    UnknownTarget {
        /// The name in the body, cut to a readable length.
        from: String,
        /// What there is not.
        unknown: UnknownField,
    },
    /// A name is renamed to that of a field which the server keeps.
    #[error("`{from}` cannot be renamed to `{}`, which is kept by the server", .to.name())]
    ReadOnlyTarget {
        /// The name in the body, cut to a readable length.
        from: String,
        /// The field.
        to: SystemField,
    },
    /// Ids cannot be made of what is named.
    #[error("record ids cannot be made of `{0}`: it takes the name of a property that is required")]
    NotAnIdSource(String),
    /// A name is spoken of twice.
    #[error("the name `{0}` is renamed or ignored twice")]
    Twice(String),
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameMeaning {
    /// The record's id.
    Id,
    /// The property at this place in the schema.
    Property(usize),
    /// Nothing: its values are passed over.
    Ignored,
}

/// A name and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName {
    /// The name in incoming data.
    pub name: String,
    /// What it stands for.
    pub meaning: NameMeaning,
    /// Whether a call says so, and not the schema.
    pub is_of_call: bool,
    /// Whether the name is one that every record has of its own. In data that has the property under its own name, it is that.
    pub gives_way: bool,
}

/// The names of one schema and one call that stand for something else than they say.
///
/// A name is first compared exactly: what a call says of it, an alias, a property; then without regard to ASCII case: what a
/// call says, a property, an alias. So columns that differ in case alone can be told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceNames {
    names: Vec<SourceName>,
    exact: HashMap<String, usize>,
    /// By lower case; `None` where aliases of several properties differ in case alone.
    folded: HashMap<String, Option<usize>>,
}

impl SourceNames {
    /// The aliases of properties.
    pub(super) fn of_schema(properties: &[Property]) -> Self {
        let mut names = Self::default();
        names.add_aliases(properties);
        names
    }

    /// The aliases of a schema, after what a call says.
    ///
    /// # Errors
    /// [`NameRuleError`] says what does not fit the schema.
    pub fn of_call(schema: &Schema, rules: &NameRules) -> Result<Self, NameRuleError> {
        let mut names = Self::default();
        for (from, to) in &rules.renames {
            let meaning = target(schema, to).map_err(|unfit| unfit.of(from))?;
            names.add_of_call(from, meaning)?;
        }
        for name in &rules.ignores {
            names.add_of_call(name, NameMeaning::Ignored)?;
        }
        names.add_aliases(schema.properties());
        Ok(names)
    }

    fn add_of_call(&mut self, name: &str, meaning: NameMeaning) -> Result<(), NameRuleError> {
        let place = self.names.len();
        if self.exact.insert(name.to_owned(), place).is_some() {
            return Err(NameRuleError::Twice(abbreviate(name)));
        }
        self.folded.entry(name.to_ascii_lowercase()).or_insert(Some(place));
        self.names.push(SourceName { name: name.to_owned(), meaning, is_of_call: true, gives_way: false });
        Ok(())
    }

    fn add_aliases(&mut self, properties: &[Property]) {
        let aliases = properties.iter().enumerate();
        for (index, alias) in aliases.flat_map(|(index, property)| property.aliases.iter().map(move |a| (index, a))) {
            let place = self.names.len();
            self.exact.entry(alias.clone()).or_insert(place);
            let meaning = NameMeaning::Property(index);
            let known = self.folded.entry(alias.to_ascii_lowercase()).or_insert(Some(place));
            let is_contested = known
                .and_then(|known| self.names.get(known))
                .is_some_and(|known| !known.is_of_call && known.meaning != meaning);
            if is_contested {
                *known = None;
            }
            let gives_way = SystemField::ALL.into_iter().any(|field| field.name().eq_ignore_ascii_case(alias));
            self.names.push(SourceName { name: alias.clone(), meaning, is_of_call: false, gives_way });
        }
    }

    /// Whether every name stands for what it says.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, those of the call first; what is counted of them is counted in their order.
    pub fn names(&self) -> &[SourceName] {
        &self.names
    }

    /// The place among [`SourceNames::names`] of the one that says what a name stands for; `None` when it stands for the
    /// field of the schema that is called so, if there is one.
    pub fn find(&self, schema: &Schema, name: &str) -> Option<usize> {
        if let Some(place) = self.exact.get(name) {
            return Some(*place);
        }
        let property = schema.property_index(name);
        let is_exact = property.is_some_and(|index| schema.properties()[index].name.as_str() == name)
            || SystemField::ALL.into_iter().any(|field| field.name() == name);
        if is_exact {
            return None;
        }
        let place = (*self.folded.get(&name.to_ascii_lowercase())?)?;
        (self.names[place].is_of_call || property.is_none()).then_some(place)
    }
}

impl Schema {
    /// The place of a property that ids of records can be made of: each record has a value of it.
    ///
    /// # Errors
    /// [`NameRuleError::NotAnIdSource`].
    pub fn id_source_of(&self, name: &str) -> Result<usize, NameRuleError> {
        let place = self.property_index(name).filter(|place| self.properties()[*place].is_required);
        place.ok_or_else(|| NameRuleError::NotAnIdSource(abbreviate(name)))
    }
}

/// Why a name cannot be renamed to another.
enum Unfit {
    Unknown(UnknownField),
    ReadOnly(SystemField),
}

impl Unfit {
    fn of(self, from: &str) -> NameRuleError {
        let from = abbreviate(from);
        match self {
            Self::Unknown(unknown) => NameRuleError::UnknownTarget { from, unknown },
            Self::ReadOnly(to) => NameRuleError::ReadOnlyTarget { from, to },
        }
    }
}

fn target(schema: &Schema, name: &str) -> Result<NameMeaning, Unfit> {
    use super::Field;
    match schema.field(name) {
        Ok(Field::Property { index, .. }) => Ok(NameMeaning::Property(index)),
        Ok(Field::System(SystemField::Id)) => Ok(NameMeaning::Id),
        Ok(Field::System(field)) => Err(Unfit::ReadOnly(field)),
        // A schema has no other fields.
        Ok(Field::Computed { name, .. }) => {
            Err(Unfit::Unknown(UnknownField { name: name.as_str().to_owned(), suggestion: None }))
        }
        Err(unknown) => Err(Unfit::Unknown(unknown)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{SchemaDefinition, Timestamp};

    fn schema() -> Schema {
        let document = json!({"name": "s", "properties": [
            {"name": "dep_time", "type": "integer", "aliases": ["Dep Time", "DEP\n"]},
            {"name": "a", "type": "integer"},
            {"name": "A_2", "type": "integer", "aliases": ["A"]},
            {"name": "source_id", "type": "integer", "aliases": ["ID"]}]});
        Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
    }

    fn meaning(names: &SourceNames, name: &str) -> Option<NameMeaning> {
        names.find(&schema(), name).map(|place| names.names()[place].meaning)
    }

    #[test]
    fn names_are_compared_exactly_and_then_without_regard_to_case() {
        let schema = schema();
        let names = schema.source_names();
        for (name, found) in [
            ("Dep Time", Some(NameMeaning::Property(0))),
            ("dep time", Some(NameMeaning::Property(0))),
            ("DEP\n", Some(NameMeaning::Property(0))),
            ("dep_time", None),
            ("DEP_TIME", None),
            ("a", None),
            ("A", Some(NameMeaning::Property(2))),
            ("ID", Some(NameMeaning::Property(3))),
            ("id", None),
            ("unknown", None),
        ] {
            assert_eq!(meaning(names, name), found, "{name}");
        }
        assert_eq!(names.names().iter().filter(|name| name.gives_way).count(), 1);
    }

    #[test]
    fn what_a_call_says_comes_first() {
        let rules = NameRules {
            renames: vec![("a".into(), "dep_time".into()), ("uuid".into(), "id".into())],
            ignores: vec!["Dep Time".into(), "notes".into()],
        };
        let names = SourceNames::of_call(&schema(), &rules).unwrap();
        assert_eq!(meaning(&names, "a"), Some(NameMeaning::Property(0)));
        assert_eq!(meaning(&names, "A"), Some(NameMeaning::Property(2)), "an alias is exact");
        assert_eq!(meaning(&names, "UUID"), Some(NameMeaning::Id));
        assert_eq!(meaning(&names, "dep time"), Some(NameMeaning::Ignored));
        assert_eq!(meaning(&names, "Notes"), Some(NameMeaning::Ignored));
    }

    #[test]
    fn what_a_call_says_fits_the_schema() {
        let refused = |renames: &[(&str, &str)], ignores: &[&str]| {
            let renames = renames.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect();
            let ignores = ignores.iter().map(|name| (*name).into()).collect();
            SourceNames::of_call(&schema(), &NameRules { renames, ignores }).unwrap_err().to_string()
        };
        assert_eq!(
            refused(&[("x", "dep_tim")], &[]),
            "`x` cannot be renamed: there is no property `dep_tim`; did you mean `dep_time`?"
        );
        assert_eq!(
            refused(&[("x", "VERSION")], &[]),
            "`x` cannot be renamed to `version`, which is kept by the server"
        );
        assert_eq!(refused(&[("x", "a")], &["x"]), "the name `x` is renamed or ignored twice");
    }
}

//! Names in a body that stood for something else than they say.

use eider_domain::{NameMeaning, Schema, SourceNames, SystemField};
use serde::Serialize;

/// A name in a body whose values went to a property, or to the record's `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenamedName {
    /// The name in the body.
    pub from: String,
    /// The property.
    pub to: String,
    /// Records that had it.
    pub records: u64,
}

/// A name in a body whose values were passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IgnoredName {
    /// The name in the body.
    pub name: String,
    /// Records that had it.
    pub records: u64,
}

/// The names in a body that stood for something else: the aliases that it had, and all that its call has spoken of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BodyNames {
    pub(super) renamed: Vec<RenamedName>,
    pub(super) ignored: Vec<IgnoredName>,
}

impl BodyNames {
    /// `uses` has how many records had each of `names`; nothing of a body without records.
    pub(super) fn of(schema: &Schema, names: &SourceNames, uses: &[u64]) -> Self {
        let mut found = Self::default();
        for (place, name) in names.names().iter().enumerate() {
            let records = uses.get(place).copied().unwrap_or_default();
            if records == 0 && !name.is_of_call {
                continue;
            }
            let to = match name.meaning {
                NameMeaning::Ignored => {
                    found.ignored.push(IgnoredName { name: name.name.clone(), records });
                    continue;
                }
                NameMeaning::Id => SystemField::Id.name(),
                NameMeaning::Property(index) => schema.properties()[index].name.as_str(),
            };
            found.renamed.push(RenamedName { from: name.name.clone(), to: to.to_owned(), records });
        }
        found
    }
}

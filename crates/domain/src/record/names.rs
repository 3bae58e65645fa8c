//! Names of members of records, read one after the other: which of them stand for something else than they say.

use crate::{NameMeaning, Schema, SourceNames};

/// Names of more bytes are looked up each time.
const LEARNED_BYTES: usize = 256;

/// What was found for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A rule at this place says what it stands for.
    Rule(usize),
    /// It is the name of the property at this place.
    Property(usize),
    /// Neither.
    Other,
}

/// A name, and what was found for it.
#[derive(Debug)]
struct Learned {
    name: String,
    found: Found,
}

/// The names of the records of one body. Records mostly have the same names in the same order, so that each is compared
/// with what stood at its place before it is looked up.
#[derive(Debug)]
pub(super) struct MemberNames<'s> {
    names: &'s SourceNames,
    learned: Vec<Learned>,
    /// The place of the next name in its record.
    next: usize,
    /// For each rule, whether it gives way in the current record.
    gives_way: Vec<bool>,
    /// For each rule, how many names it was applied to.
    uses: Vec<u64>,
}

impl<'s> MemberNames<'s> {
    pub(super) fn new(names: &'s SourceNames) -> Self {
        let rules = names.names().len();
        Self { names, learned: Vec::new(), next: 0, gives_way: vec![false; rules], uses: vec![0; rules] }
    }

    /// What the next name of a record stands for.
    pub(super) fn find(&mut self, schema: &Schema, name: &str) -> Found {
        let place = self.next;
        self.next += 1;
        if let Some(learned) = self.learned.get(place)
            && learned.name == name
        {
            return learned.found;
        }
        let property = || schema.property_index(name).map_or(Found::Other, Found::Property);
        let found = self.names.find(schema, name).map_or_else(property, Found::Rule);
        let most = schema.properties().len() + self.names.names().len();
        if name.len() > LEARNED_BYTES {
            return found;
        }
        if let Some(learned) = self.learned.get_mut(place) {
            learned.name.clear();
            learned.name.push_str(name);
            learned.found = found;
        } else if place == self.learned.len() && place < most {
            self.learned.push(Learned { name: name.to_owned(), found });
        }
        found
    }

    /// What a rule says, and counts that it was asked; `None` when it gives way to the record's own field.
    pub(super) fn apply(&mut self, rule: usize) -> Option<NameMeaning> {
        if self.gives_way[rule] {
            return None;
        }
        self.uses[rule] += 1;
        Some(self.names.names()[rule].meaning)
    }

    /// The rules that give way in records with another name, and the places of the properties that have it.
    pub(super) fn contested(&self) -> impl Iterator<Item = (usize, usize)> + use<'s> {
        let rules = self.names.names().iter().enumerate().filter(|(_, name)| name.gives_way);
        rules.filter_map(|(rule, name)| match name.meaning {
            NameMeaning::Property(index) => Some((rule, index)),
            NameMeaning::Id | NameMeaning::Ignored => None,
        })
    }

    pub(super) fn give_way(&mut self, rule: usize, gives_way: bool) {
        self.gives_way[rule] = gives_way;
    }

    /// Begins the next record.
    pub(super) fn restart(&mut self) {
        self.next = 0;
    }

    pub(super) fn take_uses(&mut self) -> Vec<u64> {
        let rules = self.uses.len();
        std::mem::replace(&mut self.uses, vec![0; rules])
    }
}
